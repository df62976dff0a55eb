"""What may be believed of an answer, and what becomes of the connection it came on."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from contextlib import suppress

import aiohttp
import brotli
import pytest
from clocks import AutoClock, turns
from hostile import (
    DEFINITION,
    PROGRAM,
    TRANSACTION,
    Hostile,
    again,
    hang_up,
    honest,
    plain_200,
    refuse,
    status,
    truth,
)
from scenario import CALLS, KEY, UNSAFE, at_rest, begin

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


def told(code, *headers):
    """Brevo's refusal, as bytes."""
    return plain_200(b'{"code":"no","message":"no"}', *headers).replace(b"200 OK", b"%d No" % code)


STRAYS = {
    "34 stray 408": b"HTTP/1.1 408 Request Time-out\r\ncontent-length: 0\r\n\r\n",
    "35 stray 200": plain_200(json.dumps(STRANGER).encode()),
    "35b stray 200 that could be anybody's": plain_200(b"{}"),
    "35c stray 204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "35d stray 401": told(401),
    "35e stray 422": told(422),
    "35f stray 425": told(425),
    "35g stray 429": told(429, "retry-after: 0"),
}


@pytest.mark.parametrize("stray", STRAYS)
@pytest.mark.parametrize("kind", CALLS)
async def test_a_stray_answer_is_never_believed_and_its_connection_is_closed(connect, kind, stray, verdict):
    # What a connection says while it idles is the answer to nothing that we sent on it.
    async with Hostile() as server:
        client = await connect(server, max_attempts=1)
        program = client.program(PROGRAM)
        await CALLS["read"](program)
        await server.whisper(STRAYS[stray])
        server.arrived.clear()
        made = await CALLS[kind](program)
        assert kind == "delete" or made.id != STRANGER["id"]
        assert len(server.arrived) == 1
        assert server.connections == 2
        assert set(server.applied.values()) <= {1}
        at_rest(client)
        verdict(f"{stray} on a pooled connection", kind, "no", server.writes, "another connection", "-")


@pytest.mark.parametrize("stray", STRAYS)
@pytest.mark.parametrize("operation", [*UNSAFE, "client.request"])
async def test_nothing_that_happens_twice_leaves_where_a_stray_answer_waits(connect, operation, stray):
    # Were it believed, a 408, 425, 429 (and a 401, with keys that renew) would send the write a second time.
    async with Hostile() as server:
        client = await connect(server)
        program = client.program(PROGRAM)
        await CALLS["read"](program)
        await server.whisper(STRAYS[stray])
        if operation == "client.request":
            made = await client.request("POST", "/elsewhere", json={"meta": {"reference": "free"}})
            assert made["meta"] == {"reference": "free"}
        else:
            assert (await UNSAFE[operation](program)).id != STRANGER["id"]
        assert (len(server.arrived), server.connections) == (2, 2)
        assert set(server.asked.values()) == {1}
        at_rest(client)


@pytest.mark.parametrize("stray", STRAYS)
@pytest.mark.parametrize("end", ["complete", "cancel"])
async def test_a_hold_between_stray_answers_is_one_draft_with_one_end(connect, end, stray):
    async with Hostile() as server:
        client = await connect(server)
        await CALLS["read"](client.program(PROGRAM))
        await server.whisper(STRAYS[stray])
        hold = client.program(PROGRAM).transactions.hold(
            balance_definition_id=DEFINITION, contact_id=42, amount=1, meta={"reference": "held"}
        )
        with suppress(LookupError):
            async with hold as draft:
                await server.whisper(STRAYS[stray])
                if end == "cancel":
                    raise LookupError
        assert hold.result.id == draft.id != STRANGER["id"]
        assert [request.path.rpartition("/")[2] for request in server.arrived[1:]] == ["transactions", end]
        assert set(server.asked.values()) == {1}
        assert server.connections == 3


class Renewing:
    """Credentials that ask to be tried once more after a 401, with other headers."""

    def __init__(self):
        self.age = 0

    async def headers(self):
        return {"api-key": f"key-number-{self.age}"}

    async def renew(self):
        self.age += 1


async def test_a_stray_401_does_not_renew_keys_and_send_again():
    async with Hostile() as server:
        mine = Renewing()
        async with BalanceClient(credentials=mine, base_url=server.base_url, max_connections=1) as client:
            await CALLS["read"](client.program(PROGRAM))
            await server.whisper(told(401))
            await begin(client.program(PROGRAM))
        assert mine.age == 0
        assert server.asked == {"r1": 1}


@pytest.mark.parametrize(
    "second",
    [
        status(200, STRANGER, commit=False),
        refuse(429, headers={"retry-after": "0"}),
        refuse(425),
        refuse(401),
        status(408, commit=False),
    ],
    ids=["200", "429", "425", "401", "408"],
)
async def test_a_server_that_answers_one_begin_twice(connect, second):
    async with Hostile([again(second)]) as server:
        client = await connect(server)
        program = client.program(PROGRAM)
        first = await begin(program, "r0")
        await server.said.wait()
        await turns()  # it has to travel to the client
        next_one = await begin(program, "r1")
        assert first.id != next_one.id
        assert next_one.meta == {"reference": "r1"}
        assert [request.reference for request in server.arrived] == ["r0", "r1"]
        assert server.connections == 2
        at_rest(client)


async def test_strays_by_the_hundred_credit_nobody_twice(connect, session_kind):
    rounds = 1_000 if session_kind == "own session" else 200
    async with Hostile() as server:
        client = await connect(server)
        program = client.program(PROGRAM)
        for number in range(rounds):
            made = await begin(program, f"r{number}")
            assert made.meta == {"reference": f"r{number}"}
            if number % 2:
                await server.whisper(told(429, "retry-after: 0"))
        assert set(server.applied.values()) == {1}
        assert server.connections == rounds // 2  # each second call left the one where a stray waited


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
        await turns()  # the end of the connection has to travel to the client
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


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
async def test_an_answer_before_the_whole_request_has_left_leaves_no_connection_behind():
    gone = asyncio.Event()

    async def answer_at_once(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(plain_200(b"{}"))
        with suppress(ConnectionError):
            await reader.read()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        gone.set()

    async with await asyncio.start_server(answer_at_once, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with BalanceClient(KEY, base_url=f"http://127.0.0.1:{port}/v3") as client:
            assert await client.request("POST", "/loyalty/elsewhere", json="x" * 12_000_000) == {}
            at_rest(client)
        await gone.wait()
