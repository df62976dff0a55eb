"""Routes outside /loyalty/ have quotas of their own: the gate of the loyalty routes neither holds nor hears them."""

from __future__ import annotations

import asyncio

import pytest
from clocks import AutoClock, ManualClock, turns, until
from hostile import DEFINITION, PROGRAM, honest, quota, refuse
from scenario import CALLS, KEY, at_rest, begin

from brevo_balance_async import BalanceClient, QuotaWaitError, RateLimitedError
from brevo_balance_async.hooks import QuotaWait, RetryScheduled

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
PATHS = ["/contacts", "/account", "/loyaltyother/x", "/contacts/loyalty/x"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("headers", [{}, quota(100, 3, 30), quota(100_000, 99_000, 3600)])
async def test_they_neither_eat_nor_change_what_is_known_of_the_loyalty_window(server, path, headers):
    server.headers = quota(600, 5, 3000)
    async with BalanceClient(KEY, base_url=server.base_url, max_wait=1, clock=ManualClock()) as client:
        await CALLS["read"](client.program(PROGRAM))
        before = client.quota
        server.headers = headers
        for method in METHODS:
            await client.request(method, path, json={})
        assert client.quota == before
        server.headers = {}
        for number in range(5):  # all five are still there
            await begin(client.program(PROGRAM), f"r{number}")
        with pytest.raises(QuotaWaitError):
            await begin(client.program(PROGRAM), "r6")
        await client.request("GET", path)  # and the loyalty window being empty holds nobody here
        at_rest(client)


async def test_a_free_request_below_loyalty_is_gated_and_charged(server):
    server.headers = quota(600, 2, 3000)
    async with BalanceClient(KEY, base_url=server.base_url, max_wait=1, clock=ManualClock()) as client:
        await client.request("GET", "/loyalty/elsewhere")
        server.headers = {}
        await client.request("POST", "/loyalty/elsewhere", json={})
        assert client.quota.remaining == 1
        await client.request("GET", "/loyalty/elsewhere")
        with pytest.raises(QuotaWaitError):
            await client.request("GET", "/loyalty/elsewhere")
    assert len(server.arrived) == 3


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("headers", "wait"),
    [(quota(100, 0, 30), 30), ({"retry-after": "30"}, 30), ({**quota(100, 0, 30), "retry-after": "7"}, 30)],
    ids=["reset", "retry-after", "both"],
)
@pytest.mark.parametrize("known", [False, True], ids=["loyalty quota unknown", "known"])
async def test_a_429_beyond_max_wait_is_refused_after_one_request(server, method, headers, wait, known):
    clock = ManualClock()
    async with BalanceClient(KEY, base_url=server.base_url, max_wait=1, clock=clock) as client:
        if known:
            server.headers = quota(600, 500, 3000)
            await CALLS["read"](client.program(PROGRAM))
        server.headers = {}
        server.arrived.clear()
        server.otherwise = refuse(429, headers=headers)
        with pytest.raises(RateLimitedError) as caught:
            await client.request(method, "/contacts", json={})
        assert caught.value.retry_after == wait
        assert (len(server.arrived), clock.now) == (1, 1000)
        assert client.quota is None or client.quota.remaining == 500
        at_rest(client)


@pytest.mark.parametrize("max_wait", [60, None])
async def test_a_429_within_max_wait_is_waited_out(server, max_wait):
    clock, events = ManualClock(), []
    server.then([refuse(429, headers=quota(100, 0, 30))])
    async with BalanceClient(
        KEY, base_url=server.base_url, max_wait=max_wait, timeout=100, clock=clock, hooks=[events.append]
    ) as client:
        call = asyncio.ensure_future(client.request("GET", "/contacts"))
        await until(lambda: any(isinstance(event, RetryScheduled) for event in events))
        clock.advance(29.9)
        await turns()
        assert len(server.arrived) == 1
        clock.advance(1)
        await call
        assert len(server.arrived) == 2
        assert not any(isinstance(event, QuotaWait) for event in events)


async def test_who_waits_as_long_as_it_takes_makes_one_request_for_each_reset(server):
    # There were 497 requests in a second.
    clock = AutoClock()
    server.then([refuse(429, headers=quota(100, 0, 30))] * 5)
    async with BalanceClient(KEY, base_url=server.base_url, max_wait=None, clock=clock) as client:
        server.headers = quota(600, 500, 3000)
        await client.request("GET", "/contacts")
        assert clock.now - 1000 >= 5 * 30
        assert len(server.arrived) == 6
        assert client.quota is None


@pytest.mark.parametrize("headers", [{}, quota(100, 0, "abc"), quota(100, 0, -1)])
async def test_a_429_that_says_nothing_of_use_is_backed_off_from(server, headers):
    server.then([refuse(429, headers=headers)] * 20)
    async with BalanceClient(KEY, base_url=server.base_url, max_wait=None, clock=AutoClock()) as client:
        await client.with_options(timeout=None).request("GET", "/contacts")
        assert sum(client._requester.shared.clock.asked) > 10
    assert len(server.arrived) == 21


@pytest.mark.parametrize("reserve", [0.0, 0.2])
@pytest.mark.parametrize("known", [False, True], ids=["quota unknown", "known"])
async def test_forty_slow_ones_are_all_out_at_once(server, reserve, known):
    # Gated while nothing is known, four would fly, and one of bulk.
    go = asyncio.Event()

    async def slow(exchange):
        await go.wait()
        await honest(exchange)

    async with BalanceClient(KEY, base_url=server.base_url, max_wait=0, reserve=reserve) as client:
        if known:
            server.then([refuse(422, headers=quota(600, 0, 3000))])
            with pytest.raises(Exception, match="no"):
                await client.program(PROGRAM).definitions.get(DEFINITION)
        server.arrived.clear()
        server.otherwise = slow
        calls = [asyncio.ensure_future(client.request("GET", "/contacts")) for _ in range(40)]
        await asyncio.wait_for(server.until_arrived(40), 20)
        assert client._requester.shared.gate.in_flight == 0
        go.set()
        await asyncio.gather(*calls)
        at_rest(client)
