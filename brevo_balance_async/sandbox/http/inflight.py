"""The requests that are being answered."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class InFlight:
    """The connections on which a request is being answered; ``none`` waits until there are none."""

    def __init__(self) -> None:
        self._connections: set[object] = set()
        self._waiting: list[asyncio.Event] = []

    def __contains__(self, connection: object) -> bool:
        return connection in self._connections

    @contextmanager
    def on(self, connection: object) -> Iterator[None]:
        """Have a request in flight on ``connection`` while the block runs."""
        self._connections.add(connection)
        try:
            yield
        finally:
            self._connections.discard(connection)
            if not self._connections:
                for event in self._waiting:
                    event.set()

    async def none(self) -> None:
        """Wait until no block runs."""
        if self._connections:
            event = asyncio.Event()
            self._waiting.append(event)
            await event.wait()
