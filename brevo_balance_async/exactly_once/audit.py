"""The audit of lean: what was given up and applied after all.

Only a reference that was sent more than once can be credited more than once, so only those are looked up.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from attrs import frozen

from brevo_balance_async.exactly_once.outcome import credited
from brevo_balance_async.models import TransactionStatus

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from brevo_balance_async.exactly_once.answers import Calls
    from brevo_balance_async.exactly_once.outcome import Outcome
    from brevo_balance_async.journal import Journal, Scope

_SKEW: Final = timedelta(hours=24)
_AT_ONCE: Final = 200


@frozen(kw_only=True)
class Doubled:
    """A reference that was credited more often than the journal says."""

    reference: str
    contact_id: int
    balance_definition_id: str
    extra: Mapping[str, Decimal]
    """The transactions that are too many, and what each has credited (negative: debited)."""
    undone: tuple[Outcome, ...] = ()
    """The opposite of each, where that was asked for."""


async def doubled(journal: Journal, calls: Calls, scope: Scope) -> AsyncIterator[Doubled]:
    """Such references of a scope, by the contacts' histories."""
    after = ""
    while rows := await journal.sent_again(scope, after=after, limit=_AT_ONCE):
        for row in rows:
            after = row.reference
            since = None if row.tid_at is None else datetime.fromtimestamp(row.tid_at, UTC) - _SKEW
            extra = {
                record.id.lower(): Decimal(credited(row, record.amount) or 0)
                async for record in calls.history(row, scope.definition, since)
                if record.status == TransactionStatus.COMPLETED
                and str((record.meta or {}).get("reference")) == row.reference
            }
            if row.state == "applied" and extra:
                extra.pop(row.tid if row.tid in extra else next(iter(extra)))
            if extra:
                yield Doubled(
                    reference=row.reference,
                    contact_id=row.contact or 0,
                    balance_definition_id=scope.definition,
                    extra=extra,
                )
