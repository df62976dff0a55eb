"""What a reference is unique in: program and balance definition, on one API.

The account or key is no part of it: a rotated key must not forget the past.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from attrs import frozen
from sqlalchemy import select

from brevo_balance_async.errors import JournalError
from brevo_balance_async.journal.intents import canonical_id
from brevo_balance_async.journal.steps import insert_ignoring
from brevo_balance_async.journal.tables import SCOPE

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy import Connection


class ProgramHandle(Protocol):
    """What the journal needs of ``client.program(...)``."""

    @property
    def id(self) -> str:
        """The program's id."""
        ...

    @property
    def base_url(self) -> str:
        """The API that its calls go to."""
        ...


@frozen
class Scope:
    """One program and balance definition, in canonical form."""

    id: int
    program: str
    definition: str


def ensure_scope(connection: Connection, program: ProgramHandle, balance_definition_id: str | UUID) -> Scope:
    """The scope, made if it is new; ``JournalError`` if its rows belong to another API."""
    key = {
        "program": canonical_id("program_id", program.id),
        "definition": canonical_id("balance_definition_id", balance_definition_id),
    }
    wanted = select(SCOPE.c.id, SCOPE.c.origin).filter_by(**key)
    found = connection.execute(wanted).first()
    if found is None:
        connection.execute(insert_ignoring(connection, SCOPE).values(origin=program.base_url, **key))
        found = connection.execute(wanted).one()
    _check_origin(program, found.origin)
    return Scope(found.id, **key)


def scopes_of(connection: Connection, program: ProgramHandle) -> list[Scope]:
    """All scopes of a program, likewise checked."""
    columns = select(SCOPE.c.id, SCOPE.c.program, SCOPE.c.definition, SCOPE.c.origin)
    mine = columns.where(SCOPE.c.program == canonical_id("program_id", program.id)).order_by(SCOPE.c.id)
    found = connection.execute(mine).all()
    for each in found:
        _check_origin(program, each.origin)
    return [Scope(each.id, each.program, each.definition) for each in found]


def _check_origin(program: ProgramHandle, origin: str) -> None:
    if origin != program.base_url:
        raise JournalError(
            f"this journal's rows of program {program.id} were sent to {origin}, and this client speaks to "
            f"{program.base_url}; what is done there says nothing about here. Nothing was sent: use a journal of its "
            "own for each API"
        )
