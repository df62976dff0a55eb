"""Events come in order and complete; a hook that raises harms nobody."""

from __future__ import annotations

import asyncio
import logging

import aiohttp
import pytest
from clocks import AutoClock, ManualClock
from hostile import DEFINITION, PROGRAM, TRANSACTION, hang_up, honest, quota, refuse, stall, status
from scenario import CALLS, KEY, at_rest, begin, free_port

from brevo_balance_async import BalanceClient, OutcomeUnknownError
from brevo_balance_async.hooks import (
    AttemptFailed,
    AttemptFinished,
    AttemptStarted,
    OutcomeUnknown,
    QuotaWait,
    RetryScheduled,
)


@pytest.fixture
async def client(server, events):
    async with BalanceClient(
        KEY, base_url=server.base_url, clock=AutoClock(), hooks=[events.append]
    ) as client:
        yield client
        at_rest(client)


async def test_a_read_with_every_kind_of_trouble(server, client, events):
    limited = refuse(429, headers=quota(600, 0, 5))
    server.then([hang_up(commit=False), status(503, headers={"x-request-id": "abc"}), limited])
    await client.with_options(max_attempts=9).program(PROGRAM).definitions.get(DEFINITION)
    assert [type(event) for event in events] == [
        AttemptStarted,
        AttemptFailed,
        RetryScheduled,
        AttemptStarted,
        AttemptFinished,
        RetryScheduled,
        AttemptStarted,
        AttemptFinished,
        QuotaWait,
        AttemptStarted,
        AttemptFinished,
    ]
    assert {event.endpoint for event in events} == {"definitions.get"}
    assert [event.attempt for event in events if isinstance(event, AttemptStarted)] == [1, 2, 3, 4]
    started, failed, again = events[:3]
    assert (started.method, started.url) == ("GET", server.arrived[0].path.join([server.origin, ""]))
    assert failed.sent is True
    assert failed.error is again.error
    assert (failed.error.endpoint, failed.error.attempts) == ("definitions.get", 1)
    assert (events[4].status, events[4].request_id) == (503, "abc")
    assert events[8].seconds >= 5
    assert events[-1].status == 200


async def test_an_unknown_outcome_is_told_once_and_last(server, client, events):
    server.then([hang_up(commit=True)] * 4)
    for call in (begin(client.program(PROGRAM)), client.program(PROGRAM).transactions.complete(TRANSACTION)):
        events.clear()
        with pytest.raises(OutcomeUnknownError) as caught:
            await call
        told = [event for event in events if isinstance(event, OutcomeUnknown)]
        assert told == [events[-1]]
        assert told[0].cancelled is False
        assert told[0].error is caught.value.cause
        assert told[0].attempt == caught.value.attempts
        assert told[0].endpoint == caught.value.endpoint


async def test_what_was_not_sent_says_so(events):
    async with BalanceClient(
        KEY, base_url=f"http://127.0.0.1:{free_port()}/v3", clock=AutoClock(), hooks=[events.append]
    ) as client:
        with pytest.raises(Exception, match="no connection"):
            await begin(client.program(PROGRAM))
    failed = [event for event in events if isinstance(event, AttemptFailed)]
    assert [event.sent for event in failed] == [False] * 3
    assert not any(isinstance(event, OutcomeUnknown) for event in events)


async def test_the_time_of_an_attempt_is_its_own(server, events):
    # Neither the wait for quota before it nor the attempts before it count.
    clock = ManualClock(now=1.0)

    def after(seconds, effect):
        async def late(exchange):
            clock.advance(seconds)
            await effect(exchange)

        return late

    answer = status(200, {"id": DEFINITION}, headers=quota(600, 0, 3))
    server.then([after(1.5, hang_up(commit=False)), after(22.5, answer), after(0.5, honest)])
    async with BalanceClient(
        KEY, base_url=server.base_url, clock=clock, max_wait=60, timeout=None, hooks=[events.append]
    ) as client:
        for _ in range(2):
            call = asyncio.ensure_future(CALLS["read"](client.program(PROGRAM)))
            while not call.done():
                await asyncio.sleep(0)
                if clock.pending:
                    clock.advance(clock.pending[0])
        at_rest(client)
    failed, finished, waited = (
        [event.seconds for event in events if isinstance(event, kind)]
        for kind in (AttemptFailed, AttemptFinished, QuotaWait)
    )
    assert failed == pytest.approx([1.5])
    assert finished == pytest.approx([22.5, 0.5])
    assert waited == [pytest.approx(4, abs=1)]


async def test_every_started_attempt_ends_in_one_event(server, client, events):
    server.then([hang_up(commit=False), status(500), refuse(429), refuse(404)])
    with pytest.raises(Exception, match="no"):
        await client.with_options(max_attempts=9).program(PROGRAM).definitions.get(DEFINITION)
    started = sum(isinstance(event, AttemptStarted) for event in events)
    ended = sum(isinstance(event, AttemptFinished | AttemptFailed) for event in events)
    assert started == ended == 4


@pytest.mark.parametrize("kind", CALLS)
async def test_a_hook_that_raises_is_logged_and_harms_nobody(server, caplog, kind):
    def broken(event):
        raise RuntimeError("broken hook")

    seen = []
    server.then([refuse(429), *([hang_up(commit=False)] if kind != "unsafe" else [])])
    async with BalanceClient(
        KEY, base_url=server.base_url, clock=AutoClock(), hooks=[broken, seen.append]
    ) as client:
        with caplog.at_level(logging.ERROR, "brevo_balance_async.hooks"):
            await CALLS[kind](client.program(PROGRAM))
        at_rest(client)
    assert seen
    assert len(caplog.records) == len(seen)
    assert {record.name for record in caplog.records} == {"brevo_balance_async.hooks"}


async def test_without_hooks_the_log_still_warns_of_unknown_outcomes(server, caplog):
    server.then([hang_up(commit=True)])
    async with BalanceClient(KEY, base_url=server.base_url) as client:
        with caplog.at_level(logging.WARNING, "brevo_balance_async"), pytest.raises(OutcomeUnknownError):
            await begin(client.program(PROGRAM))
    (record,) = caplog.records
    assert record.name == "brevo_balance_async.requests"
    assert record.levelname == "WARNING"
    assert "transactions.begin: outcome unknown after attempt 1" in record.getMessage()


async def test_the_log_tells_every_step_at_debug(server, caplog):
    server.then([hang_up(commit=False)])
    async with BalanceClient(KEY, base_url=server.base_url, clock=AutoClock()) as client:
        with caplog.at_level(logging.DEBUG, "brevo_balance_async"):
            await CALLS["read"](client.program(PROGRAM))
    assert [record.getMessage().split(":")[1].split(",")[0].strip() for record in caplog.records] == [
        "attempt 1",
        "attempt 1 failed (sent",
        caplog.records[2].getMessage().split(":")[1].strip(),
        "attempt 2",
        "attempt 2",
    ]
    assert caplog.records[2].getMessage().startswith("definitions.get: again in")


EVENTS = [AttemptStarted, AttemptFinished, AttemptFailed, RetryScheduled, QuotaWait, OutcomeUnknown]


@pytest.mark.parametrize("raised", [asyncio.CancelledError, TimeoutError, StopIteration])
@pytest.mark.parametrize("at", EVENTS)
@pytest.mark.parametrize("kind", CALLS)
async def test_one_that_raises_what_asyncio_understands_does_not_disturb_the_call(server, kind, at, raised):
    # A CancelledError let through would end a call whose write may have been applied, and nobody would be told.
    seen = []

    def hook(event):
        seen.append(event)
        if isinstance(event, at):
            raise raised

    limited = refuse(429, headers=quota(600, 0, 5))
    async with BalanceClient(
        KEY, base_url=server.base_url, clock=AutoClock(), hooks=[hook], max_attempts=4
    ) as client:
        server.then([limited, hang_up(commit=True), *([] if kind == "unsafe" else [hang_up(commit=True)])])
        if kind == "unsafe":
            with pytest.raises(OutcomeUnknownError):
                await begin(client.program(PROGRAM))
        elif kind == "guarded":  # the id was committed at first, so the last asking is refused
            with pytest.raises(OutcomeUnknownError):
                await CALLS[kind](client.program(PROGRAM))
        else:
            await CALLS[kind](client.program(PROGRAM))
        at_rest(client)
    expected = set(EVENTS) - ({RetryScheduled} if kind == "unsafe" else set())
    expected -= {OutcomeUnknown} if kind in {"read", "put", "delete"} else set()
    assert {type(event) for event in seen} == expected
    if kind in {"unsafe", "guarded"}:
        (told,) = [event for event in seen if isinstance(event, OutcomeUnknown)]
        assert not told.cancelled
    task = asyncio.current_task()
    assert not task.cancelling()


async def test_one_that_raises_during_a_cancellation_hides_neither(server):
    seen = []

    def hook(event):
        seen.append(event)
        raise asyncio.CancelledError("mine")

    server.then([stall()])
    async with BalanceClient(KEY, base_url=server.base_url, hooks=[hook]) as client:
        task = asyncio.ensure_future(begin(client.program(PROGRAM)))
        await server.until_arrived(1)
        task.cancel("theirs")
        with pytest.raises(asyncio.CancelledError, match="theirs"):
            await task
        assert [event.cancelled for event in seen if isinstance(event, OutcomeUnknown)] == [True]
        at_rest(client)


@pytest.mark.parametrize("way", ["given", "lent", "added"])
async def test_the_users_own_traces_hear_of_every_body(server, way):
    heard = []

    async def chunk(session, context, params):
        heard.append(params.chunk)

    trace = aiohttp.TraceConfig()
    trace.on_response_chunk_received.append(chunk)
    async with aiohttp.ClientSession(trace_configs=[trace]) as session:
        own = {"given": {"trace_configs": [trace]}, "lent": {"session": session}, "added": {}}[way]
        async with BalanceClient(KEY, base_url=server.base_url, **own) as client:
            if way == "added":  # as instrumentors do
                trace.freeze()
                client._requester.shared.transport._session.trace_configs.append(trace)
            answer = await begin(client.program(PROGRAM))
    assert answer.id.encode() in b"".join(heard)
