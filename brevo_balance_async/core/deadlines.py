"""The ends of all calls in flight, by one timer.

A timer for each call costs a seventh of what a whole call through plain aiohttp does: asyncio keeps timers in a heap
and compares them in Python, and those of calls that ended long ago stay in it. Here a call costs two entries in a
dict. The one timer rings when the earliest of the calls in flight has to end, which is rarely.
"""

from __future__ import annotations

import asyncio
import math
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Deadlines:
    """Ends what takes too long, by ``asyncio.Timeout``: the block raises ``TimeoutError``."""

    def __init__(self) -> None:
        self._ends: dict[asyncio.Timeout, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = math.inf

    def __len__(self) -> int:
        return len(self._ends)

    def add(self, block: asyncio.Timeout, seconds: float | None) -> None:
        """End ``block``, which was entered without a time limit, after ``seconds`` (None: when all are ended)."""
        if seconds is None:
            self._ends[block] = math.inf
            return
        loop = asyncio.get_running_loop()
        end = self._ends[block] = loop.time() + seconds
        if end < self._rings_at:
            self._set(loop, end)

    def remove(self, block: asyncio.Timeout) -> None:
        """Forget ``block``; harmless if it was ended."""
        self._ends.pop(block, None)

    @asynccontextmanager
    async def within(self, seconds: float | None) -> AsyncIterator[None]:
        """``asyncio.timeout(seconds)`` that ``end_all`` ends too; more comfortable than ``add``, and slower."""
        async with asyncio.timeout(None) as block:
            self.add(block, seconds)
            try:
                yield
            finally:
                self.remove(block)

    def end_all(self) -> None:
        """End every block now."""
        ends, self._ends = self._ends, {}
        for block in ends:
            block.reschedule(asyncio.get_running_loop().time())
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._rings_at = None, math.inf

    def _set(self, loop: asyncio.AbstractEventLoop, end: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._rings_at = loop.call_at(end, self._ring, loop), end

    def _ring(self, loop: asyncio.AbstractEventLoop) -> None:
        now = self._rings_at  # the loop may ring a little early, by the resolution of its clock
        for block in [block for block, end in self._ends.items() if end <= now]:
            del self._ends[block]
            block.reschedule(now)
        self._timer, self._rings_at = None, math.inf
        earliest = min(self._ends.values(), default=math.inf)
        if earliest < math.inf:
            self._set(loop, earliest)
