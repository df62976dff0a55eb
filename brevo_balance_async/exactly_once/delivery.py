"""Many rows at once: taken from the journal as they fall due, the rows of one contact one at a time."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from attrs import define, field, frozen

from brevo_balance_async.errors import JournalError
from brevo_balance_async.exactly_once.breaker import pause
from brevo_balance_async.exactly_once.claim import DrainedError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from brevo_balance_async.exactly_once.busy import Key
    from brevo_balance_async.exactly_once.outcome import Outcome
    from brevo_balance_async.exactly_once.settler import Settler
    from brevo_balance_async.journal import Row, Scope

_BACKLOG: Final = 5
"""Rows taken ahead, for each that is settled at once: rows of one contact have to wait for each other."""
_POLL: Final = 1.0
"""Seconds between two looks for new rows, where there are none."""


@frozen(eq=False)
class _Taken:
    scope: Scope
    row: Row
    marked: bool
    """Ours alone in this process; else another task was at it when it was taken."""

    @property
    def key(self) -> Key:
        return self.scope.id, self.row.reference


@define(eq=False)
class Delivery:
    """One run of ``deliver``."""

    settler: Settler
    forever: bool
    concurrency: int
    batches: frozenset[int] | None
    _lines: dict[tuple[int, int | None], deque[_Taken]] = field(factory=dict, init=False)
    """The rows that wait for an earlier one of their contact."""
    _ready: asyncio.Queue[_Taken] = field(factory=asyncio.Queue, init=False)
    _results: asyncio.Queue[Outcome | Exception | None] = field(factory=asyncio.Queue, init=False)
    _inside: set[Key] = field(factory=set, init=False)
    """Rows taken and not settled yet."""
    _untouched: set[_Taken] = field(factory=set, init=False)
    """Those of them that nobody has begun to settle."""
    _tasks: list[asyncio.Task[None]] = field(factory=list, init=False)
    _room: asyncio.Event = field(factory=asyncio.Event, init=False)
    _drained: asyncio.Event = field(factory=asyncio.Event, init=False)

    def drain(self) -> None:
        """Take no more rows, and begin none."""
        self._drained.set()
        self.settler.calls.turn_back(self._tasks)
        self._room.set()

    async def outcomes(self) -> AsyncIterator[Outcome]:
        """Each outcome as it comes; see ``ExactlyOnce.deliver``."""
        self._tasks += [asyncio.create_task(self._guarded(self._work())) for _ in range(self.concurrency)]
        self._tasks.append(asyncio.create_task(self._guarded(self._feed())))
        try:
            while (result := await self._results.get()) is not None:
                if isinstance(result, Exception):
                    raise result
                yield result
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks)
            for left in self._untouched:
                self._let_go(left)
            with suppress(JournalError):
                await self.settler.journal.now()  # whatever was given back is written by then

    async def _guarded(self, work: Any) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001  (it is raised where the outcomes are read)
            self._results.put_nowait(error)

    # Taking ----------------------------------------------------------------------------------------------------

    async def _feed(self) -> None:
        journal = self.settler.journal
        began = None if self.forever else await journal.now()
        while not self._drained.is_set():
            taken = False
            for scope in await journal.scopes(self.settler.program):
                taken |= await self._take(scope, began)
            if taken:
                continue
            if self.forever:
                await pause(journal.clock, _POLL, self._drained)
            elif self._inside:  # one of them may hold back others
                self._room.clear()
                await self._room.wait()
            else:
                break
        while len(self._inside) > (len(self._untouched) if self._drained.is_set() else 0):
            self._room.clear()
            await self._room.wait()
        self._results.put_nowait(None)

    async def _take(self, scope: Scope, due_by: float | None) -> bool:
        """Take rows of a scope until there are none, or no more are wanted; whether there were any."""
        taken = False
        while not self._drained.is_set():
            room = self.concurrency * _BACKLOG - len(self._inside)
            if room < self.concurrency:
                self._room.clear()
                await self._room.wait()
                continue
            rows = await self._rows(scope, room, due_by)
            if not rows:
                break
            taken = True
            for row in rows:
                key = (scope.id, row.reference)
                # A process that has lost its lease takes its own rows again. They have a task that goes on with them.
                if key not in self._inside:
                    self._queue(_Taken(scope, row, self.settler.busy.mark(key)))
        return taken

    async def _rows(self, scope: Scope, limit: int, due_by: float | None) -> list[Row]:
        journal = self.settler.journal
        taking = asyncio.ensure_future(
            journal.take_due(scope, limit=limit, due_by=due_by, batches=self.batches)
        )
        try:
            return await asyncio.shield(taking)
        except asyncio.CancelledError:
            taking.add_done_callback(self._give_back)  # they are taken all the same
            raise

    def _give_back(self, taking: asyncio.Future[list[Row]]) -> None:
        if not taking.cancelled() and taking.exception() is None:
            for row in taking.result():
                self.settler.journal.release(row.scope, row.reference)

    def _queue(self, taken: _Taken) -> None:
        self._inside.add(taken.key)
        self._untouched.add(taken)
        line = (taken.scope.id, taken.row.contact)
        if line in self._lines:
            self._lines[line].append(taken)
        else:
            self._lines[line] = deque()
            self._ready.put_nowait(taken)

    # Settling --------------------------------------------------------------------------------------------------

    async def _work(self) -> None:
        while True:
            taken = await self._ready.get()
            if self._drained.is_set():
                return  # untouched rows are let go
            self._untouched.discard(taken)  # from here on the settler gives it back
            result = await self._settle(taken)
            self._inside.discard(taken.key)
            self._go_on(taken, held=result is None or result.retry_after is not None)
            if result is not None:
                self._results.put_nowait(result)
            self._room.set()

    def _go_on(self, taken: _Taken, *, held: bool) -> None:
        """Let the next row of the contact be settled, or give them all back, to come after this one."""
        key = (taken.scope.id, taken.row.contact)
        line = self._lines[key]
        if line and not held:
            self._ready.put_nowait(line.popleft())
            return
        del self._lines[key]
        for left in line:
            self._inside.discard(left.key)
            self._untouched.discard(left)
            self._let_go(left)

    async def _settle(self, taken: _Taken) -> Outcome | None:
        how = self.settler.settle if taken.marked else self.settler.settle_after_others
        try:
            return await how(taken.scope, taken.row, self._drained)
        except DrainedError:
            return None

    def _let_go(self, taken: _Taken) -> None:
        released = self.settler.journal.release(*taken.key)
        if taken.marked:
            self.settler.busy.free(taken.key, released)
