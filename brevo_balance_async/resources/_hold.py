"""``transactions.hold``: a draft that is completed or cancelled at the end of a block."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from brevo_balance_async.core.answers import ENDS
from brevo_balance_async.core.timeouts import despite_repetition
from brevo_balance_async.errors import BalanceError, ClientStateError
from brevo_balance_async.models import TransactionStatus

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType

    from brevo_balance_async.models import Transaction


class HoldCalls(NamedTuple):
    """The calls of one hold. ``release`` must be called when it has ended, with or without success."""

    begin: Callable[[], Awaitable[Transaction]]
    complete: Callable[[Transaction], Awaitable[Transaction]]
    cancel: Callable[[Transaction], Awaitable[Transaction]]
    release: Callable[[], None]


class Hold:
    """A draft that is completed or cancelled at the end of a block: ``async with transactions.hold(...) as draft``.

    Entering begins the draft and gives the ``Transaction``; a rejection raises ``UnprocessableError``. Leaving the
    block completes it. If the block raises, the draft is cancelled and the exception is raised, even if the cancel
    fails.

    Before you hand out goods, call ``complete()`` inside the block, because the points move only then. After that call
    the end of the block neither completes nor cancels, whether the call succeeded or not. If the call is still in
    progress, the end of the block waits for it.

    Entering takes two requests of the quota: one for the begin, and one that is kept for the complete or cancel, which
    then does not wait. With fewer than two above ``reserve`` entering waits, or raises ``QuotaWaitError`` with nothing
    sent. Other processes may still spend the request that is kept here.

    ``result`` is the completed or cancelled ``Transaction``. If an error of this package may leave a draft on the
    server, ``error.draft`` is the draft; complete or cancel it later. Any such exception has a note with its id.
    """

    def __init__(self, start: Callable[[], HoldCalls]) -> None:
        self._start: Callable[[], HoldCalls] | None = start
        self._draft: Transaction | None = None
        self._completing = asyncio.Lock()
        self._was_completing = False
        self.result: Transaction | None = None

    if not TYPE_CHECKING:  # a type checker says it before the program runs

        def __enter__(self) -> NoReturn:
            raise TypeError("a hold is asynchronous: use 'async with', not 'with'")

        def __exit__(self, *_: object) -> None: ...

    def __repr__(self) -> str:
        if self._draft is not None:
            return f"<Hold of the draft {self._draft.id}>"
        if self.result is not None:
            return f"<Hold of {self.result.id}, {self.result.status}>"
        return "<Hold, not entered yet>" if self._start is not None else "<Hold, ended or entering>"

    async def __aenter__(self) -> Transaction:
        start, self._start = self._start, None
        if start is None:
            raise ClientStateError("a hold is for one block: ask for another one with transactions.hold(...)")
        self._calls = start()
        try:
            self._draft = await self._calls.begin()
        except BaseException:
            self._calls.release()
            raise
        return self._draft

    async def complete(self) -> Transaction:
        """Complete the draft now; a second call returns the same ``Transaction``.

        Raises what ``transactions.complete`` raises; the error's ``draft`` can be completed later. Raises
        ``ClientStateError`` outside of the block.
        """
        async with self._completing:
            if self.result is not None and self.result.status == TransactionStatus.COMPLETED:
                return self.result
            draft = self._draft
            if draft is None:
                raise ClientStateError("a hold is completed inside its block")
            self._was_completing = True
            try:
                self.result = await self._calls.complete(draft)
            except (Exception, asyncio.CancelledError) as failure:
                if isinstance(failure, asyncio.CancelledError) and failure.__cause__ is None:
                    self._was_completing = False  # the complete was not sent, so the draft can be cancelled
                else:
                    _add_note(failure, draft, failure, "was to be completed")
                raise
            return self.result

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if error is None and (self._completing.locked() or not self._was_completing):
                await self.complete()
            elif error is not None:
                await self._give_back(error)
        except asyncio.CancelledError as cancelled:
            if error is None:
                await self._give_back(cancelled)
            raise
        finally:
            self._draft = None
            self._calls.release()

    async def _give_back(self, error: BaseException) -> None:
        """Cancel the draft after ``error``, unless ``complete`` was called."""
        if self._draft is not None and not self._was_completing:
            await despite_repetition(self._undo(self._draft, error), error)

    async def _undo(self, draft: Transaction, error: BaseException) -> None:
        """Cancel the draft. If that fails, ``error``, the exception of the block, gets a note."""
        try:
            self.result = await self._calls.cancel(draft)
        except (Exception, asyncio.CancelledError) as failure:
            _add_note(error, draft, failure, f"could not be cancelled ({failure})")
            if isinstance(failure, asyncio.CancelledError):
                raise


def _add_note(error: BaseException, draft: Transaction, failure: BaseException, what: str) -> None:
    """Add a note to ``error`` that says what a hold leaves on the server after ``failure``."""
    if isinstance(failure, BalanceError) and failure.code in ENDS:
        left = "it has come to another end"
    else:
        ends = (
            f"at {draft.expiration_date.isoformat()}" if draft.expiration_date else "when the server ends it"
        )
        left = f"if it is a draft still, it expires {ends} or can be completed or cancelled by its id"
        if isinstance(error, BalanceError):
            error.draft = draft
    error.add_note(f"the hold {draft.id} {what}; {left}")
