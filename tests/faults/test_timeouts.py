"""One timer ends all calls: each in its own time, whatever others do. Time is virtual."""

from __future__ import annotations

import asyncio
import random

import pytest
from virtual_time import run

from brevo_balance_async.core.timeouts import Timeouts


def now():
    return asyncio.get_running_loop().time()


async def block(timeouts, seconds, lasts, ended):
    """Work of ``lasts`` seconds that may take ``seconds``; notes when it ended, and how."""
    try:
        with timeouts.within(seconds):
            await asyncio.sleep(lasts)
    except TimeoutError:
        ended.append((now(), "ended"))
    else:
        ended.append((now(), "done"))


@pytest.mark.parametrize("seed", range(20))
def test_each_ends_in_its_own_time(seed):
    async def main():
        dice, timeouts, tasks, expected = random.Random(seed), Timeouts(), [], []
        for _ in range(200):
            await asyncio.sleep(dice.choice([0, 0, dice.uniform(0, 2)]))
            seconds = dice.choice([None, dice.uniform(0.1, 5), dice.uniform(5, 60)])
            lasts = dice.uniform(0, 20)
            ended: list[tuple[float, str]] = []
            tasks.append(asyncio.create_task(block(timeouts, seconds, lasts, ended)))
            await asyncio.sleep(0)  # it begins now
            late = seconds is not None and seconds < lasts
            expected.append((ended, now() + (seconds if late else lasts), "ended" if late else "done"))
        await asyncio.gather(*tasks)
        for ended, at, how in expected:
            assert ended == [(pytest.approx(at, abs=1e-6), how)]
        assert len(timeouts) == 0

    run(main())


@pytest.mark.parametrize("first", [0.5, 1.0, 5.0])
def test_a_shorter_one_that_comes_later_is_not_late(first):
    async def main():
        timeouts, ended = Timeouts(), []
        tasks = [asyncio.create_task(block(timeouts, first, 100, ended))]
        await asyncio.sleep(0.1)
        tasks.append(asyncio.create_task(block(timeouts, 0.1, 100, ended)))
        await asyncio.gather(*tasks)
        assert [at for at, _ in ended] == pytest.approx([0.2, first])

    run(main())


def test_one_that_was_cancelled_ends_nobody_else():
    async def main():
        timeouts, ended = Timeouts(), []
        tasks = [asyncio.create_task(block(timeouts, seconds, 100, ended)) for seconds in (1, 2, 3)]
        await asyncio.sleep(0.5)
        tasks[0].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert [at for at, _ in ended] == pytest.approx([2, 3])
        assert len(timeouts) == 0

    run(main())


def test_all_are_ended_at_once_and_later_ones_have_their_time_again():
    async def main():
        timeouts, ended = Timeouts(), []
        tasks = [asyncio.create_task(block(timeouts, seconds, 100, ended)) for seconds in (None, 1, 30)]
        await asyncio.sleep(0.5)
        timeouts.end_all()
        timeouts.end_all()
        await asyncio.gather(*tasks)
        assert ended == [(0.5, "ended")] * 3
        await block(timeouts, 2, 100, ended)
        assert ended[-1] == (2.5, "ended")

    run(main())


def test_a_cancellation_of_the_callers_own_in_the_same_moment_is_not_swallowed():
    async def main():
        timeouts, ended = Timeouts(), []
        task = asyncio.create_task(block(timeouts, 1, 100, ended))
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_at(1, task.cancel)
        (result,) = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(result, asyncio.CancelledError)

    run(main())
