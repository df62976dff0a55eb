"""Transactions: begin, complete, cancel, hold; and orders for later.

``begin`` and ``create_order`` happen twice when they are sent twice, so they are sent again only if they certainly
had not left. ``complete`` and ``cancel`` happen at most once on the server whatever is sent.
"""

from __future__ import annotations

from asyncio import CancelledError
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve

from brevo_balance_async.core import validation
from brevo_balance_async.core.answers import PRESENT
from brevo_balance_async.core.protocol import Endpoint, Replay
from brevo_balance_async.core.timeouts import despite_repetition
from brevo_balance_async.errors import (
    BalanceError,
    ClientStateError,
    InvalidRequestError,
    NotFoundError,
    OutcomeUnknownError,
    UnprocessableError,
)
from brevo_balance_async.models import (
    UNSET,
    Amount,
    BalanceOrder,
    OrderSource,
    Sort,
    Transaction,
    TransactionRecord,
    TransactionStatus,
    TransactionType,
    Unset,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from types import TracebackType
    from uuid import UUID

    from brevo_balance_async.core.answers import Echo
    from brevo_balance_async.core.requester import Caller
    from brevo_balance_async.resources.history import History

_MANY = "/loyalty/balance/programs/{}/transactions"
_LOOK = "read the contact's history for its id"

BEGIN = Endpoint(
    "transactions.begin",
    "POST",
    _MANY,
    Replay.UNSAFE,
    Transaction,
    look_for="read the contact's history for a transaction with this amount and meta, created since the call",
)
COMPLETE = Endpoint(
    "transactions.complete", "POST", _MANY + "/{}/complete", Replay.GUARDED, Transaction, look_for=_LOOK
)
CANCEL = Endpoint(
    "transactions.cancel", "POST", _MANY + "/{}/cancel", Replay.GUARDED, Transaction, look_for=_LOOK
)
CREATE_ORDER = Endpoint(
    "transactions.create_order",
    "POST",
    "/loyalty/balance/programs/{}/create-order",
    Replay.UNSAFE,
    BalanceOrder,
    look_for="Brevo lists no orders: read the contact's history for a transaction with this amount and meta",
)

_SLACK: Final = timedelta(minutes=1)  # between two timestamps that the server gave to one transaction
_FINAL: Final = frozenset({"completed", "rejected", "cancelled", "expired"})


class Transactions:
    """The transactions of one program."""

    def __init__(self, caller: Caller, program_id: str, history: History) -> None:
        self._caller = caller
        self._program_id = program_id
        self._history = history

    async def begin(
        self,
        *,
        balance_definition_id: str | UUID,
        amount: Amount,
        contact_id: int | None = None,
        loyalty_subscription_id: str | None = None,
        transaction_type: TransactionType | str | None = None,
        auto_complete: bool | Unset | None = UNSET,
        ttl: int | Unset | None = UNSET,
        event_time: datetime | Unset | None = UNSET,
        balance_expiry_in_minutes: int | Unset | None = UNSET,
        meta: dict[str, Any] | Unset | None = UNSET,
        timeout: float | Unset | None = UNSET,
    ) -> Transaction:
        """Begin a credit or debit; a draft moves no points until it is completed.

        ``amount`` is not zero: positive credits, negative debits, unless ``transaction_type`` says which. The
        member is named by ``contact_id`` or ``loyalty_subscription_id``, one of them. ``auto_complete`` completes
        it at once; only then may ``balance_expiry_in_minutes`` say how long credited points live. ``ttl`` is the
        draft's life in seconds, at least 10. ``event_time`` is when it happened (aware). ``meta`` is a free map
        that comes back in history: put your own reference there. A ``status`` of ``rejected`` in the answer is
        the server's refusal by a rule, with ``reject_reason``.

        Raises ``InvalidRequestError`` before anything is sent, ``UnprocessableError`` and the other answers of
        the server, and ``OutcomeUnknownError`` if it may have been applied: it is never sent twice.
        """
        body: dict[str, Any] = {
            "amount": validation.amount(amount),
            "balance_definition_id": validation.uuid("balance_definition_id", balance_definition_id),
        }
        if contact_id is not None:
            body["contact_id"] = validation.contact_id(contact_id)
        elif loyalty_subscription_id is None:
            raise InvalidRequestError("contact_id", "is missing: give it, or loyalty_subscription_id")
        if loyalty_subscription_id is not None:
            validation.not_both("contact_id", contact_id, "loyalty_subscription_id", loyalty_subscription_id)
            body["loyalty_subscription_id"] = validation.text(
                "loyalty_subscription_id", loyalty_subscription_id, least=1
            )
        if transaction_type is not None:
            body["transaction_type"] = validation.enum("transaction_type", transaction_type, TransactionType)
        if auto_complete is not UNSET:
            body["auto_complete"] = _optional(validation.boolean, "auto_complete", auto_complete)
        if ttl is not UNSET:
            body["ttl"] = None if ttl is None else validation.integer("ttl", ttl, least=10)
        if event_time is not UNSET:
            body["event_time"] = _optional(validation.timestamp, "event_time", event_time)
        if balance_expiry_in_minutes is not UNSET:
            body["balance_expiry_in_minutes"] = _expiry(balance_expiry_in_minutes, auto_complete)
        if meta is not UNSET:
            body["meta"] = _optional(validation.mapping, "meta", meta)
        echo = (("loyalty_program_id", self._program_id), *_echo(body))
        return await self._caller.call(BEGIN, (self._program_id,), body=body, echo=echo, timeout=timeout)

    async def complete(
        self, transaction: Transaction | str | UUID, *, timeout: float | Unset | None = UNSET
    ) -> Transaction:
        """Complete a draft: the points move.

        Takes a ``Transaction`` or its id. The server lets a transaction be completed once, so an unclear
        attempt is asked for again. If it stays unclear and a ``Transaction`` with contact and definition was
        given, the history is read: completed is returned, any other end raises ``UnprocessableError``; else
        ``OutcomeUnknownError``. A ``status`` of ``rejected`` in the answer is the server's refusal by a rule, with
        ``reject_reason``: look at it, no points have moved.
        """
        return await self._finish(COMPLETE, transaction, TransactionStatus.COMPLETED, timeout)

    async def cancel(
        self, transaction: Transaction | str | UUID, *, timeout: float | Unset | None = UNSET
    ) -> Transaction:
        """Cancel a draft: no points move. What is completed cannot be cancelled; begin the opposite instead.

        An unclear attempt is treated as ``complete`` treats it.
        """
        return await self._finish(CANCEL, transaction, TransactionStatus.CANCELLED, timeout)

    async def create_order(
        self,
        *,
        balance_definition_id: str | UUID,
        contact_id: int,
        amount: Amount,
        due_at: datetime,
        source: OrderSource | str,
        expires_at: datetime | Unset | None = UNSET,
        meta: dict[str, Any] | Unset | None = UNSET,
        timeout: float | Unset | None = UNSET,
    ) -> BalanceOrder:
        """Schedule a grant tied to a purchase; ``transaction_id`` of the answer is completed or cancelled later.

        ``due_at`` and ``expires_at`` are aware and should lie in the future, ``source`` is ``engine`` or
        ``user``. Orders cannot be read back, so an ``OutcomeUnknownError`` is hard to settle.
        """
        body = {
            "balance_definition_id": validation.uuid("balance_definition_id", balance_definition_id),
            "contact_id": validation.contact_id(contact_id),
            "amount": validation.amount(amount),
            "due_at": validation.timestamp("due_at", due_at),
            "source": validation.enum("source", source, OrderSource),
            "expires_at": _optional(validation.timestamp, "expires_at", expires_at),
            "meta": _optional(validation.mapping, "meta", meta),
        }
        return await self._caller.call(
            CREATE_ORDER, (self._program_id,), body=body, echo=_echo(body), timeout=timeout
        )

    def hold(
        self,
        *,
        balance_definition_id: str | UUID,
        amount: Amount,
        contact_id: int | None = None,
        loyalty_subscription_id: str | None = None,
        transaction_type: TransactionType | str | None = None,
        ttl: int | Unset | None = UNSET,
        event_time: datetime | Unset | None = UNSET,
        meta: dict[str, Any] | Unset | None = UNSET,
        timeout: float | Unset | None = UNSET,
    ) -> Hold:
        """Begin on entering, complete on success, cancel on an exception: ``async with ... as draft``.

        Arguments are those of ``begin`` without the ones that complete at once. See ``Hold``.
        """
        draft = {
            "balance_definition_id": balance_definition_id,
            "amount": amount,
            "contact_id": contact_id,
            "loyalty_subscription_id": loyalty_subscription_id,
            "transaction_type": transaction_type,
            "ttl": ttl,
            "event_time": event_time,
            "meta": meta,
        }
        return Hold(self._for_hold, draft, timeout)

    def _for_hold(self) -> tuple[Transactions, Callable[[], None]]:
        """The transactions of a hold that begins now, and what has to be called when it has ended."""
        caller = self._caller.for_hold()
        return Transactions(caller, self._program_id, self._history), caller.release

    async def _finish(
        self,
        endpoint: Endpoint[Transaction],
        transaction: Transaction | str | UUID,
        wanted: TransactionStatus,
        timeout: float | Unset | None,
    ) -> Transaction:
        known = transaction if isinstance(transaction, Transaction) else None
        given_id = transaction.id if isinstance(transaction, Transaction) else transaction
        wanted_id = validation.uuid("transaction", given_id)
        settle = None
        if known is not None and known.contact_id is not None and known.balance_definition_id is not None:
            settle = partial(self._settle, known, wanted)
        try:
            return await self._caller.call(
                endpoint,
                (self._program_id, wanted_id),
                # Any other end may come as an answer too: a rule can reject what is being completed.
                echo=(("id", PRESENT), ("id", wanted_id), ("status", _FINAL - _opposite(wanted))),
                timeout=timeout,
                settle=settle,
            )
        except OutcomeUnknownError as unknown:
            unknown.look_for = f"read the contact's history for {wanted_id}"
            raise

    async def _settle(
        self, known: Transaction, wanted: TransactionStatus, unknown: OutcomeUnknownError
    ) -> Transaction:
        """Read in history what became of a transaction. Only what is seen counts, never what is missing."""
        try:
            record = await self._find(known)
        except BalanceError as error:
            unknown.add_note(f"the history could not be read to settle it: {error}")
            raise unknown from error
        if record is None or record.status not in _FINAL:
            unknown.add_note(
                "its end is not in the history yet" if record is None else "the history shows a draft still"
            )
            raise unknown
        if record.status == wanted:
            return evolve(
                known,
                status=record.status,
                completed_at=record.completed_at,
                cancelled_at=record.cancelled_at,
                amount=record.amount if record.amount is not None else known.amount,
            )
        refusal = UnprocessableError(
            f"the transaction is {record.status}, as its history shows, and cannot be {wanted} any more",
            status=422,
        )
        refusal.endpoint, refusal.attempts = unknown.endpoint, unknown.attempts
        raise refusal from unknown

    async def _find(self, known: Transaction) -> TransactionRecord | None:
        """Its row, newest rows first; what is older than it by the server's own clock ends the search."""
        walk = self._history.list(
            contact_id=known.contact_id or 0,
            balance_definition_id=known.balance_definition_id or "",
            sort=Sort.DESC,
            timeout=None,  # the call that asks keeps the time
        )
        async for record in walk:
            if record.id.lower() == known.id.lower():
                return record
            if known.created_at and record.created_at and record.created_at < known.created_at - _SLACK:
                break
        return None


class Hold:
    """A draft for the length of one block.

    Entering begins it and gives the ``Transaction``; a rejection raises ``UnprocessableError``. Leaving completes
    it, and ``result`` is the completed ``Transaction``. Leaving by an exception cancels it, and the exception goes
    through whatever becomes of the cancelling. What fails at the end carries a note that names the draft and says
    what may be left behind.

    A hold takes two requests of the quota on entering: one for its begin, and one that it keeps for its complete or
    cancel, which then does not wait. With fewer than two above ``reserve`` entering waits, or raises
    ``QuotaWaitError`` and has sent nothing. Other processes may still spend what is kept here.
    """

    def __init__(
        self,
        start: Callable[[], tuple[Transactions, Callable[[], None]]],
        draft: dict[str, Any],
        timeout: float | Unset | None,
    ) -> None:
        self._start = start
        self._arguments: dict[str, Any] | None = draft
        self._timeout = timeout
        self._draft: Transaction | None = None
        self.result: Transaction | None = None

    async def __aenter__(self) -> Transaction:
        arguments, self._arguments = self._arguments, None
        if arguments is None:
            raise ClientStateError("a hold is for one block: ask for another one with transactions.hold(...)")
        self._transactions, self._release = self._start()
        try:
            return await self._begin(arguments)
        except BaseException:
            self._release()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            await self._end(error)
        finally:
            self._release()

    async def _begin(self, arguments: dict[str, Any]) -> Transaction:
        draft = await self._transactions.begin(**arguments, timeout=self._timeout)
        if draft.status == TransactionStatus.REJECTED:
            raise UnprocessableError(
                f"the server rejected it: {draft.reject_reason or 'no reason given'}", status=422
            )
        self._draft = draft
        return draft

    async def _end(self, error: BaseException | None) -> None:
        draft, self._draft = self._draft, None
        if draft is None:
            return
        if error is None:
            try:
                self.result = await self._transactions.complete(draft, timeout=self._timeout)
            except Exception as failure:
                failure.add_note(f"the hold {draft.id} was to be completed; {_left_behind(draft, failure)}")
                raise
            if self.result.status == TransactionStatus.REJECTED:
                raise UnprocessableError(
                    f"the server rejected it on completing: {self.result.reject_reason or 'no reason given'}",
                    status=422,
                )
            return
        given_back = self._give_back(draft, error)
        if isinstance(error, CancelledError) and error.args:  # anyio's, which comes again at every await
            await despite_repetition(given_back, error)
        else:
            await given_back

    async def _give_back(self, draft: Transaction, error: BaseException) -> None:
        """Cancel the draft; the exception of the block goes through, with a note if that fails."""
        try:
            self.result = await self._transactions.cancel(draft, timeout=self._timeout)
        except (Exception, CancelledError) as failure:
            error.add_note(
                f"the hold {draft.id} could not be cancelled ({failure}); {_left_behind(draft, failure)}"
            )
            if isinstance(failure, CancelledError):
                raise


def _left_behind(draft: Transaction, failure: BaseException) -> str:
    """What a hold may leave on the server."""
    if isinstance(failure, UnprocessableError | NotFoundError):
        return "it has come to another end"
    ends = f"at {draft.expiration_date.isoformat()}" if draft.expiration_date else "when the server ends it"
    return f"if it is a draft still, it expires {ends} or can be completed or cancelled by its id"


def _opposite(wanted: TransactionStatus) -> frozenset[str]:
    """The end that an answer to this request cannot state: it would be the answer to the other one."""
    done, undone = TransactionStatus.COMPLETED, TransactionStatus.CANCELLED
    return frozenset({undone if wanted is done else done})


def _optional(check: Callable[[str, Any], Any], name: str, value: Any) -> Any:
    return check(name, value) if validation.given(value) else value


def _expiry(minutes: int | Unset | None, auto_complete: object) -> int | Unset | None:
    if minutes is None or isinstance(minutes, Unset):
        return minutes
    if auto_complete is not True:
        raise InvalidRequestError("balance_expiry_in_minutes", "only applies with auto_complete=True")
    return validation.integer("balance_expiry_in_minutes", minutes, least=1)


def _echo(body: dict[str, Any]) -> Echo:
    """What the answer to a creating ``body`` has to show."""
    get = body.get
    return (
        ("id", PRESENT),
        ("balance_definition_id", get("balance_definition_id")),
        ("contact_id", get("contact_id")),
        ("meta", get("meta") or None),  # empty or left out: anything
    )
