"""What no server could answer is refused as it comes in, and what is there stays readable."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO

import pytest

from brevo_balance_async.sandbox import SandboxClock, effects

DEFINITION = "7c1f0f0e-52a1-4c2e-9a55-0d3b7c9f1a10"
OTHER = "11111111-1111-4111-8111-111111111111"
POINTS = {"id": DEFINITION, "name": "Points", "unit": "POINTS"}


async def post(api, path, content, **headers):
    url = f"{api.sandbox.base_url}/loyalty/balance/programs/{api.program}/{path}"
    headers = {"api-key": api.sandbox.api_key, "content-type": "application/json", **headers}
    return await api.send("POST", url, data=content, headers=headers)


def begin_text(definition, **members):
    """A begin's body with members as JSON text."""
    known = {
        "balanceDefinitionId": f'"{definition}"',
        "contactId": "1",
        "amount": "1",
        "autoComplete": "true",
    }
    return "{" + ",".join(f'"{name}":{text}' for name, text in {**known, **members}.items()) + "}"


DEEP = '{"a":' * 500 + "1" + "}" * 500
REFUSED = {
    "meta 500 levels deep": {"meta": DEEP},
    "meta 100,000 levels deep": {"meta": '{"a":' * 100_000 + "1" + "}" * 100_000},
    "lists in meta 200 levels deep": {"meta": '{"a":' + "[" * 200 + "]" * 200 + "}"},
    "a number of 100 MB": {"meta": '{"n":1e100000000}'},
    "a number that Python's decimals do not hold": {"meta": '{"n":1e9999999999999999999999}'},
    "an integer beyond doubles": {"meta": '{"n":' + "9" * 400 + "}"},
    "an integer beyond Python's own limit": {"meta": '{"n":' + "9" * 5000 + "}"},
    "an amount beyond doubles": {"amount": "1e309"},
    "an amount as good as zero": {"amount": "1e-400"},
    "a contact of 2^63": {"contactId": "9223372036854775808"},
    "a contact of 10^300": {"contactId": "1e300"},
    "a contact and a half": {"contactId": "1.5"},
    "a ttl without end": {"ttl": "1e300", "autoComplete": "false"},
}


@pytest.mark.parametrize("members", REFUSED.values(), ids=REFUSED)
async def test_what_could_not_be_answered_is_refused_and_spoils_nothing(api, members):
    definition = await api.definition()
    await api.credit(definition, 3)
    before = await api.history(definition)
    reply = await post(api, "transactions", begin_text(definition, **members))
    assert reply.status == 422
    assert set(reply.json) == {"code", "message"}
    assert await api.history(definition) == before
    assert (await api.ok("GET", "contact-balances", balanceDefinitionId=definition))["count"] == 1


async def test_what_is_odd_but_can_be_answered_comes_back_as_it_went(api):
    definition = await api.definition()
    odd = {"a": {"b": [1, {"c": []}] * 10}, "tiny": "5e-324", "text": "\ud800\u0000"}
    text = json.dumps(odd).replace('"5e-324"', "5e-324")
    assert (await post(api, "transactions", begin_text(definition, meta=text))).status == 200
    level_100 = '{"a":' * 98 + "1" + "}" * 98  # the body and its meta's value are levels, too
    assert (await post(api, "transactions", begin_text(definition, meta=level_100))).status == 200
    largest = await post(api, "transactions", begin_text(definition, contactId=str(2**63 - 1)))
    assert largest.json["contactId"] == 2**63 - 1
    nested, first = (await api.history(definition))["transactionHistory"]
    assert json.dumps(nested["meta"]).count("{") == 98
    assert first["meta"] == odd | {"tiny": Decimal("5e-324")}


@pytest.mark.parametrize("path", ["transactions", "nothing", "balance-definitions"])
async def test_a_body_in_a_broken_encoding_is_400(api, path):
    if path == "nothing":
        assert (await post(api, path, b"broken", **{"content-encoding": "gzip"})).status == 404
        return
    for content in (b"broken", gzip.compress(b"{}")[:10] + b"\xff" * 20):
        reply = await post(api, path, content, **{"content-encoding": "gzip"})
        assert (reply.status, reply.json["code"]) == (400, "bad_request")
    good = gzip.compress(b'{"name":"n","unit":"POINTS"}')
    assert (await post(api, "balance-definitions", good, **{"content-encoding": "gzip"})).status == 200


async def test_a_broken_encoding_is_no_way_around_the_key(api):
    url = f"{api.sandbox.base_url}/loyalty/balance/programs/{api.program}/transactions"
    reply = await api.send("POST", url, data=b"broken", headers={"content-encoding": "gzip"})
    assert reply.status == 401
    (record,) = api.sandbox.requests
    assert (record.status, record.applied, record.body) == (401, False, None)


@pytest.mark.parametrize("zipped", [False, True])
async def test_too_large_a_body_is_413_in_json(api, zipped):
    content = b" " * (2**20 + 1)
    headers = {"content-encoding": "gzip"} if zipped else {}
    reply = await post(api, "transactions", BytesIO(gzip.compress(content) if zipped else content), **headers)
    assert (reply.status, reply.json["code"]) == (413, "request_entity_too_large")
    assert (await api("GET", "balance-definitions")).status == 200


async def test_operations_without_a_body_do_not_mind_one(api):
    definition = await api.definition()
    draft = await api.begin(definition, 1)
    assert (await post(api, f"transactions/{draft['id']}/complete", b"{")).status == 200


async def test_the_last_years_of_the_calendar(serve):
    clock = SandboxClock(datetime(9980, 1, 1, tzinfo=UTC), frozen=True)
    async with serve(clock=clock, history_lag=10**9) as api:
        yearly = {"balanceAvailabilityDurationValue": 1000, "balanceAvailabilityDurationUnit": "year"}
        definition = await api.definition(**yearly, balanceAvailabilityDurationModifier="endOfPeriod")
        fixed = await api.definition(balanceExpirationDate="29/02")
        limit = {"constraintType": "amount", "durationUnit": "year", "durationValue": 1000, "value": 10**6}
        for sliding in (True, False):
            body = {**limit, "transactionType": "credit", "slidingSchedule": sliding}
            await api.ok("POST", f"balance-definitions/{definition}/limits", body)
        draft = await api.begin(definition, 5, ttl=10**9)
        assert draft["expirationDate"] == "9999-12-31T23:59:59.999Z"
        done = await api.ok("POST", f"transactions/{draft['id']}/complete")
        assert done["status"] == "completed"
        await api.credit(definition, 5, balanceExpiryInMinutes=10**7)
        clock.advance(19.99 * 365.25 * 86400)
        for each in (definition, fixed):
            await api.credit(each, 5)
            query = {"contactId": "1", "balanceDefinitionId": each}
            lots = (await api.ok("GET", "active-balance", **query))["activeBalances"]
            assert all(lot["expiresAt"].startswith("9999-12-31T23:59:5") for lot in lots)
            await api.history(each)
            await api.ok("GET", "contact-balances", balanceDefinitionId=each)
        token = await api.send(
            "POST",
            api.sandbox.token_url,
            data={
                "grant_type": "client_credentials",
                "client_id": api.sandbox.client_id,
                "client_secret": api.sandbox.client_secret,
            },
        )
        assert token.status == 200


async def test_the_first_years_of_the_calendar(serve):
    clock = SandboxClock(datetime(1, 1, 2, tzinfo=UTC), frozen=True)
    async with serve(clock=clock, history_lag=10**9) as api:
        definition = await api.definition()
        limit = {"constraintType": "amount", "durationUnit": "year", "durationValue": 1000, "value": 10**6}
        for sliding in (True, False):
            body = {**limit, "transactionType": "credit", "slidingSchedule": sliding}
            await api.ok("POST", f"balance-definitions/{definition}/limits", body)
        assert (await api.credit(definition, 5))["status"] == "completed"
        assert (await api.history(definition))["count"] == 0


SEEDS = {
    "a contact that is text": {"contacts": [1, "2"]},
    "contacts that are text": {"contacts": "12"},
    "a contact that is true": {"contacts": [True]},
    "a contact of 2^63": {"contacts": [1, 2**63]},
    "a contact of zero": {"contacts": [{"contactId": 0}]},
    "a contact with more to it": {"contacts": [{"contactId": 1, "name": "n"}]},
    "a subscription id of two contacts": {
        "contacts": [{"contactId": contact, "loyaltySubscriptionId": "s"} for contact in (1, 2)]
    },
    "a subscription id that another contact got": {
        "contacts": [7, {"contactId": 8, "loyaltySubscriptionId": "subscription-7"}]
    },
    "a definition without a unit": {"contacts": [1], "definitions": [{"name": "n"}]},
    "a definition with an id that is none": {"definitions": [{**POINTS, "id": "x"}]},
    "a definition that is a list": {"definitions": [[1]]},
    "a limit without a value": {"definitions": [{**POINTS, "limits": [{"constraintType": "amount"}]}]},
    "meta 500 levels deep": {"definitions": [{**POINTS, "meta": json.loads(DEEP)}]},
    "a number without end": {"definitions": [{**POINTS, "meta": {"n": float("inf")}}]},
    "a history without a count": {"definitions": [POINTS], "histories": [{"contactId": 1}]},
    "a history of nobody": {"definitions": [POINTS], "histories": [{"contactId": "1", "count": 1}]},
    "a history of half a row": {"definitions": [POINTS], "histories": [{"contactId": 1, "count": 1.5}]},
    "a history from before the calendar": {
        "definitions": [POINTS],
        "histories": [{"contactId": 1, "count": 1000, "spacingSeconds": 10**9}],
    },
    "a history of nothing": {
        "definitions": [POINTS],
        "histories": [{"contactId": 1, "count": 1, "amount": 0}],
    },
    **{
        f"a history of {amount}": {
            "definitions": [POINTS],
            "histories": [{"contactId": 1, "count": 1, "amount": amount}],
        }
        for amount in ("many", "1e100000000", "1e-400", "NaN", "-1", "")
    },
    "two histories of one contact": {
        "definitions": [POINTS],
        "histories": [{"contactId": 1, "count": 1}, {"contactId": 1, "count": 2}],
    },
    "a history of an unknown definition": {
        "definitions": [POINTS],
        "histories": [{"contactId": 1, "count": 1, "balanceDefinitionId": OTHER}],
    },
}


@pytest.mark.parametrize("seed", SEEDS.values(), ids=SEEDS)
async def test_a_seed_is_checked_and_goes_in_whole_or_not_at_all(serve, seed):
    async with serve(strict=True) as api:
        reply = await api.control("POST", "seed", {"program": api.program, **seed})
        assert reply.status in (400, 422)
        assert (await api.control("GET", "state")).json["programs"] == []
        api.sandbox.seed(api.program, contacts=[9], definitions=[{**POINTS, "id": OTHER}])
        before = (await api.control("GET", "state")).json["programs"]
        listed = await api.ok("GET", "contact-balances", balanceDefinitionId=OTHER)
        assert (await api.control("POST", "seed", {"program": api.program, **seed})).status in (
            (400, 422) if seed is not SEEDS["a history of an unknown definition"] else (200,)
        )
        if seed is not SEEDS["a history of an unknown definition"]:
            assert (await api.control("GET", "state")).json["programs"] == before
            assert await api.ok("GET", "contact-balances", balanceDefinitionId=OTHER) == listed


async def test_a_seed_takes_fractions(api):
    definition = {**POINTS, "maxAmount": 99.5, "meta": {"rate": 0.1}}
    history = {"contactId": 4, "count": 3, "amount": 0.1, "spacingSeconds": 0.5}
    reply = await api.control(
        "POST", "seed", {"program": api.program, "definitions": [definition], "histories": [history]}
    )
    assert reply.json == {"definitions": [DEFINITION]}
    found = await api.ok("GET", f"balance-definitions/{DEFINITION}")
    assert (found["maxAmount"], found["meta"]) == (Decimal("99.5"), {"rate": Decimal("0.1")})
    assert api.sandbox.ledger.balance(api.program, DEFINITION, 4) == Decimal("0.3")
    api.sandbox.seed(
        api.program,
        histories=[
            {"contactId": 5, "count": 2, "amount": "1234567890123456.78", "balanceDefinitionId": DEFINITION}
        ],
    )
    assert api.sandbox.ledger.balance(api.program, DEFINITION, 5) == Decimal("2469135780246913.56")
    rows = (await api.history(DEFINITION, 4))["transactionHistory"]
    assert [row["createdAt"][-7:] for row in rows] == ["00.000Z", "59.500Z", "59.000Z"]


async def test_control_bodies_nested_too_deeply(api):
    headers = {"content-type": "application/json"}
    for path in ("seed", "faults", "switches"):
        url = f"{api.sandbox.origin}/_sandbox/{path}"
        reply = await api.send("POST", url, data=b"[" * 100_000, headers=headers)
        assert reply.status == 400


async def test_ids_that_look_like_those_of_seeded_rows(api):
    api.sandbox.seed(api.program, definitions=[POINTS], histories=[{"contactId": 1, "count": 3}])
    api.sandbox.faults.add(effects.stall(), contact_id=99)
    for transaction in ("zzzzzzzz-5eed-4000-8000-zzzzzzzzzzzz", "x", "00000000-5eed-4000-8000-00000000000a"):
        reply = await api("POST", f"transactions/{transaction}/complete")
        assert reply.status in (404, 422)
    huge = await api("GET", "transaction-history", contactId="9" * 5000, balanceDefinitionId=DEFINITION)
    assert huge.status == 422


async def test_a_subscription_id_that_the_sandbox_would_have_given_to_another(api):
    definition = await api.definition()
    body = {"balanceDefinitionId": definition, "amount": 1, "contactId": 1}
    await api.ok("POST", "transactions", {**body, "LoyaltySubscriptionId": "subscription-2"})
    assert (await api.credit(definition, 1, 2))["contactId"] == 2
    balances = (await api.ok("GET", "contact-balances", balanceDefinitionId=definition))["balances"]
    assert sorted(row["loyaltySubscriptionId"] for row in balances) == [
        "subscription-2",
        "subscription-2-again",
    ]
