"""The control routes do what the Python handles do."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from brevo_balance_async.sandbox import effects

START = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
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
        "nth": [1, 3],
        "every": None,
        "probability": None,
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
    assert refused.json["message"] == f"{switch} must be {allowed}, not {value!r}"
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
        ("GET", "reset", None, 405),
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


async def test_the_list_of_routes(api):
    listed = await control(api, "GET", "")
    assert "imitates" in listed["about"]
    routes = {(route["method"], route["path"]): route for route in listed["routes"]}
    assert routes["POST", "/_sandbox/clock/advance"]["takes"] == ["seconds"]
    for method, path in routes:
        reply = await api.control(method, path.removeprefix("/_sandbox/"), {} if method == "POST" else None)
        assert reply.status in (200, 422), (method, path, reply.text)


async def test_health(api):
    assert (await control(api, "GET", "health"))["status"] == "ok"
    head = await api.send("HEAD", f"{api.sandbox.origin}/_sandbox/health")
    assert (head.status, head.text) == (200, "")


async def test_the_clock_is_set_frozen_and_let_run(api):
    assert await control(api, "GET", "clock") == {"now": "2026-11-23T09:30:00.000Z", "frozen": True}
    later = {"now": "2026-12-24T18:00:00.000Z", "frozen": False}
    assert (await control(api, "POST", "clock", later))["frozen"] is False
    assert api.sandbox.clock.now() >= START + timedelta(days=31)
    assert (await control(api, "POST", "clock", {"frozen": True}))["frozen"] is True
    refused = await api.control("POST", "clock", {"now": "2026-11-23T09:30:00.000Z"})
    assert (refused.status, "not set back" in refused.json["message"]) == (422, True)


async def test_the_ledger_is_filtered_and_paged(api):
    definition = await api.definition()
    for number in range(5):
        await api.credit(definition, 10, 1 + number % 2, meta={"reference": f"order-{number}", "row": number})
    await api.credit(definition, -100, 1)
    draft = await api.begin(definition, 3, 2)

    async def ledger(query):
        found = await control(api, "GET", f"ledger?{query}")
        return found["transactions"], found["balances"]

    transactions, balances = await ledger("limit=2&offset=1")
    assert (transactions["count"], len(transactions["items"])) == (7, 2)
    assert [row["meta"]["row"] for row in transactions["items"]] == [1, 2]
    assert balances["count"] == 2
    transactions, balances = await ledger(
        f"program={api.program}&balanceDefinitionId={definition}&contactId=2"
    )
    assert transactions["count"] == 3
    assert balances["items"] == [
        {
            "loyaltyProgramId": api.program,
            "balanceDefinitionId": definition,
            "contactId": 2,
            "value": 20,
            "drafts": 1,
            "updatedAt": "2026-11-23T09:30:00.000Z",
        }
    ]
    assert [row["id"] for row in (await ledger("status=draft"))[0]["items"]] == [draft["id"]]
    assert (await ledger("status=rejected&transactionType=debit"))[0]["count"] == 1
    assert (await ledger("meta=reference:order-3"))[0]["count"] == 1
    assert (await ledger("meta=row:3"))[0]["count"] == 1
    assert (await ledger("meta=reference:order-9"))[0]["count"] == 0
    assert (await ledger("sort=desc"))[0]["items"][0]["id"] == draft["id"]
    assert (await ledger(f"program={DEFINITION}")) == ({"count": 0, "items": []}, {"count": 0, "items": []})


async def test_the_log_is_filtered_and_paged(api):
    definition = await api.definition()
    for _ in range(150):
        await api.send("GET", f"{api.sandbox.base_url}/nothing")
    body = {"balanceDefinitionId": definition, "contactId": 1, "amount": 1}
    api.sandbox.faults.add(effects.apply_then_status(503), nth=2)
    assert [(await api("POST", "transactions", body)).status for _ in range(3)] == [200, 503, 200]

    async def seqs(query):
        found = await control(api, "GET", f"requests?{query}")
        return found["count"], [row["seq"] for row in found["requests"]]

    assert await seqs("") == (154, list(range(1, 101)))
    assert await seqs("offset=150") == (154, [151, 152, 153, 154])
    assert await seqs("sort=desc&limit=2") == (154, [154, 153])
    assert await seqs("operation=transactions.begin&status=503") == (1, [153])
    assert await seqs("fault=apply_then_status_503&applied=true") == (1, [153])
    assert (await seqs("applied=false"))[0] == 150


async def test_hits_and_expectations(api):
    definition = await api.definition()
    body = {"balanceDefinitionId": definition, "contactId": 1, "amount": 1}
    api.sandbox.faults.add(effects.status(503), operation="transactions.begin", nth=2)
    for _ in range(2):
        await api("POST", "transactions", body)
    begins = {"hits": 2, "applied": 1}
    assert await control(api, "GET", "hits") == {
        "hits": 3,
        "operations": {"definitions.create": {"hits": 1, "applied": 1}, "transactions.begin": begins},
    }
    assert await control(api, "GET", "hits?operation=transactions.begin") == begins
    assert await control(api, "GET", "hits?operation=transactions.cancel") == {"hits": 0, "applied": 0}
    right = {
        "hits": {"transactions.begin": 2},
        "applied": {"transactions.begin": 1, "transactions.cancel": 0},
    }
    assert await control(api, "POST", "expect", right) == {"met": True, "difference": []}
    api.sandbox.expect({"transactions.begin": 2}, applied={"transactions.begin": 1})
    path = f"/v3/loyalty/balance/programs/{api.program}"
    difference = [
        "definitions.create: expected 0 requests, got 1",
        f"  #1 POST {path}/balance-definitions: answered 200, applied",
        "transactions.begin: expected 1 requests, got 2",
        f"  #2 POST {path}/transactions: answered 200, applied",
        f"  #3 POST {path}/transactions: answered 503, not applied, fault status_503",
        "transactions.begin: expected 2 carried out, got 1",
        f"  #2 POST {path}/transactions: answered 200, applied",
    ]
    wrong = {"hits": {"transactions.begin": 1}, "applied": {"transactions.begin": 2}, "only": True}
    assert await control(api, "POST", "expect", wrong) == {"met": False, "difference": difference}
    with pytest.raises(AssertionError) as told:
        api.sandbox.expect(**wrong)
    assert str(told.value).splitlines() == difference
    with pytest.raises(
        ValueError, match=r"no such operation: transaction\.begin; there are balances\.create, "
    ):
        api.sandbox.expect({"transaction.begin": 0})


async def test_a_long_difference_is_cut(api):
    for _ in range(13):
        await api("GET", "balance-definitions")
    with pytest.raises(AssertionError) as told:
        api.sandbox.expect(only=True)
    lines = str(told.value).splitlines()
    assert (len(lines), lines[-1]) == (12, "  and 3 more")


async def test_snapshots(api):
    definition = await api.definition()
    await api.credit(definition, 100, 1)
    draft = await api.begin(definition, 5, 1, ttl=60)
    api.sandbox.quota.limit = 50
    name = (await control(api, "POST", "snapshot"))["snapshot"]
    for _ in range(2):
        await api.credit(definition, 1, 1)
        await api.ok("POST", f"transactions/{draft['id']}/cancel")
        await control(api, "POST", "clock/advance", {"seconds": 5000})
        await control(api, "POST", "switches", {"rejection": "422"})
        await api.definition()
        restored = await control(api, "POST", "restore", {"snapshot": name})
        assert restored == {"snapshot": name, "now": "2026-11-23T09:30:00.000Z"}
        assert api.sandbox.ledger.balance(api.program, definition, 1) == 100
        assert [row.status for row in api.sandbox.ledger.transactions()] == ["completed", "draft"]
        assert len((await api.ok("GET", "balance-definitions"))["items"]) == 1
        assert api.sandbox.switches.rejection == "status"
        assert api.sandbox.quota.headers()["x-sib-ratelimit-remaining"] == "49"
    assert (await api.ok("POST", f"transactions/{draft['id']}/complete"))["balance"] == 105
    assert (await api.control("POST", "restore", {"snapshot": "77"})).status == 404
    for _ in range(32):
        last = (await control(api, "POST", "snapshot"))["snapshot"]
    assert (await api.control("POST", "restore", {"snapshot": name})).status == 404  # the oldest is given up
    await control(api, "POST", "reset")
    assert (await api.control("POST", "restore", {"snapshot": last})).status == 404


async def test_a_snapshot_keeps_what_was_seeded(api):
    (definition,) = api.sandbox.seed(
        api.program,
        contacts=[{"contactId": 3, "loyaltySubscriptionId": "card"}],
        definitions=[{"name": "Points", "unit": "POINTS"}],
        histories=[{"contactId": 3, "count": 1000}],
    )
    await api.ok("GET", "contact-balances", balanceDefinitionId=definition)
    await api.history(definition, 3)
    snapshot = api.sandbox.snapshot()
    await api.credit(definition, 5, 3)
    api.sandbox.restore(snapshot)
    assert (await api.history(definition, 3))["count"] == 1000
    listing = await api.ok("GET", "contact-balances", balanceDefinitionId=definition)
    assert [row["value"] for row in listing["balances"]] == [1000]


@pytest.mark.parametrize("twice", [False, True])
async def test_a_seed_replaces_no_definition(api, twice):
    points = {"id": DEFINITION, "name": "Points", "unit": "POINTS"}
    other = {"id": DEFINITION.upper(), "name": "Other", "unit": "EUR"}
    if not twice:
        api.sandbox.seed(api.program, definitions=[points])
    before = await api.control("GET", "state")
    seed = {"program": api.program, "contacts": [7], "definitions": [points, other] if twice else [other]}
    reply = await api.control("POST", "seed", seed)
    assert reply.status == 422
    assert reply.json["message"] == (
        f"there is a balance definition {DEFINITION} already; a seed replaces none: "
        "leave it out, or change it as the API does"
    )
    assert (await api.control("GET", "state")).json["programs"] == before.json["programs"]
    if not twice:
        assert (await api.ok("GET", f"balance-definitions/{DEFINITION}"))["name"] == "Points"


async def test_seeded_credits_follow_the_rules_or_nothing_is_seeded(api):
    points = {"id": DEFINITION, "name": "Points", "unit": "POINTS", "maxAmount": 100}
    seeded = {"program": api.program, "definitions": [points]}
    refused = await api.control(
        "POST", "seed", seeded | {"credits": [{"contactId": 1, "amount": a} for a in (60, 70)]}
    )
    assert (refused.status, "maximum balance reached" in refused.json["message"]) == (422, True)
    assert (await api.ok("GET", "balance-definitions"))["items"] == []
    given = [{"contactId": 1, "amount": 99.5, "meta": {"reference": "old"}}, {"contactId": 1, "amount": -9}]
    await control(api, "POST", "seed", seeded | {"credits": given})
    assert api.sandbox.ledger.balance(api.program, DEFINITION, 1) == Decimal("90.5")
    assert [row.meta for row in api.sandbox.ledger.transactions()] == [{"reference": "old"}, None]


@pytest.mark.parametrize(
    ("method", "path", "body", "told"),
    [
        (
            "GET",
            "nothing",
            None,
            "there is no control route /_sandbox/nothing; /_sandbox/ lists all there are",
        ),
        ("PUT", "clock", None, "/_sandbox/clock takes GET and POST, not PUT"),
        ("POST", "clock/advance", {}, "seconds is required: how many the clock is to be advanced by"),
        ("POST", "clock/advance", {"seconds": True}, "seconds is required"),
        ("POST", "clock/advance", {"minutes": 1}, "clock/advance does not know minutes; it takes seconds"),
        ("POST", "clock/advance", {"seconds": -1}, "a clock is advanced by zero or more seconds"),
        ("POST", "clock/advance", {"seconds": 1e300}, "a clock cannot be advanced beyond the year 9999"),
        ("POST", "clock", {"now": "tomorrow"}, "now must be an RFC 3339 timestamp"),
        ("POST", "seed", {}, "program is required"),
        (
            "POST",
            "seed",
            {"program": DEFINITION, "gifts": []},
            "a seed has no gifts; it may have program, contacts",
        ),
        ("POST", "seed", {"program": DEFINITION, "contacts": 5}, "contacts must be a list"),
        ("POST", "publish", {}, "program is required"),
        ("POST", "faults", {}, "effect is required"),
        ("POST", "faults", {"effect": "explode"}, "there is no effect explode; there are status, "),
        ("POST", "faults", {"effect": "delay"}, "the effect delay needs seconds; its arguments are seconds"),
        (
            "POST",
            "faults",
            {"effect": "delay", "arguments": {"seconds": 1, "minutes": 1}},
            "the effect delay does not know minutes; its arguments are seconds",
        ),
        ("POST", "faults", {"effect": "stall", "nth": "2"}, "nth must be a whole number, or a list of them"),
        ("POST", "faults", {"effect": "stall", "times": "2"}, "times must be an integer"),
        ("POST", "faults", {"effect": "stall", "probability": "x"}, "probability must be a number"),
        ("POST", "faults", {"effect": "stall", "operation": "begin"}, "no such operation: begin; there are "),
        ("POST", "switches", {"nothing": 1}, "no such switch: nothing; GET switches lists those there are"),
        ("POST", "quota", {}, "rph is required, null for no quota"),
        ("POST", "restore", {}, "snapshot is required"),
        ("POST", "expect", {"hits": {"transactions.begin": "3"}}, "hits must be counts by operation"),
        ("POST", "expect", {"hits": {"begin": 3}}, "no such operation: begin; there are "),
        ("GET", "requests?limit=1001", None, "limit must be at most 1000"),
        (
            "GET",
            "requests?operations=x",
            None,
            "requests does not know operations; it takes operation, status, ",
        ),
        ("GET", "ledger?meta=order-42", None, "meta must be NAME:VALUE, as in reference:order-42"),
        ("GET", "state?x=1", None, "state does not know x; it takes nothing"),
    ],
)
async def test_what_is_wrong_is_told_in_plain_words(api, method, path, body, told):
    reply = await api.control(method, path, body)
    assert 400 <= reply.status < 500
    assert told in reply.json["message"]
    assert not re.search(r"Error|__init__|argument '|object", reply.json["message"])


HUGE = 10**400


@pytest.mark.parametrize(
    ("effect", "arguments", "reason"),
    [
        ("status", {"code": 99}, "status must be a status from 200 to 999, not 99"),
        ("status", {"code": "503"}, "status must be a status from 200 to 999, not '503'"),
        ("status", {"code": True}, "status must be a status from 200 to 999, not True"),
        ("status", {"code": 503, "applied": "no"}, "applied must be true or false, not 'no'"),
        ("status", {"code": 503, "headers": [1]}, "headers must be an object whose values are text, not [1]"),
        ("status", {"code": 503, "headers": {"x": 1}}, "headers must be an object whose values are text"),
        ("status", {"code": 503, "headers": {"x": "a\r\nb: c"}}, "headers must be such as HTTP can carry"),
        ("status", {"code": 503, "headers": {"x\r\ny": "a"}}, "headers must be such as HTTP can carry"),
        ("redirect", {"location": "a\r\nb: c"}, "headers must be such as HTTP can carry"),
        ("delay", {"seconds": HUGE}, "seconds must be a number of seconds from 0 to 1000000000, not 1000"),
        ("delay", {"seconds": "1"}, "seconds must be a number of seconds from 0 to 1000000000, not '1'"),
        ("commit_later", {"seconds": -1}, "seconds must be a number of seconds from 0 to 1000000000, not -1"),
        ("slow_body", {"seconds": 1, "pieces": 1.5}, "pieces must be a whole number from 1"),
        ("too_many", {"reset": "soon"}, "reset must be a whole number from 1"),
        ("stray", {"body": {}, "seconds": HUGE}, "seconds must be a number of seconds"),
        ("altered", {"members": [1]}, "members must be an object, not [1]"),
        ("drop", {"how": "loud"}, "how must be fin or rst, not 'loud'"),
        ("truncated_json", {"keep": 1}, "keep must be a number from 0 to just below 1, not 1"),
        ("raw", {"data": 5}, "data must be text or bytes, not 5"),
        ("raw", {"data": "\u20ac"}, "data must have characters below U+0100 only"),
    ],
)
async def test_an_effect_is_checked_when_it_is_made(api, effect, arguments, reason):
    reply = await api.control("POST", "faults", {"effect": effect, "arguments": arguments})
    assert reply.status == 422
    assert f"the effect {effect} cannot have these arguments: {reason}" in reply.json["message"]
    assert not len(api.sandbox.faults)
    with pytest.raises(ValueError, match=re.escape(reason)):
        getattr(effects, effect)(**arguments)


async def test_a_clock_is_not_advanced_by_what_no_calendar_holds(api):
    reply = await api.control("POST", "clock/advance", {"seconds": HUGE})
    assert (reply.status, reply.json["message"]) == (422, "a clock cannot be advanced beyond the year 9999")


@pytest.mark.parametrize("limits", [5, None, {}, "limits"])
async def test_the_limits_of_a_seed_are_a_list(api, limits):
    seed = {"program": api.program, "definitions": [{"name": "Points", "unit": "POINTS", "limits": limits}]}
    reply = await api.control("POST", "seed", seed)
    assert (reply.status, reply.json["message"]) == (422, "limits must be a list")


async def test_the_list_of_routes_needs_no_slash_at_its_end(api):
    url = f"{api.sandbox.origin}/_sandbox"
    reply = await api.send("GET", url, headers={})
    assert reply.json == (await api.send("GET", url + "/", headers={})).json
    assert (await api.send("GET", url + "s", headers={})).status == 401
