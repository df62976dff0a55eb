"""Frameworks and libraries that return, read or log values as they are."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Annotated

import aiohttp
import fastapi
import httpx
import litestar
import msgspec
import orjson
import pydantic
import pytest
import structlog
from aiohttp import web

from brevo_balance_async import (
    BalanceClient,
    QuotaState,
    SubscriptionBalance,
    SubscriptionBalances,
    Transaction,
    TransactionStatus,
    to_plain,
)
from brevo_balance_async.exactly_once import Outcome
from brevo_balance_async.sandbox import Sandbox

PROGRAM = "27aa1d7a-af67-4020-8a65-19d6b0f0a26e"
WHEN = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
TRANSACTION = Transaction(
    id="t",
    amount=Decimal("12.50"),
    balance=Decimal("1E+3"),
    status=TransactionStatus.COMPLETED,
    transaction_type="a word of next year",
    meta={"rate": Decimal("0.10"), "at": ["x", None]},
    created_at=WHEN,
    extra={"new": Decimal("7.70")},
)
BALANCES = SubscriptionBalances(
    contact_id=42, balance=(SubscriptionBalance(value=Decimal("0.10"), extra={"new": 1}),), extra={"new": 2}
)
QUOTA = QuotaState(600, 599, 3599.5, WHEN)
OUTCOME = Outcome(reference="order-42", state="applied", amount=Decimal("12.50"), credited=Decimal("12.50"))
VALUES = (TRANSACTION, BALANCES, QUOTA, OUTCOME)


async def ask(app, method, path, **arguments):
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as browser:
        return await browser.request(method, path, **arguments)


def shop():
    """A FastAPI service that returns values by their annotations."""
    app = fastapi.FastAPI()

    @app.get("/transaction")
    async def transaction() -> Transaction:
        return TRANSACTION

    @app.get("/balances")
    async def balances() -> SubscriptionBalances:
        return BALANCES

    @app.get("/quota")
    async def quota() -> QuotaState | None:
        return QUOTA

    @app.get("/outcome")
    async def outcome() -> Outcome:
        return OUTCOME

    @app.get("/list")
    async def several() -> list[Transaction]:
        return [TRANSACTION, TRANSACTION]

    @app.get("/bare", response_model_exclude={"extra": True, "balance": {"__all__": {"extra"}}})
    async def bare() -> SubscriptionBalances:
        return BALANCES

    @app.get("/short", response_model_exclude={"extra"}, response_model_exclude_none=True)
    async def short() -> Transaction | Outcome:
        return TRANSACTION

    @app.get("/untold")
    async def untold():
        return [TRANSACTION, {"of": BALANCES}, QUOTA, OUTCOME]

    @app.post("/echo")
    async def echo(given: Annotated[Transaction, fastapi.Body()]) -> Transaction:
        return given

    return app


@pytest.mark.parametrize(
    ("path", "value"),
    [("/transaction", TRANSACTION), ("/balances", BALANCES), ("/quota", QUOTA), ("/outcome", OUTCOME)],
)
async def test_fastapi_returns_what_to_json_says(path, value):
    answer = await ask(shop(), "GET", path)
    assert answer.text == value.to_json()


async def test_fastapi_returns_lists_and_leaves_out_what_it_is_told_to():
    app = shop()
    assert (await ask(app, "GET", "/list")).json() == [TRANSACTION.to_dict()] * 2
    assert (await ask(app, "GET", "/bare")).json() == {
        "loyalty_program_id": None,
        "contact_id": 42,
        "balance": [{"balance_definition_id": None, "value": "0.10"}],
    }
    assert (await ask(app, "GET", "/short")).json() == {
        name: each for name, each in TRANSACTION.to_dict().items() if each is not None and name != "extra"
    }


async def test_fastapi_returns_the_same_without_being_told_a_type():
    answer = (await ask(shop(), "GET", "/untold")).json()
    assert answer == [TRANSACTION.to_dict(), {"of": BALANCES.to_dict()}, QUOTA.to_dict(), OUTCOME.to_dict()]
    assert dict(TRANSACTION) == TRANSACTION.to_dict()


async def test_fastapi_reads_values():
    app = shop()
    answer = await ask(app, "POST", "/echo", json=TRANSACTION.to_dict())
    assert answer.text == TRANSACTION.to_json()
    assert (await ask(app, "POST", "/echo", json={"amount": "0.30"})).json()["amount"] == "0.30"
    wrong = await ask(app, "POST", "/echo", json={"amount": "a lot"})
    (problem,) = wrong.json()["detail"]
    assert (wrong.status_code, problem["loc"]) == (422, ["body", "amount"])


async def test_fastapis_document_says_what_is_returned():
    schemas = (await ask(shop(), "GET", "/openapi.json")).json()["components"]["schemas"]
    returned, taken = schemas["Transaction-Output"], schemas["Transaction-Input"]
    text_or_null = [{"type": "string"}, {"type": "null"}]
    assert returned["title"] == "Transaction"
    assert returned["description"].startswith(
        "A credit or debit in one of the states of ``TransactionStatus``."
    )
    assert returned["required"] == list(TRANSACTION.to_dict())
    assert returned["properties"]["id"] == {"title": "Id", "type": "string"}
    assert returned["properties"]["amount"] == {"title": "Amount", "anyOf": text_or_null}
    assert returned["properties"]["created_at"]["anyOf"] == [
        {"type": "string", "format": "date-time"},
        {"type": "null"},
    ]
    assert returned["properties"]["status"]["anyOf"] == [
        {"$ref": "#/components/schemas/TransactionStatus"},
        *text_or_null,
    ]
    assert returned["properties"]["extra"]["type"] == "object"
    assert {"type": "number"} in [{"type": each["type"]} for each in taken["properties"]["amount"]["anyOf"]]
    assert "required" not in taken
    assert schemas["SubscriptionBalances"]["properties"]["balance"]["items"] == {
        "$ref": "#/components/schemas/SubscriptionBalance"
    }
    assert schemas["Outcome"]["properties"]["amount"] == {"title": "Amount", "type": "string"}
    assert schemas["QuotaState"]["properties"]["resets_in"]["type"] == "number"


async def test_a_service_on_the_sandbox():
    """The shortest endpoint: what the client returns is what the endpoint returns."""
    app = fastapi.FastAPI()
    async with Sandbox() as sandbox, BalanceClient(sandbox.api_key, base_url=sandbox.base_url) as client:
        program = client.program(PROGRAM)
        points = await program.definitions.create(name="Points", unit="POINTS")

        @app.post("/contacts/{contact_id}/points")
        async def credit(contact_id: int) -> Transaction:
            return await program.transactions.credit(
                balance_definition_id=points.id, contact_id=contact_id, amount="12.50"
            )

        answer = (await ask(app, "POST", "/contacts/42/points")).json()
    assert (answer["amount"], answer["balance"], answer["contact_id"]) == ("12.5", "12.5", 42)
    assert answer["status"] == "completed"


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_pydantic_reads_what_it_writes(value):
    adapter = pydantic.TypeAdapter(type(value))
    assert adapter.dump_json(value).decode() == value.to_json()
    assert adapter.validate_json(value.to_json()).to_json() == value.to_json()
    assert adapter.validate_python(value) is value
    assert type(adapter.dump_python(value)) is dict


def test_pydantic_models_have_values_as_fields():
    class Receipt(pydantic.BaseModel):
        transaction: Transaction
        quota: QuotaState | None = None

    receipt = Receipt(transaction=TRANSACTION, quota=QUOTA)
    assert receipt.transaction is TRANSACTION
    assert json.loads(receipt.model_dump_json()) == {
        "transaction": TRANSACTION.to_dict(),
        "quota": QUOTA.to_dict(),
    }
    assert receipt.model_dump()["transaction"]["amount"] == Decimal("12.50")
    with pytest.raises(pydantic.ValidationError, match=r"transaction\.amount"):
        Receipt.model_validate({"transaction": {"amount": "much"}})


async def test_litestar_returns_values():
    @litestar.get("/transaction")
    async def transaction() -> Transaction:
        return TRANSACTION

    @litestar.get("/list")
    async def several() -> list[Outcome]:
        return [OUTCOME]

    app = litestar.Litestar([transaction, several])
    answer = (await ask(app, "GET", "/transaction")).json()
    assert_same(answer, TRANSACTION.to_dict())
    assert (await ask(app, "GET", "/list")).json() == [OUTCOME.to_dict()]
    amount = app.openapi_schema.to_schema()["components"]["schemas"]["Transaction"]["properties"]["amount"]
    assert amount == {"oneOf": [{"type": "string"}, {"type": "null"}]}


def assert_same(found, expected):
    """Equal, where 1000 may be written 1E+3: still text, still every digit."""
    assert found.keys() == expected.keys()
    assert type(found["balance"]) is str
    assert Decimal(found.pop("balance")) == Decimal(expected.pop("balance"))
    assert found == expected


async def test_aiohttp_web_returns_values():
    async def transaction(request):
        return web.json_response(text=TRANSACTION.to_json())

    async def page(request):
        return web.json_response(
            {"items": (TRANSACTION,), "quota": QUOTA}, dumps=partial(json.dumps, default=to_plain)
        )

    app = web.Application()
    app.router.add_get("/transaction", transaction)
    app.router.add_get("/page", page)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        async with aiohttp.ClientSession(f"http://127.0.0.1:{runner.addresses[0][1]}") as browser:
            async with browser.get("/transaction") as answer:
                assert await answer.json() == TRANSACTION.to_dict()
            async with browser.get("/page") as answer:
                assert await answer.json() == {"items": [TRANSACTION.to_dict()], "quota": QUOTA.to_dict()}
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_orjson_writes_values(value):
    assert orjson.dumps(value, default=to_plain).decode() == value.to_json()
    assert orjson.loads(orjson.dumps({"of": [value]}, default=to_plain)) == {"of": [value.to_dict()]}


def test_msgspec_writes_values():
    """It knows attrs classes by itself."""
    assert_same(json.loads(msgspec.json.encode(TRANSACTION)), TRANSACTION.to_dict())
    for value in (BALANCES, QUOTA, OUTCOME):
        assert json.loads(msgspec.json.encode(value)) == value.to_dict()
        assert msgspec.json.decode(msgspec.json.encode(to_plain(value))) == value.to_dict()


@pytest.mark.parametrize("serializer", [json.dumps, orjson.dumps])
def test_structlog_writes_values(serializer):
    render = structlog.processors.JSONRenderer(serializer=serializer)
    line = render(None, "info", {"event": "credited", "transaction": TRANSACTION, "rows": [QUOTA, OUTCOME]})
    assert json.loads(line) == {
        "event": "credited",
        "transaction": TRANSACTION.to_dict(),
        "rows": [QUOTA.to_dict(), OUTCOME.to_dict()],
    }
