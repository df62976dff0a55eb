"""The web services of the examples, asked over HTTP, each with a client of its own on a real sandbox."""

from __future__ import annotations

import asyncio
import runpy
from collections import Counter
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from aiohttp import web as aiohttp_web

from brevo_balance_async.sandbox import Sandbox, effects

EXAMPLES = Path(__file__).parents[2] / "examples"
PROGRAM = "27aa1d7a-af67-4020-8a65-19d6b0f0a26e"
POINTS = "7c1f0f0e-52a1-4c2e-9a55-0d3b7c9f1a10"
BEGIN, COMPLETE = "transactions.begin", "transactions.complete"


@pytest.fixture
async def sandbox(tmp_path, monkeypatch):
    definitions = [{"id": POINTS, "name": "Points", "unit": "POINTS"}]
    credits_ = [{"balanceDefinitionId": POINTS, "contactId": 42, "amount": 25}]
    async with Sandbox(seed={"program": PROGRAM, "definitions": definitions, "credits": credits_}) as sandbox:
        monkeypatch.setenv("BREVO_API_KEY", sandbox.api_key)
        monkeypatch.setenv("BREVO_BASE_URL", sandbox.base_url)
        monkeypatch.setenv("BREVO_PROGRAM_ID", PROGRAM)
        monkeypatch.setenv("BREVO_BALANCE_DEFINITION_ID", POINTS)
        monkeypatch.setenv("JOURNAL", str(tmp_path / "credits.db"))
        yield sandbox


def held(sandbox, contact=42):
    return sandbox.ledger.balance(PROGRAM, POINTS, contact)


def load(example):
    return runpy.run_path(str(EXAMPLES / example))["app"]


@asynccontextmanager
async def asgi(app, lifespan):
    async with lifespan:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as web:
            yield web


# FastAPI: a checkout -----------------------------------------------------------------------------------------------


@pytest.fixture
async def shop(sandbox):
    app = load("fastapi_checkout.py")
    async with asgi(app, app.router.lifespan_context(app)) as web:
        yield web


def buy(shop, order="order-1", points=10):
    return shop.post("/checkouts", json={"order": order, "contact_id": 42, "points": points})


async def test_an_order_is_paid_once(sandbox, shop):
    paid = await buy(shop)
    (debit,) = [each for each in sandbox.ledger.transactions(PROGRAM) if each.kind == "debit"]
    assert (paid.status_code, paid.json()) == (200, {"order": "order-1", "transaction": debit.id})
    assert (await buy(shop)).status_code == 409
    assert held(sandbox) == 15


async def test_one_order_from_many_windows_is_paid_once(sandbox, shop):
    answers = await asyncio.gather(*(buy(shop) for _ in range(5)))
    assert Counter(each.status_code for each in answers) == {200: 1, 409: 4}
    assert held(sandbox) == 15


async def test_what_cannot_be_paid_is_refused_and_may_be_tried_again(sandbox, shop):
    assert (await buy(shop, points=26)).status_code == 422
    assert held(sandbox) == 25
    assert (await buy(shop, points=20)).status_code == 200
    assert held(sandbox) == 5


async def test_a_used_up_quota_takes_nothing(sandbox, shop):
    sandbox.faults.add(effects.too_many(30), operation=BEGIN, nth=1)
    answer = await buy(shop)
    assert answer.status_code == 503
    assert 25 <= int(answer.headers["retry-after"]) <= 60
    assert held(sandbox) == 25


async def test_a_payment_in_doubt_is_not_made_a_second_time(sandbox, shop):
    sandbox.faults.add(effects.apply_then_drop(), operation=BEGIN, nth=1)
    assert (await buy(shop)).status_code == 202
    again = await buy(shop)
    assert (again.status_code, again.json()) == (409, {"detail": "being checked"})
    assert sandbox.hits(BEGIN) == 1


async def test_a_complete_whose_answer_is_lost_is_a_payment(sandbox, shop):
    sandbox.faults.add(effects.apply_then_drop(), operation=COMPLETE, nth=1)
    assert (await buy(shop)).status_code == 200
    assert held(sandbox) == 15


# Litestar and aiohttp.web: the same service ---------------------------------------------------------------------------


@asynccontextmanager
async def litestar():
    app = load("litestar_service.py")
    async with asgi(app, app.lifespan()) as web:
        yield web


@asynccontextmanager
async def aiohttp():
    runner = aiohttp_web.AppRunner(load("aiohttp_service.py"))
    await runner.setup()
    try:
        await aiohttp_web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0]
        async with httpx.AsyncClient(base_url=f"http://{host}:{port}") as web:
            yield web
    finally:
        await runner.cleanup()


both = pytest.mark.parametrize("serving", [litestar, aiohttp])


def credit(service, order="order-42", points="12.50"):
    return service.post("/members/42/points", json={"order": order, "points": points})


@both
async def test_an_order_is_credited_once_however_often_it_is_asked_for(sandbox, serving):
    async with serving() as service:
        first, again = await credit(service), await credit(service)
        read = await service.get("/members/42/points")
    assert first.is_success
    assert (first.json(), again.json()) == (
        {"credited": "12.5", "repeated": False},
        {"credited": "12.5", "repeated": True},
    )
    assert (read.status_code, read.json()) == (200, {POINTS: "37.5"})


@both
async def test_what_the_server_refuses_is_422(sandbox, serving):
    async with serving() as service:
        answer = await credit(service, points="-100")
    assert answer.status_code == 422
    assert answer.json()["detail"]
    assert held(sandbox) == 25


@both
async def test_what_is_not_known_yet_is_503_with_the_wait(sandbox, serving):
    sandbox.faults.add(effects.too_many(30), operation=BEGIN, nth=1)
    async with serving() as service:
        answer = await credit(service)
    assert answer.status_code == 503
    assert 25 <= int(answer.headers["retry-after"]) <= 60
    assert held(sandbox) == 25


@both
async def test_a_read_while_the_quota_is_used_up_is_503_with_the_wait(sandbox, serving):
    sandbox.faults.add(effects.too_many(30), operation="balances.get")
    async with serving() as service:
        answer = await service.get("/members/42/points")
    assert answer.status_code == 503
    assert 25 <= int(answer.headers["retry-after"]) <= 60
