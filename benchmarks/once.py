"""What exactly once costs: the journal's updates, and credits with and without a journal, in one run.

    python benchmarks/once.py                                     # a SQLite file in this folder
    python benchmarks/once.py --journal postgresql://user@/name?host=/socket

The sandbox runs in a process of its own and has no quota. The disk is the one that the journal lies on.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

from brevo_balance_async import BalanceClient, Program
from brevo_balance_async.exactly_once import ExactlyOnce
from brevo_balance_async.journal import Journal, Scope, intent

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

PROGRAM = "27aa1d7a-af67-4020-8a65-19d6b0f0a26e"
KEY = "xkeysib-sandbox-0123456789abcdef-LOCAL"
ROUNDS = 5


class Took(NamedTuple):
    """Seconds."""

    wall: float
    processor: float
    """Of this process, in all its threads."""


async def crowd(number: int, concurrency: int, one: Callable[[int], Awaitable[object]]) -> Took:
    """What ``number`` calls take, ``concurrency`` at once."""
    numbers = iter(range(number))

    async def work() -> None:
        for each in numbers:
            await one(each)

    began, processor = time.perf_counter(), time.process_time()
    await asyncio.gather(*(work() for _ in range(concurrency)))
    return Took(time.perf_counter() - began, time.process_time() - processor)


def fsync_ms(folder: Path) -> float:
    """Median of 200: a page appended, and synced."""
    took = []
    with (folder / "fsync").open("wb", buffering=0) as file:
        for _ in range(200):
            began = time.perf_counter()
            file.write(b"x" * 4096)
            os.fsync(file.fileno())
            took.append(time.perf_counter() - began)
    return median(took) * 1e3


async def updates(journal: Journal, scope: Scope, rows: int) -> Took:
    """The two updates of each row, twenty rows at once."""
    mark = uuid4().hex
    held = [
        await journal.enroll(scope, intent(reference=f"{mark}-{n}", contact_id=n + 1, amount=1))
        for n in range(rows)
    ]

    async def one(n: int) -> None:
        row = await journal.move(held[n], state="chosen", tid=str(uuid4()), tid_at=0.0, mode="strict")
        assert row is not None
        await journal.finish(row, "applied", durable=False, credited="1")

    return await crowd(rows, 20, one)


async def measure(program: Program, journal: Journal, folder: Path, rows: int) -> None:
    """Print the table."""
    definition = (await program.definitions.create(name="Points", unit="POINTS")).id
    once = ExactlyOnce(program, journal)

    async def plain(n: int) -> None:
        draft = await program.transactions.begin(
            balance_definition_id=definition, contact_id=n % 1000 + 1, amount=1
        )
        await program.transactions.complete(draft.id)

    async def apply(n: int) -> None:
        outcome = await once.apply(
            reference=f"{mark}-{n}", contact_id=n % 1000 + 1, balance_definition_id=definition, amount=1
        )
        assert outcome.state == "applied"

    scope = await journal.scope(program, definition)
    rounds = []
    for _ in range(ROUNDS):
        mark = uuid4().hex
        synced = fsync_ms(folder)
        written = await updates(journal, scope, rows)
        without, with_ = await crowd(rows, 20, plain), await crowd(rows, 20, apply)
        alone = await crowd(100, 1, plain)
        alone_with = await crowd(100, 1, lambda n: apply(n + rows))
        rounds.append(
            (
                synced,
                written.wall / rows * 1e3,
                written.processor / rows * 1e3,
                rows / without.wall,
                rows / with_.wall,
                without.processor / rows * 1e3,
                with_.processor / rows * 1e3,
                alone.wall * 10,
                alone_with.wall * 10,
                without.wall / with_.wall,
            )
        )
    names = (
        "an fsync, ms",
        "two updates a row at concurrency 20, ms",
        "the same, processor ms",
        "begin and complete at concurrency 20, credits a second",
        "apply at concurrency 20, credits a second",
        "begin and complete at concurrency 20, processor ms",
        "apply at concurrency 20, processor ms",
        "one begin and complete, ms",
        "one apply, ms",
        "apply over begin and complete at concurrency 20, share",
    )
    for name, values in zip(names, zip(*rounds, strict=True), strict=True):
        print(f"{name:56} {median(values):9.2f}   ({', '.join(f'{each:.2f}' for each in values)})")


async def main(url: str | None, rows: int) -> None:
    """Start the sandbox, and measure."""
    command = [sys.executable, "-m", "brevo_balance_async.sandbox", "--port", "0"]
    with (
        tempfile.TemporaryDirectory(dir=".") as name,
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server,  # noqa: ASYNC220  (nothing else runs yet)
    ):
        try:
            assert server.stdout is not None
            base_url = server.stdout.readline().split()[-1]
            async with (
                BalanceClient(KEY, base_url=base_url) as client,
                Journal(url or Path(name) / "journal.db") as journal,
            ):
                await measure(client.program(PROGRAM), journal, Path(name), rows)
        finally:
            server.terminate()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="What exactly once costs.")
    parser.add_argument("--journal")
    parser.add_argument("--rows", type=int, default=1_000)
    options = parser.parse_args()
    asyncio.run(main(options.journal, options.rows))
