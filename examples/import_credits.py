"""Credit the rows of a CSV (columns reference, contact_id, event_time, amount) concurrently, each at most once.

    BREVO_API_KEY=... python import_credits.py credits.csv --program UUID --definition UUID

Set BREVO_BASE_URL to try it on a sandbox. A row whose outcome is unknown is listed and never sent again: look its
reference up in the contact's history first. Nothing is remembered between two runs, so run a file once.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import sys
from collections import Counter
from datetime import datetime
from pathlib import Path

from brevo_balance_async import BalanceClient, BalanceError, OutcomeUnknownError, Program, UnprocessableError


async def credit(program: Program, definition: str, row: dict[str, str]) -> tuple[str, str]:
    """Credit one row; say what became of it, and why."""
    try:
        done = await program.transactions.begin(
            balance_definition_id=definition,
            contact_id=int(row["contact_id"]),
            amount=row["amount"],
            event_time=datetime.fromisoformat(row["event_time"]),
            auto_complete=True,
            meta={"reference": row["reference"]},
        )
    except OutcomeUnknownError as error:
        return "unknown", str(error)
    except (ValueError, UnprocessableError) as error:  # by us (InvalidRequestError) or by the server
        return "refused", str(error)
    except BalanceError as error:  # certainly not credited
        return "failed", str(error)
    except asyncio.CancelledError:  # Ctrl-C while the request may have been on its way
        return "interrupted", "it may have been credited"
    return ("credited", "") if done.status == "completed" else ("refused", done.reject_reason or "")


async def work(
    program: Program, definition: str, rows: csv.DictReader[str], counts: Counter[str], lines: list[str]
) -> None:
    """Credit rows until there are none. All workers take from one iterator, so each row has one worker."""
    for row in rows:
        outcome, reason = await credit(program, definition, row)
        counts[outcome] += 1
        if outcome != "credited":
            lines.append(f"{outcome} {row['reference']}: {reason}")
        if counts["failed"] or counts["interrupted"]:
            return  # a wrong key, say, would fail every row


async def main(options: argparse.Namespace) -> int:
    """Credit all rows with a bounded number of calls in flight, then list what was not credited."""
    rows = csv.DictReader(options.csv.read_text(encoding="utf-8").splitlines())
    counts, lines = Counter[str](), list[str]()
    try:
        # max_wait=None waits for the account's hourly quota; reserve=0.2 leaves a fifth of it to live traffic.
        async with BalanceClient(max_wait=None, reserve=0.2) as client, asyncio.TaskGroup() as group:
            program = client.program(options.program)
            for _ in range(options.concurrency):
                group.create_task(work(program, options.definition, rows, counts, lines))
    finally:
        counts["not tried"] = len(list(rows))
        print(*lines, ", ".join(f"{count} {outcome}" for outcome, count in counts.items()), sep="\n")
    return 0 if counts["credited"] == counts.total() else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Credit the rows of a CSV.")
    parser.add_argument("csv", type=Path)
    parser.add_argument("--program", required=True)
    parser.add_argument("--definition", required=True)
    parser.add_argument("--concurrency", type=int, default=20)
    sys.exit(asyncio.run(main(parser.parse_args())))
