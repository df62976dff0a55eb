"""A circuit breaker, shared by all that a run has in flight: an outage must not eat the hour's quota."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from brevo_balance_async.core.clock import wait_for_timer

if TYPE_CHECKING:
    from brevo_balance_async.config import Clock

_FAILURES: Final = 5
"""In a row, before it opens."""
_FIRST, _LONGEST = 1.0, 300.0
"""Seconds between two probes: they double from the first to the longest."""


class Breaker:
    """Closed while the server answers. After some failures in a row one at a time tries, with growing pauses."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._failures = 0
        self._opens_at = 0.0
        self._probing = False

    @property
    def wait(self) -> float:
        """Seconds until something may be sent; 0 while it is closed."""
        if self._failures < _FAILURES:
            return 0.0
        left = max(0.0, self._opens_at - self.clock.time())
        return left or (_FIRST if self._probing else 0.0)

    def enter(self) -> None:
        """Something is sent, now that ``wait`` is 0; ``failed``, ``succeeded`` or ``left`` has to follow."""
        self._probing = self._failures >= _FAILURES

    def failed(self) -> None:
        """No answer, or one that says that the server is in trouble."""
        self._probing = False
        self._failures += 1
        if (over := self._failures - _FAILURES) >= 0:
            self._opens_at = self.clock.time() + min(_LONGEST, _FIRST * 2.0 ** min(over, 16))

    def succeeded(self) -> None:
        """The server answered."""
        self._failures, self._probing = 0, False

    def left(self) -> None:
        """Nothing was learned."""
        self._probing = False


async def pause(clock: Clock, seconds: float, stop: asyncio.Event | None = None) -> None:
    """Wait by a clock, or until ``stop`` is set."""
    waker: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    stopping = None if stop is None else asyncio.ensure_future(stop.wait())
    if stopping is not None:
        stopping.add_done_callback(lambda _: None if waker.done() else waker.set_result(None))
    try:
        await wait_for_timer(clock, seconds, waker)
    finally:
        if stopping is not None:
            stopping.cancel()
