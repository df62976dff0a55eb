"""A crowd of calls begins in slices, a few in each iteration of the event loop, so that other code runs in between."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

SLICE: Final = 100
"""Calls that begin in one iteration: about two milliseconds."""


class Turns:
    """The calls that wait for a later iteration, first in, first out."""

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    async def wait(self) -> None:
        """Wait for the iteration in which this call is among the first."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._next)
        turn = loop.create_future()
        self._waiting.append(turn)
        await turn

    def _next(self) -> None:
        for _ in range(min(SLICE, len(self._waiting))):
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._next)
