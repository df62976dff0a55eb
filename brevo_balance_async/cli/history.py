"""``brevo-balance history``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Final

from cyclopts import Parameter

from brevo_balance_async import TransactionRecord, TransactionStatus, TransactionType

from .api import Api, Definition, Limit, Output, connected
from .cells import text
from .numbers import Whole
from .output import export, is_utf8
from .sparkline import Sparkline
from .terminal import width, write

if TYPE_CHECKING:
    from collections.abc import Sequence

_ROOM_FOR_WORDS: Final = 60


async def history(
    *,
    api: Api,
    definition: Definition,
    contact: Annotated[Whole, Parameter(help="Brevo's id of the contact.")],
    sort: str | None = None,
    status: str | None = None,
    type: str | None = None,
    limit: Limit = None,
    output: Output = "table",
) -> None:
    """List the transactions of one contact, newest first.

    On a terminal a table ends with the sum of its completed rows, and how it went up and down.

    Example: brevo-balance history --contact 42 --limit 20

    :param sort: asc or desc.
    :param status: draft, completed, rejected, cancelled or expired.
    :param type: credit or debit.
    """
    sums = Sparkline(backwards=sort != "asc")

    def seen(rows: Sequence[TransactionRecord]) -> None:
        for row in rows:
            if row.status == TransactionStatus.COMPLETED and row.amount is not None:
                debit = row.transaction_type == TransactionType.DEBIT
                sums.add(-abs(row.amount) if debit else row.amount)

    async with connected(api) as program:
        walk = program.history.list(
            contact_id=contact,
            balance_definition_id=definition,
            sort=sort,
            status=status,
            transaction_type=type,
        )
        columns = ("id", "created_at", "amount", "status", "transaction_type", "meta")
        await export(walk, TransactionRecord, columns, output, limit=limit, seen=seen)
    if output == "table" and sums.count:
        _tell(sums)


def _tell(sums: Sparkline) -> None:
    if (columns := width()) is None or not is_utf8():
        return
    line = sums.text(max(8, columns - _ROOM_FOR_WORDS))
    write(f"\ncompleted rows add up to {text(sums.total)}  {line}\n")
    sys.stdout.flush()
