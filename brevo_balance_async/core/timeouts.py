"""The timeouts of all calls in flight, with one timer.

One timer for each call would cost a seventh of a whole call through plain aiohttp: asyncio keeps timers in a heap,
compares them in Python, and keeps those of calls that have ended. Here a call costs one insertion and one deletion in
a dict. The one timer fires when the earliest call in flight is due, which is rare.
"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from types import TracebackType

LAST_TURNS: Final = 10
"""Iterations of the event loop that a call still gets when its time is over.

After a stopped process or a blocked loop the whole answer is often in the socket already, and the timer fires in the
same iteration that reads it. Passing the answer on takes about three iterations.
"""

LONGEST_CLEAN_UP: Final = 30.0
"""Seconds that a clean-up may still take once its caller is cancelled repeatedly."""


class Timeouts:
    """The time limits in use, and the one timer for them."""

    def __init__(self) -> None:
        self.ends: dict[TimeLimit, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self.rings_at: float = math.inf

    def __len__(self) -> int:
        return len(self.ends)

    def within(self, seconds: float | None) -> TimeLimit:
        """A ``with`` block that raises ``TimeoutError`` after ``seconds`` (None: only on ``end_all``)."""
        return TimeLimit(self, seconds)

    def end_all(self) -> None:
        """End every block now."""
        for limit in self.ends:
            limit.end()
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self.rings_at = None, math.inf

    def ring_at(self, end: float) -> None:
        """Set the one timer, which then rings for the earliest limit."""
        if self._timer is not None:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        self._timer, self.rings_at = loop.call_at(end, self._ring, loop), end

    def _ring(self, loop: asyncio.AbstractEventLoop) -> None:
        now = self.rings_at  # not loop.time(): the loop may fire early by the resolution of its clock
        due: list[TimeLimit] = []
        earliest = math.inf
        for limit, end in self.ends.items():
            if end <= now:
                due.append(limit)
            elif end < earliest:
                earliest = end
        self._timer, self.rings_at = None, math.inf
        if earliest < math.inf:
            self.ring_at(earliest)
        self._end_after(LAST_TURNS, due, loop)

    def _end_after(self, turns: int, due: list[TimeLimit], loop: asyncio.AbstractEventLoop) -> None:
        if turns:
            loop.call_soon(self._end_after, turns - 1, due, loop)
            return
        for limit in due:
            if limit in self.ends:
                limit.end()


class TimeLimit:
    """The time limit of one block, like ``asyncio.timeout`` but without a timer of its own."""

    __slots__ = ("_cancelling", "_end", "_ended", "_seconds", "_task", "_timeouts")

    def __init__(self, timeouts: Timeouts, seconds: float | None) -> None:
        self._timeouts = timeouts
        self._seconds = seconds
        self._end = math.inf
        self._ended = False

    @property
    def over(self) -> bool:
        """True if the time is over, even if the timer has not fired yet."""
        return self._end < math.inf and self._end <= asyncio.get_running_loop().time()

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a call has to be made inside of a task")
        self._task = task
        self._cancelling = task.cancelling()
        timeouts = self._timeouts
        if self._seconds is not None:
            self._end = end = asyncio.get_running_loop().time() + self._seconds
            if end < timeouts.rings_at:
                timeouts.ring_at(end)
        timeouts.ends[self] = self._end
        return self

    def end(self) -> None:
        """Cancel the block's task, once."""
        if not self._ended:
            self._ended = True
            self._task.cancel()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        del self._timeouts.ends[self]
        # If the task was also cancelled for another reason, CancelledError is raised and not TimeoutError.
        if self._ended and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error


async def despite_repetition(work: Coroutine[Any, Any, None], handled: BaseException) -> None:
    """Await ``work``, the clean-up after the exception ``handled``, even if the same cancellation is repeated.

    anyio cancels a task again at each of its awaits, with the same message. So the work runs in a task of its own, and
    from the first repetition on for at most ``LONGEST_CLEAN_UP`` seconds. A cancellation with another message, or
    without one as asyncio's, is a new cancellation and ends the work. In both cases it is raised afterwards.
    """
    task = asyncio.ensure_future(work)
    message = handled.args if isinstance(handled, asyncio.CancelledError) else ()
    timer: asyncio.TimerHandle | None = None
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled, message = error, message or error.args
            if not error.args or error.args != message:
                task.cancel()
            elif timer is None:
                timer = asyncio.get_running_loop().call_later(LONGEST_CLEAN_UP, task.cancel)
    if timer is not None:
        timer.cancel()
    if cancelled is not None:
        raise cancelled
    task.result()
