"""What became of one reference."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from brevo_balance_async.journal import Row


@frozen(kw_only=True)
class Outcome:
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
    """Seconds after which it makes sense to ask again; only for unknown."""
    line: int | None = None
    """Where it stood in the source it was loaded from."""

    @property
    def final(self) -> bool:
        """False only for unknown: ask again later, with the same reference."""
        return self.state != "unknown"


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
        retry_after=None if row.finished else retry_after,
        line=row.line,
    )
