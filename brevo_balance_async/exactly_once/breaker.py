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
        self._probe: object | None = None

    @property
    def wait(self) -> float:
        """Seconds until something may be sent; 0 while it is closed."""
        if self._failures < _FAILURES:
            return 0.0
        left = max(0.0, self._opens_at - self.clock.time())
        return left or (0.0 if self._probe is None else _FIRST)

    def enter(self) -> object | None:
        """Something is sent, now that ``wait`` is 0. Where the breaker is open this is the one probe, for ``left``."""
        if self._failures >= _FAILURES:
            self._probe = object()
            return self._probe
        return None

    def left(self, probe: object | None) -> None:
        """Whoever entered is through, whether or not anything was learned."""
        if self._probe is probe:
            self._probe = None

    def failed(self) -> None:
        """No answer, or one that says that the server is in trouble."""
        self._probe = None
        self._failures += 1
        if (over := self._failures - _FAILURES) >= 0:
            self._opens_at = self.clock.time() + min(_LONGEST, _FIRST * 2.0 ** min(over, 16))

    def succeeded(self) -> None:
        """The server answered."""
        self._failures, self._probe = 0, None


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
