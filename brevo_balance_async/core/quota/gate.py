"""The gate that every attempt passes: it queues calls until the account's quota allows their request.

``window.py`` decides from numbers; this module has the queues. Each priority has a queue, first in, first out, which
exists only while a call waits in it. The order of priorities: complete or cancel of a hold first; then the smaller
``reserve`` (live calls have 0); at the same reserve, unpaced calls before paced ones, begins of holds after other
calls, and completes and cancels before the rest.

No task runs here: answers and one timer advance the queues. The cost of each step does not depend on how many calls
wait, because only the head of each queue and the earliest deadline are looked at.
"""

from __future__ import annotations

import asyncio
import heapq
import math
from bisect import bisect_left, bisect_right, insort
from collections import OrderedDict
from datetime import UTC, datetime
from itertools import count
from random import random as uniform
from typing import TYPE_CHECKING, Final, TypeAlias

from attrs import define

from brevo_balance_async.core.quota.turns import SLICE, Turns
from brevo_balance_async.core.quota.window import Pair, Permit, Window
from brevo_balance_async.errors import ClientStateError, QuotaWaitError
from brevo_balance_async.models import QuotaState

if TYPE_CHECKING:
    from collections.abc import Callable

    from brevo_balance_async.config import Clock, Timer
    from brevo_balance_async.core.quota.headers import Reading

Priority: TypeAlias = "tuple[float, bool, int, bool]"
"""Reserve, paced, permits needed, and False for a complete or cancel. The smallest priority is served first."""

_ENDS_OF_HOLDS: Final = -1.0
"""Used as the reserve in the priority of a hold's complete or cancel, so that it is served first."""


@define(eq=False, repr=False)
class _Waiter:
    priority: Priority
    reserve: float
    need: int
    paced: bool
    pair: Pair | None
    asked_at: float
    deadline: float
    woken: asyncio.Future[None]
    permit: Permit | None = None
    wait: float = 0.0
    """Set when it is rejected: seconds that the quota asks for since ``asked_at``; 0 if that is not known."""


class Gate:
    """Lets requests through as the server's quota headers allow. Shared by all views of a client.

    For a server without quota headers, only its 429s make calls wait.
    """

    def __init__(self, clock: Clock, *, random: Callable[[], float] = uniform) -> None:
        self._clock = clock
        self._window = Window(random)
        self._queues: dict[Priority, OrderedDict[_Waiter, None]] = {}
        self._priorities: list[Priority] = []  # the keys of _queues, sorted
        # A heap. Entries of calls that no longer wait are dropped when they reach the top.
        self._deadlines: list[tuple[float, int, _Waiter]] = []
        self._sequence = count()
        self._waiting = 0
        self._timer: Timer | None = None
        self._timer_at = math.inf
        self._closed = False
        self.turns: Turns = Turns()

    @property
    def crowded(self) -> bool:
        """True if so many calls wait that a new one should wait for its turn before it asks for a permit."""
        return self._waiting >= SLICE or len(self.turns) > 0

    @property
    def state(self) -> QuotaState | None:
        """The last known state; ``None`` while nothing is known."""
        window = self._window
        if window.limit is None:
            return None
        observed_at = datetime.fromtimestamp(window.observed_wall, UTC)
        return QuotaState(
            window.limit, max(0, window.available), window.ends_at - window.observed_at, observed_at
        )

    @property
    def limit(self) -> int | None:
        """Requests allowed in a window; ``None`` while nothing is known."""
        return self._window.limit

    @property
    def in_flight(self) -> int:
        """Permits that are not returned yet."""
        return self._window.in_flight

    def try_enter(
        self, reserve: float, *, paced: bool = False, first: bool = False, pair: Pair | None = None
    ) -> Permit | None:
        """Give a permit if there is one without waiting, even if the gate is closed.

        - ``paced``: requests above the reserve are spread over the window; only for calls without a ``max_wait``.
        - ``first``: before other calls with this ``reserve``; for completes and cancels.
        - ``pair``: the two permits of a hold. Its begin needs both and keeps the second, which its complete or cancel
          (``first``) then takes.
        """
        need = 1 if pair is None else _need(first, pair)
        if need and self._priorities and self._priorities[0] <= (reserve, paced, need, not first):
            return None  # a call of the same or a smaller priority waits already
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
        """A permit, after a wait if necessary. A call with a reserve and no ``max_wait`` is paced.

        The arguments are those of ``try_enter`` and ``wait``.
        """
        paced = max_wait is None and reserve > 0
        return self.try_enter(reserve, paced=paced, first=first, pair=pair) or await self.wait(
            reserve=reserve, max_wait=max_wait, paced=paced, first=first, pair=pair, on_wait=on_wait
        )

    async def wait(
        self,
        *,
        reserve: float,
        max_wait: float | None,
        paced: bool,
        first: bool,
        pair: Pair | None,
        on_wait: Callable[[float], None] | None,
    ) -> Permit:
        """Wait for a permit, after ``try_enter`` gave none. Other arguments are those of ``try_enter``.

        ``on_wait`` is called with the expected seconds when a wait begins (0 while nothing is known). Raises
        ``QuotaWaitError`` if the wait is longer than ``max_wait`` seconds (None: no limit): at once if that is known,
        otherwise as soon as it is. Raises ``ClientStateError`` if the gate is closed or closes during the wait.
        """
        need = _need(first, pair)
        priority = (reserve if need else _ENDS_OF_HOLDS, paced, need, not first)
        now = self._clock.time()
        if self._closed:
            raise ClientStateError(
                "the client was closed, so calls do not wait for quota any more; nothing was sent"
            )
        wait = self._window.expected(now, reserve, need and need + self._ahead(priority))
        if max_wait is not None and wait > max_wait:
            raise self._refusal(wait, max_wait, reserve)
        if on_wait is not None:
            on_wait(wait)
        deadline = math.inf if max_wait is None else now + max_wait
        woken = asyncio.get_running_loop().create_future()
        waiter = _Waiter(priority, reserve, need, paced, pair, now, deadline, woken)
        self._join(waiter)
        try:
            await woken
        except asyncio.CancelledError:
            if (
                waiter.permit is not None
            ):  # granted and cancelled in the same turn of the loop: pass the permit on
                self.cancel(waiter.permit)
            raise
        finally:
            # After a cancellation. The next call of this queue waits for the same, so nothing advances.
            self._remove(waiter)
            if not self._priorities:
                self._set_timer(math.inf)
        if waiter.permit is not None:
            return waiter.permit
        if max_wait is None or self._closed:
            raise ClientStateError("the client was closed during a wait for quota")
        known = waiter.wait > 0
        wait = waiter.wait if known else self._clock.time() - now
        raise self._refusal(wait, max_wait, reserve, known=known)

    def leave(self, permit: Permit, reading: Reading | None) -> None:
        """Return a permit after its request; to be called once.

        ``reading`` is None if no answer came: the request stays charged, because the server may have counted it.
        """
        self._window.answer(self._clock.time(), permit, reading)
        if self._priorities:
            self._advance()

    def cancel(self, permit: Permit) -> None:
        """Return a permit whose request was certainly not sent, instead of ``leave``; the charge is undone."""
        self._window.cancel(permit)
        self._advance()

    def release(self, pair: Pair) -> None:
        """End a hold. If its second permit was not used, other calls may use it."""
        self._window.take(pair)
        pair.ended = True
        self._advance()

    def close(self) -> None:
        """End every wait with ``ClientStateError`` and refuse new ones. Calls that need no wait still get a permit."""
        self._closed = True
        for waiters in self._queues.values():
            for waiter in waiters:
                _wake(waiter)
        self._queues, self._priorities, self._deadlines, self._waiting = {}, [], [], 0
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

    def _ahead(self, priority: Priority) -> int:
        """How many permits go to the calls that would be served before one that joins this queue now."""
        before = self._priorities[: bisect_right(self._priorities, priority)]
        # The end of a hold needs none: its permit is already subtracted from what is available.
        return sum(other[2] * len(self._queues[other]) for other in before)

    def _join(self, waiter: _Waiter) -> None:
        waiters = self._queues.get(waiter.priority)
        if waiters is None:
            waiters = self._queues[waiter.priority] = OrderedDict()
            insort(self._priorities, waiter.priority)
        waiters[waiter] = None
        self._waiting += 1
        if waiter.deadline < math.inf:
            if (
                len(self._deadlines) > 2 * self._waiting + 100
            ):  # most entries are of calls that no longer wait
                self._deadlines = [entry for entry in self._deadlines if not entry[2].woken.done()]
                heapq.heapify(self._deadlines)
            heapq.heappush(self._deadlines, (waiter.deadline, next(self._sequence), waiter))
        if len(waiters) == 1:
            self._advance()
        elif waiter.deadline < self._timer_at:
            self._set_timer(waiter.deadline)

    def _remove(self, waiter: _Waiter) -> None:
        """Remove it from its queue, if it is still in it."""
        waiters = self._queues.get(waiter.priority)
        if waiters is None or waiter not in waiters:
            return
        del waiters[waiter]
        self._waiting -= 1
        if not waiters:
            del self._queues[waiter.priority]
            del self._priorities[bisect_left(self._priorities, waiter.priority)]

    def _advance(self) -> None:
        """Grant permits, reject calls that would wait too long, and set the timer for the next time."""
        next_time = math.inf
        if self._priorities:
            now = self._clock.time()
            wait, least = self._serve(now)
            while self._reject_overdue(now, least):
                wait, least = self._serve(now)
            next_time = now + wait
            if self._priorities and self._deadlines:
                next_time = min(next_time, self._deadlines[0][0])
        self._set_timer(next_time)

    def _serve(self, now: float) -> tuple[float, float]:
        """Grant permits; returns the seconds until the next one may be granted, and the least wait of a waiting call.

        If a single unpaced request has to wait, all calls of a larger priority have to wait too, because they leave at
        least as much to others. The pace of one queue, and the two permits of a hold, do not stop the others.
        """
        soonest = least = math.inf
        at = 0
        while at < len(self._priorities):
            head = next(iter(self._queues[self._priorities[at]]))
            wait = self._window.wait(now, head.reserve, head.need, paced=head.paced)
            if wait > 0:
                single = self._window.wait(now, head.reserve)
                soonest = min(soonest, wait, single or wait)
                if single or not head.paced:  # paced calls have no deadline
                    need = min(head.need, 1) if single else head.need
                    least = min(least, self._window.expected(now, head.reserve, need))
                if single:
                    break
                at += 1
                continue
            self._remove(head)
            head.permit = self._grant(now, head.reserve, head.need, head.paced, head.pair)
            _wake(head)  # if it is being cancelled, enter() passes its permit on
        return soonest, least

    def _reject_overdue(self, now: float, wait: float) -> bool:
        """Wake calls without a permit if ``wait``, the least wait of all, passes their deadline; True if any was."""
        rejected = False
        while self._priorities and self._deadlines:
            deadline, _, waiter = self._deadlines[0]
            if not waiter.woken.done():
                if deadline > now and deadline >= now + wait:
                    break
                if wait:
                    waiter.wait = now - waiter.asked_at + wait
                self._remove(waiter)
                _wake(waiter)
                rejected = True
            heapq.heappop(self._deadlines)
        return rejected

    def _set_timer(self, when: float) -> None:
        if self._timer is not None:
            if when == self._timer_at:
                return
            self._timer.cancel()
            self._timer = None
        self._timer_at = when
        if when < math.inf:
            self._timer = self._clock.call_later(max(0.0, when - self._clock.time()), self._timer_came)

    def _timer_came(self) -> None:
        self._timer, self._timer_at = None, math.inf
        self._advance()

    def _refusal(self, wait: float, max_wait: float, reserve: float, *, known: bool = True) -> QuotaWaitError:
        kept, left = self._window.reserved(reserve), max(0, self._window.available)
        if left > kept and self._clock.time() < self._window.pause.until:
            kept = 0  # the pause after a 429 is the reason, not the reserve
        return QuotaWaitError(wait, max_wait, known=known, reserve=reserve, kept=kept, left=left)


def _need(first: bool, pair: Pair | None) -> int:
    """Permits that must be available: 2 for the begin of a hold, 0 for its end, else 1."""
    if pair is None:
        return 1
    if first:
        return 0 if pair.held else 1
    return 1 if pair.held else 2


def _wake(waiter: _Waiter) -> None:
    if not waiter.woken.done():
        waiter.woken.set_result(None)
