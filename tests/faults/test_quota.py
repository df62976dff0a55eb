"""The quota gate seen through the client, over the network: charges, order, strange headers, clocks that are off."""

from __future__ import annotations

import asyncio
import pickle
import time
from email.utils import formatdate

import pytest
from clocks import AutoClock, ManualClock, turns
from hostile import DEFINITION, PROGRAM, TRANSACTION, hang_up, honest, quota, refuse, stall, status
from scenario import CALLS, KEY, at_rest, begin

from brevo_balance_async import (
    BalanceClient,
    InvalidRequestError,
    QuotaWaitError,
    RateLimitedError,
    ServerError,
)

# Charges -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reset", [False, True], ids=["FIN", "RST"])
@pytest.mark.parametrize("kind", ["read", "put", "delete"])
async def test_what_is_sent_twice_is_charged_twice(server, kind, reset, verdict):
    server.headers = quota(600, 500, 3000)
    async with BalanceClient(KEY, base_url=server.base_url, clock=AutoClock()) as client:
        await CALLS["read"](client.program(PROGRAM))
        assert client.quota.remaining == 500
        server.headers = {}  # from here on only our own count tells
        server.then([hang_up(commit=True, reset=reset)])
        await CALLS[kind](client.program(PROGRAM))
        assert client.quota.remaining == 498
        at_rest(client)
    assert len(server.arrived) == 3
    verdict(f"39 {'RST' if reset else 'FIN'} once", kind, "yes", server.writes, "charged 2, result ok", "-")


@pytest.mark.parametrize("kind", ["read", "put", "delete", "guarded"])
async def test_every_attempt_is_charged(server, kind):
    server.headers = quota(600, 500, 3000)
    async with BalanceClient(KEY, base_url=server.base_url, clock=AutoClock()) as client:
        await CALLS["read"](client.program(PROGRAM))
        server.headers = {}
        server.then([status(500), hang_up(commit=True), status(503)])
        with pytest.raises(Exception, match=r"no reason|can say"):
            await CALLS[kind](client.program(PROGRAM))
        assert client.quota.remaining == 497


async def test_a_stale_connection_is_not_charged(server):
    server.headers = quota(600, 500, 3000)
    async with BalanceClient(KEY, base_url=server.base_url, max_connections=1) as client:
        await CALLS["read"](client.program(PROGRAM))
        server.headers = {}
        await server.whisper(b"HTTP/1.1 408 Request Time-out\r\ncontent-length: 0\r\n\r\n")
        await begin(client.program(PROGRAM))
        assert client.quota.remaining == 499
        at_rest(client)
    assert server.connections == 2


async def test_what_is_refused_here_is_not_charged(server):
    server.headers = quota(600, 500, 3000)
    async with BalanceClient(KEY, base_url=server.base_url) as client:
        await CALLS["read"](client.program(PROGRAM))
        with pytest.raises(InvalidRequestError):
            await begin(client.program(PROGRAM), meta={"v": {1, 2}})
        assert client.quota.remaining == 500


# Nothing is known ----------------------------------------------------------------------------------------------------


class Crowd:
    """Holds requests until told, and knows how many it held at once."""

    def __init__(self):
        self.now = self.most = 0
        self.seen = []

    async def __call__(self, exchange):
        self.now += 1
        self.most = max(self.most, self.now)
        self.seen.append(self.now)
        await asyncio.sleep(0.002)
        self.now -= 1
        await honest(exchange)


NONSENSE = {
    "remaining abc": quota(600, "abc", 30),
    "remaining empty": quota(600, "", 30),
    "limit abc": quota("abc", 5, 30),
    "limit 0": quota(0, 0, 30),
    "limit alone": {"x-sib-ratelimit-limit": "600"},
}


@pytest.mark.parametrize("headers", NONSENSE)
async def test_bulk_flies_alone_while_nothing_is_known(server, headers, verdict):
    server.headers, server.otherwise = NONSENSE[headers], Crowd()
    async with BalanceClient(KEY, base_url=server.base_url, reserve=0.2, max_wait=None) as client:
        program = client.program(PROGRAM)
        other = client.with_options(reserve=0.5).program(PROGRAM)
        await asyncio.gather(
            *[begin(program, f"r{number}") for number in range(8)],
            *[begin(other, f"s{number}") for number in range(4)],
        )
        assert client.quota is None
        at_rest(client)
    assert (server.otherwise.most, server.writes) == (1, 12)
    verdict(f"55 {headers}, 12 bulk calls at once", "unsafe", "yes", "once", "one at a time", "-")


async def test_a_server_without_quota_headers_holds_bulk_for_one_answer_only(server):
    server.otherwise = Crowd()
    async with BalanceClient(KEY, base_url=server.base_url, reserve=0.2, max_wait=None) as client:
        await asyncio.gather(*[begin(client.program(PROGRAM), f"r{number}") for number in range(20)])
    assert server.otherwise.seen[:2] == [1, 1]
    assert server.otherwise.most > 4


async def test_bulk_alone_gets_no_company_by_failures(server):
    # An attempt that ends without an answer tells nothing, so the next one flies alone too.
    server.otherwise = Crowd()
    server.then([hang_up(commit=False)] * 10)
    async with BalanceClient(
        KEY, base_url=server.base_url, reserve=0.2, max_wait=None, max_attempts=1, clock=ManualClock()
    ) as client:
        calls = [asyncio.ensure_future(CALLS["read"](client.program(PROGRAM))) for _ in range(10)]
        for number in range(1, 11):
            await server.until_arrived(number)
            assert client._requester.shared.gate.in_flight <= 1
        await asyncio.gather(*calls, return_exceptions=True)


async def test_a_reset_of_an_hour_on_a_window_of_seconds_is_probed_and_nothing_breaks(server):
    clock = AutoClock()
    server.headers = quota(10, 0, 3600)
    async with BalanceClient(
        KEY, base_url=server.base_url, reserve=0.2, max_wait=None, timeout=None, clock=clock
    ) as client:
        for number in range(3):
            await begin(client.program(PROGRAM), f"r{number}")
        assert 2 * 300 <= clock.now - 1000 <= 2 * 305  # after five minutes somebody looks
        at_rest(client)


async def test_the_error_says_that_nothing_is_known_yet(server):
    server.otherwise = stall()
    clock = ManualClock()
    async with BalanceClient(KEY, base_url=server.base_url, max_wait=1, clock=clock, timeout=30) as client:
        program = client.program(PROGRAM)
        calls = [asyncio.ensure_future(CALLS["read"](program)) for _ in range(4)]
        await server.until_arrived(4)
        fifth = asyncio.ensure_future(begin(program))
        await turns()
        clock.advance(1)
        with pytest.raises(QuotaWaitError) as caught:
            await fifth
        assert "it is not known yet how much of the account's quota is left" in str(caught.value)
        assert "asks for a wait" not in str(caught.value)
        assert "nothing was sent" in str(caught.value)
        assert (caught.value.retry_after, caught.value.max_wait) == (1, 1)
        back = pickle.loads(pickle.dumps(caught.value))
        assert (str(back), back.retry_after, back.max_wait) == (str(caught.value), 1, 1)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        assert len(server.arrived) == 4


@pytest.mark.parametrize(
    ("reserve", "because"),
    [(0.0, ""), (0.2, r" \(100 requests are left, of which reserve=0.2 keeps 120 for others\)")],
)
async def test_the_error_says_what_is_known(server, reserve, because):
    server.headers = quota(600, 100 if reserve else 0, 30)
    async with BalanceClient(
        KEY, base_url=server.base_url, max_wait=1, clock=ManualClock(), reserve=reserve
    ) as client:
        await CALLS["read"](client.program(PROGRAM))
        with pytest.raises(QuotaWaitError, match=rf"asks for a wait of 3[12]\.\d s{because}, 1\.0 s are"):
            await begin(client.program(PROGRAM))


# Limits that change --------------------------------------------------------------------------------------------------


async def test_a_limit_that_is_lowered_and_raised_is_followed_within_one_answer(server, verdict):
    clock = ManualClock()
    server.headers = quota(3600, 3000, 3000)
    async with BalanceClient(KEY, base_url=server.base_url, max_wait=1, clock=clock) as live:
        bulk = live.with_options(reserve=0.2)
        await begin(live.program(PROGRAM), "a")
        await begin(bulk.program(PROGRAM), "b")
        server.headers = quota(600, 100, 3000)  # the reserve of 120 is more than what is left
        await begin(bulk.program(PROGRAM), "c")
        assert (live.quota.limit, live.quota.remaining) == (600, 100)
        for _ in range(3):
            with pytest.raises(QuotaWaitError):
                await begin(bulk.program(PROGRAM), "d")
        assert "d" not in server.asked
        await begin(live.program(PROGRAM), "e")
        server.headers = quota(3600, 3000, 3000)
        await begin(live.program(PROGRAM), "f")
        assert live.quota.limit == 3600
        clock.advance(1)
        await begin(bulk.program(PROGRAM), "g")
        at_rest(live)
    assert len(server.arrived) == 6
    verdict("57 limit 3,600 to 600 and back", "unsafe", "yes", "once", "followed in one answer", "-")


async def test_when_the_limit_is_lowered_only_those_in_flight_see_a_429(server):
    clock = ManualClock()
    server.headers = quota(3600, 3000, 3000)
    async with BalanceClient(
        KEY, base_url=server.base_url, max_wait=1, max_connections=5, max_attempts=1, clock=clock
    ) as client:
        await begin(client.program(PROGRAM), "first")
        release = asyncio.Event()

        async def too_many(exchange):
            await release.wait()
            await refuse(429, headers=quota(600, 0, 900))(exchange)

        server.otherwise = too_many
        calls = [asyncio.ensure_future(begin(client.program(PROGRAM), f"r{number}")) for number in range(5)]
        await server.until_arrived(6)
        release.set()
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert {type(result) for result in results} == {RateLimitedError}
        results = await asyncio.gather(
            *[begin(client.program(PROGRAM), f"s{number}") for number in range(50)], return_exceptions=True
        )
        assert {type(result) for result in results} == {QuotaWaitError}
        assert len(server.arrived) == 6
        at_rest(client)


# Order and cancellation ----------------------------------------------------------------------------------------------


async def test_one_of_a_hundred_is_cancelled_and_the_others_are_served_in_order(server, verdict):
    clock = ManualClock()
    server.headers = quota(600, 0, 10)
    async with BalanceClient(
        KEY, base_url=server.base_url, max_wait=60, max_connections=1, clock=clock
    ) as client:
        program = client.program(PROGRAM)
        await CALLS["read"](program)
        calls = [asyncio.ensure_future(begin(program, f"r{number}")) for number in range(100)]
        await turns()
        for number in (0, 17, 99):
            calls[number].cancel()
        await turns()
        server.headers = quota(600, 590, 3600)
        clock.advance(12)
        results = await asyncio.gather(*calls, return_exceptions=True)
        gone = [number for number, result in enumerate(results) if isinstance(result, asyncio.CancelledError)]
        assert gone == [0, 17, 99]
        wanted = [f"r{number}" for number in range(100) if number not in gone]
        assert [request.reference for request in server.arrived[1:]] == wanted
        at_rest(client)
        await begin(program, "after")
    verdict("60 cancel 3 of 100 queued", "unsafe", "no", "once", "the others in order", "CancelledError")


async def test_cancelled_at_the_moment_of_the_grant_the_next_one_goes(server):
    async with BalanceClient(
        KEY, base_url=server.base_url, reserve=0.2, max_wait=None, clock=ManualClock()
    ) as client:
        gate = client._requester.shared.gate
        first = gate.try_enter(0.2)  # somebody flies alone
        calls = [asyncio.ensure_future(begin(client.program(PROGRAM), f"r{number}")) for number in range(3)]
        await turns()
        gate.cancel(first)  # the grant goes to r0, whose task has not run since
        calls[0].cancel()
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(result).__name__ for result in results] == [
            "CancelledError",
            "Transaction",
            "Transaction",
        ]
        assert server.asked == {"r1": 1, "r2": 1}
        at_rest(client)


# Two views of one client ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", CALLS)
async def test_live_beside_bulk_that_has_drained_the_account(server, kind, verdict):
    clock = ManualClock()
    server.headers = quota(600, 0, 1800)
    events = []
    async with BalanceClient(
        KEY, base_url=server.base_url, max_wait=0.2, clock=clock, hooks=[events.append]
    ) as live:
        bulk = live.with_options(max_wait=None, reserve=0.2, timeout=None).program(PROGRAM)
        await begin(bulk, "drained")
        waiting = [asyncio.ensure_future(begin(bulk, f"bulk{number}")) for number in range(20)]
        await turns()
        events.clear()
        for _ in range(5):
            with pytest.raises(QuotaWaitError) as caught:
                await CALLS[kind](live.program(PROGRAM))
            assert caught.value.retry_after > 1800
            assert caught.value.max_wait == 0.2
            assert caught.value.attempts == 0
        assert clock.now == 1000  # at once: not a moment passed, and nothing was sent
        assert len(server.arrived) == 1
        assert events == []  # it did not even begin to wait
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        at_rest(live)
        verdict("62 bulk has drained the account", kind, "no", 0, "refused at once", "QuotaWaitError")


async def test_live_goes_before_bulk_that_asked_first(server):
    clock = ManualClock()
    server.headers = quota(600, 0, 10)
    async with BalanceClient(
        KEY, base_url=server.base_url, max_wait=None, max_connections=1, clock=clock, timeout=None
    ) as live:
        await CALLS["read"](live.program(PROGRAM))
        bulk = live.with_options(reserve=0.2)
        calls = [asyncio.ensure_future(begin(bulk.program(PROGRAM), f"bulk{n}")) for n in range(3)]
        await turns()
        calls += [asyncio.ensure_future(begin(live.program(PROGRAM), f"live{n}")) for n in range(3)]
        await turns()
        server.headers = quota(600, 590, 3600)
        clock.advance(12)
        for _ in range(60):
            await turns()
            clock.advance(10)
            if all(call.done() for call in calls):
                break
        await asyncio.gather(*calls)
    order = [request.reference for request in server.arrived[1:]]
    assert order == [f"live{n}" for n in range(3)] + [f"bulk{n}" for n in range(3)]


# Clocks that are off -------------------------------------------------------------------------------------------------


@pytest.fixture(params=[3 * 3600, -3 * 3600, 10 * 365 * 86_400], ids=["+3 h", "-3 h", "+10 years"])
def skewed(request, server):
    """What the server says it is."""
    skew = request.param

    def headers(quota_headers):
        return {**quota_headers, "date": formatdate(time.time() + skew, usegmt=True)}

    return headers


@pytest.mark.parametrize("jump", [-3600, 3600], ids=["our clock falls back an hour", "leaps an hour ahead"])
async def test_neither_the_servers_clock_nor_ours_matters(server, skewed, monkeypatch, jump, verdict):
    clock, wall = ManualClock(), time.time
    server.headers = skewed(quota(600, 1, 30))
    async with BalanceClient(KEY, base_url=server.base_url, max_wait=1, clock=clock) as client:
        program = client.program(PROGRAM)
        await CALLS["read"](program)
        assert client.quota.resets_in == 30
        monkeypatch.setattr(time, "time", lambda: wall() + jump)
        server.headers = skewed(quota(600, 0, 30))
        await begin(program, "r1")
        with pytest.raises(QuotaWaitError) as caught:
            await begin(program, "r2")
        assert 31 <= caught.value.retry_after <= 32
        patient = client.with_options(max_wait=60, timeout=100).program(PROGRAM)
        call = asyncio.ensure_future(begin(patient, "r3"))
        await turns()
        clock.advance(30)
        monkeypatch.setattr(time, "time", lambda: wall() - jump)
        await turns()
        assert "r3" not in server.asked
        clock.advance(2)
        await call
        assert server.asked == {"r1": 1, "r3": 1}
        at_rest(client)
    verdict("54 clocks hours apart, ours jumps", "unsafe", "yes", "once", "the gate waits as told", "-")


async def test_walks_and_backoff_do_not_look_at_the_wall(server, skewed, monkeypatch):
    wall = time.time
    server.headers = skewed({})
    server.history = [
        {
            "id": f"0197e3c2-0000-7000-9000-{number:012x}",
            "status": "completed",
            "createdAt": f"2026-11-20T10:{number // 60:02d}:{number % 60:02d}Z",
        }
        for number in range(100)
    ]
    async with BalanceClient(KEY, base_url=server.base_url, clock=AutoClock()) as client:
        program = client.program(PROGRAM)
        server.then([status(503), refuse(429, headers={"retry-after": "2"})])
        monkeypatch.setattr(time, "time", lambda: wall() - 3600)
        rows = []
        async for row in program.history.list(contact_id=42, balance_definition_id=DEFINITION):
            rows.append(row.id)
            monkeypatch.setattr(time, "time", lambda: wall() + 3600)
        assert rows == [row["id"] for row in server.history]
        await program.transactions.complete(TRANSACTION)
        at_rest(client)


async def test_the_time_limit_does_not_look_at_the_wall(server, monkeypatch):
    clock, wall = AutoClock(), time.time
    server.otherwise = status(500)
    async with BalanceClient(KEY, base_url=server.base_url, clock=clock, timeout=10) as client:
        monkeypatch.setattr(time, "time", lambda: wall() + 86_400)
        with pytest.raises(ServerError) as caught:
            await CALLS["read"](client.program(PROGRAM))
        assert caught.value.attempts == 3
