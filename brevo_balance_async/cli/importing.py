"""``brevo-balance import``."""

from __future__ import annotations

import shlex
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import attrs
from cyclopts import Parameter

from brevo_balance_async import InputFileError
from brevo_balance_async.errors import Problem
from brevo_balance_async.importer import read_csv, read_jsonl

from .api import Api, connect
from .dashboard import duration
from .job import Pace, counted, event, follow, is_there, journal_of
from .terminal import say

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from brevo_balance_async.importer import EntryFile, Plan
    from brevo_balance_async.journal import Journal

_JSON_LINES = {".jsonl", ".ndjson"}


async def import_(
    file: Path,
    /,
    *,
    api: Api,
    pace: Pace = Pace(),  # noqa: B008  (frozen)
    definition: Annotated[
        str | None,
        Parameter(
            env_var="BREVO_BALANCE_DEFINITION_ID",
            help="UUID of the balance definition, for rows that name none.",
        ),
    ] = None,
    dry_run: bool = False,
    rejects: Path | None = None,
) -> int:
    """Credit the rows of a file, each reference once, however often this is stopped and run again.

    The file is a CSV (columns reference, contact_id, amount; optional event_time, balance_definition_id, meta,
    balance_expiry_in_minutes), or by its ending .jsonl one JSON object a line. All of it is checked, and written to the
    journal, before the first request. The first Ctrl-C or SIGTERM finishes what is in flight, the second stops.

    Exit codes: 0 done, 1 failed, 2 bad input, 3 refused credentials, 7 stopped and resumable, 8 some rows refused,
    9 some rows unknown, 130 interrupted.

    :param file: a CSV, or JSON lines.
    :param dry_run: tell what would be done and how long it would take; nothing is written, one request is made.
    :param rejects: where refused rows go (FILE.rejects.csv).
    """
    rows = _read(file, definition)
    async with connect(api, tell=False) as client, _journal(pace.journal, dry_run=dry_run) as journal:
        from brevo_balance_async.importer import Importer  # noqa: PLC0415  (the extra may be missing)

        importer = Importer(
            client.program(api.program),
            journal,
            mode=pace.mode,
            reserve=pace.reserve,
            concurrency=pace.concurrency,
        )
        try:
            plan = await importer.plan(rows)
        except InputFileError as error:
            if (column := _without_definition(file, error.problems)) is None:
                raise
            raise InputFileError(file, [_asked(column)]) from error
        if plan.problems:
            raise InputFileError(file, plan.problems)
        _tell(plan, rows, pace)
        if dry_run:
            return 0
        return await follow(
            importer.run(rows),
            importer,
            client,
            pace,
            again=shlex.join(["brevo-balance", *sys.argv[1:]]),
            rejects=rejects or file.with_name(f"{file.name}.rejects.csv"),
        )


def _is_json(file: Path) -> bool:
    return file.suffix.lower() in _JSON_LINES


def _read(file: Path, definition: str | None) -> EntryFile:
    read = read_jsonl if _is_json(file) else read_csv
    return read(file, balance_definition_id=definition)


def _without_definition(file: Path, problems: Sequence[Problem]) -> str | None:
    """What a file is short of that is wrong in nothing else than that no row names its definition."""
    what, reason = ("key", "is missing") if _is_json(file) else ("column", "column missing")
    are_all = all(
        each.argument == "balance_definition_id" and each.reason.startswith(reason) for each in problems
    )
    return what if are_all and (what == "column" or problems[0].line == 1) else None


def _asked(column: str) -> Problem:
    return Problem(
        None,
        None,
        "which definition? give --definition, export BREVO_BALANCE_DEFINITION_ID, or add a "
        f"{column} balance_definition_id",
    )


@asynccontextmanager
async def _journal(url: str, *, dry_run: bool) -> AsyncIterator[Journal]:
    """A dry run does not leave a journal behind that was not there."""
    with TemporaryDirectory() as folder:
        if dry_run and not is_there(url):
            url = str(Path(folder, "journal.db"))
        async with journal_of(url) as journal:
            yield journal


def _tell(plan: Plan, rows: EntryFile, pace: Pace) -> None:
    if pace.output == "jsonl":
        found = attrs.asdict(plan, filter=lambda field, _: field.name != "problems")
        event("plan", {**found, "ignored": list(rows.ignored)})
        return
    if rows.ignored:
        say(f"columns that are not read: {', '.join(rows.ignored)}")
    words = [counted(plan.rows), f"{plan.new:,} new"]
    for number, what in (
        (plan.open, "open"),
        (plan.done, "settled before"),
        (plan.duplicates, "twice in it"),
    ):
        if number:
            words.append(f"{number:,} {what}")
    time = "the server announces no quota"
    if plan.hours is not None:
        time = f"about {duration(plan.hours * 3600)} without other calls"
    say(f"{', '.join(words)}; {plan.requests:,} requests, {time}")
