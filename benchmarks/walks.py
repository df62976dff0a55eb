"""Walks over a listing that changes under them: rows lost, rows given twice, requests; then memory and latency.

A row is lost when it existed throughout the walk and was not given. The listing is simulated in process: rows are
inserted and deleted before every answer, rows with equal keys may come in another order each time, and ``offset``
counts records, pages from 0 or pages from 1. Naive paging goes over the same schedule of changes, and is even told
what ``offset`` counts, which the walk has to find out.

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
import random
import resource
import time
import tracemalloc
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from attrs import define, field

from brevo_balance_async import BalanceClient
from brevo_balance_async.core.listing import Batch, Listing, WalkMemory
from brevo_balance_async.core.walk import Walk
from brevo_balance_async.errors import PaginationError, UnprocessableError
from brevo_balance_async.pagination import Paginator
from brevo_balance_async.sandbox import Sandbox, Switches
from brevo_balance_async.sandbox.http.seeding import Seed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection

    from brevo_balance_async.core.listing import OffsetMeaning

MEANINGS: tuple[OffsetMeaning, ...] = ("records", "pages0", "pages1")
ROWS = 400
PAGE = 25
LARGEST = 50
PROGRAM = "27aa1d7a-af67-4020-8a65-19d6b0f0a26e"
DEFINITION = "11111111-1111-4111-8111-111111111111"


class Row(NamedTuple):
    """A row of the listing."""

    id: int | None
    key: int


@define(kw_only=True, slots=False)
class Server:
    """A listing that changes: on average ``inserts``, ``deletes`` and ``updates`` before each answer.

    ``ties`` rows in a row share a key, ``shuffled`` gives them in another order each time. ``count`` turns the
    true total and the rows of the page into the stated total. ``cap`` shortens pages silently, ``refuses`` answers
    422 to a larger limit, ``truncates`` is the chance that a page loses its end, ``purge`` (request, share) deletes
    the first rows of the listing at once. An update gives a row the newest key.
    """

    seed: int = 0
    rows: int = ROWS
    meaning: OffsetMeaning = "records"
    descending: bool = True
    ties: int = 1
    shuffled: bool = False
    inserts: float = 0
    deletes: float = 0
    updates: float = 0
    purge: tuple[int, float] | None = None
    count: Callable[[int, int], int | None] = lambda total, _page: total
    cap: int | None = None
    refuses: int | None = None
    truncates: float = 0
    ignores_offset: bool = False
    ids: bool = True
    calls: int = 0
    log: list[tuple[int, int]] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._ids = itertools.count(1)
        self._time = 0
        self.live: dict[int, tuple[int, float]] = {}
        for _ in range(self.rows):
            self.insert()
        self.throughout = set(self.live)

    def insert(self) -> None:
        """Add a row with the newest key."""
        self._time += 1
        self.live[next(self._ids)] = (self._time // self.ties, self._random.random())

    def delete(self, ident: int) -> None:
        """Take a row away."""
        del self.live[ident]
        self.throughout.discard(ident)

    def listed(self) -> list[int]:
        """The ids in the order of the listing."""
        if not self.shuffled:
            return sorted(self.live, key=self.live.__getitem__, reverse=self.descending)
        return sorted(
            self.live, key=lambda i: (self.live[i][0], self._random.random()), reverse=self.descending
        )

    def _some(self, mean: float) -> int:
        number, left = 0, self._random.expovariate(1)
        while left < mean:
            number, left = number + 1, left + self._random.expovariate(1)
        return number

    def _change(self) -> None:
        for _ in range(self._some(self.inserts)):
            self.insert()
        for _ in range(min(self._some(self.deletes), len(self.live))):
            self.delete(self._random.choice(list(self.live)))
        for _ in range(self._some(self.updates)):
            self._time += 1
            self.live[self._random.choice(list(self.live))] = (self._time, self._random.random())
        if self.purge is not None and self.calls == self.purge[0]:
            for ident in self.listed()[: int(len(self.live) * self.purge[1])]:
                self.delete(ident)

    def answer(self, limit: int, offset: int) -> Batch[Row]:
        """One request."""
        self.calls += 1
        self.log.append((limit, offset))
        self._change()
        if self.refuses is not None and limit > self.refuses:
            raise UnprocessableError("limit is too large", status=422)
        limit = limit if self.cap is None else min(limit, self.cap)
        first = {"records": offset, "pages0": limit * offset, "pages1": limit * max(0, offset - 1)}[
            self.meaning
        ]
        if self.ignores_offset:
            first = 0
        page = self.listed()[first : first + limit]
        if self._random.random() < self.truncates:
            page = page[: self._random.randrange(len(page) + 1)]
        rows = [Row(ident if self.ids else None, self.live[ident][0]) for ident in page]
        return Batch(rows, self.count(len(self.live), len(rows)))

    async def fetch(self, limit: int, offset: int) -> Batch[Row]:
        """One request, as a paginator makes it."""
        await asyncio.sleep(0)
        return self.answer(limit, offset)


def listing(*, disputed: bool = True, anchored: bool = True, largest: int = LARGEST) -> Listing[Row]:
    """The simulated listing as a resource module would describe it."""
    return Listing(
        "simulated.list",
        identity=lambda row: row.id,
        sort_key=(lambda row: row.key) if anchored else None,
        max_limit=largest,
        default_limit=20,
        offset_counts=None if disputed else "records",
    )


def naive(server: Server, limit: int = PAGE) -> list[Row]:
    """Plain paging, told what ``offset`` counts."""
    rows: list[Row] = []
    page = 0
    while True:
        offset = {"records": page * limit, "pages0": page, "pages1": page + 1}[server.meaning]
        batch = server.answer(limit, offset)
        rows += batch.items
        page += 1
        if len(batch.items) < limit:
            return rows


def whole(
    server: Server, described: Listing[Row], limit: int | None = PAGE, memory: WalkMemory | None = None
) -> list[Row]:
    """The package's walk, driven without an event loop."""
    walk = Walk(described, WalkMemory() if memory is None else memory, limit, 0)
    rows: list[Row] = []
    while not walk.done:
        window = walk.next()
        try:
            step = walk.feed(window, server.answer(window.limit, window.offset))
        except UnprocessableError:
            if not walk.refused(window):
                raise
            continue
        if step is not None:
            rows += step.rows
    walk.verify()
    return rows


@define
class Tally:
    """What became of the walks of one line."""

    walks: int = 0
    lost: int = 0
    losing: int = 0
    twice: int = 0
    raised: int = 0
    requests: int = 0

    def add(self, server: Server, walk: Callable[[Server], list[Row]]) -> None:
        """Make one walk over ``server``."""
        self.walks += 1
        try:
            ids = [row.id for row in walk(server)]
        except PaginationError:
            self.raised += 1
        else:
            lost = len(server.throughout.difference(ids))
            self.lost += lost
            self.losing += bool(lost)
            self.twice += len(ids) - len(set(ids))
        self.requests += server.calls

    def __str__(self) -> str:
        return (
            f"{self.lost:5d} lost in {self.losing:3d}, {self.twice:5d} twice, {self.raised:2d} raised, "
            f"{self.requests / self.walks:5.1f} requests"
        )


SCHEDULES: dict[str, dict[str, float]] = {
    "quiet": {},
    "1 insert a request": {"inserts": 1},
    "1 delete a request": {"deletes": 1},
    "2 of each": {"inserts": 2, "deletes": 2},
    "1 of each, shuffled ties of 4": {"inserts": 1, "deletes": 1, "ties": 4, "shuffled": True},
    "storm: 6 of each": {"inserts": 6, "deletes": 6},
}


def compare(meaning: OffsetMeaning, schedule: str, *, descending: bool, seeds: range) -> tuple[Tally, Tally]:
    """Naive paging and the walk over the same listings with the same schedule of changes."""
    plain, ours, described = Tally(), Tally(), listing()
    for seed in seeds:
        for tally, walk in ((plain, naive), (ours, lambda server: whole(server, described))):
            server = Server(seed=seed, meaning=meaning, descending=descending, **SCHEDULES[schedule])
            tally.add(server, walk)
    return plain, ours


def table(seeds: range) -> Iterator[tuple[str, Tally, Tally]]:
    """Every meaning of offset, both orders, every schedule."""
    for meaning, descending, schedule in itertools.product(MEANINGS, (True, False), SCHEDULES):
        name = f"{meaning:8s}{'desc' if descending else 'asc':5s}{schedule}"
        yield name, *compare(meaning, schedule, descending=descending, seeds=seeds)


async def million(rows: int, meaning: OffsetMeaning, *, anchored: bool) -> tuple[int, int, float]:
    """Walk ``rows`` quiet rows of new objects: requests, peak growth in bytes, seconds."""
    calls = 0

    async def fetch(limit: int, offset: int) -> Batch[Row]:
        nonlocal calls
        calls += 1
        first = {"records": offset, "pages0": limit * offset, "pages1": limit * max(0, offset - 1)}[meaning]
        return Batch([Row(10**9 + i, i) for i in range(first, min(rows, first + limit))], rows)

    walk = Paginator(fetch, listing(anchored=anchored, largest=500), WalkMemory())
    started = time.perf_counter()
    tracemalloc.start()
    given = 0
    async for row in walk:
        assert row.key == given
        given += 1
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert given == rows
    return calls, peak, time.perf_counter() - started


async def latency(ahead: int, pages: int = 200, delay: float = 0.05) -> float:
    """Seconds of virtual time for a walk of ``pages`` pages over a link with ``delay``."""
    server = Server(rows=pages * LARGEST - 2 * (pages - 1), descending=False)

    async def fetch(limit: int, offset: int) -> Batch[Row]:
        await asyncio.sleep(delay)
        return server.answer(limit, offset)

    walk = Paginator(fetch, listing(disputed=False), WalkMemory()).prefetch(ahead)
    keys = [row.key async for row in walk]
    assert keys == sorted(keys)
    assert len(keys) == server.rows
    return asyncio.get_running_loop().time()


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
