"""Time as the engine room sees it: seconds that never run backwards, and a timer.

One narrow seam, so that a test can wait an hour in no time; everything that waits is built on ``call_later``.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class Timer(Protocol):
    """A pending callback."""

    def cancel(self) -> None:
        """Forget the callback; harmless when it has run."""


class Clock(Protocol):
    """A monotonic clock with timers."""

    def time(self) -> float:
        """Seconds since an arbitrary moment."""
        ...

    def call_later(self, delay: float, callback: Callable[[], None]) -> Timer:
        """Run ``callback`` on the event loop after ``delay`` seconds."""
        ...


class LoopClock:
    """The running event loop's own clock."""

    def time(self) -> float:
        """Seconds of the loop's monotonic clock."""
        return asyncio.get_running_loop().time()

    def call_later(self, delay: float, callback: Callable[[], None]) -> Timer:
        """``loop.call_later``."""
        return asyncio.get_running_loop().call_later(delay, callback)


async def wait_for_timer(clock: Clock, delay: float, waker: asyncio.Future[None]) -> None:
    """Wait until ``delay`` seconds have passed or somebody resolves ``waker``, whichever is first."""
    timer = clock.call_later(delay, lambda: None if waker.done() else waker.set_result(None))
    try:
        await waker
    finally:
        timer.cancel()
