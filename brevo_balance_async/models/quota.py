"""What is known of the account's quota."""

from __future__ import annotations

from datetime import datetime

from attrs import frozen

from brevo_balance_async.models.value import Value


@frozen(eq=False, repr=False, weakref_slot=False)
class QuotaState(Value):
    """The account's quota by the last answer's headers, less what was sent since: ``client.quota``.

    Brevo sends ``x-sib-ratelimit-limit``, ``-remaining`` and ``-reset`` (seconds left) with every answer
    (https://developers.brevo.com/docs/limit-headers). They count all loyalty calls of the account, also those of other
    processes (https://developers.brevo.com/docs/api-limits).
    """

    limit: int
    """Requests that the account may send in a window; at least 600 an hour, by plan."""
    remaining: int
    """Requests that may still be sent: the last answer's number, less what was sent since and less one request for
    each open ``hold``."""
    resets_in: float
    """Seconds from ``observed_at`` to the end of the window."""
    observed_at: datetime
    """When that answer arrived, in UTC by this machine's clock."""
