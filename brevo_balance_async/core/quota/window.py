"""What is known about the account's quota window, and how long a request has to wait for it.

Nothing here sleeps or sends: the caller passes ``now`` (monotonic seconds). Brevo counts all ``/v3/loyalty/...`` calls
of an account together, by the hour (https://developers.brevo.com/docs/api-limits). Every answer says how many are left
and in how many seconds the window ends (https://developers.brevo.com/docs/limit-headers). That is a duration, so
differences between clocks do not matter.

``remaining`` is the newest answer's number. Three charges are subtracted, because it is unknown whether the server has
counted them: requests in flight, requests without a usable answer (``unconfirmed``), and the second permits of holds
(``held``). The next answer corrects the estimate.
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
"""A wait of unknown length: until the answer to a request in flight."""

GRACE: Final = 1.0  # seconds: the header has whole seconds, so the window may end this much later
SLACK: Final = (
    2.5  # seconds by which answers of one window may disagree about its end (rounding, travel time)
)
LIVE_PROBES: Final = 4  # requests without a reserve that may be in flight while the quota is unknown
PROBE_AFTER: Final = (
    300.0  # seconds without a request, after which one may be sent to ask for the headers again
)
SHARES: Final = 24  # a reserve may have 1/24 of what is free in flight, as up to 24 processes may do the same
FRESH: Final = 1.0  # seconds for which an answer's number is trusted; later, others may have spent it


class Refill(Enum):
    """How the quota comes back; learned when a window ends."""

    UNKNOWN = "unknown"
    FIXED = "fixed"
    """All at once, at the end of the window."""
    SLIDING = "sliding"
    """One by one, as each request becomes an hour old."""


@define(eq=False, repr=False)
class Permit:
    """The right to send one request, given by ``Gate.enter``, returned by ``Gate.leave`` or ``.cancel``."""

    reserve: float
    number: int
    sent_at: float
    bucket: Bucket | None = None
    """The bucket that its token came from, if it was paced."""
    pair: Pair | None = None
    """Set if this is the second permit of a hold."""


@define(eq=False, repr=False)
class Pair:
    """The two permits of a hold: one for its begin, one for its complete or cancel.

    ``held``: the second one is kept for the hold. For all other requests it counts as used, also in later windows.
    """

    held: bool = False
    ended: bool = False
    """The hold has ended, so no permit is kept for it any more."""


@define(eq=False, repr=False)
class Window:
    """What is known about one account's window, and the number of requests in flight.

    "Bulk" below means requests with a ``reserve``, "live" those without.
    """

    random: Callable[[], float]
    wall: Callable[[], float] = time.time
    # From the newest answer with numbers.
    limit: int | None = None  # None while nothing is known
    remaining: int = 0
    ends_at: float = 0.0
    opens_at: float = 0.0  # when requests may be sent again once nothing is left
    length: float = 0.0  # the longest reset seen
    newest: int = 0  # number of the request that it answered
    sent_before: int = 0  # requests sent before it arrived
    observed_at: float = 0.0
    observed_wall: float = 0.0  # wall clock, for QuotaState only
    # Concluded from it.
    ended: bool = True  # the window has ended, and no answer came since
    refill: Refill = Refill.UNKNOWN
    no_headers: bool = False  # the server sends no quota headers, so only its 429s count
    # Requests sent.
    sent: int = 0
    in_flight: int = 0
    bulk_in_flight: int = 0
    maybe_counted: int = 0  # those in flight that were sent before the newest answer arrived
    unconfirmed: int = 0  # since the newest answer: requests that the server may or may not have counted
    held: int = 0  # second permits of holds
    probe_at: float = math.inf  # the last request's time plus PROBE_AFTER
    pace: Pace = field(factory=Pace)
    pause: Pause = field(init=False, default=Factory(lambda self: Pause(self.random), takes_self=True))

    @property
    def available(self) -> int:
        """Requests that may certainly still be sent, the reserve included."""
        return self.remaining - self.in_flight - self.unconfirmed - self.held

    def reserved(self, reserve: float) -> int:
        """Requests that a ``reserve`` leaves to others."""
        return math.ceil(reserve * self.limit) if self.limit else 0

    # Waiting -----------------------------------------------------------------------------------------------------

    def wait(self, now: float, reserve: float, need: int = 1, *, paced: bool = False) -> float:
        """Seconds until the next request may be sent; 0 is now.

        ``need`` is 2 for the begin of a hold, which keeps a permit for its end, and 0 for that end. ``paced`` spreads
        the requests above the reserve over the window (module ``pace``).
        """
        pause = self.pause
        # The usual case first: a live call, and the newest answer shows that enough is left.
        if not reserve and not self.ended and pause.until <= now < self.opens_at:
            free = self.remaining - self.in_flight - self.unconfirmed - self.held
            if free >= need and self.in_flight < pause.concurrency:
                return 0.0
        if self.limit is not None:
            self._end_if_due(now)
        if need and self.in_flight >= pause.concurrency:
            due = UNTIL_ANSWER
        else:
            due = now if self.no_headers or need == 0 else self._due(now, reserve, need, paced=paced)
            due = max(due, pause.until)
        # Headers may be wrong, and an answer may never come. If nothing at all is left by them, or the wait is for an
        # answer, one request is sent after PROBE_AFTER to get new headers. Not the begin of a hold, which could not be
        # ended then; and not while only a reserve or holds of our own stop the request.
        stuck = due == UNTIL_ANSWER or now < pause.until or self.available + self.held <= 0
        if stuck and need < 2:
            due = min(due, self.probe_at)
        return max(0.0, due - now)

    def _due(self, now: float, reserve: float, need: int, *, paced: bool) -> float:
        """The time at which the quota allows the next request."""
        alone = UNTIL_ANSWER if self.in_flight else now
        free = self.available - self.reserved(reserve)
        if self._unknown(reserve, need):
            if free >= need and not reserve:
                return now
            # One bulk request at a time while the quota is unknown: bulk must never be sent where live has to wait.
            return alone if reserve or self.in_flight >= LIVE_PROBES else now
        if free >= need:
            return self._share(now, reserve, free, paced=paced) if reserve else now
        if free + self._doubtful >= need:
            return alone
        opens_at = self._opens_at(need - free)
        return opens_at if opens_at > now else alone

    def _share(self, now: float, reserve: float, free: int, *, paced: bool) -> float:
        """The time for a bulk request when ``free`` requests are above its reserve.

        Other processes see the same number, so each has only a small part of it in flight at a time.
        """
        room = max(1, free // SHARES) if now < self.observed_at + FRESH else 1
        if self.bulk_in_flight >= room:
            return UNTIL_ANSWER
        if not paced:
            return now
        return now + self.pace.wait(now, reserve, free, self.limit or 0, self.ends_at - now)

    def expected(self, now: float, reserve: float, need: int = 1) -> float:
        """Seconds that are known to pass until ``need`` more requests may be sent.

        0 while nothing is known, or if the answer to a request in flight may end the wait.
        """
        self._end_if_due(now)
        closed = max(0.0, self.pause.until - now)
        free = self.remaining - self.in_flight + self.maybe_counted - self.held - self.reserved(reserve)
        if need == 0 or self._unknown(reserve, need) or free >= need:
            return closed
        return max(closed, self._opens_at(need - free) - now)

    @property
    def _doubtful(self) -> int:
        """Charges that the newest answer may have counted already."""
        return self.maybe_counted + self.unconfirmed

    def _unknown(self, reserve: float, need: int) -> bool:
        # When a sliding window ends, only its oldest request leaves it: one request is free, the rest stays known.
        sliding = (reserve > 0 or need > 1) and self.refill is Refill.SLIDING
        return self.limit is None or (self.ended and not sliding)

    def _opens_at(self, missing: int) -> float:
        """The time at which ``missing`` more requests than now may be sent."""
        if self.refill is not Refill.SLIDING or self.limit is None:
            return self.opens_at
        # At opens_at the oldest request leaves a sliding window. The others are assumed to leave at an even rate.
        used = max(1, self.limit - self.available)
        return self.opens_at + (missing - 1) * max(self.length, HOUR) / used

    def _end_if_due(self, now: float) -> None:
        """Note the end of the window. After one more window's time without an answer, forget what is known."""
        if self.limit is None or now < self.opens_at:
            return
        if not self.ended:
            self.ended = True
            if self.refill is Refill.FIXED and now >= self.ends_at:
                self._take(self.limit)
        if now >= self.ends_at + max(self.length, HOUR):
            self._forget()

    def _forget(self) -> None:
        self.limit, self.remaining, self.unconfirmed, self.ended, self.refill = (
            None,
            0,
            0,
            True,
            Refill.UNKNOWN,
        )

    # Sending -----------------------------------------------------------------------------------------------------

    def send(self, now: float, reserve: float, *, paced: bool = False) -> Permit:
        """Charge one request, which is about to be sent."""
        self.sent += 1
        self.in_flight += 1
        if reserve:
            self.bulk_in_flight += 1
        self.probe_at = now + PROBE_AFTER
        if not paced:
            return Permit(reserve, self.sent, now)
        bucket = self.pace.bucket(reserve)
        bucket.tokens -= 1
        return Permit(reserve, self.sent, now, bucket)

    def cancel(self, permit: Permit) -> None:
        """Give the charge back: the request was certainly not sent."""
        self._finished(permit)
        if permit.bucket is not None:
            permit.bucket.tokens += 1
        if permit.pair is not None:
            self.keep(permit.pair)

    def _finished(self, permit: Permit) -> None:
        self.in_flight -= 1
        if permit.reserve:
            self.bulk_in_flight -= 1
        if permit.number <= self.sent_before:
            self.maybe_counted -= 1

    def keep(self, pair: Pair) -> None:
        """Keep the second permit of a hold."""
        if not pair.held and not pair.ended:
            pair.held = True
            self.held += 1

    def take(self, pair: Pair) -> None:
        """Stop keeping the second permit: it is used now, or the hold has ended."""
        if pair.held:
            pair.held = False
            self.held -= 1

    # Learning ----------------------------------------------------------------------------------------------------

    def answer(self, now: float, permit: Permit, reading: Reading | None) -> None:
        """Learn from the end of a request. ``reading`` is None if no answer came: the request stays charged."""
        self._finished(permit)
        if reading is None:
            self.unconfirmed += 1
            return
        if reading.status == 429:
            self.pause.refused(now, permit.sent_at, reading.wait)
            self.probe_at = now + PROBE_AFTER
            if permit.pair is not None:
                self.keep(permit.pair)  # the server did not count it, and the hold still has to end
        elif reading.status < 500 and self.pause.concurrency < math.inf:
            self.pause.served(now, permit.sent_at)
        if reading.limit is not None:
            self._learn(now, permit, reading)
            return
        if self.no_headers:
            return
        if reading.status >= 500:
            self.unconfirmed += 1  # a proxy may have answered, so the server may not have counted it
        elif reading.status != 429:
            self.remaining -= 1  # the server has processed it, so it has counted it
        if reading.no_headers and 200 <= reading.status < 300 and self.ended and now >= self.ends_at:
            self._forget()
            self.no_headers = True

    def _learn(self, now: float, permit: Permit, reading: Reading) -> None:
        limit, remaining, reset = reading.limit or 0, reading.remaining or 0, reading.reset
        refused = reading.status == 429
        if refused:
            if reading.retry_after is None:
                remaining = 0  # a 429 means that nothing is left, even if its headers say otherwise
            if not remaining and reset is None:
                reset = reading.wait
        if reset is None:  # not usable: assume the known end of the window, else an hour
            reset = HOUR if self.ended else max(0.0, self.ends_at - now)
        ends_at = now + reset
        if self.limit is not None:
            if self.ended and permit.sent_at < self.opens_at:
                return  # the request was counted in the window that has ended
            later = ends_at > self.ends_at + SLACK
            if permit.number < self.newest and not later:
                # Answers may overtake each other: this one is older. Of the same window, the smaller number counts.
                if ends_at >= self.ends_at - SLACK:
                    self.remaining = min(self.remaining, remaining)
                return
            if later and now >= self.ends_at - SLACK and not refused:
                # The first answer after the end: a fixed window starts again nearly full and with its whole length.
                full = remaining >= limit / 2 and reset > self.length / 2
                self.refill = Refill.FIXED if full else Refill.SLIDING
        if reset > self.length or limit != self.limit:
            self.length = reset
        self.limit, self.ends_at, self.newest = limit, ends_at, permit.number
        self.opens_at = (ends_at if reset < HOUR else now + HOUR) + GRACE + JITTER * self.random()
        if refused and not remaining:
            self.opens_at = max(self.opens_at, self.pause.until)
        self._take(remaining)
        self.no_headers = self.ended = False
        self.observed_at, self.observed_wall = now, self.wall()
        self.probe_at = now + PROBE_AFTER

    def _take(self, remaining: int) -> None:
        """Use the newest number. Requests in flight may or may not be counted in it."""
        self.remaining, self.unconfirmed = remaining, 0
        self.maybe_counted, self.sent_before = self.in_flight, self.sent
