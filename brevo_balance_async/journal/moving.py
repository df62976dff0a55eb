"""Steps of rows that are ours; those of a group commit share a statement where that saves round trips.

Every step is a compare-and-set on the row's owner, state and transaction. A row that is not hit belongs to somebody
else by now, or has moved on, and is to be read again.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import cache
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen
from sqlalchemy import and_, bindparam, select, update

from brevo_balance_async.journal.arrays import parameters, table_of
from brevo_balance_async.journal.tables import INTENT
from brevo_balance_async.journal.texts import hits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import ColumnElement, Update

    from brevo_balance_async.journal.intents import Row
    from brevo_balance_async.journal.writer import Turn

_C = INTENT.c


@frozen
class Move:
    """A row with ``changes``. ``due_in``: seconds until it is due, should we not finish it. ``ends``: we do."""

    row: Row
    changes: Mapping[str, Any]
    due_in: float | None = None
    ends: bool = False

    def written(self, now: float) -> dict[str, Any]:
        """The columns that change, at a moment of the database's clock."""
        due = {} if self.due_in is None else {"next_at": now + self.due_in}
        end = {"owner": None, "finished_at": now} if self.ends else {}
        return {**due, **end, **self.changes}


def move(turn: Turn, moves: Sequence[Move]) -> list[Row | None]:
    """Each row as it is now, or None if it was not as we knew it.

    A transaction that another reference has chosen is somebody else's answer, and is not chosen again.
    """
    written = [each.written(turn.now) for each in moves]
    kinds: defaultdict[tuple[int, frozenset[str], bool], list[int]] = defaultdict(list)
    times: Counter[tuple[int, str]] = Counter()
    for at, (each, changes) in enumerate(zip(moves, written, strict=True)):
        key = (each.row.scope, each.row.reference)
        # A statement changes a row once, however often it is named: the second move of a row gets a later statement,
        # which finds that the row has moved on.
        kinds[times[key], frozenset(changes), each.row.tid is not None].append(at)
        times[key] += 1
    results: list[Row | None] = [None] * len(moves)
    for (_, names, chosen), places in sorted(kinds.items(), key=lambda kind: kind[0][0]):
        given = [_given(moves[at].row, written[at]) for at in places]
        for at, hit in zip(places, _hits(turn, names, chosen, given), strict=True):
            if hit:
                results[at] = evolve(moves[at].row, now=turn.now, **written[at])
    return results


def _given(row: Row, changes: Mapping[str, Any]) -> dict[str, Any]:
    known = {
        "at_scope": row.scope,
        "at_reference": row.reference,
        "at_owner": row.owner,
        "at_state": row.state,
    }
    if row.tid is not None:
        known["at_tid"] = row.tid
    return known | {f"set_{name}": value for name, value in changes.items()}


def _hits(
    turn: Turn, names: frozenset[str], chosen: bool, given: Sequence[Mapping[str, Any]]
) -> Sequence[bool]:
    connection = turn.connection
    if connection.dialect.name == "sqlite":
        return hits(connection, _one(names, chosen), given)
    hit = {tuple(key) for key in connection.execute(_several(names, chosen), parameters(given))}
    return [(each["at_scope"], each["at_reference"]) in hit for each in given]


def _columns(names: frozenset[str], chosen: bool) -> dict[str, ColumnElement[Any]]:
    """What a statement is given for each row, and the columns that it is compared with or written to."""
    known = ["scope", "reference", "owner", "state", *(["tid"] if chosen else [])]
    return {f"at_{name}": _C[name] for name in known} | {f"set_{name}": _C[name] for name in sorted(names)}


@cache
def _one(names: frozenset[str], chosen: bool) -> Update:
    types = {name: of.type for name, of in _columns(names, chosen).items()}
    return _update(names, chosen, lambda name: bindparam(name, type_=types[name]))


@cache
def _several(names: frozenset[str], chosen: bool) -> Any:
    given = table_of(_columns(names, chosen))
    return _update(names, chosen, lambda name: given.c[name]).returning(_C.scope, _C.reference)


def _update(names: frozenset[str], chosen: bool, given: Callable[[str], ColumnElement[Any]]) -> Update:
    where = and_(
        _C.scope == given("at_scope"),
        _C.reference == given("at_reference"),
        _C.owner == given("at_owner"),
        _C.state == given("at_state"),
        _C.tid == given("at_tid") if chosen else _C.tid.is_(None),
    )
    if "tid" in names and not chosen:
        other = INTENT.alias()
        where &= ~select(other.c.tid).where(other.c.tid == given("set_tid")).correlate_except(other).exists()
    return update(INTENT).where(where).values({name: given(f"set_{name}") for name in sorted(names)})
