"""A time limit by any clock, as ``asyncio.timeout`` is one by the loop's."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

    from brevo_balance_async.config import Clock, Timer


class Deadline:
    """Cancels the block when its time is over, and lets nobody outside hear of that; ``over`` says whether it did."""

    def __init__(self, clock: Clock, seconds: float | None) -> None:
        self.over: bool = False
        self._clock = clock
        self._seconds = seconds
        self._timer: Timer | None = None
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0

    def __enter__(self) -> Self:
        self._task = asyncio.current_task()
        if self._task is not None and self._seconds is not None:
            self._cancelling = self._task.cancelling()
            self._timer = self._clock.call_later(self._seconds, self._end)
        return self

    def _end(self) -> None:
        self.over = True
        if self._task is not None:
            self._task.cancel()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        if self._timer is not None:
            self._timer.cancel()
        if not self.over or self._task is None:
            return False
        return self._task.uncancel() <= self._cancelling and isinstance(error, asyncio.CancelledError)
