"""What is done to rows, each as one function of a ``Turn``: look, take, release. ``moving`` has their steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import evolve
from sqlalchemy import and_, bindparam, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from brevo_balance_async.journal.intents import Row
from brevo_balance_async.journal.tables import INTENT, WORKER, begun

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy import ColumnElement, Connection, Table

    from brevo_balance_async.journal.writer import Turn

_C = INTENT.c
OPEN = _C.finished_at.is_(None)
_STORED = select(INTENT)


INSERTS: Final[dict[str, Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def insert_ignoring(connection: Connection, table: Table) -> Any:
    """An INSERT that leaves alone what is there already."""
    return INSERTS[connection.dialect.name](table).on_conflict_do_nothing()


def look(turn: Turn, scope: int, references: Iterable[str]) -> dict[str, Row]:
    """The rows of these references, by reference."""
    given = {"at_scope": scope, "at_references": sorted(references)}
    found = turn.connection.execute(_LOOK, given)
    return {row.reference: row for row in (_row(each, turn.now) for each in found)}


def take(turn: Turn, row: Row, **changes: Any) -> Row:
    """The row as ours, if nobody alive has it; else as it stands."""
    if row.finished or row.owner == turn.me:
        return row
    given = {"at_scope": row.scope, "at_reference": row.reference, "now": turn.now}
    if turn.connection.execute(_FREE, given).first() is None:
        return row
    changes["owner"] = turn.me
    turn.connection.execute(update(INTENT).where(here(row)).values(changes))
    return evolve(row, inherited=row.owner is not None, **changes)


def take_due(turn: Turn, scope: int, *, batch: int, due_by: float, limit: int) -> list[Row]:
    """Rows of a batch that are due and free, as ours, in the order in which they came.

    The rows of one contact go one at a time, in this order: a contact that another process is busy with is left to it,
    and a row that was begun and is not settled holds back the later ones, unless it waits for a person.
    """
    if (
        turn.connection.dialect.name == "postgresql"
    ):  # two claims at once would share out the rows of one contact
        turn.connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('brevo_balance_claim'))")
    given = {
        "at_scope": scope,
        "at_batch": batch,
        "due_by": due_by,
        "most": limit,
        "now": turn.now,
        "me": turn.me,
    }
    rows = [_row(each, turn.now) for each in turn.connection.execute(_DUE, given)]
    if rows:
        references = [row.reference for row in rows]
        turn.connection.execute(_TAKE, {"at_scope": scope, "at_references": references, "set_owner": turn.me})
    return [evolve(row, owner=turn.me, inherited=row.owner is not None) for row in rows]


def applied_rows(turn: Turn, scope: int, limit: int) -> list[Row]:
    """Some rows that are applied, and whose contact is known."""
    applied = _STORED.where(_C.scope == scope, _C.state == "applied", _C.contact.is_not(None)).limit(limit)
    return [_row(each, turn.now) for each in turn.connection.execute(applied)]


def sent_again(turn: Turn, scope: int, after: str, limit: int) -> list[Row]:
    """Finished rows that were sent more than once in one phase, in the order of their references."""
    again = (
        _STORED.where(_C.scope == scope, _C.reference > after, _C.mode == "lean", _C.attempts > 1)
        .where(_C.finished_at.is_not(None), _C.contact.is_not(None))
        .order_by(_C.reference)
        .limit(limit)
    )
    return [_row(each, turn.now) for each in turn.connection.execute(again)]


def release(turn: Turn, scope: int, reference: str, changes: Mapping[str, Any]) -> None:
    """Let others have a row of ours that is open."""
    mine = and_(_C.scope == scope, _C.reference == reference, _C.owner == turn.me, OPEN)
    turn.connection.execute(update(INTENT).where(mine).values(owner=None, **changes))


def _row(columns: Any, now: float) -> Row:
    return Row(*(*columns, now))


def here(row: Row) -> ColumnElement[bool]:
    """The one row."""
    return and_(_C.scope == row.scope, _C.reference == row.reference)


def is_alive(turn: Turn, worker: int) -> bool:
    """Whether the lease of a worker goes on."""
    return turn.connection.execute(alive(turn.now).where(WORKER.c.id == worker)).first() is not None


def alive(now: Any) -> Any:
    """The workers whose lease goes on."""
    return select(WORKER.c.id).where(WORKER.c.lease_until > now)


def ownerless(now: Any) -> ColumnElement[bool]:
    """Rows that nobody alive owns."""
    return or_(_C.owner.is_(None), _C.owner.not_in(alive(now)))


# Statements are built once: SQLAlchemy takes longer to build one than the database to carry it out.
_NOW: Final = bindparam("now", type_=WORKER.c.lease_until.type)
_SCOPE: Final = _C.scope == bindparam("at_scope")
# Not pairs of scope and reference: SQLite would read all rows to find them.
_SEVERAL: Final = and_(_SCOPE, _C.reference.in_(bindparam("at_references", expanding=True)))
_LOOK: Final = _STORED.where(_SEVERAL)
_TAKE: Final = update(INTENT).where(_SEVERAL).values(owner=bindparam("set_owner"))
# Where somebody is at the row this moment it is left alone, not waited for.
_FREE: Final = (
    select(_C.reference)
    .where(_SCOPE, _C.reference == bindparam("at_reference"), OPEN, ownerless(_NOW))
    .with_for_update(skip_locked=True)
)


def _due() -> Any:
    theirs, earlier = INTENT.alias(), INTENT.alias()
    # Not correlated, and in this form: else SQLite reads all rows of the scope, and that for each candidate.
    busy = select(theirs.c.contact).where(
        theirs.c.owner.is_not(None),
        theirs.c.owner.in_(alive(_NOW).where(WORKER.c.id != bindparam("me"))),
        theirs.c.scope == bindparam("at_scope"),
    )
    # The sum keeps SQLite from an index that begins with the scope, and so from reading all its rows.
    unsettled = select(earlier.c.contact).where(
        earlier.c.contact == _C.contact,
        earlier.c.batch == bindparam("at_batch"),
        earlier.c.scope + 0 == bindparam("at_scope"),
        begun(earlier.c),
    )
    return (
        _STORED.where(_SCOPE, _C.batch == bindparam("at_batch"), OPEN, _C.next_at <= bindparam("due_by"))
        .where(ownerless(_NOW), _C.contact.not_in(busy), or_(begun(_C), ~unsettled.exists()))
        .order_by(_C.next_at, _C.line)
        .limit(bindparam("most"))
        .with_for_update(skip_locked=True)
    )


_DUE: Final = _due()
