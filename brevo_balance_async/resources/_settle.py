"""What became of a transaction whose end is in doubt, read in its contact's history."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from attrs import evolve

from brevo_balance_async.core.answers import ENDS, ended
from brevo_balance_async.errors import BalanceError

if TYPE_CHECKING:
    from brevo_balance_async.models import Transaction, TransactionStatus
    from brevo_balance_async.resources.history import History

_SLACK: Final = timedelta(minutes=1)  # between two timestamps that the server gave to one transaction
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)  # a time before it is a server's way of writing none


async def settle(
    history: History, known: Transaction, wanted: TransactionStatus, doubtful: BalanceError
) -> Transaction:
    """``known`` as it was completed or cancelled, if the history shows that; another end raises ``UnprocessableError``.

    Only an end counts, since it stays. What is missing, or a draft still, may be an old view of the history: then
    ``doubtful`` is raised.
    """
    created = known.created_at
    since = created - _SLACK if created is not None and created > _EPOCH else None
    try:
        record = await history.find(
            contact_id=known.contact_id or 0,
            balance_definition_id=known.balance_definition_id or "",
            transaction_id=known.id,
            since=since,
            timeout=None,  # the call that asks keeps the time
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
