"""What follows from a failed attempt: the verdict, the backoff, and the budget that keeps retries rare.

The verdict rests on facts, not on names of exceptions: whether bytes of the request may have left, and whether
Brevo's business code (rather than something in between) has refused it.
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

# Statuses with which business code says no before it has done anything.
_REFUSALS: Final = frozenset({400, 401, 403, 404, 405, 406, 413, 415, 422})
WRITES_ONCE: Final = frozenset({Replay.UNSAFE, Replay.GUARDED})
"""What must not happen twice, so that an unclear outcome has to be told."""
# Said by the rate limiter in front (429), or defined as "not processed" (425, RFC 8470).
_NOT_PROCESSED: Final = frozenset({425, 429})


class Verdict(Enum):
    """What became of an attempt, as far as anybody can know."""

    NOT_SENT = "not sent"
    """Certainly not applied, and may be sent again whatever it is."""
    REFUSED = "refused"
    """Certainly not applied, and sending it again would not help."""
    UNCLEAR = "unclear"
    """May have been applied."""
    BROKEN = "broken"
    """Answered, but in a way that asking again would not mend."""


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
    """Whether a request of this class may be sent again after such an attempt."""
    if verdict is Verdict.NOT_SENT:
        return True
    # A guarded write may be asked for again even after an answer nobody understands: the server guards it.
    guarded = replay is Replay.GUARDED and verdict is Verdict.BROKEN
    return guarded or (verdict is Verdict.UNCLEAR and replay is not Replay.UNSAFE)


def leaves_doubt(replay: Replay, verdict: Verdict) -> bool:
    """Whether a write that ended so may have been applied."""
    return replay in WRITES_ONCE and verdict in {Verdict.UNCLEAR, Verdict.BROKEN}


@frozen(eq=False, repr=False)
class Backoff:
    """Exponential backoff with full jitter: a random wait up to a bound that doubles."""

    first: float = 0.5
    """Seconds: the bound of the first wait."""
    longest: float = 8.0
    random: Callable[[], float] = field(default=random.random)

    def delay(self, attempt: int) -> float:
        """Seconds to wait after attempt number ``attempt`` (from 1)."""
        # The exponent is capped before it is used, so that a long import cannot overflow it.
        return self.random() * min(self.longest, self.first * 2.0 ** min(attempt - 1, 16))


class Budget:
    """Keeps an outage from eating the hour's quota: a retry takes 1, a success gives back 0.1.

    The capacity is 10, or 2 % of the account's limit where that is known and more.
    """

    def __init__(self) -> None:
        self._spent = 0  # tenths, so that ten successes are worth a retry exactly

    def take(self, limit: int | None) -> bool:
        """Pay for one retry; False if the budget is used up."""
        if self._spent + 10 > max(100.0, 0.2 * (limit or 0)):
            return False
        self._spent += 10
        return True

    def succeeded(self) -> None:
        """An attempt succeeded."""
        if self._spent:
            self._spent -= 1
