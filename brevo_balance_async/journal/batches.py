"""Batches: a load of rows counts as a whole, or not at all.

A load opens a batch, writes its rows part by part, and closes it with its last commit. Until then none of its rows is
delivered. One that was killed halfway is replaced by the next load of the same source.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import frozen
from sqlalchemy import and_, bindparam, delete, func, insert, select, update

from brevo_balance_async.errors import JournalBusyError
from brevo_balance_async.journal.intents import Row
from brevo_balance_async.journal.steps import alive
from brevo_balance_async.journal.tables import BATCH, INTENT, PARKED, SCOPE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement

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


@frozen(kw_only=True)
class LeftOver:
    """The open rows of some batches, by what they wait for."""

    due: int = 0
    """Free, and due."""
    taken: int = 0
    """In the hands of a process that is alive."""
    later: int = 0
    """Free, and due at some time."""
    next_in: float | None = None
    """Seconds until the first of those is due; None if there are none."""
    parked: int = 0
    """Waiting for a person."""

    @property
    def total(self) -> int:
        """All of them."""
        return self.due + self.taken + self.later + self.parked


def left_over(turn: Turn, scopes: Sequence[int], batches: frozenset[int] | None) -> LeftOver:
    """What is open of these batches, None: of all. Only those count that were loaded to their end."""
    found = [_left_over(turn, _open_in(turn, scope, batches)) for scope in scopes]
    return LeftOver(
        due=sum(each.due for each in found),
        taken=sum(each.taken for each in found),
        later=sum(each.later for each in found),
        next_in=min((each.next_in for each in found if each.next_in is not None), default=None),
        parked=sum(each.parked for each in found),
    )


def _left_over(turn: Turn, mine: ColumnElement[bool]) -> LeftOver:
    # The index has all that is counted of a million rows. It has no owner, but few rows are owned.
    due, later, parked, soonest = turn.connection.execute(_counts(turn.now).where(mine)).one()
    owned = and_(mine, _C.owner.is_not(None), _C.owner.in_(alive(turn.now)))
    *theirs, _ = turn.connection.execute(_counts(turn.now).where(owned)).one()
    return LeftOver(
        due=due - theirs[0],
        taken=sum(theirs),
        later=later - theirs[1],
        next_in=soonest - turn.now if later > theirs[1] else None,
        parked=parked - theirs[2],
    )


def _counts(now: float) -> Any:
    due, parked = _C.next_at <= now, _C.next_at >= PARKED
    later = and_(_C.next_at > now, _C.next_at < PARKED)
    number, soonest = func.count(), func.min(_C.next_at)
    return select(number.filter(due), number.filter(later), number.filter(parked), soonest.filter(later))


def parked(turn: Turn, scopes: Sequence[int], batches: frozenset[int] | None) -> list[Row]:
    """The rows of these batches that wait for a person."""
    return [
        Row(*(*each, turn.now))
        for scope in scopes
        for each in turn.connection.execute(
            select(INTENT).where(_open_in(turn, scope, batches), _C.next_at >= PARKED).order_by(_C.line)
        )
    ]


def _open_in(turn: Turn, scope: int, batches: frozenset[int] | None) -> ColumnElement[bool]:
    closed = deliverable(turn, scope)
    mine = closed if batches is None else batches.intersection(closed)
    return and_(_C.scope == scope, _C.batch.in_(mine), _C.finished_at.is_(None))


def is_closed(turn: Turn, batch: int) -> bool:
    """Whether a batch was loaded to its end."""
    closed = select(BATCH.c.id).where(BATCH.c.id == batch, BATCH.c.closed_at.is_not(None))
    return turn.connection.execute(closed).first() is not None
