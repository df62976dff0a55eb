"""The same matrix on uvloop, where some faults come as other exceptions; and what rests on the loop's own workings."""

from __future__ import annotations

import asyncio
import time

import aiohttp
import pytest
from clocks import AutoClock
from hostile import PROGRAM, TRANSACTION, Hostile, honest, stall
from scenario import CALLS, FAULTS, KEY, at_rest, begin, no_tasks_but, play
from test_answers import STRAYS

from brevo_balance_async import BalanceClient, ClientStateError, OutcomeUnknownError
from brevo_balance_async.hooks import OutcomeUnknown

uvloop = pytest.importorskip("uvloop", reason="uvloop is not installed")


def run(main):
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert isinstance(runner.get_loop(), uvloop.Loop)
        runner.run(main)


@pytest.mark.parametrize("kind", CALLS)
def test_the_matrix_on_uvloop(kind, certificate):
    async def everything():
        for fault in FAULTS:
            await play(fault, kind, certificate)

    run(everything())


def test_stray_answers_on_uvloop():
    # What a pooled connection has said is read by the loop when it likes to.
    async def everything():
        async with Hostile() as server:
            async with BalanceClient(
                KEY, base_url=server.base_url, max_connections=1, clock=AutoClock()
            ) as client:
                for number, stray in enumerate([*STRAYS.values()] * 10):
                    await begin(client.program(PROGRAM), f"r{number}")
                    await server.whisper(stray)
                await begin(client.program(PROGRAM), "last")
                assert set(server.asked.values()) == {1}
                assert server.connections == len(server.arrived)
                at_rest(client)

    run(everything())


@pytest.mark.parametrize("place", ["plain", "TLS"])
def test_what_uvloop_has_not_read_yet_is_seen(certificate, place):
    async def everything():
        server_tls, client_tls = certificate if place == "TLS" else (None, True)
        async with Hostile(tls=server_tls) as server:
            connector = aiohttp.TCPConnector(limit=1, ssl=client_tls)
            async with connector, BalanceClient(KEY, base_url=server.base_url, connector=connector) as client:
                for number, says in enumerate([STRAYS["35g stray 429"], STRAYS["35e stray 422"], b""]):
                    await begin(client.program(PROGRAM), f"r{number}")
                    server.at_once(says)
                await begin(client.program(PROGRAM), "last")
                at_rest(client)
            assert set(server.asked.values()) == {1}
            assert server.connections == len(server.arrived) == 4

    run(everything())


def test_an_answer_that_lies_in_the_socket_when_uvloop_wakes_up_late():
    async def held(exchange):
        await honest(exchange)
        time.sleep(0.6)  # noqa: ASYNC251  (the fault itself)

    async def everything():
        async with (
            Hostile([held]) as server,
            BalanceClient(KEY, base_url=server.base_url, timeout=0.5) as client,
        ):
            await begin(client.program(PROGRAM))

    run(everything())


@pytest.mark.parametrize("end", ["cancel", "close"])
def test_cancelling_and_closing_on_uvloop(end):
    async def everything():
        before = asyncio.all_tasks()
        events = []
        async with Hostile(otherwise=stall()) as server:
            async with BalanceClient(KEY, base_url=server.base_url, hooks=[events.append]) as client:
                transactions = client.program(PROGRAM).transactions
                task = asyncio.ensure_future(transactions.complete(TRANSACTION))
                await server.until_arrived(1)
                if end == "cancel":
                    task.cancel()
                    with pytest.raises(asyncio.CancelledError):
                        await task
                    at_rest(client)
            if end == "close":
                with pytest.raises(OutcomeUnknownError):
                    await task
            assert [event.cancelled for event in events if isinstance(event, OutcomeUnknown)] == [
                end == "cancel"
            ]
            with pytest.raises(ClientStateError):
                await begin(client.program(PROGRAM))
        await no_tasks_but(before)

    run(everything())
