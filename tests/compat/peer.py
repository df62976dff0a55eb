"""Makes the plan's calls with the official SDK 5.x and prints what it read; runs in that SDK's own environment.

python tests/compat/peer.py sync|async|aiohttp BASE_URL API_KEY
"""

from __future__ import annotations

import asyncio
import inspect
import json
import sys
from datetime import date, datetime
from typing import Any

import httpx
from brevo import AsyncBrevo, Brevo, DefaultAioHttpClient
from plan import CALLS, METHODS, PROGRAM, Call, filled


def client(how: str, base_url: str, api_key: str) -> tuple[Any, Any]:
    """The SDK's client and the transport that was asked for, whatever else is installed."""
    if how == "sync":
        transport = httpx.Client(timeout=60)
        return Brevo(api_key=api_key, base_url=base_url, httpx_client=transport), transport
    transport = DefaultAioHttpClient() if how == "aiohttp" else httpx.AsyncClient(timeout=60)
    return AsyncBrevo(api_key=api_key, base_url=base_url, httpx_client=transport), transport


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


async def main(how: str, base_url: str, api_key: str) -> None:
    sdk, transport = client(how, base_url, api_key)
    balance = sdk.balance
    ids: dict[str, str] = {}
    answers = []
    for call in CALLS:
        path = [str(each) for each in filled(call.path, ids)]
        arguments = adapted(call, filled(call.arguments, ids))
        answer = getattr(balance, METHODS[call.operation])(PROGRAM, *path, **arguments)
        if inspect.isawaitable(answer):
            answer = await answer
        read = None if answer is None else json.loads(answer.json())
        if call.gives:
            ids[call.gives] = read["id"]
        answers.append(read)
    if how != "sync":
        await transport.aclose()
    print(json.dumps({"answers": answers, "ids": ids}))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
