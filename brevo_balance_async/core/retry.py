"""What follows from a failed attempt: the verdict, the backoff, and the budget that limits retries.

The verdict depends on two facts: whether bytes of the request may have left, and whether Brevo's business code (and
not a proxy or gateway before it) has refused the request.
"""

from __future__ import annotations

import random
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from attrs import field, frozen

from brevo_balance_async.core.protocol import Replay
from brevo_balance_async.errors import (
    BalanceError,
    ConnectFailedError,
    DecodeError,
    InvalidRequestError,
    ResponseError,
    TransportError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from brevo_balance_async.core.protocol import Endpoint

# Statuses with which business code refuses a request before it has changed anything.
_REFUSALS: Final = frozenset({400, 401, 403, 404, 405, 406, 413, 415, 422})
WRITES_ONCE: Final = frozenset({Replay.UNSAFE, Replay.GUARDED})
"""Writes that must not be applied twice: an unclear attempt ends in ``OutcomeUnknownError``."""
# 429 comes from the rate limiter before the business code; 425 means "not processed" (RFC 8470).
_NOT_PROCESSED: Final = frozenset({425, 429})


class Verdict(Enum):
    """What a failed attempt says about the request."""

    NOT_SENT = "not sent"
    """Certainly not applied: any request may be retried."""
    REFUSED = "refused"
    """Certainly not applied, and a retry would be refused too."""
    UNCLEAR = "unclear"
    """It may have been applied; a retry may succeed."""
    BROKEN = "broken"
    """It may have been applied, and a retry would get the same unusable answer."""


def judge(endpoint: Endpoint[Any], error: BalanceError) -> Verdict:
    """The verdict on one failed attempt."""
    match error:
        case ConnectFailedError():
            return Verdict.NOT_SENT if error.retryable else Verdict.REFUSED
        case TransportError():
            return Verdict.UNCLEAR if error.sent else Verdict.NOT_SENT
        case DecodeError():
            return Verdict.UNCLEAR if error.garbled else Verdict.BROKEN
        case InvalidRequestError():
            return Verdict.REFUSED
        case ResponseError(status=status) if status in _NOT_PROCESSED:
            return Verdict.NOT_SENT
        case ResponseError(status=status) if status in _REFUSALS | endpoint.refuses and error.explained:
            return Verdict.REFUSED
        case ResponseError(status=status) if status >= 500 or status == 408:
            return Verdict.UNCLEAR
        case _:
            return Verdict.BROKEN


def may_try_again(replay: Replay, verdict: Verdict) -> bool:
    """True if a request of this replay class may be retried after this verdict."""
    if verdict is Verdict.NOT_SENT:
        return True
    # The server applies a guarded write at most once, so a retry is safe, and it may show the transaction's status.
    guarded = replay is Replay.GUARDED and verdict is Verdict.BROKEN
    return guarded or (verdict is Verdict.UNCLEAR and replay is not Replay.UNSAFE)


def leaves_doubt(replay: Replay, verdict: Verdict) -> bool:
    """True if a write that must not be applied twice may have been applied."""
    return replay in WRITES_ONCE and verdict in {Verdict.UNCLEAR, Verdict.BROKEN}


@frozen(eq=False, repr=False)
class Backoff:
    """Exponential backoff with full jitter: a random wait up to a bound that doubles."""

    first: float = 0.5
    """Seconds: the upper bound of the first wait."""
    longest: float = 8.0
    """Seconds: the upper bound of every wait."""
    random: Callable[[], float] = field(default=random.random)

    def delay(self, attempt: int) -> float:
        """Seconds to wait after attempt number ``attempt`` (from 1)."""
        # The exponent is capped, because a call that waits as long as needed may make very many attempts.
        return self.random() * min(self.longest, self.first * 2.0 ** min(attempt - 1, 16))


class Budget:
    """Keeps retries from spending the hour's quota in an outage: a retry costs 1, a success gives back 0.1.

    The capacity is 10, or 2 % of the account's limit if that is known and larger.
    """

    def __init__(self) -> None:
        self._spent = 0  # in tenths of a retry: exact integers

    def take(self, limit: int | None) -> bool:
        """Take one retry out of the budget; False if it is used up."""
        if self._spent + 10 > max(100.0, 0.2 * (limit or 0)):
            return False
        self._spent += 10
        return True

    def succeeded(self) -> None:
        """Give back a tenth of a retry."""
        if self._spent:
            self._spent -= 1
