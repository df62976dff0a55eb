"""Fetching ahead: in order, bounded, whole, only what exists; and nothing is left when the consumer stops."""

from __future__ import annotations

import asyncio
import gc

import pytest
from clocks import turns
from listings import MEANINGS, Server, latency, listing
from virtual_time import run

from brevo_balance_async.errors import PaginationError, ServerError
from brevo_balance_async.pagination import Batch, Paginator, WalkMemory


class Link:
    """A server behind a link: answers come when they are let through, and every request is accounted for."""

    def __init__(self, server, *, hold=False):
        self.server = server
        self.running = 0
        self.most = 0
        self.started = 0
        self.ended = 0
        self.gate = asyncio.Event()
        if not hold:
            self.gate.set()

    async def fetch(self, limit, offset):
        self.started += 1
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            if self.started > 1:
                await self.gate.wait()
                for _ in range(self.started % 7):  # answers overtake each other
                    await asyncio.sleep(0)
            return self.server.answer(limit, offset)
        finally:
            self.running -= 1
            self.ended += 1

    def walk(self, ahead, **options):
        return Paginator(self.fetch, listing(disputed=False), WalkMemory(), limit=25, **options).prefetch(
            ahead
        )


def ids(rows):
    return [row.id for row in rows]


def others():
    return asyncio.all_tasks() - {asyncio.current_task()}


@pytest.mark.parametrize("ahead", [0, 1, 3, 8, 50])
@pytest.mark.parametrize("meaning", MEANINGS)
async def test_order_and_bound(meaning, ahead):
    link = Link(Server(meaning=meaning))
    memory = WalkMemory({"simulated.list": meaning})
    walk = Paginator(link.fetch, listing(), memory, limit=25).prefetch(ahead)
    assert ids([row async for row in walk]) == link.server.listed()
    assert link.most <= max(1, ahead)
    assert ahead < 2 or link.most > 1
    assert not others()


@pytest.mark.parametrize("meaning", MEANINGS)
async def test_the_meaning_of_offset_is_learned_before_anything_is_fetched_ahead(meaning):
    link = Link(Server(meaning=meaning))
    walk = Paginator(link.fetch, listing(), WalkMemory(), limit=25).prefetch(4)
    assert ids([row async for row in walk]) == link.server.listed()


async def test_costs_no_more_requests_than_without():
    alone, ahead = Link(Server(rows=410)), Link(Server(rows=410))
    await alone.walk(0).collect()
    await ahead.walk(8).collect()
    assert sorted(ahead.server.log) == sorted(alone.server.log)


async def test_on_the_way_to_the_record_it_begins_at_nothing_is_fetched_ahead():
    """Two pages show what offset counts; then it goes to its record."""
    link = Link(Server(rows=1_000))
    assert ids(await link.walk(8, offset=980).collect()) == link.server.listed()[980:]
    assert [offset for _, offset in link.server.log] == [0, 48, 980]


async def test_nothing_is_fetched_ahead_that_is_not_known_to_exist():
    link = Link(Server(rows=60))
    walk = aiter(link.walk(8))
    await anext(walk)
    await turns(20)
    assert link.started == 3  # 25 + 25 + 10
    unknown = Link(Server(count=lambda _total, _page: None))
    walk = aiter(unknown.walk(8))
    await anext(walk)
    await turns(20)
    assert unknown.started == 1


async def test_pages_of_one_row_are_fetched_ahead_from_the_first_record_on():
    server = Server(rows=30)
    walk = Paginator(server.fetch, listing(disputed=False), WalkMemory(), limit=1).prefetch(4)
    assert ids(await walk.collect()) == server.listed()
    assert min(offset for _, offset in server.log) == 0


async def test_at_most_so_many_pages_are_held():
    link = Link(Server())
    walk = aiter(link.walk(3))
    await anext(walk)
    await turns(50)
    assert link.started == 1 + 3


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("meaning", MEANINGS)
@pytest.mark.parametrize(
    "changes",
    [
        {"inserts": 1},
        {"deletes": 1},
        {"inserts": 2, "deletes": 2},
        {"inserts": 1, "deletes": 1, "ties": 4, "shuffled": True},
        {"deletes": 6, "inserts": 6},
        {"purge": (9, 0.4)},
    ],
)
async def test_whole_while_rows_come_and_go(changes, meaning, descending):
    raised = 0
    for seed in range(12):
        link = Link(Server(seed=seed, meaning=meaning, descending=descending, **changes))
        walk = Paginator(link.fetch, listing(), WalkMemory(), limit=25).prefetch(4)
        try:
            found = ids(await walk.collect())
        except PaginationError:
            raised += 1
            continue
        finally:
            assert not others()
        assert len(found) == len(set(found))
        assert link.server.throughout <= set(found)
        assert link.started < 80
    assert raised <= (4 if changes.get("deletes") == 6 else 0)


async def test_a_page_that_does_not_join_costs_one_request_not_all_that_were_fetched_ahead():
    alone = ahead = 0
    for seed in range(10):
        links = [Link(Server(seed=seed, deletes=1, rows=1000)) for _ in range(2)]
        await links[0].walk(0).collect()
        await links[1].walk(8).collect()
        alone, ahead = alone + links[0].started, ahead + links[1].started
    assert ahead < 1.1 * alone


@pytest.mark.parametrize("by_page", [True, False])
async def test_break_leaves_nothing(by_page):
    link = Link(Server(), hold=True)
    walk = link.walk(8)
    kept = []
    async for given in walk.pages() if by_page else walk:
        kept.append(given)  # what was given keeps nothing running
        assert link.server.calls == 1
        await turns()
        assert len(others()) == 8
        break
    await turns(2)
    assert not others()
    assert link.running == 0
    assert link.server.calls == 1
    assert walk.position == (25 if by_page else 1)


async def test_break_before_the_requests_have_started_makes_none():
    link = Link(Server())
    async for _ in link.walk(8):
        break
    await turns(20)
    assert link.started == 1
    assert not others()


async def test_break_after_failed_requests_complains_of_nothing():
    """Requests that failed before their turn came: asyncio must not log that nobody looked at them."""
    complaints = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: complaints.append(context))

    async def fetch(limit, offset):
        if offset:
            raise ServerError("down", status=500)
        return Batch(Server().answer(limit, 0).items, 400)

    async for _ in Paginator(fetch, listing(disputed=False), WalkMemory(), limit=25).prefetch(8):
        await turns()
        break
    gc.collect()
    await turns()
    assert complaints == []


async def test_an_exception_in_the_loop_leaves_nothing():
    link = Link(Server(), hold=True)
    with pytest.raises(ZeroDivisionError):
        async for _ in link.walk(4):
            await turns()
            _ = 1 / 0
    await turns(2)
    assert not others()
    assert link.running == 0


def test_the_end_of_the_program_leaves_nothing(recwarn):
    link = None

    async def program():
        nonlocal link
        link = Link(Server(), hold=True)
        async for _ in link.walk(8):
            await turns()
            return

    asyncio.run(program())
    gc.collect()
    assert link.running == 0
    assert not recwarn.list


def test_an_iterator_that_outlives_its_loop():
    async def program():
        link = Link(Server(), hold=True)
        walk = aiter(link.walk(8))
        await anext(walk)
        return walk

    walk = asyncio.run(program())
    del walk
    gc.collect()


async def test_an_iterator_that_is_collected_in_another_thread():
    link = Link(Server(), hold=True)
    holder = [aiter(link.walk(4))]
    await anext(holder[0])
    await turns()
    asyncio.get_running_loop().set_debug(True)  # then a call that is not made for other threads raises
    await asyncio.to_thread(holder.clear)
    await turns(4)
    assert not others()


async def test_aclose_waits_until_nothing_runs():
    link = Link(Server(), hold=True)
    async with aiter(link.walk(4)) as walk:
        await anext(walk)
        await turns()
        assert link.running == 4
    assert link.running == 0
    assert not others()


async def test_an_error_comes_after_the_rows_before_it():
    server = Server()

    async def fetch(limit, offset):
        batch = server.answer(limit, offset)
        if offset > 80:
            raise ServerError("down", status=500)
        await asyncio.sleep(0)
        return batch

    walk = aiter(Paginator(fetch, listing(disputed=False), WalkMemory(), limit=25).prefetch(6))
    found = []
    with pytest.raises(ServerError):
        async for row in walk:
            found.append(row.id)
            await turns(3)
    assert found == server.listed()[:100]
    assert not others()


async def test_cancelling_the_consumer_leaves_nothing():
    link = Link(Server(), hold=True)

    async def consume():
        async for _ in link.walk(4):
            pass

    task = asyncio.create_task(consume())
    await turns(10)
    assert link.running == 4
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not others()
    assert link.running == 0


@pytest.mark.parametrize("ahead", [0, 4])
async def test_a_cancelled_wait_can_be_taken_up_again(ahead):
    link = Link(Server(), hold=True)
    walk = aiter(link.walk(ahead))
    found = [(await anext(walk)).id for _ in range(25)]
    waiting = asyncio.ensure_future(anext(walk))
    await turns()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    link.gate.set()
    found += [row.id async for row in walk]
    assert found == link.server.listed()


async def test_a_limit_refused_ahead_falls_back():
    link = Link(Server(refuses=25))
    assert ids(await link.walk(4).collect()) == link.server.listed()
    assert not others()


async def test_a_silent_cap_drops_what_was_fetched_for_nothing():
    link = Link(Server(rows=300, cap=20))
    assert ids(await link.walk(4).collect()) == link.server.listed()
    assert link.started <= 300 / 18 + 8


async def test_pages_that_lose_their_end():
    raised = 0
    for seed in range(20):
        link = Link(Server(seed=seed, truncates=0.3))
        try:
            assert ids(await link.walk(4).collect()) == link.server.listed()
        except PaginationError:
            raised += 1
        assert not others()
    assert raised <= 1


@pytest.mark.parametrize("meaning", ["pages0", "pages1"])
@pytest.mark.parametrize("anchored", [True, False])
async def test_documents_that_are_wrong_about_offset(meaning, anchored):
    link = Link(Server(meaning=meaning))
    described = listing(disputed=False, anchored=anchored)
    walk = Paginator(link.fetch, described, WalkMemory(), limit=25).prefetch(4)
    assert ids(await walk.collect()) == link.server.listed()
    assert not others()


async def test_a_server_that_ignores_the_offset():
    link = Link(Server(ignores_offset=True))
    with pytest.raises(PaginationError):
        await link.walk(4).collect()
    assert link.started < 80
    assert not others()


async def test_a_listing_by_id():
    link = Link(Server())
    walk = Paginator(link.fetch, listing(disputed=False, anchored=False), WalkMemory(), limit=25).prefetch(5)
    assert ids(await walk.collect()) == link.server.listed()


def test_a_link_with_latency():
    alone, ahead = run(latency(0)), run(latency(8))
    assert alone > 5 * ahead
