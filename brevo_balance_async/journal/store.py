"""The journal as a program uses it: opened and closed, written through one writer, owned by one heartbeat."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from brevo_balance_async.core import validation
from brevo_balance_async.core.clock import wait_for_timer
from brevo_balance_async.errors import InvalidRequestError, JournalError
from brevo_balance_async.journal import outbox, upkeep
from brevo_balance_async.journal.database import database
from brevo_balance_async.journal.intents import canonical_id, intent
from brevo_balance_async.journal.owner import BootClock, Owner
from brevo_balance_async.journal.rows import CLAIMS, Rows
from brevo_balance_async.journal.tables import make_or_upgrade
from brevo_balance_async.journal.writer import Writer

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncIterator
    from datetime import datetime
    from decimal import Decimal
    from types import TracebackType
    from uuid import UUID

    from sqlalchemy import Connection
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
    from sqlalchemy.orm import Session

    from brevo_balance_async.config import Clock
    from brevo_balance_async.journal.intents import Row
    from brevo_balance_async.journal.scopes import ProgramHandle
    from brevo_balance_async.journal.upkeep import JournalStatus


class Journal(Rows):
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
            raise InvalidRequestError("lease", f"must be more than 0 seconds, not {validation.shown(lease)}")
        self.clock: Clock = clock or BootClock()
        self._database = database(url, None if clock is None else clock.time)
        super().__init__(Owner(lease, self.clock))
        self._used = self._closed = False
        self._heart: asyncio.Task[None] | None = None

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
        """Write what is under way, and leave the rows that are open to others; harmless a second time."""
        if self._closed:
            return
        self._closed = True
        writer, self._open = self._open, None
        if self._heart is not None:
            self._heart.cancel()
            await asyncio.wait([self._heart])
        if writer is not None:
            writer.submit(lambda turn: self._owner.leave(turn.connection), CLAIMS)
            await writer.close()
        await self._database.close()

    async def _beat(self) -> None:
        while True:
            await wait_for_timer(
                self.clock, self._owner.lease / 3, asyncio.get_running_loop().create_future()
            )
            with suppress(JournalError):  # the lease runs out then, and nothing more is sent
                await self._writer.run(lambda _: None, durable=False)

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

    async def pages(self) -> AsyncIterator[list[tuple[str, str, Row]]]:
        """All rows, a thousand at a time, by their references; each with its program and definition."""
        key = (0, "")
        while page := await self.run(partial(upkeep.page, after=key)):
            yield page
            key = (page[-1][2].scope, page[-1][2].reference)

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
        validation.boolean("applied", applied)
        text = validation.text("note", note, least=1, most=2_000)
        wanted = _wanted(reference, program_id, balance_definition_id)
        return await self.run(
            lambda turn: upkeep.resolve(turn, upkeep.find(turn, *wanted), applied=applied, note=text)
        )

    async def redact(self, before: datetime) -> None:
        """Drop contact, meta and event time of the rows finished before a moment.

        Reference, amount and a hash of the payload stay, so that the reference is never credited again.
        """
        moment = validation.timestamp("before", before).timestamp()
        key: tuple[int, str] | None = (0, "")
        while key is not None:
            key = await self.run(partial(upkeep.redact, before=moment, after=key))


def _wanted(
    reference: str, program_id: str | UUID | None, definition: str | UUID | None
) -> tuple[str, str | None, str | None]:
    return (
        validation.reference(reference),
        None if program_id is None else canonical_id("program_id", program_id),
        None if definition is None else canonical_id("balance_definition_id", definition),
    )
