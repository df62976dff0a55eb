"""Processes killed at random moments between a faulty server and one journal; then everything is counted.

    python tests/once/chaos.py                                                    # all cells, with 50 kills each
    python tests/once/chaos.py --references 200 --kills 5 --modes strict --journals sqlite --processes 2

Nothing here is virtual: real processes, SIGKILL, real HTTP, a real database. What was loaded, and what several
processes apply at once, has to be credited exactly once each. One cell is a mode, a database and a number of processes.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import random
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import postgres
import worker
from attrs import frozen
from helpers import PROGRAM, credited

import brevo_balance_async
from brevo_balance_async import BalanceClient
from brevo_balance_async.journal import Journal, intent
from brevo_balance_async.sandbox import Sandbox, effects

HERE = Path(__file__).parent
PACKAGE = Path(brevo_balance_async.__file__).parents[1]
OPERATIONS = ("transactions.begin", "transactions.complete", "history.list")


@frozen(kw_only=True)
class Chaos:
    """What is done to whom."""

    journal: str
    mode: str
    references: int
    """Half of them loaded, half applied by every process."""
    kills: int
    processes: int
    faults: float
    """Share of requests that go wrong."""
    seed: int = 0


@frozen
class Count:
    """What came of it."""

    doubled: int
    lost: int
    unknown: int
    requests: float
    """For each credit."""


async def run(chaos: Chaos) -> Count:
    """Load, kill, let it finish, count."""
    rng = random.Random(chaos.seed)
    async with Sandbox(log_size=10) as sandbox:
        async with BalanceClient(sandbox.api_key, base_url=sandbox.base_url) as client:
            program = client.program(PROGRAM)
            definition = (await program.definitions.create(name="Points", unit="POINTS")).id
            half = chaos.references // 2
            async with Journal(chaos.journal, lease=1) as journal:
                scope = await journal.scope(program, definition)
                batch = await journal.open_batch("chaos")
                rows = [
                    intent(reference=f"loaded-{n}", contact_id=n % 50 + 1, amount="1.5", line=n)
                    for n in range(half)
                ]
                await journal.load(scope, batch, rows)
                await journal.close_batch(batch, rows=half)
        add_faults(sandbox, chaos.faults)
        settings = {
            "journal": chaos.journal,
            "key": sandbox.api_key,
            "base_url": sandbox.base_url,
            "definition": definition,
            "lease": 1.0,
            "once": {"mode": chaos.mode, "grace": 0.5, "settle": 2.5, "lag": 0.3, "patience": 2.0},
            "apply": list(range(chaos.references - half)),
        }
        workers = [_start(settings, rng) for _ in range(chaos.processes)]
        # After so many requests, so that a slow machine kills as much work as a fast one.
        least = chaos.references * (2 if chaos.mode == "strict" else 1)
        for mark in sorted(rng.uniform(0, 0.9) * least for _ in range(chaos.kills)):
            await _until_asked(sandbox, mark)
            at = rng.randrange(len(workers))
            await _kill(workers[at])
            workers[at] = _start(settings, rng)
        wanted = {f"loaded-{n}" for n in range(half)} | {f"applied-{n}" for n in settings["apply"]}
        open_ = await _until_settled(chaos, sandbox, wanted)
        for process in workers:
            await _kill(process)
        per = credited(sandbox)
        hits = sum(sandbox.hits(operation) for operation in OPERATIONS)
        return Count(
            doubled=sum(times > 1 for times in per.values()),
            lost=len(wanted - per.keys()),
            unknown=open_,
            requests=hits / len(wanted),
        )


def add_faults(sandbox: Sandbox, share: float) -> None:
    """Let a share of the requests go wrong, each in one of five ways."""
    kinds = (
        effects.apply_then_drop(),
        effects.apply_then_status(502),
        effects.status(500),
        effects.drop(),
        effects.delay(0.3),
    )
    for operation in OPERATIONS:
        for seed, effect in enumerate(kinds):
            sandbox.faults.add(effect, operation=operation, probability=share / len(kinds), seed=seed)


def _start(settings, rng):
    """A process in which everything is imported already: it is at work after some hundredths of a second."""
    order = settings["apply"][:]
    rng.shuffle(order)
    os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE), str(PACKAGE)])
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["worker"])
    process = context.Process(target=worker.main, args=({**settings, "apply": order},))
    process.start()
    return process


async def _kill(process):
    process.kill()
    await asyncio.to_thread(process.join)


async def _until_asked(sandbox: Sandbox, requests: float) -> None:
    """Wait for so many requests; or for two seconds, because too few may be left."""
    end = time.monotonic() + 2
    while sum(sandbox.hits(operation) for operation in OPERATIONS) < requests and time.monotonic() < end:
        await asyncio.sleep(0.005)


async def _until_settled(chaos: Chaos, sandbox: Sandbox, wanted: set[str]) -> int:
    """Wait until nothing is open; how many rows are, should that last too long."""
    async with Journal(chaos.journal, lease=1) as journal:
        end = time.monotonic() + 300
        while time.monotonic() < end:
            (of,) = (await journal.status()).scopes
            left = sum(number for state, number in of.counts.items() if state not in {"applied", "refused"})
            if not left and sum(of.counts.values()) == len(wanted):
                return 0
            await asyncio.sleep(0.1)
        return left


def main() -> int:
    """Run the cells, print a line for each, and fail if one has doubled, lost or left anything."""
    parser = argparse.ArgumentParser(description="Kill processes at random, and count what was credited.")
    parser.add_argument("--references", type=int, default=2_000)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--faults", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--modes", nargs="+", default=["strict", "lean"])
    parser.add_argument("--journals", nargs="+", default=["sqlite", "postgres"])
    parser.add_argument("--processes", nargs="+", type=int, default=[2, 3])
    options = parser.parse_args()
    print(
        "mode    journal   processes  doubled  lost  unknown  requests a credit  kills  seconds", flush=True
    )
    failed = False
    with ExitStack() as stack:
        for journal in options.journals:
            if journal == "postgres" and (postgres.programs() is None or postgres.account() is None):
                print("postgres: skipped, it is not installed here or would have to run as root", flush=True)
                continue
            server = stack.enter_context(postgres.server()) if journal == "postgres" else None
            for mode in options.modes:
                for processes in options.processes:
                    url = _database(stack, server, f"{mode}_{processes}")
                    chaos = Chaos(
                        journal=url,
                        mode=mode,
                        processes=processes,
                        references=options.references,
                        kills=options.kills,
                        faults=options.faults,
                        seed=options.seed,
                    )
                    began = time.monotonic()
                    count = asyncio.run(run(chaos))
                    failed |= bool(count.doubled or count.lost or count.unknown)
                    print(
                        f"{mode:7} {journal:9} {processes:9} {count.doubled:8} {count.lost:5} {count.unknown:8} "
                        f"{count.requests:18.3f} {chaos.kills:6} {time.monotonic() - began:8.0f}",
                        flush=True,
                    )
    return int(failed)


def _database(stack: ExitStack, server: Path | None, name: str) -> str:
    """The URL of a new and empty one."""
    if server is None:
        return str(Path(stack.enter_context(tempfile.TemporaryDirectory())) / "journal.db")
    asyncio.run(postgres.create(server, name))
    return f"postgresql://tester@/{name}?host={server}"


if __name__ == "__main__":
    sys.exit(main())
