"""A draft for the length of one block."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from brevo_balance_async.core.answers import ENDS
from brevo_balance_async.core.timeouts import despite_repetition
from brevo_balance_async.errors import BalanceError, ClientStateError
from brevo_balance_async.models import TransactionStatus

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType

    from brevo_balance_async.models import Transaction


class HoldCalls(NamedTuple):
    """The calls of one hold; ``release`` has to follow once it has ended, however it did."""

    begin: Callable[[], Awaitable[Transaction]]
    complete: Callable[[Transaction], Awaitable[Transaction]]
    cancel: Callable[[Transaction], Awaitable[Transaction]]
    release: Callable[[], None]


class Hold:
    """A draft for the length of one block: ``async with transactions.hold(...) as draft``.

    Entering begins it and gives the ``Transaction``; a rejection raises ``UnprocessableError``. Leaving completes
    it. Leaving by an exception cancels it, and the exception goes through whatever becomes of the cancelling.

    Before goods go out, call ``complete()`` inside the block, because points move only then. From that call on the
    end of the block neither cancels nor completes what could not be completed; it waits for one that is under way.

    A hold takes two requests of the quota on entering: one for its begin, and one that it keeps for its complete or
    cancel, which then does not wait. With fewer than two above ``reserve`` entering waits, or raises
    ``QuotaWaitError`` and has sent nothing. Other processes may still spend what is kept here.

    ``result`` is the completed or cancelled ``Transaction``. An error of this package that leaves a draft behind,
    perhaps, has it as ``draft``, to be completed or cancelled later; any exception carries a note that names it.
    """

    def __init__(self, start: Callable[[], HoldCalls]) -> None:
        self._start: Callable[[], HoldCalls] | None = start
        self._draft: Transaction | None = None
        self._completing = asyncio.Lock()
        self._was_completing = False
        self.result: Transaction | None = None

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
        """Complete the draft now; a second call gives the same ``Transaction``.

        Raises what ``transactions.complete`` raises; the error's ``draft`` can be completed later. Called outside of
        the block, ``ClientStateError``.
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
                    self._was_completing = False  # it did not leave: as if nobody had asked for it
                else:
                    _tell(failure, draft, failure, "was to be completed")
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
        """Cancel the draft after ``error``, unless it was to be completed."""
        if self._draft is not None and not self._was_completing:
            await despite_repetition(self._undo(self._draft, error), error)

    async def _undo(self, draft: Transaction, error: BaseException) -> None:
        """Cancel the draft; the exception of the block goes through, with a note if that fails."""
        try:
            self.result = await self._calls.cancel(draft)
        except (Exception, asyncio.CancelledError) as failure:
            _tell(error, draft, failure, f"could not be cancelled ({failure})")
            if isinstance(failure, asyncio.CancelledError):
                raise


def _tell(error: BaseException, draft: Transaction, failure: BaseException, what: str) -> None:
    """Tell by ``error`` what a hold leaves on the server after ``failure``."""
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
