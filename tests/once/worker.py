"""A process of its own that settles what is in a journal until it is killed: ``python worker.py JSON``."""

from __future__ import annotations

import asyncio
import json
import sys

from helpers import PROGRAM

from brevo_balance_async import BalanceClient
from brevo_balance_async.exactly_once import ExactlyOnce
from brevo_balance_async.journal import Journal


async def work(settings):
    async with (
        BalanceClient(settings["key"], base_url=settings["base_url"], timeout=3, max_wait=None) as client,
        Journal(settings["journal"], lease=settings["lease"]) as journal,
    ):
        once = ExactlyOnce(client.program(PROGRAM), journal, **settings["once"])
        numbers = iter(settings["apply"])
        await asyncio.gather(_deliver(once), *(_apply(once, settings, numbers) for _ in range(5)))


async def _apply(once, settings, numbers):
    """A queue that delivers everything to everybody."""
    for number in numbers:
        await once.apply(
            reference=f"applied-{number}",
            contact_id=number % 40 + 1,
            balance_definition_id=settings["definition"],
            amount="2.5",
            timeout=2,
        )


async def _deliver(once):
    async for _ in once.deliver(forever=True, concurrency=10):
        pass


def main(settings):
    """For a process that is started by ``multiprocessing``."""
    asyncio.run(work(settings))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
