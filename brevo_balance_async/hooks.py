"""Events of a call, and the hooks that receive them: ``BalanceClient(hooks=[...])``.

A hook is any callable that takes one event. Hooks run on the event loop, so they must not block. An exception in a
hook is logged and does not affect the call. No event has a key in it; ``error`` may have the answer's headers and
the start of its body.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from brevo_balance_async.errors import BalanceError

log: Final = logging.getLogger("brevo_balance_async.requests")


@frozen(eq=False)
class AttemptStarted:
    """A request is about to be sent. ``url`` has no credentials; ``attempt`` counts the call's requests from 1."""

    endpoint: str
    method: str
    url: str
    attempt: int


@frozen(eq=False)
class AttemptFinished:
    """A complete answer arrived, whatever its status. ``seconds`` is the time of this attempt.

    ``headers`` are the answer's; their names are found in any case, as in ``event.headers.get("date")``.
    """

    endpoint: str
    attempt: int
    status: int
    seconds: float
    request_id: str | None
    headers: Mapping[str, str] = field(factory=dict, repr=False)


@frozen(eq=False)
class AttemptFailed:
    """No complete answer arrived. ``sent``: bytes of the request may have left; ``seconds``: this attempt's time."""

    endpoint: str
    attempt: int
    error: BalanceError
    sent: bool
    seconds: float


@frozen(eq=False)
class RetryScheduled:
    """The call will be retried after ``delay`` seconds, because of ``error``."""

    endpoint: str
    attempt: int
    delay: float
    error: BalanceError


@frozen(eq=False)
class QuotaWait:
    """The call begins to wait for the account's quota. Nothing was sent for this attempt.

    ``seconds`` is the expected wait; 0 while nothing is known about the quota.
    """

    endpoint: str
    seconds: float


@frozen(eq=False)
class OutcomeUnknown:
    """A write may have been applied or not. ``cancelled``: the calling task was cancelled meanwhile."""

    endpoint: str
    attempt: int
    cancelled: bool
    error: BalanceError | None


Event: TypeAlias = (
    AttemptStarted | AttemptFinished | AttemptFailed | RetryScheduled | QuotaWait | OutcomeUnknown
)


class Hook(Protocol):
    """Anything that can be called with an event."""

    def __call__(self, event: Event, /) -> None:
        """Receive ``event``."""


def log_event(event: Event) -> None:
    """The hook that writes to the logger ``brevo_balance_async.requests``; every client has it.

    An unknown outcome is logged as a warning, everything else at debug level.
    """
    match event:
        case OutcomeUnknown():
            log.warning(
                "%s: outcome unknown after attempt %d: %s",
                event.endpoint,
                event.attempt,
                event.error or "cancelled",
            )
        case AttemptStarted():
            log.debug("%s: attempt %d, %s %s", event.endpoint, event.attempt, event.method, event.url)
        case AttemptFinished():
            log.debug(
                "%s: attempt %d, status %d in %.3f s",
                event.endpoint,
                event.attempt,
                event.status,
                event.seconds,
            )
        case AttemptFailed():
            log.debug(
                "%s: attempt %d failed (sent: %s): %s", event.endpoint, event.attempt, event.sent, event.error
            )
        case RetryScheduled():
            log.debug("%s: again in %.2f s after attempt %d", event.endpoint, event.delay, event.attempt)
        case QuotaWait():
            log.debug("%s: waiting %.1f s for quota", event.endpoint, event.seconds)
