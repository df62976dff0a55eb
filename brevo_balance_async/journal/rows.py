"""The rows of an open journal, for those who settle or load them: ``exactly_once`` and ``importer``."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from brevo_balance_async.errors import JournalError
from brevo_balance_async.journal import placing, scopes, steps
from brevo_balance_async.journal.batches import (
    close_batch,
    deliverable,
    drop_batch,
    left_over,
    open_batch,
    parked,
)
from brevo_balance_async.journal.moving import Move, move

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from uuid import UUID

    from brevo_balance_async.errors import ReferenceConflictError
    from brevo_balance_async.journal.batches import LeftOver
    from brevo_balance_async.journal.intents import Intent, Row
    from brevo_balance_async.journal.owner import Owner
    from brevo_balance_async.journal.scopes import ProgramHandle, Scope
    from brevo_balance_async.journal.writer import Turn, Writer

T = TypeVar("T")

# See ``Writer``: the order within a group.
NEW_ROWS: Final = (1, "")
CLAIMS: Final = (2, "")
LAST: Final = (3, "")


class Rows:
    """What a ``Journal`` offers for rows, once it is open."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._open: Writer | None = None
        self._scopes: dict[tuple[str, str, str], Scope] = {}

    @property
    def _writer(self) -> Writer:
        if self._open is None:
            raise JournalError("the journal is not open: use it as 'async with Journal(...) as journal'")
        return self._open

    async def run(self, operation: Callable[[Turn], T]) -> T:
        """What ``operation`` returns, in a group commit; see ``Writer``."""
        return await self._writer.run(operation)

    # Settling --------------------------------------------------------------------------------------------------

    async def scope(self, program: ProgramHandle, balance_definition_id: str | UUID) -> Scope:
        """The scope of a program and definition; ``JournalError`` if its rows belong to another API."""
        key = (program.id.lower(), str(balance_definition_id).lower(), program.base_url)
        if key not in self._scopes:
            made = partial(_ensure_scope, program=program, definition=balance_definition_id)
            self._scopes[key] = await self._writer.run(made, NEW_ROWS)
        return self._scopes[key]

    async def scopes(self, program: ProgramHandle) -> list[Scope]:
        """All scopes of a program."""
        return await self._writer.run(lambda turn: scopes.scopes_of(turn.connection, program))

    async def enroll(self, scope: Scope, intent: Intent) -> Row:
        """The row of an intent, new or as it was left, as ours unless somebody else alive is at it.

        Raises ``ReferenceConflictError`` for another payload, unless the row is planned and nobody is at it.
        """
        return _row(
            await self._writer.join(
                placing.enroll,
                (scope.id, intent),
                (1, intent.reference),
                durable=False,  # the next durable commit takes it along, and nothing counts before one
            )
        )

    async def reload(self, row: Row) -> Row:
        """The row as it stands, as ours if nobody alive has it."""

        def operation(turn: Turn) -> Row:
            return steps.take(turn, steps.look(turn, row.scope, [row.reference])[row.reference])

        return await self._writer.run(operation, CLAIMS, durable=False)

    async def take_due(
        self,
        scope: Scope,
        *,
        limit: int,
        due_by: float | None = None,
        batches: frozenset[int] | None = None,
    ) -> list[Row]:
        """Up to ``limit`` rows that are due and free, as ours: of these batches, or of all that were loaded whole.

        ``due_by`` is a moment of the database's clock (None: now).
        """

        def operation(turn: Turn) -> list[Row]:
            loaded = deliverable(turn, scope.id)
            chosen = [each for each in loaded if batches is None or each in batches]
            until = turn.now if due_by is None else min(due_by, turn.now)
            rows: list[Row] = []
            for each in chosen:
                if len(rows) < limit:
                    left = limit - len(rows)
                    rows += steps.take_due(turn, scope.id, batch=each, due_by=until, limit=left)
            return rows

        return await self._writer.run(operation, CLAIMS, durable=False)

    @property
    def lease(self) -> float:
        """Seconds after which the rows of a process that went silent are anybody's."""
        return self._owner.lease

    @property
    def me(self) -> int | None:
        """The id under which this process owns rows at present."""
        return None if self._owner.standing is None else self._owner.standing.id

    def holds(self, row: Row) -> bool:
        """Whether the row is ours, and nobody can have taken it; ask right before anything is sent for it."""
        return self._owner.holds(row.owner)

    async def move(self, row: Row, *, due_in: float | None = None, **changes: Any) -> Row | None:
        """The row with ``changes``, on the disk; None if it is not as we know it any more: reload it.

        ``due_in``: seconds until it is due for others, should this process die.
        """
        return await self._writer.join(move, Move(row, changes, due_in))

    async def finish(self, row: Row, state: str, *, durable: bool = True, **changes: Any) -> Row | None:
        """``move`` to an end, ``"applied"`` or ``"refused"``.

        It need not be ``durable`` where the end can be read on the server again.
        """
        ended = Move(row, {"state": state, **changes}, ends=True)
        return await self._writer.join(move, ended, durable=durable)

    def release(
        self,
        scope: int,
        reference: str,
        *,
        after: float | None = None,
        reason: str | None = None,
        pauses: int | None = None,
    ) -> asyncio.Future[None]:
        """Let others have an open row of ours, due in ``after`` seconds (None: when it was).

        It is written whether or not it is awaited, after whatever was asked for before.
        """

        def operation(turn: Turn) -> None:
            changes: dict[str, Any] = {} if reason is None else {"reason": reason}
            if after:
                changes["next_at"] = turn.now + after
            if pauses is not None:
                changes["pauses"] = pauses
            steps.release(turn, scope, reference, changes)

        if self._open is None:  # closing has let go of everything
            nothing: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            nothing.set_result(None)
            return nothing
        return self._open.submit(operation, LAST)

    async def applied_rows(self, scope: int, *, limit: int) -> list[Row]:
        """Some rows that are applied, and whose contact is known."""
        return await self.run(lambda turn: steps.applied_rows(turn, scope, limit))

    async def sent_again(self, scope: Scope, *, after: str, limit: int) -> list[Row]:
        """Finished rows that were sent more than once in one phase, from the reference after ``after`` on."""
        return await self.run(lambda turn: steps.sent_again(turn, scope.id, after, limit))

    async def now(self) -> float:
        """The database's clock, in seconds, after whatever was asked for before is written."""
        return await self._writer.run(lambda turn: turn.now, LAST)

    # Loads -----------------------------------------------------------------------------------------------------

    async def open_batch(self, source: str) -> int:
        """Begin a load; what an unfinished load of this source left is replaced."""
        return await self.run(lambda turn: open_batch(turn, source))

    async def load(
        self, scope: Scope, batch: int, intents: Sequence[Intent]
    ) -> list[Row | ReferenceConflictError]:
        """Write a part of a load; each row as it stands now, or the conflict. A thousand at a time is a good size."""
        return await self._writer.run(
            lambda turn: placing.load(turn, scope.id, intents, batch), (1, intents[0].reference)
        )

    async def drop_batch(self, batch: int) -> None:
        """Forget a load that was not finished."""
        await self.run(lambda turn: drop_batch(turn, batch))

    async def left_over(self, program: ProgramHandle, batches: frozenset[int] | None) -> LeftOver:
        """What is open of a program, in these batches or in all."""
        ids = [scope.id for scope in await self.scopes(program)]
        return await self.run(lambda turn: left_over(turn, ids, batches))

    async def parked(self, program: ProgramHandle, batches: frozenset[int] | None) -> list[Row]:
        """The rows of a program that wait for a person, in these batches or in all."""
        ids = [scope.id for scope in await self.scopes(program)]
        return await self.run(lambda turn: parked(turn, ids, batches))

    async def look(self, scope: Scope, references: Sequence[str]) -> dict[str, Row]:
        """The rows of these references as they stand, by reference; nothing is written."""
        return await self._writer.run(lambda turn: steps.look(turn, scope.id, references), LAST)

    async def close_batch(self, batch: int, *, rows: int) -> None:
        """End a load of ``rows`` rows of its own: from now on they are delivered."""
        await self.run(lambda turn: close_batch(turn, batch, rows))


def _ensure_scope(turn: Turn, program: ProgramHandle, definition: str | UUID) -> Scope:
    return scopes.ensure_scope(turn.connection, program, definition)


def _row(found: Row | ReferenceConflictError) -> Row:
    if isinstance(found, Exception):
        raise found
    return found
