"""The ends of all calls in flight, by one timer.

A timer for each call costs a seventh of what a whole call through plain aiohttp does: asyncio keeps timers in a heap
and compares them in Python, and those of calls that ended long ago stay in it. Here a call costs two entries in a
dict. The one timer rings when the earliest of the calls in flight has to end, which is rarely.
"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType


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

    def add(self, limit: TimeLimit, seconds: float | None) -> None:
        """End ``limit`` after ``seconds``."""
        if seconds is None:
            self._ends[limit] = math.inf
            return
        loop = asyncio.get_running_loop()
        end = self._ends[limit] = loop.time() + seconds
        if end < self._rings_at:
            self._set(loop, end)

    def remove(self, limit: TimeLimit) -> None:
        """Forget ``limit``."""
        del self._ends[limit]

    def _set(self, loop: asyncio.AbstractEventLoop, end: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._rings_at = loop.call_at(end, self._ring, loop), end

    def _ring(self, loop: asyncio.AbstractEventLoop) -> None:
        now = self._rings_at  # the loop may ring a little early, by the resolution of its clock
        earliest = math.inf
        for limit, end in self._ends.items():
            if end <= now:
                limit.end()
            elif end < earliest:
                earliest = end
        self._timer, self._rings_at = None, math.inf
        if earliest < math.inf:
            self._set(loop, earliest)


class TimeLimit:
    """The time limit of one block: ``asyncio.timeout`` with its timer elsewhere, and no coroutines of its own."""

    __slots__ = ("_cancelling", "_ended", "_seconds", "_task", "_timeouts")

    def __init__(self, timeouts: Timeouts, seconds: float | None) -> None:
        self._timeouts = timeouts
        self._seconds = seconds
        self._ended = False

    def __enter__(self) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a call has to be made inside of a task")
        self._task = task
        self._cancelling = task.cancelling()
        self._timeouts.add(self, self._seconds)

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
