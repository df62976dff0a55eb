"""``brevo-balance journal``."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

from attrs import frozen
from cyclopts import App, Parameter

from .api import Definition, Output, connect_to
from .job import JOURNAL, JournalOption, Pace, follow, journal_of
from .output import show, writer
from .terminal import CommandError, say

if TYPE_CHECKING:
    from collections.abc import Iterable

    from brevo_balance_async.journal import Row

app: Final = App(name="journal", help="The journal of import: how it stands, go on, settle rows by hand.")

_WORST_FIRST = (130, 7, 9, 8, 0)
_State = Literal["applied", "refused", "unknown", "open"]
ProgramOption = Annotated[
    str | None, Parameter(name="--program", help="where a reference occurs in several.")
]


@frozen(kw_only=True)
class Standing:
    """The rows of one program and definition."""

    program: str
    definition: str
    applied: int
    refused: int
    unknown: int
    open: int
    due: int
    next_in: Decimal | None
    origin: str


@frozen(kw_only=True)
class Entry:
    """One row."""

    reference: str
    line: int | None
    contact_id: int | None
    amount: Decimal
    credited: Decimal | None
    state: str
    reason: str | None
    transaction_id: str | None
    program: str
    balance_definition_id: str


@app.command
async def status(*, journal: JournalOption = JOURNAL, output: Output = "table") -> None:
    """How many rows there are of each state, who else is at work, and which loads were not finished."""
    async with journal_of(journal, must_exist=True) as opened:
        found = await opened.status()
    lines = writer(
        output, Standing, ("program", "definition", "applied", "refused", "unknown", "open", "due")
    )
    lines.page(
        [
            Standing(
                program=each.program,
                definition=each.definition,
                applied=each.counts.get("applied", 0),
                refused=each.counts.get("refused", 0),
                unknown=each.unknown,
                open=sum(each.counts.get(state, 0) for state in ("planned", "chosen", "sent")) - each.unknown,
                due=each.due,
                next_in=None if each.next_in is None else round(Decimal(each.next_in), 1),
                origin=each.origin,
            )
            for each in found.scopes
        ]
    )
    lines.end()
    for worker in _others(found.workers):
        say(f"also at work: {worker}")
    if any(each.next_in is not None for each in found.scopes):
        say(f"to go on with what is open: {Pace(journal=journal).resume_command()}")
    for source in found.unfinished_loads:
        say(f"not loaded to its end, so not delivered: {source}")


@app.command
async def resume(
    *,
    pace: Pace = Pace(),  # noqa: B008  (frozen)
    base_url: str | None = None,
    rejects: Path | None = None,
) -> int:
    """Go on with everything that is open in the journal; program and definition are taken from it.

    The exit codes are those of import.

    :param base_url: as with the other commands; it must be the one that the rows were sent to.
    :param rejects: write refused rows to this file.
    """
    codes = [0]
    async with (
        connect_to(base_url, tell=False) as client,
        journal_of(pace.journal, must_exist=True) as opened,
    ):
        from brevo_balance_async.importer import Importer  # noqa: PLC0415  (the extra may be missing)

        for program in dict.fromkeys(scope.program for scope in (await opened.status()).scopes):
            importer = Importer(
                client.program(program),
                opened,
                mode=pace.mode,
                reserve=pace.reserve,
                concurrency=pace.concurrency,
            )
            run = importer.resume()
            codes.append(await follow(run, importer, client, pace, again="", rejects=rejects))
            if codes[-1] in {130, 7}:
                break
    return next(code for code in _WORST_FIRST if code in codes)


@app.command
async def report(
    *,
    journal: JournalOption = JOURNAL,
    state: Annotated[tuple[_State, ...], Parameter(negative=(), show_default=False)] = (),
    output: Output = "table",
) -> None:
    """The rows, one a line.

    :param state: only rows that are applied, refused, unknown (tried, not settled) or open (not tried).
    """
    lines = writer(output, Entry, ("reference", "line", "amount", "state", "reason"))
    async with journal_of(journal, must_exist=True) as opened:
        async for page in opened.pages():
            lines.page(
                [
                    _entry(program, definition, row)
                    for program, definition, row in page
                    if not state or _state(row) in state
                ]
            )
    lines.end()


@app.command
async def reopen(
    reference: str,
    /,
    *,
    journal: JournalOption = JOURNAL,
    program: ProgramOption = None,
    definition: Definition | None = None,
    output: Output = "table",
) -> None:
    """Plan a refused row again, or make an open one due at once. It is sent by resume, not here.

    :param reference: as it stands in the file.
    """
    async with journal_of(journal, must_exist=True) as opened:
        row = await opened.reopen(reference, program_id=program, balance_definition_id=definition)
    show(_entry(program or "", definition or "", row), output)


@app.command
async def resolve(
    reference: str,
    /,
    *,
    applied: Annotated[bool, Parameter(negative="--not-applied")],
    note: str,
    journal: JournalOption = JOURNAL,
    program: ProgramOption = None,
    definition: Definition | None = None,
    output: Output = "table",
) -> None:
    """Write down what you have found out about a row that is open or refused.

    :param reference: as it stands in the file.
    :param applied: it was credited; --not-applied: it was not, and is refused.
    :param note: how you know; it is kept.
    """
    async with journal_of(journal, must_exist=True) as opened:
        row = await opened.resolve(
            reference, applied=applied, note=note, program_id=program, balance_definition_id=definition
        )
    show(_entry(program or "", definition or "", row), output)


@app.command
async def redact(*, before: str, journal: JournalOption = JOURNAL) -> None:
    """Drop contact, meta and event time of the rows that were finished before a moment.

    Reference, amount and a hash stay, so that the reference is never credited again.

    :param before: a date (2026-01-31, in UTC) or a time with its offset.
    """
    try:
        moment = datetime.fromisoformat(before)
    except ValueError as error:
        raise CommandError(f"--before is no date: {before!r:.80}") from error
    if len(before) == len("2026-01-31"):
        moment = moment.replace(tzinfo=UTC)
    async with journal_of(journal, must_exist=True) as opened:
        await opened.redact(moment)


def _others(workers: Iterable[str]) -> list[str]:
    """The workers without this command, whose name one that was killed may have had, too."""
    from brevo_balance_async.journal.owner import process_name  # noqa: PLC0415  (the extra may be missing)

    others = list(workers)
    with suppress(ValueError):
        others.remove(process_name())
    return others


def _state(row: Row) -> str:
    if row.finished:
        return row.state
    return "unknown" if row.tried else "open"


def _entry(program: str, definition: str, row: Row) -> Entry:
    return Entry(
        reference=row.reference,
        line=row.line,
        contact_id=row.contact,
        amount=Decimal(row.amount),
        credited=None if row.credited is None else Decimal(row.credited),
        state=_state(row),
        reason=row.reason,
        transaction_id=row.tid,
        program=program,
        balance_definition_id=definition,
    )
