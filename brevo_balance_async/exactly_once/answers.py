"""The calls that settle a reference, and the few things that their answers can mean.

Every call is made once: what to do after an unclear attempt is decided by the state machine, which looks in history
first, and never by a retry.
"""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

from brevo_balance_async.errors import (
    AuthenticationError,
    BalanceError,
    ClientStateError,
    InvalidRequestError,
    OutcomeUnknownError,
    PermissionDeniedError,
    QuotaError,
    ResponseError,
    TransportError,
    UnprocessableError,
)
from brevo_balance_async.hooks import AttemptStarted
from brevo_balance_async.models import Sort, TransactionStatus

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

    from brevo_balance_async.client import Program
    from brevo_balance_async.exactly_once.breaker import Breaker
    from brevo_balance_async.hooks import Event
    from brevo_balance_async.journal import Row
    from brevo_balance_async.models import Transaction, TransactionRecord

T = TypeVar("T")

_SLACK: Final = timedelta(minutes=1)  # between two timestamps that the server gave to one transaction
_TRUSTED: Final = 600.0
"""Seconds for which a definition that could be read counts as there."""


GUARD: Final[ContextVar[Callable[[], None] | None]] = ContextVar("brevo_balance_guard", default=None)
"""Of the row that is being settled: raises where it must not be sent for any more."""


def _guard() -> None:
    guard = GUARD.get()
    if guard is not None:
        guard()


class DoubtError(Exception):
    """It may have been applied, or (of a read) nothing was learned."""


class NotNowError(Exception):
    """Certainly not applied; it can be sent again after ``wait`` seconds (None: nobody said when)."""

    def __init__(self, reason: str, wait: float | None) -> None:
        super().__init__(reason)
        self.wait = wait


class RefusedError(Exception):
    """Certainly not applied, and the last word on it: the server's, or that of a check made here."""

    def __init__(self, error: BalanceError) -> None:
        super().__init__(error.message)
        self.error = error

    @property
    def rule(self) -> bool:
        """Whether it is a refusal by a rule (422), and not that something is unknown or misspelt."""
        return isinstance(self.error, UnprocessableError)


async def answered(call: Awaitable[T]) -> T:
    """For calls whose failure is the caller's to handle: it gets the error behind the three above."""
    try:
        return await call
    except (DoubtError, NotNowError, RefusedError) as failure:
        if isinstance(failure.__cause__, RefusedError):
            failure = failure.__cause__
        raise failure.__cause__ or failure from None


class Calls:
    """What is sent for one program."""

    def __init__(self, program: Program, breaker: Breaker) -> None:
        self._program = program.with_options(max_attempts=1).with_hook(self._heard).with_guard(_guard)
        self.breaker = breaker
        self.meta_comes_back: bool = False
        """A history has shown the meta that we sent."""
        self._definitions: dict[str, float] = {}
        self._unsent: set[asyncio.Task[Any] | None] = set()
        """Tasks whose begin or complete waits for quota."""
        self._turned_back: set[asyncio.Task[Any] | None] = set()

    def turn_back(self, tasks: Iterable[asyncio.Task[Any]]) -> None:
        """End those begins and completes of these tasks that wait for quota still, with ``NotNowError``."""
        for task in tasks:
            if task not in self._unsent:
                continue
            self._turned_back.add(task)
            task.cancel()

    def _heard(self, event: Event) -> None:
        if isinstance(event, AttemptStarted):
            self._unsent.discard(asyncio.current_task())

    async def begin(self, row: Row, definition: str, attempt: str, **options: Any) -> Transaction:
        """A draft, or with ``auto_complete`` the whole credit; ``RefusedError`` is the row's own, never the run's."""
        extras = row.extras
        meta = {**extras.pop("meta", {}), "reference": row.reference, "attempt": attempt}
        begin = self._program.transactions.begin(
            balance_definition_id=definition,
            contact_id=row.contact,
            amount=row.amount,
            meta=meta,
            **extras,
            **options,
        )
        try:
            return await self._unless_turned_back(self._send(begin))
        except RefusedError as refusal:
            if isinstance(refusal.error, ResponseError) and not refusal.rule:
                await self._check_definition(definition, refusal.error)
            raise

    async def _unless_turned_back(self, call: Awaitable[T]) -> T:
        task = asyncio.current_task()
        cancelling = 0 if task is None else task.cancelling()
        self._unsent.add(task)
        try:
            return await call
        except asyncio.CancelledError:
            if task in self._turned_back and task is not None and task.uncancel() <= cancelling:
                raise NotNowError("the run was drained", 0.0) from None
            raise
        finally:
            self._unsent.discard(task)
            self._turned_back.discard(task)

    async def complete(self, tid: str, *, at_once: bool = False) -> Transaction:
        """The completed transaction. ``RefusedError`` is no verdict: history tells what became of it.

        ``at_once``: where it would have to wait for quota it is ``NotNowError``.
        """
        program = self._program.with_options(max_wait=0) if at_once else self._program
        done = await self._unless_turned_back(self._send(program.transactions.complete(tid)))
        if done.status != TransactionStatus.COMPLETED:
            raise DoubtError(f"the answer to complete states {done.status!r}")
        return done

    async def cancel(self, tid: str) -> bool:
        """Whether the draft is cancelled for certain."""
        try:
            gone = await self._send(self._program.transactions.cancel(tid))
        except (RefusedError, DoubtError, NotNowError):
            return False
        return gone.status == TransactionStatus.CANCELLED

    async def find(self, row: Row, definition: str) -> TransactionRecord | None:
        """The chosen transaction in the contact's history; None proves nothing."""
        try:
            return await self._send(
                self._program.history.find(
                    contact_id=row.contact or 0,
                    balance_definition_id=definition,
                    transaction_id=row.tid,
                    since=None if row.tid_at is None else datetime.fromtimestamp(row.tid_at, UTC) - _SLACK,
                )
            )
        except RefusedError as refusal:
            raise DoubtError(f"history: {refusal}") from refusal

    async def history(
        self, row: Row, definition: str, since: datetime | None
    ) -> AsyncIterator[TransactionRecord]:
        """A contact's transactions, newest first, as far back as ``since``."""
        walk = self._program.history.list(
            contact_id=row.contact or 0, balance_definition_id=definition, sort=Sort.DESC
        )
        iterator = aiter(walk)
        while True:
            try:
                record = await self._send(anext(iterator, None))
            except RefusedError as refusal:
                raise DoubtError(f"history: {refusal}") from refusal
            if record is not None and "reference" in (record.meta or {}):
                self.meta_comes_back = True
            if record is None or (since and record.created_at and record.created_at < since):
                return
            yield record

    async def _check_definition(self, definition: str, error: ResponseError) -> None:
        """Raise ``error`` if it is the run's own: the definition cannot be read either."""
        now = self.breaker.clock.time()
        if self._definitions.get(definition, 0.0) > now:
            return
        try:
            await self._unless_turned_back(self._send(self._program.definitions.get(definition)))
        except RefusedError:
            raise error from None
        except DoubtError as doubt:  # of the definition: the begin itself was clearly refused
            raise NotNowError(str(doubt), None) from doubt
        self._definitions[definition] = now + _TRUSTED

    async def _send(self, call: Awaitable[T]) -> T:
        """Make a call: its value, or one of the three errors above, or what stops the run."""
        breaker = self.breaker
        try:
            value = await call
        except (AuthenticationError, PermissionDeniedError, ClientStateError):
            raise
        except InvalidRequestError as error:
            raise RefusedError(error) from error
        except QuotaError as error:
            raise NotNowError(error.message, error.retry_after) from error
        except OutcomeUnknownError as error:
            breaker.failed()
            raise DoubtError(f"{error.endpoint}: {(error.cause or error).message}") from error
        except TransportError as error:
            breaker.failed()
            raise (DoubtError(str(error)) if error.sent else NotNowError(str(error), None)) from error
        except ResponseError as error:
            if error.status >= 500:
                breaker.failed()
                raise DoubtError(str(error)) from error
            breaker.succeeded()
            raise RefusedError(error) from error
        except BalanceError as error:
            raise DoubtError(str(error)) from error
        breaker.succeeded()
        return value
