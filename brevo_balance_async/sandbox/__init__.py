"""A local Brevo Loyalty Balance API that keeps state, for tests, demonstrations and benchmarks.

It imitates Brevo over real HTTP and never talks to it. It shares no code with the client, so that a misspelt field
cannot be right on both sides::

    from brevo_balance_async.sandbox import Sandbox, effects

    async with Sandbox(rph=600) as sandbox:
        sandbox.faults.add(effects.apply_then_drop(), operation="transactions.begin", nth=3)
        ...  # a client with base_url=sandbox.base_url and api_key=sandbox.api_key
"""

from __future__ import annotations

from .clock import SandboxClock
from .faults import effects
from .http.app import Sandbox
from .http.log import RequestRecord
from .http.serving import serve
from .http.snapshots import Snapshot
from .rules.switches import Switches
from .state import StateError
from .threads import ThreadedSandbox

__all__ = [
    "RequestRecord",
    "Sandbox",
    "SandboxClock",
    "Snapshot",
    "StateError",
    "Switches",
    "ThreadedSandbox",
    "effects",
    "serve",
]
