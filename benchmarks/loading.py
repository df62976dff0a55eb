"""A million rows and no credit: checked, planned, loaded, reported; processor time and memory of each phase.

    python benchmarks/loading.py                 # 1,000,000 rows: some minutes
    python benchmarks/loading.py --rows 100000

Each phase is a process of its own, in this order: ``check`` reads the file; ``plan`` is ``brevo-balance import
--dry-run`` with an empty journal; ``load`` writes all rows into the journal, and stops there. Then all rows are marked
as applied, in SQL. ``import`` is the command on such a journal: it checks, plans, compares every row with the journal
and tells its outcome as a JSON line. ``report`` is ``brevo-balance journal report``. The time is that of the processor,
of the user and the system, beside what the clock says; memory is the highest resident set.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from brevo_balance_async import BalanceClient
from brevo_balance_async.importer import Importer, read_csv
from brevo_balance_async.journal import Journal

PROGRAM = "27aa1d7a-af67-4020-8a65-19d6b0f0a26e"
KEY = "xkeysib-sandbox-0123456789abcdef-LOCAL"
COMMAND = [sys.executable, "-c", "from brevo_balance_async.cli import main; main()"]


def write(file: Path, rows: int) -> None:
    """Purchases as a shop would list them: ten of each customer."""
    with file.open("w", encoding="utf-8") as lines:
        lines.write("reference,contact_id,event_time,amount\n")
        for n in range(rows):
            moment = f"2026-{n % 12 + 1:02}-{n % 28 + 1:02}T{n % 24:02}:{n % 60:02}:00Z"
            lines.write(f"order-{n:07},{n % (rows // 10 or 1) + 1},{moment},{n % 9_999 / 100 + 0.01:.2f}\n")


def settle(journal: Path) -> None:
    """As if every row had been credited."""
    parts = " || '-' || ".join(f"lower(hex(randomblob({size})))" for size in (4, 2, 2, 2, 6))
    with sqlite3.connect(journal) as connection:
        connection.execute(
            "UPDATE brevo_balance_intent SET state = 'applied', finished_at = next_at, credited = amount, "
            f"mode = 'strict', tid = {parts}"
        )


def check(file: str, definition: str) -> None:
    """Read the file."""
    for _ in read_csv(file, balance_definition_id=definition):
        pass


async def load(file: str, definition: str) -> None:
    """Write it into the journal."""
    async with BalanceClient() as client, Journal("brevo-balance.db") as journal:
        rows = read_csv(file, balance_definition_id=definition)
        async with Importer(client.program(PROGRAM), journal).run(rows):
            pass


def measure(phase: str, command: list[str], folder: Path, environment: dict[str, str]) -> None:
    """Run a phase, and print its line of the table."""
    began = time.perf_counter()
    with (folder / "out").open("wb") as out:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=out)
        _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    if status:
        raise SystemExit(f"{phase} ended with status {os.waitstatus_to_exitcode(status)}")
    cpu, memory = used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
    print(f"| {phase} | {cpu:.1f} | {wall:.1f} | {memory:.0f} |", flush=True)


async def define(base_url: str) -> str:
    """A definition on the sandbox."""
    async with BalanceClient(KEY, base_url=base_url) as client:
        return (await client.program(PROGRAM).definitions.create(name="Points", unit="POINTS")).id


def run(rows: int, folder: Path, base_url: str) -> None:
    """All phases."""
    definition = asyncio.run(define(base_url))
    file, journal = folder / "rows.csv", folder / "brevo-balance.db"
    write(file, rows)
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path.cwd()),
        "BREVO_API_KEY": KEY,
        "BREVO_BASE_URL": base_url,
        "BREVO_PROGRAM_ID": PROGRAM,
        "BREVO_BALANCE_DEFINITION_ID": definition,
    }
    here = [sys.executable, str(Path(__file__).absolute()), "--definition", definition, "--phase"]
    print("| phase | processor s | wall s | peak MiB |\n|---|---|---|---|")
    measure("check", [*here, "check"], folder, environment)
    measure("plan", [*COMMAND, "import", "rows.csv", "--dry-run"], folder, environment)
    measure("load", [*here, "load"], folder, environment)
    loaded = journal.stat().st_size
    settle(journal)
    measure("import", [*COMMAND, "import", "rows.csv", "--output", "jsonl"], folder, environment)
    measure("report", [*COMMAND, "journal", "report", "--output", "csv"], folder, environment)
    print(
        f"\nThe journal has {loaded / rows:.0f} bytes a planned row, "
        f"{journal.stat().st_size / rows:.0f} an applied one."
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--phase", help=argparse.SUPPRESS)
    parser.add_argument("--definition", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.phase == "check":
        return check("rows.csv", options.definition)
    if options.phase == "load":
        return asyncio.run(load("rows.csv", options.definition))
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen([*COMMAND, "sandbox"], stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            run(options.rows, Path(folder), server.stdout.readline().split()[-1])
        finally:
            server.terminate()
            server.wait()
    return None


if __name__ == "__main__":
    main()
