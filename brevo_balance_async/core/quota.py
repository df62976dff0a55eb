"""The gate in front of every attempt: who may send now, who waits, and for how long.

``window.py`` decides from numbers; here is the queue around it. One lane per ``reserve``, the lane that leaves
less to others going later, so that live calls (reserve 0) are served before bulk; within a lane, first come
first served. Nothing here needs a task of its own: answers and one timer move the queue.
"""

from __future__ import annotations

import asyncio
import math
from bisect import insort
from collections import OrderedDict
from datetime import UTC, datetime
from random import random as uniform
from typing import TYPE_CHECKING

from attrs import define, field, frozen

from brevo_balance_async.core.clock import wait_for_timer
from brevo_balance_async.core.window import UNTIL_ANSWER, Lane, Permit, Window
from brevo_balance_async.errors import ClientStateError, QuotaWaitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from brevo_balance_async.core.clock import Clock, Timer

__all__ = ["Gate", "Permit", "QuotaState"]


@frozen
class QuotaState:
    """What the account's quota headers last said, and what was sent since.

    Brevo sends ``x-sib-ratelimit-limit``, ``-remaining`` and ``-reset`` (seconds left) on every answer. They
    count all loyalty calls of the account together, those of other processes too.
    """

    limit: int
    """Requests that the account may send in a window (600 to 3,600 an hour, by plan)."""
    remaining: int
    """Requests that may still be sent, as known now: the last answer's figure less what was sent since."""
    resets_in: float
    """Seconds from ``observed_at`` to the end of the window."""
    observed_at: datetime
    """When the answer came that told, in UTC by this machine's clock."""


@define(eq=False)
class _Waiter:
    woken: asyncio.Future[None]
    deadline: float
    permit: Permit | None = None


@define(eq=False)
class _Queue(Lane):
    waiters: OrderedDict[_Waiter, None] = field(factory=OrderedDict)


class Gate:
    """Admits requests at the pace that the server's quota headers allow.

    Shared by all views of a client. A server that sends no quota headers is not gated.
    """

    def __init__(self, clock: Clock, *, random: Callable[[], float] = uniform) -> None:
        self._clock = clock
        self._window = Window(random)
        self._lanes: list[_Queue] = []  # in the order of service
        self._timer: Timer | None = None
        self._closed = False

    @property
    def state(self) -> QuotaState | None:
        """The last known state; ``None`` while nothing is known."""
        window = self._window
        if window.limit is None:
            return None
        return QuotaState(
            window.limit,
            max(0, window.left),
            window.ends_at - window.heard_at,
            datetime.fromtimestamp(window.heard_wall, UTC),
        )

    @property
    def limit(self) -> int | None:
        """Requests allowed in a window; ``None`` while nothing is known."""
        return self._window.limit

    @property
    def in_flight(self) -> int:
        """Permits given out and not yet returned."""
        return self._window.in_flight

    def try_enter(self, reserve: float) -> Permit | None:
        """A permit if one is to be had without waiting, else ``None``."""
        if self._closed:
            raise ClientStateError("the client is closed")
        lane = self._lane(reserve)
        window = self._window
        if window.silent:
            return window.send(0.0, lane)
        for earlier in self._lanes:
            if earlier.waiters:
                return None
            if earlier is lane:
                break
        now = self._clock.time()
        return None if window.wait(now, lane) > 0 else window.send(now, lane)

    async def enter(
        self, *, reserve: float, max_wait: float | None, on_wait: Callable[[float], None] | None = None
    ) -> Permit:
        """Wait for a permit.

        ``on_wait`` is told the expected seconds when a wait begins (0 while nothing is known). Raises
        ``QuotaWaitError`` at once, nothing spent, if the wait is known to exceed ``max_wait`` seconds (``None``:
        as long as it takes), and later if it turns out to; ``ClientStateError`` if the gate is closed.
        """
        permit = self.try_enter(reserve)
        if permit is not None:
            return permit
        lane = self._lane(reserve)
        asked_at = self._clock.time()
        wait = self._expected_wait(asked_at, lane, sum(len(other.waiters) for other in self._until(lane)))
        if max_wait is not None and wait > max_wait:
            raise QuotaWaitError(wait, max_wait)
        if on_wait is not None:
            on_wait(wait)
        waiter = _Waiter(
            asyncio.get_running_loop().create_future(), math.inf if max_wait is None else asked_at + max_wait
        )
        lane.waiters[waiter] = None
        self._move()
        try:
            if max_wait is None:
                await waiter.woken
            else:
                await wait_for_timer(self._clock, max_wait, waiter.woken)
        except asyncio.CancelledError:
            if waiter.permit is not None:  # granted and cancelled in the same breath: the next one gets it
                self.cancel(waiter.permit)
            raise
        finally:
            lane.waiters.pop(waiter, None)
        if waiter.permit is not None:
            return waiter.permit
        now = self._clock.time()
        raise QuotaWaitError(now - asked_at + self._expected_wait(now, lane, 0), max_wait or 0.0)

    def leave(self, permit: Permit, *, status: int | None, headers: Mapping[str, str] | None) -> None:
        """Return a permit after its request, exactly once.

        ``status`` and ``headers`` (any case if the mapping does not care, else lower case) are the answer's; both
        ``None`` if none came: the request stays charged, because the server may have counted it.
        """
        self._window.answer(self._clock.time(), permit, status, headers)
        self._move()

    def cancel(self, permit: Permit) -> None:
        """Return a permit whose request certainly never left, instead of ``leave``: its charge is given back."""
        self._window.cancel(permit)
        self._move()

    def close(self) -> None:
        """End every wait with ``ClientStateError``, and refuse new ones. Permits given out may still return."""
        self._closed = True
        for lane in self._lanes:
            for waiter in lane.waiters:
                if not waiter.woken.done():
                    waiter.woken.set_exception(ClientStateError("the client was closed during a quota wait"))
            lane.waiters.clear()
        self._move()

    def _lane(self, reserve: float) -> _Queue:
        for lane in self._lanes:
            if lane.reserve == reserve:
                return lane
        lane = _Queue(reserve)
        insort(self._lanes, lane, key=lambda other: other.reserve)
        return lane

    def _until(self, lane: _Queue) -> Iterator[_Queue]:
        return (other for other in self._lanes if other.reserve <= lane.reserve)

    def _expected_wait(self, now: float, lane: Lane, ahead: int) -> float:
        """As far as is known: an answer on its way may end the wait at any moment, so it counts as 0."""
        wait = self._window.wait(now, lane, ahead)
        return 0.0 if wait == UNTIL_ANSWER else wait

    def _move(self) -> None:
        """Grant what can be granted, refuse who would overstay, and set the timer for the next in line."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not any(lane.waiters for lane in self._lanes):
            return
        now = self._clock.time()
        ahead = 0
        soonest = UNTIL_ANSWER
        for lane in self._lanes:
            while lane.waiters and (wait := self._window.wait(now, lane)) <= 0:
                waiter, _ = lane.waiters.popitem(last=False)
                if not waiter.woken.done():  # else cancelled or out of time, and not yet gone
                    waiter.permit = self._window.send(now, lane)
                    waiter.woken.set_result(None)
            if lane.waiters and wait < UNTIL_ANSWER:
                soonest = min(soonest, wait)
                for waiter in lane.waiters:
                    if (
                        now + self._expected_wait(now, lane, ahead) > waiter.deadline
                        and not waiter.woken.done()
                    ):
                        waiter.woken.set_result(None)
                    ahead += 1
        if soonest < UNTIL_ANSWER:
            self._timer = self._clock.call_later(soonest, self._move)
