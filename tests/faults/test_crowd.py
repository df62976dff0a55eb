"""Ten thousand calls at once on a hundred connections, with the options that ship; the server is another process."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import doubles
import pytest
from hostile import PROGRAM
from scenario import KEY, at_rest, begin, no_tasks_but

from brevo_balance_async import BalanceClient

CALLS = 10_000
CONNECTIONS = 100
MOST_GROWTH = 150 * 2**20
"""Bytes. A call that waits is a task, some frames and a request of 200 bytes: about 7 KiB; the bound is generous."""

FDS = Path("/proc/self/fd")


def memory() -> int:
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def sockets() -> int:
    """Sockets that this process has open."""
    found = 0
    for each in FDS.iterdir():
        try:
            found += str(each.readlink()).startswith("socket:")
        except FileNotFoundError:  # what listed the folder
            continue
    return found


async def watched(seen: list[int]) -> None:
    while True:
        seen.append(memory())
        await asyncio.sleep(0.05)


@pytest.mark.skipif(not FDS.is_dir(), reason="memory and open files are read in /proc")
async def test_ten_thousand_at_once(verdict):
    before = asyncio.all_tasks()
    with doubles.running_server(trouble=0.0) as origin:
        files = sockets()
        # The time limit is the one option that measures the machine.
        async with BalanceClient(KEY, base_url=origin + "/v3", timeout=None) as client:
            program = client.program(PROGRAM)
            await begin(program, "warm")
            seen = [memory()]
            watch = asyncio.ensure_future(watched(seen))
            made = await asyncio.gather(*[begin(program, f"r{number}") for number in range(CALLS)])
            watch.cancel()
            assert len({each.id for each in made}) == CALLS
            assert len(seen) > 1
            growth = max(seen) - seen[0]
            print(f"{growth / 2**20:.0f} MiB")
            assert growth < MOST_GROWTH
            assert sockets() <= files + CONNECTIONS
            at_rest(client)
            # What they leave behind does not grow with another crowd.
            await asyncio.gather(*[begin(program, f"s{number}") for number in range(CONNECTIONS)])
            assert sockets() <= files + CONNECTIONS
            at_rest(client)
        assert sockets() <= files
        seen_there = await asyncio.to_thread(doubles.ledger, origin)
        assert len(seen_there["credited"]) == 1 + CALLS + CONNECTIONS
        assert set(seen_there["credited"].values()) == set(seen_there["requests"].values()) == {1}
    await no_tasks_but(before)
    verdict("10,000 calls at once on 100 connections", "unsafe", "yes", CALLS, "applied", "-")
