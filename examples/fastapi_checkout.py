"""A checkout that is paid with points. Complete first, goods second: the points move when the hold is completed.

    BREVO_API_KEY=... BREVO_PROGRAM_ID=... BREVO_BALANCE_DEFINITION_ID=... uvicorn fastapi_checkout:app

200: paid. 202: nobody can say yet, somebody looks before it is tried again. Everything else has moved nothing: 409 (the
order is being paid or was paid), 422 (refused, for instance because the points do not suffice), 503 (the quota).
"""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from math import ceil
from typing import TYPE_CHECKING

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from brevo_balance_async import (
    BalanceClient,
    BalanceError,
    OutcomeUnknownError,
    Program,
    QuotaError,
    UnprocessableError,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

ORDERS: dict[str, str] = {}  # in earnest a column in the shop's own database


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
    """One client for all requests."""
    async with BalanceClient(timeout=10) as client:
        app.state.program = client.program(os.environ["BREVO_PROGRAM_ID"])
        yield


app = FastAPI(lifespan=lifespan)


class Checkout(BaseModel):
    """Who pays for which order, with how many points."""

    order: str
    contact_id: int
    points: int = Field(gt=0)


@app.post("/checkouts")
async def checkout(request: Request, wanted: Checkout) -> dict[str, str]:
    """Pay for one order, once."""
    program: Program = request.app.state.program
    if wanted.order in ORDERS:
        raise HTTPException(409, ORDERS[wanted.order])
    ORDERS[wanted.order] = "being paid"
    hold = program.transactions.hold(
        balance_definition_id=os.environ["BREVO_BALANCE_DEFINITION_ID"],
        contact_id=wanted.contact_id,
        amount=-wanted.points,
        meta={"order": wanted.order},  # by this it is found again in the history
    )
    try:
        async with hold as draft:
            # What may still fail goes here: stock, address, coupon code. Then the draft is cancelled.
            await hold.complete()  # from here on the points are spent
    except BaseException as error:
        ORDERS[wanted.order] = "being checked"
        if getattr(error, "applied", None) is False:  # certainly not paid
            del ORDERS[wanted.order]
        raise
    ORDERS[wanted.order] = "paid"
    return {"order": wanted.order, "transaction": draft.id}


@app.exception_handler(BalanceError)
def failed(_: Request, error: BalanceError) -> JSONResponse:
    """What each error is to a customer."""
    if isinstance(error, OutcomeUnknownError):  # never answered by sending it again
        return JSONResponse({"detail": "being checked"}, 202)
    if isinstance(error, QuotaError):
        wait = ceil(error.retry_after or 60)
        return JSONResponse({"detail": f"try again in {wait} s"}, 503, {"Retry-After": str(wait)})
    return JSONResponse({"detail": error.message}, 422 if isinstance(error, UnprocessableError) else 502)
