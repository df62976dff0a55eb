"""What is known of the account's quota window, and how long it asks a request to wait.

Pure numbers: the caller brings ``now`` (monotonic seconds), and nothing here sleeps or sends. Brevo counts all
``/v3/loyalty/...`` calls of an account together, by the hour, and every answer says how many are left and in how many
seconds the window ends. The reset is a duration, so neither the server's clock nor this machine's wall clock matters.

``remaining`` is what the newest answer said. Three kinds of charges are taken off it, because an answer cannot tell
which of them the server has counted already: requests in flight, requests that no answer confirmed (``lost``), and the
second permits of holds (``held``). The next answer corrects it all.
"""

from __future__ import annotations

import math
import time
from enum import Enum
from typing import TYPE_CHECKING, Final

from attrs import Factory, define, field

from brevo_balance_async.core.quota.pace import Bucket, Pace
from brevo_balance_async.core.quota.pause import HOUR, JITTER, Pause

if TYPE_CHECKING:
    from collections.abc import Callable

    from brevo_balance_async.core.quota.headers import Reading

UNTIL_ANSWER: Final = math.inf
"""A wait that ends with the answer to a request in flight; nobody knows when."""

GRACE: Final = 1.0  # the header is in whole seconds: the window may end that much later than it says
SLACK: Final = (
    2.5  # rounding and the time on the way: answers of one window disagree about its end by so much
)
LIVE_PROBES: Final = 4  # live requests that may fly while nothing is known
LONGEST_QUIET: Final = 300.0  # whatever was said: after so many seconds without a request one flies to look
CROWD: Final = (
    24  # a lane with a reserve has 1/24 of what is free in flight, since as many processes may do the same
)
FRESH: Final = 1.0  # seconds: later, others may have spent what an answer showed, and bulk sends one to look


class Refill(Enum):
    """How a window gives back what was spent; learned when one ends."""

    UNKNOWN = "unknown"
    FIXED = "fixed"
    """All at once: a window by the clock, or one that starts with the first request."""
    SLIDING = "sliding"
    """One by one, as requests become an hour old."""


@define(eq=False, repr=False)
class Permit:
    """The right to send one request, given by ``Gate.enter``, returned by ``Gate.leave`` or ``.cancel``."""

    reserve: float
    number: int
    sent_at: float
    bucket: Bucket | None = None
    """Where its token came from, if it was paced."""
    pair: Pair | None = None
    """The pair whose second permit this is."""


@define(eq=False, repr=False)
class Pair:
    """The two permits of a hold: one for its begin, one for its complete or cancel.

    ``held``: the second one is kept, and counts as used for everybody else, in this window and the ones after it.
    """

    held: bool = False
    ended: bool = False
    """The hold has ended: nothing is kept for it any more."""


@define(eq=False, repr=False)
class Window:
    """Knowledge of one account's window, and the count of requests in flight."""

    random: Callable[[], float]
    wall: Callable[[], float] = time.time
    # What the newest answer with numbers said.
    limit: int | None = None  # None while nothing is known
    remaining: int = 0
    ends_at: float = 0.0
    opens_at: float = 0.0  # once nothing is left, the window is closed until then
    length: float = 0.0  # the longest reset seen
    newest: int = 0  # number of the request that it answered
    sent_before: int = 0  # requests sent before it came
    heard_at: float = 0.0
    heard_wall: float = 0.0  # for people to read; nothing is decided by it
    # What was concluded from it.
    over: bool = True  # the window has ended, and no answer came since
    refill: Refill = Refill.UNKNOWN
    silent: bool = False  # the server sends no quota headers: only its 429s are obeyed
    # What was sent.
    sent: int = 0
    in_flight: int = 0
    bulk_in_flight: int = 0
    older_in_flight: int = 0  # of these, sent before the newest answer came: it may have counted them
    lost: int = 0  # requests that nothing shows to be counted, since the newest answer
    held: int = 0  # second permits of holds
    look_at: float = math.inf  # when LONGEST_QUIET is over
    pace: Pace = field(factory=Pace)
    pause: Pause = field(init=False, default=Factory(lambda self: Pause(self.random), takes_self=True))

    @property
    def left(self) -> int:
        """Requests that may certainly still be sent."""
        return self.remaining - self.in_flight - self.lost - self.held

    def kept(self, reserve: float) -> int:
        """Requests of the limit that a ``reserve`` leaves to others."""
        return math.ceil(reserve * self.limit) if self.limit else 0

    # Waiting -----------------------------------------------------------------------------------------------------

    def wait(self, now: float, reserve: float, need: int = 1, *, paced: bool = False) -> float:
        """Seconds until the next in line may go; 0 is now.

        ``need`` is 2 for a hold, which keeps a permit for its end, and 0 for that end. ``paced`` spreads requests
        above the reserve over the window, so that live calls find more than what is kept for them.
        """
        if self.limit is not None:
            self._end_if_due(now)
        if need and self.in_flight >= self.pause.width:
            due = UNTIL_ANSWER
        else:
            due = now if self.silent or need == 0 else self._due(now, reserve, need, paced=paced)
            due = max(due, self.pause.until)
        if due <= now:
            return 0.0
        # Going to look is for those whom only headers keep waiting, or an answer that does not come. A hold does not:
        # what it begins it must be able to end. Nor does a lane at its own reserve while there is something left, or
        # anybody while holds have it.
        stuck = due == UNTIL_ANSWER or now < self.pause.until or self.left + self.held <= 0
        if stuck and need < 2:
            due = min(due, self.look_at)
        return max(0.0, due - now)

    def _due(self, now: float, reserve: float, need: int, *, paced: bool) -> float:
        """The moment at which the quota lets the next in line go."""
        alone = UNTIL_ANSWER if self.in_flight else now
        free = self.left - self.kept(reserve)
        if self._unknown(reserve, need):
            if free >= need and not reserve:
                return now
            # Bulk looks alone, so that it never goes where live waits.
            return alone if reserve or self.in_flight >= LIVE_PROBES else now
        if free >= need:
            return self._crowd(now, reserve, free, paced=paced) if reserve else now
        if free + self._doubtful >= need:
            return alone
        opens_at = self._opens_at(need - free)
        return opens_at if opens_at > now else alone

    def _crowd(self, now: float, reserve: float, free: int, *, paced: bool) -> float:
        """Of what is free each process takes a small part at a time, and looks again."""
        room = max(1, free // CROWD) if now < self.heard_at + FRESH else 1
        if self.bulk_in_flight >= room:
            return UNTIL_ANSWER
        if not paced:
            return now
        return now + self.pace.wait(now, reserve, free, self.limit or 0, self.ends_at - now)

    def expected(self, now: float, reserve: float, need: int = 1) -> float:
        """Seconds that the quota is known to ask for until ``need`` more requests may be sent.

        0 while nothing is known, or if an answer on its way may end the wait any moment.
        """
        self._end_if_due(now)
        closed = max(0.0, self.pause.until - now)
        free = self.remaining - self.in_flight + self.older_in_flight - self.held - self.kept(reserve)
        if need == 0 or self.silent or self._unknown(reserve, need) or free >= need:
            return closed
        return max(closed, self._opens_at(need - free) - now)

    @property
    def _doubtful(self) -> int:
        """Charges that the newest answer may have counted already."""
        return self.older_in_flight + self.lost

    def _unknown(self, reserve: float, need: int) -> bool:
        # The end of a sliding window is only that of its oldest request: one more is free, and no more is known.
        sliding = (reserve > 0 or need > 1) and self.refill is Refill.SLIDING
        return self.limit is None or (self.over and not sliding)

    def _opens_at(self, missing: int) -> float:
        """When so many more requests than are free now may be sent."""
        if self.refill is not Refill.SLIDING or self.limit is None:
            return self.opens_at
        # By then one request has left the window. The others that are owed follow at the rate at which they
        # came, so many processes settle a little below the reserve and do not eat it up.
        used = max(1, self.limit - self.left)
        return self.opens_at + (missing - 1) * max(self.length, HOUR) / used

    def _end_if_due(self, now: float) -> None:
        """Note that the window is over as far as is known; after another one without news forget it."""
        if self.limit is None or now < self.opens_at:
            return
        if not self.over:
            self.over = True
            if self.refill is Refill.FIXED and now >= self.ends_at:
                self._take(self.limit)
        if now >= self.ends_at + max(self.length, HOUR):
            self._forget()

    def _forget(self) -> None:
        self.limit, self.remaining, self.lost, self.over, self.refill = None, 0, 0, True, Refill.UNKNOWN

    # Sending -----------------------------------------------------------------------------------------------------

    def send(self, now: float, reserve: float, *, paced: bool = False) -> Permit:
        """Charge one request."""
        self.sent += 1
        self.in_flight += 1
        if reserve:
            self.bulk_in_flight += 1
        self.look_at = now + LONGEST_QUIET
        if not paced:
            return Permit(reserve, self.sent, now)
        bucket = self.pace.bucket(reserve)
        bucket.tokens -= 1
        return Permit(reserve, self.sent, now, bucket)

    def cancel(self, permit: Permit) -> None:
        """Give the charge back: the request never left."""
        self._land(permit)
        if permit.bucket is not None:
            permit.bucket.tokens += 1
        if permit.pair is not None:
            self.keep(permit.pair)

    def _land(self, permit: Permit) -> None:
        self.in_flight -= 1
        if permit.reserve:
            self.bulk_in_flight -= 1
        if permit.number <= self.sent_before:
            self.older_in_flight -= 1

    def keep(self, pair: Pair) -> None:
        """Keep the second permit of a hold."""
        if not pair.held and not pair.ended:
            pair.held = True
            self.held += 1

    def take(self, pair: Pair) -> None:
        """Keep it no longer: it is used now."""
        if pair.held:
            pair.held = False
            self.held -= 1

    # Learning ----------------------------------------------------------------------------------------------------

    def answer(self, now: float, permit: Permit, reading: Reading | None) -> None:
        """Learn from the end of a request. None: no answer came, and its charge stays."""
        self._land(permit)
        if reading is None:
            self.lost += 1
            return
        if reading.status == 429:
            self.pause.refused(now, permit.sent_at, reading.wait)
            self.look_at = now + LONGEST_QUIET
            if permit.pair is not None:
                self.keep(permit.pair)  # the server did not count it, and the hold must still be able to end
        elif reading.status < 500 and self.pause.width < math.inf:
            self.pause.served(now, permit.sent_at)
        if reading.limit is not None:
            self._learn(now, permit, reading)
            return
        if self.silent:
            return
        if reading.status >= 500:
            self.lost += 1  # something in between may have answered
        elif reading.status != 429:
            self.remaining -= 1  # the server has served it, so it has counted it
        if reading.silent and 200 <= reading.status < 300 and self.over and now >= self.ends_at:
            self._forget()
            self.silent = True

    def _learn(self, now: float, permit: Permit, reading: Reading) -> None:
        limit, remaining, reset = reading.limit or 0, reading.remaining or 0, reading.reset
        refused = reading.status == 429
        if refused and reading.retry_after is None:
            remaining = 0  # the refusal is believed over its own numbers
        if refused and not remaining and reset is None:
            reset = reading.wait
        if reset is None:  # no end that makes sense: that of the window known, else in an hour
            reset = HOUR if self.over else max(0.0, self.ends_at - now)
        ends_at = now + reset
        if self.limit is not None:
            if self.over and permit.sent_at < self.opens_at:
                return  # sent into the window that is over: says nothing about the next one
            later = ends_at > self.ends_at + SLACK
            if permit.number < self.newest and not later:
                if ends_at >= self.ends_at - SLACK:  # else it is a straggler of an earlier window
                    self.remaining = min(self.remaining, remaining)
                return
            if later and now >= self.ends_at - SLACK and not refused:
                back = remaining >= limit / 2 and reset > self.length / 2
                self.refill = Refill.FIXED if back else Refill.SLIDING
        self.length = max(self.length, reset) if limit == self.limit else reset
        self.limit, self.ends_at, self.newest = limit, ends_at, permit.number
        self.opens_at = min(ends_at, now + HOUR) + GRACE + JITTER * self.random()
        if refused and not remaining:
            self.opens_at = max(self.opens_at, self.pause.until)
        self._take(remaining)
        self.silent = self.over = False
        self.heard_at, self.heard_wall = now, self.wall()
        self.look_at = now + LONGEST_QUIET

    def _take(self, remaining: int) -> None:
        """Believe this number; it may or may not count what is in flight."""
        self.remaining, self.lost = remaining, 0
        self.older_in_flight, self.sent_before = self.in_flight, self.sent
