"""Answers as Brevo spells them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .rows import written
from .wire import Json, number_text, timestamp, write_json

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from decimal import Decimal

    from brevo_balance_async.sandbox.rules.account import Account
    from brevo_balance_async.sandbox.rules.listing import Page
    from brevo_balance_async.sandbox.rules.records import (
        CreatedBalance,
        Definition,
        Limit,
        Lot,
        Order,
        Transaction,
    )
    from brevo_balance_async.sandbox.rules.switches import Switches

ORGANIZATION_ID = 4012345
_OLD_WORDS = {"draft": "pending", "completed": "complete"}


class Answers:
    """Turns records into the objects that JSON is written from, the way ``switches`` decide."""

    def __init__(self, switches: Switches) -> None:
        self._switches = switches
        self._as_text = switches.amounts == "string"

    def definition(self, definition: Definition) -> dict[str, Any]:
        """A ``balanceDefinition``."""
        day = definition.expires_on
        return {
            "id": definition.id,
            "name": definition.name,
            "description": definition.description,
            "imageRef": definition.image_ref,
            "meta": definition.meta,
            "unit": definition.unit,
            "minAmount": definition.min_amount,
            "maxAmount": definition.max_amount,
            "maxCreditAmountLimit": definition.max_credit,
            "maxDebitAmountLimit": definition.max_debit,
            "balanceOptionAmountOvertakingStrategy": definition.overtaking,
            "balanceOptionCreditRounding": definition.credit_rounding,
            "balanceOptionDebitRounding": definition.debit_rounding,
            "balanceAvailabilityDurationValue": definition.duration_value,
            "balanceAvailabilityDurationUnit": definition.duration_unit,
            "balanceAvailabilityDurationModifier": definition.duration_modifier,
            "balanceExpirationDate": None if day is None else f"{day[0]:02}/{day[1]:02}",
            "createdAt": definition.created_at,
            "updatedAt": definition.updated_at,
            "deletedAt": None,
        }

    def limit(self, limit: Limit) -> dict[str, Any]:
        """A ``balanceLimit``."""
        return {
            "id": limit.id,
            "balanceDefinitionId": limit.definition_id,
            "transactionType": limit.kind,
            "constraintType": limit.counts,
            "durationValue": limit.duration_value,
            "durationUnit": limit.duration_unit,
            "value": limit.value,
            "slidingSchedule": limit.sliding,
            "createdAt": limit.created_at,
            "updatedAt": limit.updated_at,
        }

    def transaction(self, transaction: Transaction, balance: Decimal) -> dict[str, Any]:
        """A ``transaction``; with the ``balance`` that it left only when it was completed."""
        answer = {
            "id": transaction.id,
            "amount": self._signed(transaction),
            "transactionType": transaction.kind,
            "meta": transaction.meta,
            "status": self._status(transaction),
            "loyaltyProgramId": transaction.program_id,
            "balanceDefinitionId": transaction.definition_id,
            "contactId": transaction.contact_id,
            "eventTime": transaction.event_time,
            "rejectReason": transaction.reject_reason,
            "rejectedAt": transaction.rejected_at,
            "expirationDate": transaction.draft_expires_at,
            "completedAt": transaction.completed_at,
            "cancelledAt": transaction.cancelled_at,
            "createdAt": transaction.created_at,
            "updatedAt": transaction.updated_at,
        }
        if transaction.status == "completed":
            answer["balance"] = balance
        return answer

    def history_rows(self, page: Page) -> Json:
        """The rows of history, as text: no program, definition or contact, no ``updatedAt``, no ``balance``."""
        if page.text is None:
            page.text = "[" + ",".join(written(page, self._history_row)) + "]"
        return Json(page.text)

    def _history_row(self, row: Transaction) -> str:
        # Written by hand: a page has 500 of them, and this is three times as fast as building objects first.
        return (
            f'{{"id":"{row.id}","amount":{write_json(self._signed(row))},"transactionType":"{row.kind}",'
            f'"status":"{self._status(row)}",{self._history_meta(row.meta)}"createdAt":"{timestamp(row.created_at)}",'
            f'"completedAt":{_moment(row.completed_at)},"cancelledAt":{_moment(row.cancelled_at)},'
            f'"rejectedAt":{_moment(row.rejected_at)},"rejectReason":{write_json(row.reject_reason)},'
            f'"balanceExpirationDate":{_moment(row.points_expire_at)}}}'
        )

    def _history_meta(self, meta: dict[str, Any] | None) -> str:
        how = self._switches.history_meta
        if how == "absent":
            return ""
        if how == "text" and meta is not None:
            meta = {
                name: value if isinstance(value, str) else write_json(value) for name, value in meta.items()
            }
        return f'"meta":{write_json(meta)},'

    def order(self, order: Order) -> dict[str, Any]:
        """A ``balanceOrder``, with its ``transactionid`` in lower case."""
        transaction = order.transaction
        return {
            "id": order.id,
            "transactionid": transaction.id,
            "contactId": transaction.contact_id,
            "loyaltyProgramId": transaction.program_id,
            "balanceDefinitionId": transaction.definition_id,
            "amount": self._signed_number(transaction),
            "source": order.source,
            "dueAt": order.due_at,
            "expiresAt": order.expires_at,
            "processedAt": None,
            "meta": transaction.meta,
            "createdAt": order.created_at,
            "updatedAt": order.created_at,
        }

    def contact_balance(self, account: Account, subscription_id: str) -> dict[str, Any]:
        """One row of contact-balances."""
        return {
            "contactId": account.contact_id,
            "loyaltySubscriptionId": subscription_id,
            "updatedAt": account.updated_at,
            "value": account.balance,
        }

    def active_balance(self, lot: Lot) -> dict[str, Any]:
        """What is left of one credit."""
        return {
            "id": lot.id,
            "amount": self._amount(lot.remaining),
            "createdAt": lot.created_at,
            "expiresAt": lot.expires_at,
        }

    def subscription_balances(
        self, program_id: str, contact_id: int, values: Iterable[tuple[Definition, Decimal]]
    ) -> Any:
        """A contact's balances: the reference's object with ``balance``, or the guide's bare array."""
        if self._switches.subscription_balances == "array":
            return [
                {
                    "balanceDefinitionId": definition.id,
                    "name": definition.name,
                    "unit": definition.unit.lower(),
                    "value": self._amount(value),
                    "expiresAt": None,
                }
                for definition, value in values
            ]
        return {
            "loyaltyProgramId": program_id,
            "contactId": contact_id,
            "balance": [
                {"balanceDefinitionId": definition.id, "value": self._amount(value)}
                for definition, value in values
            ],
        }

    def created_balance(
        self, program_id: str, contact_id: int, definition_id: str, created: CreatedBalance
    ) -> dict[str, Any]:
        """A newly opened balance."""
        return {
            "id": created.id,
            "amount": self._amount(created.amount),
            "loyaltyProgramId": program_id,
            "organizationId": ORGANIZATION_ID,
            "contactId": contact_id,
            "balanceDefinitionId": definition_id,
            "createdAt": created.created_at,
            "expiresAt": None,
            "consumedAt": None,
        }

    def count(self, total: int) -> dict[str, int]:
        """The ``count`` member of a listing, true or not, or nothing."""
        if self._switches.count == "absent":
            return {}
        return {"count": max(0, total + self._switches.count_error)}

    def _amount(self, amount: Decimal) -> Decimal | str:
        """An amount that the exported schema of ``amounts="string"`` has as text."""
        return number_text(amount) if self._as_text else amount

    def _signed(self, transaction: Transaction) -> Decimal | str:
        return self._amount(self._signed_number(transaction))

    def _signed_number(self, transaction: Transaction) -> Decimal:
        sign = self._switches.debit_sign
        negative = transaction.kind == "debit" and (
            sign == "negative" or (sign == "as_sent" and transaction.sent_negative)
        )
        return transaction.size.copy_negate() if negative else transaction.size

    def _status(self, transaction: Transaction) -> str:
        if self._switches.status_words == "old":
            return _OLD_WORDS.get(transaction.status, transaction.status)
        return transaction.status


def _moment(moment: datetime | None) -> str:
    return "null" if moment is None else f'"{timestamp(moment)}"'
