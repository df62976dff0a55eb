"""history.find: by id, by meta, with a server that knows the metadata filter, ignores it, refuses it, or lies."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from urllib.parse import parse_qs

import pytest
from clocks import AutoClock
from hostile import DEFINITION, PROGRAM, TRANSACTION, refuse, status
from scenario import KEY, at_rest

from brevo_balance_async import (
    BalanceClient,
    InvalidRequestError,
    NotFoundError,
    OutcomeUnknownError,
    PaginationError,
    ServerError,
)

NEWEST = datetime(2026, 11, 24, 12, tzinfo=UTC)
WHOM = {"contact_id": 42, "balance_definition_id": DEFINITION}


def row(number, **changes):
    """``number`` minutes before the newest."""
    created = NEWEST - timedelta(minutes=number)
    return {
        "id": f"0197e3c2-0000-7000-9000-{number:012x}",
        "status": "completed",
        "meta": {"order": f"o-{number}", "n": number},
        "createdAt": created.isoformat().replace("+00:00", "Z"),
        **changes,
    }


def wanted(query):
    return {
        name[len("metadata[") : -1]: texts[0] for name, texts in query.items() if name.startswith("metadata[")
    }


def listing(knows):
    """A history in pages of records, newest first, with a filter that it knows or does not."""

    async def effect(exchange):
        query = parse_qs(exchange.request.path.partition("?")[2])
        assert query["sort"] == ["desc"]
        rows = exchange.server.history
        if knows:
            pairs = wanted(query).items()
            rows = [
                row for row in rows if all(str((row["meta"] or {}).get(name)) == text for name, text in pairs)
            ]
        start, size = int(query.get("offset", ["0"])[0]), int(query["limit"][0])
        await exchange.answer(200, {"count": len(rows), "transactionHistory": rows[start : start + size]})

    return effect


@pytest.fixture
async def client(server):
    server.history = [row(number) for number in range(1_200)]
    async with BalanceClient(KEY, base_url=server.base_url, clock=AutoClock()) as client:
        yield client
        at_rest(client)


@pytest.fixture
def history(client):
    return client.program(PROGRAM).history


def filters(server):
    """Of each request, what it asked by metadata."""
    return [wanted(parse_qs(request.path.partition("?")[2])) for request in server.arrived]


async def test_by_id_it_is_the_row_with_that_id(server, history):
    server.otherwise = listing(knows=False)
    found = await history.find(**WHOM, transaction_id=row(700)["id"].upper())
    assert found.meta["n"] == 700
    assert filters(server) == [{}] * len(server.arrived)
    assert await history.find(**WHOM, transaction_id=TRANSACTION) is None


async def test_by_meta_a_server_that_knows_the_filter_is_asked_once(server, history):
    server.otherwise = listing(knows=True)
    found = await history.find(**WHOM, meta={"order": "o-1100"})
    assert found.meta["n"] == 1_100
    assert filters(server) == [{"order": "o-1100"}]
    found = await history.find(**WHOM, meta={"order": "o-3", "n": 3})
    assert found.meta["n"] == 3
    assert filters(server)[1:] == [{"order": "o-3", "n": "3"}]


async def test_one_that_ignores_it_is_not_asked_again(server, client, history, verdict):
    server.otherwise = listing(knows=False)
    found = await history.find(**WHOM, meta={"order": "o-1100"})
    assert found.meta["n"] == 1_100
    assert [bool(each) for each in filters(server)][:2] == [True, False]
    before = len(server.arrived)
    other = (
        client.with_options(max_attempts=1).program(PROGRAM).history
    )  # the client's life, in all of its views
    assert (await other.find(**WHOM, meta={"order": "o-2"})).meta["n"] == 2
    assert filters(server)[before:] == [{}]
    verdict("the metadata filter is ignored", "read", "yes", 0, "found by a walk, remembered", "-")


@pytest.mark.parametrize("code", [400, 422])
async def test_one_that_refuses_it_is_not_asked_again(server, history, code):
    server.otherwise = listing(knows=False)
    server.then([refuse(code)])
    assert (await history.find(**WHOM, meta={"order": "o-2"})).meta["n"] == 2
    assert (await history.find(**WHOM, meta={"order": "o-3"})).meta["n"] == 3
    assert [bool(each) for each in filters(server)] == [True, False, False]


@pytest.mark.parametrize(("code", "kind"), [(404, NotFoundError), (500, ServerError)])
async def test_what_else_goes_wrong_is_raised(server, history, code, kind):
    server.otherwise = status(code, {"code": "x", "message": "y"})
    with pytest.raises(kind) as caught:
        await history.find(**WHOM, meta={"order": "o-2"})
    assert caught.value.applied is False


async def test_an_empty_filtered_answer_proves_nothing(server, history, verdict):
    server.otherwise = listing(knows=False)
    nothing = status(200, {"count": 0, "transactionHistory": []})
    server.then([nothing])
    assert (await history.find(**WHOM, meta={"order": "o-2"})).meta["n"] == 2
    assert [bool(each) for each in filters(server)] == [True, False]
    server.then([nothing])
    assert await history.find(**WHOM, meta={"order": "none"}) is None
    assert filters(server)[2] == {"order": "none"}  # it was not caught ignoring it
    verdict("an empty answer to the metadata filter", "read", "yes", 0, "walked all the same", "-")


async def test_rows_that_do_not_all_fit_are_not_believed(server, history):
    # Any of the two entries instead of both: the first row would be a stranger's.
    server.then([status(200, {"count": 2, "transactionHistory": [row(5), row(9)]})])
    server.otherwise = listing(knows=False)
    assert (await history.find(**WHOM, meta={"order": "o-9"})).id == row(9)["id"]
    assert [bool(each) for each in filters(server)][:2] == [True, False]


async def test_the_newest_of_several_is_found(server, history):
    server.history = [row(number, meta={"order": "same"}) for number in range(5)]
    server.otherwise = listing(knows=False)
    assert (await history.find(**WHOM, meta={"order": "same"})).id == row(0)["id"]
    server.then(
        [status(200, {"transactionHistory": [row(number, meta={"order": "same"}) for number in (4, 1, 3)]})]
    )
    assert (await history.find(**WHOM, meta={"order": "same"})).id == row(1)["id"]


@pytest.mark.parametrize("knows", [True, False])
@pytest.mark.parametrize("by", ["meta", "id"])
async def test_no_further_back_than_since(server, history, knows, by):
    server.otherwise = listing(knows=knows)
    since = NEWEST - timedelta(minutes=30)
    what = {
        number: {"meta": {"order": f"o-{number}"}} if by == "meta" else {"transaction_id": row(number)["id"]}
        for number in (30, 31)
    }
    assert (await history.find(**WHOM, **what[30], since=since)).meta["n"] == 30
    before = len(server.arrived)
    assert await history.find(**WHOM, **what[31], since=since) is None
    assert len(server.arrived) - before <= 2


@pytest.mark.parametrize(
    ("asked", "stands"),
    [
        ({"n": 3}, {"n": "3"}),
        ({"n": "3"}, {"n": 3}),
        ({"n": Decimal("12.50")}, {"n": 12.5}),
        ({"ok": True}, {"ok": "true"}),
        ({"a": {"b": 1}}, {"a": {"b": "1", "more": 2}}),
        ({"a": [1, 2]}, {"a": [1, 2]}),
        ({"a": None}, {"b": 1}),
        ({"under_score[x]": "ä&="}, {"under_score[x]": "ä&="}),
    ],
)
async def test_entries_are_compared_as_text(server, history, asked, stands):
    server.history = [row(0), row(1, meta={**stands, "other": 1}), row(2)]
    if asked == {"a": None}:
        server.history = server.history[1:2]
    server.otherwise = listing(knows=False)
    assert (await history.find(**WHOM, meta=asked)).id == row(1)["id"]
    sent = filters(server)[0]
    assert list(sent) == [name for name, value in asked.items() if not isinstance(value, dict | list | None)]


@pytest.mark.parametrize("meta", [None, [], {}, {"a": 1}])
async def test_a_row_with_other_entries_is_another(server, history, meta):
    server.history = [row(0, meta=meta), row(1, meta={"order": 7})]
    server.otherwise = listing(knows=False)
    assert (await history.find(**WHOM, meta={"order": "7"})).id == row(1)["id"]


async def test_id_and_meta_must_both_fit(server, history):
    server.otherwise = listing(knows=True)
    assert (await history.find(**WHOM, transaction_id=row(4)["id"], meta={"n": 4})).meta["n"] == 4
    assert await history.find(**WHOM, transaction_id=row(4)["id"], meta={"n": 5}) is None


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ({}, "transaction_id"),
        ({"meta": {}}, "meta"),
        ({"meta": "order"}, "meta"),
        ({"meta": {"a": float("nan")}}, "meta"),
        ({"meta": {"\ud800": "x"}}, "meta"),
        ({"transaction_id": "x"}, "transaction_id"),
        ({"transaction_id": TRANSACTION, "since": datetime(2026, 1, 1)}, "since"),  # noqa: DTZ001  (naive)
    ],
)
async def test_what_is_refused_sends_nothing(server, history, arguments, argument):
    with pytest.raises(InvalidRequestError) as caught:
        await history.find(**WHOM, **arguments)
    assert caught.value.argument == argument
    assert server.arrived == []


async def test_a_walk_that_cannot_be_whole_does_not_say_that_there_is_none(server, history):
    server.otherwise = status(200, {"count": 7, "transactionHistory": []})
    with pytest.raises(PaginationError):
        await history.find(**WHOM, transaction_id=TRANSACTION)


async def test_what_an_unknown_outcome_carries_is_enough_to_find_it(server, client):
    program = client.program(PROGRAM)
    server.then([status(502)])
    with pytest.raises(OutcomeUnknownError) as caught:
        await program.transactions.credit(**WHOM, amount=5, meta={"order": "o-17"})
    asked = caught.value.arguments
    server.otherwise = listing(knows=True)
    found = await program.history.find(
        contact_id=asked["contact_id"],
        balance_definition_id=asked["balance_definition_id"],
        meta=asked["meta"],
    )
    assert found.meta["n"] == 17
