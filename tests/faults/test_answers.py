"""What may be believed of an answer, and what becomes of the connection it came on."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib

import aiohttp
import brotli
import pytest
from clocks import AutoClock
from hostile import (
    DEFINITION,
    PROGRAM,
    TRANSACTION,
    Hostile,
    hang_up,
    honest,
    plain_200,
    refuse,
    status,
    truth,
)
from scenario import CALLS, KEY, at_rest, begin

from brevo_balance_async import (
    BalanceClient,
    BalanceError,
    DecodeError,
    NotFoundError,
    OutcomeUnknownError,
    ResponseError,
    TransportError,
    UnprocessableError,
)
from brevo_balance_async.hooks import AttemptStarted

STRANGER = {
    "id": "0197e3c2-0000-7000-8000-00000000ffff",
    "contactId": 7,
    "balanceDefinitionId": DEFINITION,
    "meta": {"reference": "somebody else"},
    "status": "completed",
}


@pytest.fixture(params=["own session", "borrowed session"])
def session_kind(request):
    return request.param


@pytest.fixture
async def connect(session_kind):
    """Makes clients on a session of their own, or on one that is borrowed; one connection, no waits."""
    opened = []

    async def make(server, **options):
        options = {"clock": AutoClock(), **options}
        if session_kind == "borrowed session":
            session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1))
            opened.append(session)
            client = BalanceClient(KEY, base_url=server.base_url, session=session, **options)
        else:
            client = BalanceClient(KEY, base_url=server.base_url, max_connections=1, **options)
        await client.__aenter__()
        opened.append(client)
        return client

    yield make
    for one in reversed(opened):
        await one.close()


@pytest.mark.parametrize("kind", ["unsafe", "guarded", "read", "put"])
async def test_a_stray_200_is_never_believed_and_its_connection_is_closed(connect, kind, verdict):
    stray = plain_200(json.dumps(STRANGER).encode())
    async with Hostile() as server:
        client = await connect(server, max_attempts=1)
        program = client.program(PROGRAM)
        await CALLS["read"](program)
        await server.whisper(stray)
        with pytest.raises(BalanceError) as caught:
            await CALLS[kind](program)
        if kind in {"unsafe", "guarded"}:
            assert type(caught.value) is OutcomeUnknownError
            assert type(caught.value.cause) is DecodeError
        else:
            assert type(caught.value) is DecodeError
        assert STRANGER["id"] in str(caught.value) or "contact_id" in str(caught.value)
        assert (await CALLS["read"](program)).id == DEFINITION
        assert server.connections == 2
        at_rest(client)
        verdict(
            "35 stray 200 on a pooled connection",
            kind,
            "yes",
            server.writes,
            "not believed",
            caught.type.__name__,
        )


async def test_strays_by_the_hundred_credit_nobody_twice(connect):
    stray = plain_200(json.dumps(STRANGER).encode())
    async with Hostile() as server:
        client = await connect(server)
        program = client.program(PROGRAM)
        unknown = 0
        for number in range(200):
            try:
                made = await begin(program, f"r{number}")
            except OutcomeUnknownError:
                unknown += 1
            else:
                assert made.id != STRANGER["id"]
                assert made.meta == {"reference": f"r{number}"}
                await server.whisper(stray)
        assert unknown == 100  # every second call meets the stray behind the call before it
        assert max(server.applied.values()) == 1


async def test_an_unsolicited_408_leaves_no_answer_for_the_next_call(connect, verdict):
    # What a load balancer says to a connection that has idled too long.
    idle = b"HTTP/1.1 408 Request Time-out\r\ncontent-length: 0\r\n\r\n"
    async with Hostile() as server:
        client = await connect(server)
        program = client.program(PROGRAM)
        await CALLS["read"](program)
        await server.whisper(idle)
        with pytest.raises(OutcomeUnknownError) as caught:
            await begin(program, "first")
        assert caught.value.status == 408
        made = await begin(program, "second")
        assert made.meta == {"reference": "second"}
        assert server.connections == 2
        assert server.applied["second"] == 1
        verdict("34 stray 408 on a pooled connection", "unsafe", "yes", 1, "unknown", "OutcomeUnknownError")


async def test_the_right_id_with_another_reference_is_not_believed(connect):
    async def impostor(exchange):
        exchange.commit()
        code, body = truth(exchange.request, exchange.server)
        await exchange.answer(code, {**body, "meta": {"reference": "another"}})

    async with Hostile([impostor]) as server:
        client = await connect(server)
        with pytest.raises(OutcomeUnknownError, match="another 'reference'"):
            await begin(client.program(PROGRAM))
        await CALLS["read"](client.program(PROGRAM))
        assert server.connections == 2


async def test_absent_fields_rounded_amounts_and_old_words_are_no_mismatch(connect):
    async def terse(exchange):
        exchange.commit()
        await exchange.answer(200, {"id": TRANSACTION, "amount": 12, "status": "pending"})

    async with Hostile([terse]) as server:
        client = await connect(server)
        made = await begin(client.program(PROGRAM))
        assert (made.id, str(made.amount), made.status) == (TRANSACTION, "12", "draft")


async def test_a_connection_that_died_idle_costs_no_attempt(connect):
    async def last_words(exchange):
        await honest(exchange)
        exchange.fin()

    async with Hostile([last_words]) as server:
        client = await connect(server)
        program = client.program(PROGRAM)
        await CALLS["read"](program)
        await server.until_closed()
        await asyncio.sleep(0.05)  # the end of the connection has to travel to the client
        await begin(program)
        assert len(server.arrived) == 2
        assert server.writes == 1


@pytest.mark.parametrize("reset", [False, True], ids=["FIN", "RST"])
@pytest.mark.parametrize("warm", [False, True], ids=["fresh", "pooled"])
@pytest.mark.parametrize("kind", CALLS)
async def test_aiohttp_sends_nothing_again_by_itself(connect, kind, warm, reset):
    async with Hostile() as server:
        seen = []
        client = await connect(server, max_attempts=1, hooks=[seen.append])
        program = client.program(PROGRAM)
        if warm:
            await CALLS["read"](program)
        server.arrived.clear()
        seen.clear()
        server.then([hang_up(commit=True, reset=reset)])
        with pytest.raises(TransportError if kind not in {"unsafe", "guarded"} else OutcomeUnknownError):
            await CALLS[kind](program)
        assert len(server.arrived) == 1
        assert sum(isinstance(event, AttemptStarted) for event in seen) == 1


@pytest.mark.parametrize("kind", ["read", "put", "delete"])
async def test_a_hang_up_is_answered_by_one_attempt_more_that_is_counted(connect, kind):
    async with Hostile([hang_up(commit=True)]) as server:
        seen = []
        client = await connect(server, hooks=[seen.append])
        await CALLS[kind](client.program(PROGRAM))
        assert len(server.arrived) == 2
        assert [event.attempt for event in seen if isinstance(event, AttemptStarted)] == [1, 2]


async def test_a_404_to_the_replay_of_a_delete_is_success(connect):
    async with Hostile([hang_up(commit=True), refuse(404)]) as server:
        client = await connect(server)
        await client.program(PROGRAM).definitions.delete(DEFINITION)
        assert len(server.arrived) == 2
        server.then([refuse(404)])
        with pytest.raises(NotFoundError):
            await client.program(PROGRAM).definitions.delete(DEFINITION)


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("kind", CALLS)
async def test_redirects_are_refused_and_the_key_goes_nowhere_else(connect, kind, code):
    async with Hostile() as other, Hostile() as server:
        for target in (other.base_url + "/stolen", "/v3/elsewhere"):
            attempts = 3 if kind == "guarded" else 1
            server.arrived.clear()
            server.then([status(code, headers={"location": target})] * attempts)
            client = await connect(server)
            with pytest.raises(BalanceError, match="redirect") as caught:
                await CALLS[kind](client.program(PROGRAM))
            known = type(caught.value) is ResponseError
            assert known is (kind in {"read", "put", "delete"})
            assert len(server.arrived) == attempts
            assert {request.path.rpartition("/")[2] for request in server.arrived}.isdisjoint({"elsewhere"})
            assert other.arrived == []
            assert other.connections == 0


async def test_a_refusal_with_a_long_text_is_still_a_refusal(connect):
    # An error that keeps the start of the body only must not forget that the whole of it was Brevo's.
    async with Hostile([refuse(422, "field amount is wrong; " * 1_000)]) as server:
        client = await connect(server)
        with pytest.raises(UnprocessableError, match="field amount is wrong"):
            await begin(client.program(PROGRAM))


class Broken(aiohttp.TCPConnector):
    """Fails in plain Python, so that what its caller handles becomes the context of the failure."""

    async def connect(self, *_, **__):
        raise aiohttp.ClientConnectionError("broken")


async def test_a_failure_in_an_except_block_leaves_what_is_handled_there_whole():
    async with (
        Broken() as connector,
        BalanceClient(KEY, connector=connector, clock=AutoClock()) as client,
    ):
        try:
            raise LookupError
        except LookupError as error:
            mine = error
            with pytest.raises(TransportError) as caught:
                await CALLS["read"](client.program(PROGRAM))
        assert caught.value.__cause__.__context__ is mine
        assert mine.__traceback__ is not None


def _chunked(body):
    return b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


@pytest.mark.parametrize(
    "answer",
    [
        plain_200(b'"%s"' % (b"x" * 20_000)),
        _chunked(b'"%s"' % (b"x" * 20_000)),
        plain_200(gzip.compress(b'"%s"' % (b"x" * 10_000_000)), "content-encoding: gzip"),
        plain_200(brotli.compress(b'"%s"' % (b"x" * 10_000_000)), "content-encoding: br"),
    ],
    ids=["told", "chunked", "gzip bomb", "brotli bomb"],
)
@pytest.mark.parametrize("kind", ["read", "unsafe"])
async def test_an_answer_may_not_be_larger_than_max_body(connect, answer, kind):
    async def effect(exchange):
        exchange.commit()
        await exchange.raw(answer)

    async with Hostile([effect]) as server:
        seen = []
        client = await connect(server, max_body=10_000, hooks=[seen.append])
        program = client.program(PROGRAM)
        with pytest.raises(BalanceError, match="larger than 10,000 bytes") as caught:
            await CALLS[kind](program)
        assert type(caught.value) is (OutcomeUnknownError if kind == "unsafe" else DecodeError)
        assert [type(event).__name__ for event in seen][:2] == ["AttemptStarted", "AttemptFailed"]
        assert len(server.arrived) == 1
        await CALLS["read"](program)
        at_rest(client)


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("br", brotli.compress)],
)
async def test_compressed_answers_are_read(connect, encoding, compress):
    async def effect(exchange):
        _, body = truth(exchange.request, exchange.server)
        assert encoding in exchange.request.headers["accept-encoding"]
        await exchange.raw(plain_200(compress(json.dumps(body).encode()), f"content-encoding: {encoding}"))

    async with Hostile([effect]) as server:
        client = await connect(server)
        assert (await CALLS["read"](client.program(PROGRAM))).id == DEFINITION
