"""Transactions: begin, complete, cancel, hold; and orders for later.

``begin`` and ``create_order`` happen twice when they are sent twice, so they are sent again only if they certainly
had not left. ``complete`` and ``cancel`` happen at most once on the server whatever is sent.
"""

from __future__ import annotations

import asyncio
from functools import partial
from os import urandom
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve

from brevo_balance_async.core import validation
from brevo_balance_async.core.answers import ENDS
from brevo_balance_async.core.echo import PRESENT, of_meta
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

    from brevo_balance_async.core.echo import Echo
    from brevo_balance_async.core.requester import Caller
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
"""The same request, for a caller who has no use for a transaction that was rejected."""
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

        ``amount`` is not zero: positive credits, negative debits; ``transaction_type`` may say so too, and is refused
        where it contradicts the sign. The member is named by ``contact_id`` or ``loyalty_subscription_id``, one of
        them. ``auto_complete`` completes it at once; only then may ``balance_expiry_in_minutes`` say how long credited
        points live. ``ttl`` is the draft's life in seconds, at least 10. ``event_time`` is when it happened (aware).
        ``meta`` is a free map that comes back in history: put your own reference there. A ``status`` of ``rejected``
        in the answer is the server's refusal by a rule, with ``reject_reason``.

        Brevo does not say whether a draft debit reserves its points: two drafts of 20 on a balance of 25 may both
        begin, and the second fails when it is completed. So complete first, and hand out goods second.

        Raises ``InvalidRequestError`` before anything is sent, ``UnprocessableError`` and the other answers of
        the server, and ``OutcomeUnknownError`` if it may have been applied: it is never sent twice.
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
        """Credit points at once: the ``Transaction`` is completed when it is returned.

        ``amount`` is positive; the other arguments are those of ``begin``, and so are the errors. A rejection raises
        ``UnprocessableError`` with the server's reason. Put a reference of your own into ``meta``: it is what
        ``history.find`` looks for should the outcome be unknown.
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
        """Complete a draft: the points move, and the ``Transaction`` that is returned says ``completed``.

        Takes a ``Transaction`` or its id; give the ``Transaction``, because with its contact and definition the
        history can be read. The server lets a transaction be completed once, so an unclear attempt is asked for
        again. What stays unclear is settled by the history where it can be, else it is ``OutcomeUnknownError``.

        ``UnprocessableError`` says that it was rejected, cancelled or has expired: no points have moved by it, and
        ``code`` is that end. A 404 or 422 may also be the answer to our own request, sent once more by a gateway, so
        the history is read for it too. With the id alone it is raised as it is, and ``applied`` is None.
        """
        return await self._finish(COMPLETE, transaction, TransactionStatus.COMPLETED, timeout)

    async def cancel(
        self, transaction: Transaction | str | UUID, *, timeout: float | Unset | None = UNSET
    ) -> Transaction:
        """Cancel a draft: no points move. What is completed cannot be cancelled; begin the opposite instead.

        The ``Transaction`` that is returned says ``cancelled``. Everything else is as for ``complete``: any other end
        raises ``UnprocessableError``, and what is unclear is settled by the history.
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
            "expires_at": optional(validation.timestamp, "expires_at", expires_at),
            "meta": optional(validation.mapping, "meta", meta),
        }
        echo = (
            ("id", PRESENT),
            ("loyalty_program_id", self._program_id),
            ("balance_definition_id", body["balance_definition_id"]),
            ("contact_id", body["contact_id"]),
            ("amount", body["amount"]),
            ("due_at", body["due_at"]),
            ("source", OrderSource(body["source"])),
            ("meta", of_meta(body["meta"])),
        )
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

        Arguments are those of ``begin`` without the ones that complete at once. Unless ``meta`` is None, an entry
        ``hold`` of 16 hex digits is added to it (one of your own under that name stays), which tells the answer from
        that to another hold. See ``Hold``: ``await hold.complete()`` inside the block completes before goods go out.
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
        echo: Echo = (
            ("id", PRESENT),
            ("loyalty_program_id", self._program_id),
            ("balance_definition_id", body["balance_definition_id"]),
            ("contact_id", body.get("contact_id")),
            ("transaction_type", _DEBIT if amount.is_signed() else _CREDIT),
            ("amount", amount),
            ("meta", of_meta(body.get("meta"))),
        )
        if endpoint is BEGIN_OR_FAIL and "auto_complete" in body:
            echo = (*echo, ("status", ENDS))  # whoever wants points to move must not be given a draft for it
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
                echo=(
                    ("id", PRESENT),
                    ("id", wanted_id),
                    ("loyalty_program_id", self._program_id),
                    ("status", ENDS),
                ),
                timeout=timeout,
                settle=settled,
            )
        except (OutcomeUnknownError, asyncio.CancelledError) as error:
            unknown = error if isinstance(error, OutcomeUnknownError) else error.__cause__
            if isinstance(unknown, OutcomeUnknownError):
                unknown.look_for = f"read the contact's history for {wanted_id}"
                unknown.arguments |= place
            raise
