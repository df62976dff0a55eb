"""Pacing: a token bucket that spreads bulk requests over the window, so that live calls later find quota left.

It applies to calls with a ``reserve`` and ``max_wait=None``, for their requests above the reserve. A call with a
``max_wait`` is not paced, because pacing may delay a call but must never make it fail.
"""

from __future__ import annotations

import math
from typing import Final

from attrs import define, field

PACE_FACTOR: Final = 2.0  # times the even rate: bulk spends its part early, before live calls take quota
SHORTEST_SPREAD: Final = (
    30.0  # seconds: just before the window ends, requests are still spread over this time
)
BURST: Final = 0.05  # share of the limit that may be sent at once after a time without requests
MOST: Final = 64  # number of reserves with a bucket


@define(eq=False, repr=False)
class Bucket:
    """The token bucket of one reserve."""

    tokens: float = math.inf  # a full bucket: the first call of wait() reduces it to the burst
    filled_at: float = 0.0


@define(eq=False, repr=False)
class Pace:
    """One token bucket for each reserve."""

    buckets: dict[float, Bucket] = field(factory=dict)

    def wait(self, now: float, reserve: float, free: int, limit: int, seconds_left: float) -> float:
        """Seconds until the next request may be sent, if ``free`` of ``limit`` requests are above the reserve."""
        bucket = self.bucket(reserve)
        rate = PACE_FACTOR * free / max(SHORTEST_SPREAD, seconds_left)
        burst = max(1.0, min(BURST * limit, free))
        bucket.tokens = min(burst, bucket.tokens + rate * (now - bucket.filled_at))
        bucket.filled_at = now
        missing = 1 - bucket.tokens
        return missing / rate if missing > 1e-9 else 0.0

    def bucket(self, reserve: float) -> Bucket:
        """The bucket of this reserve. If there are too many, the oldest one is dropped."""
        bucket = self.buckets.get(reserve)
        if bucket is None:
            if len(self.buckets) >= MOST:
                del self.buckets[next(iter(self.buckets))]
            bucket = self.buckets[reserve] = Bucket()
        return bucket
