"""Closing with grace: calls in flight finish, no others begin, and after it everything ends as without."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from clocks import ManualClock, turns
from hostile import DEFINITION, PROGRAM, TRANSACTION, Hostile, hang_up, honest, quota, stall, status
from scenario import CALLS, KEY, at_rest, begin, no_tasks_but

from brevo_balance_async import (
    BalanceClient,
    ClientStateError,
    InvalidRequestError,
    OutcomeUnknownError,
    Transaction,
    TransportError,
)

DRAFT = Transaction(id=TRANSACTION, contact_id=42, balance_definition_id=DEFINITION, status="draft")


@pytest.fixture
def clock():
    return ManualClock()


class Slow:
    """An effect that is honest when it is told to."""

    def __init__(self):
        self.go = asyncio.Event()

    async def __call__(self, exchange):
        await self.go.wait()
        await honest(exchange)


def start(coroutine):
    return asyncio.ensure_future(coroutine)


async def closing(client, grace):
    """Begin to close, and see that it waits."""
    task = start(client.close(grace))
    await turns()
    assert not task.done()
    assert not client.is_open
    return task


@pytest.mark.parametrize("kind", CALLS)
async def test_a_call_in_flight_finishes_and_a_new_one_is_refused_at_once(server, clock, kind):
    slow = Slow()
    server.then([slow])
    client = BalanceClient(KEY, base_url=server.base_url, clock=clock)
    await client.open()
    program = client.program(PROGRAM)
    call = start(CALLS[kind](program))
    await server.until_arrived(1)
    close = await closing(client, 30)
    for new in CALLS.values():
        with pytest.raises(ClientStateError, match="about to be, nothing was sent") as caught:
            await new(program)
        assert (caught.value.attempts, bool(caught.value.endpoint)) == (0, True)
    with pytest.raises(ClientStateError):
        await client.request("GET", "/loyalty/config/programs")
    slow.go.set()
    await call
    await close
    assert len(server.arrived) == 1
    assert clock.pending == []
    await server.until_closed()
    with pytest.raises(ClientStateError, match="closed"):
        await CALLS["read"](program)


@pytest.mark.parametrize("kind", CALLS)
async def test_after_the_grace_it_ends_as_without(clock, kind):
    before = asyncio.all_tasks()
    async with Hostile() as server:
        await _after_the_grace(server, clock, kind)
    await no_tasks_but(before)


async def _after_the_grace(server, clock, kind):
    server.then([stall()])
    client = BalanceClient(KEY, base_url=server.base_url, clock=clock, timeout=None)
    await client.open()
    call = start(CALLS[kind](client.program(PROGRAM)))
    await server.until_arrived(1)
    close = await closing(client, 30)
    clock.advance(29.9)
    await turns()
    assert not close.done()
    assert not call.done()
    clock.advance(0.1)
    await close
    unknown = kind in {"guarded", "unsafe"}
    with pytest.raises(OutcomeUnknownError if unknown else TransportError, match="closed"):
        await call
    at_rest(client)


@pytest.mark.parametrize("grace", [0, 0.0, 30])
async def test_where_nothing_is_in_flight_it_takes_no_time(server, clock, grace):
    async with BalanceClient(KEY, base_url=server.base_url, clock=clock) as client:
        await CALLS["read"](client.program(PROGRAM))
        await client.close(grace)
        assert clock.asked == []
    await server.until_closed()


@pytest.mark.parametrize("max_wait", [10, None])
@pytest.mark.parametrize("kind", CALLS)
async def test_who_waits_for_quota_is_sent_away_at_once(server, clock, kind, max_wait):
    slow = Slow()
    server.headers = quota(600, 1, 5)
    client = BalanceClient(KEY, base_url=server.base_url, clock=clock, max_wait=max_wait)
    await client.open()
    program = client.program(PROGRAM)
    await CALLS["read"](program)
    server.then([slow])
    last = start(CALLS["unsafe"](program))
    await server.until_arrived(2)
    waits = start(CALLS[kind](program))
    await turns()
    assert not waits.done()
    close = await closing(client, 30)
    with pytest.raises(ClientStateError, match="closed"):
        await asyncio.wait_for(waits, 5)
    assert not last.done()
    slow.go.set()
    assert (await last).id
    await close
    assert len(server.arrived) == 2


async def test_a_call_in_flight_may_try_again(server, clock):
    server.then([hang_up(commit=False)])
    client = BalanceClient(KEY, base_url=server.base_url, clock=clock)
    await client.open()
    call = start(client.program(PROGRAM).transactions.complete(TRANSACTION))
    while not client._requester.shared.sleepers:
        await asyncio.sleep(0)
    close = await closing(client, 30)
    clock.advance(10)
    assert (await call).status == "completed"
    await close
    assert len(server.arrived) == 2


async def test_and_is_ended_where_that_would_need_a_wait_for_quota(server, clock):
    server.then([status(500, commit=False, headers=quota(600, 0, 20))])
    client = BalanceClient(KEY, base_url=server.base_url, clock=clock, max_wait=None)
    await client.open()
    call = start(client.program(PROGRAM).transactions.complete(TRANSACTION))
    while not client._requester.shared.sleepers:
        await asyncio.sleep(0)
    close = await closing(client, 30)
    clock.advance(10)
    with pytest.raises(OutcomeUnknownError):  # a complete that was answered 500
        await asyncio.wait_for(call, 5)
    await close
    assert len(server.arrived) == 1


async def test_the_history_that_settles_a_call_belongs_to_it(server, clock):
    slow = Slow()

    async def lost(exchange):
        exchange.commit()
        await slow.go.wait()
        exchange.fin()

    server.then([lost])
    server.history = [{"id": TRANSACTION, "status": "completed", "createdAt": "2026-11-20T10:00:00Z"}]
    client = BalanceClient(KEY, base_url=server.base_url, clock=clock, max_attempts=1)
    await client.open()
    call = start(client.program(PROGRAM).transactions.complete(DRAFT))
    await server.until_arrived(1)
    close = await closing(client, 30)
    slow.go.set()
    assert (await call).status == "completed"
    await close
    assert server.applied.total() == 1


@pytest.mark.parametrize("fails", [False, True])
async def test_a_hold_is_in_flight_until_its_block_ends(server, clock, fails):
    client = BalanceClient(KEY, base_url=server.base_url, clock=clock)
    await client.open()
    program = client.program(PROGRAM)
    inside, go = asyncio.Event(), asyncio.Event()
    ends = []

    async def shop():
        hold = program.transactions.hold(balance_definition_id=DEFINITION, contact_id=42, amount=-5)
        try:
            async with hold:
                inside.set()
                await go.wait()
                await CALLS["read"](program)
                if fails:
                    raise LookupError
        finally:
            ends.append(hold.result.status)

    work = start(shop())
    await inside.wait()
    close = await closing(client, 30)
    with pytest.raises(ClientStateError):
        async with program.transactions.hold(balance_definition_id=DEFINITION, contact_id=42, amount=-5):
            pytest.fail("entered")
    go.set()
    await asyncio.wait([work])
    assert isinstance(work.exception(), LookupError if fails else type(None))
    await close
    assert ends == ["cancelled" if fails else "completed"]
    assert len(server.arrived) == 3


async def test_a_hold_whose_begin_is_in_flight_comes_to_its_end(server, clock):
    slow = Slow()
    server.then([slow])
    client = BalanceClient(KEY, base_url=server.base_url, clock=clock)
    await client.open()
    hold = client.program(PROGRAM).transactions.hold(
        balance_definition_id=DEFINITION, contact_id=42, amount=-5
    )

    async def shop():
        async with hold:
            await turns()

    work = start(shop())
    await server.until_arrived(1)
    close = await closing(client, 30)
    slow.go.set()
    await work
    await close
    assert hold.result.status == "completed"


@pytest.mark.parametrize("effect", [status(500), status(200, {"id": TRANSACTION, "status": "rejected"})])
async def test_a_hold_that_never_began_is_not_waited_for(server, clock, effect):
    server.then([effect])
    async with BalanceClient(KEY, base_url=server.base_url, clock=clock) as client:
        hold = client.program(PROGRAM).transactions.hold(
            balance_definition_id=DEFINITION, contact_id=42, amount=-5
        )
        with pytest.raises(Exception, match=r"reject|unknown whether"):
            async with hold:
                pytest.fail("entered")
        await client.close(30)
        assert clock.asked == []


async def test_a_block_that_closes_does_not_wait_for_itself(server, clock):
    client = BalanceClient(KEY, base_url=server.base_url, clock=clock)
    await client.open()
    with pytest.raises(ClientStateError, match="closed") as caught:
        async with client.program(PROGRAM).transactions.hold(
            balance_definition_id=DEFINITION, contact_id=42, amount=-5
        ):
            await client.close(30)
    assert "was to be completed" in caught.value.__notes__[-1]
    assert clock.asked == []


async def test_a_walk_ends_at_its_next_page(server, clock):
    slow = Slow()
    rows = [{"id": f"0197e3c2-0000-7000-8000-{n:012x}", "name": "x", "unit": "EUR"} for n in range(500)]

    async def page(exchange):
        await slow.go.wait()
        await exchange.answer(200, {"items": rows})

    server.then([page])
    client = BalanceClient(KEY, base_url=server.base_url, clock=clock)
    await client.open()
    walk = start(client.program(PROGRAM).definitions.list().collect())
    await server.until_arrived(1)
    close = await closing(client, 30)
    slow.go.set()
    with pytest.raises(ClientStateError):
        await walk
    await close
    assert len(server.arrived) == 1


# Several, cancelled, elsewhere -------------------------------------------------------------------------------------


@pytest.mark.parametrize("graces", [(30, 0), (30, 5), (5, 30)])
async def test_of_several_the_shortest_grace_counts(server, clock, graces):
    server.then([stall()])
    client = BalanceClient(KEY, base_url=server.base_url, clock=clock)
    await client.open()
    call = start(CALLS["unsafe"](client.program(PROGRAM)))
    await server.until_arrived(1)
    closes = [start(client.close(grace)) for grace in graces]
    await turns()
    clock.advance(min(graces))
    await asyncio.gather(*closes)
    with pytest.raises(OutcomeUnknownError):
        await call
    assert clock.pending == []
    await client.close()
    await client.close(30)


@pytest.mark.parametrize("lent", [False, True], ids=["own session", "borrowed session"])
async def test_cancelling_it_ends_the_grace_and_what_is_left(server, clock, lent):
    server.then([stall()])
    async with aiohttp.ClientSession() as session:
        client = BalanceClient(KEY, base_url=server.base_url, clock=clock, session=session if lent else None)
        await client.open()
        call = start(CALLS["unsafe"](client.program(PROGRAM)))
        await server.until_arrived(1)
        close = await closing(client, 30)
        close.cancel()
        with pytest.raises(asyncio.CancelledError):
            await close
        with pytest.raises(OutcomeUnknownError):
            await call
        assert session.closed is False
    await server.until_closed()
    assert clock.pending == []


async def test_from_another_loop_it_is_refused_and_calls_may_still_be_made(server):
    async with BalanceClient(KEY, base_url=server.base_url) as client:
        with pytest.raises(ClientStateError, match="another event loop"):
            await asyncio.to_thread(lambda: asyncio.run(client.close(1)))
        assert client.is_open
        await CALLS["unsafe"](client.program(PROGRAM))


async def test_open_and_close_in_every_order(server):
    client = BalanceClient(KEY, base_url=server.base_url)
    view = client.with_options(timeout=5)
    assert not client.is_open
    await client.open()
    assert client.is_open
    assert view.is_open
    with pytest.raises(ClientStateError, match="open already"):
        await client.open()
    assert client.is_open
    await view.close()
    assert not client.is_open
    with pytest.raises(ClientStateError, match="closed"):
        await client.open()
    never = BalanceClient(KEY, base_url=server.base_url)
    await never.close(30)
    with pytest.raises(ClientStateError, match="closed"):
        await never.open()
    assert not never.is_open
    async with BalanceClient(KEY, base_url=server.base_url) as third:
        assert third.is_open
    assert not third.is_open


async def test_a_client_on_a_borrowed_session_is_open_as_long_as_that_is(server):
    async with aiohttp.ClientSession() as session:
        client = BalanceClient(KEY, base_url=server.base_url, session=session)
        assert not client.is_open
        await client.open()
        assert client.is_open
    assert not client.is_open
    await client.close()


async def test_closing_and_opening_at_once(server):
    client = BalanceClient(KEY, base_url=server.base_url)
    results = await asyncio.gather(client.open(), client.close(), return_exceptions=True)
    assert results == [None, None]
    assert not client.is_open
    other = BalanceClient(KEY, base_url=server.base_url)
    closed, opened = await asyncio.gather(other.close(), other.open(), return_exceptions=True)
    assert closed is None
    assert isinstance(opened, ClientStateError)


@pytest.mark.parametrize("grace", [-1, float("nan"), float("inf"), "5", None, True, 10**400])
async def test_a_grace_that_is_no_number_of_seconds_is_refused_and_nothing_is_closed(server, grace):
    async with BalanceClient(KEY, base_url=server.base_url) as client:
        with pytest.raises(InvalidRequestError, match=r"^grace: must be"):
            await client.close(grace)
        assert client.is_open
        await CALLS["read"](client.program(PROGRAM))


async def test_a_hundred_calls_in_flight_all_finish(server, clock):
    slow = Slow()
    server.otherwise = slow
    client = BalanceClient(KEY, base_url=server.base_url, clock=clock)
    await client.open()
    client._requester.shared.gate._window.no_headers = True
    program = client.program(PROGRAM)
    calls = [start(begin(program, f"r{number}")) for number in range(100)]
    await server.until_arrived(100)
    close = await closing(client, 30)
    slow.go.set()
    assert len({(await call).id for call in calls}) == 100
    await close
    assert set(server.applied.values()) == {1}
    at_rest(client)


# Program ---------------------------------------------------------------------------------------------------------


async def test_a_program_with_other_options_shares_everything_else(server, clock):
    async with BalanceClient(KEY, base_url=f"{server.base_url}/", clock=clock) as client:
        program = client.program(PROGRAM)
        other = program.with_options(timeout=None, max_attempts=1, max_wait=None, reserve=0.5)
        assert client.base_url == program.base_url == other.base_url == server.base_url
        assert other.id == program.id
        assert other._requester.shared is program._requester.shared
        assert other._memory is program._memory
        options = other._requester.options
        assert (options.timeout, options.max_attempts, options.max_wait, options.reserve) == (
            None,
            1,
            None,
            0.5,
        )
        kept = other.with_options(reserve=0)._requester.options
        assert (kept.timeout, kept.max_attempts, kept.max_wait, kept.reserve) == (None, 1, None, 0)
        assert program._requester.options.max_attempts == 3
        server.then([hang_up(commit=False)])
        with pytest.raises(TransportError) as caught:
            await other.definitions.get(DEFINITION)
        assert caught.value.attempts == 1
        with pytest.raises(InvalidRequestError, match="max_attempts"):
            program.with_options(max_attempts=0)
