"""Clocks for tests: all implement ``config.Clock``, none looks at the wall. And waits in which no time passes."""

from __future__ import annotations

import asyncio
import heapq
from itertools import count
from typing import TYPE_CHECKING

from attrs import define, field

if TYPE_CHECKING:
    from collections.abc import Callable


@define(eq=False)
class ManualTimer:
    """A pending callback."""

    due: float
    callback: Callable[[], None] | None

    def cancel(self) -> None:
        self.callback = None


@define(eq=False)
class ManualClock:
    """Stands still until ``advance``."""

    now: float = 1000.0
    timers: list[tuple[float, int, ManualTimer]] = field(factory=list)
    asked: list[float] = field(factory=list)
    """Every delay that was ever asked for."""
    _order: count[int] = field(factory=count)

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Callable[[], None]) -> ManualTimer:
        timer = ManualTimer(self.now + delay, callback)
        self.asked.append(delay)
        heapq.heappush(self.timers, (timer.due, next(self._order), timer))
        return timer

    @property
    def pending(self) -> list[float]:
        """Seconds to each timer that is set, soonest first."""
        return [due - self.now for due, _, timer in sorted(self.timers) if timer.callback]

    def advance(self, seconds: float) -> None:
        """Move on, running what falls due in its order."""
        end = self.now + seconds
        while self.timers and self.timers[0][0] <= end:
            due, _, timer = heapq.heappop(self.timers)
            if timer.callback is not None:
                self.now = max(self.now, due)
                timer.callback()
        self.now = end


@define(eq=False)
class AutoClock(ManualClock):
    """Jumps to the next timer as soon as one is set: what waits, waits no time at all.

    For calls one after another. With several in flight, one that waits for another's answer would overtake it.
    """

    def call_later(self, delay: float, callback: Callable[[], None]) -> ManualTimer:
        timer = super().call_later(delay, callback)
        asyncio.get_running_loop().call_soon(self._jump)
        return timer

    def _jump(self) -> None:
        if pending := self.pending:
            self.advance(max(0.0, pending[0]))


@define(eq=False)
class FastClock:
    """The event loop's, ``factor`` times as fast: quota windows of minutes pass while real requests fly."""

    factor: float = 1000.0

    def time(self) -> float:
        return asyncio.get_running_loop().time() * self.factor

    def call_later(self, delay: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(delay / self.factor, callback)


async def turns(number: int = 20) -> None:
    """Let everything run that can run without time passing, also what lies in this loop's sockets."""
    for _ in range(number):
        await asyncio.sleep(0)


async def until(ready: Callable[[], object]) -> None:
    """Let everything run until ``ready()``."""
    while not ready():
        await asyncio.sleep(0)
