"""Credit the rows of a CSV (columns reference, contact_id, amount, event_time) concurrently, each at most once.

    BREVO_API_KEY=... python import_credits.py credits.csv --program UUID --definition UUID

Set BREVO_BASE_URL to try it on a sandbox. A row whose outcome is unknown is never sent again: look its reference up in
the contact's history first. Nothing is remembered between two runs, so run a file once.
"""

from __future__ import annotations

import argparse
import asyncio
from collections import Counter

from brevo_balance_async import BalanceClient, BalanceError, OutcomeUnknownError, Program, UnprocessableError
from brevo_balance_async.importer import Entry, read_csv
from brevo_balance_async.models import UNSET


async def credit(program: Program, entry: Entry) -> tuple[str, str]:
    """Credit one entry; say what became of it, and why."""
    if entry.amount < 0:
        return "refused", "a negative amount is a debit"
    try:
        done = await program.transactions.begin(
            balance_definition_id=entry.balance_definition_id,
            contact_id=entry.contact_id,
            amount=entry.amount,
            event_time=entry.event_time or UNSET,
            auto_complete=True,
            meta={**(entry.meta or {}), "reference": entry.reference},
        )
    except (ValueError, UnprocessableError) as error:  # by us (an amount of zero, say) or by the server
        return "refused", str(error)
    except BalanceError as error:  # failed: certainly not credited
        return "unknown" if isinstance(error, OutcomeUnknownError) else "failed", str(error)
    except asyncio.CancelledError:  # Ctrl-C while the request may have been on its way
        return "interrupted", "it may have been credited"
    return ("credited", "") if done.status == "completed" else ("refused", done.reject_reason or "")


async def main(options: argparse.Namespace, entries: list[Entry]) -> int:
    """Credit all entries with a bounded number of calls in flight, then list what was not credited."""
    rest, counts, lines = iter(entries), Counter[str](), list[str]()

    async def work(program: Program) -> None:  # all workers take from one iterator: each entry has one worker
        for entry in rest:
            outcome, reason = await credit(program, entry)
            counts[outcome] += 1
            if outcome != "credited":
                lines.append(f"{outcome} {entry.reference} (line {entry.line}): {reason}")
            if counts["failed"] or counts["interrupted"]:
                return  # a wrong key, say, would fail every entry

    try:
        # max_wait=None waits for the account's hourly quota; reserve=0.2 leaves a fifth of it to live traffic.
        async with BalanceClient(max_wait=None, reserve=0.2) as client, asyncio.TaskGroup() as group:
            for _ in range(options.concurrency):
                group.create_task(work(client.program(options.program)))
    finally:
        counts["not tried"] = len(list(rest))
        print(*lines, ", ".join(f"{count} {outcome}" for outcome, count in counts.items()), sep="\n")
    return 0 if counts["credited"] == counts.total() else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Credit the rows of a CSV.")
    parser.add_argument("csv")
    parser.add_argument("--program", required=True)
    parser.add_argument("--definition", required=True)
    parser.add_argument("--concurrency", type=int, default=20)
    arguments = parser.parse_args()
    if arguments.concurrency < 1:
        parser.error("it takes a concurrency of 1 or more")
    try:  # the whole file is checked before anything is sent
        entries = list(read_csv(arguments.csv, balance_definition_id=arguments.definition))
    except ValueError as error:  # an InputFileError, with the lines
        parser.error(str(error))
    raise SystemExit(asyncio.run(main(arguments, entries)))
