"""The README's two FastAPI handlers, taken from it as they stand there and asked over HTTP."""

from __future__ import annotations

import re
from contextlib import suppress
from math import ceil
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from brevo_balance_async import BalanceClient, BalanceError, OutcomeUnknownError, QuotaError
from brevo_balance_async.sandbox import Sandbox, effects

README = Path(__file__).parents[2] / "README.md"
(HANDLERS,) = re.findall(r"```py\n(.*?)```", README.read_text(), re.DOTALL)
PROGRAM = "27aa1d7a-af67-4020-8a65-19d6b0f0a26e"


def test_each_is_at_most_six_lines():
    assert [len(handler.strip().splitlines()) for handler in HANDLERS.split("\n\n\n")] == [4, 6]


@pytest.fixture
async def shop():
    """A sandbox, and a web backend that credits five points on ``POST /credit``."""
    async with (
        Sandbox(rph=600) as sandbox,
        BalanceClient(sandbox.api_key, base_url=sandbox.base_url, timeout=5) as client,
    ):
        program = client.program(PROGRAM)
        points = await program.definitions.create(name="Points", unit="POINTS")
        app = FastAPI()
        names = {
            "app": app,
            "program": program,
            "ceil": ceil,
            "Request": Request,
            "JSONResponse": JSONResponse,
            "suppress": suppress,
            "BalanceError": BalanceError,
            "QuotaError": QuotaError,
            "OutcomeUnknownError": OutcomeUnknownError,
        }
        exec(compile(HANDLERS, "README.md", "exec"), names)

        async def credit(**meta: Any) -> str:
            done = await program.transactions.credit(
                balance_definition_id=points.id, contact_id=42, amount=5, **meta
            )
            return str(done.status)

        @app.post("/credit")
        async def with_meta() -> str:
            return await credit(meta={"order": "order-42"})

        @app.post("/credit-without-meta")
        async def without_meta() -> str:
            return await credit()

        @app.post("/definition")
        async def definition() -> str:
            return (await program.definitions.create(name="More", unit="POINTS")).id

        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as web:
            yield sandbox, web


async def test_a_quota_that_is_used_up_is_503_with_the_wait(shop):
    sandbox, web = shop
    sandbox.faults.add(effects.status(429, headers={"retry-after": "30"}), operation="transactions.begin")
    answer = await web.post("/credit")
    assert answer.status_code == 503
    assert 29 <= int(answer.headers["retry-after"]) <= 60
    assert sandbox.hits("transactions.begin") == 1


@pytest.mark.parametrize(
    ("effect", "status", "told"),
    [(effects.apply_then_drop(), 200, "completed"), (effects.close_before_reading(), 202, "being checked")],
    ids=["applied", "not applied"],
)
async def test_an_unknown_outcome_is_looked_up(shop, effect, status, told):
    sandbox, web = shop
    sandbox.faults.add(effect, operation="transactions.begin", nth=1)
    answer = await web.post("/credit")
    assert (answer.status_code, answer.json()) == (status, {"status": told})
    assert sandbox.hits("transactions.begin") == 1


@pytest.mark.parametrize(
    ("path", "operation"),
    [("/credit-without-meta", "transactions.begin"), ("/definition", "definitions.create")],
)
async def test_what_cannot_be_looked_up_is_being_checked(shop, path, operation):
    sandbox, web = shop
    sandbox.faults.add(effects.apply_then_drop(), operation=operation)
    answer = await web.post(path)
    assert (answer.status_code, answer.json()) == (202, {"status": "being checked"})


async def test_a_history_that_cannot_be_read_leaves_it_unknown(shop):
    sandbox, web = shop
    sandbox.faults.add(effects.apply_then_drop(), operation="transactions.begin", nth=1)
    sandbox.faults.add(effects.status(403), operation="history.list")
    answer = await web.post("/credit")
    assert (answer.status_code, answer.json()) == (202, {"status": "being checked"})
