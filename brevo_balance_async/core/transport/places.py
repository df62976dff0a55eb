"""The places of a connection pool."""

from __future__ import annotations

import asyncio
from collections import deque


class Places:
    """Like ``asyncio.Semaphore``, first in, first out. But taking a free place needs no coroutine."""

    def __init__(self, number: int) -> None:
        self._free = number
        self._waiting: deque[asyncio.Future[None]] = deque()

    def take(self) -> bool:
        """Take a place if one is free. Then nobody waits for one."""
        if not self._free:
            return False
        self._free -= 1
        return True

    async def wait(self) -> None:
        """Wait for a place, and take it."""
        given = asyncio.get_running_loop().create_future()
        self._waiting.append(given)
        try:
            await given
        except asyncio.CancelledError:
            if not given.cancelled():  # it was given and the call was cancelled in the same turn of the loop
                self.give_back()
            raise

    def give_back(self) -> None:
        """Give a place to the first that waits for one."""
        while self._waiting:
            given = self._waiting.popleft()
            if not given.done():
                given.set_result(None)
                return
        self._free += 1
