"""A service that uses the client, as a user would write it: the address and the key come from the environment."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request

from brevo_balance_async import BalanceClient, Transaction

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PROGRAM = "27aa1d7a-af67-4020-8a65-19d6b0f0a26e"
POINTS = "7c1f0f0e-52a1-4c2e-9a55-0d3b7c9f1a10"


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with BalanceClient(timeout=5.0) as client:
        app.state.program = client.program(PROGRAM)
        yield


app = FastAPI(lifespan=lifespan)


async def credit(program, contact_id):
    return await program.transactions.credit(
        balance_definition_id=POINTS, contact_id=contact_id, amount="12.50"
    )


@app.post("/contacts/{contact_id}/points")
async def points(contact_id: int, request: Request) -> Transaction:
    return await credit(request.app.state.program, contact_id)
