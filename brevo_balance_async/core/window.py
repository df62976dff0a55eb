"""What is known of the account's quota window, and how long it asks a request to wait.

Pure numbers: the caller brings ``now`` (monotonic seconds), and nothing here sleeps or sends. Brevo counts
all ``/v3/loyalty/...`` calls of an account together, by the hour, and tells on every answer how many are
allowed (``x-sib-ratelimit-limit``), how many are left (``-remaining``) and in how many seconds the window
ends (``-reset``). The reset is a duration: neither the server's clock nor this machine's wall clock matters.

``left`` is charged when a request is sent and corrected by every answer. It always counts what is in flight
as spent, because an answer cannot tell which of the others the server has already counted.
"""

from __future__ import annotations

import math
import time
from enum import Enum
from typing import TYPE_CHECKING

from attrs import Factory, define, field

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

UNTIL_ANSWER = math.inf
"""A wait that ends with the answer to a request in flight, nobody knows when."""

HEADERS = ("x-sib-ratelimit-limit", "x-sib-ratelimit-remaining", "x-sib-ratelimit-reset")
HOUR = 3600.0
LONGEST_RESET = 86_400.0  # a longer one is no duration in seconds: an epoch, or garbage
GRACE = 1.0  # the header is in whole seconds: the window may end that much later than it says
JITTER = 1.0  # processes that were told the same end do not all come back at the same moment
SLACK = 2.5  # rounding and the time on the way: answers of one window disagree about its end by so much
LIVE_PROBES = 4  # live requests that may fly while nothing is known
FIRST_GAP, LAST_GAP = 5.0, 300.0  # between probes of a server that answers 429 after its own reset
HASTE = 2.0  # bulk spends faster than evenly: what live calls use later comes on top, not out of it
SHORTEST_SPREAD = 30.0  # seconds: even at a window's end, what is free is not thrown out at once
BURST = 0.02  # share of the limit that bulk may send in one go after a pause
CROWD = 24  # bulk has at most 1/24 of what is free in flight, since as many processes may do the same
FRESH = 1.0  # seconds: later, others may have spent what an answer showed, and bulk sends one to look


class Refill(Enum):
    """How a window gives back what was spent; learned when one ends."""

    UNKNOWN = "unknown"
    WHOLE = "whole"  # all at once: a window by the clock, or one that starts with the first request
    GRADUAL = "gradual"  # one by one, as old requests leave a sliding window


def read_headers(headers: Mapping[str, str]) -> tuple[int, int, float] | None:
    """Limit, remaining requests and seconds left; ``None`` if there are none, ``ValueError`` if they make no sense."""
    get = headers.get
    limits, remainings, resets = get(HEADERS[0]), get(HEADERS[1]), get(HEADERS[2])
    if limits is None and remainings is None and resets is None:
        return None
    limit, remaining, reset = float(limits or "nan"), float(remainings or "nan"), float(resets or "nan")
    if not (1 <= limit < math.inf and abs(remaining) < math.inf and 0 <= reset <= LONGEST_RESET):
        raise ValueError(limits, remainings, resets)
    return int(limit), max(0, int(remaining)), reset


@define(eq=False, repr=False)
class Permit:
    """The right to send one request, given by ``Gate.enter``, returned by ``Gate.leave`` or ``.cancel``."""

    lane: Lane
    number: int = 0
    sent_at: float = 0.0


@define(eq=False, repr=False)
class Lane:
    """The requests of one ``reserve`` (0 is live); a token bucket paces the others."""

    reserve: float
    tokens: float = math.inf  # full: the first look cuts it to the burst that is allowed
    filled_at: float = 0.0
    ungated: Permit = field(
        init=False, default=Factory(Permit, takes_self=True)
    )  # serves all: it tells nothing


@define(eq=False, repr=False)
class Window:
    """Knowledge of one account's window, and the count of requests in flight."""

    random: Callable[[], float]
    limit: int | None = None  # None while nothing is known
    left: int = 0
    ends_at: float = 0.0
    opens_at: float = 0.0  # once nothing is left, nobody moves before this moment
    over: bool = True  # that moment has passed, and no answer came since
    length: float = 0.0  # the longest reset seen
    refill: Refill = Refill.UNKNOWN
    silent: bool = False  # the server sends no quota headers: nothing is gated
    strikes: int = 0  # 429s in a row after waiting as long as the server asked
    heard_at: float = 0.0
    heard_wall: float = 0.0  # for people to read; nothing is decided by it
    in_flight: int = 0
    bulk_in_flight: int = 0
    sent: int = 0
    newest: int = 0  # number of the newest request whose answer was believed

    def wait(self, now: float, lane: Lane, ahead: int = 0) -> float:
        """Seconds until a request of ``lane`` with ``ahead`` others before it may go; 0 is now."""
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
        probes = 1 if self.strikes else LIVE_PROBES
        return 0.0 if self.in_flight < probes else UNTIL_ANSWER

    def _bulk_wait(self, now: float, lane: Lane, ahead: int) -> float:
        # A probe flies alone, so that bulk never goes where live waits.
        alone = UNTIL_ANSWER if self.in_flight else 0.0
        if self.limit is None or (self.over and self.refill is not Refill.GRADUAL):
            return alone
        free = self.left - math.ceil(lane.reserve * self.limit)
        if free <= ahead:
            opens_at = self.opens_at
            if self.refill is Refill.GRADUAL:
                # By then one request has left the window. The others that are owed follow at the rate at
                # which they came, so many processes settle a little below the reserve and do not eat it up.
                used = max(1, self.limit - self.left)
                opens_at += (ahead - free) * max(self.length, HOUR) / used
            return opens_at - now if opens_at > now else alone
        fresh = now < self.heard_at + FRESH
        if self.bulk_in_flight >= (max(1, free // CROWD) if fresh else 1):
            return UNTIL_ANSWER
        rate = HASTE * free / max(SHORTEST_SPREAD, self.ends_at - now)
        burst = max(1.0, min(BURST * self.limit, free))
        lane.tokens = min(burst, lane.tokens + rate * (now - lane.filled_at))
        lane.filled_at = now
        missing = 1 + ahead - lane.tokens
        return missing / rate if missing > 1e-9 else 0.0

    def _end(self, now: float) -> None:
        """Note that the window is over as far as is known; after another one without news forget it."""
        if self.limit is None:
            return
        if not self.over:
            self.over = True
            if self.refill is Refill.WHOLE and now >= self.ends_at:
                self.left = self.limit - self.in_flight
        if now >= self.ends_at + max(self.length, HOUR):
            self._forget()

    def _forget(self) -> None:
        self.limit, self.left, self.over, self.refill = None, -self.in_flight, True, Refill.UNKNOWN

    def pass_by(self, lane: Lane) -> Permit:
        """Count a request past the gate of a silent server; it is made cheap, since it is every request."""
        self.in_flight += 1
        if lane.reserve:
            self.bulk_in_flight += 1
        return lane.ungated

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
        """Give the charge back: the request never left."""
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
    ) -> bool:
        """Learn from the end of a request; without an answer its charge stays. True: a 429's reset was learned."""
        self._land(permit)
        if status is None or headers is None or (self.silent and HEADERS[0] not in headers):
            return False
        try:
            reading = read_headers(headers)
        except ValueError:
            silent, reading = False, None
        else:
            silent = reading is None
        if reading is not None:
            return self._learn(now, permit, *reading, refused=status == 429)
        if status == 429 and self.limit is not None:
            self._refuse(now, permit, FIRST_GAP)
        elif silent and 200 <= status < 300 and self.over and now >= self.ends_at:
            self._forget()
            self.silent = True
        return False

    def _learn(
        self, now: float, permit: Permit, limit: int, remaining: int, reset: float, *, refused: bool
    ) -> bool:
        ends_at = now + reset
        if refused:
            remaining = 0
        if self.limit is not None:
            if self.over and permit.sent_at < self.opens_at:
                return False  # sent into the window that is over: says nothing about the next one
            later = ends_at > self.ends_at + SLACK
            if permit.number < self.newest and not later:
                if ends_at >= self.ends_at - SLACK:  # else it is a straggler of an earlier window
                    self.left = min(self.left, remaining - self.in_flight)
                return False
            if later and now >= self.ends_at - SLACK and not refused:
                back = remaining >= limit / 2 and reset > self.length / 2
                self.refill = Refill.WHOLE if back else Refill.GRADUAL
        if refused:
            self._refuse(now, permit, reset)
        else:
            self.left = remaining - self.in_flight
            self.opens_at = ends_at + GRACE + JITTER * self.random()
            self.strikes = 0
        self.length = max(self.length, reset) if limit == self.limit else reset
        self.limit, self.ends_at, self.newest = limit, ends_at, permit.number
        self.silent = self.over = False
        self.heard_at, self.heard_wall = now, time.time()
        return refused

    def _refuse(self, now: float, permit: Permit, reset: float) -> None:
        """Take a 429: nobody moves before the reset, nor before a growing gap if a reset was waited out."""
        if self.limit is not None and permit.sent_at >= self.opens_at:
            self.strikes += 1
        gap = min(LAST_GAP, FIRST_GAP * 2 ** (self.strikes - 1)) if self.strikes else 0.0
        self.left = -self.in_flight
        self.opens_at = now + max(reset + GRACE, gap) + JITTER * self.random()
        self.over = False
