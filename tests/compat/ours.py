"""Makes the plan's calls with this package, and shows what it read by wire names."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import attrs
from plan import CALLS, PROGRAM, filled

from brevo_balance_async import BalanceClient, Page, Paginator
from brevo_balance_async.core.codec import camel

ROWS = {
    "definitions.list": "items",
    "balances.list": "balances",
    "balances.list_active": "activeBalances",
    "history.list": "transactionHistory",
}


async def read_all(base_url: str, api_key: str, **options: Any) -> tuple[list[Any], dict[str, str]]:
    """The answers to all calls, and the ids they gave; ``options`` are the client's."""
    ids: dict[str, str] = {}
    answers = []
    async with BalanceClient(api_key, base_url=base_url, max_attempts=1, **options) as client:
        program = client.program(PROGRAM)
        for call in CALLS:
            resource, method = call.operation.split(".")
            made = getattr(getattr(program, resource), method)
            path, arguments = filled(call.path, ids), filled(call.arguments, ids)
            if resource == "transactions" and "amount" in arguments:
                arguments["amount"] = Decimal(str(arguments["amount"]))
            answer = await made(*path, **arguments)
            if isinstance(answer, Paginator):
                answer = await answer
            if call.gives:
                ids[call.gives] = answer.id
            answers.append(plain(answer, ROWS.get(call.operation, "")))
    return answers, ids


def plain(value: Any, rows: str = "") -> Any:
    """A model as JSON values under the wire's names."""
    if isinstance(value, Page):
        count = {} if value.count is None else {"count": value.count}
        return {rows: [plain(each) for each in value.items], **count}
    if attrs.has(type(value)):
        fields = [each for each in attrs.fields(type(value)) if each.name != "extra"]
        named = {
            each.metadata.get("wire") or camel(each.name): plain(getattr(value, each.name)) for each in fields
        }
        return {**named, **value.extra}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, datetime):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else value
