"""What became of one reference."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from attrs import frozen

from brevo_balance_async.journal import PARKED, canonical_amount
from brevo_balance_async.models import Value

if TYPE_CHECKING:
    from brevo_balance_async.journal import Row


@frozen(kw_only=True)
class Outcome(Value):
    """What became of one reference: ``state`` is ``"applied"``, ``"refused"`` or ``"unknown"``."""

    reference: str
    state: str
    repeated: bool = False
    """It was settled before this call, which sent nothing."""
    transaction_id: str | None = None
    amount: Decimal
    """What was asked for."""
    credited: Decimal | None = None
    """What the server says it credited (negative: debited); a rule of the definition can make it less than asked."""
    reason: str | None = None
    """Why it was refused, or is not known yet."""
    retry_after: float | None = None
    """Seconds after which it makes sense to ask again; only for unknown, and None where a person has to look."""
    line: int | None = None
    """Where it stood in the source it was loaded from."""
    scope: int = 0
    """The journal's number of program and balance definition."""

    @property
    def final(self) -> bool:
        """False only for unknown: ask again later, with the same reference."""
        return self.state != "unknown"


def credited(row: Row, stated: Decimal | None) -> str | None:
    """What the server states, in canonical form; whether it writes a debit with a sign is undocumented."""
    if stated is None:
        return None
    return canonical_amount(abs(stated) * (-1 if Decimal(row.amount) < 0 else 1))


def outcome(
    row: Row, *, repeated: bool = False, reason: str | None = None, retry_after: float | None = None
) -> Outcome:
    """The outcome that a row shows; of an open one with the reason why it is not known."""
    return Outcome(
        reference=row.reference,
        state=row.state if row.finished else "unknown",
        repeated=repeated,
        transaction_id=row.tid,
        amount=Decimal(row.amount),
        credited=None if row.credited is None else Decimal(row.credited),
        reason=row.reason if row.finished else reason or row.reason,
        retry_after=None if row.finished or (retry_after or 0.0) >= PARKED / 2 else retry_after,
        line=row.line,
        scope=row.scope,
    )
