"""The pace of those who wait as long as it takes: their requests above the reserve are spread over the window.

So live calls that come later find more than what the reserve keeps for them. Nobody with a ``max_wait`` is paced,
because pacing shall make wait and never refuse.
"""

from __future__ import annotations

import math
from typing import Final

from attrs import define, field

HASTE: Final = 2.0  # spends faster than evenly: what live calls use later comes on top, not out of it
SHORTEST_SPREAD: Final = 30.0  # seconds: even at a window's end, what is free is not thrown out at once
BURST: Final = 0.05  # share of the limit that may be sent in one go after a pause
MOST: Final = 64  # reserves that are remembered


@define(eq=False, repr=False)
class Bucket:
    """The tokens of one reserve."""

    tokens: float = math.inf  # full: the first look cuts it to the burst that is allowed
    filled_at: float = 0.0


@define(eq=False, repr=False)
class Pace:
    """A token bucket for each of the reserves used last."""

    buckets: dict[float, Bucket] = field(factory=dict)

    def wait(self, now: float, reserve: float, free: int, limit: int, seconds_left: float) -> float:
        """Seconds until the next request may go, with ``free`` of ``limit`` requests above the reserve."""
        bucket = self.bucket(reserve)
        rate = HASTE * free / max(SHORTEST_SPREAD, seconds_left)
        burst = max(1.0, min(BURST * limit, free))
        bucket.tokens = min(burst, bucket.tokens + rate * (now - bucket.filled_at))
        bucket.filled_at = now
        missing = 1 - bucket.tokens
        return missing / rate if missing > 1e-9 else 0.0

    def bucket(self, reserve: float) -> Bucket:
        """The tokens of this reserve."""
        bucket = self.buckets.get(reserve)
        if bucket is None:
            if len(self.buckets) >= MOST:
                del self.buckets[next(iter(self.buckets))]
            bucket = self.buckets[reserve] = Bucket()
        return bucket
