"""Makes the plan's calls with the official SDK and prints what it read; runs in that SDK's own environment.

python tests/compat/peer.py BASE_URL API_KEY
"""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import date, datetime
from typing import Any

import httpx
from brevo import AsyncBrevo
from plan import CALLS, PROGRAM, Call, filled

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


def adapted(call: Call, arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments in the types that this SDK's signatures ask for."""
    if call.operation == "definitions.create" and "balance_expiration_date" in arguments:
        day, month = arguments["balance_expiration_date"].split("/")
        arguments["balance_expiration_date"] = date(2026, int(month), int(day))
    if call.operation == "transactions.create_order":
        for name, value in arguments.items():
            if isinstance(value, datetime):  # this SDK takes text here
                arguments[name] = value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return arguments


async def main(base_url: str, api_key: str) -> None:
    # By itself the SDK takes aiohttp where httpx-aiohttp happens to be installed, which sends other headers.
    client = AsyncBrevo(api_key=api_key, base_url=base_url, httpx_client=httpx.AsyncClient(timeout=60))
    ids: dict[str, str] = {}
    answers = []
    for call in CALLS:
        path = [str(each) for each in filled(call.path, ids)]
        arguments = adapted(call, filled(call.arguments, ids))
        answer = await getattr(client.balance, METHODS[call.operation])(PROGRAM, *path, **arguments)
        read = None if answer is None else json.loads(answer.json())
        if call.gives:
            ids[call.gives] = read["id"]
        answers.append(read)
    print(json.dumps({"answers": answers, "ids": ids}))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
