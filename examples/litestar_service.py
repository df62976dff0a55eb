"""Points of a member, as a service with Litestar: read them, and credit them once for each order.

BREVO_API_KEY=... BREVO_PROGRAM_ID=... BREVO_BALANCE_DEFINITION_ID=... litestar --app litestar_service:app run
"""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

from litestar import Litestar, Request, Response, get, post
from litestar.datastructures import State
from litestar.params import FromPath, JSONBody

from brevo_balance_async import BalanceClient, QuotaError
from brevo_balance_async.exactly_once import ExactlyOnce
from brevo_balance_async.journal import Journal

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

DEFINITION = "BREVO_BALANCE_DEFINITION_ID"


@asynccontextmanager
async def points(app: Litestar) -> AsyncGenerator[None, None]:
    """One client and one journal for all requests."""
    async with BalanceClient() as client, Journal(os.environ.get("JOURNAL", "credits.db")) as journal:
        app.state.program = client.program(os.environ["BREVO_PROGRAM_ID"])
        app.state.once = ExactlyOnce(app.state.program, journal)
        yield


@dataclass
class Credit:
    """Points for an order."""

    order: str
    points: str


@get("/members/{contact_id:int}/points")
async def read(state: State, contact_id: FromPath[int]) -> dict[str, str]:
    """What the member holds; amounts travel as text, so that nobody rounds them."""
    found = await state.program.balances.get(contact_id)
    return {str(each.balance_definition_id): str(each.value) for each in found.balance}


@post("/members/{contact_id:int}/points")
async def credit(state: State, contact_id: FromPath[int], data: JSONBody[Credit]) -> Response[dict[str, Any]]:
    """Credit once for an order, however often the request is repeated."""
    outcome = await state.once.apply(
        reference=data.order,
        contact_id=contact_id,
        balance_definition_id=os.environ[DEFINITION],
        amount=data.points,
        timeout=10,
    )
    if not outcome.final:
        wait = {"Retry-After": str(ceil(outcome.retry_after or 60))}
        return Response({"detail": "not known yet"}, status_code=503, headers=wait)
    if outcome.state == "refused":
        return Response({"detail": outcome.reason}, status_code=422)
    return Response({"credited": str(outcome.credited), "repeated": outcome.repeated})


def busy(_: Request[Any, Any, Any], error: QuotaError) -> Response[dict[str, str]]:
    """The quota is in the way."""
    wait = {"Retry-After": str(ceil(error.retry_after or 60))}
    return Response({"detail": "try later"}, status_code=503, headers=wait)


app = Litestar([read, credit], lifespan=[points], exception_handlers={QuotaError: busy})
