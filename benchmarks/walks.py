"""Walks over a listing that changes under them: rows lost, rows given twice, requests; then memory and latency.

A row is lost when it existed throughout the walk and was not given. The listing is simulated in process
(``tests/listings.py``). Naive paging goes over the same schedule of changes, and is even told what ``offset``
counts, which the walk has to find out.

Then the package's client walks a sandbox in a process of its own, over HTTP: a million rows, and 200 pages through
a proxy on the loopback interface that delays every byte by 25 ms each way.

    python benchmarks/walks.py            # under 5 minutes
    python benchmarks/walks.py --quick    # 20 walks a line, 100,000 rows
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import multiprocessing
import resource
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from brevo_balance_async import BalanceClient
from brevo_balance_async.sandbox import Sandbox, Switches
from brevo_balance_async.sandbox.http.seeding import Seed

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from listings import MEANINGS, PAGE, ROWS, SCHEDULES, compare, million

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection

    from listings import Tally

    from brevo_balance_async.core.paging.listing import OffsetMeaning

PROGRAM = "27aa1d7a-af67-4020-8a65-19d6b0f0a26e"
DEFINITION = "11111111-1111-4111-8111-111111111111"


def table(seeds: range) -> Iterator[tuple[str, Tally, Tally]]:
    """Every meaning of offset, both orders, every schedule."""
    for meaning, descending, schedule in itertools.product(MEANINGS, (True, False), SCHEDULES):
        name = f"{meaning:8s}{'desc' if descending else 'asc':5s}{schedule}"
        yield name, *compare(meaning, schedule, descending=descending, seeds=seeds)


def sandbox(connection: Connection, rows: int, meaning: OffsetMeaning) -> None:
    """Serve a contact with ``rows`` transactions until the other end is closed (a process of its own)."""

    async def serve() -> None:
        async with Sandbox(switches=Switches(history_offset=meaning), log_size=10_000) as server:
            Seed(
                program=PROGRAM,
                contacts=[1],
                definitions=[{"id": DEFINITION, "name": "Points", "unit": "POINTS"}],
                histories=[{"contactId": 1, "count": rows, "amount": "12.5"}],
            ).sow(server.ledger)
            connection.send((server.base_url, server.api_key))
            await asyncio.to_thread(connection.recv)
            connection.send(len(server.requests))

    asyncio.run(serve())


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    """Hand every piece on after ``delay`` seconds, however many are on their way."""
    loop = asyncio.get_running_loop()
    pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def hand_on() -> None:
        while True:
            due, piece = await pieces.get()
            await asyncio.sleep(due - loop.time())
            if not piece:
                writer.close()
                return
            writer.write(piece)

    handing = asyncio.create_task(hand_on())
    try:
        while piece := await reader.read(65536):
            pieces.put_nowait((loop.time() + delay, piece))
    except ConnectionError:
        pass
    pieces.put_nowait((loop.time(), b""))
    await handing


async def delaying_proxy(connection: Connection, target: str, delay: float) -> None:
    """A proxy in front of ``target`` on a free port of the loopback interface, until the other end is closed."""
    to = urlsplit(target)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind, onwards = await asyncio.open_connection(to.hostname, to.port)
        await asyncio.gather(pump(reader, onwards, delay), pump(behind, writer, delay))

    async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
        connection.send(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}{to.path}")
        await asyncio.to_thread(connection.recv)


def proxy(connection: Connection, target: str, delay: float) -> None:
    """The proxy as a process of its own."""
    asyncio.run(delaying_proxy(connection, target, delay))


def resident() -> float:
    """The peak memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def over_http(base_url: str, api_key: str, rows: int) -> tuple[float, float]:
    """Walk ``rows`` rows of the sandbox: growth of the peak memory in MB, and seconds."""
    async with BalanceClient(api_key=api_key, base_url=base_url, max_wait=None) as client:
        history = client.program(PROGRAM).history
        await history.list(contact_id=1, balance_definition_id=DEFINITION).collect(2000)
        before, started, given, last = resident(), time.perf_counter(), 0, None
        async for row in history.list(contact_id=1, balance_definition_id=DEFINITION):
            given += 1
            assert last is None or row.created_at <= last
            last = row.created_at
        assert given == rows
        return resident() - before, time.perf_counter() - started


async def delayed(base_url: str, api_key: str, ahead: int, pages: int = 200) -> float:
    """Seconds for ``pages`` pages of 20 rows; their order is checked, and that leaving the loop leaves nothing."""
    async with BalanceClient(api_key=api_key, base_url=base_url, max_wait=None) as client:
        history = client.program(PROGRAM).history
        walk = history.list(contact_id=1, balance_definition_id=DEFINITION, limit=20).prefetch(ahead)
        await walk.collect(41)
        started, keys = time.perf_counter(), []
        iterator = walk.pages()
        for _ in range(pages):
            keys += [row.created_at for row in (await anext(iterator)).items]
        spent = time.perf_counter() - started
        assert keys == sorted(keys, reverse=True)
        assert len(keys) == 20 * pages
        await iterator.aclose()
        tasks = asyncio.all_tasks()
        async for _ in walk:
            break
        await asyncio.sleep(0.2)
        assert asyncio.all_tasks() <= tasks
        return spent


class Process:
    """A function in a process of its own, which talks through a pipe and ends when it is told to."""

    def __init__(self, target: Callable[..., None], *args: object) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, other = context.Pipe()
        self._process = context.Process(target=target, args=(other, *args), daemon=True)
        self._process.start()

    def end(self) -> None:
        """End it."""
        self.connection.send(None)
        self._process.join()


def for_real(rows: int) -> None:
    """What the issue asks for, over HTTP."""
    least = rows // 500
    print(f"\n{rows:,} rows of the sandbox over HTTP, largest page 500, at least {least:,} requests")
    for meaning, share in (("records", 1), ("pages0", 10), ("pages1", 10)):
        server = Process(sandbox, rows // share, meaning)
        base_url, api_key = server.connection.recv()
        growth, seconds = asyncio.run(over_http(base_url, api_key, rows // share))
        server.connection.send(None)
        requests = server.connection.recv() - 5  # those before the walk
        print(
            f"{meaning:8s}{rows // share:9,d} rows {requests:6,d} requests ({requests * share / least:.4f})  "
            f"peak memory grew by {growth:4.1f} MB  {seconds:5.1f} s",
            flush=True,
        )
    print("\n200 pages of 20 rows through a proxy that delays by 50 ms a round trip")
    server = Process(sandbox, 20_000, "records")
    base_url, api_key = server.connection.recv()
    between = Process(proxy, base_url, 0.025)
    target = between.connection.recv()
    plain = asyncio.run(delayed(target, api_key, 0))
    for ahead in (0, 8):
        spent = plain if ahead == 0 else asyncio.run(delayed(target, api_key, ahead))
        print(
            f"prefetch({ahead})  {spent:6.2f} s  {plain / spent:4.1f} times as fast, in order, nothing left"
        )
    between.end()
    server.end()


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    seeds = range(20 if quick else 60)
    rows = 100_000 if quick else 1_000_000
    print(f"{ROWS} rows, page {PAGE}, {len(seeds)} walks a line; rows lost (in so many walks), given twice")
    for name, plain, ours in table(seeds):
        print(f"{name:42s} naive {plain} | walk {ours}", flush=True)
    for_real(rows)
    print(f"\n{rows:,} rows in process, largest page 500; memory as Python counts it")
    for meaning, anchored in (("records", True), ("records", False), ("pages0", True)):
        calls, peak, seconds = asyncio.run(million(rows, meaning, anchored=anchored))
        kind = "by key" if anchored else "by id"
        print(f"{meaning:8s}{kind:7s}{calls:6,d} requests ({calls * 500 / rows:.4f})", end="  ")
        print(f"peak {peak / 1e6:5.1f} MB  {seconds:5.1f} s (traced)", flush=True)


if __name__ == "__main__":
    main()
