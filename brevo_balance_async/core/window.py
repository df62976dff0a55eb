"""What is known of the account's quota window, and how long it asks a request to wait.

Pure numbers: the caller brings ``now`` (monotonic seconds), and nothing here sleeps or sends. Brevo counts all
``/v3/loyalty/...`` calls of an account together, by the hour, and tells on every answer how many are allowed
(``x-sib-ratelimit-limit``), how many are left (``-remaining``) and in how many seconds the window ends
(``-reset``). The reset is a duration, so neither the server's clock nor this machine's wall clock matters.

``left`` is charged when a request is sent and corrected by every answer, and always counts what is in flight as
spent: an answer cannot tell which of the others the server has already counted.
"""

from __future__ import annotations

import math
import time
from enum import Enum
from typing import TYPE_CHECKING

from attrs import define, field, frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

UNTIL_ANSWER = math.inf
"""A wait that ends with the answer to a request in flight, nobody knows when."""

HOUR = 3600.0
GRACE = 1.0  # the header is in whole seconds: the window may end that much later than it says
JITTER = 1.0  # processes that were told the same end do not come back at the same moment
SLACK = 2.5  # two answers of one window disagree about its end by rounding and by their time on the way
LONGEST_RESET = 86_400.0  # more is no duration in seconds: an epoch, or garbage
LIVE_PROBES = 4  # live requests that may fly while nothing is known
FIRST_GAP, LAST_GAP = 5.0, 300.0  # seconds between probes of a server that answers 429 after its own reset
BURST = 0.05  # share of the limit that bulk may send in one go after a pause
HASTE = 2.0  # bulk spends faster than evenly: what live calls use later comes on top, not out of it
SHORTEST_SPREAD = 60.0  # seconds: near a window's end, what is free is not thrown out at once
CROWD = 12  # bulk has at most 1/12 of what is free in flight: a dozen processes may do so at the same moment


class Refill(Enum):
    """How a window gives back what was spent, learned at its end."""

    UNKNOWN = "unknown"
    WHOLE = "whole"  # all at once: a window by the clock, or one that starts with the first request
    GRADUAL = "gradual"  # one by one, as old requests leave a sliding window


@frozen
class Reading:
    """The quota headers of one answer."""

    limit: int
    remaining: int
    reset: float


def read_headers(headers: Mapping[str, str]) -> tuple[Reading | None, bool]:
    """What the headers say, or ``None`` where they make no sense, and whether there were any at all."""
    texts = [headers.get(f"x-sib-ratelimit-{name}") for name in ("limit", "remaining", "reset")]
    try:
        limit, remaining, reset = (float(text or "nan") for text in texts)
    except ValueError:
        return None, True
    if not (1 <= limit < math.inf and abs(remaining) < math.inf and 0 <= reset <= LONGEST_RESET):
        return None, any(text is not None for text in texts)
    return Reading(int(limit), max(0, int(remaining)), reset), True


@define(eq=False)
class Lane:
    """Requests with one ``reserve`` (0 is live), paced by a token bucket if it is not 0."""

    reserve: float
    tokens: float = math.inf  # full; the first look cuts it to the burst that is allowed
    filled_at: float = 0.0


@define(eq=False)
class Permit:
    """The right to send one request, from ``Gate.enter`` to ``Gate.leave`` or ``Gate.cancel``."""

    lane: Lane
    number: int
    sent_at: float


@define(eq=False)
class Window:
    """Knowledge of one account's window, and the requests in flight."""

    random: Callable[[], float]
    limit: int | None = None
    left: int = 0
    ends_at: float = 0.0
    opens_at: float = 0.0  # from here on a new window is worth a probe
    over: bool = True  # opens_at has passed, and no answer came since
    length: float = 0.0  # the longest reset seen
    refill: Refill = Refill.UNKNOWN
    silent: bool = False  # the server sends no quota headers, so there is no gate
    heard_at: float = 0.0
    heard_wall: float = 0.0
    strikes: int = 0  # 429s in a row after a reset that was waited out
    in_flight: int = 0
    bulk_in_flight: int = 0
    sent: int = 0
    newest: int = field(default=0)  # number of the newest request whose answer was believed

    def wait(self, now: float, lane: Lane, ahead: int = 0) -> float:
        """Seconds until a request of ``lane`` may go that has ``ahead`` others before it; 0 is at once."""
        if self.silent:
            return 0.0
        if now >= self.opens_at:
            self._end(now)
        if lane.reserve:
            return self._bulk_wait(now, lane, ahead)
        if self.left > ahead:
            return 0.0
        if not self.over:
            return self.opens_at - now
        return 0.0 if self.in_flight < (1 if self.strikes else LIVE_PROBES) else UNTIL_ANSWER

    def _bulk_wait(self, now: float, lane: Lane, ahead: int) -> float:
        one_probe = UNTIL_ANSWER if self.bulk_in_flight else 0.0
        if self.limit is None or (self.over and self.refill is not Refill.GRADUAL):
            return max(one_probe, self.opens_at - now)
        free = self.left - math.ceil(lane.reserve * self.limit)
        if free <= ahead:
            opens_at = self.opens_at
            if self.refill is Refill.GRADUAL:
                # One request has left the window when it opens; the others that are owed follow at the rate at
                # which they came. So many processes settle a little below the reserve instead of eating it.
                used = max(1, self.limit - self.left)
                opens_at += min(LAST_GAP, (ahead - free) * max(self.length, HOUR) / used)
            return opens_at - now if opens_at > now else one_probe
        if self.bulk_in_flight > free // CROWD:
            return UNTIL_ANSWER
        rate = HASTE * free / max(SHORTEST_SPREAD, self.ends_at - now)
        burst = max(1.0, min(BURST * self.limit, free))
        lane.tokens = min(burst, lane.tokens + rate * (now - lane.filled_at))
        lane.filled_at = now
        missing = 1 + ahead - lane.tokens
        return missing / rate if missing > 1e-9 else 0.0

    def _end(self, now: float) -> None:
        """The window has ended as far as is known, and nobody has said what came next."""
        if not self.over:
            self.over = True
            if self.refill is Refill.WHOLE and self.limit is not None and now >= self.ends_at:
                self.left = self.limit - self.in_flight
        if self.limit is not None and now >= self.ends_at + max(self.length, HOUR):
            self._forget()

    def _forget(self) -> None:
        self.limit, self.left, self.over, self.refill = None, -self.in_flight, True, Refill.UNKNOWN

    def send(self, now: float, lane: Lane) -> Permit:
        """Charge one request."""
        self.sent += 1
        self.in_flight += 1
        self.left -= 1
        if lane.reserve:
            self.bulk_in_flight += 1
            lane.tokens -= 1
        return Permit(lane, self.sent, now)

    def cancel(self, permit: Permit) -> None:
        """The request never left: everything back."""
        self._land(permit)
        self.left += 1
        if permit.lane.reserve:
            permit.lane.tokens += 1

    def _land(self, permit: Permit) -> None:
        self.in_flight -= 1
        if permit.lane.reserve:
            self.bulk_in_flight -= 1

    def answer(
        self, now: float, permit: Permit, status: int | None, headers: Mapping[str, str] | None
    ) -> None:
        """Learn from the end of a request; without an answer its charge stays."""
        self._land(permit)
        if status is None or headers is None:
            return
        reading, present = read_headers(headers)
        if reading is not None:
            self._learn(now, permit, reading, exhausted=status == 429)
        elif status == 429:
            if self.limit is not None:
                self._refused(now, permit, FIRST_GAP)
        elif not present and 200 <= status < 300 and self.over:
            self._forget()
            self.silent = True

    def _learn(self, now: float, permit: Permit, reading: Reading, *, exhausted: bool) -> None:
        ends_at = now + reading.reset
        later = ends_at > self.ends_at + SLACK
        if self.limit is not None:
            if self.over and permit.sent_at < self.opens_at:
                return  # sent in the window that is over: says nothing about the next
            if permit.number < self.newest and not later:
                if ends_at >= self.ends_at - SLACK:
                    self.left = min(self.left, (0 if exhausted else reading.remaining) - self.in_flight)
                return
            if later and now >= self.ends_at - SLACK:
                back = reading.remaining >= reading.limit / 2 and reading.reset > self.length / 2
                self.refill = Refill.WHOLE if back and not exhausted else Refill.GRADUAL
        if exhausted:
            self._refused(now, permit, reading.reset)
        else:
            self.strikes = 0
            self.left = reading.remaining - self.in_flight
            self.opens_at = ends_at + GRACE + JITTER * self.random()
        self.silent = self.over = False
        self.limit, self.ends_at, self.length = reading.limit, ends_at, max(self.length, reading.reset)
        self.newest, self.heard_at, self.heard_wall = permit.number, now, time.time()

    def _refused(self, now: float, permit: Permit, reset: float) -> None:
        """A 429: nobody moves before the reset, nor before a growing gap if that was waited out already."""
        if self.over and permit.sent_at >= self.opens_at and self.limit is not None:
            self.strikes += 1
        gap = min(LAST_GAP, FIRST_GAP * 2 ** (self.strikes - 1)) if self.strikes else 0.0
        self.left = -self.in_flight
        self.opens_at = now + max(reset + GRACE, gap) + JITTER * self.random()
        self.over = False
