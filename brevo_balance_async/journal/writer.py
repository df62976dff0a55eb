"""Group commit: one task writes, and whatever is asked for while a commit is under way shares the next one.

A commit costs an fsync, a row of it microseconds. An operation is a function of a ``Turn`` without other effects, so
that it can be run again: if one of a group fails, the group is rolled back and each runs once more in a savepoint of
its own, and only the one that fails hears of it. Some operations do the same thing to many rows; those of a group are
one call, which saves round trips to a server.
"""

from __future__ import annotations

import asyncio
from copy import copy
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from attrs import field, frozen

from brevo_balance_async.errors import JournalBusyError, JournalError, JournalFullError
from brevo_balance_async.journal.failures import explained, is_collision

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection

    from brevo_balance_async.journal.database import Database
    from brevo_balance_async.journal.owner import Owner, Standing

A = TypeVar("A")
T = TypeVar("T")
Outcome = tuple[Any, BaseException | None]

MOST: Final = 500
"""Operations that share a commit."""
FIRST: Final = (0, "")
"""The place of an operation in its group, if nothing speaks for another one."""
_TRIES: Final = 5
"""Of a group that PostgreSQL ended because it was in another one's way."""
_CLOSED: Final = "the journal is closed; nothing was written or sent"


@frozen
class Turn:
    """One transaction: its connection, the database's clock in seconds, and the id under which we own rows."""

    connection: Connection
    now: float
    me: int


@frozen(eq=False)
class _Job(Generic[A, T]):
    together: Callable[[Turn, Sequence[A]], Sequence[T]]
    argument: A
    # Who waits for another transaction's rows comes in the same order in every group, so that two never wait for
    # each other: first what touches only our own rows, then new rows by reference, then claims.
    order: tuple[int, str]
    durable: bool
    done: asyncio.Future[T] = field(factory=lambda: asyncio.get_running_loop().create_future())

    def fail(self, error: BaseException) -> None:
        if not self.done.done():
            self.done.set_exception(error)
            self.done.exception()  # whoever has left does not need to hear of it


def _each(turn: Turn, operations: Sequence[Callable[[Turn], T]]) -> list[T]:
    return [operation(turn) for operation in operations]


class Writer:
    """The only one that speaks to the database."""

    def __init__(self, database: Database, owner: Owner) -> None:
        self._database = database
        self._owner = owner
        self._jobs: asyncio.Queue[_Job[Any, Any] | None] = asyncio.Queue()
        self._task = asyncio.create_task(self._write(), name="brevo-balance-journal")
        self._closed = False

    def submit(
        self, operation: Callable[[Turn], T], order: tuple[int, str] = FIRST, *, durable: bool = True
    ) -> asyncio.Future[T]:
        """Have ``operation`` done, whether or not anybody waits for the answer."""
        return self._submit(_Job(_each, operation, order, durable))

    def _submit(self, job: _Job[A, T]) -> asyncio.Future[T]:
        if self._closed:
            job.fail(JournalError(_CLOSED))
        else:
            self._jobs.put_nowait(job)
        return job.done

    async def run(
        self, operation: Callable[[Turn], T], order: tuple[int, str] = FIRST, *, durable: bool = True
    ) -> T:
        """What ``operation`` returns, once it is committed. It is done even if the caller is cancelled."""
        return await self.submit(operation, order, durable=durable)

    async def join(
        self,
        together: Callable[[Turn, Sequence[A]], Sequence[T]],
        argument: A,
        order: tuple[int, str] = FIRST,
        *,
        durable: bool = True,
    ) -> T:
        """``run`` for an operation on many arguments: it is called once with all that a group has for it.

        It returns a result for each.
        """
        return await self._submit(_Job(together, argument, order, durable))

    async def close(self) -> None:
        """Write what was asked for, then stop."""
        self._closed = True
        self._jobs.put_nowait(None)
        await asyncio.wait([self._task])

    async def _write(self) -> None:
        group: list[_Job[Any, Any]] = []
        try:
            while (first := await self._jobs.get()) is not None:
                group = [first, *self._waiting()]
                await self._serve(sorted(group, key=attrgetter("order")))
        finally:
            self._closed = True
            for job in [*group, *self._waiting()]:
                job.fail(JournalError(_CLOSED))

    def _waiting(self) -> list[_Job[Any, Any]]:
        jobs: list[_Job[Any, Any]] = []
        while len(jobs) < MOST - 1 and not self._jobs.empty():
            job = self._jobs.get_nowait()
            if job is None:
                self._jobs.put_nowait(None)
                break
            jobs.append(job)
        return jobs

    async def _serve(self, group: Sequence[_Job[Any, Any]]) -> None:
        error = JournalError(_CLOSED)
        for attempt in range(_TRIES):
            try:
                results = await self._commit(group, apart=attempt > 0)
            except JournalError as failure:
                error = failure
                collided = is_collision(failure.__cause__ or failure)
                hopeless = isinstance(failure, JournalBusyError | JournalFullError)
                if not collided and (attempt or hopeless):
                    break
                continue
            for job, (value, problem) in zip(group, results, strict=True):
                if problem is not None:
                    job.fail(problem)
                elif not job.done.done():
                    job.done.set_result(value)
            return
        for job in group:
            own = copy(error)  # one error raised in many tasks would gather the tracebacks of all
            own.__cause__ = error.__cause__
            job.fail(own)

    async def _commit(self, group: Sequence[_Job[Any, Any]], *, apart: bool) -> list[Outcome]:
        standing: Standing | None = None
        worked = False

        def work(connection: Connection, now: float) -> list[Outcome]:
            nonlocal standing, worked
            standing, worked = self._owner.keep(connection, now), False
            turn = Turn(connection, now, standing.id)
            if apart:
                results = [self._alone(job, turn) for job in group]
            else:
                results = [
                    (value, None)
                    for together, jobs in groupby(group, attrgetter("together"))
                    for value in together(turn, [job.argument for job in jobs])
                ]
            worked = True
            return results

        try:
            results = await self._database.transact(work, durable=any(job.durable for job in group))
        except JournalError:
            if worked and standing is not None:  # the commit failed, but the server may have made it
                self._owner.start_over(standing)
            raise
        if standing is not None:
            self._owner.committed(standing)
        return results

    def _alone(self, job: _Job[Any, Any], turn: Turn) -> Outcome:
        try:
            with turn.connection.begin_nested():
                return job.together(turn, [job.argument])[0], None
        except Exception as error:
            if is_collision(error):
                raise
            return None, explained(error, self._database.place)
