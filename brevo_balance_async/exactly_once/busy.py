"""Which references this process is at: two of its tasks must not settle one at the same time."""

from __future__ import annotations

import asyncio

Key = tuple[int, str]
"""Scope and reference."""


class Busy:
    """References by scope, each with a future that is done when it is free again."""

    def __init__(self) -> None:
        self._at: dict[Key, asyncio.Future[None]] = {}

    def mark(self, key: Key) -> bool:
        """Take a reference; False if somebody is at it."""
        if key in self._at:
            return False
        self._at[key] = asyncio.get_running_loop().create_future()
        return True

    async def wait_and_mark(self, key: Key) -> None:
        """Take a reference as soon as it is free."""
        while not self.mark(key):
            await asyncio.wait([self._at[key]])

    def free(self, key: Key, after: asyncio.Future[None] | None = None) -> None:
        """Let others have it, once ``after`` is done: the journal must have given the row back by then."""
        if after is not None:
            after.add_done_callback(lambda _: self.free(key))
            return
        freed = self._at.pop(key)
        if not freed.done():
            freed.set_result(None)
