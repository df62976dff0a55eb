"""Whatever is asked, good or bad: no answer is 5xx, each has its shape, and what is there can be read afterwards."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st
from yarl import URL

from brevo_balance_async.sandbox import SandboxClock

from . import shapes
from .conftest import PROGRAM, open_api

FIRST = "7c1f0f0e-52a1-4c2e-9a55-0d3b7c9f1a10"
SECOND = "11111111-1111-4111-8111-111111111111"
SEED = {
    "program": PROGRAM,
    "definitions": [
        {"id": FIRST, "name": "Points", "unit": "POINTS"},
        {
            "id": SECOND,
            "name": "Euros",
            "unit": "EUR",
            "maxAmount": 100,
            "balanceOptionAmountOvertakingStrategy": "partial",
            "balanceOptionCreditRounding": "natural",
            "balanceAvailabilityDurationValue": 1,
            "balanceAvailabilityDurationUnit": "day",
        },
    ],
    "histories": [{"contactId": 3, "count": 5, "balanceDefinitionId": FIRST}],
}

numbers = st.sampled_from(
    [
        "0",
        "1",
        "-1",
        "12.50",
        "0.30000000000000004",
        "1e15",
        "-1e15",
        "1e-15",
        "5e-324",
        "1.7e308",
        "1.0",
        "524.0",
        "1e309",
        "1e-400",
        "1e100000000",
        "9223372036854775807",
        "9223372036854775808",
        "9" * 400,
        "true",
    ]
)
others = st.sampled_from(
    [
        "null",
        '""',
        '"x"',
        '"\\ud800"',
        "[]",
        "{}",
        "false",
        '{"a":' * 500 + "1" + "}" * 500,
        "[[[[1]]]]",
        '"credit"',
        '"debit"',
        '"2026-12-01T10:00:00Z"',
        '"2016-12-31T23:59:60Z"',
        '"0001-01-01T00:00:00+14:00"',
    ]
)
anything = numbers | others
texts = st.text(max_size=5).map(json.dumps)
metas = st.dictionaries(texts, anything | texts, max_size=3).map(
    lambda members: "{" + ",".join(f"{name}:{value}" for name, value in members.items()) + "}"
)
definition_ids = st.sampled_from([FIRST, SECOND])


def members(required, extra):
    """JSON text of an object that is good, then with some of its members spoilt or others added."""
    spoilt = st.dictionaries(st.sampled_from([*required, *extra, "odd"]), anything, max_size=1)
    good = st.fixed_dictionaries(required, optional=extra)
    return st.builds(lambda body, bad: body | bad, good, st.one_of(st.just({}), st.just({}), spoilt)).map(
        lambda body: "{" + ",".join(f'"{name}":{value}' for name, value in body.items()) + "}"
    )


quoted_ids = definition_ids.map(json.dumps)
contacts = st.sampled_from(["1", "2", "3", "4.0"])
begins = members(
    {"balanceDefinitionId": quoted_ids, "contactId": contacts, "amount": numbers},
    {
        "autoComplete": st.just("true"),
        "ttl": st.sampled_from(["10", "524.0", "1000000000"]),
        "balanceExpiryInMinutes": st.sampled_from(["1", "10000000"]),
        "eventTime": st.sampled_from(['"2026-12-01T10:00:00Z"', '"9999-12-31T23:59:59Z"']),
        "LoyaltySubscriptionId": texts,
        "transactionType": st.sampled_from(['"credit"', '"debit"']),
        "meta": metas,
    },
)
orders = members(
    {
        "balanceDefinitionId": quoted_ids,
        "contactId": contacts,
        "amount": numbers,
        "dueAt": st.sampled_from(['"2026-12-01T10:00:00Z"', '"9999-12-31T23:59:59Z"']),
        "source": st.just('"user"'),
    },
    {"meta": metas, "expiresAt": st.just('"2027-01-01T00:00:00Z"')},
)
definitions = members(
    {"name": texts, "unit": st.just('"POINTS"')},
    {
        "minAmount": numbers,
        "maxAmount": numbers,
        "maxCreditAmountLimit": numbers,
        "meta": metas,
        "balanceExpirationDate": st.sampled_from(['"29/02"', '"2026-12-31"', '"31/02"']),
        "balanceOptionCreditRounding": st.sampled_from(['"lower"', '"natural"']),
    },
)
limits = members(
    {
        "constraintType": st.sampled_from(['"amount"', '"transaction"']),
        "transactionType": st.sampled_from(['"credit"', '"debit"']),
        "durationUnit": st.sampled_from(['"day"', '"year"']),
        "durationValue": st.sampled_from(["1", "1000"]),
        "value": st.sampled_from(["0", "100", "9223372036854775807"]),
    },
    {"slidingSchedule": st.just("true")},
)
opened = members({"balanceDefinitionId": quoted_ids}, {})
junk = st.sampled_from(["", "{", "null", "[1]", "[" * 2000, '{"a":NaN}', "\x00"])
segments = st.text(max_size=6) | st.sampled_from(
    ["..", "%2F", "%00", SECOND, "1", "00000000-5eed-4000-8000-000000000001"]
)
query_values = st.sampled_from(
    [
        "",
        "0",
        "1",
        "-1",
        "3",
        "9" * 25,
        "9" * 2000,
        "asc",
        "draft",
        "pending",
        "value",
        "name",
        "true",
        "\x00",
        "²",
    ]
)
queries = st.dictionaries(
    st.sampled_from(
        [
            "limit",
            "offset",
            "sort",
            "sortField",
            "status",
            "transactionType",
            "includeInternal",
            "version",
            "loyaltySubscriptionId",
            "metadata[a]",
            "filters",
            "contactId",
            "odd",
        ]
    ),
    query_values,
    max_size=2,
)

WRITES = {
    "transactions": begins,
    "create-order": orders,
    "balance-definitions": definitions,
    f"balance-definitions/{SECOND}": definitions,
    f"balance-definitions/{SECOND}/limits": limits,
    "subscriptions/2/balances": opened,
}
READS = {
    "balance-definitions": shapes.DEFINITIONS,
    f"balance-definitions/{FIRST}": shapes.DEFINITION,
    "contact-balances": shapes.BALANCES,
    "active-balance": shapes.ACTIVE,
    "transaction-history": shapes.HISTORY,
    "subscriptions/1/balances": shapes.SUBSCRIPTION,
}
OF_WRITES = {
    "transactions": shapes.TRANSACTION,
    "create-order": shapes.ORDER,
    "balance-definitions": shapes.DEFINITION,
    f"balance-definitions/{SECOND}": shapes.DEFINITION,
    f"balance-definitions/{SECOND}/limits": shapes.LIMIT,
    "subscriptions/2/balances": shapes.CREATED,
}


@st.composite
def steps(draw):
    kind = draw(st.sampled_from(["write", "write", "write", "end", "read", "junk", "path", "wait", "merge"]))
    if kind == "write":
        path = draw(st.sampled_from(list(WRITES)))
        method = "PUT" if path.endswith(SECOND) else "POST"
        return method, path, draw(WRITES[path]), {}
    if kind == "junk":
        return "POST", draw(st.sampled_from(list(WRITES))), draw(junk), draw(queries)
    if kind == "read":
        query = {"contactId": draw(contacts), "balanceDefinitionId": draw(definition_ids), **draw(queries)}
        return "GET", draw(st.sampled_from(list(READS))), None, query
    if kind == "path":
        path = "/".join(
            draw(st.lists(segments | st.sampled_from(["transactions", "subscriptions"]), max_size=4))
        )
        return draw(st.sampled_from(["GET", "POST", "DELETE", "HEAD", "PATCH"])), path, None, draw(queries)
    if kind == "end":
        return "end", draw(st.sampled_from(["complete", "cancel"])), draw(st.integers(0, 9)), {}
    return kind, "", draw(st.sampled_from([0.001, 60, 86400, 10**7])), {}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(steps(), min_size=1, max_size=15),
    st.sampled_from([2026, 9980]),
    st.fixed_dictionaries(
        {},
        optional={
            "rejection": st.just("422"),
            "default_floor": st.just("none"),
            "drafts_reserve": st.just(True),
            "drafts_count_in_limits": st.just(True),
            "history_metadata_filter": st.just("honoured"),
            "snake_case_query": st.just("accepted"),
            "repeated_complete": st.just("credits_again"),
            "lots_consumed": st.just("soonest_first"),
            "breach_at_complete": st.just("keeps_draft"),
        },
    ),
)
def test_no_request_spoils_what_is_read_afterwards(asked, year, switches):
    asyncio.run(carry_out(asked, year, switches))


async def carry_out(asked, year, switches):
    clock = SandboxClock(datetime(year, 11, 23, 9, 30, tzinfo=UTC), frozen=True)
    async with open_api(clock=clock, seed=SEED, **switches) as api:
        drafts = []
        for method, path, body, query in asked:
            if method == "wait":
                clock.advance(body)
            elif method == "merge":
                await api.control("POST", "merge", {"program": PROGRAM, "contactId": 1, "into": 2})
            elif method == "end":
                if drafts:
                    await told(api, "POST", f"transactions/{drafts[body % len(drafts)]}/{path}", None, {})
            else:
                reply = await told(api, method, path, body, query)
                if path == "transactions" and reply.status == 200:
                    drafts.append(reply.json["id"])
        await read_all(api)


async def told(api, method, path, body, query):
    base = f"{api.sandbox.base_url}/loyalty/balance/programs/{PROGRAM}/"
    content = None if body is None else body.encode("utf-8", "surrogatepass")
    url = (
        URL(base).join(URL(path))
        if "/.." in path and not path.startswith("//")  # "//x" would name another host
        else URL(base + URL.build(path="/" + path).raw_path[1:], encoded=True)
    )
    reply = await api.send(method, url, params=query, data=content)
    outside = url.path.startswith("/v3/") and not url.path.startswith("/v3/loyalty/balance/")
    assert reply.status < 500 or (outside and reply.status == 501), (method, path, body, query, reply.text)
    if reply.status >= 400:
        assert method == "HEAD" or shapes.fits(shapes.ERROR, reply.json), reply.text
    elif method in {"POST", "PUT"} and path in OF_WRITES:
        assert shapes.fits(OF_WRITES[path], reply.json), reply.text
    elif method == "POST" and path.startswith("transactions/"):
        assert shapes.fits(shapes.TRANSACTION, reply.json), reply.text
    elif method == "GET" and path in READS:
        assert shapes.fits(READS[path], reply.json), reply.text
    return reply


async def read_all(api):
    for contact in ("1", "2", "3", "4"):
        for definition in (FIRST, SECOND):
            query = {"contactId": contact, "balanceDefinitionId": definition, "limit": "500"}
            for path, shape in READS.items():
                reply = await api("GET", path, **(query if path != f"balance-definitions/{FIRST}" else {}))
                assert reply.status == 200, reply.text
                assert shapes.fits(shape, reply.json), reply.text
                assert len(reply.text) < 10**6


def test_the_shapes_tell_good_from_bad():
    good = {"code": "x", "message": "y"}
    assert shapes.fits(shapes.ERROR, good)
    for bad in ({"code": "x"}, {**good, "more": 1}, {**good, "code": None}, [good]):
        assert not shapes.fits(shapes.ERROR, bad)
    assert shapes.fits({"a?": shapes.number}, {})
    assert not shapes.number(True)
