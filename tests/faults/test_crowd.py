"""Ten thousand calls at once on a hundred connections."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from hostile import PROGRAM, Hostile
from scenario import KEY, at_rest, begin, no_tasks_but

from brevo_balance_async import BalanceClient

CALLS = 10_000
CONNECTIONS = 100
MOST_GROWTH = 300 * 2**20
"""Bytes. A call that waits is a task, some frames and a request of 200 bytes; the bound is generous."""

FDS = Path("/proc/self/fd")


def memory() -> int:
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def watched(seen: list[int]) -> None:
    while True:
        seen.append(memory())
        await asyncio.sleep(0.05)


@pytest.mark.skipif(not FDS.is_dir(), reason="memory and open files are read in /proc")
async def test_ten_thousand_at_once(verdict, monkeypatch):
    # Server and callers share one busy loop here: on a slow machine a handshake takes as long as it takes.
    monkeypatch.setattr("brevo_balance_async.core.transport.CONNECT_TIMEOUT", 100.0)
    before = asyncio.all_tasks()
    async with Hostile() as server:
        async with BalanceClient(
            KEY, base_url=server.base_url, max_connections=CONNECTIONS, timeout=None
        ) as client:
            program = client.program(PROGRAM)
            await begin(program, "warm")
            files = len(os.listdir(FDS))
            seen = [memory()]
            watch = asyncio.ensure_future(watched(seen))
            made = await asyncio.gather(*[begin(program, f"r{number}") for number in range(CALLS)])
            watch.cancel()
            assert len({each.id for each in made}) == CALLS
            assert server.connections <= CONNECTIONS
            assert server.writes == CALLS + 1
            assert set(server.applied.values()) == {1}
            # The server's own record of what arrived lives in this process too.
            assert len(seen) > 1
            assert max(seen) - seen[0] < MOST_GROWTH
            print(f"{(max(seen) - seen[0]) / 2**20:.0f} MiB")
            # Each connection is two files here, one at either end.
            assert len(os.listdir(FDS)) <= files + 2 * CONNECTIONS
            at_rest(client)
        await server.until_closed()
        assert len(os.listdir(FDS)) <= files
    await no_tasks_but(before)
    verdict("10,000 calls at once on 100 connections", "unsafe", "yes", CALLS, "applied", "-")
