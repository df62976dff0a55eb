"""Credit the rows of a CSV (columns reference, contact_id, event_time, amount) concurrently, each at most once.

    BREVO_API_KEY=... python import_credits.py credits.csv --program UUID --definition UUID

Set BREVO_BASE_URL to try it on a sandbox. A row whose outcome is unknown is never sent again: look its reference up in
the contact's history first. Nothing is remembered between two runs, so run a file once.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
from collections import Counter
from datetime import datetime

from brevo_balance_async import BalanceClient, BalanceError, OutcomeUnknownError, Program, UnprocessableError


async def credit(program: Program, definition: str, row: dict[str, str]) -> tuple[str, str]:
    """Credit one row; say what became of it, and why."""
    if "" in row or not row["reference"] or row["amount"].lstrip().startswith("-"):
        return "refused", "it has more fields than the header, no reference, or a negative amount (a debit)"
    try:
        done = await program.transactions.begin(
            balance_definition_id=definition,
            contact_id=int(row["contact_id"]),
            amount=row["amount"],
            event_time=datetime.fromisoformat(row["event_time"]),
            auto_complete=True,
            meta={"reference": row["reference"]},
        )
    except (ValueError, UnprocessableError) as error:  # by us (InvalidRequestError) or by the server
        return "refused", str(error)
    except BalanceError as error:  # failed: certainly not credited
        return "unknown" if isinstance(error, OutcomeUnknownError) else "failed", str(error)
    except asyncio.CancelledError:  # Ctrl-C while the request may have been on its way
        return "interrupted", "it may have been credited"
    return ("credited", "") if done.status == "completed" else ("refused", done.reject_reason or "")


async def main(options: argparse.Namespace, table: list[tuple[int, dict[str, str]]]) -> int:
    """Credit all rows with a bounded number of calls in flight, then list what was not credited."""
    rows, counts, lines = iter(table), Counter[str](), list[str]()

    async def work(program: Program) -> None:  # all workers take from one iterator: each row has one worker
        for line, row in rows:
            outcome, reason = await credit(program, options.definition, row)
            counts[outcome] += 1
            if outcome != "credited":
                lines.append(f"{outcome} {row['reference']} (line {line}): {reason}")
            if counts["failed"] or counts["interrupted"]:
                return  # a wrong key, say, would fail every row

    try:
        # max_wait=None waits for the account's hourly quota; reserve=0.2 leaves a fifth of it to live traffic.
        async with BalanceClient(max_wait=None, reserve=0.2) as client, asyncio.TaskGroup() as group:
            for _ in range(options.concurrency):
                group.create_task(work(client.program(options.program)))
    finally:
        counts["not tried"] = len(list(rows))
        print(*lines, ", ".join(f"{count} {outcome}" for outcome, count in counts.items()), sep="\n")
    return 0 if counts["credited"] == counts.total() else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Credit the rows of a CSV.")
    parser.add_argument("csv")
    parser.add_argument("--program", required=True)
    parser.add_argument("--definition", required=True)
    parser.add_argument("--concurrency", type=int, default=20)
    arguments = parser.parse_args()
    with open(arguments.csv, newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file, restkey="", restval="")  # a short row's fields are empty, and refused
        numbered = [(reader.line_num, each) for each in reader]
    columns = {"reference", "contact_id", "event_time", "amount"}
    if not numbered or not columns <= numbered[0][1].keys() or arguments.concurrency < 1:
        parser.error(f"it takes rows with {', '.join(sorted(columns))}, and a concurrency of 1 or more")
    raise SystemExit(asyncio.run(main(arguments, numbered)))
