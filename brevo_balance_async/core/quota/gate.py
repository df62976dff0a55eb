"""The gate in front of every attempt: who may send now, who waits, and for how long.

``window.py`` decides from numbers; here is the queue around it. Whoever must wait stands in a lane, and lanes are
served in this order: ends of holds; then by reserve, live calls (0) first; with the same reserve those who may not wait
for ever before those who do, completes and cancels before the rest, and begins of holds last. Within a lane the order
is that of asking. A lane exists while somebody waits in it.

No task runs here: answers and one timer move the queue. Entering, leaving and turning away cost the same however many
wait, because only the heads of lanes and the earliest deadline are looked at.
"""

from __future__ import annotations

import asyncio
import heapq
import math
from bisect import bisect_left, insort
from collections import OrderedDict
from datetime import UTC, datetime
from itertools import count
from random import random as uniform
from typing import TYPE_CHECKING, Final, TypeAlias

from attrs import define

from brevo_balance_async.core.quota.window import Pair, Permit, Window
from brevo_balance_async.errors import ClientStateError, QuotaWaitError
from brevo_balance_async.models import QuotaState

if TYPE_CHECKING:
    from collections.abc import Callable

    from brevo_balance_async.config import Clock, Timer
    from brevo_balance_async.core.quota.headers import Reading

Lane: TypeAlias = "tuple[float, bool, int, bool]"
"""Reserve, whether paced, permits needed, whether anything but a complete or cancel: served in ascending order."""

_ENDS_OF_HOLDS: Final = -1.0
"""Stands for their reserve, so that they go before all others."""


@define(eq=False, repr=False)
class _Waiter:
    lane: Lane
    reserve: float
    need: int
    paced: bool
    pair: Pair | None
    asked_at: float
    deadline: float
    woken: asyncio.Future[None]
    permit: Permit | None = None
    wait: float = 0.0
    """Set when it is turned away: seconds that the quota asks for, from when it asked; 0 if they are not known."""


class Gate:
    """Admits requests at the pace that the server's quota headers allow.

    Shared by all views of a client. A server that sends no quota headers is gated by its 429s only.
    """

    def __init__(self, clock: Clock, *, random: Callable[[], float] = uniform) -> None:
        self._clock = clock
        self._window = Window(random)
        self._lanes: dict[Lane, OrderedDict[_Waiter, None]] = {}
        self._order: list[Lane] = []  # the keys of _lanes, sorted
        self._deadlines: list[
            tuple[float, int, _Waiter]
        ] = []  # a heap; those who left stay until they come up
        self._tickets = count()
        self._waiting = 0
        self._timer: Timer | None = None
        self._timer_at = math.inf
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

    def try_enter(
        self, reserve: float, *, paced: bool = False, first: bool = False, pair: Pair | None = None
    ) -> Permit | None:
        """Give a permit if one is to be had without waiting, even when the gate is closed.

        - ``paced``: above its reserve it takes its time. For those who wait as long as it takes, because pacing shall
          make wait and never refuse.
        - ``first``: before the others with this ``reserve``; for completes and cancels.
        - ``pair``: the two permits of a hold. The begin wants both to be had and keeps the second, which its complete
          or cancel (``first``) then takes.
        """
        need = 1 if pair is None else _need(first, pair)
        if need and self._order and self._order[0] <= (reserve, paced, need, not first):
            return None  # nobody overtakes
        now = self._clock.time()
        if self._window.wait(now, reserve, need, paced=paced) > 0:
            return None
        if pair is None:
            return self._window.send(now, reserve, paced=paced)
        return self._grant(now, reserve, need, paced, pair)

    async def enter(
        self,
        *,
        reserve: float,
        max_wait: float | None,
        first: bool = False,
        pair: Pair | None = None,
        on_wait: Callable[[float], None] | None = None,
    ) -> Permit:
        """Wait for a permit; arguments are those of ``try_enter``, and who has no ``max_wait`` is paced.

        ``on_wait`` is told the expected seconds when a wait begins (0 while nothing is known). Raises
        ``QuotaWaitError`` at once, nothing spent, if the wait is known to exceed ``max_wait`` seconds (``None``: as
        long as it takes), and later if it turns out to. Raises ``ClientStateError`` if the gate is closed, then or
        during the wait.
        """
        paced = max_wait is None and reserve > 0
        permit = self.try_enter(reserve, paced=paced, first=first, pair=pair)
        if permit is not None:
            return permit
        need = _need(first, pair)
        lane = (reserve if need else _ENDS_OF_HOLDS, paced, need, not first)
        now = self._clock.time()
        if self._closed:
            raise ClientStateError(
                "the client was closed, so nobody waits for quota any more; nothing was sent"
            )
        wait = self._window.expected(now, reserve, need and need + self._ahead(lane))
        if max_wait is not None and wait > max_wait:
            raise self._refusal(wait, max_wait, reserve)
        if on_wait is not None:
            on_wait(wait)
        deadline = math.inf if max_wait is None else now + max_wait
        woken = asyncio.get_running_loop().create_future()
        waiter = _Waiter(lane, reserve, need, paced, pair, now, deadline, woken)
        self._join(waiter)
        try:
            await woken
        except asyncio.CancelledError:
            if waiter.permit is not None:  # granted and cancelled in the same breath: the next one gets it
                self.cancel(waiter.permit)
            raise
        finally:
            # Neither served nor turned away. Nobody else can go for that: the next in this lane waits for the same.
            if self._remove(waiter) and not self._order:
                self._set_timer(math.inf)
        if waiter.permit is not None:
            return waiter.permit
        if max_wait is None or self._closed:
            raise ClientStateError("the client was closed during a wait for quota")
        known = waiter.wait > 0
        wait = waiter.wait if known else self._clock.time() - now
        raise self._refusal(wait, max_wait, reserve, known=known)

    def leave(self, permit: Permit, reading: Reading | None) -> None:
        """Return a permit after its request, exactly once.

        ``reading`` is None if no answer came: the request stays charged, because the server may have counted it.
        """
        self._window.answer(self._clock.time(), permit, reading)
        if self._order:
            self._move()

    def cancel(self, permit: Permit) -> None:
        """Return a permit whose request certainly never left, instead of ``leave``: nothing is charged."""
        self._window.cancel(permit)
        self._move()

    def release(self, pair: Pair) -> None:
        """End a hold: its second permit, if it is kept still, is for others again."""
        self._window.take(pair)
        pair.ended = True
        self._move()

    def close(self) -> None:
        """End every wait with ``ClientStateError`` and refuse new ones; who needs no wait is still let through."""
        self._closed = True
        for waiters in self._lanes.values():
            for waiter in waiters:
                _wake(waiter)
        self._lanes, self._order, self._deadlines, self._waiting = {}, [], [], 0
        self._set_timer(math.inf)

    # The queue ---------------------------------------------------------------------------------------------------

    def _grant(self, now: float, reserve: float, need: int, paced: bool, pair: Pair | None) -> Permit:
        permit = self._window.send(now, reserve, paced=paced)
        if pair is not None and need == 0:
            self._window.take(pair)
            permit.pair = pair
        elif pair is not None and need == 2:
            self._window.keep(pair)
        return permit

    def _ahead(self, lane: Lane) -> int:
        """How many would be served before somebody who joins this lane now."""
        ahead = 0
        for other in self._order:
            if other > lane:
                break
            if other[0] != _ENDS_OF_HOLDS:  # their permits are kept already
                ahead += len(self._lanes[other])
        return ahead

    def _join(self, waiter: _Waiter) -> None:
        waiters = self._lanes.get(waiter.lane)
        if waiters is None:
            waiters = self._lanes[waiter.lane] = OrderedDict()
            insort(self._order, waiter.lane)
        waiters[waiter] = None
        self._waiting += 1
        if waiter.deadline < math.inf:
            if len(self._deadlines) > 2 * self._waiting + 100:  # most of them have left
                self._deadlines = [entry for entry in self._deadlines if not entry[2].woken.done()]
                heapq.heapify(self._deadlines)
            heapq.heappush(self._deadlines, (waiter.deadline, next(self._tickets), waiter))
        if len(waiters) == 1:
            self._move()
        elif waiter.deadline < self._timer_at:
            self._set_timer(waiter.deadline)

    def _remove(self, waiter: _Waiter) -> bool:
        """Take it out of its lane; False if it stands there no longer."""
        waiters = self._lanes.get(waiter.lane)
        if waiters is None or waiter not in waiters:
            return False
        del waiters[waiter]
        self._waiting -= 1
        if not waiters:
            del self._lanes[waiter.lane]
            del self._order[bisect_left(self._order, waiter.lane)]
        return True

    def _move(self) -> None:
        """Grant what can be granted, turn away who would overstay, set the timer for the next moment."""
        moment = math.inf
        if self._order:
            now = self._clock.time()
            wait, least = self._serve(now)
            while self._turn_away(now, least):
                wait, least = self._serve(now)
            moment = now + wait
            if self._order and self._deadlines:
                moment = min(moment, self._deadlines[0][0])
        self._set_timer(moment)

    def _serve(self, now: float) -> tuple[float, float]:
        """Let in whoever may go: the seconds until somebody may again, and those that all who wait must wait at least.

        What keeps back a single request that is not paced keeps back all who leave more to others too, so it ends the
        round. The pace of one lane and the two permits of a hold keep back nobody else.
        """
        soonest = least = math.inf
        at = 0
        while at < len(self._order):
            head = next(iter(self._lanes[self._order[at]]))
            wait = self._window.wait(now, head.reserve, head.need, paced=head.paced)
            if wait > 0:
                single = self._window.wait(now, head.reserve)
                soonest = min(soonest, wait, single or wait)
                if single or not head.paced:  # those who are paced have no deadline themselves
                    need = min(head.need, 1) if single else head.need
                    least = min(least, self._window.expected(now, head.reserve, need))
                if single:
                    break
                at += 1
                continue
            self._remove(head)
            head.permit = self._grant(now, head.reserve, head.need, head.paced, head.pair)
            _wake(head)  # if it is cancelled already, it hands its permit on
        return soonest, least

    def _turn_away(self, now: float, wait: float) -> bool:
        """Wake without a permit whoever would have to overstay, since nobody waits for less than ``wait``."""
        turned = False
        while self._order and self._deadlines:
            deadline, _, waiter = self._deadlines[0]
            if not waiter.woken.done():
                if deadline > now and deadline >= now + wait:
                    break
                waiter.wait = now - waiter.asked_at + wait if wait else 0.0
                self._remove(waiter)
                _wake(waiter)
                turned = True
            heapq.heappop(self._deadlines)
        return turned

    def _set_timer(self, moment: float) -> None:
        if self._timer is not None:
            if moment == self._timer_at:
                return
            self._timer.cancel()
            self._timer = None
        self._timer_at = moment
        if moment < math.inf:
            self._timer = self._clock.call_later(max(0.0, moment - self._clock.time()), self._timer_came)

    def _timer_came(self) -> None:
        self._timer, self._timer_at = None, math.inf
        self._move()

    def _refusal(self, wait: float, max_wait: float, reserve: float, *, known: bool = True) -> QuotaWaitError:
        kept, left = self._window.kept(reserve), max(0, self._window.left)
        if left > kept and self._clock.time() < self._window.pause.until:
            kept = 0  # it is a 429 that keeps the gate closed
        return QuotaWaitError(wait, max_wait, known=known, reserve=reserve, kept=kept, left=left)


def _need(first: bool, pair: Pair | None) -> int:
    """Permits that must be free: 2 for the begin of a hold, 0 for its end, else 1."""
    if pair is None:
        return 1
    if first:
        return 0 if pair.held else 1
    return 1 if pair.held else 2


def _wake(waiter: _Waiter) -> None:
    if not waiter.woken.done():
        waiter.woken.set_result(None)
