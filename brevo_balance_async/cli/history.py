"""``brevo-balance history``."""

from __future__ import annotations

from brevo_balance_async import TransactionRecord

from .api import Api, Definition, connected
from .numbers import Whole
from .output import Format, export


async def history(
    *,
    api: Api,
    definition: Definition,
    contact: Whole,
    sort: str | None = None,
    status: str | None = None,
    type: str | None = None,
    output: Format = "table",
) -> None:
    """List the transactions of one contact, newest first.

    :param definition: UUID of the balance definition.
    :param sort: asc or desc.
    :param status: draft, completed, rejected, cancelled or expired.
    :param type: credit or debit.
    :param output: table shows the main fields, the others show all.
    """
    async with connected(api) as program:
        walk = program.history.list(
            contact_id=contact,
            balance_definition_id=definition,
            sort=sort,
            status=status,
            transaction_type=type,
        )
        columns = ("id", "created_at", "transaction_type", "amount", "status", "meta")
        await export(walk, TransactionRecord, columns, output)
