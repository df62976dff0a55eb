"""A listing of Brevo in process, with every way in which it may be odd or change while it is walked; and walks over it.

A row is lost when it existed throughout the walk and was not given. Rows are inserted, deleted and updated before
every answer, rows with equal keys may come in another order each time, and ``offset`` counts records, pages from 0
or pages from 1. Naive paging goes over the same schedule of changes, and is even told what ``offset`` counts.

The tests in ``tests/walks`` and ``benchmarks/walks.py`` use it.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import time
import tracemalloc
from typing import TYPE_CHECKING, NamedTuple

from attrs import define, field

from brevo_balance_async.core.paging.listing import Batch, Listing, WalkMemory
from brevo_balance_async.core.paging.walk import Walk
from brevo_balance_async.errors import PaginationError, UnprocessableError
from brevo_balance_async.pagination import Paginator

if TYPE_CHECKING:
    from collections.abc import Callable

    from brevo_balance_async.core.paging.listing import OffsetMeaning

MEANINGS: tuple[OffsetMeaning, ...] = ("records", "pages0", "pages1")
ROWS = 400
PAGE = 25
LARGEST = 50


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
