"""The event loop as a clock, and how to wait on a clock."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from brevo_balance_async.config import Clock, Timer


class LoopClock:
    """The running event loop's own clock."""

    def time(self) -> float:
        """Seconds of the loop's monotonic clock."""
        return asyncio.get_running_loop().time()

    def call_later(self, delay: float, callback: Callable[[], None]) -> Timer:
        """``loop.call_later``."""
        return asyncio.get_running_loop().call_later(delay, callback)


async def wait_for_timer(clock: Clock, delay: float, waker: asyncio.Future[None]) -> None:
    """Wait until ``delay`` seconds have passed or ``waker`` is resolved, whichever is first."""
    timer = clock.call_later(delay, lambda: None if waker.done() else waker.set_result(None))
    try:
        await waker
    finally:
        timer.cancel()
