"""What an import would do: read the source, look in the journal, write nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define

from brevo_balance_async.importer.reading import Reading
from brevo_balance_async.importer.report import Plan, hours

if TYPE_CHECKING:
    from brevo_balance_async.client import Program
    from brevo_balance_async.importer.reading import Rows
    from brevo_balance_async.journal import Intent, Journal, Row


@define
class _Counts:
    new: int = 0
    open: int = 0
    done: int = 0
    zeros: int = 0


async def plan(program: Program, journal: Journal, rows: Rows, *, each: int, reserve: float) -> Plan:
    """See ``Importer.plan``; ``each`` is the number of requests a row."""
    reading = Reading(rows)
    counts = _Counts()
    definition = None
    try:
        scopes = {scope.definition: scope for scope in await journal.scopes(program)}
        async for definition, intents in reading.parts():
            scope = scopes.get(definition)
            found = {} if scope is None else await journal.look(scope, [each.reference for each in intents])
            for wanted in intents:
                _count(counts, reading, wanted, found.get(wanted.reference))
    finally:
        reading.seen.close()
    requests = (counts.new + counts.open - counts.zeros) * each
    if program.quota is None and requests and definition is not None and not reading.problems:
        await program.with_options(max_attempts=1).definitions.get(definition)
    return Plan(
        rows=reading.rows,
        new=counts.new,
        open=counts.open,
        done=counts.done,
        duplicates=reading.duplicates,
        conflicts=reading.conflicts,
        problems=tuple(reading.problems),
        requests=requests,
        hours=hours(requests, program.quota, reserve),
    )


def _count(counts: _Counts, reading: Reading, wanted: Intent, row: Row | None) -> None:
    conflict = None if row is None else row.conflict(wanted)
    if row is None:
        counts.new += 1
    elif conflict is not None and not row.takes_another_payload:
        reading.conflict(wanted.line, conflict)
        return
    elif row.finished and conflict is None:
        counts.done += 1
        return
    else:
        counts.open += 1
    counts.zeros += wanted.amount == "0"
