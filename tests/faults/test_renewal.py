"""Any 401 makes renewable credentials renew, whatever its body; a crowd renews them once."""

from __future__ import annotations

import asyncio

import pytest
from clocks import AutoClock, turns
from hostile import DEFINITION, PROGRAM, TRANSACTION, Hostile, hang_up, refuse, status
from scenario import CALLS, KEY, at_rest, begin
from test_oauth import OAuth
from test_oauth import connect as connect_oauth

from brevo_balance_async import AuthenticationError, BalanceClient, OutcomeUnknownError, Transaction

EXPLAINED = {
    "Brevo's own": refuse(401),
    "RFC 6749": status(401, {"error": "invalid_token"}, commit=False),
    "RFC 6750": status(401, commit=False, headers={"www-authenticate": 'Bearer error="invalid_token"'}),
    "RFC 6750, HTML": status(401, b"<html>no</html>", commit=False, headers={"WWW-Authenticate": "Bearer"}),
}
SILENT = {
    "empty": status(401, commit=False),
    "HTML": status(401, b"<html>Unauthorized</html>", commit=False),
    "a list": status(401, ["invalid_token"], commit=False),
    "another object": status(401, {"error": {"code": 7}, "path": "/v3"}, commit=False),
    "no UTF-8": status(401, b'{"error": "\xff"}', commit=False),
}


@pytest.fixture
async def server():
    async with OAuth() as server:
        yield server


@pytest.mark.parametrize("how", EXPLAINED)
@pytest.mark.parametrize("kind", CALLS)
async def test_an_explained_401_renews_the_token_and_everything_goes_on_at_once(server, kind, how, verdict):
    clock = AutoClock()
    async with connect_oauth(server, clock=clock, max_attempts=1) as client:
        await CALLS["read"](client.program(PROGRAM))
        started = clock.now
        server.then([EXPLAINED[how], server.route, server.route])
        await CALLS[kind](client.program(PROGRAM))
        assert clock.now == started
        assert server.fetched == 2
        assert server.calls[-1].headers["authorization"] == "Bearer token-canary-0002"
        assert server.writes == (kind != "read")
        at_rest(client)
    verdict(f"B14 401, {how}, a token that can be renewed", kind, "yes", server.writes, "renewed, ok", "-")


@pytest.mark.parametrize("how", SILENT)
@pytest.mark.parametrize("kind", CALLS)
async def test_a_silent_401_drops_the_token_and_is_doubt_for_what_must_not_happen_twice(server, kind, how):
    async with connect_oauth(server, max_attempts=1) as client:
        await CALLS["read"](client.program(PROGRAM))
        server.then([SILENT[how], server.route, server.route])
        if kind == "unsafe":
            with pytest.raises(OutcomeUnknownError) as caught:
                await CALLS[kind](client.program(PROGRAM))
            assert (caught.value.status, caught.value.attempts) == (401, 1)
            assert server.fetched == 1
            await CALLS["read"](client.program(PROGRAM))
        else:
            await CALLS[kind](client.program(PROGRAM))
        assert server.fetched == 2
        assert server.calls[-1].headers["authorization"] == "Bearer token-canary-0002"
        at_rest(client)


@pytest.mark.parametrize("kind", CALLS)
async def test_a_call_renews_once_and_then_says_what_the_server_said(server, kind):
    async with connect_oauth(server, max_attempts=1) as client:
        server.then([server.route, EXPLAINED["RFC 6749"], server.route, EXPLAINED["RFC 6749"]])
        with pytest.raises(AuthenticationError, match="invalid_token") as caught:
            await CALLS[kind](client.program(PROGRAM))
        assert (caught.value.code, caught.value.attempts, caught.value.explained) == (
            "invalid_token",
            2,
            True,
        )
        assert server.fetched == 2
        await CALLS[kind](client.program(PROGRAM))
        assert server.calls[-1].headers["authorization"] == "Bearer token-canary-0003"


async def test_a_401_to_a_second_asking_keeps_the_doubt_of_the_first(server):
    draft = Transaction(id=TRANSACTION, contact_id=42, balance_definition_id=DEFINITION, status="draft")
    async with connect_oauth(server) as client:
        server.then([server.route, hang_up(commit=True), SILENT["empty"]])
        server.history = [{"id": TRANSACTION, "status": "completed", "createdAt": "2026-11-20T10:00:00Z"}]
        done = await client.program(PROGRAM).transactions.complete(draft)
        assert done.status == "completed"
        assert (
            server.applied[f"POST /v3/loyalty/balance/programs/{PROGRAM}/transactions/{TRANSACTION}/complete"]
            == 1
        )


@pytest.mark.parametrize("how", ["RFC 6749", "empty"])
async def test_fifty_calls_with_one_stale_token_make_one_renewal(server, how):
    refusal = {**EXPLAINED, **SILENT}[how]
    together = asyncio.Event()
    stale = "Bearer token-canary-0001"

    async def route(exchange):
        if exchange.request.headers.get("authorization") != stale or server.tokens == 0:
            await server.route(exchange)
            return
        if sum(each.headers.get("authorization") == stale for each in server.calls) == 51:
            together.set()
        await together.wait()
        await refusal(exchange)

    async with connect_oauth(server) as client:
        client._requester.shared.gate._window.no_headers = True  # or the fifth would wait for an answer
        program = client.program(PROGRAM)
        await CALLS["read"](program)
        server.otherwise = route
        await asyncio.gather(*[CALLS["read" if how == "empty" else "unsafe"](program) for _ in range(50)])
    assert server.fetched == 2
    assert len(server.calls) == 1 + 50 + 50


class Rotating:
    """Credentials of a user's own that take their time to renew."""

    def __init__(self):
        self.number = 1
        self.renewals = 0

    async def headers(self):
        await asyncio.sleep(0)
        return {"api-key": f"key-number-{self.number:04d}"}

    async def renew(self):
        self.renewals += 1
        await turns()
        self.number += 1


@pytest.mark.parametrize("how", ["RFC 6749", "empty"])
async def test_fifty_calls_make_one_renewal_of_a_users_own_credentials_too(how):
    refusal = {**EXPLAINED, **SILENT}[how]
    mine = Rotating()
    together = asyncio.Event()

    async def route(exchange):
        if exchange.request.headers["api-key"] != "key-number-0001":
            await exchange.answer(200, {"id": DEFINITION})
            return
        if len(exchange.server.arrived) == 50:
            together.set()
        await together.wait()
        await refusal(exchange)

    async with Hostile(otherwise=route) as server:
        async with BalanceClient(credentials=mine, base_url=server.base_url) as client:
            client._requester.shared.gate._window.no_headers = True
            await asyncio.gather(*[CALLS["read"](client.program(PROGRAM)) for _ in range(50)])
    assert mine.renewals == 1
    assert len(server.arrived) == 100


@pytest.mark.parametrize("how", [*EXPLAINED, *SILENT])
async def test_a_key_that_cannot_be_renewed_is_sent_once_more_for_nobody(how):
    async with Hostile([{**EXPLAINED, **SILENT}[how]]) as server:
        async with BalanceClient(KEY, base_url=server.base_url, clock=AutoClock()) as client:
            with pytest.raises(AuthenticationError if how in EXPLAINED else OutcomeUnknownError) as caught:
                await begin(client.program(PROGRAM))
    assert (caught.value.status, len(server.arrived)) == (401, 1)
