"""Before entering, after closing, from another loop; and closing while calls are on their way."""

from __future__ import annotations

import asyncio
import gc

import aiohttp
import pytest
from clocks import ManualClock, turns, until
from hostile import DEFINITION, PROGRAM, Hostile, cut_body, hang_up, honest, quota, stall
from scenario import CALLS, KEY, deaf_port, no_tasks_but

from brevo_balance_async import (
    BalanceClient,
    ClientStateError,
    OutcomeUnknownError,
    TransportError,
)


async def test_before_entering_and_after_closing():
    async with Hostile() as server:
        client = BalanceClient(KEY, base_url=server.base_url)
        program = client.program(PROGRAM)
        for kind in CALLS.values():
            with pytest.raises(ClientStateError, match="not open yet"):
                await kind(program)
        async with client:
            await CALLS["read"](program)
            with pytest.raises(ClientStateError, match="open already"):
                await client.__aenter__()
        for kind in CALLS.values():
            with pytest.raises(ClientStateError, match="closed"):
                await kind(program)
        await client.close()
        with pytest.raises(ClientStateError, match="closed"):
            await client.__aenter__()
        assert len(server.arrived) == 1


async def test_closing_before_entering_leaves_nothing_open():
    client = BalanceClient(KEY)
    await client.close()
    with pytest.raises(ClientStateError, match="closed"):
        async with client:
            pytest.fail("entered")


@pytest.mark.parametrize("turns", range(8))
async def test_a_cancelled_opening_leaves_no_session_behind(turns):
    client = BalanceClient(KEY)
    opening = asyncio.create_task(client.open())
    for _ in range(turns):
        await asyncio.sleep(0)
    if opening.cancel():
        with pytest.raises(asyncio.CancelledError):
            await opening
        assert not client.is_open
    else:
        await client.close()
    del client, opening
    gc.collect()  # a session that nobody has closed warns when it is collected, and a warning is an error


async def test_with_instead_of_async_with():
    with pytest.raises(TypeError, match="async with"), BalanceClient(KEY):
        pytest.fail("entered")


async def test_another_event_loop():
    async with Hostile() as server, BalanceClient(KEY, base_url=server.base_url) as client:

        def elsewhere():
            return asyncio.run(client.program(PROGRAM).definitions.get(DEFINITION))

        with pytest.raises(ClientStateError, match="another event loop"):
            await asyncio.to_thread(elsewhere)
        assert server.arrived == []


def on_another_loop(coroutine_function):
    """Run it on a loop of its own in another thread, and leave that loop open."""
    loop = asyncio.new_event_loop()
    return loop, loop.run_until_complete(coroutine_function())


async def _session():
    return aiohttp.ClientSession()


async def _connector():
    return aiohttp.TCPConnector()


@pytest.mark.parametrize(("what", "make"), [("session", _session), ("connector", _connector)])
async def test_what_belongs_to_another_loop_cannot_be_lent(what, make):
    async with Hostile() as server:
        loop, lent = await asyncio.to_thread(on_another_loop, make)
        try:
            client = BalanceClient(KEY, base_url=server.base_url, **{what: lent})
            with pytest.raises(ClientStateError, match=r"another event loop|different loop"):
                async with client:
                    await CALLS["unsafe"](client.program(PROGRAM))
            await client.close()
        finally:
            await asyncio.to_thread(loop.run_until_complete, lent.close())
            loop.close()
        assert server.arrived == []


@pytest.mark.parametrize("lent", [False, True], ids=["own session", "borrowed session"])
async def test_closing_from_another_loop_is_refused_and_disturbs_no_call(lent):
    go = asyncio.Event()

    async def slow(exchange):
        await go.wait()
        await honest(exchange)

    async with Hostile([slow]) as server, aiohttp.ClientSession() as session:
        async with BalanceClient(KEY, base_url=server.base_url, session=session if lent else None) as client:
            call = asyncio.ensure_future(CALLS["unsafe"](client.program(PROGRAM)))
            await server.until_arrived(1)

            def elsewhere():
                asyncio.run(client.close())

            with pytest.raises(ClientStateError, match="another event loop"):
                await asyncio.to_thread(elsewhere)
            go.set()
            assert (await call).id
            await CALLS["read"](client.program(PROGRAM))
    assert (len(server.arrived), server.writes) == (2, 1)


def _expected(kind, sent):
    if not sent:
        return ClientStateError
    return OutcomeUnknownError if kind in {"unsafe", "guarded"} else TransportError


async def _ends(task, kind, *, sent):
    with pytest.raises(_expected(kind, sent), match="closed"):
        await asyncio.wait_for(task, 5)


@pytest.mark.parametrize("kind", CALLS)
@pytest.mark.parametrize("place", ["headers", "body"])
async def test_while_the_answer_is_awaited(kind, place):
    before = asyncio.all_tasks()
    async with Hostile([stall(after=cut_body() if place == "body" else b"")]) as server:
        client = BalanceClient(KEY, base_url=server.base_url, clock=ManualClock())
        async with client:
            task = asyncio.ensure_future(CALLS[kind](client.program(PROGRAM)))
            await server.until_arrived(1)
            await turns()  # the first bytes of the body come in
        await _ends(task, kind, sent=True)
        assert client._requester.shared.gate.in_flight == 0
        assert len(server.arrived) == 1
    await no_tasks_but(before)


@pytest.mark.parametrize("kind", CALLS)
async def test_while_connecting(kind):
    before = asyncio.all_tasks()
    async with deaf_port() as port:
        client = BalanceClient(KEY, base_url=f"http://127.0.0.1:{port}/v3")
        async with client:
            task = asyncio.ensure_future(CALLS[kind](client.program(PROGRAM)))
            await turns()
        await _ends(task, kind, sent=False)
        assert client._requester.shared.gate.in_flight == 0
    await no_tasks_but(before)


@pytest.mark.parametrize("kind", CALLS)
async def test_while_queued_for_a_connection(kind):
    before = asyncio.all_tasks()
    async with Hostile(otherwise=stall()) as server:
        client = BalanceClient(KEY, base_url=server.base_url, max_connections=1)
        async with client:
            first = asyncio.ensure_future(CALLS["read"](client.program(PROGRAM)))
            await server.until_arrived(1)
            queued = asyncio.ensure_future(CALLS[kind](client.program(PROGRAM)))
            await turns()
        await _ends(first, "read", sent=True)
        await _ends(queued, kind, sent=False)
        assert len(server.arrived) == 1
        assert client._requester.shared.gate.in_flight == 0
    await no_tasks_but(before)


@pytest.mark.parametrize("kind", ["read", "put", "delete", "guarded"])
async def test_while_waiting_to_try_again(kind):
    before = asyncio.all_tasks()
    async with Hostile([hang_up(commit=True)]) as server:
        client = BalanceClient(KEY, base_url=server.base_url, clock=ManualClock())
        async with client:
            task = asyncio.ensure_future(CALLS[kind](client.program(PROGRAM)))
            shared = client._requester.shared
            await until(lambda: shared.sleepers)
        if kind == "guarded":  # the attempt before the wait may have been applied
            with pytest.raises(OutcomeUnknownError):
                await task
        else:
            await _ends(task, kind, sent=False)
        assert not shared.sleepers
        assert len(server.arrived) == 1
    await no_tasks_but(before)


@pytest.mark.parametrize("max_wait", [10, None])
@pytest.mark.parametrize("kind", CALLS)
async def test_while_waiting_for_quota(kind, max_wait):
    before = asyncio.all_tasks()
    async with Hostile(headers=quota(600, 0, 5)) as server:
        client = BalanceClient(KEY, base_url=server.base_url, clock=ManualClock(), max_wait=max_wait)
        async with client:
            await CALLS["read"](client.program(PROGRAM))
            task = asyncio.ensure_future(CALLS[kind](client.program(PROGRAM)))
            await turns()
            assert not task.done()
        await _ends(task, kind, sent=False)
        assert len(server.arrived) == 1
    await no_tasks_but(before)


async def test_many_at_once_everywhere():
    before = asyncio.all_tasks()
    async with Hostile(otherwise=stall(), headers={}) as server:
        client = BalanceClient(KEY, base_url=server.base_url, max_connections=10)
        async with client:
            client._requester.shared.gate._window.no_headers = True
            tasks = [asyncio.ensure_future(CALLS[kind](client.program(PROGRAM))) for kind in list(CALLS) * 20]
            await server.until_arrived(10)
        results = await asyncio.gather(*tasks, return_exceptions=True)
        kinds = {type(result) for result in results}
        assert kinds <= {ClientStateError, OutcomeUnknownError, TransportError}
        assert sum(type(result) is ClientStateError for result in results) == 90
        assert client._requester.shared.gate.in_flight == 0
        await server.until_closed()
    await no_tasks_but(before)
