"""The queue around the window: order, time limits, cancellation. Hours pass in virtual time."""

from __future__ import annotations

import asyncio
import gc
import itertools
import random
import sys
from datetime import UTC, datetime

import pytest
from clocks import ManualClock
from quota import Account
from virtual_time import run

from brevo_balance_async.core.clock import LoopClock
from brevo_balance_async.core.quota.gate import Gate
from brevo_balance_async.core.quota.headers import read
from brevo_balance_async.core.quota.window import LIVE_PROBES, PROBE_AFTER, Pair
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
    gate.leave(gate.try_enter(0.0), read(status, quota(limit, remaining, reset)))
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
        await asyncio.sleep(7)
        begin = datetime.now(UTC)
        permit = gate.try_enter(0.0)
        assert gate.in_flight == 1
        gate.leave(permit, read(200, quota(600, 17, 45)))
        state = gate.state
        assert (state.limit, state.remaining, state.resets_in) == (600, 17, 45.0)
        assert begin <= state.observed_at <= datetime.now(UTC)
        assert state.observed_at.utcoffset().total_seconds() == 0
        assert gate.limit == 600
        gate.try_enter(0.0)
        assert gate.state.remaining == 16
        gate.leave(gate.try_enter(0.0), read(429, quota(600, 3, 45)))
        assert gate.state.remaining == 0

    run(main())


def test_a_gate_is_crowded_by_a_hundred_calls_or_by_one_that_waits_for_its_turn():
    async def main():
        gate, crowded = told(600, 0, 3000), []
        for _ in range(3):
            queue(gate, 1 if crowded else 99, [])
            await settle()
            crowded.append(gate.crowded)
        assert crowded == [False, True, True]
        gate.close()
        assert not gate.crowded
        turn = asyncio.create_task(gate.turns.wait())
        await asyncio.sleep(0)
        assert gate.crowded
        await turn
        assert not gate.crowded

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
            assert 30 <= caught.value.retry_after <= 32
            assert caught.value.max_wait == max_wait
        assert (now(), waits, gate.in_flight) == (0, [], 0)

    run(main())


def test_a_call_behind_a_single_other_one_is_refused_at_once_too():
    async def main():
        gate = told(600, 0, 100)
        (first,) = queue(gate, 1, [])
        await settle()
        with pytest.raises(QuotaWaitError):
            await gate.enter(reserve=0.0, max_wait=10, on_wait=lambda wait: pytest.fail(f"waits {wait} s"))
        first.cancel()

    run(main())


@pytest.mark.parametrize(
    ("left", "blamed"), [(500, False), (121, False), (120, True), (119, True), (1, True), (0, True)]
)
def test_after_a_429_the_refusal_blames_the_reserve_only_if_it_keeps_all_that_is_left(left, blamed):
    async def main():
        gate = told(600, 500, 3000)
        gate.leave(gate.try_enter(0.0), read(429, {**quota(600, left, 3000), "retry-after": "60"}))
        with pytest.raises(QuotaWaitError) as caught:
            await gate.enter(reserve=0.2, max_wait=1)
        because = f"({left} requests are left, of which reserve=0.2 keeps 120 for others)"
        assert (because in str(caught.value)) is blamed
        assert ("reserve" in str(caught.value)) is blamed

    run(main())


def test_when_the_pause_is_over_the_reserve_is_blamed_again():
    async def main():
        gate = told(600, 500, 3000, jitter=0.0)
        gate.leave(gate.try_enter(0.0), read(429, {**quota(600, 121, 3000), "retry-after": "60"}))
        await asyncio.sleep(60)
        with pytest.raises(QuotaWaitError, match=r"121 requests are left, of which reserve=0\.2 keeps 120"):
            await gate.enter(reserve=0.2, max_wait=1, pair=Pair())

    run(main())


def test_a_refusal_speaks_of_no_less_than_nothing():
    async def main():
        gate = Gate(LoopClock())
        permits = [gate.try_enter(0.0) for _ in range(3)]
        gate.leave(permits[0], read(200, quota(600, 0, 3000)))
        assert gate.state.remaining == 0
        with pytest.raises(QuotaWaitError, match=r"\(0 requests are left"):
            await gate.enter(reserve=0.2, max_wait=1)

    run(main())


def test_the_end_of_a_hold_in_flight_is_charged_once():
    async def main():
        gate, pair = told(600, 600, 3000), Pair()
        gate.leave(gate.try_enter(0.0, pair=pair), read(200, quota(600, 599, 3000)))
        assert gate.state.remaining == 598
        gate.try_enter(0.0, first=True, pair=pair)
        assert gate.state.remaining == 598

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


@pytest.mark.parametrize("reserve", [0.0, 0.2])
def test_a_call_that_may_wait_exactly_as_long_as_it_has_to_is_served(reserve):
    async def main():
        gate, waits = told(600, 0, 30, jitter=0.0), []
        with pytest.raises(QuotaWaitError):
            await gate.enter(reserve=reserve, max_wait=30.75, on_wait=waits.append)
        await gate.enter(reserve=reserve, max_wait=31, on_wait=waits.append)
        assert (waits, now()) == ([31], 31)

    run(main())


def test_until_then_there_is_no_permit_not_even_for_half_a_second():
    async def main():
        gate = told(600, 0, 30, jitter=0.0)
        for moment in (0, 30, 30.5, 30.75):
            await asyncio.sleep(moment - now())
            assert gate.try_enter(0.0) is None
        await asyncio.sleep(0.25)
        assert gate.try_enter(0.0) is not None

    run(main())


def test_each_call_is_turned_away_at_its_own_deadline_whoever_comes_first():
    async def main():
        gate, ended = Gate(LoopClock()), []
        for _ in range(LIVE_PROBES):
            gate.try_enter(0.0)

        async def enter(max_wait: float) -> None:
            with pytest.raises(QuotaWaitError):
                await gate.enter(reserve=0.0, max_wait=max_wait)
            ended.append((max_wait, now()))

        calls = [asyncio.create_task(enter(max_wait)) for max_wait in (20, 5, 10, 15)]
        for _ in range(3):
            await asyncio.sleep(1)
            gate.release(Pair())  # everything is looked at again, and nothing has changed
        await asyncio.gather(*calls)
        assert ended == [(5, 5), (10, 10), (15, 15), (20, 20)]

    run(main())


def test_one_timer_is_set_while_somebody_waits_and_none_otherwise():
    async def main():
        clock = ManualClock()
        gate = Gate(clock, random=lambda: 0.0)
        gate.leave(gate.try_enter(0.0), read(200, quota(600, 0, 30)))
        assert clock.pending == []
        tasks = [asyncio.create_task(gate.enter(reserve=0.0, max_wait=wait)) for wait in (40, 35, None)]
        await settle()
        assert clock.pending == [31]
        for task in tasks[:2]:
            task.cancel()
        await settle()
        assert clock.pending == [31]
        tasks[2].cancel()
        await settle()
        assert clock.pending == []
        tasks = queue(gate, 2, [])
        await settle()
        assert clock.pending == [31]
        clock.advance(31)
        await settle()
        assert [task.done() for task in tasks] == [True, True]
        assert clock.pending == []
        for task in tasks:
            gate.leave(task.result(), read(200, quota(600, 0, 30)))
        tasks = queue(gate, 2, [])
        await settle()
        assert clock.pending == [31]
        gate.close()
        assert clock.pending == []
        await asyncio.gather(*tasks, return_exceptions=True)

    run(main())


@pytest.mark.parametrize(
    ("left", "ahead"),
    [
        (1, {"reserve": 0.0, "max_wait": 5000}),  # the hold itself has time enough
        (0, {"reserve": 0.2, "max_wait": None}),  # paced
        (1, {"reserve": 0.2, "max_wait": None}),
    ],
)
def test_who_has_time_enough_is_not_turned_away_because_of_those_before_it(left, ahead):
    async def main():
        gate = told(600, left, 3000)
        pair = Pair() if ahead["reserve"] == 0 else None
        calls = [asyncio.create_task(gate.enter(**ahead, pair=pair))]
        await settle()
        calls.append(asyncio.create_task(gate.enter(reserve=0.5, max_wait=5000)))
        await settle()
        assert [call.done() for call in calls] == [False, False]
        for call in calls:
            call.cancel()

    run(main())


def test_a_waiter_whose_wait_grows_is_turned_away_when_that_is_known():
    async def main():
        gate = told(600, 1, 5)
        flying = gate.try_enter(0.0)
        patient = asyncio.create_task(gate.enter(reserve=0.0, max_wait=None))
        hasty = asyncio.create_task(gate.enter(reserve=0.0, max_wait=10))
        await asyncio.sleep(2)
        gate.leave(flying, read(429, quota(600, 0, 100)))
        with pytest.raises(QuotaWaitError, match="asks for a wait of") as caught:
            await hasty
        assert now() == 2
        assert caught.value.retry_after >= 100
        await patient
        assert now() >= 102

    run(main())


@pytest.mark.parametrize("left", [0, 1])
def test_a_hold_is_turned_away_when_it_is_known_that_no_two_are_left(left):
    async def main():
        gate = Gate(LoopClock(), random=lambda: 0.0)
        gate.leave(gate.try_enter(0.0), read(429, {"retry-after": "1"}))
        await asyncio.sleep(1)
        look = gate.try_enter(0.0)
        hold = asyncio.create_task(gate.enter(reserve=0.0, max_wait=10, pair=Pair()))
        await settle()
        assert not hold.done()
        gate.leave(look, read(200, quota(600, left, 3000)))
        with pytest.raises(QuotaWaitError):
            await hold
        assert now() == 1

    run(main())


def test_whoever_is_turned_away_makes_room_for_a_look_at_those_behind():
    async def main():
        gate = told(600, 100, 99, jitter=0.0)
        await asyncio.sleep(100)
        gate.leave(gate.try_enter(0.0), read(200, quota(600, 4, 10)))  # a sliding window
        flying = [gate.try_enter(0.0) for _ in range(4)]
        gate.leave(flying[0], read(200, quota(600, 3, 10)))
        live = asyncio.create_task(gate.enter(reserve=0.0, max_wait=5))
        bulk = asyncio.create_task(gate.enter(reserve=0.2, max_wait=720))
        await settle()
        assert [live.done(), bulk.done()] == [False, False]
        gate.leave(flying[1], read(200, quota(600, 0, 10)))
        results = await asyncio.gather(live, bulk, return_exceptions=True)
        assert [type(result) for result in results] == [QuotaWaitError, QuotaWaitError]
        assert [result.retry_after for result in results] == [11, pytest.approx(11 + 120 * 3600 / 602)]
        assert now() == 100

    run(main())


def test_a_waiter_beyond_what_is_left_is_turned_away_by_its_place_in_the_queue():
    async def main():
        gate = Gate(LoopClock())
        probes = [gate.try_enter(0.0) for _ in range(LIVE_PROBES)]
        calls = [asyncio.create_task(gate.enter(reserve=0.0, max_wait=60)) for _ in range(10)]
        await settle()
        gate.leave(probes[0], read(200, quota(600, 9, 3000)))
        await settle()
        assert [call.done() for call in calls] == [True] * 6 + [False] * 4
        for probe in probes[1:]:  # which may have been counted by then, so four more wait for them
            gate.leave(probe, read(200, quota(600, 6, 3000)))
        for call in calls[:6]:
            gate.leave(call.result(), read(200, quota(600, 0, 3000)))
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert [isinstance(result, QuotaWaitError) for result in results] == [False] * 6 + [True] * 4
        assert now() == 0

    run(main())


def test_bulk_behind_more_bulk_than_the_window_holds_is_refused_at_once():
    async def main():
        gate, waits = told(600, 120 + 5, 3000), []
        calls = [asyncio.create_task(gate.enter(reserve=0.2, max_wait=4000)) for _ in range(10)]
        await settle()
        with pytest.raises(QuotaWaitError) as caught:
            await gate.enter(reserve=0.2, max_wait=500, on_wait=waits.append)
        assert caught.value.retry_after > 2990
        assert waits == []
        assert "reserve=0.2 keeps 120 for others" in str(caught.value)
        for call in calls:
            call.cancel()

    run(main())


@pytest.mark.parametrize(
    ("reserve", "how", "needed"),
    [
        (0.0, {"first": True}, 1),  # the end of a hold that waits already has its permit
        (0.0, {}, 1 + 1),
        (0.0, {"pair": Pair()}, 2 + 1 + 2),
        (0.2, {}, 1 + 1 + 2 + 3),
        (0.2, {"max_wait": None}, 1 + 1 + 2 + 3 + 1),  # paced, so after the others with this reserve
        (0.5, {}, 1 + 1 + 2 + 3 + 1 + 1),
    ],
    ids=["complete", "live", "hold", "bulk", "paced", "careful"],
)
def test_a_call_counts_the_permits_of_those_who_go_before_it_and_of_nobody_else(reserve, how, needed):
    async def wait(spare: int) -> float:
        gate, pair, waits = told(600, 600, 3000, jitter=0.0), Pair(), []
        begin = gate.try_enter(0.0, pair=pair)
        left = int(600 * reserve) + 1 + spare  # one is kept for the hold
        gate.leave(begin, read(429, {**quota(600, left, 3000), "retry-after": "5"}))

        async def enter(reserve: float, max_wait: float | None = 5000, **how) -> None:
            await gate.enter(reserve=reserve, max_wait=max_wait, on_wait=waits.append, **how)

        tasks = [
            asyncio.create_task(call)
            for call in (
                enter(0.0, first=True, pair=pair),
                enter(0.0),
                enter(0.0, pair=Pair()),
                *(enter(0.2) for _ in range(3)),
                enter(0.2, max_wait=None),
                enter(0.5),
                enter(0.9),
            )
        ]
        await settle()
        tasks.append(asyncio.create_task(enter(reserve, **how)))
        await settle()
        for task in tasks:
            task.cancel()
        return waits[-1]

    assert run(wait(needed)) == 5  # the pause, and no more
    assert run(wait(needed - 1)) == 3001


def test_a_call_turned_away_is_told_the_wait_even_if_it_is_short():
    async def main():
        gate = Gate(LoopClock(), random=lambda: 0.0)
        probes = [gate.try_enter(0.0) for _ in range(LIVE_PROBES)]
        await asyncio.sleep(4)
        call = asyncio.create_task(gate.enter(reserve=0.0, max_wait=0.25))
        await asyncio.sleep(0.125)
        gate.leave(probes[0], read(429, {"retry-after": "0.25"}))
        with pytest.raises(QuotaWaitError, match="asks for a wait of") as caught:
            await call
        assert (now(), caught.value.retry_after) == (4.125, 0.375)  # since it asked

    run(main())


def test_a_timer_is_never_asked_for_in_the_past():
    class Slow(ManualClock):
        def time(self) -> float:
            self.now += 1  # between two looks
            return self.now

    async def main():
        clock = Slow()
        gate = Gate(clock)
        for _ in range(LIVE_PROBES):
            gate.try_enter(0.0)
        call = asyncio.create_task(gate.enter(reserve=0.0, max_wait=1.5))
        await settle()
        assert clock.asked == [0.0]
        call.cancel()

    run(main())


@pytest.mark.parametrize("max_wait", [0.0, 0.5])
def test_while_nothing_is_known_a_waiter_stays_as_long_as_it_may(max_wait):
    async def main():
        gate, waits = Gate(LoopClock()), []
        for _ in range(LIVE_PROBES):
            gate.try_enter(0.0)
        await asyncio.sleep(8)
        with pytest.raises(QuotaWaitError, match="it is not known yet") as caught:
            await gate.enter(reserve=0.0, max_wait=max_wait, on_wait=waits.append)
        assert now() == 8 + max_wait
        assert waits == [0.0]
        assert caught.value.retry_after == max_wait
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
                gate.leave(task.result(), read(200, quota(600, 590, 3600)))
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
        gate.leave(gate.try_enter(0.0), read(429, quota(600, 0, 10)))
        queue(gate, 1, granted)
        careful = queue(gate, 1, [], reserve=0.5)
        await settle()
        clock.ahead = 20
        assert gate.try_enter(0.0) is None
        assert gate.try_enter(0.2) is None
        await asyncio.sleep(12)
        assert granted == [0]
        careful[0].cancel()

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
            gate.leave(permit, read(200, headers))

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
            gate.leave(permit, read(status, headers))
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
            gate.leave(permit, None)

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


# -- what a waiter costs ---------------------------------------------------------------------------------------


def python_calls(work) -> int:
    """Python functions called by ``work``: a cost that no busy machine changes."""
    calls = 0

    def count(_frame, event, _argument):
        nonlocal calls
        calls += event == "call"

    gc.disable()  # a collection may run callbacks, which are calls too
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
        gc.enable()
    return calls


def crowded(waiting: int, *, max_wait: float | None = 7200.0):
    """A closed gate with so many in its queue."""
    gate = told(600, 0, 3000)
    tasks = [asyncio.create_task(gate.enter(reserve=0.0, max_wait=max_wait)) for _ in range(waiting)]
    return gate, tasks


@pytest.mark.parametrize("max_wait", [7200.0, None])
def test_entering_and_leaving_a_closed_gate_cost_the_same_however_many_wait(max_wait):
    async def cost(waiting: int) -> list[int]:
        gate, tasks = crowded(waiting, max_wait=max_wait)
        await settle()
        costs = []
        for reserve in (0.0, 0.0, 0.2):
            coroutine = gate.enter(reserve=reserve, max_wait=max_wait)
            costs.append(python_calls(lambda coroutine=coroutine: coroutine.send(None)))
            costs.append(python_calls(coroutine.close))
        permit = gate._window.send(now(), 0.0)
        costs.append(python_calls(lambda: gate.leave(permit, read(200, quota(600, 0, 3000)))))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return costs

    assert run(cost(10)) == run(cost(3_000))


def test_turning_away_costs_the_same_for_each_however_many_wait():
    async def cost(waiting: int, hasty: int) -> int:
        gate, tasks = crowded(waiting)
        await settle()
        tasks += [asyncio.create_task(gate.enter(reserve=0.0, max_wait=3100)) for _ in range(hasty)]
        await settle()
        permit = gate._window.send(now(), 0.0)
        calls = python_calls(lambda: gate.leave(permit, read(429, quota(600, 0, 3500))))
        await settle()
        assert sum(task.done() for task in tasks) == hasty
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return calls

    few, crowd, more = run(cost(10, 5)), run(cost(2_000, 5)), run(cost(2_000, 105))
    assert few == crowd
    assert more - crowd <= 100 * 10


def test_granting_costs_the_same_for_each_however_many_wait():
    async def cost(waiting: int) -> int:
        gate, tasks = crowded(waiting)
        await settle()
        permit = gate._window.send(now(), 0.0)
        calls = python_calls(lambda: gate.leave(permit, read(200, quota(600, 5, 3000))))
        await settle()
        assert sum(task.done() for task in tasks) == 5
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return calls

    assert run(cost(10)) == run(cost(3_000))


def test_a_live_call_costs_the_same_after_thousands_of_other_reserves():
    async def main():
        gate = told(100_000, 99_000, 3600)

        def live() -> None:
            gate.leave(gate.try_enter(0.0), read(200, quota(100_000, 99_000, 3600)))

        before = python_calls(live)
        for number in range(1, 6_002):
            permit = await gate.enter(reserve=number / 10_000, max_wait=None)
            gate.leave(permit, read(200, quota(100_000, 99_000, 3600)))
        waiting = [
            asyncio.create_task(gate.enter(reserve=0.999 + n / 1e6, max_wait=None)) for n in range(100)
        ]
        await settle()
        for task in waiting:
            task.cancel()
        await settle()
        assert python_calls(live) == before
        assert (gate._queues, gate._priorities) == ({}, [])
        assert len(gate._window.pace.buckets) == 64

    run(main())


@pytest.mark.parametrize("kind", ["paced", "holds"])
def test_entering_costs_the_same_however_many_reserves_wait(kind):
    async def cost(waiting: int) -> int:
        gate = told(600, 0, 300)
        tasks = []

        def enter(number: int):
            reserve, pair = 0.1 + number / 1e5, None if kind == "paced" else Pair()
            return gate.enter(reserve=reserve, max_wait=None if kind == "paced" else 1000, pair=pair)

        tasks = [asyncio.create_task(enter(number)) for number in range(waiting)]
        await settle()
        coroutine = enter(0)
        calls = python_calls(lambda: coroutine.send(None))
        coroutine.close()
        permit = gate._window.send(now(), 0.0)
        calls += python_calls(lambda: gate.leave(permit, read(200, quota(600, 0, 300))))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return calls

    assert run(cost(300)) == run(cost(10))


def test_a_hold_that_waits_keeps_no_smaller_share_from_looking():
    # The hold may not go to look; whoever stands behind it may, and waits no longer than five minutes.
    async def main():
        gate = told(600, 0, 3000)
        hold = asyncio.create_task(gate.enter(reserve=0.0, max_wait=None, pair=Pair()))
        bulk = asyncio.create_task(gate.enter(reserve=0.2, max_wait=5000))
        started = now()
        await bulk
        assert now() - started == pytest.approx(PROBE_AFTER)
        hold.cancel()

    run(main())


@pytest.mark.parametrize("known", ["nothing", "refused", "used up"])
@pytest.mark.parametrize("reserve", [0.0, 0.2])
def test_requests_that_never_end_keep_nobody_waiting_for_ever(known, reserve):
    async def main():
        gate = Gate(LoopClock(), random=lambda: 0.0)
        if known != "nothing":
            status = 200 if known == "used up" else 429
            told = quota(600, 0, 2000) if known == "used up" else {"retry-after": "1"}
            gate.leave(gate.try_enter(0.0), read(status, told))
        hung = []
        for _ in range(LIVE_PROBES + 3):
            started = now()
            hung.append(await gate.enter(reserve=reserve, max_wait=None))
            assert now() - started <= PROBE_AFTER
        assert gate.in_flight == len(hung)
        for permit in hung:
            gate.leave(permit, None)
        assert gate.in_flight == 0

    run(main())


@pytest.mark.parametrize("staying", [1, 50])
def test_deadlines_of_those_who_left_are_forgotten_now_and_then(staying):
    # Now and then only, because each time costs as much as there are entries.
    async def main():
        gate, peak = told(600, 0, 3000), 0
        tasks = [asyncio.create_task(gate.enter(reserve=0.0, max_wait=9000)) for _ in range(staying)]
        await settle()
        for _ in range(500):
            task = asyncio.create_task(gate.enter(reserve=0.0, max_wait=8000))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            peak = max(peak, len(gate._deadlines))
        assert peak == 2 * (staying + 1) + 100 + 1  # twice those who wait, and a hundred
        for task in tasks:
            task.cancel()

    run(main())


def test_who_waits_as_long_as_it_takes_has_no_deadline():
    async def main():
        gate = told(600, 0, 3000)
        for task in queue(gate, 3, []) + queue(gate, 3, [], reserve=0.2):
            await settle()
            assert gate._deadlines == []
            task.cancel()

    run(main())


# -- reserves ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reads", [40, 300, 400])
def test_a_burst_above_the_reserve_is_refused_to_nobody(reads):
    async def main():
        account, gate = Account("fixed", 600, used=16, window=0.0), told(600, 584, 3600)

        async def call() -> int:
            permit = await gate.enter(reserve=0.2, max_wait=10)
            await asyncio.sleep(0.05)
            status, headers = account.hit(now())
            await asyncio.sleep(0.05)
            gate.leave(permit, read(status, headers))
            return status

        results = await asyncio.gather(*(call() for _ in range(reads)), return_exceptions=True)
        assert results == [200] * reads
        assert 600 - account.used >= 120  # what is kept for others stays
        assert now() < 10

    run(main())


def test_who_waits_as_long_as_it_takes_is_paced_above_the_reserve():
    async def main():
        gate = told(600, 584, 3600)
        tasks = queue(gate, 100, [], reserve=0.2)
        left = 584
        for _ in range(50):
            await asyncio.sleep(0.1)
            for task in [task for task in tasks if task.done()]:
                tasks.remove(task)
                left -= 1
                gate.leave(task.result(), read(200, quota(600, left, 3600)))
        assert 30 <= 584 - left <= 32  # the burst of a twentieth of the limit, and a little
        hasty = [asyncio.create_task(gate.enter(reserve=0.2, max_wait=1)) for _ in range(10)]
        await settle()
        assert all(
            task.done() and task.exception() is None for task in hasty
        )  # pacing makes wait, and never refuses
        for task in tasks:
            task.cancel()

    run(main())


def test_a_permit_is_paced_only_if_it_is_asked_for():
    gate = Gate(ManualClock())
    permits = [gate.try_enter(0.2), *(gate.try_enter(0.0, paced=paced) for paced in (True, False))]
    assert [permit.bucket is None for permit in permits] == [True, False, True]


def test_a_paced_queue_delays_nobody_who_is_not_paced():
    async def main():
        gate = told(600, 584, 3600)
        paced = queue(gate, 100, [], reserve=0.2)
        await settle()
        for task in [task for task in paced if task.done()]:
            gate.leave(task.result(), read(200, quota(600, 550, 3600)))
        await settle()
        hasty = [asyncio.create_task(gate.enter(reserve=0.3, max_wait=60))]
        await settle()
        assert [task.done() for task in hasty] == [True]
        for task in paced:
            task.cancel()

    run(main())


def test_a_queue_at_its_reserve_delays_no_smaller_reserve():
    async def main():
        gate = told(600, 200, 3000)
        strict = asyncio.create_task(gate.enter(reserve=0.5, max_wait=4000))
        await settle()
        for max_wait in (0.0, None):
            permit = await gate.enter(reserve=0.2, max_wait=max_wait)
            gate.leave(permit, read(200, quota(600, 199, 3000)))
        assert not strict.done()
        strict.cancel()

    run(main())


# -- holds -------------------------------------------------------------------------------------------------------


def test_a_hold_keeps_a_permit_for_its_end():
    async def main():
        gate, pair, other = told(600, 2, 3000), Pair(), Pair()
        begin = await gate.enter(reserve=0.0, max_wait=1, pair=pair)
        gate.leave(begin, read(200, quota(600, 1, 3000)))
        for more in (None, other):
            with pytest.raises(QuotaWaitError):
                await gate.enter(reserve=0.0, max_wait=1, pair=more)
        end = await gate.enter(reserve=0.0, max_wait=0, first=True, pair=pair)
        gate.leave(end, read(200, quota(600, 0, 3000)))
        gate.release(pair)
        assert (now(), gate._window.held, gate.in_flight) == (0, 0, 0)

    run(main())


@pytest.mark.parametrize("left", [0, 1])
@pytest.mark.parametrize("reserve", [0.0, 0.2])
def test_a_hold_does_not_begin_what_the_quota_would_not_let_it_end(left, reserve):
    async def main():
        gate = told(600, left + int(600 * reserve), 3000)
        with pytest.raises(QuotaWaitError):
            await gate.enter(reserve=reserve, max_wait=1, pair=Pair())
        patient = asyncio.create_task(gate.enter(reserve=reserve, max_wait=None, pair=Pair()))
        await asyncio.sleep(2_999)
        assert not patient.done()
        await patient
        assert gate._window.held == 1

    run(main())


@pytest.mark.parametrize(("left", "goes"), [(0, False), (1, True)])
def test_the_end_of_a_hold_that_kept_no_permit_needs_one(left, goes):
    async def main():
        gate, pair = told(600, left, 3000), Pair()
        permit = gate.try_enter(0.0, first=True, pair=pair)
        assert (permit is not None) is goes
        assert (pair.held, gate._window.held) == (False, 0)

    run(main())


def test_a_hold_that_waits_for_two_keeps_nobody_else_waiting():
    async def main():
        gate = told(600, 1, 3000)
        hold = asyncio.create_task(gate.enter(reserve=0.0, max_wait=None, pair=Pair()))
        await settle()
        await gate.enter(reserve=0.0, max_wait=1)
        hold.cancel()

    run(main())


def test_the_end_of_a_hold_gets_its_permit_back_if_the_request_never_left_or_was_refused():
    async def main():
        gate, pair = told(600, 2, 3000), Pair()
        gate.leave(await gate.enter(reserve=0.0, max_wait=1, pair=pair), read(200, quota(600, 1, 3000)))
        gate.cancel(gate.try_enter(0.0, first=True, pair=pair))
        assert pair.held
        permit = gate.try_enter(0.0, first=True, pair=pair)
        gate.leave(permit, read(429, quota(600, 0, 3)))
        assert pair.held
        waiting = queue(gate, 1, [])
        end = await gate.enter(reserve=0.0, max_wait=4, first=True, pair=pair)
        assert 3 <= now() <= 4
        gate.release(pair)  # too early, and yet it is given back once only
        gate.cancel(end)
        assert (gate._window.held, gate.in_flight) == (0, 0)
        await asyncio.gather(*waiting)

    run(main())


def test_a_begin_that_is_asked_for_again_keeps_one_permit_only():
    async def main():
        gate, pair = told(600, 2, 3000), Pair()
        for _ in range(2):
            gate.leave(gate.try_enter(0.0, pair=pair), None)
        assert gate._window.held == 1
        gate.release(pair)
        assert gate._window.held == 0

    run(main())


def test_releasing_a_hold_lets_the_next_one_go():
    async def main():
        gate, pair, granted = told(600, 2, 3000), Pair(), []
        gate.leave(gate.try_enter(0.0, pair=pair), read(200, quota(600, 1, 3000)))
        queue(gate, 1, granted)
        await settle()
        assert granted == []
        gate.release(pair)
        await settle()
        assert (granted, now()) == ([0], 0)

    run(main())


@pytest.mark.parametrize("reserve", [0.0, 0.2])
def test_completes_and_cancels_go_before_others_of_the_same_reserve(reserve):
    async def main():
        gate, granted = told(600, 0, 10), []

        async def enter(name: str, **how):
            permit = await gate.enter(reserve=reserve, max_wait=None, **how)
            granted.append(name)
            await asyncio.sleep(0.1)
            gate.leave(permit, read(200, quota(600, 590, 3600)))

        tasks = []
        for name, how in (("hold", {"pair": Pair()}), ("begin", {}), ("complete", {"first": True})):
            tasks.append(asyncio.create_task(enter(name, **how)))
            await settle()
        await asyncio.gather(*tasks)
        assert granted == ["complete", "begin", "hold"]

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
            gate.leave(permit, read(200, quota(600, 590, 3600)))
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
        gate.leave(flying, None)  # grants the first of the queue ...
        assert gate.in_flight == 1
        tasks[0].cancel()  # ... whose task has not run since
        await settle()
        assert tasks[0].cancelled()
        assert granted == [1]
        assert gate.in_flight == 1
        gate.leave(tasks[1].result(), None)
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
        gate.leave(flying, None)
        await settle()
        assert tasks[0].cancelled()
        assert (granted, gate.in_flight) == ([1], 1)

    run(main())


def test_out_of_time_and_granted_in_the_same_breath():
    async def main():
        gate = Gate(LoopClock())
        flying = gate.try_enter(0.2)
        late = asyncio.create_task(gate.enter(reserve=0.2, max_wait=5))
        asyncio.get_running_loop().call_later(5, lambda: gate.leave(flying, None))
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
        ways = ("live", "bulk", "paced")
        order = {way: itertools.count() for way in ways}
        granted: dict[str, list[int]] = {way: [] for way in ways}

        async def call(reserve: float, max_wait: float | None):
            way = "live" if reserve == 0 else "bulk" if max_wait is not None else "paced"
            ticket = next(order[way])
            permit = await gate.enter(reserve=reserve, max_wait=max_wait)
            granted[way].append(ticket)
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
                    gate.leave(permit, read(status, {} if silent else headers) if status else None)

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
        assert (gate._queues, gate._priorities, gate._waiting) == ({}, [], 0)
        permit = await gate.enter(reserve=0.2, max_wait=None)
        gate.leave(permit, None)

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
        assert (gate._queues, gate._priorities, gate._deadlines, gate._waiting) == ({}, [], [], 0)
        assert gate.try_enter(0.0) is None
        with pytest.raises(ClientStateError, match="closed"):
            await gate.enter(reserve=0.0, max_wait=None)
        gate.leave(flying, read(200, {}))
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
            gate.leave(gate.try_enter(0.0), read(429, quota(600, 0, 30)))
            await gate.enter(reserve=0.2, max_wait=None)
            moments.append(now())

        await asyncio.gather(*(process(gate) for gate in gates))
        assert 31 <= min(moments) < max(moments) <= 32
        slots = [int(moment * 10) for moment in moments]
        assert max(slots.count(slot) for slot in slots) <= 12

    run(main())
