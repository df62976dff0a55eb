"""Write the transactions of all members since a moment into a CSV: what cron runs at night.

    BREVO_API_KEY=... python export_history.py PROGRAM DEFINITION 2026-11-25T00:00:00Z yesterday.csv

It costs one request for each member whose balance has changed since then, and one for each 500 balances. It waits for
quota as long as it takes, and leaves a third of it to the shop. The file has another name until it is whole, so whoever
picks it up never reads half of it.
"""

from __future__ import annotations

import asyncio
import csv
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from brevo_balance_async import BalanceClient, Program

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from brevo_balance_async import TransactionRecord

COLUMNS = ("id", "contact_id", "created_at", "transaction_type", "amount", "status", "reference")


async def changed(program: Program, definition: str, since: datetime) -> list[int]:
    """The members whose balance has changed since then."""
    return [
        balance.contact_id
        async for balance in program.balances.list(definition)
        if balance.contact_id is not None and (balance.updated_at is None or balance.updated_at >= since)
    ]


async def transactions(
    program: Program, definition: str, contact_id: int, since: datetime
) -> AsyncIterator[TransactionRecord]:
    """A member's transactions since then, newest first; older pages are not asked for."""
    rows = program.history.list(contact_id=contact_id, balance_definition_id=definition, sort="desc")
    async for row in rows:
        if row.created_at is not None and row.created_at < since:
            return
        yield row


async def export(program: Program, definition: str, since: datetime, target: Path) -> int:
    """Write the file; the number of its rows."""
    count = 0
    partial = target.with_name(f"{target.name}.part")
    with partial.open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(COLUMNS)
        for contact in await changed(program, definition, since):
            async for row in transactions(program, definition, contact, since):
                reference = (row.meta or {}).get("reference", "")
                lines.writerow(
                    [row.id, contact, row.created_at, row.transaction_type, row.amount, row.status, reference]
                )
                count += 1
    partial.replace(target)
    return count


async def main(program: str, definition: str, since: str, target: str) -> None:
    """See above."""
    async with BalanceClient(max_wait=None, reserve=0.33) as client:
        moment = datetime.fromisoformat(since)
        rows = await export(client.program(program), definition, moment, Path(target))
    print(f"{rows} transactions")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
