"""Cancellation at every await: nothing leaks, the next call works, and a hook sees what may have been applied."""

from __future__ import annotations

import asyncio
import random

import pytest
from clocks import ManualClock
from hostile import (
    PROGRAM,
    Hostile,
    cut_body,
    hang_up,
    honest,
    plain_200,
    quota,
    refuse,
    stall,
    status,
)
from scenario import CALLS, KEY, at_rest, begin, deaf_port, no_tasks_but

from brevo_balance_async import BalanceClient, BalanceError
from brevo_balance_async.core.retry import Backoff
from brevo_balance_async.hooks import OutcomeUnknown, QuotaWait, RetryScheduled

WRITES_ONCE = {"unsafe", "guarded"}


@pytest.fixture
def events():
    return []


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
            await asyncio.sleep(0.02)  # the first bytes of the body come in
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
            await asyncio.sleep(0.05)
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
            await asyncio.sleep(0.02)
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


async def test_in_backoff_after_a_429_nothing_was_applied(events):
    async with Hostile([refuse(429)]) as server:
        async with BalanceClient(
            KEY, base_url=server.base_url, clock=ManualClock(), hooks=[events.append]
        ) as client:
            task = asyncio.ensure_future(begin(client.program(PROGRAM)))
            while not any(isinstance(event, RetryScheduled) for event in events):
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


async def test_a_thousand_random_cancellations_leave_nothing_behind(verdict):
    rng = random.Random(20261123)
    answers = [
        *[honest] * 12,
        status(500, commit=True),
        hang_up(commit=True),
        hang_up(commit=False, reset=True),
        refuse(429, headers={"retry-after": "0"}),
        plain_200(cut_body()),
        refuse(422),
    ]

    async def mixed(exchange):
        for _ in range(rng.randrange(4)):
            await asyncio.sleep(0)
        if rng.random() < 0.2:
            await asyncio.sleep(rng.random() * 0.005)
        effect = rng.choice(answers)
        if isinstance(effect, bytes):
            exchange.commit()
            await exchange.raw(effect)
            exchange.fin()
        else:
            await effect(exchange)

    before = asyncio.all_tasks()
    events = []
    async with Hostile(otherwise=mixed) as server:
        async with BalanceClient(
            KEY, base_url=server.base_url, max_connections=8, hooks=[events.append]
        ) as client:
            client._requester.shared.backoff = Backoff(first=0.001, longest=0.002)
            program = client.program(PROGRAM)
            cancelled = started = 0
            running: dict[asyncio.Task, int] = {}
            while cancelled < 1_000:
                while len(running) < 24:
                    kind = rng.choice(list(CALLS))
                    call = begin(program, f"r{started}") if kind == "unsafe" else CALLS[kind](program)
                    running[asyncio.ensure_future(call)] = started
                    started += 1
                for _ in range(rng.randrange(6)):
                    await asyncio.sleep(0)
                victims = rng.sample(list(running), rng.randrange(4))
                for task in victims:
                    task.cancel()
                done = [task for task in running if task.done() or task in victims]
                results = await asyncio.gather(*done, return_exceptions=True)
                for result in results:
                    cancelled += isinstance(result, asyncio.CancelledError)
                    known = isinstance(result, (asyncio.CancelledError, BalanceError))
                    assert known or not isinstance(result, BaseException), result
                for task in done:
                    del running[task]
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            at_rest(client)
            server.otherwise = honest
            for number in range(20):
                await begin(program, f"after{number}")
            assert max(count for key, count in server.applied.items() if key.startswith("r")) == 1
            assert unknown(events)
            assert all(
                event.endpoint in {"transactions.begin", "transactions.complete"} for event in unknown(events)
            )
            verdict("1,000 random cancellations", "all", "-", "once", "nothing leaks", "CancelledError")
        await server.until_closed()
    await no_tasks_but(before)
