"""The sandbox's clock: real time plus what a test adds to it. A client may wait on it, too."""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_ZERO = timedelta(0)
_LAST = datetime.max.replace(tzinfo=UTC)


class SandboxClock:
    """A UTC clock that a test can freeze and advance.

    It starts at ``start`` (default: now) and moves with real time, unless ``frozen``, when only ``advance`` and ``set``
    move it. At the end of the year 9999 it stops. Nothing but a sandbox's ``reset`` and ``restore`` turns it back.
    Brevo writes milliseconds, so moments are cut to milliseconds: what is stored is what is shown.

    With ``time`` and ``call_later`` it is what ``BalanceClient(clock=...)`` takes: a client that waits on this clock
    is woken as soon as it is advanced. Both may be used from any event loop.
    """

    __slots__ = (
        "_elapsed",
        "_first",
        "_frozen",
        "_held",
        "_moment",
        "_reached",
        "_since",
        "_timers",
        "on_turn",
    )

    def __init__(self, start: datetime | None = None, *, frozen: bool = False) -> None:
        if start is not None and start.tzinfo is None:
            raise ValueError("start must be an aware datetime")
        self._first = (start, frozen)
        self._frozen = frozen
        self._elapsed = _ZERO
        self._moment = start.astimezone(UTC) if start is not None else datetime.now(UTC)
        self._reached = _ZERO
        """What had elapsed when ``_moment`` was the present."""
        self._since = time.monotonic()
        self._held: datetime | None = None
        self._timers: set[ClockTimer] = set()
        self.on_turn: Callable[[], None] | None = None
        """Called when the clock was advanced, set, turned, frozen or let run."""

    @property
    def frozen(self) -> bool:
        """Whether the clock stands still."""
        return self._frozen

    def now(self) -> datetime:
        """The present moment: aware, UTC, whole milliseconds."""
        if self._held is not None:
            return self._held
        try:
            moment = self._moment + (self._passed() - self._reached)
        except OverflowError:
            moment = _LAST
        return _whole_milliseconds(moment)

    def time(self) -> float:
        """Seconds since the clock was made. They never run backwards, not even when ``now`` is turned back."""
        return self._passed().total_seconds()

    def advance(self, seconds: float) -> datetime:
        """Move the clock forward by ``seconds`` (not negative) and return the new moment."""
        if not seconds >= 0:
            raise ValueError("a clock is advanced by zero or more seconds")
        try:
            step = timedelta(seconds=seconds)
            _ = self._moment + (self._passed() - self._reached + step)
        except OverflowError:
            raise ValueError("a clock cannot be advanced beyond the year 9999") from None
        self._elapsed += step
        self._turned()
        return self.now()

    def set(self, moment: datetime) -> datetime:
        """Move the clock forward to ``moment`` (aware, not in the clock's past) and return it."""
        if moment.tzinfo is None:
            raise ValueError("a clock is set to an aware datetime")
        if moment < self.now():
            raise ValueError(f"a clock is not set back: it is {self.now().isoformat()} already")
        self._elapsed, self._since = self._reached + (moment - self._moment), time.monotonic()
        self._turned()
        return self.now()

    def freeze(self) -> None:
        """Let the clock stand still until it is advanced, set, or let run."""
        self._elapsed, self._frozen = self._passed(), True
        self._turned()

    def run(self) -> None:
        """Let a frozen clock move with real time again."""
        if self._frozen:
            self._frozen, self._since = False, time.monotonic()
            self._turned()

    def turn_to(self, moment: datetime, *, frozen: bool) -> None:
        """Show ``moment`` from now on, which may lie in the past. Timers keep the time they still had to wait."""
        self._elapsed, self._since, self._frozen = self._passed(), time.monotonic(), frozen
        self._moment, self._reached = moment, self._elapsed
        self._turned()

    def restart(self) -> None:
        """Show what the clock showed when it was made; one that started with the present shows the present."""
        start, frozen = self._first
        self.turn_to(start.astimezone(UTC) if start else datetime.now(UTC), frozen=frozen)

    @contextmanager
    def held(self, moment: datetime | None = None) -> Iterator[datetime]:
        """Show ``moment`` (default: the present one) while the block runs, however long it takes."""
        before, self._held = self._held, moment or self.now()
        try:
            yield self._held
        finally:
            self._held = before

    def call_later(self, delay: float, callback: Callable[[], None]) -> ClockTimer:
        """Run ``callback`` on the running event loop when ``delay`` seconds have passed on this clock."""
        timer = ClockTimer(self, self.time() + delay, callback, asyncio.get_running_loop())
        self._timers.add(timer)
        timer.look()
        return timer

    def forget(self, timer: ClockTimer) -> None:
        """Let a timer never fire; harmless when it has."""
        self._timers.discard(timer)

    def _passed(self) -> timedelta:
        if self._frozen:
            return self._elapsed
        return self._elapsed + timedelta(seconds=time.monotonic() - self._since)

    def _turned(self) -> None:
        for timer in sorted(self._timers, key=attrgetter("due")):
            with suppress(RuntimeError):  # its loop is closed, so nothing waits on it
                timer.loop.call_soon_threadsafe(timer.look)
        if self.on_turn is not None:
            self.on_turn()


class ClockTimer:
    """A callback that a ``SandboxClock`` runs, on the loop that asked for it."""

    __slots__ = ("_callback", "_clock", "_handle", "due", "loop")

    def __init__(
        self,
        clock: SandboxClock,
        due: float,
        callback: Callable[[], None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.due: float = due
        self.loop: asyncio.AbstractEventLoop = loop
        self._clock = clock
        self._callback: Callable[[], None] | None = callback
        self._handle: asyncio.Handle | None = None

    def cancel(self) -> None:
        """Run the callback never; harmless when it has run."""
        self._callback = None
        self._clock.forget(self)
        if self._handle is not None:
            self._handle.cancel()

    def look(self) -> None:
        """Run the callback if its moment has come, else look again when it may have."""
        if self._callback is None:
            return
        if self._handle is not None:
            self._handle.cancel()
        left = self.due - self._clock.time()
        if left <= 0:
            self._handle = self.loop.call_soon(self._fire)
        elif not self._clock.frozen:
            self._handle = self.loop.call_later(left, self.look)

    def _fire(self) -> None:
        callback, self._callback = self._callback, None
        self._clock.forget(self)
        if callback is not None:
            callback()


def _whole_milliseconds(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
