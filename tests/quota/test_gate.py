"""The queue around the window: order, time limits, cancellation. Hours pass in virtual time."""

from __future__ import annotations

import asyncio
import itertools
import random
from datetime import UTC, datetime

import pytest
from quota import Account
from virtual_time import run

from brevo_balance_async.core.clock import LoopClock
from brevo_balance_async.core.quota import Gate
from brevo_balance_async.core.window import LIVE_PROBES
from brevo_balance_async.errors import ClientStateError, QuotaWaitError


def quota(limit: int, remaining: int, reset: float) -> dict[str, str]:
    return {
        "x-sib-ratelimit-limit": str(limit),
        "x-sib-ratelimit-remaining": str(remaining),
        "x-sib-ratelimit-reset": str(reset),
    }


def now() -> float:
    return asyncio.get_running_loop().time()


def told(limit: int, remaining: int, reset: float, *, status: int = 200, jitter: float = 0.5) -> Gate:
    """A gate that has heard one answer."""
    gate = Gate(LoopClock(), random=lambda: jitter)
    gate.leave(gate.try_enter(0.0), status=status, headers=quota(limit, remaining, reset))
    return gate


def queue(gate: Gate, count: int, granted: list[int], *, reserve: float = 0.0, first: int = 0):
    """Tasks that queue in the order of their numbers, and note their number when they are let in."""

    async def one(number: int):
        permit = await gate.enter(reserve=reserve, max_wait=None)
        granted.append(number)
        return permit

    return [asyncio.create_task(one(first + number)) for number in range(count)]


async def settle() -> None:
    """Let everything that is ready run, no time passes."""
    for _ in range(10):
        await asyncio.sleep(0)


# -- the state shown ---------------------------------------------------------------------------------------------


def test_state():
    async def main():
        gate = Gate(LoopClock())
        assert (gate.state, gate.limit, gate.in_flight) == (None, None, 0)
        begin = datetime.now(UTC)
        permit = gate.try_enter(0.0)
        assert gate.in_flight == 1
        gate.leave(permit, status=200, headers=quota(600, 17, 45))
        state = gate.state
        assert (state.limit, state.remaining, state.resets_in) == (600, 17, 45.0)
        assert begin <= state.observed_at <= datetime.now(UTC)
        assert state.observed_at.utcoffset().total_seconds() == 0
        assert gate.limit == 600
        gate.try_enter(0.0)
        assert gate.state.remaining == 16
        gate.leave(gate.try_enter(0.0), status=429, headers=quota(600, 3, 45))
        assert gate.state.remaining == 0

    run(main())


# -- max_wait ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("max_wait", [0.0, 0.2, 1.0, 29.0])
@pytest.mark.parametrize("reserve", [0.0, 0.2])
def test_a_wait_known_to_be_too_long_is_refused_at_once_and_spends_nothing(max_wait, reserve):
    async def main():
        gate = told(600, 0, 30, status=429)
        waits = []
        for _ in range(3):
            with pytest.raises(QuotaWaitError) as caught:
                await gate.enter(reserve=reserve, max_wait=max_wait, on_wait=waits.append)
            assert 30 <= caught.value.wait <= 32
            assert caught.value.max_wait == max_wait
        assert (now(), waits, gate.in_flight) == (0, [], 0)

    run(main())


def test_live_with_a_short_limit_after_bulk_has_drained_the_account():
    async def main():
        gate = told(600, 0, 1800)
        bulk = queue(gate, 20, [], reserve=0.2)
        await settle()
        with pytest.raises(QuotaWaitError):
            await gate.enter(reserve=0.0, max_wait=0.2)
        assert (now(), gate.in_flight) == (0, 0)
        for task in bulk:
            task.cancel()

    run(main())


def test_a_wait_within_the_limit_is_waited_and_told():
    async def main():
        gate, waits = told(600, 0, 3, status=429), []
        await gate.enter(reserve=0.2, max_wait=10, on_wait=waits.append)
        assert 3 < now() <= 6
        assert waits == [now()]

    run(main())


def test_a_waiter_whose_wait_grows_is_turned_away_when_that_is_known():
    async def main():
        gate = told(600, 1, 5)
        flying = gate.try_enter(0.0)
        patient = asyncio.create_task(gate.enter(reserve=0.0, max_wait=None))
        hasty = asyncio.create_task(gate.enter(reserve=0.0, max_wait=10))
        await asyncio.sleep(2)
        gate.leave(flying, status=429, headers=quota(600, 0, 100))
        with pytest.raises(QuotaWaitError, match="asks for a wait of") as caught:
            await hasty
        assert now() == 2
        assert caught.value.wait >= 100
        await patient
        assert now() >= 102

    run(main())


def test_a_waiter_beyond_what_is_left_is_turned_away_by_its_place_in_the_queue():
    async def main():
        gate = Gate(LoopClock())
        probes = [gate.try_enter(0.0) for _ in range(LIVE_PROBES)]
        calls = [asyncio.create_task(gate.enter(reserve=0.0, max_wait=60)) for _ in range(10)]
        await settle()
        gate.leave(probes[0], status=200, headers=quota(600, 9, 3000))
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert [isinstance(result, QuotaWaitError) for result in results] == [False] * 6 + [True] * 4
        assert now() == 0

    run(main())


def test_bulk_behind_more_bulk_than_the_window_holds_is_refused_at_once():
    async def main():
        gate, waits = told(600, 120 + 5, 3000), []
        bulk = queue(gate, 10, [], reserve=0.2)
        await settle()
        with pytest.raises(QuotaWaitError) as caught:
            await gate.enter(reserve=0.2, max_wait=500, on_wait=waits.append)
        assert caught.value.wait > 3000
        assert waits == []
        for task in bulk:
            task.cancel()

    run(main())


@pytest.mark.parametrize("max_wait", [0.0, 0.5])
def test_while_nothing_is_known_a_waiter_stays_as_long_as_it_may(max_wait):
    async def main():
        gate, waits = Gate(LoopClock()), []
        for _ in range(LIVE_PROBES):
            gate.try_enter(0.0)
        with pytest.raises(QuotaWaitError, match="no answer has yet told") as caught:
            await gate.enter(reserve=0.0, max_wait=max_wait, on_wait=waits.append)
        assert now() == max_wait
        assert waits == [0.0]
        assert caught.value.wait >= max_wait
        assert gate.in_flight == LIVE_PROBES

    run(main())


# -- order -------------------------------------------------------------------------------------------------------


def test_in_order_within_a_class_and_live_before_bulk():
    async def main():
        gate, granted = told(600, 0, 10), []
        tasks = queue(gate, 3, granted, reserve=0.5, first=200)
        await settle()
        tasks += queue(gate, 3, granted, reserve=0.2, first=100)
        await settle()
        tasks += queue(gate, 30, granted)
        await settle()
        assert gate.try_enter(0.0) is None
        while len(granted) < 36:
            await asyncio.sleep(1)
            for task in [task for task in tasks if task.done()]:
                tasks.remove(task)
                gate.leave(task.result(), status=200, headers=quota(600, 590, 3600))
        assert [number for number in granted if number < 100] == list(range(30))
        assert [number for number in granted if 100 <= number < 200] == [100, 101, 102]
        assert [number for number in granted if number >= 200] == [200, 201, 202]
        assert granted.index(0) < granted.index(100) < granted.index(200)
        assert gate.in_flight == 0

    run(main())


def test_nobody_overtakes_the_queue_but_those_who_go_first():
    async def main():
        gate = Gate(LoopClock())
        gate.try_enter(0.2)
        bulk = queue(gate, 1, [], reserve=0.2)
        await settle()
        assert gate.try_enter(0.5) is None
        assert gate.try_enter(0.0) is not None
        bulk[0].cancel()

    run(main())


def test_nobody_overtakes_when_the_timer_is_late():
    class Stuck(LoopClock):
        ahead = 0.0

        def time(self) -> float:
            return super().time() + self.ahead

    async def main():
        clock = Stuck()
        gate, granted = Gate(clock), []
        gate.leave(gate.try_enter(0.0), status=429, headers=quota(600, 0, 10))
        queue(gate, 1, granted)
        await settle()
        clock.ahead = 20
        assert gate.try_enter(0.0) is None
        await asyncio.sleep(12)
        assert granted == [0]

    run(main())


@pytest.mark.parametrize("headers", [{}, quota(100_000, 99_999, 3600)])
def test_ten_thousand_at_once_flow_after_the_first_answer(headers):
    async def main():
        gate, peak = Gate(LoopClock()), 0

        async def call():
            nonlocal peak
            permit = await gate.enter(reserve=0.0, max_wait=10)
            peak = max(peak, gate.in_flight)
            await asyncio.sleep(0.1)
            gate.leave(permit, status=200, headers=headers)

        await asyncio.gather(*(call() for _ in range(10_000)))
        assert now() == pytest.approx(0.2)
        assert peak >= 9_990
        assert gate.in_flight == 0

    run(main())


def test_ten_thousand_at_once_on_a_small_quota_are_served_or_told():
    async def main():
        account, gate = Account("fixed", 600), Gate(LoopClock())

        async def call() -> int:
            permit = await gate.enter(reserve=0.0, max_wait=10)
            status, headers = account.hit(now())
            await asyncio.sleep(0.1)
            gate.leave(permit, status=status, headers=headers)
            return status

        results = await asyncio.gather(*(call() for _ in range(10_000)), return_exceptions=True)
        assert results.count(200) == 600
        assert sum(isinstance(result, QuotaWaitError) for result in results) == 9_400
        assert now() < 1
        assert gate.in_flight == 0

    run(main())


def test_when_nobody_answers_the_queue_still_moves():
    async def main():
        gate = Gate(LoopClock())

        async def call():
            permit = await gate.enter(reserve=0.2, max_wait=None)
            await asyncio.sleep(0.1)
            gate.leave(permit, status=None, headers=None)

        await asyncio.gather(*(call() for _ in range(50)))
        assert now() == pytest.approx(5)

    run(main())


def test_an_answer_on_one_view_moves_the_queue_of_another():
    async def main():
        gate = told(600, 0, 3000)
        granted = []
        queue(gate, 1, granted)
        await settle()
        with pytest.raises(QuotaWaitError):
            await gate.enter(reserve=0.2, max_wait=1)
        await asyncio.sleep(3001.6)
        assert granted == [0]

    run(main())


# -- cancellation ------------------------------------------------------------------------------------------------


def test_cancel_one_of_a_hundred():
    async def main():
        gate, granted = told(600, 0, 10), []
        tasks = queue(gate, 100, granted)
        await settle()
        for number in (0, 17, 99):
            tasks[number].cancel()
        await asyncio.sleep(11.6)
        for permit in [task.result() for task in tasks if task.done() and not task.cancelled()]:
            gate.leave(permit, status=200, headers=quota(600, 590, 3600))
        await settle()
        assert granted == [number for number in range(100) if number not in {0, 17, 99}]
        assert gate.in_flight == 97 - LIVE_PROBES

    run(main())


def test_cancelled_at_the_moment_of_the_grant_the_permit_is_handed_on():
    async def main():
        gate, granted = Gate(LoopClock()), []
        flying = gate.try_enter(0.2)
        tasks = queue(gate, 3, granted, reserve=0.2)
        await settle()
        gate.leave(flying, status=None, headers=None)  # grants the first of the queue ...
        assert gate.in_flight == 1
        tasks[0].cancel()  # ... whose task has not run since
        await settle()
        assert tasks[0].cancelled()
        assert granted == [1]
        assert gate.in_flight == 1
        gate.leave(tasks[1].result(), status=None, headers=None)
        await settle()
        assert granted == [1, 2]

    run(main())


def test_cancelled_and_granted_in_the_same_breath():
    async def main():
        gate, granted = Gate(LoopClock()), []
        flying = gate.try_enter(0.2)
        tasks = queue(gate, 2, granted, reserve=0.2)
        await settle()
        tasks[0].cancel()
        gate.leave(flying, status=None, headers=None)
        await settle()
        assert tasks[0].cancelled()
        assert (granted, gate.in_flight) == ([1], 1)

    run(main())


def test_out_of_time_and_granted_in_the_same_breath():
    async def main():
        gate = Gate(LoopClock())
        flying = gate.try_enter(0.2)
        late = asyncio.create_task(gate.enter(reserve=0.2, max_wait=5))
        asyncio.get_running_loop().call_later(5, lambda: gate.leave(flying, status=None, headers=None))
        (result,) = await asyncio.gather(late, return_exceptions=True)
        assert gate.in_flight == (0 if isinstance(result, QuotaWaitError) else 1)

    run(main())


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("silent", [False, True])
def test_cancellation_stress(seed, silent):
    """Hundreds of callers come, wait, fly and are cancelled anywhere: nobody is lost, nothing leaks."""

    async def main():
        dice = random.Random(seed)
        gate, account = Gate(LoopClock(), random=dice.random), Account("first", 600)
        order = {0.0: itertools.count(), 0.2: itertools.count()}
        granted: dict[float, list[int]] = {0.0: [], 0.2: []}

        async def call(reserve: float, max_wait: float | None):
            ticket = next(order[reserve])
            permit = await gate.enter(reserve=reserve, max_wait=max_wait)
            granted[reserve].append(ticket)
            status, headers = None, None
            try:
                await asyncio.sleep(dice.uniform(0, 2))
                if dice.random() < 0.1:
                    gate.cancel(permit)
                    permit = None
                elif dice.random() < 0.9:
                    status, headers = account.hit(now())
            finally:
                if permit is not None:
                    gate.leave(permit, status=status, headers={} if silent and headers else headers)

        tasks = []
        for _ in range(800):
            reserve = dice.choice([0.0, 0.2])
            tasks.append(asyncio.create_task(call(reserve, dice.choice([None, 20.0, 0.5]))))
            if dice.random() < 0.4:
                dice.choice(tasks).cancel()
            if dice.random() < 0.2:
                await asyncio.sleep(dice.uniform(0, 5))
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(result) for result in results} <= {type(None), asyncio.CancelledError, QuotaWaitError}
        assert sum(result is None for result in results) > 200
        for tickets in granted.values():
            assert tickets == sorted(tickets)
        assert gate.in_flight == 0
        assert not any(lane.waiters for lane in gate._lanes.values())
        permit = await gate.enter(reserve=0.2, max_wait=None)
        gate.leave(permit, status=None, headers=None)

    run(main())


# -- closing -----------------------------------------------------------------------------------------------------


def test_close_ends_every_wait_and_lets_permits_return():
    async def main():
        gate = told(600, 1, 1000)
        flying = gate.try_enter(0.0)
        waiting = queue(gate, 5, [], reserve=0.2) + [
            asyncio.create_task(gate.enter(reserve=0.0, max_wait=5000)) for _ in range(5)
        ]
        await settle()
        gate.close()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(isinstance(result, ClientStateError) for result in results)
        assert gate.try_enter(0.0) is None
        with pytest.raises(ClientStateError, match="closed"):
            await gate.enter(reserve=0.0, max_wait=None)
        gate.leave(flying, status=200, headers={})
        assert gate.in_flight == 0
        assert now() == 0

    run(main())


def test_a_closed_gate_still_lets_through_who_needs_no_wait():
    async def main():
        gate = told(600, 2, 1000)
        gate.close()  # calls in flight may try again during the grace of closing
        permits = [await gate.enter(reserve=0.0, max_wait=None) for _ in range(2)]
        with pytest.raises(ClientStateError, match="closed"):
            await gate.enter(reserve=0.0, max_wait=None)
        for permit in permits:
            gate.cancel(permit)
        assert gate.in_flight == 0

    run(main())


# -- many processes ----------------------------------------------------------------------------------------------


def test_processes_told_the_same_reset_do_not_stampede():
    async def main():
        dice = random.Random(7)
        gates = [Gate(LoopClock(), random=dice.random) for _ in range(50)]
        moments = []

        async def process(gate: Gate):
            gate.leave(gate.try_enter(0.0), status=429, headers=quota(600, 0, 30))
            await gate.enter(reserve=0.2, max_wait=None)
            moments.append(now())

        await asyncio.gather(*(process(gate) for gate in gates))
        assert 31 <= min(moments) < max(moments) <= 32
        slots = [int(moment * 10) for moment in moments]
        assert max(slots.count(slot) for slot in slots) <= 12

    run(main())
