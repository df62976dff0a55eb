"""How intents come into the journal: one at a time to be settled now, or as a part of a load.

A reference is written once. What is there already is compared; a row of which nothing was sent that could count, and
that nobody is at, takes a corrected payload.
"""

from __future__ import annotations

from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve
from sqlalchemy import and_, bindparam, or_, select, update

from brevo_balance_async.journal.arrays import parameters, table_of
from brevo_balance_async.journal.batches import is_closed
from brevo_balance_async.journal.intents import Intent, Row, new_row
from brevo_balance_async.journal.steps import INSERTS, here, look, ownerless, take
from brevo_balance_async.journal.tables import INTENT
from brevo_balance_async.journal.texts import hits, text_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brevo_balance_async.errors import ReferenceConflictError
    from brevo_balance_async.journal.writer import Turn

_C = INTENT.c
_COLUMNS: Final = (
    *("scope", "reference", "batch", "line", "contact", "amount", "details", "next_at"),
    *("state", "owner", "reason", "finished_at"),
)
"""Of a new intent; the others have their defaults."""


@cache
def _insert(dialect: str) -> Any:
    """An intent that is not there yet."""
    values: dict[str, Any] = {name: bindparam(name) for name in _COLUMNS}
    return INSERTS[dialect](INTENT).values(values).on_conflict_do_nothing()


def place(turn: Turn, scope: int, intents: Sequence[Intent], *, batch: int = 0) -> bool:
    """Write the intents that are not there yet; whether that was all of them."""
    dialect = turn.connection.dialect
    statement, values = text_of(_insert(dialect.name), dialect)
    rows = [
        values({"scope": scope, "reference": each.reference, "batch": batch, **_as_new(each, None, turn.now)})
        for each in sorted(intents, key=attrgetter("reference"))
    ]
    return turn.connection.exec_driver_sql(statement, rows).rowcount == len(rows)


def _as_new(intent: Intent, owner: int | None, now: float) -> dict[str, Any]:
    """Planned and due; an amount of zero is refused at once."""
    zero = intent.amount == "0"
    return {
        "line": intent.line,
        "contact": intent.contact,
        "amount": intent.amount,
        "details": intent.details,
        "next_at": now,
        "state": "refused" if zero else "planned",
        "owner": None if zero else owner,
        "reason": "zero" if zero else None,
        "finished_at": now if zero else None,
    }


def enroll(turn: Turn, wanted: Sequence[tuple[int, Intent]]) -> list[Row | ReferenceConflictError]:
    """The rows of intents that are to be settled now: as ours, or as they stand where somebody else is at them."""
    rows = [
        {"scope": scope, "reference": each.reference, "batch": 0, **_as_new(each, turn.me, turn.now)}
        for scope, each in wanted
    ]
    return [
        new_row(columns, turn.now) if is_new else _enroll_again(turn, scope, each)
        for columns, is_new, (scope, each) in zip(rows, _insert_new(turn, rows), wanted, strict=True)
    ]


def _insert_new(turn: Turn, rows: Sequence[dict[str, Any]]) -> list[bool]:
    """Which of the rows were not there yet."""
    connection = turn.connection
    if connection.dialect.name == "sqlite":
        return hits(connection, _insert("sqlite"), rows)
    made = {tuple(key) for key in connection.execute(_insert_several(), parameters(rows))}
    news = []
    for row in rows:
        key = (row["scope"], row["reference"])
        news.append(key in made)
        made.discard(key)  # of two intents with one reference the first one is new
    return news


@cache
def _insert_several() -> Any:
    given = table_of({name: _C[name] for name in _COLUMNS})
    return (
        INSERTS["postgresql"](INTENT)
        .from_select(_COLUMNS, select(given))
        .on_conflict_do_nothing()
        .returning(_C.scope, _C.reference)
    )


def _enroll_again(turn: Turn, scope: int, intent: Intent) -> Row | ReferenceConflictError:
    row = look(turn, scope, [intent.reference])[intent.reference]
    # What is settled now must not vanish with a load that was never finished.
    batch = 0 if row.batch and not row.finished and not is_closed(turn, row.batch) else row.batch
    conflict = row.conflict(intent)
    if conflict is None:
        return take(turn, row, batch=batch)
    return correct(turn, row, intent, owner=turn.me, batch=batch) or conflict


def load(turn: Turn, scope: int, intents: Sequence[Intent], batch: int) -> list[Row | ReferenceConflictError]:
    """The rows of a part of a batch, in its order: new ones, and those that were there before."""
    if place(turn, scope, intents, batch=batch):
        return [
            new_row(
                {
                    "scope": scope,
                    "reference": each.reference,
                    "batch": batch,
                    **_as_new(each, None, turn.now),
                },
                turn.now,
            )
            for each in intents
        ]
    rows = look(turn, scope, [each.reference for each in intents])
    closed = {
        each: each == 0 or is_closed(turn, each) for each in {row.batch for row in rows.values()} - {batch}
    }
    found: list[Row | ReferenceConflictError] = []
    for each in intents:
        row = rows[each.reference]
        conflict = row.conflict(each)
        left = not closed.get(row.batch, True)  # by a load that was not finished
        if (conflict is not None and row.batch != batch) or (left and row.state == "planned"):
            changed = correct(turn, row, each, owner=None, batch=batch if left else row.batch)
            found.append(changed or conflict or row)
        else:
            found.append(conflict or row)
    return found


def correct(turn: Turn, row: Row, intent: Intent, *, owner: int | None, batch: int) -> Row | None:
    """A row of which nothing was sent that could count takes another payload; None if it is too late."""
    changes = {"batch": batch, **_as_new(intent, owner, turn.now)}
    unsent = or_(and_(_C.state == "planned", ownerless(turn.now)), _C.amount == "0")
    if turn.connection.execute(update(INTENT).where(here(row), unsent).values(changes)).rowcount != 1:
        return None
    return evolve(row, **changes)
