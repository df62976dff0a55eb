"""A session handed in stays its owner's: nothing is stored on it, nothing is closed, and less is known."""

from __future__ import annotations

import asyncio
import gzip
import json

import aiohttp
import pytest
from clocks import AutoClock
from hostile import DEFINITION, PROGRAM, Hostile, plain_200, raw, refuse, stall
from scenario import CALLS, KEY, begin, free_port

from brevo_balance_async import (
    BalanceClient,
    ClientStateError,
    ConnectFailedError,
    OutcomeUnknownError,
    RequestTimeoutError,
)


async def test_nothing_is_stored_on_it_and_it_stays_open():
    async with Hostile() as server, aiohttp.ClientSession(headers={"x-owner": "me"}) as session:
        async with BalanceClient(KEY, base_url=server.base_url, session=session) as client:
            await begin(client.program(PROGRAM))
        assert not session.closed
        assert dict(session.headers) == {"x-owner": "me"}
        async with session.get(server.base_url + "/mine") as answer:
            await answer.read()
        ours, theirs = server.arrived
        assert ours.headers["api-key"] == KEY
        assert ours.headers["user-agent"].startswith("brevo-balance-async/")
        assert "api-key" not in theirs.headers
        assert "aiohttp" in theirs.headers["user-agent"]


@pytest.mark.parametrize(
    "defaults", [{"headers": {"Content-Type": "text/plain"}}, {"skip_auto_headers": ["Content-Type"]}]
)
async def test_its_own_headers_do_not_relabel_a_body(defaults):
    async with Hostile() as server, aiohttp.ClientSession(**defaults) as session:
        async with BalanceClient(KEY, base_url=server.base_url, session=session) as client:
            await begin(client.program(PROGRAM))
    assert server.arrived[0].headers["content-type"] == "application/json"


async def test_its_own_raise_for_status_redirects_and_timeouts_do_not_count():
    options = {"raise_for_status": True, "timeout": aiohttp.ClientTimeout(total=0.001)}
    async with Hostile() as server, aiohttp.ClientSession(auto_decompress=False, **options) as session:
        async with BalanceClient(KEY, base_url=server.base_url, session=session) as client:
            packed = gzip.compress(json.dumps({"id": DEFINITION}).encode())
            server.then([raw(plain_200(packed, "content-encoding: gzip")), refuse(422)])
            await CALLS["read"](client.program(PROGRAM))
            with pytest.raises(Exception, match="no") as caught:
                await begin(client.program(PROGRAM))
            assert type(caught.value).__name__ == "UnprocessableError"


async def test_a_failed_connection_is_known_not_to_have_sent_anything():
    async with aiohttp.ClientSession() as session:
        url = f"http://127.0.0.1:{free_port()}/v3"
        async with BalanceClient(KEY, base_url=url, session=session, clock=AutoClock()) as client:
            with pytest.raises(ConnectFailedError) as caught:
                await begin(client.program(PROGRAM))
            assert caught.value.sent is False
            assert caught.value.attempts == 3


async def test_a_timeout_counts_as_sent_because_nobody_can_know():
    async with Hostile([stall()]) as server, aiohttp.ClientSession() as session:
        async with BalanceClient(KEY, base_url=server.base_url, session=session, timeout=0.15) as client:
            with pytest.raises(OutcomeUnknownError) as caught:
                await begin(client.program(PROGRAM))
            assert type(caught.value.cause) is RequestTimeoutError


async def test_one_that_is_closed_sends_nothing():
    session = aiohttp.ClientSession()
    await session.close()
    async with (
        Hostile() as server,
        BalanceClient(KEY, base_url=server.base_url, session=session) as client,
    ):
        with pytest.raises(ClientStateError, match="closed"):
            await begin(client.program(PROGRAM))
        assert server.arrived == []
        assert client._requester.shared.gate.in_flight == 0


@pytest.mark.parametrize("limit", [1, 2], ids=["one waits for a connection", "both are out"])
async def test_its_owner_closing_it_ends_our_calls_with_our_errors(limit):
    connector = aiohttp.TCPConnector(limit=limit)
    async with Hostile(otherwise=stall()) as server, aiohttp.ClientSession(connector=connector) as session:
        async with BalanceClient(KEY, base_url=server.base_url, session=session) as client:
            calls = [asyncio.ensure_future(begin(client.program(PROGRAM), f"r{at}")) for at in range(2)]
            await server.until_arrived(limit)
            await session.close()
            results = await asyncio.gather(*calls, return_exceptions=True)
            assert [type(result) for result in results] == [OutcomeUnknownError] * 2
            assert client._requester.shared.gate.in_flight == 0


async def test_closing_the_client_ends_its_calls_and_not_the_session():
    async with Hostile([stall()]) as server, aiohttp.ClientSession() as session:
        client = BalanceClient(KEY, base_url=server.base_url, session=session)
        async with client:
            call = asyncio.ensure_future(begin(client.program(PROGRAM)))
            await server.until_arrived(1)
        with pytest.raises(OutcomeUnknownError, match="closed"):
            await call
        assert not session.closed
