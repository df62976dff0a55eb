"""A statement as its text, for rows of plain values: SQLAlchemy would take longer with them than the database."""

from __future__ import annotations

from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import Connection


@lru_cache(maxsize=100)  # each journal has a dialect of its own
def text_of(statement: Any, dialect: Any) -> tuple[str, Callable[[Mapping[str, Any]], tuple[Any, ...]]]:
    """The text, and what makes its parameters of a row."""
    compiled = statement.compile(dialect=dialect)
    return str(compiled), itemgetter(*compiled.positiontup)


def hits(connection: Connection, statement: Any, rows: Sequence[Mapping[str, Any]]) -> list[bool]:
    """Whether each row was written, one after the other: on SQLite, where that costs no round trips."""
    text, values = text_of(statement, connection.dialect)
    return [connection.exec_driver_sql(text, values(row)).rowcount == 1 for row in rows]
