"""The sandbox as a process of its own: it runs until a signal and prints how to reach it."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from signal import SIGINT, SIGTERM
from typing import TYPE_CHECKING

from .guard import PREFIX
from .parts import DEFAULT_KEY

if TYPE_CHECKING:
    from .app import Sandbox


async def serve(sandbox: Sandbox, *, stop: asyncio.Event | None = None) -> None:
    """Run ``sandbox`` until ``stop`` is set, or SIGINT or SIGTERM comes; requests in flight are finished.

    Prints one line on stdout, ``listening on http://HOST:PORT/v3``, once the port is bound; what a person needs
    besides goes to stderr. When it is told to stop a second time, nothing is waited for.
    """
    stop = stop or asyncio.Event()
    loop = asyncio.get_running_loop()
    caught = []
    for signal in (SIGINT, SIGTERM):
        with suppress(NotImplementedError):  # the loops of Windows take no signal handlers
            loop.add_signal_handler(signal, stop.set)
            caught.append(signal)
    try:
        async with sandbox:
            sys.stdout.write(f"listening on {sandbox.base_url}\n")
            sys.stdout.flush()  # a program waits for this line
            sys.stderr.write(f"{_to_export(sandbox)}\n")
            await stop.wait()
            stop.clear()
            drained, hurried = loop.create_task(sandbox.drain()), loop.create_task(stop.wait())
            await asyncio.wait([drained, hurried], return_when=asyncio.FIRST_COMPLETED)
            for task in (drained, hurried):
                task.cancel()
            await asyncio.wait([drained, hurried])
    finally:
        for signal in caught:
            loop.remove_signal_handler(signal)


def _to_export(sandbox: Sandbox) -> str:
    """What a shell needs to talk to the sandbox. A key of the caller's is not shown: it may be a real one."""
    ours = sandbox.api_key == DEFAULT_KEY
    # Nobody can connect to "all interfaces", and the control routes do not answer to that name.
    origin = sandbox.origin.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")
    return "\n".join(
        [
            f"# imitates api.brevo.com; to look at it: {origin}{PREFIX}",
            f"export BREVO_BASE_URL={origin}/v3",
            f"export BREVO_API_KEY={sandbox.api_key}" if ours else "# the API key is the one that was given",
        ]
    )
