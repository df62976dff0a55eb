"""A queue that may deliver a job twice, and credits that must not be made twice.

    BREVO_API_KEY=... python queue_consumer.py PROGRAM DEFINITION < jobs.jsonl

Each line is a job: {"order": "order-42", "contact_id": 42, "points": "12.50"}. The reference is the order's,
never the id of the queue's job: a job that is delivered again, or was put into the queue twice, is the same order. Kill
it and start it again as often as you like.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from brevo_balance_async import BalanceClient
from brevo_balance_async.exactly_once import ExactlyOnce
from brevo_balance_async.journal import Journal


async def handle(once: ExactlyOnce, definition: str, job: dict[str, Any]) -> float | None:
    """Settle one job; seconds after which the queue shall deliver it again, or None if it is done."""
    outcome = await once.apply(
        reference=job["order"],
        contact_id=job["contact_id"],
        balance_definition_id=definition,
        amount=job["points"],
    )
    if outcome.final:
        print(outcome.reference, outcome.state, "before" if outcome.repeated else "now", flush=True)
        return None
    return outcome.retry_after or 3600.0  # without retry_after a person has to look


async def main(program: str, definition: str) -> None:
    """Stand in for the queue: up to 20 jobs at once, each delivered until it is done."""
    at_once = asyncio.Semaphore(20)

    async def deliver(once: ExactlyOnce, job: dict[str, Any]) -> None:
        again: float | None = 0.0
        while again is not None:
            await asyncio.sleep(again)
            async with at_once:
                again = await handle(once, definition, job)

    async with BalanceClient() as client, Journal("credits.db") as journal, asyncio.TaskGroup() as group:
        once = ExactlyOnce(client.program(program), journal)
        for line in sys.stdin:
            group.create_task(deliver(once, json.loads(line)))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
