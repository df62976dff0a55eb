"""The sandbox's clock as a client's clock: advancing it wakes whoever waits on it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from clocks import turns, until

from brevo_balance_async import BalanceClient, QuotaWaitError
from brevo_balance_async.sandbox import Sandbox, SandboxClock, effects

START = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
PROGRAM = "27aa1d7a-af67-4020-8a65-19d6b0f0a26e"


def frozen():
    return SandboxClock(START, frozen=True)


async def laps(count=5):
    for _ in range(count):
        await asyncio.sleep(0)


async def test_timers_fire_in_their_order_and_only_when_their_moment_has_come():
    clock, fired = frozen(), []
    for delay in (30, 10, 20):
        clock.call_later(delay, lambda delay=delay: fired.append(delay))
    cancelled = clock.call_later(5, lambda: fired.append("cancelled"))
    cancelled.cancel()
    await laps()
    assert fired == []
    clock.advance(20)
    await laps()
    assert fired == [10, 20]
    clock.set(START + timedelta(seconds=30))
    await laps()
    assert fired == [10, 20, 30]
    cancelled.cancel()


async def test_a_timer_that_is_cancelled_after_the_advance_does_not_fire():
    clock, fired = frozen(), []
    timer = clock.call_later(5, lambda: fired.append(1))
    clock.advance(5)
    timer.cancel()
    await laps()
    assert fired == []


async def test_a_timer_of_no_time_fires_on_a_clock_that_stands_still():
    clock, fired = frozen(), asyncio.Event()
    clock.call_later(0, fired.set)
    await asyncio.wait_for(fired.wait(), 10)


async def test_a_running_clock_fires_by_itself_and_a_frozen_one_does_not():
    clock, fired = SandboxClock(), asyncio.Event()
    clock.call_later(0.01, fired.set)
    await asyncio.wait_for(fired.wait(), 10)
    later = asyncio.Event()
    clock.call_later(3600, later.set)
    clock.freeze()
    moment = clock.now()
    clock.advance(3599)
    await laps()
    assert (later.is_set(), clock.now()) == (False, moment + timedelta(seconds=3599))
    clock.run()
    clock.advance(1)
    await asyncio.wait_for(later.wait(), 10)
    assert not clock.frozen


async def test_seconds_never_run_backwards():
    clock, fired = frozen(), []
    clock.advance(100)
    before = clock.time()
    clock.call_later(50, lambda: fired.append(1))
    clock.restart()
    assert (clock.now(), clock.time()) == (START, before)
    clock.advance(49)
    await laps()
    assert fired == []
    clock.advance(1)
    await laps()
    assert fired == [1]


async def test_whoever_has_gone_is_not_called():
    clock = frozen()

    async def wait():
        clock.call_later(1, lambda: None)

    await asyncio.to_thread(asyncio.run, wait())
    clock.advance(1)


def test_sums_of_steps_are_exact():
    clock = frozen()
    for _ in range(1000):
        clock.advance(0.001)
    assert clock.now() == START + timedelta(seconds=1)


def test_what_a_clock_cannot_do():
    clock = frozen()
    with pytest.raises(ValueError, match="not set back"):
        clock.set(START - timedelta(seconds=1))
    with pytest.raises(ValueError, match="aware"):
        clock.set(datetime(2027, 1, 1))  # noqa: DTZ001 - that is the point
    with pytest.raises(ValueError, match="beyond the year 9999"):
        clock.advance(1e12)
    assert clock.now() == START


async def test_a_client_that_waits_on_the_sandbox_s_clock_is_woken():
    async with (
        Sandbox(clock=frozen(), rph=2) as sandbox,
        BalanceClient(
            sandbox.api_key, base_url=sandbox.base_url, clock=sandbox.clock, max_wait=None
        ) as client,
    ):
        definitions = client.program(PROGRAM).definitions
        for _ in range(2):
            await definitions.list()
        waiting = asyncio.create_task(definitions.list().collect())
        await turns(100)
        assert (waiting.done(), sandbox.hits()) == (False, 2)  # until 10:00, half an hour from now
        sandbox.clock.advance(100)
        await turns(100)
        assert (waiting.done(), sandbox.hits()) == (False, 2)
        sandbox.clock.advance(1702)
        assert await asyncio.wait_for(waiting, 10) == []
        assert sandbox.hits() == 3


async def test_a_client_s_retries_wait_on_it_too():
    async with (
        Sandbox(clock=frozen()) as sandbox,
        BalanceClient(sandbox.api_key, base_url=sandbox.base_url, clock=sandbox.clock, max_wait=60) as client,
    ):
        sandbox.faults.add(effects.status(503, headers={"retry-after": "9"}), times=1)
        reading = asyncio.create_task(client.program(PROGRAM).definitions.list().collect())
        await until(sandbox.hits)
        await turns(100)
        assert (reading.done(), sandbox.hits()) == (False, 1)
        sandbox.clock.advance(12)  # the time for the whole call, 30 seconds, runs on this clock too
        assert await asyncio.wait_for(reading, 10) == []
        assert sandbox.hits() == 2


async def test_the_quota_s_hour_is_on_it():
    async with (
        Sandbox(clock=frozen(), rph=1) as sandbox,
        BalanceClient(sandbox.api_key, base_url=sandbox.base_url, clock=sandbox.clock) as client,
    ):
        definitions = client.program(PROGRAM).definitions
        await definitions.list()
        with pytest.raises(QuotaWaitError):
            await definitions.list()
        sandbox.clock.advance(1802)
        await definitions.list()


def test_a_running_clock_stops_at_the_end_of_the_calendar():
    last = datetime(9999, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)
    clock = SandboxClock(last)
    while clock.time() < 0.002:
        pass
    assert clock.now() == last
    with pytest.raises(ValueError, match="beyond the year 9999"):
        clock.advance(1)
    clock.restart()
    assert clock.now() == last


def test_a_clock_that_starts_with_the_calendar_is_set_back_after_any_advance():
    first = datetime(1, 1, 1, tzinfo=UTC)
    clock = SandboxClock(first, frozen=True)
    clock.advance(10**11)
    clock.restart()
    assert (clock.now(), clock.time()) == (first, 10**11)
    assert clock.set(first + timedelta(seconds=5)) == clock.now() == first + timedelta(seconds=5)
    assert clock.advance(2) == first + timedelta(seconds=7)
    assert clock.time() == 10**11 + 7


def test_a_clock_is_advanced_by_no_number_that_is_too_large():
    clock = frozen()
    with pytest.raises(ValueError, match="beyond the year 9999"):
        clock.advance(10**400)
    assert clock.now() == START
