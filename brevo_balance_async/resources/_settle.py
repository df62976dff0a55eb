"""Reconcile an unclear complete or cancel by reading the contact's history."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from attrs import evolve

from brevo_balance_async.core.answers import ENDS, ended
from brevo_balance_async.errors import BalanceError

if TYPE_CHECKING:
    from brevo_balance_async.models import Transaction, TransactionStatus
    from brevo_balance_async.resources.history import History

# How much the createdAt of a history row may be earlier than the one in the answer to begin.
_SLACK: Final = timedelta(minutes=1)
# Some servers write a missing timestamp as year 1 or 1970.
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


async def settle(
    history: History, known: Transaction, wanted: TransactionStatus, doubtful: BalanceError
) -> Transaction:
    """Return ``known`` as completed or cancelled if the history shows that status.

    Another final status in the history raises ``UnprocessableError``. A draft, a missing row or a failed read
    proves nothing, because the history may lag behind: ``doubtful`` is raised.
    """
    created = known.created_at
    since = created - _SLACK if created is not None and created > _EPOCH else None
    try:
        record = await history.find(
            contact_id=known.contact_id or 0,
            balance_definition_id=known.balance_definition_id or "",
            transaction_id=known.id,
            since=since,
            timeout=None,  # the timeout of the complete or cancel also covers this read
        )
    except BalanceError as error:
        doubtful.add_note(f"the history could not be read to settle it: {error}")
        raise doubtful from doubtful.__cause__
    if record is None:
        doubtful.add_note("its end is not in the history yet")
        raise doubtful
    if record.status is None or record.status not in ENDS:
        doubtful.add_note("the history shows a draft still")
        raise doubtful
    if record.status == wanted:
        return evolve(
            known,
            status=record.status,
            completed_at=record.completed_at,
            cancelled_at=record.cancelled_at,
            amount=record.amount if record.amount is not None else known.amount,
        )
    refusal = ended(record.status, record.reject_reason, "its history")
    refusal.endpoint, refusal.attempts = doubtful.endpoint, doubtful.attempts
    raise refusal from doubtful
