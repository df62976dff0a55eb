"""Many rows as the parameters of one statement, for PostgreSQL: an array for each column, and one round trip."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import String, Text, bindparam, column, func
from sqlalchemy.dialects.postgresql import ARRAY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import ColumnElement, TableValuedAlias


def table_of(columns: Mapping[str, ColumnElement[Any]]) -> TableValuedAlias:
    """A table of the statement's own, with these names and the types of these columns."""
    # A cast to a text of limited length would cut what is longer; a text without limit is refused by the column.
    types = {name: Text() if isinstance(of.type, String) else of.type for name, of in columns.items()}
    arrays = [bindparam(name, type_=ARRAY(type_)) for name, type_ in types.items()]
    named = [column(name, type_) for name, type_ in types.items()]
    return func.unnest(*arrays).table_valued(*named, name="given").render_derived()


def parameters(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """The rows of such a table as its statement's parameters."""
    return {name: [row[name] for row in rows] for name in rows[0]}
