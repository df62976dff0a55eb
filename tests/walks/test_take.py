"""The first rows of a listing, for no more requests than they need."""

from __future__ import annotations

import asyncio

import pytest
from listings import MEANINGS, Server, listing

from brevo_balance_async.errors import InvalidRequestError, PaginationError
from brevo_balance_async.pagination import Paginator, WalkMemory


def paginator(server, *, limit=None, offset=0, largest=500, meaning=None):
    memory = WalkMemory({} if meaning is None else {"simulated.list": meaning})
    return Paginator(server.fetch, listing(largest=largest), memory, limit=limit, offset=offset)


def ids(rows):
    return [row.id for row in rows]


@pytest.mark.parametrize("limit", [None, 5, 50])
@pytest.mark.parametrize("meaning", MEANINGS)
async def test_the_latest_five_make_one_request_of_five_rows(meaning, limit):
    server = Server(rows=1000, meaning=meaning)
    walk = paginator(server, limit=limit).take(5)
    assert ids(await walk.collect()) == server.listed()[:5]
    assert server.log == [(5, 0)]
    assert walk.position == 5


@pytest.mark.parametrize("ahead", [0, 4])
@pytest.mark.parametrize(("most", "requests"), [(0, 0), (1, 1), (500, 1), (501, 2), (998, 2), (999, 3)])
async def test_no_more_requests_than_the_rows_need(most, requests, ahead):
    server = Server(rows=2000)
    walk = paginator(server, meaning="records").prefetch(ahead).take(most)
    assert ids([row async for row in walk]) == server.listed()[:most]
    assert server.calls == requests


@pytest.mark.parametrize(("wanted", "at_once", "requests"), [(75, 4, 8), (40, 3, 4)])
async def test_pages_are_fetched_ahead_up_to_the_last_row_wanted(wanted, at_once, requests):
    server, running, most = Server(), 0, []

    async def fetch(limit, offset):
        nonlocal running
        running += 1
        most.append(running)
        for _ in range(5):
            await asyncio.sleep(0)
        running -= 1
        return server.answer(limit, offset)

    memory = WalkMemory({"simulated.list": "records"})
    walk = Paginator(fetch, listing(), memory, limit=10).prefetch(4).take(wanted)
    assert ids(await walk.collect()) == server.listed()[:wanted]
    assert (max(most), server.calls) == (at_once, requests)


@pytest.mark.parametrize("meaning", MEANINGS)
@pytest.mark.parametrize("most", [3, 25, 40, 399, 400])
async def test_by_page(most, meaning):
    server = Server(meaning=meaning)
    pages = [page async for page in paginator(server, limit=25).take(most).pages()]
    assert [ident for page in pages for ident in ids(page.items)] == server.listed()[:most]
    assert [page.has_more for page in pages] == [True] * (len(pages) - 1) + [False]


async def test_the_first_page_and_the_next():
    server = Server()
    page = await paginator(server, limit=25).take(30)
    assert (len(page.items), page.has_more) == (25, True)
    rest = await page.next()
    assert (ids(rest.items), rest.has_more) == (server.listed()[25:30], False)
    empty = await rest.next()
    assert (list(empty.items), empty.has_more, empty.offset) == ([], False, 30)
    assert server.calls == 2


async def test_take_of_take_is_the_smaller_and_collect_takes_too():
    server = Server()
    walk = paginator(server, limit=10)
    for some in (walk.take(7).take(30), walk.take(30).take(7)):
        assert ids(await some.collect()) == server.listed()[:7]
    assert ids(await walk.take(30).collect(7)) == server.listed()[:7]
    assert ids(await walk.take(7).collect(30)) == server.listed()[:7]
    assert server.log == [(7, 0)] * 4


async def test_its_position_resumes():
    server = Server()
    walk = paginator(server, meaning="records", offset=100).take(60)
    assert ids(await walk.collect()) == server.listed()[100:160]
    assert walk.position == 160


async def test_a_walk_that_is_not_whole_is_told_only_where_the_rows_were_missed():
    server = Server(count=lambda total, _page: total + 1)
    walk = Paginator(server.fetch, listing(anchored=False), WalkMemory(), limit=25)
    assert len(await walk.take(400).collect()) == 400
    with pytest.raises(PaginationError, match="the total says 401"):
        await walk.take(401).collect()


@pytest.mark.parametrize("call", ["take", "collect"])
async def test_a_negative_number_is_refused(call):
    with pytest.raises(InvalidRequestError, match="must not be negative"):
        await getattr(paginator(Server()), call)(-1)
