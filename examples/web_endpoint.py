"""A web endpoint that credits once for each ``Idempotency-Key``, however often a client repeats its request.

    BREVO_API_KEY=... BREVO_PROGRAM_ID=... BREVO_BALANCE_DEFINITION_ID=... uvicorn web_endpoint:app

200: the points have moved, by this request or an earlier one with this key. 409: the key was used for something else.
422: the server refused, for good. 503 with Retry-After: nobody can say yet, repeat the request with the same key.
"""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from math import ceil
from typing import TYPE_CHECKING, Annotated

from fastapi import FastAPI, Header, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from brevo_balance_async import BalanceClient, InvalidRequestError, ReferenceConflictError
from brevo_balance_async.exactly_once import ExactlyOnce
from brevo_balance_async.journal import Journal

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
    """One client and one journal for all requests."""
    async with BalanceClient() as client, Journal(os.environ.get("JOURNAL", "credits.db")) as journal:
        app.state.once = ExactlyOnce(client.program(os.environ["BREVO_PROGRAM_ID"]), journal)
        yield


app = FastAPI(lifespan=lifespan)


class Credit(BaseModel):
    """What to credit, and whom."""

    contact_id: int
    points: str


@app.post("/credits")
async def credit(request: Request, wanted: Credit, idempotency_key: Annotated[str, Header()]) -> JSONResponse:
    """Credit once for this key."""
    once: ExactlyOnce = request.app.state.once
    try:
        outcome = await once.apply(
            reference=idempotency_key,
            contact_id=wanted.contact_id,
            balance_definition_id=os.environ["BREVO_BALANCE_DEFINITION_ID"],
            amount=wanted.points,
            timeout=10,
        )
    except ReferenceConflictError as error:
        return JSONResponse({"detail": str(error)}, 409)
    except InvalidRequestError as error:
        return JSONResponse({"detail": str(error)}, 400)
    if not outcome.final:
        wait = {"Retry-After": str(ceil(outcome.retry_after or 60))}
        return JSONResponse({"detail": "not known yet"}, 503, wait)
    if outcome.state == "refused":
        return JSONResponse({"detail": outcome.reason}, 422)
    return JSONResponse({"credited": str(outcome.credited), "repeated": outcome.repeated})
