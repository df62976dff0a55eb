"""All 18 operations over real HTTP against the sandbox, and what stands on the wire for each."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from brevo_balance_async import (
    BalanceClient,
    DurationUnit,
    InvalidRequestError,
    NotFoundError,
    Rounding,
    TransactionStatus,
    UnprocessableError,
)
from brevo_balance_async.sandbox import Sandbox

PROGRAM = "27aa1d7a-af67-4020-8a65-19d6b0f0a26e"


@pytest.fixture
async def sandbox():
    async with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
async def client(sandbox):
    async with BalanceClient(sandbox.api_key, base_url=sandbox.base_url) as client:
        yield client


@pytest.fixture
def program(client):
    return client.program(PROGRAM)


@pytest.fixture
async def points(program):
    return await program.definitions.create(name="Points", unit="POINTS")


async def test_definitions(program, sandbox):
    made = await program.definitions.create(
        name="Purchase points",
        unit="POINTS",
        description="1 point per euro",
        image_ref="https://img.example.com/p.png",
        min_amount=0,
        max_amount="10000",
        max_credit_amount_limit=Decimal("500.5"),
        max_debit_amount_limit=1000,
        balance_option_amount_overtaking_strategy="partial",
        balance_option_credit_rounding=Rounding.NATURAL,
        balance_option_debit_rounding="upper",
        balance_availability_duration_value=12,
        balance_availability_duration_unit=DurationUnit.MONTH,
        balance_availability_duration_modifier="endOfPeriod",
        meta={"isInternal": False},
    )
    sent = sandbox.requests[-1]
    assert (sent.method, sent.operation) == ("POST", "definitions.create")
    assert sent.body["maxCreditAmountLimit"] == Decimal("500.5")
    assert sent.body["balanceAvailabilityDurationModifier"] == "endOfPeriod"
    assert "balanceExpirationDate" not in sent.body
    assert made.max_credit_amount_limit == Decimal("500.5")
    assert made.balance_availability_duration_unit is DurationUnit.MONTH
    assert made.created_at is not None
    assert made.created_at.utcoffset() == timedelta(0)
    assert await program.definitions.get(made.id) == made
    changed = await program.definitions.update(
        made.id, name="Other", unit="EUR", description=None, balance_expiration_date="31/12"
    )
    assert (changed.name, changed.unit, changed.balance_expiration_date) == ("Other", "EUR", "31/12")
    assert changed.description is None
    assert sandbox.requests[-1].body["description"] is None
    assert [each.id async for each in program.definitions.list()] == [made.id]
    await program.definitions.delete(made.id)
    with pytest.raises(NotFoundError) as caught:
        await program.definitions.get(made.id)
    assert caught.value.endpoint == "definitions.get"
    assert (caught.value.status, caught.value.attempts) == (404, 1)
    assert caught.value.code
    assert caught.value.message


async def test_limits(program, points):
    terms = {"constraint_type": "transaction", "transaction_type": "credit", "duration_unit": "day"}
    made = await program.limits.create(points.id, **terms, duration_value=1, value=2, sliding_schedule=True)
    assert (made.value, made.sliding_schedule, made.balance_definition_id) == (2, True, points.id)
    assert await program.limits.get(points.id, made.id) == made
    changed = await program.limits.update(points.id, made.id, **terms, duration_value=1, value=1)
    assert changed.value == 1
    await program.transactions.begin(
        balance_definition_id=points.id, contact_id=1, amount=1, auto_complete=True
    )
    refused = await program.transactions.begin(
        balance_definition_id=points.id, contact_id=1, amount=1, auto_complete=True
    )
    assert refused.status is TransactionStatus.REJECTED
    assert refused.reject_reason
    await program.limits.delete(points.id, made.id)
    with pytest.raises(NotFoundError):
        await program.limits.get(points.id, made.id)


async def test_two_phases(program, points, sandbox):
    draft = await program.transactions.begin(
        balance_definition_id=points.id,
        contact_id=42,
        amount="12.50",
        ttl=600,
        event_time=sandbox.clock.now(),
        meta={"order": "o-1", "lines": 3},
    )
    assert sandbox.requests[-1].body["amount"] == Decimal("12.5")
    assert (draft.status, draft.amount, draft.contact_id) == (TransactionStatus.DRAFT, Decimal("12.5"), 42)
    assert draft.meta == {"order": "o-1", "lines": 3}
    assert draft.balance is None
    done = await program.transactions.complete(draft.id)
    assert "content-type" not in sandbox.requests[-1].headers
    assert (done.status, done.balance) == (TransactionStatus.COMPLETED, Decimal("12.5"))
    with pytest.raises(UnprocessableError):
        await program.transactions.complete(draft.id)
    assert (await program.transactions.complete(draft)).status is TransactionStatus.COMPLETED  # by history
    other = await program.transactions.begin(balance_definition_id=points.id, contact_id=42, amount=-2)
    gone = await program.transactions.cancel(other)
    assert gone.status is TransactionStatus.CANCELLED
    held = await program.balances.get(42)
    assert [(each.balance_definition_id, each.value) for each in held.balance] == [
        (points.id, Decimal("12.5"))
    ]


async def test_a_draft_expires(program, points, sandbox):
    draft = await program.transactions.begin(balance_definition_id=points.id, contact_id=1, amount=5, ttl=10)
    sandbox.clock.advance(11)
    with pytest.raises(UnprocessableError):
        await program.transactions.complete(draft.id)
    (record,) = await program.history.list(contact_id=1, balance_definition_id=points.id).collect()
    assert record.status is TransactionStatus.EXPIRED


async def test_by_subscription(program, points, sandbox):
    await program.transactions.begin(
        balance_definition_id=points.id, loyalty_subscription_id="cust-7", amount=5
    )
    assert sandbox.requests[-1].body["LoyaltySubscriptionId"] == "cust-7"


async def test_auto_complete_with_expiry(program, points, sandbox):
    done = await program.transactions.begin(
        balance_definition_id=points.id,
        contact_id=7,
        amount=3,
        auto_complete=True,
        balance_expiry_in_minutes=5,
    )
    assert done.status is TransactionStatus.COMPLETED
    (lot,) = await program.balances.list_active(contact_id=7, balance_definition_id=points.id).collect()
    assert lot.amount == 3
    assert lot.expires_at - sandbox.clock.now() < timedelta(minutes=5)
    sandbox.clock.advance(301)
    assert await program.balances.list_active(contact_id=7, balance_definition_id=points.id).collect() == []


async def test_orders(program, points, sandbox):
    due = sandbox.clock.now() + timedelta(days=1)
    order = await program.transactions.create_order(
        balance_definition_id=points.id, contact_id=5, amount=100, due_at=due, source="user", meta={"o": 1}
    )
    assert order.transaction_id
    assert order.processed_at is None
    assert abs(order.due_at - due) < timedelta(milliseconds=1)


async def test_balances(program, points, sandbox):
    made = await program.balances.create(9, balance_definition_id=points.id)
    assert (made.amount, made.contact_id, made.balance_definition_id) == (0, 9, points.id)
    for contact in (9, 10):
        await program.transactions.begin(
            balance_definition_id=points.id, contact_id=contact, amount=contact, auto_complete=True
        )
    rows = await program.balances.list(
        points.id, sort_field="value", sort="asc", include_internal=True
    ).collect()
    assert [(row.contact_id, row.value) for row in rows] == [(9, 9), (10, 10)]
    assert sandbox.requests[-1].query["includeInternal"] == "true"
    assert sandbox.requests[-1].query["limit"] == "500"


async def test_the_order_of_balances(program, points, sandbox):
    """Without arguments the one order that a busy listing can be walked in; given ones are sent as they are."""
    cases = [
        ({}, "updatedAt", "asc"),
        ({"sort": "desc"}, None, "desc"),
        ({"sort_field": "value"}, "value", None),
    ]
    for arguments, field, order in cases:
        await program.balances.list(points.id, **arguments).collect()
        query = sandbox.requests[-1].query
        assert (query.get("sortField"), query.get("sort")) == (field, order)


async def test_the_latest_rows_of_a_history(program, points, sandbox):
    for amount in (1, 2, 3):
        await program.transactions.begin(
            balance_definition_id=points.id, contact_id=3, amount=amount, auto_complete=True
        )
    before = len(sandbox.requests)
    rows = await program.history.list(contact_id=3, balance_definition_id=points.id).take(2).collect()
    assert [row.amount for row in rows] == [3, 2]
    assert [request.query["limit"] for request in list(sandbox.requests)[before:]] == ["2"]


async def test_what_walks_remember(client, program, points, sandbox):
    assert client.with_options(timeout=5).walk_memory is client.walk_memory
    client.walk_memory.largest_limit["definitions.list"] = 7
    before = len(sandbox.requests)
    await program.definitions.list().collect()
    asked = [(each.query["limit"], each.query["offset"]) for each in list(sandbox.requests)[before:]]
    assert asked == [("7", "0"), ("1", "1")]  # no total is stated, so that one request makes sure of the end


async def test_history(program, points, sandbox):
    for amount in (1, 2, -1):
        await program.transactions.begin(
            balance_definition_id=points.id,
            contact_id=3,
            amount=amount,
            auto_complete=True,
            meta={"n": amount},
        )
    draft = await program.transactions.begin(balance_definition_id=points.id, contact_id=3, amount=9)
    walk = program.history.list(contact_id=3, balance_definition_id=points.id, sort="asc")
    records = [record async for record in walk]
    assert records[-1].id == draft.id
    assert [record.meta["n"] for record in records[:3]] == [1, 2, -1]
    first = await walk
    assert (first.count, first.has_more, len(first.items)) == (4, False, 4)
    done = program.history.list(
        contact_id=3, balance_definition_id=points.id, status="completed", transaction_type="debit"
    )
    assert len(await done.collect()) == 1
    by_member = program.history.list(
        contact_id=3, balance_definition_id=points.id, loyalty_subscription_id="subscription-3"
    )
    assert len(await by_member.collect()) == 4
    # Small in queries, capital in bodies.
    assert sandbox.requests[-1].query["loyaltySubscriptionId"] == "subscription-3"
    with pytest.warns(DeprecationWarning, match="filters"):
        await program.history.list(contact_id=3, balance_definition_id=points.id, filters=["x"]).collect()


async def test_any_other_route(client, program, points, sandbox):
    path = f"/loyalty/balance/programs/{PROGRAM}/balance-definitions/{points.id}"
    answer = await client.request("get", path, params={"version": "draft"})
    assert answer["name"] == "Points"
    assert await client.request("DELETE", path) is None
    for bad in ("https://elsewhere/", "//elsewhere/x", "no-slash", "/a/../b", "/a/%2e%2E/b", "/a?x=1"):
        with pytest.raises(InvalidRequestError):
            await client.request("GET", bad)
    count = len(sandbox.requests)
    with pytest.raises(InvalidRequestError):
        await client.request("BREW", "/x")
    assert len(sandbox.requests) == count
