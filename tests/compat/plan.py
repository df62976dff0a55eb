"""The same calls for all SDKs: every operation, bare and with all its arguments, and what must be read back.

Plain data over the standard library, because the interpreters of the official SDKs read it too. Argument names are the
same in all of them; a text in angle brackets stands for an id that an earlier answer gave. Expectations are on the
answer's JSON, by wire name.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

PROGRAM = "27aa1d7a-af67-4020-8a65-19d6b0f0a26e"
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
EARLIER = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
LATER = datetime(2026, 12, 1, 10, 0, tzinfo=UTC)
LATEST = datetime(2026, 12, 15, 10, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Call:
    """One call of one operation."""

    operation: str
    arguments: dict[str, Any] = field(default_factory=dict)
    path: tuple[Any, ...] = ()
    """What the path takes after the program id."""
    variant: str = ""
    gives: str = ""
    """The label of the answer's id, for later calls."""
    expect: dict[str, Any] | None = None
    """A subset of the answer; a listing's rows are compared one by one. None: an answer without a body."""

    @property
    def title(self) -> str:
        return f"{self.operation} ({self.variant})" if self.variant else self.operation


FULL_DEFINITION = {
    "name": "Purchase points",
    "unit": "POINTS",
    "description": "1 point per euro",
    "image_ref": "https://img.example.com/p.png",
    "min_amount": 0,
    "max_amount": 10000,
    "max_credit_amount_limit": 500.5,
    "max_debit_amount_limit": 1000,
    "balance_option_amount_overtaking_strategy": "partial",
    "balance_option_credit_rounding": "natural",
    "balance_option_debit_rounding": "upper",
    "balance_availability_duration_value": 12,
    "balance_availability_duration_unit": "month",
    "balance_availability_duration_modifier": "endOfPeriod",
    "meta": {"isInternal": False},
}
READ_DEFINITION = {
    "name": "Purchase points",
    "unit": "POINTS",
    "description": "1 point per euro",
    "imageRef": "https://img.example.com/p.png",
    "minAmount": 0,
    "maxAmount": 10000,
    "maxCreditAmountLimit": 500.5,
    "maxDebitAmountLimit": 1000,
    "balanceOptionAmountOvertakingStrategy": "partial",
    "balanceOptionCreditRounding": "natural",
    "balanceOptionDebitRounding": "upper",
    "balanceAvailabilityDurationValue": 12,
    "balanceAvailabilityDurationUnit": "month",
    "balanceAvailabilityDurationModifier": "endOfPeriod",
    "meta": {"isInternal": False},
    "createdAt": NOW,
    "updatedAt": NOW,
}
LIMIT = {
    "constraint_type": "amount",
    "transaction_type": "credit",
    "duration_unit": "day",
    "duration_value": 1,
    "value": 500,
}
READ_LIMIT = {
    "balanceDefinitionId": "<points>",
    "constraintType": "amount",
    "transactionType": "credit",
    "durationUnit": "day",
    "durationValue": 1,
    "value": 500,
    "createdAt": NOW,
}
POINTS = {"balance_definition_id": "<points>"}
OF_42 = {"contact_id": 42, **POINTS}
READ_42 = {"contactId": 42, "balanceDefinitionId": "<points>"}

CALLS = [
    Call(
        "definitions.create",
        {"name": "Bare", "unit": "EUR"},
        gives="<bare>",
        expect={"name": "Bare", "unit": "EUR"},
    ),
    Call(
        "definitions.create",
        {"name": "Fixed day", "unit": "POINTS", "balance_expiration_date": "31/12"},
        variant="fixed expiry day",
        gives="<fixed>",
        expect={"name": "Fixed day", "balanceExpirationDate": "31/12"},
    ),
    Call(
        "definitions.create",
        FULL_DEFINITION,
        variant="all arguments",
        gives="<points>",
        expect={"id": "<points>", **READ_DEFINITION},
    ),
    Call("definitions.get", path=("<points>",), expect={"id": "<points>", **READ_DEFINITION}),
    Call(
        "definitions.get",
        {"version": "active"},
        path=("<points>",),
        variant="all arguments",
        expect={"id": "<points>", **READ_DEFINITION},
    ),
    Call(
        "definitions.update",
        {"name": "Renamed", "unit": "USD"},
        path=("<bare>",),
        expect={"id": "<bare>", "name": "Renamed", "unit": "USD"},
    ),
    Call(
        "definitions.update",
        {"name": "Fixed day", "unit": "POINTS", "balance_expiration_date": "30/06", "description": None},
        path=("<fixed>",),
        variant="fixed expiry day, null",
        expect={"id": "<fixed>", "balanceExpirationDate": "30/06", "description": None},
    ),
    Call(
        "definitions.update",
        FULL_DEFINITION,
        path=("<points>",),
        variant="all arguments",
        expect={"id": "<points>", **READ_DEFINITION},
    ),
    Call("definitions.delete", path=("<bare>",)),
    Call("definitions.delete", path=("<fixed>",), variant="a second one"),
    Call("definitions.list", expect={"items": [{"id": "<points>", **READ_DEFINITION}]}),
    Call(
        "definitions.list",
        {"limit": 10, "offset": 0, "sort_field": "name", "sort": "asc", "version": "active"},
        variant="all arguments",
        expect={"items": [{"id": "<points>", **READ_DEFINITION}]},
    ),
    Call("limits.create", LIMIT, path=("<points>",), gives="<limit>", expect={"id": "<limit>", **READ_LIMIT}),
    Call(
        "limits.create",
        {**LIMIT, "constraint_type": "transaction", "sliding_schedule": False},
        path=("<points>",),
        variant="all arguments",
        gives="<calendar limit>",
        expect={
            "id": "<calendar limit>",
            **READ_LIMIT,
            "constraintType": "transaction",
            "slidingSchedule": False,
        },
    ),
    Call("limits.get", path=("<points>", "<limit>"), expect={"id": "<limit>", **READ_LIMIT}),
    Call(
        "limits.get",
        {"version": "draft"},
        path=("<points>", "<limit>"),
        variant="all arguments",
        expect={"id": "<limit>", **READ_LIMIT},
    ),
    Call(
        "limits.update",
        {**LIMIT, "value": 400, "sliding_schedule": True},
        path=("<points>", "<limit>"),
        variant="all arguments",
        expect={"id": "<limit>", **READ_LIMIT, "value": 400, "slidingSchedule": True},
    ),
    Call("limits.delete", path=("<points>", "<limit>")),
    Call(
        "balances.create",
        POINTS,
        path=(42,),
        expect={**READ_42, "amount": 0, "loyaltyProgramId": PROGRAM, "createdAt": NOW},
    ),
    Call(
        "transactions.begin",
        {**OF_42, "amount": 12.5},
        gives="<draft>",
        expect={
            **READ_42,
            "id": "<draft>",
            "status": "draft",
            "amount": 12.5,
            "balance": None,
            "transactionType": "credit",
            "loyaltyProgramId": PROGRAM,
            "createdAt": NOW,
        },
    ),
    Call(
        "transactions.complete",
        path=("<draft>",),
        expect={**READ_42, "id": "<draft>", "status": "completed", "balance": 12.5, "completedAt": NOW},
    ),
    Call(
        "transactions.begin",
        {
            **OF_42,
            "amount": 5,
            "transaction_type": "credit",
            "ttl": 600,
            "event_time": EARLIER,
            "auto_complete": False,
            "meta": {"orderId": "order_789", "lines": 3, "price": 1.25},
        },
        variant="all arguments of a draft",
        gives="<undone>",
        expect={
            **READ_42,
            "id": "<undone>",
            "status": "draft",
            "amount": 5,
            "meta": {"orderId": "order_789", "lines": 3, "price": 1.25},
            "eventTime": EARLIER,
            "expirationDate": datetime(2026, 11, 23, 9, 10, tzinfo=UTC),
        },
    ),
    Call(
        "transactions.cancel",
        path=("<undone>",),
        expect={**READ_42, "id": "<undone>", "status": "cancelled", "balance": None, "cancelledAt": NOW},
    ),
    Call(
        "balances.list",
        POINTS,
        expect={"count": 1, "balances": [{"contactId": 42, "loyaltySubscriptionId": "subscription-42"}]},
    ),
    Call(
        "transactions.begin",
        {
            **POINTS,
            "loyalty_subscription_id": "cust-7",
            "amount": 3,
            "auto_complete": True,
            "balance_expiry_in_minutes": 60,
        },
        variant="by subscription, completed at once",
        gives="<at once>",
        expect={"id": "<at once>", "status": "completed", "amount": 3, "balance": 3},
    ),
    Call(
        "transactions.begin",
        {**OF_42, "amount": -2, "auto_complete": True},
        variant="debit",
        gives="<debit>",
        expect={**READ_42, "status": "completed", "transactionType": "debit", "balance": 10.5},
    ),
    Call(
        "transactions.create_order",
        {**OF_42, "amount": 100, "due_at": LATER, "source": "user"},
        gives="<order>",
        expect={**READ_42, "amount": 100, "dueAt": LATER, "processedAt": None},
    ),
    Call(
        "transactions.create_order",
        {
            **OF_42,
            "amount": 7.25,
            "due_at": LATER,
            "source": "engine",
            "expires_at": LATEST,
            "meta": {"orderId": "order_790"},
        },
        variant="all arguments",
        gives="<second order>",
        expect={
            **READ_42,
            "amount": 7.25,
            "dueAt": LATER,
            "expiresAt": LATEST,
            "meta": {"orderId": "order_790"},
        },
    ),
    Call(
        "balances.get",
        path=(42,),
        expect={"contactId": 42, "balance": [{"balanceDefinitionId": "<points>", "value": 10.5}]},
    ),
    Call(
        "balances.get",
        {"include_internal": True},
        path=(42,),
        variant="all arguments",
        expect={"loyaltyProgramId": PROGRAM, "balance": [{"balanceDefinitionId": "<points>", "value": 10.5}]},
    ),
    Call(
        "balances.list",
        {**POINTS, "sort": "desc"},
        variant="newest first",
        expect={
            "count": 2,
            "balances": [
                {"loyaltySubscriptionId": "cust-7", "value": 3},
                {"contactId": 42, "value": 10.5, "updatedAt": NOW},
            ],
        },
    ),
    Call(
        "balances.list",
        {**POINTS, "limit": 1, "offset": 1, "sort_field": "value", "sort": "asc", "include_internal": False},
        variant="all arguments",
        expect={"count": 2, "balances": [{"contactId": 42, "value": 10.5, "updatedAt": NOW}]},
    ),
    Call(
        "balances.list_active",
        OF_42,
        expect={"count": 1, "activeBalances": [{"amount": 10.5, "createdAt": NOW}]},
    ),
    Call(
        "balances.list_active",
        {
            **OF_42,
            "limit": 5,
            "offset": 0,
            "sort_field": "createdAt",
            "sort": "desc",
            "include_internal": True,
        },
        variant="all arguments",
        expect={"count": 1, "activeBalances": [{"amount": 10.5, "createdAt": NOW}]},
    ),
    Call(
        "history.list",
        OF_42,
        expect={
            "count": 5,
            "transactionHistory": [
                {
                    "amount": 7.25,
                    "status": "draft",
                    "transactionType": "credit",
                    "meta": {"orderId": "order_790"},
                },
                {"amount": 100, "status": "draft", "transactionType": "credit", "meta": None},
                {"id": "<debit>", "amount": -2, "status": "completed", "transactionType": "debit"},
                {"id": "<undone>", "amount": 5, "status": "cancelled", "cancelledAt": NOW},
                {"id": "<draft>", "amount": 12.5, "status": "completed", "completedAt": NOW},
            ],
        },
    ),
    Call(
        "history.list",
        {
            **OF_42,
            "limit": 5,
            "offset": 0,
            "sort_field": "createdAt",
            "sort": "asc",
            "status": "cancelled",
            "transaction_type": "credit",
            "loyalty_subscription_id": "subscription-42",
        },
        variant="all arguments",
        expect={
            "count": 1,
            "transactionHistory": [
                {
                    "id": "<undone>",
                    "amount": 5,
                    "status": "cancelled",
                    "transactionType": "credit",
                    "meta": {"orderId": "order_789", "lines": 3, "price": 1.25},
                    "createdAt": NOW,
                    "cancelledAt": NOW,
                }
            ],
        },
    ),
]

OPERATIONS = {call.operation for call in CALLS}
METHODS = {
    "definitions.list": "get_balance_definition_list",
    "definitions.create": "create_balance_definition",
    "definitions.get": "get_balance_definition",
    "definitions.update": "update_balance_definition",
    "definitions.delete": "delete_balance_definition",
    "limits.create": "create_balance_limit",
    "limits.get": "get_balance_limit",
    "limits.update": "update_balance_limit",
    "limits.delete": "delete_balance_limit",
    "balances.list": "get_contact_balances",
    "balances.list_active": "get_active_balances_api",
    "balances.get": "get_subscription_balances",
    "balances.create": "create_subscription_balances",
    "transactions.begin": "begin_transaction",
    "transactions.complete": "complete_transaction",
    "transactions.cancel": "cancel_transaction",
    "transactions.create_order": "create_balance_order",
    "history.list": "get_transaction_history_api",
}
"""What the official SDKs call the operations."""


def filled(value: Any, ids: dict[str, str]) -> Any:
    """``value`` with ids for labels."""
    if isinstance(value, dict):
        return {name: filled(each, ids) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(filled(each, ids) for each in value)
    return ids.get(value, value) if isinstance(value, str) else value
