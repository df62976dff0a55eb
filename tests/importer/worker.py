"""A process of its own that imports a file until it is done or killed: ``python worker.py JSON``."""

from __future__ import annotations

import asyncio
import json
import sys

import attrs

from brevo_balance_async import BalanceClient, JournalBusyError
from brevo_balance_async.importer import Importer, read_csv
from brevo_balance_async.journal import Journal

BUSY = 7
"""Exit code: another process loads the same file at this moment."""


async def work(settings):
    async with (
        BalanceClient(settings["key"], base_url=settings["base_url"], timeout=3) as client,
        Journal(settings["journal"], lease=settings["lease"]) as journal,
    ):
        importer = Importer(
            client.program(settings["program"]),
            journal,
            concurrency=settings["concurrency"],
            **settings["once"],
        )
        rows = read_csv(settings["file"], balance_definition_id=settings["definition"])
        try:
            async with importer.run(rows) as outcomes:
                print("loaded", flush=True)
                async for _ in outcomes:
                    pass
        except JournalBusyError:
            raise SystemExit(BUSY) from None
        print(json.dumps(attrs.asdict(outcomes.report)), flush=True)


if __name__ == "__main__":
    asyncio.run(work(json.loads(sys.argv[1])))
