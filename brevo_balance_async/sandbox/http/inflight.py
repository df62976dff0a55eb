"""The requests that are being answered."""

from __future__ import annotations

import asyncio


class InFlight:
    """Counts blocks that run, and lets somebody wait until none does."""

    def __init__(self) -> None:
        self._running = 0
        self._waiting: list[asyncio.Event] = []

    def __enter__(self) -> None:
        self._running += 1

    def __exit__(self, *_: object) -> None:
        self._running -= 1
        if not self._running:
            for event in self._waiting:
                event.set()

    async def none(self) -> None:
        """Wait until no block runs."""
        if self._running:
            event = asyncio.Event()
            self._waiting.append(event)
            await event.wait()
