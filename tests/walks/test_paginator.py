"""The public contract of Page and Paginator."""

from __future__ import annotations

import asyncio
import tracemalloc

import pytest
from listings import MEANINGS, Row, Server, listing, million

from brevo_balance_async.errors import InvalidRequestError, PaginationError, ServerError, UnprocessableError
from brevo_balance_async.pagination import Batch, Paginator, WalkMemory


def paginator(server, *, limit=25, offset=0, memory=None, anchored=True):
    return Paginator(
        server.fetch, listing(anchored=anchored), memory or WalkMemory(), limit=limit, offset=offset
    )


def ids(rows):
    return [row.id for row in rows]


async def test_making_one_asks_nothing():
    server = Server()
    paginator(server).prefetch(4)
    paginator(server).pages()
    aiter(paginator(server))
    assert server.calls == 0


async def test_rows():
    server = Server()
    assert ids([row async for row in paginator(server)]) == server.listed()


@pytest.mark.parametrize("meaning", MEANINGS)
async def test_pages(meaning):
    server = Server(meaning=meaning)
    pages = [page async for page in paginator(server).pages()]
    assert [ident for page in pages for ident in ids(page.items)] == server.listed()
    at = 0
    for page in pages:
        assert (page.offset, page.count, page.limit) == (at, 400, 25)
        assert 0 < len(page.items) <= 25
        at += len(page.items)
    if meaning == "records":
        assert [len(page.items) for page in pages] == [25] * 16


async def test_the_first_page_and_the_next():
    server = Server(rows=60)
    page = await paginator(server)
    assert server.calls == 1
    found = ids(page.items)
    while page.has_more:
        page = await page.next()
        found += ids(page.items)
    assert found == server.listed()
    empty = await page.next()
    assert (list(empty.items), empty.has_more, empty.offset) == ([], False, 60)


async def test_the_same_page_has_one_next():
    server = Server()
    first = await paginator(server)
    second = await first.next()
    calls = server.calls
    assert await first.next() is second
    assert server.calls == calls


async def test_a_page_that_the_walk_has_left_behind_cannot_go_on():
    pages = paginator(Server()).pages()
    first = await anext(pages)
    await anext(pages)
    with pytest.raises(PaginationError, match="gone on"):
        await first.next()


async def test_next_within_a_loop_moves_the_walk_on():
    server = Server(rows=100)
    walk = paginator(server, limit=10).pages()
    found = []
    async for page in walk:
        found += ids(page.items) + ids((await page.next()).items)
    assert found == server.listed()


@pytest.mark.parametrize("total", [0, None])
async def test_nothing(total):
    def empty():
        return paginator(Server(rows=0, count=lambda _total, _page: total))

    page = await empty()
    assert (list(page.items), page.count, page.offset, page.has_more) == ([], total, 0, False)
    assert [page async for page in empty().pages()] == []
    assert [row async for row in empty()] == []
    assert await empty().collect() == []


async def test_the_last_page_that_hides_an_error_has_more():
    server = Server(rows=20, count=lambda total, _page: total + 1)
    page = await paginator(server, anchored=False)
    assert len(page.items) == 20
    assert page.has_more
    with pytest.raises(PaginationError, match="20 rows came"):
        await page.next()


async def test_rows_come_before_the_error():
    server = Server(count=lambda total, _page: total + 1)
    walk = aiter(paginator(server, anchored=False))
    for ident in server.listed():
        assert (await anext(walk)).id == ident
    for _ in range(2):  # and it is not taken for the end by asking again
        with pytest.raises(PaginationError):
            await anext(walk)


async def test_iterated_again_from_the_start():
    server = Server(rows=60)
    walk = paginator(server)
    assert ids([row async for row in walk]) == server.listed()
    assert ids([row async for row in walk]) == server.listed()
    assert ids((await walk).items) == server.listed()[:25]


async def test_side_by_side():
    server = Server(rows=120)
    walk = paginator(server, limit=10)

    async def read():
        return ids([row async for row in walk])

    assert await asyncio.gather(read(), read(), read()) == [server.listed()] * 3


async def test_collect():
    server = Server()
    walk = paginator(server)
    assert ids(await walk.collect()) == server.listed()
    calls = server.calls
    assert ids(await walk.collect(max_items=40)) == server.listed()[:40]
    assert server.calls == calls + 2
    assert ids(await walk.collect(max_items=25)) == server.listed()[:25]
    assert server.calls == calls + 3
    assert await walk.collect(max_items=0) == []
    assert server.calls == calls + 3


@pytest.mark.parametrize("meaning", MEANINGS)
@pytest.mark.parametrize("stop", [1, 24, 25, 26, 77])
async def test_the_position_resumes(meaning, stop):
    server, memory = Server(meaning=meaning), WalkMemory()
    walk = paginator(server, memory=memory)
    assert walk.position == 0
    first = await walk.collect(max_items=stop)
    assert walk.position == stop
    rest = paginator(server, offset=walk.position, memory=memory)
    assert rest.position == stop
    assert ids(first + await rest.collect()) == server.listed()
    assert rest.position == 400


async def test_the_position_after_a_page():
    walk = paginator(Server())
    await walk
    assert walk.position == 25
    pages = walk.pages()
    assert walk.position == 0
    await anext(pages)
    await anext(pages)
    assert walk.position == 50


async def test_an_error_can_be_waited_out():
    """The failed request is made again; nothing is lost and nothing comes twice."""
    server, asked = Server(), []

    async def fetch(limit, offset):
        asked.append((limit, offset))
        if len(asked) in (1, 4, 8):
            raise ServerError("down", status=500)
        return await server.fetch(limit, offset)

    for ahead in (0, 3):
        asked.clear()
        failures = 0
        walk = aiter(Paginator(fetch, listing(), WalkMemory(), limit=25).prefetch(ahead))
        found = []
        while True:
            try:
                found.append((await anext(walk)).id)
            except ServerError:
                failures += 1
            except StopAsyncIteration:
                break
        assert found == server.listed()
        assert 2 <= failures <= 3


async def test_a_422_at_the_default_limit_is_raised():
    with pytest.raises(UnprocessableError):
        await paginator(Server(refuses=0), limit=20)


async def test_closing():
    walk = aiter(paginator(Server()))
    await anext(walk)
    await walk.aclose()
    assert [row async for row in walk] == []
    async with paginator(Server()).pages() as pages:
        await anext(pages)
    assert [page async for page in pages] == []


async def test_a_checked_walk_of_a_quiet_listing_costs_twice():
    server = Server()
    await paginator(server, anchored=False).collect()
    once = server.calls
    memory = WalkMemory({"simulated.list": "records"})
    again = Server()
    assert ids(await paginator(again, anchored=False, memory=memory).collect_checked()) == again.listed()
    assert again.calls == 2 * once


async def test_a_checked_walk_waits_until_the_listing_is_quiet():
    server = Server(updates=1)
    answer = server.answer

    def calming(limit, offset):
        if server.calls == 30:
            server.updates = 0
        return answer(limit, offset)

    server.answer = calming
    assert ids(await paginator(server, anchored=False).collect_checked()) == server.listed()
    with pytest.raises(PaginationError, match="no two of 3 walks") as caught:
        await paginator(Server(updates=1), anchored=False).collect_checked(max_walks=3)
    assert isinstance(caught.value.__cause__, PaginationError)


def test_prefetch_refuses_a_negative_number():
    with pytest.raises(InvalidRequestError, match="pages"):
        paginator(Server()).prefetch(-1)


def test_a_page_can_be_read():
    async def fetch(limit, offset):
        return Batch([Row(1, 1)], 1)

    page = asyncio.run(Paginator(fetch, listing(), WalkMemory())._first())
    assert repr(page) == "Page(items=[Row(id=1, key=1)], count=1, offset=0, limit=50, has_more=False)"


@pytest.mark.parametrize(("anchored", "megabytes"), [(True, 1), (False, 12)])
async def test_a_long_walk_stays_small(anchored, megabytes):
    """A million rows take 0.2 MB by key and 12 MB by id; ``benchmarks/walks.py`` measures that."""
    assert not tracemalloc.is_tracing()
    calls, peak, _ = await million(60_000, "records", anchored=anchored)
    assert peak < megabytes * 10**6
    assert calls <= 60_000 / 500 * 1.01
