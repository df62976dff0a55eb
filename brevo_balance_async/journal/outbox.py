"""The outbox: an intent written on the caller's own connection, inside the caller's own transaction.

An order and its points commit together, or neither does; a worker delivers what was committed. The tables must be in
that database: made by ``metadata.create_all``, or by a migration written from ``schema_sql``.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sqlalchemy import Connection, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from brevo_balance_async.journal.failures import explained
from brevo_balance_async.journal.placing import place
from brevo_balance_async.journal.scopes import ensure_scope
from brevo_balance_async.journal.steps import look
from brevo_balance_async.journal.writer import Turn

if TYPE_CHECKING:
    from uuid import UUID

    from brevo_balance_async.journal.intents import Intent
    from brevo_balance_async.journal.scopes import ProgramHandle

_NOBODY = 0


def add(within: Connection | Session, program: ProgramHandle, definition: str | UUID, intent: Intent) -> bool:
    """Write the intent; False if it is there already, ``ReferenceConflictError`` if with another payload."""
    connection = within.connection() if isinstance(within, Session) else within
    try:
        scope = ensure_scope(connection, program, definition)
        turn = Turn(connection, _now(connection), _NOBODY)
        there = look(turn, scope.id, [intent.reference]).get(intent.reference)
        if there is None:
            place(turn, scope.id, [intent])
            row = look(turn, scope.id, [intent.reference])[intent.reference]
        else:
            row = there
    except SQLAlchemyError as error:
        raise explained(error, "of this connection") from error
    conflict = row.conflict(intent)
    if conflict is not None:
        raise conflict
    return there is None


def _now(connection: Connection) -> float:
    if connection.dialect.name == "sqlite":
        return time.time()
    return float(connection.execute(select(func.extract("epoch", func.clock_timestamp()))).scalar_one())
