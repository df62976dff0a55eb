"""A crowd at a closed gate: what entering and leaving cost, and how long the event loop stands still meanwhile.

Each caller of ``enter`` is a task of its own; all of them ask in one turn of the loop, which is the worst case. Time is
that of the processor, the best of five runs, since a busy machine only ever makes it larger. The last line is a live
call (entering and leaving) before and after 6,000 other reserves were used.

    python benchmarks/gate.py
"""

from __future__ import annotations

import asyncio
from itertools import pairwise
from time import process_time

from attrs import frozen

from brevo_balance_async.core.clock import LoopClock
from brevo_balance_async.core.quota.gate import Gate
from brevo_balance_async.core.quota.headers import read

CROWDS = (10, 2_000, 10_000)
RUNS = 5
LIVE_CALLS = 20_000


@frozen
class Crowd:
    """Seconds."""

    entering: float
    leaving: float
    standstill: float
    """The longest time between two turns of the loop, the making of the tasks not counted."""


def told(limit: int, remaining: int) -> dict[str, str]:
    return {
        "x-sib-ratelimit-limit": str(limit),
        "x-sib-ratelimit-remaining": str(remaining),
        "x-sib-ratelimit-reset": "3000",
    }


async def crowd(size: int) -> Crowd:
    """So many callers at a closed gate, who give up one after another."""
    gate = Gate(LoopClock())
    permit = gate.try_enter(0.0)
    assert permit is not None
    gate.leave(permit, read(429, told(600, 0)))
    tasks = [asyncio.create_task(gate.enter(reserve=0.0, max_wait=7200)) for _ in range(size)]
    turns = [process_time()]
    await asyncio.sleep(0)  # every task asks
    turns.append(process_time())
    answered = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(0.001, answered.set_result, None)
    await answered  # what an answer would wait for
    turns.append(process_time())
    for task in tasks:
        task.cancel()
    turns.append(process_time())
    await asyncio.gather(*tasks, return_exceptions=True)
    turns.append(process_time())
    waits = [after - before for before, after in pairwise(turns)]
    return Crowd(waits[0], turns[-1] - turns[2], max(waits))


def live_call(gate: Gate) -> float:
    """Seconds of one."""
    headers = told(100_000, 99_000)
    begin = process_time()
    for _ in range(LIVE_CALLS):
        permit = gate.try_enter(0.0)
        assert permit is not None
        gate.leave(permit, read(200, headers))
    return (process_time() - begin) / LIVE_CALLS


async def live_calls() -> tuple[float, float]:
    """Seconds of a live call before and after 6,000 other reserves were used."""
    gate = Gate(LoopClock())
    before = min(live_call(gate) for _ in range(RUNS))
    for number in range(1, 6_001):
        permit = await gate.enter(reserve=number / 10_000, max_wait=None)
        gate.leave(permit, read(200, told(100_000, 99_000)))
    return before, min(live_call(gate) for _ in range(RUNS))


def main() -> None:
    """Print the table."""
    entering = {}
    for size in CROWDS:
        runs = [asyncio.run(crowd(size)) for _ in range(RUNS)]
        entering[size] = min(run.entering for run in runs)
        leaving, standstill = min(run.leaving for run in runs), min(run.standstill for run in runs)
        print(
            f"{size:6d} callers: entering {entering[size] * 1e3:7.1f} ms ({entering[size] / size * 1e6:4.1f} us each), "
            f"leaving {leaving * 1e3:7.1f} ms, longest standstill {standstill * 1e3:6.1f} ms"
        )
    print(f"entering, 10,000 to 2,000 callers: {entering[10_000] / entering[2_000]:.2f} times")
    before, after = asyncio.run(live_calls())
    print(f"a live call: {before * 1e6:.2f} us, after 6,000 other reserves {after * 1e6:.2f} us")


if __name__ == "__main__":
    main()
