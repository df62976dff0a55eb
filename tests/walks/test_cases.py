"""Walks that once went wrong: each a small server and what it does, and all rows or PaginationError."""

from __future__ import annotations

import asyncio
import contextlib
import itertools

import pytest
from listings import MEANINGS, Server, listing, whole

from brevo_balance_async.core.paging.end import PROOFS
from brevo_balance_async.core.paging.frontier import MASK, ById
from brevo_balance_async.core.paging.listing import Batch, Listing, WalkMemory
from brevo_balance_async.core.paging.walk import PATIENCE, Walk
from brevo_balance_async.errors import (
    ClientStateError,
    InvalidRequestError,
    PaginationError,
    UnprocessableError,
)
from brevo_balance_async.pagination import Paginator

NAME = "simulated.list"
COUNTS = {
    "true": lambda total, _page: total,
    "absent": lambda _total, _page: None,
    "always 0": lambda _total, _page: 0,
    "of the page": lambda _total, page: page,
    "too big": lambda total, _page: total + 30,
}


class Cut(Server):
    """A server that gives only so many rows in the answer of a number."""

    def answer(self, limit, offset):
        batch = super().answer(limit, offset)
        return Batch(batch.items[: self.cuts.get(self.calls)], batch.count)


def walked(server, *, limit=None, offset=0, known=None, largest=500, anchored=True, disputed=True):
    """The ids of one walk; ``known`` is what the client remembers of offset."""
    memory = WalkMemory({} if known is None else {NAME: known})
    walk = Walk(listing(disputed=disputed, anchored=anchored, largest=largest), memory, limit, offset)
    rows = []
    while not walk.done:
        window = walk.next()
        assert 1 <= window.limit <= largest
        assert server.calls < 10 * PATIENCE + 2 * len(server.live)
        try:
            step = walk.feed(window, server.answer(window.limit, window.offset))
        except UnprocessableError:
            if not walk.refused(window):
                raise
            continue
        rows += step.rows if step is not None else []
    walk.verify()
    return [row.id for row in rows]


@pytest.mark.parametrize("meaning", ["pages0", "pages1"])
@pytest.mark.parametrize("known", [True, False])
def test_ties_longer_than_a_silent_cap_raise(meaning, known):
    server = Server(rows=100, ties=25, cap=20, meaning=meaning)
    with pytest.raises(PaginationError):
        walked(server, known=meaning if known else None)


@pytest.mark.parametrize("anchored", [True, False])
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("meaning", MEANINGS)
@pytest.mark.parametrize(
    ("rows", "cuts", "limit"),
    [
        (400, {1: 1}, None),
        (400, {1: 2}, None),
        (400, {1: 30}, 25),
        (40, {1: 1}, 25),
        (2, {1: 1}, 3),
        (400, {3: 2, 4: 0}, 25),
        (400, {5: 3}, 25),
        (400, {2: 0, 3: 0}, 25),
    ],
)
def test_answers_that_are_cut_short(rows, cuts, limit, meaning, known, anchored):
    server = Cut(rows=rows, meaning=meaning)
    server.cuts = cuts
    try:
        found = walked(server, limit=limit, known=meaning if known else None, anchored=anchored)
    except PaginationError:
        assert not anchored  # by id, a walk that lost its way cannot tell whether rows moved meanwhile
        assert 0 in cuts.values()
    else:
        assert found == server.listed()


@pytest.mark.parametrize("meaning", MEANINGS)
@pytest.mark.parametrize("limit", [11, 25, None])
def test_a_limit_that_is_refused(limit, meaning):
    server = Server(rows=203, meaning=meaning, refuses=20)
    assert walked(server, limit=limit) == server.listed()


@pytest.mark.parametrize("call", [1, 3])
def test_a_page_longer_than_asked_raises(call):
    server = Server(rows=203)
    answer = server.answer

    def longer(limit, offset):
        return answer(limit + (server.calls == call - 1), offset)

    server.answer = longer
    with pytest.raises(PaginationError, match=r"sent \d+ rows where \d+ were asked for"):
        walked(server, limit=25)
    assert server.calls == call


@pytest.mark.parametrize("refuses", [9, 11, 12])
def test_a_limit_is_refused_above_less_than_the_default(refuses):
    server = Server(rows=60, refuses=refuses)
    assert walked(server, limit=refuses) == server.listed()


@pytest.mark.parametrize("meaning", MEANINGS)
@pytest.mark.parametrize("largest", [8, 10, 15])
def test_an_override_of_the_largest_limit_below_what_the_question_likes(largest, meaning):
    server = Server(rows=60, meaning=meaning)
    memory = WalkMemory(largest_limit={NAME: largest})
    assert [row.id for row in whole(server, listing(largest=500), None, memory)] == server.listed()


@pytest.mark.parametrize("meaning", MEANINGS)
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("count", ["true", "absent"])
@pytest.mark.parametrize(
    ("rows", "offset"), [(5, 30), (0, 1), (9, 10), (15, 16), (100, 30), (25, 24), (2, 1), (700, 720)]
)
@pytest.mark.parametrize("cap", [None, 20])
@pytest.mark.parametrize("anchored", [True, False])
def test_a_walk_resumed_near_or_behind_the_end(rows, offset, count, known, meaning, cap, anchored):
    server = Server(rows=rows, meaning=meaning, count=COUNTS[count], cap=cap)
    found = walked(server, offset=offset, known=meaning if known else None, anchored=anchored)
    assert found == server.listed()[offset:]
    assert server.calls <= 16


@pytest.mark.parametrize("count", ["true", "absent"])
@pytest.mark.parametrize(("meaning", "requests"), [("records", 1), ("pages0", 2), ("pages1", 2)])
def test_a_walk_from_behind_the_end_looks_there_once(meaning, requests, count):
    """Where pages are numbered, after one look at the page at 0, whose length shows how long pages may be."""
    server = Server(rows=700, meaning=meaning, count=COUNTS[count])
    assert walked(server, limit=25, offset=701, known=meaning) == []
    assert server.calls == requests


@pytest.mark.parametrize("meaning", MEANINGS)
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("offset", [1, 20, 21, 25, 60, 99, 100])
@pytest.mark.parametrize("count", ["true", "absent"])
def test_a_walk_resumed_under_a_silent_cap(offset, count, known, meaning):
    server = Server(rows=100, meaning=meaning, cap=20, count=COUNTS[count])
    assert walked(server, offset=offset, known=meaning if known else None) == server.listed()[offset:]


@pytest.mark.parametrize("meaning", MEANINGS)
@pytest.mark.parametrize("limit", [1, 12, 25, None])
@pytest.mark.parametrize("offset", [21, 60, 80, 99])
@pytest.mark.parametrize("count", ["true", "absent"])
@pytest.mark.parametrize("cap", [20, 33])
def test_a_walk_by_id_resumed_where_pages_are_known_to_be_numbered_and_a_cap_is_not(
    cap, count, offset, limit, meaning
):
    """A page longer than the cap would stand elsewhere, and its rows pass for those at the record asked for."""
    server = Server(rows=100, meaning=meaning, cap=cap, count=COUNTS[count])
    found = walked(server, offset=offset, limit=limit, known=meaning, anchored=False)
    assert found == server.listed()[offset:]


@pytest.mark.parametrize("meaning", MEANINGS)
@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("cap", [None, 20])
def test_new_rows_in_front_do_not_keep_a_walk_by_id_going_for_ever(cap, seed, meaning):
    """Each page has rows that came in before it; they do not bring the walk on."""
    server = Server(seed=seed, rows=200, meaning=meaning, cap=cap, inserts=2, deletes=2)
    with contextlib.suppress(PaginationError):
        found = walked(server, limit=3, anchored=False)
        assert server.throughout <= set(found)
    assert server.calls < 200


@pytest.mark.parametrize("before", [3, 4])
def test_an_empty_answer_behind_the_last_row_is_no_end_where_rows_before_it_went_away(before):
    """Pages of three rows, two of which have to overlap; rows 1 and 2 go away, so 4 and 5 are where 2 and 3 were."""
    server = Server(rows=5, descending=False)
    answer = server.answer

    def shrinking(limit, offset):
        if server.calls == before - 1:
            server.delete(1)
            server.delete(2)
        return answer(limit, offset)

    server.answer = shrinking
    with contextlib.suppress(PaginationError):
        assert server.throughout <= set(walked(server, limit=3, largest=3, known="records"))


@pytest.mark.parametrize(
    "options", [{"rows": 505, "ties": 300, "deletes": 2.0}, {"rows": 45, "ties": 21, "deletes": 1.0}]
)
@pytest.mark.parametrize("meaning", MEANINGS)
def test_a_total_that_fits_by_chance_is_no_end_where_rows_went_away(meaning, options):
    """Many rows share a key, so pages reach little further than the last one."""
    for seed in range(40):
        server = Server(seed=seed, meaning=meaning, shuffled=bool(seed % 2), **options)
        with contextlib.suppress(PaginationError):
            found = walked(server, limit=(None, 5)[seed % 2], known=(None, meaning)[seed % 3 > 0])
            assert server.throughout <= set(found)


@pytest.mark.parametrize("meaning", MEANINGS)
@pytest.mark.parametrize("anchored", [True, False])
@pytest.mark.parametrize("known", [True, False])
def test_a_stale_total_behind_the_record_at_which_a_walk_begins_raises(known, anchored, meaning):
    """Its rows went away since, and the total says that one is there: the walk must not begin again and again."""
    server = Server(rows=600, meaning=meaning, count=lambda total, _page: total + 9)
    with pytest.raises(PaginationError, match="brought nothing new"):
        walked(server, offset=605, known=meaning if known else None, anchored=anchored)
    assert server.calls < 2 * PATIENCE


@pytest.mark.parametrize("meaning", MEANINGS)
@pytest.mark.parametrize("count", ["true", "absent"])
@pytest.mark.parametrize(
    ("rows", "offset", "cap", "largest"), [(5, 8, None, 10), (40, 25, 8, 500), (40, 25, None, 8)]
)
def test_a_walk_from_the_middle_in_pages_of_a_few_rows_ends(rows, offset, cap, largest, count, meaning):
    server = Server(rows=rows, meaning=meaning, cap=cap, count=COUNTS[count])
    try:
        found = walked(server, offset=offset, limit=10, largest=largest, known=meaning)
    except PaginationError:
        assert cap
    else:
        assert found == server.listed()[offset:]
    assert server.calls < 2 * PATIENCE


def test_a_backtrack_over_many_pages_is_not_taken_for_a_walk_that_goes_round():
    """Without a total the walk does not know how many rows went away, and lands far back among those it has."""
    server = Server(rows=4_000, descending=False, purge=(100, 0.35), count=COUNTS["absent"])
    found = walked(server, limit=20, largest=20, known="records")
    assert server.throughout <= set(found)
    assert found == sorted(found)


@pytest.mark.parametrize("count", ["true", "absent"])
@pytest.mark.parametrize(
    ("rows", "offset", "limit"), [(319, 40, None), (301, 1, 28), (40, 1, 18), (22, 56, 13)]
)
def test_a_walk_resumed_where_the_documents_are_wrong_is_whole_or_raises(rows, offset, limit, count):
    server = Server(rows=rows, meaning="pages0", count=COUNTS[count])
    try:
        found = walked(server, offset=offset, limit=limit, disputed=False)
    except PaginationError as error:
        assert server.calls < 50, error
    else:
        assert found == server.listed()[offset:]


@pytest.mark.parametrize("meaning", MEANINGS)
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("rows", [0, 1, 2, 3, 4, 5, 7])
@pytest.mark.parametrize("limit", [None, 1, 2, 3])
@pytest.mark.parametrize("count", ["true", "absent", "always 0"])
@pytest.mark.parametrize("anchored", [True, False])
def test_a_listing_of_few_rows(count, limit, rows, known, meaning, anchored):
    if count == "always 0" and rows and not anchored:  # by id the total has to fit
        server = Server(rows=rows, meaning=meaning, count=COUNTS[count])
        with pytest.raises(PaginationError, match=f"{rows} rows came, and the total says 0"):
            walked(server, limit=limit, known=meaning if known else None, anchored=False)
        return
    server = Server(rows=rows, meaning=meaning, count=COUNTS[count])
    found = walked(server, limit=limit, known=meaning if known else None, anchored=anchored)
    assert found == server.listed()
    assert server.calls <= rows + 7


@pytest.mark.parametrize("rows", [3, 24, 25, 60])
def test_a_total_that_promises_more_takes_proofs(rows):
    server, told = Server(rows=rows, count=COUNTS["too big"]), Server(rows=rows)
    assert walked(server, limit=25, largest=50, known="records") == server.listed()
    assert walked(told, limit=25, largest=50, known="records") == told.listed()
    assert PROOFS - 1 <= server.calls - told.calls <= PROOFS


def test_a_total_that_promises_more_than_one_row_raises():
    with pytest.raises(PaginationError, match="brought nothing new"):
        walked(Server(rows=1, count=COUNTS["too big"]), limit=25)


@pytest.mark.parametrize("anchored", [True, False])
@pytest.mark.parametrize("meaning", MEANINGS)
@pytest.mark.parametrize("count", ["true", "absent"])
@pytest.mark.parametrize("cap", [1, 2, 3, 5, 8, 13, 16])
def test_a_silent_cap_of_few_rows_is_whole_or_raises(cap, count, meaning, anchored):
    whole = 0
    for rows, limit, known in itertools.product([1, 2, 3, 4, 9, 40, 200], [None, 4, 25], [None, meaning]):
        server = Server(rows=rows, meaning=meaning, cap=cap, count=COUNTS[count])
        try:
            found = walked(server, limit=limit, known=known, anchored=anchored)
        except PaginationError:
            continue
        assert found == server.listed()
        whole += 1
    assert whole >= (6 if cap < 3 else 18)


@pytest.mark.parametrize("after", [1, 3])
def test_answers_that_dry_up_where_no_total_is_stated_are_no_end(after):
    server = Server(count=COUNTS["absent"])
    answer = server.answer
    server.answer = lambda limit, offset: Batch(answer(limit, offset).items if server.calls < after else ())
    with pytest.raises(PaginationError, match="brought nothing new"):
        walked(server, limit=25, known="records")


@pytest.mark.parametrize("anchored", [True, False])
@pytest.mark.parametrize("rows", [10, 30])
def test_a_listing_that_grows_as_fast_as_it_is_walked_is_not_followed_for_ever(rows, anchored):
    """No total says where it ends: sooner or later every page is short and has a new row."""
    server = Server(rows=rows, descending=False, count=COUNTS["absent"])
    answer = server.answer

    def growing(limit, offset):
        assert server.calls < 50
        server.insert()
        return answer(limit, offset)

    server.answer = growing
    assert walked(server, limit=25, known="records", anchored=anchored) == server.listed()
    assert server.calls == 9  # the first page, and eight short ones


def test_a_walk_that_is_resumed_goes_by_key_where_its_first_page_shows_two():
    """By id the total would have to fit."""
    server = Server(rows=100, count=COUNTS["too big"])
    assert walked(server, offset=30, limit=25, known="records") == server.listed()[30:]


def test_the_last_row_and_the_total_leave_nothing_to_ask_for():
    server = Server(rows=3)
    assert walked(server, limit=1, offset=2, known="records", anchored=False) == server.listed()[2:]
    assert server.log == [(1, 2), (2, 2), (1, 3)]


@pytest.mark.parametrize("meaning", ["pages0", "pages1"])
def test_pages_by_number_are_little_longer_than_the_limit_however_many_rows_are_allowed(meaning):
    server = Server(rows=2000, meaning=meaning)
    assert walked(server, limit=10, known=meaning) == server.listed()
    assert 25 < max(limit for limit, _ in server.log) <= 44  # 2 * 10, 4 * 2 for the overlap, and 16


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("count", ["true", "absent"])
@pytest.mark.parametrize(
    ("rows", "limit", "offset", "ties"),
    [(30, 1, 5, 1), (40, 3, 4, 10), (400, None, 399, 1), (40, 7, 9, 10), (12, 2, 11, 3)],
)
@pytest.mark.parametrize("meaning", MEANINGS)
def test_rows_are_in_order_although_a_page_shows_one_key(
    rows, limit, offset, ties, count, descending, meaning
):
    server = Server(rows=rows, ties=ties, descending=descending, count=COUNTS[count], meaning=meaning)
    assert walked(server, limit=limit, offset=offset, known=meaning) == server.listed()[offset:]


@pytest.mark.parametrize("descending", [True, False])
def test_a_row_that_comes_in_front_of_a_page_of_one_is_no_disorder(descending):
    for seed in range(20):
        server = Server(seed=seed, rows=30, descending=descending, inserts=0.1)
        memory = WalkMemory()
        found = [row.id for row in whole(server, listing(), 1, memory)]
        assert server.throughout <= set(found)
        assert len(found) == len(set(found))
        assert not memory.unordered


def test_rows_without_an_id_say_nothing_about_the_order():
    memory = WalkMemory()
    with pytest.raises(PaginationError, match="a row came without an id"):
        whole(Server(ids=False), listing(), 25, memory)
    assert not memory.unordered


def test_a_walk_that_failed_stays_failed():
    walk = Walk(listing(disputed=False), WalkMemory(), 25, 0)
    server = Server(ignores_offset=True)
    with pytest.raises(PaginationError) as first:
        while True:
            window = walk.next()
            walk.feed(window, server.answer(window.limit, window.offset))
    with pytest.raises(PaginationError) as again:
        walk.next()
    assert again.value is first.value


def cut_paginator(rows, cuts, meaning, ahead, **options):
    server = Cut(rows=rows, meaning=meaning, **options)
    server.cuts = cuts
    memory = WalkMemory({NAME: meaning})
    return server, Paginator(server.fetch, listing(largest=500), memory).prefetch(ahead)


@pytest.mark.parametrize("ahead", [0, 1, 4, 8])
@pytest.mark.parametrize(
    ("meaning", "cut"), [("records", 10), ("records", 100), ("pages0", 100), ("pages1", 30)]
)
async def test_one_short_page_makes_the_others_small_only_where_a_cap_would_move_them(meaning, cut, ahead):
    server, walk = cut_paginator(5_000, {1: cut}, meaning, ahead)
    assert [row.id for row in await walk.collect()] == server.listed()
    assert server.calls <= (11 + 10 if meaning == "records" else 1.4 * 5_000 / cut)


@pytest.mark.parametrize("ahead", [0, 8])
async def test_totals_are_compared_in_the_order_in_which_they_were_stated(ahead):
    """By id, rows only added at the end, and answers that overtake each other: nothing went away."""
    for seed in range(20):
        server = Server(seed=seed, rows=800, descending=False, inserts=0.3)

        async def fetch(limit, offset, server=server):
            for _ in range(3 + server.calls * 7 % 4):
                await asyncio.sleep(0)
            batch = server.answer(limit, offset)
            for _ in range(3 + server.calls * 5 % 7):
                await asyncio.sleep(0)
            return batch

        memory = WalkMemory({NAME: "records"})
        walk = Paginator(fetch, listing(anchored=False), memory, limit=25).prefetch(ahead)
        assert server.throughout <= {row.id for row in await walk.collect()}


@pytest.mark.parametrize("ahead", [0, 4])
async def test_an_iterator_serves_one_task(ahead):
    server = Server()
    walk = aiter(Paginator(server.fetch, listing(disputed=False), WalkMemory(), limit=25).prefetch(ahead))
    first = asyncio.ensure_future(anext(walk))
    await asyncio.sleep(0)
    with pytest.raises(ClientStateError, match="another task"):
        await anext(walk)
    found = [(await first).id] + [row.id async for row in walk]
    assert found == server.listed()


async def test_one_next_page_however_many_ask():
    server = Server()
    page = await Paginator(server.fetch, listing(disputed=False), WalkMemory(), limit=25)
    one, other = await asyncio.gather(page.next(), page.next())
    assert one is other
    assert server.calls == 2


async def test_the_next_page_of_a_prefetched_walk_uses_what_was_fetched_ahead():
    calls = []
    for ahead in (0, 8):
        server = Server(rows=1000)
        found = []
        walk = Paginator(server.fetch, listing(disputed=False), WalkMemory(), limit=25).prefetch(ahead)
        async for page in walk.pages():
            found += page.items
            found += (await page.next()).items
        assert [row.id for row in found] == server.listed()
        calls.append(server.calls)
    assert calls[0] == calls[1]


@pytest.mark.parametrize(("most", "requests"), [(0, 0), (9, 1), (10, 1), (11, 2), (25, 3)])
async def test_collect_fetches_nothing_ahead_that_it_does_not_want(most, requests):
    server = Server()
    memory = WalkMemory({NAME: "records"})
    walk = Paginator(server.fetch, listing(), memory, limit=10).prefetch(8)
    assert len(await walk.collect(most)) == most
    assert server.calls == requests


async def test_one_walk_cannot_be_checked():
    with pytest.raises(InvalidRequestError, match="max_walks"):
        await Paginator(Server().fetch, listing(), WalkMemory()).collect_checked(1)


@pytest.mark.parametrize("step", [1, MASK + 1])
def test_ids_in_steps_are_spread_as_well_as_others(step):
    """A look into an array takes as long as the array is: numbers of which each fills the same one would cost most."""
    frontier = ById(Listing("x", identity=lambda row: row), 0)
    for first in range(0, 20_000, 500):
        page = [number * step for number in range(max(0, first - 1), first + 500)]
        assert frontier.join(page, first, sure=True)
    assert max(map(len, frontier._seen.values())) < 20
