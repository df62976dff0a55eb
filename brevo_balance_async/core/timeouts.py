"""The ends of all calls in flight, by one timer.

A timer for each call costs a seventh of what a whole call through plain aiohttp does: asyncio keeps timers in a heap
and compares them in Python, and those of calls that ended long ago stay in it. Here a call costs two entries in a
dict. The one timer rings when the earliest of the calls in flight has to end, which is rarely.
"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from types import TracebackType

LAST_TURNS: Final = 10
"""Turns of the loop that a call still gets when its time is over.

After a stopped process or a blocked loop the whole answer often lies in the socket, and the timer rings in the very
turn that reads it. Handing it on takes about three turns. A call without an answer loses no time worth naming.
"""

LONGEST_CLEAN_UP: Final = 30.0
"""Seconds that a clean-up may still take once its caller is cancelled again and again."""


class Timeouts:
    """Ends what takes too long."""

    def __init__(self) -> None:
        self._ends: dict[TimeLimit, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = math.inf

    def __len__(self) -> int:
        return len(self._ends)

    def within(self, seconds: float | None) -> TimeLimit:
        """A block (``with``) that raises ``TimeoutError`` after ``seconds`` (None: only when all are ended)."""
        return TimeLimit(self, seconds)

    def end_all(self) -> None:
        """End every block now."""
        for limit in self._ends:
            limit.end()
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._rings_at = None, math.inf

    def add(self, limit: TimeLimit, seconds: float | None) -> float:
        """End ``limit`` after ``seconds``; gives the time of the loop's clock at which that will be."""
        if seconds is None:
            self._ends[limit] = math.inf
            return math.inf
        loop = asyncio.get_running_loop()
        end = self._ends[limit] = loop.time() + seconds
        if end < self._rings_at:
            self._set(loop, end)
        return end

    def remove(self, limit: TimeLimit) -> None:
        """Forget ``limit``."""
        del self._ends[limit]

    def _set(self, loop: asyncio.AbstractEventLoop, end: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._rings_at = loop.call_at(end, self._ring, loop), end

    def _ring(self, loop: asyncio.AbstractEventLoop) -> None:
        now = self._rings_at  # the loop may ring a little early, by the resolution of its clock
        due: list[TimeLimit] = []
        earliest = math.inf
        for limit, end in self._ends.items():
            if end <= now:
                due.append(limit)
            elif end < earliest:
                earliest = end
        self._timer, self._rings_at = None, math.inf
        if earliest < math.inf:
            self._set(loop, earliest)
        self._end_after(LAST_TURNS, due, loop)

    def _end_after(self, turns: int, due: list[TimeLimit], loop: asyncio.AbstractEventLoop) -> None:
        if turns:
            loop.call_soon(self._end_after, turns - 1, due, loop)
            return
        for limit in due:
            if limit in self._ends:
                limit.end()


class TimeLimit:
    """The time limit of one block: ``asyncio.timeout`` with its timer elsewhere, and no coroutines of its own."""

    __slots__ = ("_cancelling", "_end", "_ended", "_seconds", "_task", "_timeouts")

    def __init__(self, timeouts: Timeouts, seconds: float | None) -> None:
        self._timeouts = timeouts
        self._seconds = seconds
        self._end = math.inf
        self._ended = False

    @property
    def over(self) -> bool:
        """Whether the time is over, though the loop may have had no turn yet to say so."""
        return self._end < math.inf and self._end <= asyncio.get_running_loop().time()

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a call has to be made inside of a task")
        self._task = task
        self._cancelling = task.cancelling()
        self._end = self._timeouts.add(self, self._seconds)
        return self

    def end(self) -> None:
        """Cancel the block's task, once."""
        if not self._ended:
            self._ended = True
            self._task.cancel()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._timeouts.remove(self)
        # If others want the task cancelled as well, that is what goes through.
        if self._ended and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error


async def despite_repetition(work: Coroutine[Any, Any, None], handled: BaseException) -> None:
    """Await ``work``, the clean-up after ``handled``, to its end although its cancellation is repeated meanwhile.

    anyio cancels a task again at each of its awaits, in the same words. So the work gets a task of its own, for
    ``LONGEST_CLEAN_UP`` seconds at most from then on. A cancellation in other words, or in none as asyncio gives it,
    is another one: it ends the work. Either goes through afterwards.
    """
    task = asyncio.ensure_future(work)
    words = handled.args if isinstance(handled, asyncio.CancelledError) else ()
    timer: asyncio.TimerHandle | None = None
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled, words = error, words or error.args
            if not error.args or error.args != words:
                task.cancel()
            elif timer is None:
                timer = asyncio.get_running_loop().call_later(LONGEST_CLEAN_UP, task.cancel)
    if timer is not None:
        timer.cancel()
    if cancelled is not None:
        raise cancelled
    task.result()
