"""The shapes of answers, read off the documents and not off the sandbox: which members each has, and of what type."""

from __future__ import annotations

import re
from decimal import Decimal

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def uuid(value):
    return isinstance(value, str) and UUID.fullmatch(value)


def moment(value):
    return isinstance(value, str) and MOMENT.fullmatch(value)


def text(value):
    return isinstance(value, str)


def number(value):
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def whole(value):
    return type(value) is int


def flag(value):
    return isinstance(value, bool)


def mapping(value):
    return isinstance(value, dict)


def nullable(kind):
    return lambda value: value is None or kind(value)


def rows(shape):
    return lambda value: isinstance(value, list) and all(fits(shape, row) for row in value)


def fits(shape, value):
    """Whether ``value`` has the members of ``shape`` and no others; a name that ends in ``?`` may be absent."""
    if not isinstance(value, dict):
        return False
    names = {name.removesuffix("?"): (name.endswith("?"), kind) for name, kind in shape.items()}
    return value.keys() <= names.keys() and all(
        (kind(value[name]) if name in value else optional) for name, (optional, kind) in names.items()
    )


ERROR = {"code": text, "message": text}
DEFINITION = {
    "id": uuid,
    "name": text,
    "unit": text,
    "meta": nullable(mapping),
    "createdAt": moment,
    "updatedAt": moment,
    "deletedAt": nullable(moment),
    "balanceAvailabilityDurationValue": nullable(whole),
    **dict.fromkeys(
        ("minAmount", "maxAmount", "maxCreditAmountLimit", "maxDebitAmountLimit"), nullable(number)
    ),
    **dict.fromkeys(
        (
            "description",
            "imageRef",
            "balanceOptionAmountOvertakingStrategy",
            "balanceOptionCreditRounding",
            "balanceOptionDebitRounding",
            "balanceAvailabilityDurationUnit",
            "balanceAvailabilityDurationModifier",
            "balanceExpirationDate",
        ),
        nullable(text),
    ),
}
LIMIT = {
    "id": uuid,
    "balanceDefinitionId": uuid,
    "transactionType": text,
    "constraintType": text,
    "durationValue": whole,
    "durationUnit": text,
    "value": number,
    "slidingSchedule": flag,
    "createdAt": moment,
    "updatedAt": moment,
}
TRANSACTION = {
    "id": uuid,
    "amount": number,
    "balance?": number,
    "transactionType": text,
    "meta": nullable(mapping),
    "status": text,
    "loyaltyProgramId": uuid,
    "balanceDefinitionId": uuid,
    "contactId": whole,
    "eventTime": moment,
    "rejectReason": nullable(text),
    "createdAt": moment,
    "updatedAt": moment,
    **dict.fromkeys(("rejectedAt", "expirationDate", "completedAt", "cancelledAt"), nullable(moment)),
}
ORDER = {
    "id": uuid,
    "transactionid": uuid,
    "contactId": whole,
    "loyaltyProgramId": uuid,
    "balanceDefinitionId": uuid,
    "amount": number,
    "source": text,
    "dueAt": moment,
    "expiresAt": nullable(moment),
    "processedAt": nullable(moment),
    "meta": nullable(mapping),
    "createdAt": moment,
    "updatedAt": moment,
}
CREATED = {
    "id": uuid,
    "amount": number,
    "loyaltyProgramId": uuid,
    "organizationId": whole,
    "contactId": whole,
    "balanceDefinitionId": uuid,
    "createdAt": moment,
    "expiresAt": nullable(moment),
    "consumedAt": nullable(moment),
}
DEFINITIONS = {"items": rows(DEFINITION)}
BALANCES = {
    "balanceDefinitionId": uuid,
    "loyaltyProgramId": uuid,
    "count": whole,
    "balances": rows(
        {"contactId": whole, "loyaltySubscriptionId": text, "updatedAt": moment, "value": number}
    ),
}
ACTIVE = {
    "count": whole,
    "loyaltyProgramId": uuid,
    "contactId": whole,
    "balanceDefinitionId": uuid,
    "activeBalances": rows(
        {"id": uuid, "amount": number, "createdAt": moment, "expiresAt": nullable(moment)}
    ),
}
SUBSCRIPTION = {
    "loyaltyProgramId": uuid,
    "contactId": whole,
    "balance": rows({"balanceDefinitionId": uuid, "value": number}),
}
HISTORY = {
    "balanceDefinitionId": uuid,
    "contactId": whole,
    "count": whole,
    "loyaltyProgramId": uuid,
    "transactionHistory": rows(
        {
            "id": uuid,
            "amount": number,
            "transactionType": text,
            "status": text,
            "meta": nullable(mapping),
            "createdAt": moment,
            "rejectReason": nullable(text),
            **dict.fromkeys(
                ("completedAt", "cancelledAt", "rejectedAt", "balanceExpirationDate"), nullable(moment)
            ),
        }
    ),
}
