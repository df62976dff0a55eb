"""A crowd of calls at a closed gate comes to it in slices, in order, and the event loop runs in between."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from clocks import ManualClock
from hostile import DEFINITION, PROGRAM, quota
from scenario import CALLS, KEY, at_rest, begin

from brevo_balance_async import BalanceClient, ClientStateError
from brevo_balance_async.core.quota.turns import SLICE

CROWD = 10 * SLICE
CLOSED = quota(600, 0, 3000)


@pytest.fixture
async def closed(server):
    """A client that knows that nothing is left."""
    server.headers = CLOSED
    async with BalanceClient(
        KEY, base_url=server.base_url, clock=ManualClock(), max_wait=None, timeout=None
    ) as client:
        await CALLS["read"](client.program(PROGRAM))
        yield client


async def all_wait(gate, number, seen):
    """Until so many wait; ``seen`` gets how many wait after each iteration of the loop."""
    while gate._waiting < number:
        await asyncio.sleep(0)
        seen.append(gate._waiting)
        assert len(seen) < 100 * CROWD


async def end(tasks):
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("kind", ["read", "unsafe"])
async def test_a_crowd_comes_in_slices(server, closed, kind):
    gate, seen = closed._requester.shared.gate, [0]
    tasks = [asyncio.create_task(CALLS[kind](closed.program(PROGRAM))) for _ in range(CROWD)]
    await all_wait(gate, CROWD, seen)
    steps = {after - before for before, after in pairwise(seen)}
    assert max(steps) == SLICE
    assert len(server.arrived) == 1
    await end(tasks)
    at_rest(closed)


async def test_the_order_is_kept(server, closed):
    gate, shared = closed._requester.shared.gate, closed._requester.shared
    program = closed.program(PROGRAM)
    tasks = [asyncio.create_task(begin(program, f"r{number}")) for number in range(3 * SLICE)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert gate.crowded
    tasks.append(asyncio.create_task(begin(program, "last")))  # while others wait for their turn
    await all_wait(gate, len(tasks), [])
    server.headers = quota(10_000, 9_999, 3600)
    shared.clock.advance(4000)  # the window has ended
    await asyncio.gather(*tasks)
    asked = [each.reference for each in server.arrived[1:]]
    # Requests on several connections may overtake each other a little.
    assert asked.index("last") >= 2 * SLICE
    assert asked.index("r0") < SLICE
    at_rest(closed)


async def test_a_call_that_is_cancelled_before_its_turn_holds_nobody_up(server, closed):
    gate = closed._requester.shared.gate
    program = closed.program(PROGRAM)
    tasks = [asyncio.create_task(begin(program, f"r{number}")) for number in range(3 * SLICE)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(gate.turns) > 0
    await end(tasks[SLICE::2])
    await all_wait(gate, 2 * SLICE, [])
    assert len(gate.turns) == 0
    assert gate._waiting == 2 * SLICE
    await end(tasks)
    at_rest(closed)
    assert len(server.arrived) == 1


async def test_closing_ends_calls_before_their_turn_too(server, closed):
    program = closed.program(PROGRAM)
    tasks = [asyncio.create_task(begin(program, f"r{number}")) for number in range(3 * SLICE)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await closed.close()
    for task in tasks:
        with pytest.raises(ClientStateError):
            await task
    assert len(server.arrived) == 1


async def test_a_call_of_another_event_loop_does_not_queue_with_ours(server, closed):
    gate, program = closed._requester.shared.gate, closed.program(PROGRAM)
    tasks = [asyncio.create_task(CALLS["read"](program)) for _ in range(3 * SLICE)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(gate.turns) > 0

    def elsewhere():
        return asyncio.run(asyncio.wait_for(program.definitions.get(DEFINITION), 5))

    with ThreadPoolExecutor() as pool, pytest.raises(ClientStateError, match="another event loop"):
        pool.submit(elsewhere).result()  # our loop stands still, so the crowd stays
    await all_wait(gate, len(tasks), [])
    await end(tasks)
    at_rest(closed)
    assert len(server.arrived) == 1
