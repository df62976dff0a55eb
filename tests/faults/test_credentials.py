"""Credentials of a user's own: they hide nothing that may have been applied, and send nothing with rubbish."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from clocks import AutoClock, ManualClock, until
from hostile import DEFINITION, PROGRAM, TRANSACTION, Hostile, hang_up, refuse, stall
from scenario import CALLS, KEY, at_rest, begin, no_tasks_but

from brevo_balance_async import (
    AuthenticationError,
    BalanceClient,
    ClientStateError,
    InvalidRequestError,
    OutcomeUnknownError,
    RequestTimeoutError,
    Transaction,
    TransportError,
)
from brevo_balance_async.hooks import OutcomeUnknown

DRAFT = Transaction(id=TRANSACTION, contact_id=42, balance_definition_id=DEFINITION, status="draft")
GOOD = {"api-key": KEY}


class Script:
    """Gives, raises or awaits what stands next in its script; then good headers for ever."""

    def __init__(self, *script):
        self.script = list(script)
        self.asked = 0

    async def headers(self):
        self.asked += 1
        step = self.script.pop(0) if self.script else GOOD
        if isinstance(step, BaseException):
            raise step
        return await step() if callable(step) else step


class Renewing(Script):
    """The same, and can renew."""

    def __init__(self, *script, renew=None):
        super().__init__(*script)
        self.renewed = 0
        self.how = renew

    async def renew(self):
        self.renewed += 1
        if isinstance(self.how, BaseException):
            raise self.how
        if self.how is not None:
            await self.how()


class VaultError(Exception):
    """Not ours."""


def connect(server, credentials, events=None, **options):
    return BalanceClient(
        credentials=credentials,
        base_url=server.base_url,
        hooks=[] if events is None else [events.append],
        **{"clock": AutoClock(), **options},
    )


def unknown(events):
    return [event for event in events if isinstance(event, OutcomeUnknown)]


# What they raise -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["complete", "cancel"])
async def test_a_foreign_exception_after_doubt_does_not_hide_it(server, events, verb):
    vault = VaultError("sealed")
    server.then([hang_up(commit=True)])
    async with connect(server, Script(GOOD, vault), events) as client:
        with pytest.raises(OutcomeUnknownError, match=TRANSACTION) as caught:
            await getattr(client.program(PROGRAM).transactions, verb)(TRANSACTION)
        assert caught.value.__cause__ is vault
        assert type(caught.value.cause) is TransportError
        assert caught.value.attempts == 1
        (told,) = unknown(events)
        assert (told.cancelled, told.attempt) == (False, 1)
        assert told.error is caught.value.cause
        assert server.asked.total() == 1
        at_rest(client)


async def test_and_history_may_settle_it(server, events):
    server.then([hang_up(commit=True)])
    server.history = [{"id": TRANSACTION, "status": "completed", "createdAt": "2026-11-20T10:00:00Z"}]
    async with connect(server, Script(GOOD, VaultError("sealed")), events) as client:
        done = await client.program(PROGRAM).transactions.complete(DRAFT)
    assert done.status == "completed"
    assert unknown(events) == []


@pytest.mark.parametrize("kind", ["read", "put", "delete"])
async def test_where_nothing_can_happen_twice_it_is_simply_theirs(server, events, kind):
    vault = VaultError("sealed")
    server.then([hang_up(commit=True)])
    async with connect(server, Script(GOOD, vault), events) as client:
        with pytest.raises(VaultError) as caught:
            await CALLS[kind](client.program(PROGRAM))
        assert caught.value is vault
        assert unknown(events) == []
        at_rest(client)


@pytest.mark.parametrize("error", [VaultError("x"), TimeoutError("x")], ids=repr)
async def test_whatever_fails_in_renewing_after_doubt_keeps_the_doubt(server, events, error):
    server.then([hang_up(commit=True), refuse(401)])
    async with connect(server, Renewing(renew=error), events) as client:
        with pytest.raises(OutcomeUnknownError):
            await client.program(PROGRAM).transactions.complete(TRANSACTION)
        assert len(unknown(events)) == 1
        at_rest(client)


async def test_a_cancellation_of_their_own_after_doubt_is_told(server, events):
    server.then([hang_up(commit=True)])
    async with connect(server, Script(GOOD, asyncio.CancelledError()), events) as client:
        with pytest.raises(asyncio.CancelledError):
            await client.program(PROGRAM).transactions.complete(TRANSACTION)
        assert [event.cancelled for event in unknown(events)] == [True]


# What they give ------------------------------------------------------------------------------------------------

RUBBISH = {
    "None": None,
    "a list": [("api-key", "x" * 20)],
    "a string": "api-key",
    "a number for a name": {1: "x" * 20},
    "a blank in a name": {"api key": "x" * 20},
    "a newline in a name": {"api\nkey": "x" * 20},
    "a colon in a name": {"api-key:": "x" * 20},
    "no name": {"": "x" * 20},
    "a newline in a value": {"api-key": "a\r\nx-evil: 1"},
    "bytes": {"api-key": b"x" * 20},
    "None for a value": {"api-key": None},
    "not ASCII": {"api-key": "ümlaut"},
    "content-length": {"Content-Length": "3"},
    "transfer-encoding": {"transfer-encoding": "chunked"},
    "host": {"HOST": "evil.example.com"},
    "connection": {"connection": "close"},
    "content-type": {"content-type": "text/plain"},
}


@pytest.mark.parametrize("given", RUBBISH)
@pytest.mark.parametrize("kind", ["read", "guarded", "unsafe"])
async def test_what_no_request_can_carry_is_refused_and_nothing_is_sent(server, events, kind, given):
    async with connect(server, Script(RUBBISH[given]), events) as client:
        with pytest.raises(InvalidRequestError, match=r"credentials: headers\(\)") as caught:
            await CALLS[kind](client.program(PROGRAM))
        assert caught.value.attempts == 0
        assert caught.value.argument == "credentials"
        assert events == []
        assert server.connections == 0
        at_rest(client)
        await CALLS[kind](client.program(PROGRAM))


async def test_rubbish_after_doubt_keeps_the_doubt(server, events):
    server.then([hang_up(commit=True)])
    async with connect(server, Script(GOOD, None), events) as client:
        with pytest.raises(OutcomeUnknownError):
            await client.program(PROGRAM).transactions.complete(TRANSACTION)
        assert len(unknown(events)) == 1
    assert server.asked.total() == 1


@pytest.mark.parametrize("proxy", ["nonsense", "socks5://127.0.0.1:1", "ftp://127.0.0.1", "http://", 7, ""])
def test_a_proxy_that_nobody_can_use_is_refused_on_construction(proxy):
    with pytest.raises(InvalidRequestError, match=r"^proxy"):
        BalanceClient(KEY, proxy=proxy)


class Picky(aiohttp.TCPConnector):
    """aiohttp refuses the request for a reason that we did not foresee."""

    def __init__(self, error):
        super().__init__()
        self.error = error

    async def connect(self, *_, **__):
        raise self.error


@pytest.mark.parametrize("error", [ValueError("no such thing"), TypeError("nor that")], ids=repr)
@pytest.mark.parametrize("kind", CALLS)
async def test_what_aiohttp_cannot_send_was_not_sent_and_is_not_tried_again(kind, error, events):
    async with Hostile() as server, Picky(error) as connector:
        async with BalanceClient(
            KEY, base_url=server.base_url, connector=connector, clock=AutoClock(), hooks=[events.append]
        ) as client:
            with pytest.raises(InvalidRequestError, match="aiohttp cannot send it") as caught:
                await CALLS[kind](client.program(PROGRAM))
            assert caught.value.__cause__ is error
            assert caught.value.attempts == 1
            assert unknown(events) == []
            assert client._requester.shared.gate.in_flight == 0
        assert server.connections == 0


# One renewal, beside max_attempts -------------------------------------------------------------------------------


@pytest.mark.parametrize("max_attempts", [1, 3])
@pytest.mark.parametrize("kind", CALLS)
async def test_there_is_one_renewal_whatever_max_attempts_says(server, kind, max_attempts):
    fresh = {"api-key": "fresh-0123456789"}
    async with connect(server, Renewing(GOOD, GOOD, fresh), max_attempts=max_attempts) as client:
        server.then([refuse(401)])
        await CALLS[kind](client.program(PROGRAM))
        assert len(server.arrived) == 2
        server.arrived.clear()
        server.then([refuse(401)] * 2)
        with pytest.raises(AuthenticationError) as caught:
            await CALLS[kind](client.program(PROGRAM))
        assert (caught.value.attempts, len(server.arrived)) == (2, 2)


# Closing ---------------------------------------------------------------------------------------------------------


async def hang():
    await asyncio.Event().wait()


@pytest.mark.parametrize("timeout", [None, 30])
@pytest.mark.parametrize("kind", CALLS)
async def test_closing_ends_a_call_that_waits_for_headers(server, kind, timeout):
    before = asyncio.all_tasks()
    mine = Script(hang)
    async with connect(server, mine, timeout=timeout) as client:
        call = asyncio.ensure_future(CALLS[kind](client.program(PROGRAM)))
        await until(lambda: mine.asked)
    with pytest.raises(ClientStateError, match="closed"):
        await asyncio.wait_for(call, 5)
    assert mine.asked == 1
    assert server.connections == 0
    at_rest(client)
    await no_tasks_but(before)


@pytest.mark.parametrize("kind", CALLS)
async def test_closing_ends_a_call_that_waits_for_a_renewal(server, kind):
    mine = Renewing(renew=hang)
    server.then([refuse(401)])
    async with connect(server, mine, timeout=None) as client:
        call = asyncio.ensure_future(CALLS[kind](client.program(PROGRAM)))
        while not mine.renewed:
            await asyncio.sleep(0)
    with pytest.raises(ClientStateError, match="closed"):
        await asyncio.wait_for(call, 5)
    assert (mine.asked, mine.renewed) == (2, 1)
    assert len(server.arrived) == 1


@pytest.mark.parametrize("kind", ["read", "put", "delete", "guarded"])
async def test_after_closing_credentials_are_not_asked_any_more(server, kind):
    mine = Renewing()
    server.then([hang_up(commit=True)])
    async with connect(server, mine, clock=ManualClock()) as client:
        call = asyncio.ensure_future(CALLS[kind](client.program(PROGRAM)))
        await until(lambda: client._requester.shared.sleepers)
    with pytest.raises(OutcomeUnknownError if kind == "guarded" else ClientStateError):
        await asyncio.wait_for(call, 5)
    with pytest.raises(ClientStateError):
        await CALLS[kind](client.program(PROGRAM))
    assert (mine.asked, mine.renewed) == (1, 0)


async def test_closing_during_an_answer_of_401_asks_for_no_renewal(server):
    mine = Renewing()
    server.then([stall()])
    async with connect(server, mine) as client:
        call = asyncio.ensure_future(begin(client.program(PROGRAM)))
        await server.until_arrived(1)
    with pytest.raises(OutcomeUnknownError):
        await asyncio.wait_for(call, 5)
    assert (mine.asked, mine.renewed) == (1, 0)


async def test_the_calls_own_time_ends_slow_credentials(server):
    async with connect(server, Script(hang), clock=None) as client:
        with pytest.raises(RequestTimeoutError, match="credentials did not come in time") as caught:
            await client.program(PROGRAM).transactions.complete(TRANSACTION, timeout=0.05)
        assert (caught.value.sent, caught.value.attempts) == (False, 0)
        at_rest(client)
