"""The control routes do what the Python handles do."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

DEFINITION = "7c1f0f0e-52a1-4c2e-9a55-0d3b7c9f1a10"


async def control(api, method, path, body=None):
    reply = await api.control(method, path, body)
    assert reply.status == 200, reply.text
    return reply.json


async def test_the_state_says_what_this_is(api):
    await api.credit(await api.definition(), 1)
    state = await control(api, "GET", "state")
    assert "imitates" in state.pop("about")
    (program,) = state.pop("programs")
    assert (program["id"], len(program["definitions"]), program["members"]) == (api.program, 1, 1)
    assert state == {
        "baseUrl": api.sandbox.base_url,
        "now": "2026-11-23T09:30:00.000Z",
        "strict": False,
        "requests": 2,
        "accounts": 1,
        "faults": 0,
        "rph": None,
    }


@pytest.mark.parametrize("path", ["/v3/nothing", "/_sandbox/state", "/_sandbox/nothing", "/"])
async def test_every_answer_says_that_it_imitates(api, path):
    reply = await api.send("GET", api.sandbox.origin + path)
    assert reply.headers["x-sandbox"] == "imitates api.brevo.com"


async def test_answers_are_dated_by_the_sandbox_s_clock(api):
    reply = await api("GET", "balance-definitions")
    assert reply.headers["date"] == "Mon, 23 Nov 2026 09:30:00 GMT"


async def test_seeding(api):
    seeded = await control(
        api,
        "POST",
        "seed",
        {
            "program": api.program,
            "contacts": [1, {"contactId": 2, "loyaltySubscriptionId": "cust-2"}],
            "definitions": [
                {
                    "id": DEFINITION,
                    "name": "Points",
                    "unit": "POINTS",
                    "limits": [
                        {
                            "constraintType": "transaction",
                            "durationUnit": "day",
                            "durationValue": 1,
                            "transactionType": "debit",
                            "value": 0,
                        }
                    ],
                }
            ],
            "histories": [{"contactId": 2, "count": 1000, "amount": 0.1, "ties": 2, "spacingSeconds": 5}],
        },
    )
    assert seeded == {"definitions": [DEFINITION]}
    history = await api.history(DEFINITION, 2, limit="3", loyaltySubscriptionId="cust-2")
    assert history["count"] == 1000
    assert [row["amount"] for row in history["transactionHistory"]] == [Decimal("0.1")] * 3
    assert [row["createdAt"][14:19] for row in history["transactionHistory"]] == ["30:00", "30:00", "29:55"]
    listing = await api.ok("GET", "contact-balances", balanceDefinitionId=DEFINITION, sortField="value")
    assert [(row["contactId"], row["value"]) for row in listing["balances"]] == [(2, 100), (1, 0)]
    assert (await api.credit(DEFINITION, -1, 2))["status"] == "rejected"


async def test_the_clock(api):
    assert await control(api, "POST", "clock/advance", {"seconds": 1.5}) == {
        "now": "2026-11-23T09:30:01.500Z"
    }
    assert (await api.control("POST", "clock/advance", {"seconds": -1})).status == 422


async def test_faults(api):
    definition = await api.definition()
    added = await control(
        api,
        "POST",
        "faults",
        {
            "effect": "apply_then_status",
            "arguments": {"code": 504},
            "operation": "transactions.begin",
            "nth": [1, 3],
        },
    )
    expected = {
        "effect": "apply_then_status_504",
        "applied": True,
        "operation": "transactions.begin",
        "contactId": None,
        "times": None,
        "matched": 0,
        "fired": 0,
    }
    assert added == expected
    body = {"balanceDefinitionId": definition, "contactId": 1, "amount": 1}
    assert [(await api("POST", "transactions", body)).status for _ in range(4)] == [504, 200, 504, 200]
    assert await control(api, "GET", "faults") == {"faults": [expected | {"matched": 4, "fired": 2}]}
    assert await control(api, "DELETE", "faults") == {}
    assert (await api("POST", "transactions", body)).status == 200


async def test_requests(api):
    await api.definition(maxAmount=1.5)
    (seen,) = (await control(api, "GET", "requests"))["requests"]
    assert seen["headers"]["api-key"] == "***OCAL"
    assert (seen["seq"], seen["operation"], seen["applied"]) == (1, "definitions.create", True)
    assert seen["body"] == {"name": "Points", "unit": "POINTS", "maxAmount": Decimal("1.5")}


async def test_switches_and_quota(api):
    assert (await control(api, "GET", "switches"))["history_offset"] == "records"
    changed = await control(api, "POST", "switches", {"history_offset": "pages1", "history_lag": 0.5})
    assert (changed["history_offset"], changed["history_lag"]) == ("pages1", Decimal("0.5"))
    assert api.sandbox.switches.history_offset == "pages1"
    assert await control(api, "POST", "quota", {"rph": 5}) == {"rph": 5}
    assert (await api("GET", "balance-definitions")).headers["x-sib-ratelimit-limit"] == "5"


@pytest.mark.parametrize("rph", [0, -1, "x", 1.5, True, [], {}])
async def test_a_quota_that_cannot_be_is_refused_and_changes_nothing(api, rph):
    await control(api, "POST", "quota", {"rph": 5})
    refused = await api.control("POST", "quota", {"rph": rph})
    assert refused.status == 422
    assert "a quota is a whole number of requests" in refused.json["message"]
    reply = await api("GET", "balance-definitions")
    assert (reply.status, reply.headers["x-sib-ratelimit-limit"]) == (200, "5")
    assert await control(api, "POST", "quota", {"rph": None}) == {"rph": None}


@pytest.mark.parametrize(
    ("switch", "value", "allowed"),
    [
        ("rounding_places", "abc", "a whole number, at least 0, at most 12"),
        ("history_max_limit", 0, "a whole number, at least 1"),
        ("count_error", 1.5, "a whole number"),
        ("count", "maybe", "one of exact, absent"),
        ("count", [], "one of exact, absent"),
        ("drafts_reserve", 1, "true or false"),
        ("history_lag", -1, "a number of seconds, 0 or more, at most 1000000000"),
        ("history_lag", 1e300, "a number of seconds, 0 or more, at most 1000000000"),
        ("history_lag", True, "a number of seconds, 0 or more, at most 1000000000"),
        ("quota_window_seconds", 0, "a number of seconds, more than 0, at most 1000000000"),
        ("draft_lifetime", 10**18, "a whole number of seconds from 1 to 1000000000, or None (null)"),
    ],
)
async def test_a_position_that_a_switch_does_not_have_is_told_with_those_it_has(api, switch, value, allowed):
    before = api.sandbox.switches
    refused = await api.control("POST", "switches", {switch: value})
    assert refused.status == 422
    assert refused.json["message"] == f"ValueError: {switch} must be {allowed}, not {value!r}"
    assert api.sandbox.switches == before


async def test_a_name_repeated_in_a_query_is_logged_with_all_its_values(api):
    await api.send("GET", f"{api.sandbox.base_url}/nothing?a=1&b=2&a=3")
    (record,) = api.sandbox.requests
    assert (record.query["a"], record.query.getall("a")) == ("1", ["1", "3"])
    (seen,) = (await control(api, "GET", "requests"))["requests"]
    assert seen["query"] == {"a": ["1", "3"], "b": "2"}


async def test_publishing(serve):
    async with serve(strict=True) as api:
        api.sandbox.seed(api.program)
        definition = await api.definition()
        await control(api, "POST", "publish", {"program": api.program})
        assert (await api("GET", f"balance-definitions/{definition}", version="active")).status == 200


@pytest.mark.parametrize("through_http", [True, False])
async def test_merging_two_members(api, through_http):
    definition = await api.definition()
    moved = await api.credit(definition, 5, 1)
    await api.credit(definition, 7, 2)
    draft = await api.begin(definition, 1, 1)
    if through_http:
        body = {"program": api.program.upper(), "contactId": 1, "into": 2}
        await control(api, "POST", "merge", body)
    else:
        api.sandbox.merge_contacts(api.program, 1, 2)
    assert (await api.history(definition, 1))["count"] == 0
    rows = (await api.history(definition, 2))["transactionHistory"]
    assert {moved["id"], draft["id"]} < {row["id"] for row in rows}
    done = await api.ok("POST", f"transactions/{draft['id']}/complete")
    assert (done["contactId"], done["balance"]) == (2, 13)
    for body, status in (
        ({"program": api.program, "contactId": 1, "into": 2}, 404),
        ({"program": api.program, "contactId": "2", "into": 3}, 422),
        ({"program": api.program, "contactId": 2, "into": 2**63}, 422),
        ({"program": "x", "contactId": 2, "into": 3}, 422),
        ({"program": api.program, "contactId": 2}, 422),
    ):
        assert (await api.control("POST", "merge", body)).status == status
    assert api.sandbox.ledger.balance(api.program, definition, 2) == 13


@pytest.mark.parametrize("through_http", [True, False])
async def test_reset_forgets_all_but_the_seed(serve, through_http):
    seed = {"program": "27aa1d7a-af67-4020-8a65-19d6b0f0a26e", "contacts": [4]}
    seed["definitions"] = [{"id": DEFINITION, "name": "Points", "unit": "POINTS"}]
    seed["histories"] = [{"contactId": 4, "count": 3}]
    async with serve(seed=seed, rph=50, ttl_unit="minutes") as api:
        ledger = api.sandbox.ledger
        await api.credit(DEFINITION, 5, 4)
        await control(api, "POST", "faults", {"effect": "stall"})
        api.sandbox.set_switches(ttl_unit="seconds")
        await control(api, "POST", "reset") if through_http else api.sandbox.reset()
        assert api.sandbox.ledger is ledger
        assert ledger.balance(api.program, DEFINITION, 4) == 3
        assert (len(api.sandbox.requests), api.sandbox.hits(), len(api.sandbox.faults)) == (0, 0, 0)
        assert api.sandbox.switches.ttl_unit == "minutes"
        assert api.sandbox.quota.headers()["x-sib-ratelimit-remaining"] == "50"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "nothing", None, 404),
        ("GET", "reset", None, 404),
        ("POST", "reset", [1], 400),
        ("POST", "seed", {}, 422),
        ("POST", "seed", {"program": "x"}, 422),
        ("POST", "seed", {"program": DEFINITION, "gifts": []}, 422),
        ("POST", "seed", {"program": DEFINITION, "histories": [{"contactId": 1, "count": 1}]}, 422),
        (
            "POST",
            "seed",
            {
                "program": DEFINITION,
                "contacts": [{"contactId": c, "loyaltySubscriptionId": "s"} for c in (1, 2)],
            },
            422,
        ),
        (
            "POST",
            "seed",
            {
                "program": DEFINITION,
                "histories": [{"contactId": 1, "count": 1, "size": 1, "balanceDefinitionId": DEFINITION}],
            },
            422,
        ),
        ("POST", "faults", {"effect": "explode"}, 422),
        ("POST", "faults", {"effect": "delay", "arguments": {"minutes": 1}}, 422),
        ("POST", "faults", {"effect": "stall", "nth": 0}, 422),
        ("POST", "switches", {"history_offset": "rows"}, 422),
        ("POST", "switches", {"nothing": 1}, 422),
        ("POST", "clock/advance", {}, 422),
    ],
)
async def test_control_requests_that_make_no_sense(api, method, path, body, status):
    reply = await api.control(method, path, body)
    assert reply.status == status
    assert set(reply.json) == {"code", "message"}


async def test_a_control_body_that_is_no_json(api):
    headers = {"content-type": "application/json"}
    reply = await api.send("POST", f"{api.sandbox.origin}/_sandbox/seed", data=b"{", headers=headers)
    assert reply.status == 400


async def test_control_answers_are_json_that_the_standard_library_reads(api):
    json.loads((await api.control("GET", "switches")).text)
