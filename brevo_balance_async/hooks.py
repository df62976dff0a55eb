"""Event records, and what listens to them.

A hook is any callable that takes one event. Hooks run on the event loop between two awaits, so they must be
quick; one that raises is logged and does not disturb the call. No event carries a key, a header or a body.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol, TypeAlias

from attrs import frozen

if TYPE_CHECKING:
    from brevo_balance_async.errors import BalanceError

log = logging.getLogger("brevo_balance_async.requests")


@frozen(eq=False)
class AttemptStarted:
    """A request is about to be handed to aiohttp. ``url`` is without credentials; ``attempt`` counts from 1."""

    endpoint: str
    method: str
    url: str
    attempt: int


@frozen(eq=False)
class AttemptFinished:
    """An answer came back whole. ``seconds`` is the time of this attempt."""

    endpoint: str
    attempt: int
    status: int
    seconds: float
    request_id: str | None


@frozen(eq=False)
class AttemptFailed:
    """No usable answer came back. ``sent`` says whether bytes of the request may have left."""

    endpoint: str
    attempt: int
    error: BalanceError
    sent: bool
    seconds: float


@frozen(eq=False)
class RetryScheduled:
    """The call will be tried again after ``delay`` seconds, because of ``error``."""

    endpoint: str
    attempt: int
    delay: float
    error: BalanceError


@frozen(eq=False)
class QuotaWait:
    """The call waits about ``seconds`` for the account's quota; nothing has been sent for this attempt."""

    endpoint: str
    seconds: float


@frozen(eq=False)
class OutcomeUnknown:
    """A write may have been applied and nobody knows. ``cancelled``: its caller was cancelled while it was out."""

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
        """Take note of ``event``."""


def log_event(event: Event) -> None:
    """The hook that writes to the logger ``brevo_balance_async.requests``.

    It is always on: unknown outcomes are warnings, everything else is at debug level.
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
