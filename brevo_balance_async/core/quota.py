"""The gate in front of every attempt: who may send now, who waits, and for how long.

``window.py`` decides from numbers; here is the queue around it. There is a lane for each ``reserve``, and the
lane that leaves less to others goes later, so that live calls (reserve 0) are served before bulk. Within a
lane the order is that of asking. No task runs here: answers and one timer move the queue.
"""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from datetime import UTC, datetime
from random import random as uniform
from typing import TYPE_CHECKING

from attrs import define, field, frozen

from brevo_balance_async.core.clock import wait_for_timer
from brevo_balance_async.core.window import UNTIL_ANSWER, Lane, Permit, Window
from brevo_balance_async.errors import ClientStateError, QuotaWaitError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from brevo_balance_async.config import Clock, Timer

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
    """Requests that may still be sent, as known now: what the last answer said less what was sent since."""
    resets_in: float
    """Seconds from ``observed_at`` to the end of the window."""
    observed_at: datetime
    """When that answer came, in UTC by this machine's clock."""


@define(eq=False, repr=False)
class _Waiter:
    asked_at: float
    max_wait: float
    woken: asyncio.Future[None]
    permit: Permit | None = None
    wait: float = 0.0  # set when the waiter is turned away: the whole wait that the quota asks for


@define(eq=False, repr=False)
class _Queue(Lane):
    waiters: OrderedDict[_Waiter, None] = field(factory=OrderedDict)


class Gate:
    """Admits requests at the pace that the server's quota headers allow.

    Shared by all views of a client. A server that sends no quota headers is not gated.
    """

    def __init__(self, clock: Clock, *, random: Callable[[], float] = uniform) -> None:
        self._clock = clock
        self._window = Window(random)
        self._lanes: dict[float, _Queue] = {}  # by reserve, in the order of service
        self._timer: Timer | None = None
        self._closed = False

    @property
    def state(self) -> QuotaState | None:
        """The last known state; ``None`` while nothing is known."""
        window = self._window
        if window.limit is None:
            return None
        observed_at = datetime.fromtimestamp(window.heard_wall, UTC)
        return QuotaState(window.limit, max(0, window.left), window.ends_at - window.heard_at, observed_at)

    @property
    def limit(self) -> int | None:
        """Requests allowed in a window; ``None`` while nothing is known."""
        return self._window.limit

    @property
    def in_flight(self) -> int:
        """Permits given out and not yet returned."""
        return self._window.in_flight

    def try_enter(self, reserve: float) -> Permit | None:
        """Give a permit if one is to be had without waiting, even when the gate is closed."""
        lane = self._lanes.get(reserve) or self._new_lane(reserve)
        if self._window.silent:
            return self._window.pass_by(lane)
        for earlier in self._lanes.values():
            if earlier.waiters:
                return None
            if earlier is lane:
                break
        now = self._clock.time()
        return None if self._window.wait(now, lane) > 0 else self._window.send(now, lane)

    async def enter(
        self, *, reserve: float, max_wait: float | None, on_wait: Callable[[float], None] | None = None
    ) -> Permit:
        """Wait for a permit.

        ``on_wait`` is told the expected seconds when a wait begins (0 while nothing is known). Raises
        ``QuotaWaitError`` at once, nothing spent, if the wait is known to exceed ``max_wait`` seconds
        (``None``: as long as it takes), and later if it turns out to; ``ClientStateError`` if the gate is
        closed, then or during the wait.
        """
        permit = self.try_enter(reserve)
        if permit is not None:
            return permit
        if self._closed:
            raise ClientStateError(
                "the client was closed, so nobody waits for quota any more; nothing was sent"
            )
        lane = self._lanes[reserve]
        now = self._clock.time()
        ahead = sum(len(other.waiters) for other in self._lanes.values() if other.reserve <= reserve)
        wait = self._expected_wait(now, lane, ahead)
        if max_wait is not None and wait > max_wait:
            raise QuotaWaitError(wait, max_wait)
        if on_wait is not None:
            on_wait(wait)
        woken = asyncio.get_running_loop().create_future()
        waiter = _Waiter(now, math.inf if max_wait is None else max_wait, woken)
        lane.waiters[waiter] = None
        self._move()
        try:
            if max_wait is None:
                await woken
            else:
                await wait_for_timer(self._clock, max_wait, woken)
        except asyncio.CancelledError:
            if waiter.permit is not None:  # granted and cancelled in the same breath: the next one gets it
                self.cancel(waiter.permit)
            raise
        finally:
            lane.waiters.pop(waiter, None)
            if not any(other.waiters for other in self._lanes.values()):
                self._move()  # no timer waits for nobody
        if waiter.permit is not None:
            return waiter.permit
        if self._closed:
            raise ClientStateError("the client was closed during a wait for quota")
        now = self._clock.time()
        known = waiter.wait > 0 or self._window.wait(now, lane) < UNTIL_ANSWER
        wait = max(waiter.wait, now - waiter.asked_at + self._expected_wait(now, lane, 0))
        raise QuotaWaitError(wait, waiter.max_wait, known=known)

    def leave(self, permit: Permit, *, status: int | None, headers: Mapping[str, str] | None) -> bool:
        """Return a permit after its request, exactly once.

        ``status`` and ``headers`` are the answer's; names are looked up in lower case. Both are ``None`` if
        no answer came: the request stays charged, because the server may have counted it. True: the answer was
        a 429 whose wait everybody now keeps here.
        """
        heeded = self._window.answer(self._clock.time(), permit, status, headers)
        self._move()
        return heeded

    def cancel(self, permit: Permit) -> None:
        """Return a permit whose request certainly never left, instead of ``leave``: nothing is charged."""
        self._window.cancel(permit)
        self._move()

    def close(self) -> None:
        """End every wait with ``ClientStateError`` and refuse new ones; who needs no wait is still let through."""
        self._closed = True
        for lane in self._lanes.values():
            for waiter in lane.waiters:
                _wake(waiter)
            lane.waiters.clear()
        self._move()

    def _new_lane(self, reserve: float) -> _Queue:
        lane = _Queue(reserve)
        self._lanes = dict(sorted({**self._lanes, reserve: lane}.items()))
        return lane

    def _expected_wait(self, now: float, lane: Lane, ahead: int) -> float:
        """Seconds, as far as is known: an answer on its way may end the wait any moment, so it counts 0."""
        wait = self._window.wait(now, lane, ahead)
        return 0.0 if wait == UNTIL_ANSWER else wait

    def _move(self) -> None:
        """Grant what can be granted, turn away who would overstay, set the timer for the next in line."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for lane in self._lanes.values():
            if lane.waiters:
                break
        else:
            return
        now = self._clock.time()
        soonest = UNTIL_ANSWER
        ahead = 0
        for lane in self._lanes.values():
            while lane.waiters and (wait := self._window.wait(now, lane)) <= 0:
                waiter, _ = lane.waiters.popitem(last=False)
                waiter.permit = self._window.send(now, lane)  # if it is cancelled already, it hands it on
                _wake(waiter)
            if lane.waiters and wait < UNTIL_ANSWER:
                soonest = min(soonest, wait)
                self._turn_away(now, lane, ahead)
            ahead += len(lane.waiters)
        if soonest < UNTIL_ANSWER:
            self._timer = self._clock.call_later(soonest, self._move)

    def _turn_away(self, now: float, lane: _Queue, ahead: int) -> None:
        """Wake whoever would have to overstay, without a permit."""
        for position, waiter in enumerate(lane.waiters, ahead):
            if waiter.max_wait < math.inf:
                wait = now - waiter.asked_at + self._expected_wait(now, lane, position)
                if wait > waiter.max_wait:
                    waiter.wait = wait
                    _wake(waiter)


def _wake(waiter: _Waiter) -> None:
    if not waiter.woken.done():
        waiter.woken.set_result(None)
