"""Answers of success whose bodies are odd: missing, a word, a mark in front, an empty list for an empty map."""

from __future__ import annotations

import asyncio
import gzip
import json

import pytest
from clocks import AutoClock
from hostile import DEFINITION, PROGRAM, TRANSACTION, Hostile, honest, plain_200, raw, refuse, status, truth
from scenario import KEY, LIMIT, at_rest

from brevo_balance_async import BalanceClient, DecodeError, NotFoundError, OutcomeUnknownError

LISTINGS = {
    "definitions.list": lambda program: program.definitions.list(),
    "balances.list": lambda program: program.balances.list(DEFINITION),
    "balances.list_active": lambda program: program.balances.list_active(
        contact_id=42, balance_definition_id=DEFINITION
    ),
    "history.list": lambda program: program.history.list(contact_id=42, balance_definition_id=DEFINITION),
}
EMPTY = {
    "204": raw(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "204, length 0": raw(b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n"),
    "204, FIN": raw(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n", then="fin"),
    "length 0": raw(plain_200(b"")),
    "length 0, said to be compressed": raw(plain_200(b"", "content-encoding: gzip")),
}
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n"
LOST = {
    "no length, FIN": raw(b"HTTP/1.1 200 OK\r\n\r\n", then="fin"),
    "no chunks": raw(CHUNKED + b"\r\n0\r\n\r\n"),
    "no chunks, said to be compressed": raw(CHUNKED + b"content-encoding: gzip\r\n\r\n0\r\n\r\n"),
    "nothing, compressed": raw(plain_200(gzip.compress(b""), "content-encoding: gzip")),
    "a blank": raw(plain_200(b" ")),
}


@pytest.fixture
async def client(server):
    async with BalanceClient(KEY, base_url=server.base_url, clock=AutoClock()) as client:
        yield client
        at_rest(client)


@pytest.fixture
def program(client):
    return client.program(PROGRAM)


@pytest.mark.parametrize("listing", LISTINGS)
@pytest.mark.parametrize("answer", EMPTY)
async def test_a_listing_is_empty_where_the_server_says_so(server, program, listing, answer):
    server.then([EMPTY[answer]])
    assert await LISTINGS[listing](program).collect() == []
    assert len(server.arrived) == 1


@pytest.mark.parametrize("listing", LISTINGS)
@pytest.mark.parametrize("answer", LOST)
async def test_a_listing_whose_answer_was_lost_is_not_empty(server, program, listing, answer, verdict):
    server.then([LOST[answer]] * 3)
    with pytest.raises(DecodeError) as caught:
        await LISTINGS[listing](program).collect()
    assert (caught.value.attempts, caught.value.applied) == (3, False)
    assert not server.script
    verdict(f"A7 200, {answer}", "read", "yes", 0, "no answer, 3 attempts", "DecodeError")


async def test_a_listing_whose_answer_was_lost_once_is_read_again(server, program):
    server.history = [{"id": TRANSACTION, "amount": 5, "status": "completed"}]
    server.then([LOST["no length, FIN"]])
    (row,) = await LISTINGS["history.list"](program).collect()
    assert row.id == TRANSACTION


@pytest.mark.parametrize("answer", [*EMPTY, *LOST])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST"])
async def test_any_other_route_may_be_answered_without_a_body(server, client, method, answer):
    server.then([{**EMPTY, **LOST}[answer]] * 3)
    call = client.request(method, "/loyalty/elsewhere", json=None if method == "GET" else {"a": 1})
    if answer == "a blank" and method == "POST":
        with pytest.raises(OutcomeUnknownError):
            await call
    elif answer in LOST and method == "GET":
        with pytest.raises(DecodeError):
            await call
    else:
        assert await call is None  # of a write the status is the answer
        assert len(server.arrived) == 1


# Updates ------------------------------------------------------------------------------------------------------------

UPDATES = {
    "definitions.update": lambda program: program.definitions.update(
        DEFINITION, name="Points", unit="POINTS"
    ),
    "limits.update": lambda program: program.limits.update(DEFINITION, TRANSACTION, **LIMIT),
}
MADE = {"definitions.update": DEFINITION, "limits.update": TRANSACTION}
ACKNOWLEDGED = {
    **EMPTY,
    "204 and the end of a chunked body": raw(
        CHUNKED.replace(b"200 OK", b"204 No Content") + b"\r\n0\r\n\r\n"
    ),
    "204 and the end of a body that was not announced": raw(b"HTTP/1.1 204 No Content\r\n\r\n0\r\n\r\n"),
    "OK": raw(plain_200(b"OK")),
    "true": raw(plain_200(b"true")),
    "{}": raw(plain_200(b"{}")),
    "[]": raw(plain_200(b"[]")),
}


@pytest.mark.parametrize("update", UPDATES)
@pytest.mark.parametrize("answer", ACKNOWLEDGED)
async def test_an_update_that_is_acknowledged_is_done_once_and_read_back(
    server, program, update, answer, verdict
):
    server.then(
        [ACKNOWLEDGED[answer], status(200, {"id": MADE[update], "name": "as it is now"}, commit=False)]
    )
    made = await UPDATES[update](program)
    assert made.id == MADE[update]
    assert [request.method for request in server.arrived] == ["PUT", "GET"]
    assert server.arrived[0].path == server.arrived[1].path
    assert server.writes == 1
    verdict(f"A8 {answer} to {update}", "put", "yes", 1, "applied, read back", "-")


@pytest.mark.parametrize("update", UPDATES)
async def test_an_update_that_cannot_be_read_back_says_that_it_was_applied(server, program, update):
    server.then([EMPTY["204"], refuse(404)])
    with pytest.raises(NotFoundError) as caught:
        await UPDATES[update](program)
    assert caught.value.applied is None
    assert caught.value.__notes__[1:] == ["the update was applied; only what it made could not be read back"]
    assert server.writes == 1


@pytest.mark.parametrize("answer", ACKNOWLEDGED)
async def test_a_deletion_that_is_acknowledged_is_done_once(server, program, answer):
    server.then([ACKNOWLEDGED[answer]])
    await program.definitions.delete(DEFINITION)
    assert (len(server.arrived), server.writes) == (1, 1)


async def _two_at_once(exchange):
    """The answer to this request, and the beginning of one that nobody asked for."""
    exchange.commit()
    await exchange.raw(b"HTTP/1.1 204 No Content\r\n\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n")


async def test_what_else_stands_behind_an_answer_is_not_borne(server, client):
    server.then([_two_at_once])
    with pytest.raises(Exception, match="answer was lost"):
        await client.with_options(max_attempts=1).program(PROGRAM).definitions.delete(DEFINITION)


def test_on_uvloop_too():
    uvloop = pytest.importorskip("uvloop", reason="uvloop is not installed")

    async def everything():
        async with Hostile() as server, BalanceClient(KEY, base_url=server.base_url) as client:
            for number, answer in enumerate(ACKNOWLEDGED.values(), 1):
                server.then([answer])
                await client.program(PROGRAM).definitions.delete(DEFINITION)
                assert len(server.arrived) == number

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(everything())


# In another dress ---------------------------------------------------------------------------------------------------


async def _marked(exchange):
    """With a byte order mark in front, as .NET writes it."""
    exchange.commit()
    _, body = truth(exchange.request, exchange.server)
    await exchange.raw(plain_200(b"\xef\xbb\xbf" + json.dumps(body).encode()))


async def test_a_byte_order_mark_is_no_part_of_the_answer(server, client, program):
    server.otherwise = _marked
    whom = {"balance_definition_id": DEFINITION, "contact_id": 42}
    draft = await program.transactions.begin(**whom, amount=1, meta={"reference": "a"})
    assert (await program.transactions.complete(draft)).status == "completed"
    assert (await program.definitions.update(DEFINITION, name="P", unit="POINTS")).name == "P"
    assert await program.history.list(**whom).collect() == []
    assert (await client.request("POST", "/elsewhere", json={"a": 1}))["a"] == 1
    assert set(server.asked.values()) == {1}


async def test_a_refusal_behind_a_byte_order_mark_is_brevos(server, program):
    told = b'\xef\xbb\xbf{"code": "document_not_found", "message": "no such transaction"}'
    server.then([raw(plain_200(told).replace(b"200 OK", b"404 Not Found"), commit=False)])
    with pytest.raises(NotFoundError, match="no such transaction") as caught:
        await program.transactions.complete(TRANSACTION)
    assert caught.value.code == "document_not_found"


async def test_an_empty_map_may_come_as_an_empty_list(server, program):
    whom = {"balance_definition_id": DEFINITION, "contact_id": 42}
    server.then([status(200, {"id": TRANSACTION, "status": "draft", "meta": []})])
    assert (await program.transactions.begin(**whom, amount=1, meta={})).meta == {}
    server.then([status(200, {"id": TRANSACTION, "status": "draft", "meta": {"cart": []}})])
    assert (await program.transactions.begin(**whom, amount=1, meta={"cart": {}})).meta == {"cart": []}
    server.history = [
        {"id": TRANSACTION, "meta": [], "status": "completed"},
        {"id": DEFINITION, "meta": {"a": 1}, "status": "completed"},
    ]
    rows = await program.history.list(**whom).collect()
    assert [row.meta for row in rows] == [{}, {"a": 1}]
    server.history = [{"id": TRANSACTION, "meta": [1]}]
    with pytest.raises(DecodeError, match="meta"):
        await program.history.list(**whom).collect()


async def test_an_honest_server_is_asked_once(server, program):
    server.then([honest])
    await UPDATES["definitions.update"](program)
    assert len(server.arrived) == 1
