"""What a person does with a journal: see how it stands, open or settle a row by hand, forget personal data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import evolve, field, frozen
from sqlalchemy import and_, bindparam, func, or_, select, tuple_, update

from brevo_balance_async.errors import JournalBusyError, JournalError
from brevo_balance_async.journal.intents import Row, payload_hash
from brevo_balance_async.journal.steps import is_alive, look
from brevo_balance_async.journal.tables import BATCH, INTENT, PARKED, SCOPE, WORKER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from brevo_balance_async.journal.writer import Turn

_C = INTENT.c
_CHUNK = 1_000


@frozen
class ScopeStatus:
    """The rows of one program and balance definition."""

    program: str
    definition: str
    origin: str
    counts: Mapping[str, int] = field(factory=dict)
    """By state: ``planned``, ``chosen``, ``sent``, ``applied``, ``refused``."""
    unknown: int = 0
    """Open rows that were tried, and are to be asked for again or wait for a person."""
    due: int = 0
    """Open rows that can be delivered now."""
    next_in: float | None = None
    """Seconds until the next open row is due; 0 if one is, None if there is none but what waits for a person."""


@frozen
class JournalStatus:
    """How a journal stands."""

    scopes: tuple[ScopeStatus, ...]
    workers: tuple[str, ...]
    """Processes that are at work, as ``host:pid``."""
    unfinished_loads: tuple[str, ...]
    """Sources whose load was not finished, or goes on."""


def status(turn: Turn) -> JournalStatus:
    """Counts; a journal of a million rows is read in about a second."""
    execute = turn.connection.execute
    scopes = [_scope_status(turn, *each) for each in execute(select(SCOPE).order_by(SCOPE.c.id))]
    workers = execute(select(WORKER.c.name).where(WORKER.c.lease_until > turn.now).order_by(WORKER.c.id))
    loads = execute(select(BATCH.c.source).where(BATCH.c.closed_at.is_(None)).order_by(BATCH.c.id))
    return JournalStatus(tuple(scopes), tuple(workers.scalars()), tuple(loads.scalars()))


def _scope_status(turn: Turn, scope: int, program: str, definition: str, origin: str) -> ScopeStatus:
    mine = _C.scope == scope
    open_ = and_(mine, _C.finished_at.is_(None))
    counts = turn.connection.execute(
        select(_C.state, func.count()).where(mine).group_by(_C.state).order_by(_C.state)
    )
    tried = select(func.count()).where(open_, or_(_C.reason.is_not(None), _C.next_at >= PARKED))
    due = select(func.count()).where(open_, _C.next_at <= turn.now)
    soonest = turn.connection.execute(select(func.min(_C.next_at)).where(open_, _C.next_at < PARKED)).scalar()
    return ScopeStatus(
        program,
        definition,
        origin,
        counts={state: number for state, number in counts},  # noqa: C416  (dict() of rows has no type)
        unknown=turn.connection.execute(tried).scalar_one(),
        due=turn.connection.execute(due).scalar_one(),
        next_in=None if soonest is None else max(0.0, soonest - turn.now),
    )


def find(turn: Turn, reference: str, program: str | None, definition: str | None) -> Row:
    """The row of a reference; ``JournalError`` if there is none, or several."""
    where = [_C.reference == reference]
    if program is not None:
        where.append(SCOPE.c.program == program)
    if definition is not None:
        where.append(SCOPE.c.definition == definition)
    scopes = select(_C.scope).join_from(INTENT, SCOPE, SCOPE.c.id == _C.scope).where(*where)
    found = turn.connection.execute(scopes).scalars().all()
    if len(found) != 1:
        raise JournalError(
            f"no row has the reference {reference!r}"
            if not found
            else f"{len(found)} rows have the reference {reference!r}: name program and balance_definition_id"
        )
    return look(turn, found[0], [reference])[reference]


def reopen(turn: Turn, row: Row) -> Row:
    """A refused row is planned again; an open one is due at once."""
    _must_be_free(turn, row)
    if row.state == "applied":
        raise JournalError(
            f"reference {row.reference!r} is applied: to credit again give it another reference"
        )
    if row.state == "sent":
        raise JournalError(
            f"reference {row.reference!r} was sent and its end is not known: look it up, say what became of it with "
            "resolve(..., applied=True or False), and reopen it then if it was not applied"
        )
    changes: dict[str, Any] = {"next_at": turn.now, "owner": None, "pauses": 0}
    if row.state == "refused":
        # The transaction it had was seen to have come to another end, or a person has said so.
        changes |= {"state": "planned", "tid": None, "tid_at": None, "looks": 0, "mode": None}
        changes |= {"reason": None, "credited": None, "finished_at": None}
    return _write(turn, row, changes)


def resolve(turn: Turn, row: Row, *, applied: bool, note: str) -> Row:
    """What a person has found out about an open or a refused row is written down as its end."""
    _must_be_free(turn, row)
    if row.state == "applied":
        if applied:
            return row
        raise JournalError(f"reference {row.reference!r} is applied already, that is not taken back here")
    changes = {
        "state": "applied" if applied else "refused",
        "reason": note,
        "owner": None,
        "finished_at": turn.now,
    }
    return _write(turn, row, changes)


def _must_be_free(turn: Turn, row: Row) -> None:
    if row.owner is not None and not row.finished and is_alive(turn, row.owner):
        raise JournalBusyError(
            f"a program is at reference {row.reference!r} this moment; ask again when it is done"
        )


def _write(turn: Turn, row: Row, changes: dict[str, Any]) -> Row:
    known = and_(
        _C.scope == row.scope,
        _C.reference == row.reference,
        _C.state == row.state,
        _C.owner.is_not_distinct_from(row.owner),
    )
    if turn.connection.execute(update(INTENT).where(known).values(changes)).rowcount != 1:
        raise JournalBusyError(
            f"a program is at reference {row.reference!r} this moment; ask again when it is done"
        )
    return evolve(row, **changes)


def page(turn: Turn, after: tuple[int, str]) -> list[tuple[str, str, Row]]:
    """The next thousand rows after a key, each with its program and definition."""
    key = tuple_(_C.scope, _C.reference)
    found = turn.connection.execute(
        select(SCOPE.c.program, SCOPE.c.definition, INTENT)
        .join_from(INTENT, SCOPE, SCOPE.c.id == _C.scope)
        .where(key > after)
        .order_by(_C.scope, _C.reference)
        .limit(_CHUNK)
    )
    return [(each[0], each[1], Row(*(*each[2:], turn.now))) for each in found]


def redact(turn: Turn, before: float, after: tuple[int, str]) -> tuple[int, str] | None:
    """Contact and details of the finished rows among the next thousand become a hash.

    ``after`` is the key to go on from, ``(0, "")`` at first; returns the next one, or None at the end.
    """
    key = tuple_(_C.scope, _C.reference)
    rows = turn.connection.execute(
        select(_C.scope, _C.reference, _C.contact, _C.amount, _C.details, _C.payload_hash, _C.finished_at)
        .where(key > after)
        .order_by(_C.scope, _C.reference)
        .limit(_CHUNK)
    ).all()
    old = [
        {
            "at_scope": each.scope,
            "at_reference": each.reference,
            "set_hash": payload_hash(each.reference, each.contact, each.amount, each.details),
        }
        for each in rows
        if each.finished_at is not None and each.finished_at < before and each.payload_hash is None
    ]
    if old:
        turn.connection.execute(_REDACT, old)
    return (rows[-1].scope, rows[-1].reference) if rows else None


_REDACT: Final = (
    update(INTENT)
    .where(_C.scope == bindparam("at_scope"), _C.reference == bindparam("at_reference"))
    .values(contact=None, details=None, payload_hash=bindparam("set_hash"))
)
