"""Batches: a load of rows counts as a whole, or not at all.

A load opens a batch, writes its rows part by part, and closes it with its last commit. Until then none of its rows is
delivered. One that was killed halfway is replaced by the next load of the same source.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import and_, bindparam, delete, func, insert, select, update

from brevo_balance_async.errors import JournalBusyError
from brevo_balance_async.journal.steps import ownerless
from brevo_balance_async.journal.tables import BATCH, INTENT, SCOPE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brevo_balance_async.journal.writer import Turn

_C = INTENT.c


_FOLLOWING: Final = (
    select(_C.batch)
    .where(_C.scope == bindparam("at_scope"), _C.finished_at.is_(None), _C.batch > bindparam("last"))
    .order_by(_C.batch)
    .limit(1)
)


def open_batch(turn: Turn, source: str) -> int:
    """A new batch. Rows that an unfinished load of the same source left behind are deleted: nothing was sent."""
    left = and_(BATCH.c.source == source, BATCH.c.closed_at.is_(None))
    for batch in turn.connection.execute(select(BATCH.c.id).where(left)).scalars().all():
        drop_batch(turn, batch)
    made = turn.connection.execute(insert(BATCH).values(source=source).returning(BATCH.c.id))
    return int(made.scalar_one())


def drop_batch(turn: Turn, batch: int) -> None:
    """Forget a batch that was not closed, and its rows. One that somebody has begun to settle by itself has left it."""
    for scope in turn.connection.execute(select(SCOPE.c.id)).scalars().all():
        unsent = and_(_C.scope == scope, _C.batch == batch, _C.finished_at.is_(None), _C.state == "planned")
        turn.connection.execute(delete(INTENT).where(unsent))
    turn.connection.execute(delete(BATCH).where(BATCH.c.id == batch))


def close_batch(turn: Turn, batch: int, rows: int) -> None:
    """Let the rows of a batch be delivered; ``rows`` is how many of them its load has written.

    Raises ``JournalBusyError`` if another load has taken some of them: then nothing of this one is delivered.
    """
    still = and_(BATCH.c.id == batch, BATCH.c.closed_at.is_(None))
    there = turn.connection.execute(select(func.count()).where(_C.batch == batch)).scalar_one()
    closed = turn.connection.execute(update(BATCH).where(still).values(closed_at=turn.now)).rowcount == 1
    if not closed or there != rows:
        raise JournalBusyError(
            "another load with rows of this one began while it was under way, and has taken them over; nothing of "
            "this one was delivered. Run one load after the other"
        )


def deliverable(turn: Turn, scope: int) -> list[int]:
    """The batches that may be delivered and have rows left, the one without a name (0) among them.

    One seek in the index for each, however many rows they have.
    """
    found: list[int] = []
    last = -1
    while True:
        batch = turn.connection.execute(_FOLLOWING, {"at_scope": scope, "last": last}).scalar()
        if batch is None:
            return found
        last = batch
        if batch == 0 or is_closed(turn, batch):
            found.append(batch)


def left_over(turn: Turn, scopes: Sequence[int], batches: frozenset[int] | None) -> tuple[int, int]:
    """Open rows that are due: those that are free, and those that somebody alive is at. None: of all closed batches."""
    due = taken = 0
    for scope in scopes:
        closed = deliverable(turn, scope)
        mine = and_(
            _C.scope == scope,
            _C.batch.in_(closed if batches is None else batches.intersection(closed)),
            _C.finished_at.is_(None),
            _C.next_at <= turn.now,
        )
        count = select(func.count()).where(mine)
        free = turn.connection.execute(count.where(ownerless(turn.now))).scalar_one()
        due += free
        taken += turn.connection.execute(count).scalar_one() - free
    return due, taken


def is_closed(turn: Turn, batch: int) -> bool:
    """Whether a batch was loaded to its end."""
    closed = select(BATCH.c.id).where(BATCH.c.id == batch, BATCH.c.closed_at.is_not(None))
    return turn.connection.execute(closed).first() is not None
