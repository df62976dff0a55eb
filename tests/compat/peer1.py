"""Makes the plan's calls with brevo-python 1.x and prints what it read; runs in that SDK's own environment.

python tests/compat/peer1.py BASE_URL API_KEY

What the SDK cannot read is printed as ``{"unreadable": ...}``; the id that a later call needs is taken from the body
then. What it has no argument for is not sent.
"""

from __future__ import annotations

import inspect
import json
import sys
from datetime import date, datetime
from typing import Any

import brevo_python
from plan import CALLS, METHODS, PROGRAM, Call, filled

OWN_METHODS = {
    "definitions.create": "loyalty_balance_programs_pid_balance_definitions_post",
    "balances.create": "loyalty_balance_programs_pid_subscriptions_cid_balances_post",
    "balances.list_active": "loyalty_balance_programs_pid_active_balance_get",
    "history.list": "loyalty_balance_programs_pid_transaction_history_get",
}
BODIES = {
    "definitions.create": brevo_python.CreateBalanceDefinitionPayload,
    "definitions.update": brevo_python.UpdateBalanceDefinitionPayload,
    "limits.create": brevo_python.CreateBalanceLimitPayload,
    "limits.update": brevo_python.UpdateBalanceLimitPayload,
    "transactions.begin": brevo_python.CreateTransactionPayload,
    "transactions.create_order": brevo_python.CreateOrderPayload,
    "balances.create": brevo_python.CreateBalancePayload,
}
# Where the method has only **kwargs, its docstring names them; an unknown one is a TypeError.
WORDS_OF_2025 = {"createdAt": "created_at"}


def send(api: Any, call: Call, ids: dict[str, str]) -> Any:
    """One call, with the arguments that this SDK has."""
    method = getattr(api, OWN_METHODS.get(call.operation) or METHODS[call.operation])
    path = [PROGRAM, *(str(each) for each in filled(call.path, ids))]
    if call.operation == "balances.get":
        path.reverse()
    arguments = filled(call.arguments, ids)
    body = BODIES.get(call.operation)
    if body is not None:
        known = {
            name: typed(call, name, value) for name, value in arguments.items() if name in body.swagger_types
        }
        return method(*path, body(**known))
    accepted = inspect.getdoc(method) or ""
    known = {
        name: value
        for name, value in arguments.items()
        if f":param {type(value).__name__} {name}:" in accepted
    }
    if call.operation in {"history.list", "balances.list_active"} and "sort_field" in known:
        known["sort_field"] = WORDS_OF_2025[known["sort_field"]]
    return method(*path, **known)


def typed(call: Call, name: str, value: Any) -> Any:
    """A value in the type that this SDK's models ask for."""
    if call.operation == "definitions.create" and name == "balance_expiration_date":
        day, month = value.split("/")
        return date(2026, int(month), int(day))
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return value


def plain(value: Any) -> Any:
    """A model as JSON values under the wire's names."""
    if hasattr(value, "attribute_map"):
        return {wire: plain(getattr(value, name)) for name, wire in value.attribute_map.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return value.isoformat() if isinstance(value, date) else value


def main(base_url: str, api_key: str) -> None:
    configuration = brevo_python.Configuration()
    configuration.host = base_url
    configuration.api_key["api-key"] = api_key
    api = brevo_python.BalanceApi(brevo_python.ApiClient(configuration))
    ids: dict[str, str] = {}
    answers = []
    for call in CALLS:
        try:
            answers.append(plain(send(api, call, ids)))
        except (ValueError, brevo_python.rest.ApiException) as error:
            answers.append({"unreadable": " ".join(str(error).split())})
        if call.gives:
            ids[call.gives] = json.loads(api.api_client.last_response.data)["id"]
    print(json.dumps({"answers": answers, "ids": ids}))


if __name__ == "__main__":
    main(*sys.argv[1:])
