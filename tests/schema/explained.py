"""Why a bad request may be accepted, and a good one refused: every case that occurs, and its reason."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import jsonschema_rs

if TYPE_CHECKING:
    from schemathesis import Case, Response

UNKNOWN_PARAMETER = "only query parameters that are not declared are odd, and those are ignored"

NOT_THERE = "the id is that of nothing"
TWO_MEMBERS = "a rule between two members, which the document leaves to this message"
STATE = "the transaction has ended, which no schema can tell"
RULE = "a rule of the definition or a limit is broken, which rejection=422 answers so"
REFUSED = {
    "balance definition not found": NOT_THERE,
    "balance limit not found": NOT_THERE,
    "transaction not found": NOT_THERE,
    "go together": TWO_MEMBERS,
    "exclude each other": TWO_MEMBERS,
    "minAmount must not exceed maxAmount": TWO_MEMBERS,
    "contactId or LoyaltySubscriptionId is required": TWO_MEMBERS,
    "LoyaltySubscriptionId belongs to another contact": TWO_MEMBERS,
    "balanceExpiryInMinutes only applies with autoComplete": TWO_MEMBERS,
    "expiresAt must lie after dueAt": TWO_MEMBERS,
    "transaction is already": STATE,
    "insufficient balance": RULE,
    "credit amount limit reached": RULE,
    "invalid_client": "the form names no client, and neither does an Authorization header",
}
EDGE_OF_CALENDAR = re.compile(rb'"(0000|0001|9999)-')


def accepted(case: Case) -> str | None:
    """The reason why this bad request is accepted; None: there is none."""
    declared = {
        each["name"]: each["schema"]
        for each in case.operation.definition.raw["parameters"]
        if each["in"] == "query"
    }
    query = case.query or {}
    good = all(
        jsonschema_rs.is_valid(declared[name], plain(value))
        for name, value in query.items()
        if name in declared
    )
    return UNKNOWN_PARAMETER if good and query.keys() - declared.keys() else None


def plain(value: Any) -> Any:
    """A value of the query, where numbers and flags are text."""
    try:
        return json.loads(value)
    except (TypeError, ValueError):
        return value


def refused(response: Response) -> str | None:
    """The reason why this good request is refused; None: there is none."""
    body = response.json()
    said = body.get("message") or body["error"]
    if "RFC 3339" in said and EDGE_OF_CALENDAR.search(response.request.body):
        return "in UTC the moment is not within the years 1 to 9999"
    return next((why for part, why in REFUSED.items() if part in said), None)
