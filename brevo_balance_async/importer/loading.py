"""All rows of a source into the journal, as one batch, before the first request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, field

from brevo_balance_async.errors import ReferenceConflictError
from brevo_balance_async.importer.seen import SETTLED_BEFORE

if TYPE_CHECKING:
    import asyncio

    from brevo_balance_async.client import Program
    from brevo_balance_async.importer.reading import Reading
    from brevo_balance_async.journal import Intent, Journal, Row, Scope


@define(eq=False)
class Load:
    """What a load has found."""

    batch: int
    own: int = 0
    """Rows that are of this batch."""
    batches: set[int] = field(factory=set)
    """Those that the open rows of the source lie in, this one among them."""
    scopes: dict[int, Scope] = field(factory=dict)


async def load(journal: Journal, program: Program, reading: Reading, stop: asyncio.Event) -> Load | None:
    """Write the rows of a source down, and let them be delivered; None, and nothing written, if it was stopped.

    Raises ``InputFileError`` if anything is wrong with the source: then nothing of it will be.
    """
    loaded = Load(await journal.open_batch(reading.source))
    try:
        async for definition, intents in reading.parts():
            scope = await journal.scope(program, definition)
            loaded.scopes[scope.id] = scope
            rows = await journal.load(scope, loaded.batch, intents)
            _note(loaded, reading, definition, intents, rows)
            if stop.is_set():
                await journal.drop_batch(loaded.batch)
                return None
        reading.check()
        await journal.close_batch(loaded.batch, rows=loaded.own)
    except Exception:
        await journal.drop_batch(loaded.batch)
        raise
    loaded.batches.add(loaded.batch)
    return loaded


def _note(
    loaded: Load,
    reading: Reading,
    definition: str,
    intents: list[Intent],
    rows: list[Row | ReferenceConflictError],
) -> None:
    settled: list[str] = []
    for wanted, row in zip(intents, rows, strict=True):
        if isinstance(row, ReferenceConflictError):
            reading.conflict(wanted.line, row)
            continue
        loaded.own += row.batch == loaded.batch
        if row.finished_at is None:
            loaded.batches.add(row.batch)
        else:
            settled.append(row.reference)
    reading.seen.mark(definition, settled, SETTLED_BEFORE)
