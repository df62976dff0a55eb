"""The demo's last chapter: an import through a server that fails, killed in the middle, resumed, and compared."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from brevo_balance_async import BalanceClient
from brevo_balance_async.importer import read_csv
from brevo_balance_async.sandbox import effects

from .purchases import generated_purchases
from .story import counted

if TYPE_CHECKING:
    from brevo_balance_async import Program
    from brevo_balance_async.importer import Importer, Report
    from brevo_balance_async.journal import Journal
    from brevo_balance_async.sandbox import Sandbox

    from .story import Story

_ROWS, _CONTACTS = 200, 40
_KILLED_AFTER: Final = 60
"""Drafts that were completed."""
_FAULTY: Final = 0.1
"""Share of the requests that go wrong, most of them after they were applied."""
# Seconds; in earnest they are minutes and hours, and the lease is 30 seconds.
_LEASE: Final = 1.0
_GRACE: Final = 0.6
_PATIENCE: Final = 2.0
_CHILD: Final = "from brevo_balance_async.cli.demo.rescue import child; child()"


async def rescue(client: BalanceClient, story: Story, sandbox: Sandbox) -> None:
    """Kill a process that imports, go on in this one, and compare the server's ledger with the file."""
    program = client.program(uuid4())
    definition = (await program.definitions.create(name="Imported", unit="POINTS")).id
    _break(sandbox)
    with TemporaryDirectory() as folder:
        file, journal = Path(folder, "purchases.csv"), str(Path(folder, "journal.db"))
        wanted = _write(file)
        before = sandbox.hits()
        await _kill_one(sandbox, program, definition, file, journal)
        applied = sum(_credited(sandbox, program).values())
        story.step("killed", f"an import of {_ROWS} purchases was killed, after {counted(applied, 'credit')}")
        report = await _go_on(program, definition, file, journal)
        story.step(
            "resumed",
            f"{report.applied:,} of {_ROWS:,} applied, though every tenth request failed or was not answered",
            counted(sandbox.hits() - before, "request"),
        )
    sandbox.faults.clear()
    found = _credited(sandbox, program)
    wrong = [
        f"{reference} over {amount} was credited {found[reference, amount]} times"
        for reference, amount in found | wanted
        if found[reference, amount] != wanted[reference, amount]
    ]
    story.check(f"the server's ledger equals the file: {len(wanted)} purchases, each credited once", wrong)


def _break(sandbox: Sandbox) -> None:
    kinds = (effects.apply_then_drop(), effects.apply_then_status(502), effects.drop())
    for operation in ("transactions.begin", "transactions.complete"):
        for seed, effect in enumerate(kinds):
            sandbox.faults.add(effect, operation=operation, probability=_FAULTY / len(kinds), seed=seed)


def _write(file: Path) -> Counter[tuple[str, Decimal]]:
    purchases = generated_purchases(_ROWS, _CONTACTS)
    with file.open("w", newline="", encoding="utf-8") as lines:
        rows = csv.writer(lines)
        rows.writerow(("reference", "contact_id", "amount"))
        rows.writerows((each.reference, each.contact_id, each.amount) for each in purchases)
    return Counter((each.reference, each.amount) for each in purchases)


def _credited(sandbox: Sandbox, program: Program) -> Counter[tuple[str, Decimal]]:
    """References and amounts, by the server's own books."""
    return Counter(
        (dict(each.meta or {})["reference"], each.size)
        for each in sandbox.ledger.transactions(program.id)
        if each.status == "completed"
    )


async def _kill_one(sandbox: Sandbox, program: Program, definition: str, file: Path, journal: str) -> None:
    """SIGKILL, where there is such a thing: the process cannot know of it."""
    settings = {
        "base_url": program.base_url,
        "program": program.id,
        "definition": definition,
        "file": str(file),
        "journal": journal,
    }
    environment = {**os.environ, "BREVO_API_KEY": sandbox.api_key}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _CHILD, json.dumps(settings)), env=environment
    )
    end = sandbox.hits("transactions.complete") + _KILLED_AFTER
    try:
        while process.returncode is None and sandbox.hits("transactions.complete") < end:  # noqa: ASYNC110  (the sandbox counts, and tells nobody)
            await asyncio.sleep(0.005)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _go_on(program: Program, definition: str, file: Path, journal: str) -> Report:
    """Run the same import again, which waits for what the dead process has left in doubt."""
    async with _journal(journal) as opened:
        return await _importer(program, opened).run(read_csv(file, balance_definition_id=definition))


def _journal(path: str) -> Journal:
    from brevo_balance_async.journal import Journal  # noqa: PLC0415  (the command's --help is quick)

    return Journal(path, lease=_LEASE)


def _importer(program: Program, journal: Journal) -> Importer:
    from brevo_balance_async.importer import Importer  # noqa: PLC0415  (the command's --help is quick)

    return Importer(program, journal, reserve=0, grace=_GRACE, patience=_PATIENCE)


def child() -> None:
    """What the process that is killed does."""
    asyncio.run(_import(json.loads(sys.argv[1])))


async def _import(settings: dict[str, Any]) -> None:
    async with (
        BalanceClient(base_url=settings["base_url"]) as client,
        _journal(settings["journal"]) as journal,
    ):
        rows = read_csv(settings["file"], balance_definition_id=settings["definition"])
        await _importer(client.program(settings["program"]), journal).run(rows)
