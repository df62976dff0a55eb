"""Transactions: begin, complete, cancel, credit, debit, hold; and orders that are executed later.

``begin`` and ``create_order`` are not idempotent: they are sent again only if they were certainly not processed.
``complete`` and ``cancel`` are applied at most once by the server, however often they are sent
(https://developers.brevo.com/docs/loyalty-best-practices).
"""

from __future__ import annotations

import asyncio
from functools import partial
from os import urandom
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve

from brevo_balance_async.core import validation
from brevo_balance_async.core.answers import ENDS
from brevo_balance_async.core.echo import PRESENT, Required, of_meta
from brevo_balance_async.core.protocol import Endpoint, Replay
from brevo_balance_async.errors import OutcomeUnknownError
from brevo_balance_async.models import (
    UNSET,
    Amount,
    BalanceOrder,
    OrderSource,
    Transaction,
    TransactionStatus,
    TransactionType,
    Unset,
)
from brevo_balance_async.resources._bodies import begin_body, optional, positive
from brevo_balance_async.resources._hold import Hold, HoldCalls
from brevo_balance_async.resources._settle import settle

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from datetime import datetime
    from uuid import UUID

    from brevo_balance_async.core.caller import Caller
    from brevo_balance_async.core.echo import Echo
    from brevo_balance_async.resources.history import History

_CREDIT, _DEBIT = TransactionType.CREDIT, TransactionType.DEBIT
_NOT_COMPLETED: Final = ENDS - {TransactionStatus.COMPLETED}
_NOT_CANCELLED: Final = ENDS - {TransactionStatus.CANCELLED}
_MANY = "/loyalty/balance/programs/{program_id}/transactions"
_LOOK = "read the contact's history for its id"

BEGIN = Endpoint(
    "transactions.begin",
    "POST",
    _MANY,
    Replay.UNSAFE,
    Transaction,
    look_for="read the contact's history for a transaction with this amount and meta, created since the call",
)
BEGIN_OR_FAIL = evolve(BEGIN, refuses_as=_NOT_COMPLETED)
"""The same request for ``credit``, ``debit`` and ``hold``, where a rejection is an error."""
COMPLETE = Endpoint(
    "transactions.complete",
    "POST",
    _MANY + "/{transaction_id}/complete",
    Replay.GUARDED,
    Transaction,
    refuses_as=_NOT_COMPLETED,
    look_for=_LOOK,
)
CANCEL = Endpoint(
    "transactions.cancel",
    "POST",
    _MANY + "/{transaction_id}/cancel",
    Replay.GUARDED,
    Transaction,
    refuses_as=_NOT_CANCELLED,
    look_for=_LOOK,
)
CREATE_ORDER = Endpoint(
    "transactions.create_order",
    "POST",
    "/loyalty/balance/programs/{program_id}/create-order",
    Replay.UNSAFE,
    BalanceOrder,
    look_for="Brevo lists no orders: read the contact's history for a transaction with this amount and meta",
)


class Transactions:
    """The transactions of one program: ``program.transactions``.

    Every call also raises the errors listed at ``Program``.
    """

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
        """Begin a credit or debit. A draft moves no points until it is completed.

        - ``amount``: not zero; positive credits, negative debits. ``transaction_type`` may repeat that, and must agree.
        - ``contact_id`` or ``loyalty_subscription_id``: exactly one of them names the member.
        - ``auto_complete``: completes the transaction at once. Only then ``balance_expiry_in_minutes`` may be given:
          after how many minutes credited points expire.
        - ``ttl``: seconds until the draft expires, at least 10. ``event_time``: when it happened (aware).
        - ``meta``: a free map that history shows too; put your own reference there.

        If a rule of the program refuses it, the server may answer with ``status`` ``rejected`` and ``reject_reason``.
        Brevo does not document whether a draft debit reserves its points: with a balance of 25, two drafts of 20 may
        both begin, and the second fails when it is completed. So complete first, then hand out goods.

        Raises ``InvalidRequestError`` before anything is sent, ``UnprocessableError`` (for instance for a contact that
        is not enrolled), and ``OutcomeUnknownError`` if it may have been applied; it is not sent again then.
        Source: https://developers.brevo.com/reference/begin-transaction
        """
        body = begin_body(
            amount=amount,
            balance_definition_id=balance_definition_id,
            contact_id=contact_id,
            loyalty_subscription_id=loyalty_subscription_id,
            transaction_type=transaction_type,
            auto_complete=auto_complete,
            ttl=ttl,
            event_time=event_time,
            balance_expiry_in_minutes=balance_expiry_in_minutes,
            meta=meta,
        )
        return await self._begin(BEGIN, body, timeout)

    async def credit(
        self,
        *,
        balance_definition_id: str | UUID,
        amount: Amount,
        contact_id: int | None = None,
        loyalty_subscription_id: str | None = None,
        balance_expiry_in_minutes: int | Unset | None = UNSET,
        event_time: datetime | Unset | None = UNSET,
        meta: dict[str, Any] | Unset | None = UNSET,
        timeout: float | Unset | None = UNSET,
    ) -> Transaction:
        """Credit points at once: a begin with ``auto_complete``. The ``Transaction`` that is returned is completed.

        ``amount`` is positive; the other arguments and the errors are those of ``begin``. A rejection raises
        ``UnprocessableError`` with the server's reason. Put a reference of your own into ``meta``: if the outcome is
        unknown, ``history.find`` can look for it. Source: https://developers.brevo.com/docs/loyalty-transactions
        """
        body = begin_body(
            amount=positive(amount),
            balance_definition_id=balance_definition_id,
            contact_id=contact_id,
            loyalty_subscription_id=loyalty_subscription_id,
            auto_complete=True,
            balance_expiry_in_minutes=balance_expiry_in_minutes,
            event_time=event_time,
            meta=meta,
        )
        return await self._begin(BEGIN_OR_FAIL, body, timeout)

    async def debit(
        self,
        *,
        balance_definition_id: str | UUID,
        amount: Amount,
        contact_id: int | None = None,
        loyalty_subscription_id: str | None = None,
        balance_expiry_in_minutes: int | Unset | None = UNSET,
        event_time: datetime | Unset | None = UNSET,
        meta: dict[str, Any] | Unset | None = UNSET,
        timeout: float | Unset | None = UNSET,
    ) -> Transaction:
        """Debit points at once, by a positive ``amount``. Everything else is as for ``credit``."""
        body = begin_body(
            amount=positive(amount).copy_negate(),
            balance_definition_id=balance_definition_id,
            contact_id=contact_id,
            loyalty_subscription_id=loyalty_subscription_id,
            auto_complete=True,
            balance_expiry_in_minutes=balance_expiry_in_minutes,
            event_time=event_time,
            meta=meta,
        )
        return await self._begin(BEGIN_OR_FAIL, body, timeout)

    async def complete(
        self, transaction: Transaction | str | UUID, *, timeout: float | Unset | None = UNSET
    ) -> Transaction:
        """Complete a draft: the points move. The ``status`` of the returned ``Transaction`` is ``completed``.

        Takes a ``Transaction`` or its id. Prefer the ``Transaction``: with its contact and definition the history can
        be read. The server completes a transaction at most once, so an unclear attempt is retried. If the outcome is
        still unclear, the history is read; if that does not show it, ``OutcomeUnknownError`` is raised.

        Raises ``UnprocessableError`` if the transaction was rejected, cancelled or has expired: it has moved no points,
        and ``code`` is its status. A 404 or 422 may also mean that a gateway sent our request twice and the first one
        was applied, so the history is read then too. With an id only, the error is raised as it is and ``applied`` is
        None. Source: https://developers.brevo.com/reference/complete-transaction
        """
        return await self._finish(COMPLETE, transaction, TransactionStatus.COMPLETED, timeout)

    async def cancel(
        self, transaction: Transaction | str | UUID, *, timeout: float | Unset | None = UNSET
    ) -> Transaction:
        """Cancel a draft: no points move. The ``status`` of the returned ``Transaction`` is ``cancelled``.

        A completed transaction cannot be cancelled: begin and complete one with the opposite amount
        (https://developers.brevo.com/docs/loyalty-transactions). Arguments and errors are those of ``complete``:
        another final status raises ``UnprocessableError``, and the history is read if the outcome is unclear.
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
        """Schedule a transaction for later. Its id, ``transaction_id`` of the answer, can be completed or cancelled.

        ``amount`` is not zero. ``due_at`` and ``expires_at`` are aware and should be in the future, ``source`` is
        ``engine`` or ``user``, ``meta`` is a free map. Brevo cannot read orders back, so an ``OutcomeUnknownError`` is
        hard to reconcile. Raises ``InvalidRequestError`` before anything is sent.
        Source: https://developers.brevo.com/reference/create-balance-order
        """
        body = {
            "balance_definition_id": validation.uuid("balance_definition_id", balance_definition_id),
            "contact_id": validation.contact_id(contact_id),
            "amount": validation.amount(amount),
            "due_at": validation.timestamp("due_at", due_at),
            "source": validation.enum("source", source, OrderSource),
            "expires_at": optional(validation.timestamp, "expires_at", expires_at),
            "meta": optional(validation.mapping, "meta", meta),
        }
        echo = {
            "id": PRESENT,
            "loyalty_program_id": self._program_id,
            "balance_definition_id": body["balance_definition_id"],
            "contact_id": body["contact_id"],
            "amount": body["amount"],
            "due_at": body["due_at"],
            "source": OrderSource(body["source"]),
            "meta": of_meta(body["meta"]),
        }
        return await self._caller.call(
            CREATE_ORDER, (self._program_id,), body=body, echo=echo, timeout=timeout
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

        Arguments are those of ``begin`` without ``auto_complete`` and ``balance_expiry_in_minutes``. Unless ``meta`` is
        None, an entry ``hold`` of 16 hex digits is added (your own entry with that name is kept), so that the answer
        cannot be confused with the answer to another hold. See ``Hold`` for the errors, and for ``hold.complete()``.
        """
        if meta is not None:
            given = {} if isinstance(meta, Unset) else validation.mapping("meta", meta)
            meta = {"hold": urandom(8).hex(), **given}
        body = begin_body(
            amount=amount,
            balance_definition_id=balance_definition_id,
            contact_id=contact_id,
            loyalty_subscription_id=loyalty_subscription_id,
            transaction_type=transaction_type,
            ttl=ttl,
            event_time=event_time,
            meta=meta,
        )

        def start() -> HoldCalls:
            caller = self._caller.for_hold()
            held = Transactions(caller, self._program_id, self._history)
            return HoldCalls(
                partial(held._begin, BEGIN_OR_FAIL, body, timeout),
                partial(held.complete, timeout=timeout),
                partial(held.cancel, timeout=timeout),
                caller.release,
            )

        return Hold(start)

    def _begin(
        self, endpoint: Endpoint[Transaction], body: dict[str, Any], timeout: float | Unset | None
    ) -> Awaitable[Transaction]:
        amount = body["amount"]
        echo: Echo = {
            "id": PRESENT,
            "loyalty_program_id": self._program_id,
            "balance_definition_id": body["balance_definition_id"],
            "contact_id": body.get("contact_id"),
            "transaction_type": _DEBIT if amount.is_signed() else _CREDIT,
            "amount": amount,
            "meta": of_meta(body.get("meta")),
        }
        if endpoint is BEGIN_OR_FAIL and "auto_complete" in body:
            # A credit or debit must not return a draft, which has moved no points.
            echo = {**echo, "status": ENDS}
        return self._caller.call(endpoint, (self._program_id,), body=body, echo=echo, timeout=timeout)

    async def _finish(
        self,
        endpoint: Endpoint[Transaction],
        transaction: Transaction | str | UUID,
        wanted: TransactionStatus,
        timeout: float | Unset | None,
    ) -> Transaction:
        settled = None
        place: dict[str, Any] = {}
        if isinstance(transaction, Transaction):
            wanted_id = validation.uuid("transaction", transaction.id)
            contact, definition = transaction.contact_id, transaction.balance_definition_id
            if contact is not None and definition is not None:
                settled = partial(settle, self._history, transaction, wanted)
                place = {"contact_id": contact, "balance_definition_id": definition}
        else:
            wanted_id = validation.uuid("transaction", transaction)
        try:
            return await self._caller.call(
                endpoint,
                (self._program_id, wanted_id),
                echo={
                    "id": Required(wanted_id),
                    "loyalty_program_id": self._program_id,
                    "status": ENDS,
                },
                timeout=timeout,
                settle=settled,
            )
        except (OutcomeUnknownError, asyncio.CancelledError) as error:
            unknown = error if isinstance(error, OutcomeUnknownError) else error.__cause__
            if isinstance(unknown, OutcomeUnknownError):
                unknown.look_for = f"read the contact's history for {wanted_id}"
                unknown.arguments |= place
            raise
