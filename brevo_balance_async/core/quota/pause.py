"""What a 429 asks of everybody: a pause, and then one request at a time until the server serves again."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from attrs import define

if TYPE_CHECKING:
    from collections.abc import Callable

HOUR: Final = 3600.0
JITTER: Final = 1.0  # processes that were told the same end do not all come back at the same moment
FIRST_PAUSE: Final = 1.0  # seconds after a 429 that asks for no wait
FIRST_GAP: Final = 5.0  # seconds after a second 429 in a row; it doubles with each further one ...
LAST_GAP: Final = 300.0  # ... up to this


@define(eq=False, repr=False)
class Pause:
    """The pause after the 429s so far. All times are monotonic seconds."""

    random: Callable[[], float]
    until: float = -math.inf
    refused_at: float = -math.inf
    """When the last 429 came."""
    refusals: int = 0
    """Consecutive 429s, each after the pause that the one before had asked for."""
    width: float = math.inf
    """Requests that may be in flight: 1 after a 429, and one more with each answer that is none."""

    def refused(self, now: float, sent_at: float, asked: float | None) -> None:
        """A 429 came that asks for so many seconds. Who waited as long as asked and in vain waits longer."""
        if sent_at >= self.until:
            self.refusals += 1
        seconds = FIRST_PAUSE if asked is None else asked
        if self.refusals > 1:
            seconds = max(seconds, min(LAST_GAP, FIRST_GAP * 2.0 ** min(self.refusals - 2, 16)))
        seconds += min(JITTER, seconds / 2) * self.random()
        self.until = max(self.until, now + min(seconds, HOUR))
        self.width, self.refused_at = 1, now

    def served(self, now: float, sent_at: float) -> None:
        """An answer came that is no 429; it counts if its request was sent after the last one."""
        if sent_at >= self.refused_at:
            self.refusals = 0
            self.width += 1
            self.until = min(self.until, now)
