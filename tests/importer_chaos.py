"""A real file imported by processes that are killed at random moments, through a server that fails; then the sums.

    python tests/importer_chaos.py purchases.csv                      # all cells, with 100 kills each
    python tests/importer_chaos.py purchases.csv --rows 500 --kills 10 --modes strict --journals sqlite --processes 1

Nothing here is virtual: real processes, SIGKILL, real HTTP, a real database. One cell is a mode, a database and a
number of processes. A tenth of the requests goes wrong, half of those after they were applied. In the end every
contact's balance has to be the sum of its rows, to the cent. Columns: reference, contact_id, amount.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import random
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "once"))

import postgres  # noqa: E402  (the path above)
from chaos import OPERATIONS, add_faults  # noqa: E402
from helpers import PROGRAM, credited  # noqa: E402
from importer_worker import Worker  # noqa: E402

from brevo_balance_async import BalanceClient  # noqa: E402
from brevo_balance_async.journal import Journal  # noqa: E402
from brevo_balance_async.sandbox import Sandbox  # noqa: E402

ONCE = {"grace": 2.0, "lag": 0.5, "patience": 2.0}
"""Seconds; in earnest they are minutes and hours."""
ROUNDS = 60
"""Runs without a kill, at most, until nothing is open."""


@frozen(kw_only=True)
class Cell:
    """What is done to whom."""

    file: Path
    journal: str
    mode: str
    kills: int
    processes: int
    faults: float = 0.1
    seed: int = 0
    settle: float = 5.0
    """Seconds in which the server, however busy, applies what it will apply."""


@frozen(kw_only=True)
class Count:
    """What came of it."""

    rows: int
    doubled: int
    lost: int
    unknown: int
    wrong_balances: int
    kills: int
    requests: float
    """For each credit."""
    seconds: float


async def run(cell: Cell) -> Count:
    """Import, kill, let it finish, count."""
    rng, began = random.Random(cell.seed), time.monotonic()
    amounts = read(cell.file)
    async with Sandbox(log_size=10) as sandbox:
        async with BalanceClient(sandbox.api_key, base_url=sandbox.base_url) as client:
            program = client.program(PROGRAM)
            definition = (await program.definitions.create(name="Points", unit="POINTS")).id
            add_faults(sandbox, cell.faults)
            settings = {
                "file": str(cell.file),
                "journal": cell.journal,
                "key": sandbox.api_key,
                "base_url": sandbox.base_url,
                "program": PROGRAM,
                "definition": definition,
                "lease": 1.0,
                "concurrency": 20,
                "once": {"mode": cell.mode, "settle": cell.settle, **ONCE},
                "resume": False,
            }
            kills = await _kill(cell, settings, rng, len(amounts), lambda: _requests(sandbox))
            unknown = await _finish(cell, settings)
            sandbox.faults.clear()
            balances = {
                balance.contact_id: balance.value async for balance in program.balances.list(definition)
            }
        per = credited(sandbox)
        hits = _requests(sandbox)
    worth = {reference for reference, (_, amount) in amounts.items() if amount}
    sums: defaultdict[int, Decimal] = defaultdict(Decimal)
    for contact, amount in amounts.values():
        sums[contact] += amount
    return Count(
        rows=len(amounts),
        doubled=sum(times > 1 for times in per.values()),
        lost=len(worth - per.keys()),
        unknown=unknown,
        wrong_balances=sum(balances.get(contact, 0) != total for contact, total in sums.items()),
        kills=kills,
        requests=hits / len(worth),
        seconds=time.monotonic() - began,
    )


def read(file: Path) -> dict[str, tuple[int, Decimal]]:
    """Contact and amount by reference, read by other means than those that are tried here."""
    with file.open(newline="", encoding="utf-8-sig") as lines:
        rows = list(csv.DictReader(lines))
    return {row["reference"]: (int(row["contact_id"]), Decimal(row["amount"])) for row in rows}


def _requests(sandbox: Sandbox) -> int:
    return sum(sandbox.hits(operation) for operation in OPERATIONS)


async def _kill(
    cell: Cell, settings: dict[str, object], rng: random.Random, rows: int, requests: Callable[[], int]
) -> int:
    """Kill one of the processes at a time and start it again; how often that was possible.

    The moments are counted in requests, so that a fast machine is not done before the first of them. What follows on
    a killed process imports the file again, or goes on with the journal alone.
    """
    workers = [Worker.start(settings) for _ in range(cell.processes)]
    kills, loaded = 0, False
    while kills < cell.kills:
        at = rng.randrange(len(workers))
        worker = workers[at]
        if rng.random() < 0.8:
            loaded |= await worker.has_loaded()
            moment = requests() + rng.randrange(max(rows // cell.kills, 1))
            while worker.code is None and requests() < moment:
                await asyncio.sleep(0.001)
        else:  # it may die while it starts or loads
            await asyncio.sleep(rng.uniform(0.0, 0.4))
        if worker.code is None:
            worker.kill()
            kills += 1
        await worker.wait()
        if worker.code == 0 and not await _open(settings):
            break
        workers[at] = Worker.start({**settings, "resume": loaded and rng.random() < 0.7})
    for worker in workers:
        if worker.code is None:
            worker.kill()
        await worker.wait()
    return kills


async def _finish(cell: Cell, settings: dict[str, object]) -> int:
    """Run it until nothing is open any more; how many rows are, should that last too long."""
    for _ in range(ROUNDS):
        for worker in [Worker.start(settings) for _ in range(cell.processes)]:
            await worker.wait()
        if not (left := await _open(settings)):
            return 0
        await asyncio.sleep(1)
    return left


async def _open(settings: dict[str, object]) -> int:
    """Rows that are not settled, or 1 if nothing was loaded to its end."""
    async with Journal(str(settings["journal"])) as journal:
        status = await journal.status()
    if not status.scopes or status.unfinished_loads:
        return 1
    counts = status.scopes[0].counts
    return sum(number for state, number in counts.items() if state not in {"applied", "refused"})


def main() -> None:
    """Run the cells and print the table; exit 1 if anything was doubled, lost, unknown or wrong."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--rows", type=int, help="only so many of the file")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--faults", type=float, default=0.1)
    parser.add_argument("--modes", nargs="+", default=["strict", "lean"])
    parser.add_argument("--journals", nargs="+", default=["sqlite", "postgres"])
    parser.add_argument("--processes", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    wrong = False
    print("| mode | journal | processes | rows | kills | doubled | lost | unknown | balances wrong |", end="")
    print(" requests a credit | seconds |\n|---|---|---|---|---|---|---|---|---|---|---|", flush=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        file = _cut(options.file, options.rows, folder)
        server = stack.enter_context(postgres.server()) if "postgres" in options.journals else None
        for mode in options.modes:
            for kind in options.journals:
                for processes in options.processes:
                    name = f"chaos_{mode}_{processes}"
                    url = str(folder / f"{name}.db")
                    if kind == "postgres":
                        asyncio.run(_create(str(server), name))
                        url = f"postgresql://tester@/{name}?host={server}"
                    cell = Cell(
                        file=file,
                        journal=url,
                        mode=mode,
                        kills=options.kills,
                        processes=processes,
                        faults=options.faults,
                        seed=options.seed,
                    )
                    count = asyncio.run(run(cell))
                    wrong |= bool(count.doubled or count.lost or count.unknown or count.wrong_balances)
                    print(
                        f"| {mode} | {kind} | {processes} | {count.rows:,} | {count.kills} | {count.doubled} "
                        f"| {count.lost} | {count.unknown} | {count.wrong_balances} | {count.requests:.2f} "
                        f"| {count.seconds:.0f} |",
                        flush=True,
                    )
    sys.exit(wrong)


def _cut(file: Path, rows: int | None, folder: Path) -> Path:
    if rows is None:
        return file
    with file.open(encoding="utf-8-sig") as lines:
        part = [line for _, line in zip(range(rows + 1), lines, strict=False)]
    shorter = folder / "part.csv"
    shorter.write_text("".join(part))
    return shorter


async def _create(server: str, name: str) -> None:
    import asyncpg

    connection = await asyncpg.connect(host=server, user="tester", database="postgres")
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()


if __name__ == "__main__":
    main()
