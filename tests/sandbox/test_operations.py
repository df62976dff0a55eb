"""Every operation over real HTTP, spelt as Brevo spells it."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from yarl import URL

UNKNOWN = "00000000-0000-4000-8000-000000000000"
NOW = "2026-11-23T09:30:00.000Z"

FULL_DEFINITION = {
    "name": "Purchase points",
    "description": "1 point per euro",
    "imageRef": "https://img.example.com/p.png",
    "meta": {"isInternal": False},
    "unit": "POINTS",
    "minAmount": 0,
    "maxAmount": 10000,
    "maxCreditAmountLimit": 500.5,
    "maxDebitAmountLimit": 1000,
    "balanceOptionAmountOvertakingStrategy": "partial",
    "balanceOptionCreditRounding": "natural",
    "balanceOptionDebitRounding": "upper",
    "balanceAvailabilityDurationValue": 12,
    "balanceAvailabilityDurationUnit": "month",
    "balanceAvailabilityDurationModifier": "endOfPeriod",
    "balanceExpirationDate": None,
}
LIMIT = {
    "constraintType": "amount",
    "durationUnit": "day",
    "durationValue": 1,
    "transactionType": "credit",
    "value": 500,
    "slidingSchedule": True,
}


async def test_a_definition_from_creation_to_deletion(api):
    created = await api.ok("POST", "balance-definitions", FULL_DEFINITION)
    assert created == FULL_DEFINITION | {
        "id": created["id"],
        "maxCreditAmountLimit": Decimal("500.5"),
        "createdAt": NOW,
        "updatedAt": NOW,
        "deletedAt": None,
    }
    path = f"balance-definitions/{created['id']}"
    assert await api.ok("GET", path) == created
    assert await api.ok("GET", "balance-definitions") == {"items": [created]}
    api.sandbox.clock.advance(60)
    replaced = await api.ok("PUT", path, {"name": "n", "unit": "EUR", "balanceExpirationDate": "31/12"})
    assert replaced["description"] is None
    assert (replaced["unit"], replaced["balanceExpirationDate"]) == ("EUR", "31/12")
    assert (replaced["createdAt"], replaced["updatedAt"]) == (NOW, "2026-11-23T09:31:00.000Z")
    gone = await api("DELETE", path)
    assert (gone.status, gone.text) == (204, "")
    for method in ("GET", "DELETE"):
        reply = await api(method, path)
        assert (reply.status, reply.json) == (
            404,
            {"code": "document_not_found", "message": "balance definition not found"},
        )


async def test_definitions_sort_and_page(api):
    for name in ("b", "c", "a"):
        await api.definition(name=name)
        api.sandbox.clock.advance(1)

    async def names(**query):
        return [item["name"] for item in (await api.ok("GET", "balance-definitions", **query))["items"]]

    assert await names() == ["a", "c", "b"]
    assert await names(sortField="name", sort="asc") == ["a", "b", "c"]
    assert await names(sortField="created_at", sort="asc", limit="1", offset="1") == ["c"]
    assert await names(version="active", offset="3") == []


async def test_a_limit_from_creation_to_deletion(api):
    definition = await api.definition()
    created = await api.ok("POST", f"balance-definitions/{definition}/limits", LIMIT)
    assert created == LIMIT | {
        "id": created["id"],
        "balanceDefinitionId": definition,
        "createdAt": NOW,
        "updatedAt": NOW,
    }
    path = f"balance-definitions/{definition}/limits/{created['id']}"
    assert await api.ok("GET", path, version="active") == created
    replaced = await api.ok("PUT", path, {**LIMIT, "value": 1, "slidingSchedule": None})
    assert (replaced["value"], replaced["slidingSchedule"]) == (1, False)
    assert (await api.credit(definition, 2))["status"] == "rejected"
    assert (await api("DELETE", path)).status == 204
    assert (await api("GET", path)).status == 404
    assert (await api.credit(definition, 2))["status"] == "completed"


async def test_two_phases(api):
    definition = await api.definition()
    draft = await api.begin(
        definition, 12.5, 42, ttl=60, meta={"orderId": "1"}, eventTime="2026-11-20T18:00:00+01:00"
    )
    assert draft == {
        "id": draft["id"],
        "amount": Decimal("12.5"),
        "transactionType": "credit",
        "meta": {"orderId": "1"},
        "status": "draft",
        "loyaltyProgramId": api.program,
        "balanceDefinitionId": definition,
        "contactId": 42,
        "eventTime": "2026-11-20T17:00:00.000Z",
        "rejectReason": None,
        "rejectedAt": None,
        "expirationDate": "2026-11-23T09:31:00.000Z",
        "completedAt": None,
        "cancelledAt": None,
        "createdAt": NOW,
        "updatedAt": NOW,
    }
    api.sandbox.clock.advance(1)
    done = await api.ok("POST", f"transactions/{draft['id']}/complete")
    later = "2026-11-23T09:30:01.000Z"
    assert done == draft | {
        "status": "completed",
        "completedAt": later,
        "updatedAt": later,
        "balance": Decimal("12.5"),
    }
    again = await api("POST", f"transactions/{draft['id']}/complete")
    assert (again.status, again.json["code"]) == (422, "unprocessable_entity")


async def test_cancelling(api):
    definition = await api.definition()
    draft = await api.begin(definition, -3, transactionType="credit")
    cancelled = await api.ok("POST", f"transactions/{draft['id']}/cancel")
    assert cancelled == draft | {"status": "cancelled", "cancelledAt": NOW}
    assert (await api("POST", f"transactions/{draft['id']}/complete")).status == 422
    assert (await api("POST", f"transactions/{UNKNOWN}/cancel")).status == 404


async def test_amounts_are_exact(api):
    definition = await api.definition()
    for _ in range(3):
        await api.credit(definition, 0.1)
    rows = (await api.history(definition))["transactionHistory"]
    assert [row["amount"] for row in rows] == [Decimal("0.1")] * 3
    reply = await api("GET", "subscriptions/1/balances")
    assert '"value":0.3}' in reply.text


async def test_auto_complete_with_a_lifetime_of_its_own(api):
    definition = await api.definition()
    done = await api.credit(definition, 5, balanceExpiryInMinutes=90)
    assert (done["status"], done["balance"]) == ("completed", 5)
    (row,) = (await api.history(definition))["transactionHistory"]
    assert row["balanceExpirationDate"] == "2026-11-23T11:00:00.000Z"


async def test_a_subscription_id_is_spelt_with_a_capital_in_a_begin(api):
    definition = await api.definition()
    body = {"balanceDefinitionId": definition, "amount": 1, "LoyaltySubscriptionId": "cust-1", "contactId": 8}
    await api.ok("POST", "transactions", body)
    del body["contactId"]
    assert (await api.ok("POST", "transactions", body))["contactId"] == 8
    wrong = await api(
        "POST", "transactions", {"balanceDefinitionId": definition, "amount": 1, "loyaltySubscriptionId": "c"}
    )
    assert (wrong.status, wrong.json["code"]) == (422, "missing_parameter")
    assert (await api.history(definition, 8, loyaltySubscriptionId="cust-1"))["count"] == 2
    assert (await api.history(definition, 8, loyaltySubscriptionId="cust-2"))["count"] == 0


async def test_history_rows(api):
    definition = await api.definition(maxAmount=10)
    done = await api.credit(definition, 10, 5, meta={"order": [1, 0.5, None]})
    api.sandbox.clock.advance(1)
    over = await api.credit(definition, 1, 5)
    history = await api.history(definition, 5, sort="asc")
    assert history == {
        "balanceDefinitionId": definition,
        "contactId": 5,
        "count": 2,
        "loyaltyProgramId": api.program,
        "transactionHistory": [
            {
                "id": done["id"],
                "amount": 10,
                "transactionType": "credit",
                "status": "completed",
                "meta": {"order": [1, Decimal("0.5"), None]},
                "createdAt": NOW,
                "completedAt": NOW,
                "cancelledAt": None,
                "rejectedAt": None,
                "rejectReason": None,
                "balanceExpirationDate": None,
            },
            {
                "id": over["id"],
                "amount": 1,
                "transactionType": "credit",
                "status": "rejected",
                "meta": None,
                "createdAt": "2026-11-23T09:30:01.000Z",
                "completedAt": None,
                "cancelledAt": None,
                "rejectedAt": "2026-11-23T09:30:01.000Z",
                "rejectReason": "maximum balance reached",
                "balanceExpirationDate": None,
            },
        ],
    }


async def test_history_sorts_filters_and_pages(api):
    definition = await api.definition()
    for amount in (5, -1, 7, -2):
        await api.credit(definition, amount)
        api.sandbox.clock.advance(1)
    await api.begin(definition, 9)

    async def amounts(**query):
        return [abs(row["amount"]) for row in (await api.history(definition, **query))["transactionHistory"]]

    assert await amounts() == [9, 2, 7, 1, 5]
    assert await amounts(sort="asc", limit="2", offset="1") == [1, 7]
    assert await amounts(transactionType="debit") == [2, 1]
    assert await amounts(status="draft") == [9]
    assert await amounts(status="completed", transactionType="credit", sortField="createdAt") == [7, 5]
    assert (await api.history(definition, limit="1"))["count"] == 5
    assert (await api.history(definition, 777))["transactionHistory"] == []


async def test_a_page_read_twice_shows_what_changed_between(api):
    definition = await api.definition()
    draft = await api.begin(definition, 5, ttl=60)

    async def statuses():
        return [row["status"] for row in (await api.history(definition))["transactionHistory"]]

    assert [await statuses(), await statuses()] == [["draft"], ["draft"]]
    await api.ok("POST", f"transactions/{draft['id']}/complete")
    assert await statuses() == ["completed"]
    await api.begin(definition, 5, ttl=60)
    api.sandbox.clock.advance(60)
    assert await statuses() == ["expired", "completed"]
    api.sandbox.set_switches(status_words="old")
    assert await statuses() == ["expired", "complete"]


async def test_contact_balances(api):
    definition = await api.definition()
    for contact, amount in ((12345, 340), (12388, 12.5)):
        await api.credit(definition, amount, contact)
        api.sandbox.clock.advance(1)
    answer = await api.ok(
        "GET", "contact-balances", balanceDefinitionId=definition, sortField="value", sort="desc"
    )
    assert answer == {
        "balanceDefinitionId": definition,
        "loyaltyProgramId": api.program,
        "count": 2,
        "balances": [
            {
                "contactId": 12345,
                "loyaltySubscriptionId": "subscription-12345",
                "updatedAt": NOW,
                "value": 340,
            },
            {
                "contactId": 12388,
                "loyaltySubscriptionId": "subscription-12388",
                "updatedAt": "2026-11-23T09:30:01.000Z",
                "value": Decimal("12.5"),
            },
        ],
    }
    second = await api.ok(
        "GET", "contact-balances", balanceDefinitionId=definition, limit="1", offset="1", sort="asc"
    )
    assert [row["contactId"] for row in second["balances"]] == [12388]
    assert (await api("GET", "contact-balances")).json["code"] == "missing_parameter"


async def test_active_balances(api):
    definition = await api.definition(
        balanceAvailabilityDurationValue=1,
        balanceAvailabilityDurationUnit="month",
        balanceAvailabilityDurationModifier="endOfPeriod",
    )
    await api.credit(definition, 240, 5)
    api.sandbox.clock.advance(1)
    await api.credit(definition, 100, 5, balanceExpiryInMinutes=1)
    await api.credit(definition, -40, 5)
    query = {"contactId": "5", "balanceDefinitionId": definition}
    answer = await api.ok("GET", "active-balance", **query, sort="asc", sortField="createdAt")
    ids = [lot.pop("id") for lot in answer["activeBalances"]]
    assert len(set(ids)) == 2
    assert answer == {
        "count": 2,
        "loyaltyProgramId": api.program,
        "contactId": 5,
        "balanceDefinitionId": definition,
        "activeBalances": [
            {"amount": 200, "createdAt": NOW, "expiresAt": "2026-12-31T23:59:59.000Z"},
            {"amount": 100, "createdAt": "2026-11-23T09:30:01.000Z", "expiresAt": "2026-11-23T09:31:01.000Z"},
        ],
    }
    newest = await api.ok("GET", "active-balance", **query, limit="1")
    assert [lot["amount"] for lot in newest["activeBalances"]] == [100]


async def test_subscription_balances(api):
    points, euros = await api.definition(), await api.definition(name="Euros", unit="EUR")
    await api.credit(points, 3, 5)
    assert await api.ok("GET", "subscriptions/5/balances") == {
        "loyaltyProgramId": api.program,
        "contactId": 5,
        "balance": [
            {"balanceDefinitionId": points, "value": 3},
            {"balanceDefinitionId": euros, "value": 0},
        ],
    }
    created = await api.ok("POST", "subscriptions/6/balances", {"balanceDefinitionId": points})
    assert created == {
        "id": created["id"],
        "amount": 0,
        "loyaltyProgramId": api.program,
        "organizationId": 4012345,
        "contactId": 6,
        "balanceDefinitionId": points,
        "createdAt": NOW,
        "expiresAt": None,
        "consumedAt": None,
    }


async def test_internal_balances_hide(api):
    definition = await api.definition(meta={"isInternal": True})
    await api.credit(definition, 3, 5)
    query = {"contactId": "5", "balanceDefinitionId": definition}
    for shown, flag in ((0, {}), (0, {"includeInternal": "false"}), (1, {"includeInternal": "true"})):
        assert len((await api.ok("GET", "subscriptions/5/balances", **flag))["balance"]) == shown
        assert (await api.ok("GET", "active-balance", **query, **flag))["count"] == shown
        listing = await api.ok("GET", "contact-balances", balanceDefinitionId=definition, **flag)
        assert listing["count"] == len(listing["balances"]) == shown


async def test_an_order(api):
    definition = await api.definition()
    body = {
        "amount": 100,
        "balanceDefinitionId": definition,
        "contactId": 5,
        "dueAt": "2026-12-01T10:00:00Z",
        "expiresAt": "2026-12-15T10:00:00Z",
        "source": "engine",
        "meta": {"orderId": "order_790"},
    }
    order = await api.ok("POST", "create-order", body)
    assert order == {
        "id": order["id"],
        "transactionid": order["transactionid"],
        "contactId": 5,
        "loyaltyProgramId": api.program,
        "balanceDefinitionId": definition,
        "amount": 100,
        "source": "engine",
        "dueAt": "2026-12-01T10:00:00.000Z",
        "expiresAt": "2026-12-15T10:00:00.000Z",
        "processedAt": None,
        "meta": {"orderId": "order_790"},
        "createdAt": NOW,
        "updatedAt": NOW,
    }
    done = await api.ok("POST", f"transactions/{order['transactionid']}/complete")
    assert (done["status"], done["balance"]) == ("completed", 100)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", None),
        ("name", ""),
        ("name", "x" * 129),
        ("name", 5),
        ("unit", "points"),
        ("description", "x" * 257),
        ("minAmount", "5"),
        ("minAmount", 10001),
        ("maxAmount", True),
        ("maxAmount", 10**400),
        ("balanceOptionAmountOvertakingStrategy", "loose"),
        ("balanceOptionCreditRounding", "nearest"),
        ("balanceAvailabilityDurationValue", 1.5),
        ("balanceAvailabilityDurationValue", None),
        ("balanceAvailabilityDurationUnit", "hour"),
        ("balanceAvailabilityDurationModifier", "midPeriod"),
        ("balanceExpirationDate", "31/12"),
        ("meta", []),
    ],
)
async def test_a_definition_s_fields_are_checked(api, field, value):
    reply = await api("POST", "balance-definitions", {**FULL_DEFINITION, field: value})
    assert reply.status == 422, reply.text
    assert set(reply.json) == {"code", "message"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("amount", 0),
        ("amount", None),
        ("amount", "5"),
        ("amount", 1e-400),
        ("amount", True),
        ("balanceDefinitionId", "7c1f0f0e"),
        ("balanceDefinitionId", None),
        ("contactId", 0),
        ("contactId", "5"),
        ("contactId", 5.5),
        ("contactId", True),
        ("contactId", None),
        ("transactionType", "gift"),
        ("ttl", 9),
        ("ttl", 10.5),
        ("balanceExpiryInMinutes", 5),
        ("eventTime", "2026-11-23T09:30:00"),
        ("eventTime", 5),
        ("autoComplete", "true"),
        ("meta", "order"),
    ],
)
async def test_a_transaction_s_fields_are_checked(api, field, value):
    definition = await api.definition()
    body = {"balanceDefinitionId": definition, "contactId": 1, "amount": 1, field: value}
    assert (await api("POST", "transactions", body)).status == 422
    assert api.sandbox.ledger.transactions() == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("constraintType", "count"),
        ("durationUnit", "hour"),
        ("durationValue", 0),
        ("transactionType", None),
        ("value", 1.5),
        ("value", -1),
        ("slidingSchedule", 1),
    ],
)
async def test_a_limit_s_fields_are_checked(api, field, value):
    definition = await api.definition()
    assert (
        await api("POST", f"balance-definitions/{definition}/limits", {**LIMIT, field: value})
    ).status == 422


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("balanceDefinitionId", UNKNOWN),
        ("dueAt", None),
        ("dueAt", "2026-02-30T10:00:00Z"),
        ("source", "shop"),
        ("contactId", None),
        ("expiresAt", "2026-12-01T10:00:00Z"),
        ("amount", 0),
    ],
)
async def test_an_order_s_fields_are_checked(api, field, value):
    body = {
        "amount": 1,
        "balanceDefinitionId": await api.definition(),
        "contactId": 5,
        "dueAt": "2026-12-01T10:00:00Z",
        "source": "user",
        field: value,
    }
    assert (await api("POST", "create-order", body)).status == 422


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("balance-definitions", {"limit": "0"}),
        ("balance-definitions", {"limit": "ten"}),
        ("balance-definitions", {"offset": "-1"}),
        ("balance-definitions", {"sortField": "createdAt"}),
        ("balance-definitions", {"sort": "up"}),
        ("balance-definitions", {"version": "old"}),
        ("transaction-history", {"sortField": "updatedAt"}),
        ("transaction-history", {"status": "done"}),
        ("transaction-history", {"contactId": "x"}),
        ("active-balance", {"includeInternal": "True"}),
        ("contact-balances", {"sortField": "createdAt"}),
    ],
)
async def test_queries_are_checked(api, path, query):
    query = {"contactId": "1", "balanceDefinitionId": await api.definition(), **query}
    assert (await api("GET", path, **query)).status == 422


@pytest.mark.parametrize("body", [b"{", b"[1]", b"null", b"", b'{"amount":NaN}', b"\xff"])
@pytest.mark.parametrize(
    ("switches", "expected"),
    [({}, (422, "unprocessable_entity")), ({"malformed_body": "400"}, (400, "bad_request"))],
)
async def test_a_body_that_is_no_object(serve, switches, expected, body):
    async with serve(**switches) as api:
        url = f"{api.sandbox.base_url}/loyalty/balance/programs/{api.program}/transactions"
        reply = await api.send("POST", url, data=body)
        assert (reply.status, reply.json["code"]) == expected


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "nothing", 404),
        ("PATCH", "balance-definitions", 405),
        ("GET", "transactions", 405),
        ("GET", "balance-definitions/not-a-uuid", 422),
        ("GET", f"balance-definitions/{UNKNOWN}", 404),
        ("GET", f"balance-definitions/{UNKNOWN}/limits/{UNKNOWN}", 404),
        ("GET", "subscriptions/abc/balances", 422),
        ("GET", "subscriptions/0/balances", 422),
        ("GET", f"contact-balances?balanceDefinitionId={UNKNOWN}", 404),
    ],
)
async def test_paths_that_lead_nowhere(api, method, path, status):
    reply = await api(method, path)
    assert reply.status == status, reply.text
    assert set(reply.json) == {"code", "message"}


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PATCH", "balance-definitions", "GET, POST, HEAD"),
        ("POST", f"balance-definitions/{UNKNOWN}", "GET, PUT, DELETE, HEAD"),
        ("GET", "transactions", "POST"),
        ("HEAD", "create-order", "POST"),
        ("OPTIONS", "subscriptions/1/balances", "GET, POST, HEAD"),
    ],
)
async def test_a_method_that_a_path_does_not_have_is_told_those_it_has(api, method, path, allowed):
    reply = await api(method, path)
    assert (reply.status, reply.headers["allow"]) == (405, allowed)
    if method != "HEAD":
        assert reply.json["code"] == "method_not_allowed"


async def test_head_answers_as_get_does_without_a_body(api):
    definition = await api.definition()
    for path, status in (
        ("balance-definitions", 200),
        (f"balance-definitions/{definition}", 200),
        (f"balance-definitions/{UNKNOWN}", 404),
        (f"transaction-history?contactId=1&balanceDefinitionId={definition}", 200),
        ("transaction-history", 422),
        ("nothing", 404),
    ):
        head, get = await api("HEAD", path), await api("GET", path)
        assert (head.status, head.text) == (get.status, "") == (status, "")
        assert head.headers["content-length"] == get.headers["content-length"]
    assert api.sandbox.requests[-2].method == "HEAD"
    assert api.sandbox.requests[1].operation == "definitions.list"
    unknown = await api.send("HEAD", f"{api.sandbox.base_url}/nothing", headers={})
    assert unknown.status == 401


async def test_path_segments_are_decoded_one_by_one(api):
    definition = await api.definition()
    encoded = "".join(f"%{ord(letter):02x}" for letter in definition)
    program = api.program.replace("-", "%2D").replace("a", "%61")
    for path in (
        f"balance-definitions/{encoded}",
        f"%62alance%2Ddefinitions/{definition}",
        "subscriptions/%31/balances",
    ):
        url = f"{api.sandbox.base_url}/loyalty/balance/programs/{program}/{path}"
        assert (await api.send("GET", URL(url, encoded=True))).status == 200
    for segment in ("%2F", f"{definition}%2F", "%00", "%FF", "%"):
        url = f"{api.sandbox.base_url}/loyalty/balance/programs/{program}/balance-definitions/{segment}"
        reply = await api.send("GET", URL(url, encoded=True))
        assert reply.status in (400, 422), segment


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (0.1 + 0.2, "0.30000000000000004"),
        (100 / 3, "33.333333333333336"),
        (1e15, "1000000000000000"),
        (1e16, "10000000000000000"),
        (2**53 + 1, "9007199254740992"),
        (1e-12, "0.000000000001"),
        (5e-324, "5E-324"),
        (1.7976931348623157e308, "1.7976931348623157E+308"),
        ("12.50", "12.5"),
        ("0.1000000000000000055511151231257827", "0.1"),
        ("1e2", "100"),
    ],
)
async def test_amounts_are_doubles(api, sent, told):
    definition = await api.definition()
    text = sent if isinstance(sent, str) else json.dumps(sent)
    body = f'{{"balanceDefinitionId":"{definition}","contactId":1,"amount":{text},"autoComplete":true}}'
    url = f"{api.sandbox.base_url}/loyalty/balance/programs/{api.program}/transactions"
    done = await api.send("POST", url, data=body.encode())
    assert f'"amount":{told},' in done.text
    assert f'"balance":{told}}}' in done.text
    assert f'"value":{told}}}' in (await api("GET", "subscriptions/1/balances")).text


async def test_sums_are_exact_beyond_28_digits(api):
    definition = await api.definition()
    for amount in (1e15, 1e-15, 33.333333333333336, 1e-15):
        done = await api.credit(definition, amount)
    assert done["balance"] == Decimal("1000000000000033.333333333333338")
    (row,) = (await api.ok("GET", "contact-balances", balanceDefinitionId=definition))["balances"]
    assert row["value"] == done["balance"]
    done = await api.credit(definition, -1e15)
    assert done["balance"] == Decimal("33.333333333333338")
    limit = {**LIMIT, "value": 10**15}
    await api.ok("POST", f"balance-definitions/{definition}/limits", limit)
    over = await api.credit(definition, 1e-15)
    assert (over["status"], over["rejectReason"]) == ("rejected", "credit amount limit reached")


async def test_whole_numbers_may_have_a_point(api):
    definition = await api.definition()
    draft = await api.begin(definition, 1, 7.0, ttl=524.0)
    assert (draft["contactId"], draft["expirationDate"]) == (7, "2026-11-23T09:38:44.000Z")
    assert (await api.history(definition, 7))["count"] == 1
    body = {"balanceDefinitionId": definition, "contactId": 7, "amount": 1, "ttl": 524.5}
    assert (await api("POST", "transactions", body)).status == 422


async def test_a_leap_second_is_a_moment(api):
    definition = await api.definition()
    draft = await api.begin(definition, 1, eventTime="2016-12-31T23:59:60.5Z")
    assert draft["eventTime"] == "2017-01-01T00:00:00.000Z"


async def test_partial_credits_what_fits_when_the_draft_completes(api):
    definition = await api.definition(maxAmount=100, balanceOptionAmountOvertakingStrategy="partial")
    draft = await api.begin(definition, 5)
    await api.credit(definition, 98.99)
    done = await api.ok("POST", f"transactions/{draft['id']}/complete")
    assert (draft["amount"], done["amount"], done["balance"]) == (5, Decimal("1.01"), 100)
    row = (await api.history(definition, sort="asc"))["transactionHistory"][0]
    assert (row["id"], row["amount"], row["status"]) == (draft["id"], Decimal("1.01"), "completed")


async def test_ids_are_read_in_either_case(api):
    definition = await api.definition()
    assert (await api("GET", f"balance-definitions/{definition.upper()}")).status == 200


async def test_strict_splits_not_found_by_reading_and_writing(serve):
    async with serve(strict=True) as api:
        assert (await api("GET", "balance-definitions")).status == 404
        (definition,) = api.sandbox.seed(
            api.program, contacts=[1], definitions=[{"name": "Points", "unit": "POINTS"}]
        )
        assert (await api.credit(definition, 5))["balance"] == 5
        query = {"contactId": "2", "balanceDefinitionId": definition}
        for path in ("transaction-history", "active-balance"):
            reply = await api("GET", path, **query)
            assert (reply.status, reply.json["message"]) == (404, "subscription not found")
        assert (await api("GET", "subscriptions/2/balances")).status == 404
        body = {"balanceDefinitionId": definition, "contactId": 2, "amount": 1}
        assert (await api("POST", "transactions", body)).status == 422


async def test_strict_publishes_by_route(serve):
    async with serve(strict=True) as api:
        api.sandbox.seed(api.program, contacts=[1])
        definition = await api.definition()
        active = {"version": "active"}
        assert (await api("GET", f"balance-definitions/{definition}", **active)).status == 404
        body = {"balanceDefinitionId": definition, "contactId": 1, "amount": 1}
        assert (await api("POST", "transactions", body)).status == 404
        url = f"{api.sandbox.base_url}/loyalty/config/programs/{api.program}/publish"
        assert (await api.send("POST", url)).status == 204
        assert (await api("GET", f"balance-definitions/{definition}", **active)).status == 200
        assert (await api("POST", "transactions", body)).status == 200


async def test_the_log_shows_what_came_and_what_became_of_it(api):
    definition = await api.definition()
    await api("GET", "transaction-history", contactId="1", balanceDefinitionId=definition, odd="yes")
    await api("POST", "transactions", {"amount": 0})
    created, listed, refused = api.sandbox.requests
    assert (created.seq, created.operation, created.method, created.status) == (
        1,
        "definitions.create",
        "POST",
        200,
    )
    assert created.body == {"name": "Points", "unit": "POINTS"}
    assert created.headers["api-key"] == "***OCAL"
    assert created.headers["content-type"] == "application/json"
    assert listed.query == {"contactId": "1", "balanceDefinitionId": definition, "odd": "yes"}
    assert (listed.body, listed.applied) == (None, True)
    assert (refused.operation, refused.status, refused.applied) == ("transactions.begin", 422, False)
    assert api.sandbox.hits() == 3
    assert api.sandbox.hits("transactions.begin") == 1
    assert api.sandbox.requests.of("history.list") == [listed]
    assert api.sandbox.requests[-1] is refused


async def test_the_log_is_bounded_and_hits_are_not(serve):
    async with serve(log_size=2) as api:
        for _ in range(5):
            await api("GET", "balance-definitions")
        assert [record.seq for record in api.sandbox.requests] == [4, 5]
        assert api.sandbox.hits("definitions.list") == 5


async def test_a_long_history_is_cut_where_it_is_read(serve):
    async with serve() as api:
        (definition,) = api.sandbox.seed(
            api.program,
            definitions=[{"name": "Points", "unit": "POINTS"}],
            histories=[{"contactId": 9, "count": 1_000_000, "amount": 0.5, "spacingSeconds": 0.5, "ties": 3}],
        )
        ends = []
        for offset in (0, 499_750, 999_500):
            answer = await api.history(
                definition, 9, limit="500", offset=str(offset), sort="asc", status="completed"
            )
            assert answer["count"] == 1_000_000
            ends += [
                answer["transactionHistory"][0]["meta"]["row"],
                answer["transactionHistory"][-1]["meta"]["row"],
            ]
        assert ends == [0, 499, 499_750, 500_249, 999_500, 999_999]
        assert api.sandbox.ledger.balance(api.program, definition, 9) == 500_000
