"""The shapes of answers as JSON schemas. They are written by hand, member by member as ``answers`` writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from brevo_balance_async.sandbox.http.bodies import KINDS, MODIFIERS, PERIODS, ROUNDINGS, UNITS
from brevo_balance_async.sandbox.http.fields import INT64

if TYPE_CHECKING:
    from brevo_balance_async.sandbox.rules.switches import Switches

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
UUID: Schema = {"type": "string", "format": "uuid"}
MOMENT: Schema = {"type": "string", "format": "date-time"}
NUMBER: Schema = {"type": "number", "format": "double"}
CONTACT: Schema = {"type": "integer", "format": "int64", "minimum": 1, "maximum": INT64}
PERIOD_COUNT: Schema = {"type": "integer", "minimum": 1}
OBJECT: Schema = {"type": "object"}


def reference(name: str) -> Schema:
    """A schema that stands among the document's components."""
    return {"$ref": f"#/components/schemas/{name}"}


def nullable(schema: Schema) -> Schema:
    """``schema`` or null."""
    words = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    return {**schema, "type": [schema["type"], "null"], **words}


def answer_schemas(switches: Switches) -> dict[str, Schema]:
    """The shapes by name, as ``switches`` decide."""
    amount = {"type": "string", "pattern": r"^-?\d"} if switches.amounts == "string" else NUMBER
    rejected = {name: nullable(MOMENT) for name in ("completedAt", "cancelledAt", "rejectedAt")}
    count: Schema = {} if switches.count == "absent" else {"count": {"type": "integer", "minimum": 0}}
    status = words(
        {"draft": "pending", "completed": "complete"}.get(word, word)
        if switches.status_words == "old"
        else word
        for word in ("draft", "completed", "rejected", "cancelled", "expired")
    )
    return {
        "Error": closed({"code": TEXT, "message": TEXT}),
        "BalanceDefinition": _definition(),
        "BalanceDefinitions": closed({"items": rows("BalanceDefinition")}),
        "BalanceLimit": closed(
            {
                "id": UUID,
                "balanceDefinitionId": UUID,
                "transactionType": words(KINDS),
                "constraintType": words(("transaction", "amount")),
                "durationValue": PERIOD_COUNT,
                "durationUnit": words(PERIODS),
                "value": NUMBER,
                "slidingSchedule": {"type": "boolean"},
                "createdAt": MOMENT,
                "updatedAt": MOMENT,
            }
        ),
        "Transaction": closed(
            {
                "id": UUID,
                "amount": amount,
                "transactionType": words(KINDS),
                "meta": nullable(OBJECT),
                "status": status,
                "loyaltyProgramId": UUID,
                "balanceDefinitionId": UUID,
                "contactId": CONTACT,
                "eventTime": MOMENT,
                "rejectReason": nullable(TEXT),
                "expirationDate": nullable(MOMENT),
                "createdAt": MOMENT,
                "updatedAt": MOMENT,
                **rejected,
            },
            {"balance": NUMBER},
        ),
        "BalanceOrder": closed(
            {
                "id": UUID,
                "transactionid": UUID,
                "contactId": CONTACT,
                "loyaltyProgramId": UUID,
                "balanceDefinitionId": UUID,
                "amount": NUMBER,
                "source": words(("engine", "user")),
                "dueAt": MOMENT,
                "expiresAt": nullable(MOMENT),
                "processedAt": nullable(MOMENT),
                "meta": nullable(OBJECT),
                "createdAt": MOMENT,
                "updatedAt": MOMENT,
            }
        ),
        "Balance": closed(
            {
                "id": UUID,
                "amount": amount,
                "loyaltyProgramId": UUID,
                "organizationId": {"type": "integer"},
                "contactId": CONTACT,
                "balanceDefinitionId": UUID,
                "createdAt": MOMENT,
                "expiresAt": nullable(MOMENT),
                "consumedAt": nullable(MOMENT),
            }
        ),
        "ContactBalance": closed(
            {"contactId": CONTACT, "loyaltySubscriptionId": TEXT, "updatedAt": MOMENT, "value": NUMBER}
        ),
        "ContactBalances": closed(
            {
                "balanceDefinitionId": UUID,
                "loyaltyProgramId": UUID,
                **count,
                "balances": rows("ContactBalance"),
            }
        ),
        "ActiveBalance": closed(
            {"id": UUID, "amount": amount, "createdAt": MOMENT, "expiresAt": nullable(MOMENT)}
        ),
        "ActiveBalances": closed(
            {
                **count,
                "loyaltyProgramId": UUID,
                "contactId": CONTACT,
                "balanceDefinitionId": UUID,
                "activeBalances": rows("ActiveBalance"),
            }
        ),
        **_subscription_balances(amount, as_array=switches.subscription_balances == "array"),
        "TransactionRecord": closed(
            {
                "id": UUID,
                "amount": amount,
                "transactionType": words(KINDS),
                "status": status,
                **_history_meta(switches.history_meta),
                "createdAt": MOMENT,
                "rejectReason": nullable(TEXT),
                "balanceExpirationDate": nullable(MOMENT),
                **rejected,
            }
        ),
        "TransactionHistory": closed(
            {
                "balanceDefinitionId": UUID,
                "contactId": CONTACT,
                **count,
                "loyaltyProgramId": UUID,
                "transactionHistory": rows("TransactionRecord"),
            }
        ),
        "Token": closed(
            {"access_token": TEXT, "token_type": words(("Bearer",)), "expires_in": {"type": "integer"}}
        ),
        "TokenRefusal": closed({"error": TEXT}),
    }


def words(allowed: Any) -> Schema:
    """One of these words."""
    return {"type": "string", "enum": sorted(allowed)}


def closed(members: dict[str, Schema], optional: dict[str, Schema] | None = None) -> Schema:
    """An object with just these members; all but the ``optional`` ones are always there."""
    return {
        "type": "object",
        "properties": {**members, **(optional or {})},
        "required": list(members),
        "additionalProperties": False,
    }


def rows(name: str) -> Schema:
    """A list of what ``name`` names."""
    return {"type": "array", "items": reference(name)}


def _definition() -> Schema:
    amounts = ("minAmount", "maxAmount", "maxCreditAmountLimit", "maxDebitAmountLimit")
    return closed(
        {
            "id": UUID,
            "name": TEXT,
            "description": nullable(TEXT),
            "imageRef": nullable(TEXT),
            "meta": nullable(OBJECT),
            "unit": words(UNITS),
            **{name: nullable(NUMBER) for name in amounts},
            "balanceOptionAmountOvertakingStrategy": nullable(words(("strict", "partial"))),
            "balanceOptionCreditRounding": nullable(words(ROUNDINGS)),
            "balanceOptionDebitRounding": nullable(words(ROUNDINGS)),
            "balanceAvailabilityDurationValue": nullable(PERIOD_COUNT),
            "balanceAvailabilityDurationUnit": nullable(words(PERIODS)),
            "balanceAvailabilityDurationModifier": nullable(words(MODIFIERS)),
            "balanceExpirationDate": nullable({"type": "string", "pattern": r"^\d\d/\d\d$"}),
            "createdAt": MOMENT,
            "updatedAt": MOMENT,
            "deletedAt": nullable(MOMENT),
        }
    )


def _history_meta(how: str) -> dict[str, Schema]:
    if how == "absent":
        return {}
    values = {"additionalProperties": TEXT} if how == "text" else {}
    return {"meta": nullable({**OBJECT, **values})}


def _subscription_balances(amount: Schema, *, as_array: bool) -> dict[str, Schema]:
    if as_array:
        row = {"name": TEXT, "unit": TEXT, "expiresAt": nullable(MOMENT)}
        shape = rows("SubscriptionBalance")
    else:
        row = {}
        shape = closed(
            {"loyaltyProgramId": UUID, "contactId": CONTACT, "balance": rows("SubscriptionBalance")}
        )
    return {
        "SubscriptionBalance": closed({"balanceDefinitionId": UUID, **row, "value": amount}),
        "SubscriptionBalances": shape,
    }
