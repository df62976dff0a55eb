"""A draft for the length of one block."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeAlias

from brevo_balance_async.core.answers import ENDS
from brevo_balance_async.errors import BalanceError, ClientStateError
from brevo_balance_async.models import TransactionStatus

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType

    from brevo_balance_async.models import Transaction

    KeepOpen: TypeAlias = Callable[[], Callable[[], None]]
    Begin: TypeAlias = Callable[[], Awaitable[Transaction]]
    End: TypeAlias = Callable[[Transaction], Awaitable[Transaction]]


class Hold:
    """A draft for the length of one block: ``async with transactions.hold(...) as draft``.

    Entering begins it and gives the ``Transaction``; a rejection raises ``UnprocessableError``. Leaving completes
    it. Leaving by an exception cancels it, and the exception goes through whatever becomes of the cancelling.

    Before goods go out, call ``complete()`` inside the block, because points move only then. From that call on the
    end of the block does nothing: neither completes what could not be completed, nor cancels.

    ``result`` is the completed or cancelled ``Transaction``. An error of this package that leaves a draft behind,
    perhaps, has it as ``draft``, to be completed or cancelled later; any exception carries a note that names it.
    """

    def __init__(self, keep_open: KeepOpen, begin: Begin, complete: End, cancel: End) -> None:
        self._keep_open = keep_open
        self._ended: Callable[[], None] | None = None
        self._begin: Begin | None = begin
        self._complete = complete
        self._cancel = cancel
        self._draft: Transaction | None = None
        self._completing = asyncio.Lock()
        self._was_completing = False
        self.result: Transaction | None = None

    async def __aenter__(self) -> Transaction:
        begin, self._begin = self._begin, None
        if begin is None:
            raise ClientStateError("a hold is for one block: ask for another one with transactions.hold(...)")
        ended = self._keep_open()
        try:
            self._draft = await begin()
        except BaseException:
            ended()
            raise
        self._ended = ended
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
                self.result = await self._complete(draft)
            except Exception as failure:
                _tell(failure, draft, failure, "was to be completed")
                raise
            return self.result

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        ended, self._ended = self._ended, None
        if ended is None:
            return
        try:
            if self._was_completing or self._draft is None:
                return
            if error is None:
                await self.complete()
            else:
                await self._undo(self._draft, error)
        finally:
            self._draft = None
            ended()

    async def _undo(self, draft: Transaction, error: BaseException) -> None:
        try:
            self.result = await self._cancel(draft)
        except Exception as failure:  # noqa: BLE001  (the exception of the block goes through, with a note)
            _tell(error, draft, failure, f"could not be cancelled ({failure})")


def _tell(error: BaseException, draft: Transaction, failure: Exception, what: str) -> None:
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
