"""What every contender asks and what the server answers: fixed bytes, so that only the clients differ.

Standard library only: the server and all contenders read it, each in its own environment.
"""

from __future__ import annotations

import json

PROGRAM = "27aa1d7a-af67-4020-8a65-19d6b0f0a26e"
DEFINITION = "7c1f0f0e-52a1-4c2e-9a55-0d3b7c9f1a10"
CONTACT = 12345
AMOUNT = 12.5
META = {"orderId": "order_789"}
API_KEY = "xkeysib-benchmark"
PAGE = 500

TRANSACTIONS = f"/loyalty/balance/programs/{PROGRAM}/transactions"
HISTORY = f"/loyalty/balance/programs/{PROGRAM}/transaction-history"

BEGIN = {"amount": AMOUNT, "balanceDefinitionId": DEFINITION, "contactId": CONTACT, "meta": META}

BEGIN_ANSWER = json.dumps(
    {
        "id": "5d2e9c44-6b1a-4f3c-9f0e-8a7b6c5d4e3f",
        "amount": AMOUNT,
        "transactionType": "credit",
        "meta": META,
        "status": "draft",
        "loyaltyProgramId": PROGRAM,
        "balanceDefinitionId": DEFINITION,
        "contactId": CONTACT,
        "eventTime": "2026-11-20T17:00:00.000Z",
        "rejectReason": None,
        "rejectedAt": None,
        "expirationDate": "2026-11-20T18:03:58.000Z",
        "completedAt": None,
        "cancelledAt": None,
        "createdAt": "2026-11-20T17:03:58.000Z",
        "updatedAt": "2026-11-20T17:03:58.000Z",
    },
    separators=(",", ":"),
).encode()

_ROW = (
    '{"id":"%08x-9c44-4f3c-9f0e-8a7b6c5d4e3f","amount":%d.5,"transactionType":"credit","status":"completed",'
    '"meta":{"orderId":"order_%d"},"createdAt":"%s","completedAt":"2026-11-20T17:04:11.000Z","cancelledAt":null,'
    '"rejectedAt":null,"rejectReason":null,"balanceExpirationDate":"2027-11-30T23:59:59.000Z"}'
)


def _moment(number: int) -> str:
    """A timestamp that grows with ``number``: one row a second, in months of 28 days."""
    minutes, second = divmod(number, 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    return f"2025-{days // 28 + 1:02d}-{days % 28 + 1:02d}T{hour:02d}:{minute:02d}:{second:02d}.000Z"


def history_page(rows: int, offset: int, limit: int, *, ascending: bool = False) -> bytes:
    """A page of the history of the contact whose number is ``rows``: it has that many, newest first."""
    shown = range(offset, min(rows, offset + limit))
    numbers = shown if ascending else [rows - 1 - each for each in shown]
    items = ",".join([_ROW % (each, each % 90 + 1, each, _moment(each)) for each in numbers])
    head = {"balanceDefinitionId": DEFINITION, "contactId": rows, "count": rows, "loyaltyProgramId": PROGRAM}
    return f'{json.dumps(head, separators=(",", ":"))[:-1]},"transactionHistory":[{items}]}}'.encode()
