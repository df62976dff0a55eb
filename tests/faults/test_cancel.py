"""Cancellation at every await: nothing leaks, the next call works, and a hook sees what may have been applied."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest
from clocks import AutoClock, FastClock, ManualClock, turns
from hostile import (
    DEFINITION,
    PROGRAM,
    Hostile,
    cut_body,
    hang_up,
    honest,
    quota,
    raw,
    refuse,
    stall,
    status,
    truth,
)
from scenario import CALLS, KEY, at_rest, begin, deaf_port, no_tasks_but

from brevo_balance_async import BalanceClient, BalanceError
from brevo_balance_async.hooks import OutcomeUnknown, QuotaWait, RetryScheduled

WRITES_ONCE = {"unsafe", "guarded"}


def unknown(events):
    return [event for event in events if isinstance(event, OutcomeUnknown)]


async def _cancel(task):
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()


def _told(events, kind, *, sent):
    if kind in WRITES_ONCE and sent:
        (event,) = unknown(events)
        assert event.cancelled
        assert event.attempt == 1
        assert event.error.sent is True
    else:
        assert unknown(events) == []


@pytest.mark.parametrize("kind", CALLS)
@pytest.mark.parametrize("place", ["headers", "body"])
async def test_while_the_answer_is_awaited(kind, place, events, verdict):
    before = asyncio.all_tasks()
    async with Hostile([stall(after=cut_body() if place == "body" else b"")]) as server:
        async with BalanceClient(
            KEY, base_url=server.base_url, max_connections=1, hooks=[events.append]
        ) as client:
            task = asyncio.ensure_future(CALLS[kind](client.program(PROGRAM)))
            await server.until_arrived(1)
            await turns()  # the first bytes of the body come in
            await _cancel(task)
            _told(events, kind, sent=True)
            at_rest(client)
            await CALLS["read"](client.program(PROGRAM))
            assert server.connections == 2  # half an answer is no connection to use again
            verdict(
                f"30 cancelled, {place} awaited",
                kind,
                "yes",
                server.writes,
                "hook: outcome unknown" if kind in WRITES_ONCE else "-",
                "CancelledError",
            )
    await no_tasks_but(before)


@pytest.mark.parametrize("kind", CALLS)
async def test_while_connecting(kind, events, verdict):
    before = asyncio.all_tasks()
    async with deaf_port() as port:
        async with BalanceClient(
            KEY, base_url=f"http://127.0.0.1:{port}/v3", max_connections=1, hooks=[events.append]
        ) as client:
            task = asyncio.ensure_future(CALLS[kind](client.program(PROGRAM)))
            await turns()
            await _cancel(task)
            _told(events, kind, sent=False)
            at_rest(client)
            verdict("29 cancelled, connecting", kind, "no", 0, "nothing to tell", "CancelledError")
    await no_tasks_but(before)


@pytest.mark.parametrize("kind", CALLS)
async def test_while_queued_for_a_connection(kind, events, verdict):
    async with Hostile([stall()]) as server:
        async with BalanceClient(
            KEY, base_url=server.base_url, max_connections=1, hooks=[events.append]
        ) as client:
            program = client.program(PROGRAM)
            holder = asyncio.ensure_future(CALLS["read"](program))
            await server.until_arrived(1)
            task = asyncio.ensure_future(CALLS[kind](program))
            behind = asyncio.ensure_future(begin(program, "behind"))
            await turns()
            await _cancel(task)
            _told(events, kind, sent=False)
            await _cancel(holder)
            await behind  # whoever queued after it is served
            assert server.applied == {"behind": 1}
            at_rest(client)
            verdict(
                "28 cancelled, queued for a connection", kind, "no", 0, "nothing to tell", "CancelledError"
            )


@pytest.mark.parametrize("kind", CALLS)
async def test_while_waiting_for_quota(kind, events, verdict):
    clock = ManualClock()
    async with Hostile(headers=quota(600, 0, 5)) as server:
        async with BalanceClient(KEY, base_url=server.base_url, clock=clock, hooks=[events.append]) as client:
            program = client.program(PROGRAM)
            await CALLS["read"](program)
            task = asyncio.ensure_future(CALLS[kind](program))
            behind = asyncio.ensure_future(begin(program, "behind"))
            while sum(isinstance(event, QuotaWait) for event in events) < 2:
                await asyncio.sleep(0)
            await _cancel(task)
            _told(events, kind, sent=False)
            server.headers = {}
            clock.advance(10)
            await behind
            assert server.applied == {"behind": 1}
            at_rest(client)
            verdict("36 cancelled, waiting for quota", kind, "no", 0, "nothing to tell", "CancelledError")


@pytest.mark.parametrize("kind", ["read", "put", "delete", "guarded"])
async def test_in_backoff(kind, events, verdict):
    async with Hostile([hang_up(commit=True)]) as server:
        async with BalanceClient(
            KEY, base_url=server.base_url, clock=ManualClock(), hooks=[events.append]
        ) as client:
            task = asyncio.ensure_future(CALLS[kind](client.program(PROGRAM)))
            while not any(isinstance(event, RetryScheduled) for event in events):
                await asyncio.sleep(0)
            await _cancel(task)
            _told(events, kind, sent=True)  # the attempt before the wait may have been applied
            at_rest(client)
            await CALLS["read"](client.program(PROGRAM))
            verdict(
                "cancelled, in backoff after FIN",
                kind,
                "yes",
                server.writes,
                "hook: outcome unknown" if kind == "guarded" else "-",
                "CancelledError",
            )


async def test_in_the_second_attempt_the_first_doubt_is_told(events):
    # What happened to the first attempt says more than that the caller gave up on the second.
    async with Hostile([status(503), stall()]) as server:
        async with BalanceClient(
            KEY, base_url=server.base_url, clock=AutoClock(), hooks=[events.append]
        ) as client:
            task = asyncio.ensure_future(CALLS["guarded"](client.program(PROGRAM)))
            await server.until_arrived(2)
            task.cancel()
            with pytest.raises(asyncio.CancelledError) as caught:
                await task
            (told,) = unknown(events)
            assert (told.error.status, told.cancelled, told.attempt) == (503, True, 2)
            assert caught.value.__cause__.cause is told.error
            at_rest(client)


async def test_in_the_pause_after_a_429_nothing_was_applied(events):
    async with Hostile([refuse(429)]) as server:
        async with BalanceClient(
            KEY, base_url=server.base_url, clock=ManualClock(), hooks=[events.append]
        ) as client:
            task = asyncio.ensure_future(begin(client.program(PROGRAM)))
            while not any(isinstance(event, QuotaWait) for event in events):
                await asyncio.sleep(0)
            await _cancel(task)
            assert unknown(events) == []


@pytest.mark.parametrize("kind", CALLS)
async def test_before_the_first_step(kind, events):
    async with Hostile() as server:
        async with BalanceClient(KEY, base_url=server.base_url, hooks=[events.append]) as client:
            await _cancel(asyncio.ensure_future(CALLS[kind](client.program(PROGRAM))))
            assert events == []
        assert server.arrived == []


async def test_the_callers_own_timeout_stays_a_timeout(events):
    # asyncio.timeout cancels: what was cancelled is its own business, and it must get its cancellation back.
    async with Hostile([stall()]) as server:
        async with BalanceClient(KEY, base_url=server.base_url, hooks=[events.append]) as client:
            with pytest.raises(TimeoutError) as caught:
                async with asyncio.timeout(0.1):
                    await begin(client.program(PROGRAM))
            assert not isinstance(caught.value, BalanceError)
            assert len(unknown(events)) == 1
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(CALLS["read"](client.with_options(timeout=5).program(PROGRAM)), 0)
            at_rest(client)


async def test_a_task_group_ends_its_other_calls(events):
    async with Hostile([refuse(422), stall()]) as server:
        async with BalanceClient(KEY, base_url=server.base_url, hooks=[events.append]) as client:
            program = client.program(PROGRAM)
            with pytest.raises(ExceptionGroup) as caught:
                async with asyncio.TaskGroup() as group:
                    group.create_task(begin(program, "a"))
                    group.create_task(begin(program, "b"))
            assert [type(error).__name__ for error in caught.value.exceptions] == ["UnprocessableError"]
            at_rest(client)


class Metered:
    """Counts requests in windows of ``seconds`` of its clock, refuses what is too many, and fails now and then."""

    def __init__(self, dice, clock, limit, seconds):
        self.dice, self.clock, self.limit, self.seconds = dice, clock, limit, seconds
        self.begun, self.used, self.refused = clock.time(), 0, 0

    async def __call__(self, exchange):
        dice = self.dice
        for _ in range(dice.randrange(4)):
            await asyncio.sleep(0)
        if dice.random() < 0.1:
            await asyncio.sleep(dice.random() * 0.003)
        now = self.clock.time()
        if now >= self.begun + self.seconds:
            self.begun, self.used = now, 0
        self.used += 1
        left = max(0, self.limit - self.used)
        told = quota(self.limit, left, int(self.begun + self.seconds - now))
        if self.used > self.limit:
            self.refused += 1
            await refuse(429, headers=told)(exchange)
            return
        effect = dice.choice(
            [
                *[None] * 12,
                status(500, headers=told),
                hang_up(commit=True),
                hang_up(commit=False, reset=True),
                raw(cut_body(), then="fin"),
                refuse(422, headers=told),
                refuse(429, headers={"retry-after": "0"}),
            ]
        )
        if effect is not None:
            await effect(exchange)
        elif exchange.commit():
            await exchange.answer(*truth(exchange.request, exchange.server), told)
        else:
            await refuse(422, headers=told)(exchange)


def gate_at_rest(client):
    """Nobody is in flight or in a queue, and no timer waits for anybody."""
    gate = client._requester.shared.gate
    assert (gate.in_flight, gate._window.bulk_in_flight) == (0, 0)
    assert (gate._queues, gate._waiting, gate._window.held, gate._timer) == ({}, 0, 0, None)


async def test_a_thousand_random_cancellations_leave_nothing_behind(verdict):
    dice, clock = random.Random(20261123), FastClock()
    before = asyncio.all_tasks()
    events = []
    async with Hostile(otherwise=Metered(dice, clock, limit=60, seconds=15)) as server:
        async with BalanceClient(
            KEY,
            base_url=server.base_url,
            max_connections=8,
            hooks=[events.append],
            clock=clock,
            timeout=None,
            max_wait=12,
        ) as client:
            views = [
                client,
                client.with_options(reserve=0.2, max_wait=None),
                client.with_options(reserve=0.5),
            ]
            gate = client._requester.shared.gate
            cancelled = started = queued = 0
            results = Counter()
            running: dict[asyncio.Task, int] = {}

            async def held(program, reference):
                async with program.transactions.hold(
                    balance_definition_id=DEFINITION, contact_id=42, amount=1, meta={"reference": reference}
                ):
                    await asyncio.sleep(0)

            def start(number):
                view = dice.choice(views)
                program = view.program(PROGRAM)
                kind = dice.choice([*CALLS, "hold", "elsewhere"])
                if kind == "hold":
                    return held(program, f"r{number}")
                if kind == "elsewhere":
                    return view.request("GET", "/contacts")
                return begin(program, f"r{number}") if kind == "unsafe" else CALLS[kind](program)

            while cancelled < 1_000:
                while len(running) < 40:
                    running[asyncio.ensure_future(start(started))] = started
                    started += 1
                for _ in range(dice.randrange(6)):
                    await asyncio.sleep(0)
                victims = dice.sample(list(running), dice.randrange(4))
                waiting = gate._waiting
                for task in victims:
                    task.cancel()
                await asyncio.sleep(0)
                queued += waiting - gate._waiting > 0
                done = [task for task in running if task.done() or task in victims]
                for result in await asyncio.gather(*done, return_exceptions=True):
                    results[type(result).__name__] += 1
                    cancelled += isinstance(result, asyncio.CancelledError)
                    known = isinstance(result, (asyncio.CancelledError, BalanceError))
                    assert known or not isinstance(result, BaseException), result
                for task in done:
                    del running[task]
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            at_rest(client)
            gate_at_rest(client)
            # The gate was there: calls queued for it, were cancelled in its queue, and some were turned away.
            assert sum(isinstance(event, QuotaWait) for event in events) > 100
            assert queued > 50
            assert results["QuotaWaitError"] + results["RateLimitedError"] > 0
            print(dict(results), "429s", server.otherwise.refused, "of", len(server.arrived))
            server.otherwise, server.headers = honest, quota(600, 500, 3000)
            for view in views:
                for number in range(5):
                    await begin(view.with_options(max_wait=None).program(PROGRAM), f"after{number}")
            assert max(count for key, count in server.applied.items() if key.startswith("r")) == 1
            assert unknown(events)
            assert all(event.endpoint.startswith("transactions.") for event in unknown(events))
            at_rest(client)
            gate_at_rest(client)
            verdict("1,000 random cancellations", "all", "-", "once", "nothing leaks", "CancelledError")
        await server.until_closed()
    await no_tasks_but(before)
