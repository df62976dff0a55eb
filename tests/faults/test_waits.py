"""Waits between attempts: the quota's, the server's, the backoff's; none is shortened, all are bounded."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from clocks import AutoClock, ManualClock, turns, until
from hostile import DEFINITION, PROGRAM, TRANSACTION, Hostile, hang_up, honest, quota, refuse, stall, status
from scenario import CALLS, KEY, at_rest, begin

from brevo_balance_async import (
    BalanceClient,
    BalanceError,
    InvalidRequestError,
    OutcomeUnknownError,
    QuotaWaitError,
    RateLimitedError,
    RequestTimeoutError,
    ServerError,
)
from brevo_balance_async.core.retry import Backoff
from brevo_balance_async.hooks import QuotaWait, RetryScheduled


@pytest.mark.parametrize("kind", CALLS)
async def test_429_beyond_max_wait_fails_at_once_for_this_and_the_next_callers(server, kind, verdict):
    clock = ManualClock()
    server.then([refuse(429, headers=quota(600, 0, 30))])
    async with BalanceClient(KEY, base_url=server.base_url, max_wait=1, clock=clock) as client:
        program = client.program(PROGRAM)
        with pytest.raises(RateLimitedError) as caught:
            await CALLS[kind](program)
        assert 30 <= caught.value.retry_after <= 32
        assert caught.value.attempts == 1
        assert caught.value.status == 429
        for _ in range(3):
            with pytest.raises(QuotaWaitError) as next_one:
                await CALLS[kind](program)
            assert 30 <= next_one.value.retry_after <= 32
            assert next_one.value.max_wait == 1
            assert next_one.value.attempts == 0
        assert clock.now == 1000.0  # not a moment passed: nobody waited
        assert len(server.arrived) == 1
        assert server.writes == 0
        assert (client.quota.limit, client.quota.remaining) == (600, 0)
        at_rest(client)
        verdict(
            "20 429 reset 30, max_wait 1", kind, "yes", 0, "not applied, fails at once", "RateLimitedError"
        )


async def test_429_within_max_wait_is_waited_out_and_not_shortened(server, verdict):
    clock = ManualClock()
    server.then([refuse(429, headers=quota(600, 0, 3))])
    server.headers = {}
    events = []
    async with BalanceClient(
        KEY, base_url=server.base_url, max_wait=None, reserve=0.2, clock=clock, hooks=[events.append]
    ) as client:
        call = asyncio.ensure_future(begin(client.program(PROGRAM)))
        await until(lambda: any(isinstance(event, QuotaWait) for event in events))
        clock.advance(2.99)
        await turns()
        assert len(server.arrived) == 1
        clock.advance(3.01)
        await call
        assert len(server.arrived) == 2
        assert server.applied == {"r1": 1}
        (wait,) = [event for event in events if isinstance(event, QuotaWait)]
        assert 3 <= wait.seconds <= 6
        at_rest(client)
        verdict("21 429 reset 3, bulk", "unsafe", "yes", 1, "not applied, waited 3 to 6 s, applied", "-")


async def test_who_waits_as_long_as_it_takes_is_not_counted_out_by_429s(server):
    server.then([refuse(429, headers=quota(600, 0, 3600))] * 5)
    clock = AutoClock()
    async with BalanceClient(KEY, base_url=server.base_url, max_wait=None, timeout=5, clock=clock) as client:
        await begin(client.program(PROGRAM))
    assert 5 * 300 <= clock.now - 1000 <= 5 * 305  # after five minutes somebody looks
    assert server.applied == {"r1": 1}


@pytest.mark.parametrize("reset", ["abc", "-1", "", "nan", "inf", "1e99"])
async def test_a_429_that_says_nonsense_is_paused_after(server, reset, verdict):
    server.then([refuse(429, headers=quota(600, 0, reset))] * 20)
    clock = AutoClock()
    events = []
    async with BalanceClient(
        KEY, base_url=server.base_url, max_wait=None, timeout=600, clock=clock, hooks=[events.append]
    ) as client:
        await begin(client.program(PROGRAM))
        waits = [event.seconds for event in events if isinstance(event, QuotaWait)]
        assert len(waits) == 20
        assert clock.now - 1000 <= 20 * 305
        at_rest(client)
    verdict(f"55 429 with reset {reset!r}", "unsafe", "yes", 1, "not applied, paused", "-")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        quota(600, "abc", 30),
        quota("abc", 5, 30),
        quota(600, -5, 30),
        quota(600, 10**30, 30),
        {"x-sib-ratelimit-limit": "600"},
        {"date": "Mon, 23 Nov 2020 10:00:00 GMT"},
    ],
    ids=[
        "none",
        "remaining abc",
        "limit abc",
        "remaining -5",
        "remaining huge",
        "limit only",
        "clock years off",
    ],
)
async def test_strange_headers_on_success_break_nothing(server, headers):
    server.headers = headers
    clock = AutoClock()
    async with BalanceClient(KEY, base_url=server.base_url, max_wait=None, clock=clock) as client:
        for number in range(5):
            await begin(client.program(PROGRAM), f"r{number}")
        at_rest(client)
    assert len(server.arrived) == 5


async def test_429_with_retry_after_alone_is_obeyed_or_refused(server):
    server.then([refuse(429, headers={"retry-after": "7"})])
    clock = AutoClock()
    async with BalanceClient(KEY, base_url=server.base_url, clock=clock) as client:
        await begin(client.program(PROGRAM))
        assert 7 <= clock.now - 1000 <= 8
        server.then([refuse(429, headers={"retry-after": "11"})])
        with pytest.raises(RateLimitedError) as caught:
            await begin(client.program(PROGRAM), "r2")
        assert 11 <= caught.value.retry_after <= 12
        assert caught.value.attempts == 1


@pytest.mark.parametrize(
    ("said", "least"), [("4", 4), ("nan", 0), ("inf", 0), ("-3", 0), ("Wed, 21 Oct 2026", 0)]
)
async def test_retry_after_on_503_says_when_and_nonsense_is_no_wait(server, said, least):
    server.then([status(503, headers={"retry-after": said})])
    clock = AutoClock()
    async with BalanceClient(KEY, base_url=server.base_url, clock=clock) as client:
        await CALLS["read"](client.program(PROGRAM))
        assert least <= clock.now - 1000 <= least + 0.5


async def test_retry_after_on_503_beyond_max_wait_fails_at_once(server):
    server.then([status(503, headers={"retry-after": "60"})])
    clock = AutoClock()
    async with BalanceClient(KEY, base_url=server.base_url, clock=clock) as client:
        with pytest.raises(ServerError) as caught:
            await CALLS["read"](client.program(PROGRAM))
    assert caught.value.attempts == 1
    assert clock.now == 1000


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (status(503, headers={"retry-after": "6"}), status(503, headers={"retry-after": "6"})),
        (refuse(429, headers={"retry-after": "6"}), refuse(429, headers={"retry-after": "6"})),
        (refuse(429, headers={"retry-after": "6"}), status(503, headers={"retry-after": "6"})),
        (status(503, headers={"retry-after": "6"}), refuse(429, headers={"retry-after": "6"})),
    ],
    ids=["503 503", "429 429", "429 503", "503 429"],
)
@pytest.mark.parametrize("path", ["/loyalty/elsewhere", "/contacts"])
async def test_all_waits_of_a_call_together_are_no_longer_than_max_wait(server, path, first, second):
    # Each wait alone is short enough; whether at the quota gate or after an answer, they add up.
    server.then([first, second])
    clock = AutoClock()
    async with BalanceClient(
        KEY, base_url=server.base_url, max_wait=10, max_attempts=9, timeout=None, clock=clock
    ) as client:
        client._requester.shared.backoff = Backoff(random=lambda: 0.0)
        with pytest.raises((ServerError, RateLimitedError)) as caught:
            await client.request("GET", path)
        assert (caught.value.attempts, len(server.arrived)) == (2, 2)
        assert 6 <= clock.now - 1000 <= 8
        clock.advance(60)
        server.then([first, second])
        began = clock.now
        await client.with_options(max_wait=60).request("GET", path)
        assert 12 <= clock.now - began <= 60  # 429s in a row are waited for longer and longer
        at_rest(client)


async def test_backoff_doubles_up_to_a_bound_with_full_jitter(server):
    server.then([hang_up(commit=False)] * 7)
    events = []
    async with BalanceClient(
        KEY, base_url=server.base_url, max_attempts=8, clock=AutoClock(), hooks=[events.append], timeout=None
    ) as client:
        client._requester.shared.backoff = Backoff(random=lambda: 1.0)
        await CALLS["read"](client.program(PROGRAM))
    assert [event.delay for event in events if isinstance(event, RetryScheduled)] == [0.5, 1, 2, 4, 8, 8, 8]
    halves = Backoff(random=lambda: 0.25)
    assert [halves.delay(attempt) for attempt in (1, 2, 10, 10_000)] == [0.125, 0.25, 2.0, 2.0]


async def test_the_deadline_covers_all_attempts_and_waits(server):
    server.otherwise = status(500)
    clock = AutoClock()
    async with BalanceClient(
        KEY, base_url=server.base_url, max_attempts=50, timeout=10, clock=clock
    ) as client:
        client._requester.shared.backoff = Backoff(random=lambda: 1.0)
        with pytest.raises(ServerError) as caught:
            await CALLS["read"](client.program(PROGRAM))
        # 0.5 + 1 + 2 + 4 s of waits fit into 10 s, the next 8 do not.
        assert caught.value.attempts == 5
        assert clock.now - 1000 == 7.5
        with pytest.raises(ServerError) as caught:
            await client.program(PROGRAM).definitions.get(DEFINITION, timeout=0.4)
        assert caught.value.attempts == 1


async def test_a_quota_wait_counts_against_the_deadline_unless_it_may_take_as_long_as_it_takes(server):
    server.headers = quota(600, 0, 5)
    async with BalanceClient(KEY, base_url=server.base_url, timeout=3, clock=AutoClock()) as client:
        await CALLS["read"](client.program(PROGRAM))
        with pytest.raises(QuotaWaitError) as caught:
            await CALLS["read"](client.program(PROGRAM))
        assert caught.value.retry_after >= 5
        assert caught.value.max_wait <= 3
        patient = client.with_options(max_wait=None)
        await CALLS["read"](patient.program(PROGRAM))
    assert len(server.arrived) == 2


async def test_the_retry_budget_ends_retries_and_successes_refill_it(server, verdict):
    async with BalanceClient(KEY, base_url=server.base_url, clock=AutoClock()) as client:
        program = client.program(PROGRAM)
        server.otherwise = status(500)
        attempts = []
        for _ in range(8):
            with pytest.raises(ServerError) as caught:
                await CALLS["read"](program)
            attempts.append(caught.value.attempts)
        assert attempts == [3, 3, 3, 3, 3, 1, 1, 1]  # ten retries, then none
        server.otherwise = honest
        for _ in range(10):
            await CALLS["read"](program)
        server.otherwise = status(500)
        with pytest.raises(ServerError) as caught:
            await CALLS["read"](program)
        assert caught.value.attempts == 2  # ten successes gave one retry back
        verdict(
            "64 retry budget used up by 5xx", "read", "yes", 0, "fails at the first attempt", "ServerError"
        )


async def test_the_budget_grows_with_the_accounts_limit(server):
    server.headers = quota(3600, 3000, 3000)
    async with BalanceClient(KEY, base_url=server.base_url, clock=AutoClock(), max_attempts=100) as client:
        server.otherwise = status(500)
        with pytest.raises(ServerError) as caught:
            await client.program(PROGRAM).definitions.get(DEFINITION, timeout=None)
        assert caught.value.attempts == 73  # 2 % of 3,600 retries


async def test_425_was_not_processed_so_even_a_credit_is_sent_again(server, verdict):
    server.then([refuse(425)])
    async with BalanceClient(KEY, base_url=server.base_url, clock=AutoClock()) as client:
        await begin(client.program(PROGRAM))
    assert len(server.arrived) == 2
    assert server.applied == {"r1": 1}
    verdict("19 425 once", "unsafe", "yes", 1, "not applied, tried again, applied", "-")


@pytest.mark.parametrize("code", [500, 502, 503, 504, 408, 409])
async def test_an_error_after_commit_is_not_believed_to_be_a_failure(server, code, verdict):
    # The peer SDK sends this again and credits twice.
    server.then([status(code, {"message": "bad gateway"})])
    async with BalanceClient(KEY, base_url=server.base_url, clock=AutoClock()) as client:
        with pytest.raises(OutcomeUnknownError) as caught:
            await begin(client.program(PROGRAM))
    assert (len(server.arrived), server.applied) == (1, {"r1": 1})
    assert caught.value.status == code
    verdict(f"11 {code} after commit, once", "unsafe", "yes", 1, "unknown", "OutcomeUnknownError")


@pytest.mark.parametrize("kind", ["read", "put", "delete", "guarded"])
@pytest.mark.parametrize("code", [500, 503, 408])
async def test_what_may_be_sent_again_is_sent_again_once_the_server_is_back(server, kind, code):
    server.then([status(code, commit=False)] * 2)
    async with BalanceClient(KEY, base_url=server.base_url, clock=AutoClock()) as client:
        await CALLS[kind](client.program(PROGRAM))
    assert len(server.arrived) == 3


async def test_a_server_that_comes_back_gets_the_credit_once(verdict):
    # Refused twice, since nobody listens yet; certainly nothing was sent.
    clock, events = ManualClock(), []
    async with Hostile() as server:
        port = server.port
    async with BalanceClient(
        KEY, base_url=f"http://127.0.0.1:{port}/v3", clock=clock, hooks=[events.append]
    ) as client:
        call = asyncio.ensure_future(begin(client.program(PROGRAM)))
        await until(lambda: any(isinstance(event, RetryScheduled) for event in events))
        server = Hostile()
        server._server = await asyncio.start_server(server._serve, "127.0.0.1", port)
        clock.advance(1)
        await call
        assert server.applied == {"r1": 1}
    await server.__aexit__()
    verdict(
        "01 refused, then the server returns", "unsafe", "no", 1, "not applied, tried again, applied", "-"
    )


async def test_time_is_over_before_the_attempt_means_nothing_was_sent(server):
    # The quota wait uses the call's time up to its end.
    clock = ManualClock()
    server.headers = quota(600, 0, 1)
    async with BalanceClient(KEY, base_url=server.base_url, timeout=5, clock=clock) as client:
        await CALLS["read"](client.program(PROGRAM))
        call = asyncio.ensure_future(client.program(PROGRAM).transactions.complete(TRANSACTION, timeout=5))
        await turns()
        clock.now += 5  # the timers come late, as on a laptop that slept
        clock.advance(0)
        with pytest.raises((RequestTimeoutError, QuotaWaitError)) as caught:
            await call
        assert caught.value.attempts == 0
        assert len(server.arrived) == 1
        at_rest(client)


@pytest.mark.parametrize("kind", CALLS)
async def test_no_connection_of_the_pool_in_time_means_not_sent(server, kind, verdict):
    server.then([stall()])
    async with BalanceClient(KEY, base_url=server.base_url, max_connections=1) as client:
        program = client.program(PROGRAM)
        holder = asyncio.ensure_future(CALLS["read"](program))
        await server.until_arrived(1)
        with pytest.raises(RequestTimeoutError) as caught:
            await CALLS[kind](client.with_options(timeout=0.1).program(PROGRAM))
        assert (caught.value.phase, caught.value.sent) == ("pool", False)
        assert caught.value.attempts == 1
        holder.cancel()
        await asyncio.gather(holder, return_exceptions=True)
        assert len(server.arrived) == 1
        at_rest(client)
        verdict(
            "06 timeout ends the wait for a connection", kind, "no", 0, "not applied", "RequestTimeoutError"
        )


async def test_only_what_may_have_left_is_charged_to_the_quota(server):
    server.headers = quota(600, 500, 3000)
    async with BalanceClient(KEY, base_url=server.base_url, max_connections=1, max_attempts=1) as client:
        program = client.program(PROGRAM)
        await CALLS["read"](program)
        assert client.quota.remaining == 500
        server.then([stall(), hang_up(commit=True)])
        holder = asyncio.ensure_future(CALLS["read"](program))
        await server.until_arrived(2)
        assert client.quota.remaining == 499
        with pytest.raises(RequestTimeoutError):  # it never gets a connection
            await client.program(PROGRAM).transactions.complete(TRANSACTION, timeout=0.1)
        queued = asyncio.ensure_future(begin(program))
        await turns()
        queued.cancel()
        await asyncio.gather(queued, return_exceptions=True)
        assert client.quota.remaining == 499
        holder.cancel()
        await asyncio.gather(holder, return_exceptions=True)
        with pytest.raises(OutcomeUnknownError):
            await begin(program, "r2")
        assert client.quota.remaining == 498
        at_rest(client)


# What the budget is spent on -----------------------------------------------------------------------------------------


async def _beyond_max_wait(server, client):
    server.otherwise = status(503, headers={"retry-after": "60"})
    await CALLS["read"](client.program(PROGRAM))


async def _no_attempt_left(server, client):
    server.otherwise = status(500)
    await CALLS["read"](client.with_options(max_attempts=1).program(PROGRAM))


async def _no_time_left(server, client):
    server.otherwise = status(500)
    client._requester.shared.backoff = Backoff(random=lambda: 1.0)
    await client.program(PROGRAM).definitions.get(DEFINITION, timeout=0.4)


async def _never_twice(server, client):
    server.otherwise = status(500)
    await begin(client.program(PROGRAM))


async def _refused(server, client):
    server.otherwise = refuse(422)
    await CALLS["guarded"](client.program(PROGRAM))


async def _quota(server, client):
    client._requester.shared.clock.advance(400)  # no 429 closes the gate for longer
    server.otherwise = refuse(429, headers={"retry-after": "60"})
    await CALLS["read"](client.program(PROGRAM))


@pytest.mark.parametrize(
    "ends", [_beyond_max_wait, _no_attempt_left, _no_time_left, _never_twice, _refused, _quota]
)
async def test_the_budget_is_not_spent_on_a_retry_that_does_not_happen(server, ends):
    async with BalanceClient(KEY, base_url=server.base_url, clock=AutoClock()) as client:
        for number in range(30):
            with pytest.raises(BalanceError) as caught:
                await ends(server, client)
            assert (caught.value.attempts, len(server.arrived)) == (1, number + 1)
        server.otherwise = status(500)
        client._requester.shared.clock.advance(400)
        attempts = []
        for _ in range(6):
            with pytest.raises(ServerError) as caught:
                await client.program(PROGRAM).definitions.get(DEFINITION, timeout=100)
            attempts.append(caught.value.attempts)
        assert attempts == [3, 3, 3, 3, 3, 1]  # all ten retries were still there


async def test_closing_spends_nothing_either(server):
    server.otherwise = stall()
    async with BalanceClient(KEY, base_url=server.base_url, clock=ManualClock()) as client:
        calls = [asyncio.ensure_future(CALLS["read"](client.program(PROGRAM))) for _ in range(4)]
        await server.until_arrived(4)
        budget = client._requester.shared.budget
    await asyncio.gather(*calls, return_exceptions=True)
    assert budget._spent == 0


# Time limits ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", CALLS)
async def test_a_timeout_of_more_than_five_seconds_is_not_rounded(server, kind, monkeypatch):
    # aiohttp's own timers end at whole seconds from there on, up to a second late.
    loop, ends = asyncio.get_running_loop(), []
    call_at = loop.call_at

    def watched(when, *args, **more):
        ends.append(when)
        return call_at(when, *args, **more)

    monkeypatch.setattr(loop, "call_at", watched)
    server.then([stall()])
    async with BalanceClient(KEY, base_url=server.base_url) as client:
        before = loop.time()
        task = asyncio.ensure_future(CALLS[kind](client.with_options(timeout=7.3).program(PROGRAM)))
        await server.until_arrived(1)
        after = loop.time()
        timers = [when for when in ends if before + 7.0 < when < after + 9.0]
        assert timers
        assert all(before + 7.3 <= when <= after + 7.3 for when in timers), (before, timers)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


HUGE = 10**400


@pytest.mark.parametrize(
    "value", [HUGE, -HUGE, -1, float("nan"), float("inf"), True, "5"], ids=lambda value: repr(value)[:5]
)
async def test_a_time_that_no_clock_can_count_is_refused(server, value):
    for name in ("timeout", "max_wait"):
        with pytest.raises(InvalidRequestError, match=f"^{name}"):
            BalanceClient(KEY, base_url=server.base_url, **{name: value})
    async with BalanceClient(KEY, base_url=server.base_url) as client:
        for name in ("timeout", "max_wait"):
            with pytest.raises(InvalidRequestError, match=f"^{name}"):
                client.with_options(**{name: value})
        for call in (
            client.program(PROGRAM).definitions.get(DEFINITION, timeout=value),
            client.program(PROGRAM).transactions.complete(TRANSACTION, timeout=value),
            begin(client.program(PROGRAM), timeout=value),
            client.request("GET", "/contacts", timeout=value),
        ):
            with pytest.raises(InvalidRequestError, match="timeout"):
                await call
    assert server.arrived == []


@pytest.mark.parametrize("value", [1e300, 10**300, 1.7e308], ids=["1e300", "10**300", "1.7e308"])
async def test_a_very_long_one_is_as_good_as_none(server, value):
    async with BalanceClient(
        KEY, base_url=server.base_url, timeout=value, max_wait=value, clock=AutoClock()
    ) as client:
        server.then([hang_up(commit=False)])
        await CALLS["read"](client.program(PROGRAM))
    assert len(server.arrived) == 2


# Retry-After as a date -----------------------------------------------------------------------------------------------

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def date(seconds):
    return format_datetime(NOON + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize("code", [429, 503])
@pytest.mark.parametrize("skew", [0, 3 * 3600, -3 * 3600], ids=["clocks agree", "+3 h", "-3 h"])
@pytest.mark.parametrize("path", ["/loyalty/elsewhere", "/contacts"])
async def test_a_date_is_waited_for_by_the_servers_own_clock(server, code, skew, path):
    headers = {"date": date(skew), "retry-after": date(skew + 7)}
    server.then([refuse(code, headers=headers)])
    clock = AutoClock()
    async with BalanceClient(KEY, base_url=server.base_url, clock=clock) as client:
        await client.request("GET", path)
        assert 7 <= clock.now - 1000 <= 8
    assert len(server.arrived) == 2


@pytest.mark.parametrize("code", [429, 503])
@pytest.mark.parametrize("path", ["/loyalty/elsewhere", "/contacts"])
async def test_a_date_beyond_max_wait_is_refused_at_once(server, code, path):
    server.otherwise = refuse(code, headers={"date": date(0), "retry-after": date(60)})
    clock = AutoClock()
    async with BalanceClient(KEY, base_url=server.base_url, clock=clock) as client:
        with pytest.raises((RateLimitedError, ServerError)) as caught:
            await client.request("GET", path)
        assert caught.value.attempts == 1
        if code == 429:
            assert 60 <= caught.value.retry_after <= 61
    assert (len(server.arrived), clock.now) == (1, 1000)


@pytest.mark.parametrize(
    ("headers", "least", "most"),
    [
        ({"retry-after": date(5)}, 5, 6),
        ({"date": "yesterday", "retry-after": date(5)}, 5, 6),
        ({"date": "Tue, 24 Nov 2026 12:00:00", "retry-after": date(5)}, 5, 6),
        ({"date": date(0), "retry-after": date(-60)}, 0, 0),
        ({"date": date(0), "retry-after": "Tue, 24 Nov 2026 25:61:00 GMT"}, 1, 1.5),
        ({"retry-after": "Tue, 24 Nov 99999 12:00:00 GMT"}, 1, 1.5),
        ({"retry-after": "Tue, 24 Nov 2026 12:00:00 +99999999999999999999"}, 1, 1.5),
    ],
    ids=["no Date", "bad Date", "Date without a zone", "past", "bad date", "year 99999", "absurd zone"],
)
async def test_a_date_without_the_servers_clock_is_measured_by_ours(
    server, monkeypatch, headers, least, most
):
    monkeypatch.setattr(time, "time", NOON.timestamp)
    server.then([refuse(429, headers=headers)])
    clock = AutoClock()
    async with BalanceClient(KEY, base_url=server.base_url, clock=clock) as client:
        await begin(client.program(PROGRAM))
    assert least <= clock.now - 1000 <= most


# 429s that come late -------------------------------------------------------------------------------------------------


async def _until_queued(events):
    await until(lambda: any(isinstance(event, QuotaWait) for event in events))


@pytest.mark.parametrize("max_wait", [60, None])
async def test_a_429_older_than_the_newest_answer_closes_the_gate_all_the_same(server, max_wait):
    release, clock, events = asyncio.Event(), ManualClock(), []

    async def late(exchange):
        await release.wait()
        await exchange.answer(429, {"message": "slow down"}, quota(600, 0, 5))

    server.then([late, status(200, {"id": DEFINITION}, headers=quota(600, 500, 3000))])
    async with BalanceClient(
        KEY, base_url=server.base_url, max_wait=max_wait, timeout=None, clock=clock, hooks=[events.append]
    ) as client:
        straggler = asyncio.ensure_future(CALLS["read"](client.program(PROGRAM)))
        await server.until_arrived(1)
        await CALLS["read"](client.program(PROGRAM))
        release.set()
        await _until_queued(events)
        assert client.quota.remaining == 500  # what it says of another window is not believed
        clock.advance(4.9)
        await turns()
        assert len(server.arrived) == 2
        server.headers = quota(600, 400, 2000)
        clock.advance(1.2)
        await straggler
        assert len(server.arrived) == 3
        at_rest(client)


async def test_a_429_into_a_window_that_is_over_closes_the_gate_all_the_same(server):
    release, clock, events = asyncio.Event(), ManualClock(), []

    async def late(exchange):
        await release.wait()
        await exchange.answer(429, {"message": "slow down"}, quota(600, 0, 30))

    server.then([status(200, {"id": DEFINITION}, headers=quota(600, 2, 2)), late])
    async with BalanceClient(
        KEY, base_url=server.base_url, max_wait=60, timeout=None, clock=clock, hooks=[events.append]
    ) as client:
        await CALLS["read"](client.program(PROGRAM))
        straggler = asyncio.ensure_future(CALLS["read"](client.program(PROGRAM)))
        await server.until_arrived(2)
        clock.advance(5)
        gate = client._requester.shared.gate
        gate.cancel(gate.try_enter(0.0))  # somebody sees that it is over
        release.set()
        await _until_queued(events)
        clock.advance(29.9)
        await turns()
        assert len(server.arrived) == 2
        clock.advance(1.2)
        await straggler
        assert len(server.arrived) == 3


@pytest.mark.parametrize("headers", [{}, {"retry-after": "1"}], ids=["no headers", "Retry-After"])
async def test_three_hundred_patient_callers_do_not_storm_a_server_that_refuses(server, headers):
    server.otherwise = refuse(429, headers=headers)
    clock = ManualClock()
    async with BalanceClient(
        KEY, base_url=server.base_url, max_wait=None, timeout=None, clock=clock
    ) as client:
        calls = [asyncio.ensure_future(CALLS["read"](client.program(PROGRAM))) for _ in range(300)]
        gate = client._requester.shared.gate
        while clock.now < 1020:
            await until(lambda: gate.in_flight == 0 and gate._waiting == 300)
            clock.advance(0.5)
        assert (
            len(server.arrived) <= 4 + 4
        )  # those that flew while nothing was known, then one after each pause
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        at_rest(client)
