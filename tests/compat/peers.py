"""The official SDKs: where each runs, and how it is told the plan."""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plan import CALLS, METHODS, PROGRAM

if TYPE_CHECKING:
    from datetime import datetime

HERE = Path(__file__).parent
# Our names of the ids in a path, in their order, as the SDK for Node has them.
PATH_NAMES = {
    "definitions": ("bdid",),
    "limits": ("bdid", "blid"),
    "transactions": ("tid",),
    "balances": ("cid",),
}


@dataclass(frozen=True)
class Peer:
    """One official SDK over one transport."""

    name: str
    variable: str
    """Names its interpreter, or for Node the folder its packages are in."""
    script: tuple[str, ...]
    switches: dict[str, Any] = field(default_factory=dict)
    """What the sandbox has to be told for it."""

    @property
    def is_node(self) -> bool:
        return self.script[0].endswith(".cjs")

    def missing(self) -> str:
        """Why it cannot run here; empty when it can."""
        if not os.environ.get(self.variable):
            return f"{self.variable} is not set"
        return "there is no node in the path" if self.is_node and not shutil.which("node") else ""

    def command(self) -> list[str]:
        """What to run; the sandbox's address and key follow."""
        interpreter = "node" if self.is_node else os.environ[self.variable]
        return [interpreter, str(HERE / self.script[0]), *self.script[1:]]

    def environment(self) -> dict[str, str]:
        """Ours without credentials, which the SDKs take from there, and without what tells Python where to look."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("PYTHON") and "BREVO" not in name
        }
        return {**kept, "NODE_PATH": os.environ[self.variable]} if self.is_node else kept

    def stdin(self) -> bytes:
        """The plan, for those that cannot import it."""
        return json.dumps(node_calls(), default=_written).encode() if self.is_node else b""


PEERS = [
    Peer("5.1.0 async", "BREVO5_PYTHON", ("peer.py", "async")),
    Peer("5.1.0 sync", "BREVO5_PYTHON", ("peer.py", "sync")),
    Peer("5.1.0 aiohttp", "BREVO5_AIOHTTP_PYTHON", ("peer.py", "aiohttp")),
    Peer("Node 6.0.3", "BREVO_NODE_MODULES", ("peer.cjs",)),
    Peer("1.2.0", "BREVO1_PYTHON", ("peer1.py",), {"snake_case_query": "accepted"}),
]


def node_calls() -> list[dict[str, Any]]:
    """The plan as the SDK for Node takes it."""
    calls = []
    for call in CALLS:
        named = dict(
            zip(PATH_NAMES.get(call.operation.split(".")[0], ()), map(_text, call.path), strict=False)
        )
        arguments = {camel(name): value for name, value in call.arguments.items()}
        if call.operation == "transactions.begin" and "loyaltySubscriptionId" in arguments:
            arguments["LoyaltySubscriptionId"] = arguments.pop("loyaltySubscriptionId")
        request = {"pid": PROGRAM, **named, **arguments}
        calls.append({"method": camel(METHODS[call.operation]), "request": request, "gives": call.gives})
    return calls


def camel(name: str) -> str:
    return re.sub("_([a-z])", lambda match: match[1].upper(), name)


def _text(each: Any) -> str:
    return str(each)


def _written(value: datetime) -> str:
    return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
