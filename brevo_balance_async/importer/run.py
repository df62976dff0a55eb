"""One run: the rows are loaded, delivered until nothing of them is open, and counted."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Self

from attrs import define, evolve, frozen

from brevo_balance_async.errors import InvalidRequestError
from brevo_balance_async.exactly_once.breaker import pause
from brevo_balance_async.exactly_once.outcome import outcome
from brevo_balance_async.importer.loading import load
from brevo_balance_async.importer.reading import Reading
from brevo_balance_async.importer.report import Report
from brevo_balance_async.importer.seen import OPEN, SETTLED_BEFORE, TOLD
from brevo_balance_async.importer.waiting import Looks, Waiting

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator
    from types import TracebackType

    from brevo_balance_async.client import Program
    from brevo_balance_async.exactly_once import ExactlyOnce, Outcome
    from brevo_balance_async.importer.loading import Load
    from brevo_balance_async.importer.reading import Rows
    from brevo_balance_async.journal import Journal, Row
    from brevo_balance_async.journal.batches import LeftOver


@define(eq=False)
class _Counts:
    applied: int = 0
    refused: int = 0
    repeated: int = 0
    differing: int = 0
    total: int = 0

    def add(self, told: Outcome) -> None:
        self.applied += told.state == "applied"
        self.refused += told.state == "refused"
        self.repeated += told.final and told.repeated
        self.differing += told.credited is not None and told.credited != told.amount


@frozen
class Means:
    """What every run of an importer works with."""

    program: Program
    journal: Journal
    once: ExactlyOnce
    concurrency: int
    slowest: float
    """Seconds that the slowest way to settle a row takes, while the server answers."""
    requests: Callable[[], int]
    """How many were sent until now."""


class Run:
    """What ``Importer.run`` and ``Importer.resume`` give: ``await`` it for its report, or enter it for the outcomes.

    Entered (``async with``), it is an iterator of each reference's outcome, once: first what was settled before, then
    what is settled now as it comes, at last what stays unknown. It goes on until nothing is open: a row in doubt is
    asked for again when it is due, and rows that another process is at are waited for; ``waiting`` says so. It ends
    before that with ``drain``, and where only rows are left that wait for a person or that time does not settle.

    ``report`` says at any time how far it is. Leaving early stops its workers and leaves the rows that are open in the
    journal.
    """

    def __init__(self, means: Means) -> None:
        self._means = means
        self._journal = means.journal
        self._requests_before = means.requests()
        self._counts = _Counts()
        self._unknown: dict[tuple[int, str], Outcome] = {}
        self._outcomes: AsyncGenerator[Outcome] | None = None
        self._began: float | None = None
        self._seconds = 0.0
        self._drained = asyncio.Event()
        self._left: LeftOver | None = None
        self._waits_until = 0.0

    def drain(self) -> None:
        """Let what is in flight finish, and begin nothing else."""
        self._drained.set()
        self._means.once.drain()

    @property
    def drained(self) -> bool:
        """Whether it was told to end early."""
        return self._drained.is_set()

    @property
    def loaded(self) -> bool:
        """Whether all its rows are in the journal: from then on ``resume`` goes on with them."""
        return True

    @property
    def waiting(self) -> Waiting | None:
        """What it waits for at this moment, if it does."""
        left = self._left
        if left is None:
            return None
        seconds = max(0.0, self._waits_until - self._journal.clock.time())
        return Waiting(seconds=seconds, unsettled=left.later, behind=left.due, taken=left.taken)

    @property
    def report(self) -> Report:
        """How far it is."""
        counts, unknown = self._counts, len(self._unknown)
        running = 0.0 if self._began is None else self._journal.clock.time() - self._began
        return Report(
            applied=counts.applied,
            refused=counts.refused,
            unknown=unknown,
            open=max(0, counts.total - counts.applied - counts.refused - unknown),
            repeated=counts.repeated,
            requests=self._means.requests() - self._requests_before,
            seconds=self._seconds + running,
            differing=counts.differing,
        )

    # As a coroutine and as a context ------------------------------------------------------------------------------

    def __await__(self) -> Generator[Any, Any, Report]:
        return self._through().__await__()

    async def _through(self) -> Report:
        async with self as outcomes:
            async for _ in outcomes:
                pass
        return self.report

    async def __aenter__(self) -> Self:
        if self._outcomes is not None:
            raise InvalidRequestError("run", "is used once: ask the importer for another one")
        self._outcomes = self._deliver()
        self._began = self._journal.clock.time()
        try:
            await self._prepare()
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._end()

    async def _end(self) -> None:
        if self._outcomes is not None:
            await self._outcomes.aclose()
        if self._began is not None:
            self._seconds += self._journal.clock.time() - self._began
            self._began = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Outcome:
        if self._outcomes is None:
            raise InvalidRequestError(
                "run", "is not entered: use 'async with importer.run(rows) as outcomes'"
            )
        return await anext(self._outcomes)

    # Delivering ---------------------------------------------------------------------------------------------------

    async def _prepare(self) -> None:
        self._note(await self._journal.left_over(self._means.program, None))

    async def _deliver(self) -> AsyncGenerator[Outcome]:
        async with aclosing(self._passes(None)) as settled:
            async for each in settled:
                yield each
        for row in await self._journal.parked(self._means.program, None):
            self._note_unknown(row)
        for each in self._unknown.values():
            yield each

    async def _passes(self, batches: frozenset[int] | None) -> AsyncGenerator[Outcome]:
        """Final outcomes, pass after pass, until nothing is open that another pass could settle."""
        looks = Looks(self._journal.lease, self._means.slowest)
        while not self._drained.is_set():
            settled = False
            async with aclosing(self._pass(batches)) as outcomes:
                async for each in outcomes:
                    settled = True
                    yield each
            left = await self._journal.left_over(self._means.program, batches)
            self._note(left)
            seconds = looks.wait(left, settled=settled)
            if seconds is None:
                return
            await self._wait(seconds, left)

    async def _pass(self, batches: frozenset[int] | None) -> AsyncGenerator[Outcome]:
        """Settle what is due now, and give what has come to its end."""
        async with aclosing(
            self._means.once.deliver(concurrency=self._means.concurrency, batches=batches)  # type: ignore[type-var]  # it is a generator
        ) as delivered:
            async for each in delivered:
                if not self._counted(each):
                    continue
                if not each.final:
                    self._unknown[each.scope, each.reference] = each
                    continue
                self._unknown.pop((each.scope, each.reference), None)
                self._counts.add(each)
                yield each

    async def _wait(self, seconds: float, left: LeftOver) -> None:
        self._left, self._waits_until = left, self._journal.clock.time() + seconds
        try:
            await pause(self._journal.clock, seconds, self._drained)
        finally:
            self._left = None

    def _note(self, left: LeftOver) -> None:
        """What another process has settled meanwhile is not of this report."""
        self._counts.total = self._counts.applied + self._counts.refused + left.total

    def _note_unknown(self, row: Row) -> None:
        told = outcome(row, retry_after=row.wait)
        self._unknown.setdefault((told.scope, told.reference), told)

    def _counted(self, each: Outcome) -> bool:  # noqa: ARG002  (of all that is open, each is)
        """Whether an outcome is this run's to tell."""
        return True


class FileRun(Run):
    """The run of some rows."""

    def __init__(self, means: Means, rows: Rows) -> None:
        super().__init__(means)
        self._reading = Reading(rows)
        self._loaded: Load | None = None

    @property
    def loaded(self) -> bool:
        """See ``Run.loaded``."""
        return self._loaded is not None

    @property
    def report(self) -> Report:
        """How far it is; while the rows are loaded ``open`` counts those that were read."""
        reading = self._reading
        self._counts.total = reading.rows - reading.duplicates - reading.conflicts
        return evolve(super().report, duplicates=reading.duplicates)

    async def _prepare(self) -> None:
        self._loaded = await load(self._journal, self._means.program, self._reading, self._drained)

    async def _end(self) -> None:
        try:
            await super()._end()
        finally:
            self._reading.seen.close()

    async def _deliver(self) -> AsyncGenerator[Outcome]:
        if self._loaded is None:  # stopped before it was loaded
            return
        batches = frozenset(self._loaded.batches)
        for source in (self._looked_up(SETTLED_BEFORE), self._passes(batches), self._looked_up(OPEN)):
            async with aclosing(source) as outcomes:
                async for each in outcomes:
                    yield each
        for each in self._unknown.values():
            yield each

    def _counted(self, each: Outcome) -> bool:
        """A batch can hold rows that an earlier state of the file had; and each reference is told once."""
        scope = self._loaded.scopes.get(each.scope) if self._loaded else None
        if scope is None:
            return False
        if each.final:
            return self._reading.seen.mark(scope.definition, [each.reference], TOLD) == 1
        return self._reading.seen.holds(scope.definition, each.reference)

    async def _looked_up(self, state: int) -> AsyncGenerator[Outcome]:
        """What the journal says about rows that this run has not settled itself."""
        if self._loaded is None:
            return
        scopes = {scope.definition: scope for scope in self._loaded.scopes.values()}
        for definition, references in self._reading.seen.chunks(state):
            rows = await self._journal.look(scopes[definition], references)
            ended = [reference for reference in references if rows[reference].finished]
            self._reading.seen.mark(definition, ended, TOLD)
            for reference in references:
                row = rows[reference]
                if row.finished:
                    told = outcome(row, repeated=row.batch != self._loaded.batch or state == OPEN)
                    self._unknown.pop((told.scope, told.reference), None)
                    self._counts.add(told)
                    yield told
                elif row.tried:
                    self._note_unknown(row)
