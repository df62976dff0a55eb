"""The pause after a 429: no request until it is over, then one at a time until the server answers normally."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from attrs import define

if TYPE_CHECKING:
    from collections.abc import Callable

HOUR: Final = 3600.0
JITTER: Final = 1.0  # seconds: processes that wait for the same end must not all send at the same time
FIRST_PAUSE: Final = 1.0  # seconds after a 429 that asks for no wait
FIRST_BACKOFF: Final = 5.0  # seconds, at least, after the second 429 in a row; doubled by each further one
LONGEST_BACKOFF: Final = 300.0  # the longest such backoff


@define(eq=False, repr=False)
class Pause:
    """The pause that follows from the 429s so far. All times are monotonic seconds."""

    random: Callable[[], float]
    until: float = -math.inf
    refused_at: float = -math.inf
    """When the last 429 arrived."""
    refusals: int = 0
    """Consecutive 429s to requests that were sent after the pause of the previous one."""
    concurrency: float = math.inf
    """Requests that may be in flight: 1 after a 429, one more after each other answer."""

    def refused(self, now: float, sent_at: float, asked: float | None) -> None:
        """Start or extend the pause after a 429 that asks for ``asked`` seconds.

        If the server refuses again after a full pause, its answer asked for too little: then the backoff applies.
        """
        if sent_at >= self.until:
            self.refusals += 1
        seconds = FIRST_PAUSE if asked is None else asked
        if self.refusals > 1:
            seconds = max(seconds, min(LONGEST_BACKOFF, FIRST_BACKOFF * 2.0 ** min(self.refusals - 2, 16)))
        seconds += min(JITTER, seconds / 2) * self.random()
        self.until = max(self.until, now + min(seconds, HOUR))
        self.concurrency, self.refused_at = 1, now

    def served(self, now: float, sent_at: float) -> None:
        """Relax after an answer that is no 429, if its request was sent after the last 429 arrived."""
        if sent_at >= self.refused_at:
            self.refusals = 0
            self.concurrency += 1
            self.until = min(self.until, now)
