"""The journal as a program uses it: opened and closed, written through one writer, owned by one heartbeat."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeVar

from brevo_balance_async.core import checks
from brevo_balance_async.core.clock import wait_for_timer
from brevo_balance_async.errors import InvalidRequestError, JournalError
from brevo_balance_async.journal import batches, outbox, scopes, steps, upkeep
from brevo_balance_async.journal.database import database
from brevo_balance_async.journal.intents import canonical_id, canonical_reference, intent
from brevo_balance_async.journal.owner import BootClock, Owner
from brevo_balance_async.journal.tables import make_or_upgrade
from brevo_balance_async.journal.writer import Writer

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from decimal import Decimal
    from types import TracebackType
    from uuid import UUID

    from sqlalchemy import Connection
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
    from sqlalchemy.orm import Session

    from brevo_balance_async.core.clock import Clock
    from brevo_balance_async.errors import ReferenceConflictError
    from brevo_balance_async.journal.intents import Intent, Row
    from brevo_balance_async.journal.scopes import ProgramHandle, Scope
    from brevo_balance_async.journal.upkeep import JournalStatus
    from brevo_balance_async.journal.writer import Turn

T = TypeVar("T")

_NEW_ROWS, _CLAIMS, _LAST = (1, ""), (2, ""), (3, "")  # see ``Writer``: the order within a group


class Journal:
    """Durable intents and outcomes in SQL: ``async with Journal("credits.db") as journal``.

    - ``url``: a file's path or ``sqlite:///path`` for the processes of one machine; ``postgresql://user@host/name`` for
      several machines.
    - ``lease``: seconds after which the rows of a process that went silent are anybody's (30).
    - ``clock``: what leases and waits are timed by, in tests; it also stands in for the database's clock.

    Opening makes the tables that are missing. Every failure is a ``JournalError`` that says what to do.
    """

    def __init__(
        self, url: str | os.PathLike[str], *, lease: float = 30.0, clock: Clock | None = None
    ) -> None:
        if not lease > 0:
            raise InvalidRequestError("lease", f"must be more than 0 seconds, not {checks.shown(lease)}")
        self.clock: Clock = clock or BootClock()
        self._database = database(url, None if clock is None else clock.time)
        self._owner = Owner(lease, self.clock)
        self._used = False
        self._open: Writer | None = None
        self._heart: asyncio.Task[None] | None = None
        self._scopes: dict[tuple[str, str, str], Scope] = {}

    def __repr__(self) -> str:
        return f"<Journal {self._database.place}>"

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def open(self) -> None:
        """Make or upgrade the tables, and begin the heartbeat."""
        if self._used:
            raise JournalError("a Journal is opened once: make another one")
        self._used = True
        try:
            await self._database.transact(lambda connection, _: make_or_upgrade(connection))
            self._open = Writer(self._database, self._owner)
            await self._open.run(lambda _: None)
        except BaseException:
            await self.close()
            raise
        self._heart = asyncio.create_task(self._beat(), name="brevo-balance-heartbeat")

    async def close(self) -> None:
        """Write what is under way, and leave the rows that are open to others."""
        writer, self._open = self._open, None
        if self._heart is not None:
            self._heart.cancel()
            await asyncio.wait([self._heart])
        if writer is not None:
            writer.submit(lambda turn: self._owner.leave(turn.connection), _CLAIMS)
            await writer.close()
        await self._database.close()

    async def _beat(self) -> None:
        while True:
            await wait_for_timer(
                self.clock, self._owner.lease / 3, asyncio.get_running_loop().create_future()
            )
            with suppress(JournalError):  # the lease runs out then, and nothing more is sent
                await self._writer.run(lambda _: None, durable=False)

    @property
    def _writer(self) -> Writer:
        if self._open is None:
            raise JournalError("the journal is not open: use it as 'async with Journal(...) as journal'")
        return self._open

    async def run(self, operation: Callable[[Turn], T]) -> T:
        """What ``operation`` returns, in a group commit; see ``Writer``."""
        return await self._writer.run(operation)

    # Rows that are settled here --------------------------------------------------------------------------------

    async def scope(self, program: ProgramHandle, balance_definition_id: str | UUID) -> Scope:
        """The scope of a program and definition; ``JournalError`` if its rows belong to another API."""
        key = (program.id.lower(), str(balance_definition_id).lower(), program.base_url)
        if key not in self._scopes:
            made = partial(_ensure_scope, program=program, definition=balance_definition_id)
            self._scopes[key] = await self._writer.run(made, _NEW_ROWS)
        return self._scopes[key]

    async def scopes(self, program: ProgramHandle) -> list[Scope]:
        """All scopes of a program."""
        return await self._writer.run(lambda turn: scopes.scopes_of(turn.connection, program))

    async def enroll(self, scope: Scope, intent: Intent) -> Row:
        """The row of an intent, new or as it was left, as ours unless somebody else alive is at it.

        Raises ``ReferenceConflictError`` for another payload, unless the row is planned and nobody is at it.
        """
        return _row(
            await self._writer.run(
                lambda turn: steps.enroll(turn, scope.id, intent),
                (1, intent.reference),
                durable=False,  # the next durable commit takes it along, and nothing counts before one
            )
        )

    async def reload(self, row: Row) -> Row:
        """The row as it stands, as ours if nobody alive has it."""

        def operation(turn: Turn) -> Row:
            return steps.take(turn, steps.look(turn, row.scope, [row.reference])[row.reference])

        return await self._writer.run(operation, _CLAIMS, durable=False)

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
            loaded = steps.batches_with_open_rows(turn, scope.id)
            chosen = [each for each in loaded if batches is None or each in batches]
            until = turn.now if due_by is None else min(due_by, turn.now)
            rows: list[Row] = []
            for each in chosen:
                if len(rows) < limit:
                    left = limit - len(rows)
                    rows += steps.take_due(turn, scope.id, batch=each, due_by=until, limit=left)
            return rows

        return await self._writer.run(operation, _CLAIMS, durable=False)

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

        def operation(turn: Turn) -> Row | None:
            due = {} if due_in is None else {"next_at": turn.now + due_in}
            return steps.move(turn, row, {**due, **changes})

        return await self._writer.run(operation)

    async def finish(self, row: Row, state: str, *, durable: bool = True, **changes: Any) -> Row | None:
        """``move`` to an end, ``"applied"`` or ``"refused"``.

        It need not be ``durable`` where the end can be read on the server again.
        """
        return await self._writer.run(
            lambda turn: steps.move(
                turn, row, {"state": state, "owner": None, "finished_at": turn.now, **changes}
            ),
            durable=durable,
        )

    def release(
        self, scope: int, reference: str, *, after: float | None = None, reason: str | None = None
    ) -> asyncio.Future[None]:
        """Let others have an open row of ours, due in ``after`` seconds (None: when it was).

        It is written whether or not it is awaited, after whatever was asked for before.
        """

        def operation(turn: Turn) -> None:
            changes: dict[str, Any] = {} if reason is None else {"reason": reason}
            if after:
                changes["next_at"] = turn.now + after
            steps.release(turn, scope, reference, changes)

        if self._open is None:  # closing has let go of everything
            nothing: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            nothing.set_result(None)
            return nothing
        return self._open.submit(operation, _LAST)

    async def applied_rows(self, scope: int, *, limit: int) -> list[Row]:
        """Some rows that are applied, and whose contact is known."""
        return await self.run(lambda turn: steps.applied_rows(turn, scope, limit))

    async def sent_again(self, scope: Scope, *, after: str, limit: int) -> list[Row]:
        """Finished rows that were sent more than once in one phase, from the reference after ``after`` on."""
        return await self.run(lambda turn: steps.sent_again(turn, scope.id, after, limit))

    async def now(self) -> float:
        """The database's clock, in seconds."""
        return await self.run(lambda turn: turn.now)

    # Loads -----------------------------------------------------------------------------------------------------

    async def open_batch(self, source: str) -> int:
        """Begin a load; what an unfinished load of this source left is replaced."""
        return await self.run(lambda turn: batches.open_batch(turn, source))

    async def load(
        self, scope: Scope, batch: int, intents: Sequence[Intent]
    ) -> list[Row | ReferenceConflictError]:
        """Write a part of a load; each row as it stands now, or the conflict. A thousand at a time is a good size."""
        return await self._writer.run(
            lambda turn: steps.load(turn, scope.id, intents, batch), (1, intents[0].reference)
        )

    async def look(self, scope: Scope, references: Sequence[str]) -> dict[str, Row]:
        """The rows of these references as they stand, by reference; nothing is written."""
        return await self._writer.run(lambda turn: steps.look(turn, scope.id, references), _LAST)

    async def close_batch(self, batch: int, *, rows: int) -> None:
        """End a load of ``rows`` rows of its own: from now on they are delivered."""
        await self.run(lambda turn: batches.close_batch(turn, batch, rows))

    # The outbox ------------------------------------------------------------------------------------------------

    async def add(
        self,
        connection: AsyncConnection | AsyncSession,
        program: ProgramHandle,
        *,
        reference: str,
        contact_id: int,
        balance_definition_id: str | UUID,
        amount: Decimal | float | str,
        event_time: datetime | None = None,
        meta: dict[str, Any] | None = None,
        balance_expiry_in_minutes: int | None = None,
    ) -> bool:
        """Write an intent on the caller's own connection, in the caller's own transaction.

        The journal need not be open. Returns False if the reference is there already with this payload, and raises
        ``ReferenceConflictError`` if it is there with another one. A worker's ``deliver`` credits it once the
        transaction is committed.
        """
        wanted = intent(
            reference=reference,
            contact_id=contact_id,
            amount=amount,
            event_time=event_time,
            meta=meta,
            balance_expiry_in_minutes=balance_expiry_in_minutes,
        )
        written: bool = await connection.run_sync(outbox.add, program, balance_definition_id, wanted)
        return written

    def add_sync(
        self,
        connection: Connection | Session,
        program: ProgramHandle,
        *,
        reference: str,
        contact_id: int,
        balance_definition_id: str | UUID,
        amount: Decimal | float | str,
        event_time: datetime | None = None,
        meta: dict[str, Any] | None = None,
        balance_expiry_in_minutes: int | None = None,
    ) -> bool:
        """``add`` for a sync ``Connection`` or ``Session``."""
        wanted = intent(
            reference=reference,
            contact_id=contact_id,
            amount=amount,
            event_time=event_time,
            meta=meta,
            balance_expiry_in_minutes=balance_expiry_in_minutes,
        )
        return outbox.add(connection, program, balance_definition_id, wanted)

    # By hand ---------------------------------------------------------------------------------------------------

    async def status(self) -> JournalStatus:
        """How many rows there are of each state, who is at work, and which loads were not finished."""
        return await self.run(upkeep.status)

    async def reopen(
        self,
        reference: str,
        *,
        program_id: str | UUID | None = None,
        balance_definition_id: str | UUID | None = None,
    ) -> Row:
        """Plan a refused row again, or make an open one due at once.

        ``JournalError`` for one that is applied or was sent and never settled, ``JournalBusyError`` while a program is
        at it. The two ids are needed where a reference occurs in several programs or definitions.
        """
        wanted = _wanted(reference, program_id, balance_definition_id)
        return await self.run(lambda turn: upkeep.reopen(turn, upkeep.find(turn, *wanted)))

    async def resolve(
        self,
        reference: str,
        *,
        applied: bool,
        note: str,
        program_id: str | UUID | None = None,
        balance_definition_id: str | UUID | None = None,
    ) -> Row:
        """Write down what a person has found out about an open or refused row; ``note`` says how, and is kept."""
        checks.flag("applied", applied)
        text = checks.text("note", note, least=1, most=2_000)
        wanted = _wanted(reference, program_id, balance_definition_id)
        return await self.run(
            lambda turn: upkeep.resolve(turn, upkeep.find(turn, *wanted), applied=applied, note=text)
        )

    async def redact(self, before: datetime) -> None:
        """Drop contact, meta and event time of the rows finished before a moment.

        Reference, amount and a hash of the payload stay, so that the reference is never credited again.
        """
        moment = checks.moment("before", before).timestamp()
        key: tuple[int, str] | None = (0, "")
        while key is not None:
            key = await self.run(partial(upkeep.redact, before=moment, after=key))


def _ensure_scope(turn: Turn, program: ProgramHandle, definition: str | UUID) -> Scope:
    return scopes.ensure_scope(turn.connection, program, definition)


def _row(found: Row | ReferenceConflictError) -> Row:
    if isinstance(found, Exception):
        raise found
    return found


def _wanted(
    reference: str, program_id: str | UUID | None, definition: str | UUID | None
) -> tuple[str, str | None, str | None]:
    return (
        canonical_reference(reference),
        None if program_id is None else canonical_id("program_id", program_id),
        None if definition is None else canonical_id("balance_definition_id", definition),
    )
