"""Each way in which a server can be odd: all rows, or PaginationError, in a bounded number of requests."""

from __future__ import annotations

import pytest
from attrs import evolve
from listings import MEANINGS, Row, Server, listing, naive, whole

from brevo_balance_async.core.paging.listing import Batch, Listing, WalkMemory
from brevo_balance_async.core.paging.offsets import Offsets, Query, start
from brevo_balance_async.core.paging.walk import PATIENCE, Walk
from brevo_balance_async.errors import BadRequestError, PaginationError, ServerError, UnprocessableError
from brevo_balance_async.pagination import Paginator


def ids(rows):
    return [row.id for row in rows]


def everything(server):
    return server.listed()


@pytest.mark.parametrize("total", [0, None])
def test_an_empty_listing_takes_one_request(total):
    server = Server(rows=0, count=lambda _total, _page: total)
    assert whole(server, listing()) == []
    assert server.calls == 1


@pytest.mark.parametrize("rows", [1, 2, 24])
def test_a_listing_of_one_page_takes_one_request(rows):
    server = Server(rows=rows)
    assert ids(whole(server, listing())) == everything(server)
    assert server.log == [(25, 0)]


@pytest.mark.parametrize("rows", [1, 2, 3, 24])
@pytest.mark.parametrize("anchored", [True, False])
def test_without_a_total_one_more_request_has_to_bring_nothing(rows, anchored):
    server = Server(rows=rows, count=lambda _total, _page: None)
    assert ids(whole(server, listing(disputed=False, anchored=anchored))) == everything(server)
    assert server.calls == 2


def test_an_empty_page_where_the_total_says_there_are_rows_is_no_end():
    server = Server(rows=0, count=lambda _total, _page: 7)
    with pytest.raises(PaginationError, match="stated total is 7") as caught:
        whole(server, listing())
    assert server.calls <= PATIENCE
    assert caught.value.seen == 0


def test_answers_that_dry_up_are_no_end():
    """A 204 on every request after the third, while 400 rows were promised."""
    server = Server()
    walk = Walk(listing(disputed=False), WalkMemory(), 25, 0)
    with pytest.raises(PaginationError, match="400"):
        while not walk.done:
            window = walk.next()
            batch = server.answer(window.limit, window.offset)
            walk.feed(window, batch if server.calls <= 3 else Batch(()))
    assert server.calls <= 3 + PATIENCE + 1


COUNTS = {
    "absent": lambda _total, _page: None,
    "too small": lambda total, _page: total - 30,
    "of the page": lambda _total, page: page,
    "always 0": lambda _total, _page: 0,
    "too big": lambda total, _page: total + 30,
    "huge": lambda _total, _page: 10**9,
}


@pytest.mark.parametrize("meaning", MEANINGS)
@pytest.mark.parametrize("rows", [24, 25, 26, 400])
@pytest.mark.parametrize("count", COUNTS)
def test_a_wrong_total_neither_shortens_nor_prolongs(count, rows, meaning):
    server = Server(rows=rows, meaning=meaning, count=COUNTS[count])
    assert ids(whole(server, listing())) == everything(server)
    plain = Server(rows=rows, meaning=meaning)
    naive(plain)
    assert server.calls <= plain.calls + 8


def test_a_total_that_does_not_fit_raises_where_rows_are_told_apart_by_id_alone():
    server = Server(count=COUNTS["too big"])
    with pytest.raises(PaginationError, match="400 rows came, and the total says 430"):
        whole(server, listing(anchored=False))


@pytest.mark.parametrize("cap", [20, 100])
@pytest.mark.parametrize("meaning", MEANINGS)
@pytest.mark.parametrize("count", ["true", "absent"])
def test_a_limit_that_is_capped_silently(cap, meaning, count):
    counts = {"true": lambda total, _page: total, "absent": lambda _total, _page: None}
    server = Server(rows=1000, meaning=meaning, cap=cap, count=counts[count])
    rows = whole(server, listing(largest=500), limit=None)
    assert ids(rows) == everything(server)
    assert server.calls <= (1.25 if meaning == "records" else 1.6) * 1000 / cap + 6


def test_what_is_not_said_of_a_listing_is_as_in_brevos_contract():
    """As Brevo's reference says: at most 500 rows a page, and 20 where no limit is given."""
    walk = Walk(Listing("plain", identity=lambda row: row.id), WalkMemory(), None, 0)
    asked = walk.next()
    assert (asked.limit, asked.offset) == (500, 0)
    assert walk.refused(asked)
    assert walk.next().limit == 20


def test_a_limit_refused_with_422_falls_back_once_and_is_remembered():
    memory = WalkMemory()
    server = Server(rows=100, refuses=20)
    assert len(whole(server, listing(disputed=False, largest=500), None, memory)) == 100
    assert server.log[:3] == [(500, 0), (20, 0), (20, 18)]
    assert memory.largest_limit == {"simulated.list": 20}
    again = Server(rows=100, refuses=20)
    whole(again, listing(disputed=False, largest=500), None, memory)
    assert again.log[0] == (20, 0)


def test_a_page_that_was_answered_is_the_fallback_for_the_overlap():
    memory = WalkMemory()
    server = Server(rows=300, refuses=100)
    assert len(whole(server, listing(disputed=False, largest=500), 100, memory)) == 300
    assert server.log[:3] == [(100, 0), (102, 98), (100, 98)]
    assert memory.largest_limit == {"simulated.list": 100}


def refusing(error):
    server = Server(rows=100)
    answer = server.answer

    async def fetch(limit, offset):
        if limit > 50:
            raise error
        return answer(limit, offset)

    return server, Paginator(fetch, listing(disputed=False, largest=500), WalkMemory())


@pytest.mark.parametrize(
    "error",
    [
        UnprocessableError("limit is too large", status=422),
        BadRequestError("limit is too large", status=400, code="out_of_range"),
    ],
)
async def test_a_limit_is_refused_with_422_or_as_out_of_range(error):
    server, walk = refusing(error)
    assert ids(await walk.collect()) == everything(server)
    assert server.log[0] == (20, 0)


@pytest.mark.parametrize(
    "error",
    [
        BadRequestError("no such field", status=400, code="invalid_parameter"),
        ServerError("down", status=500, code="out_of_range"),
    ],
)
async def test_another_error_says_nothing_about_the_limit(error):
    server, walk = refusing(error)
    with pytest.raises(type(error)):
        await walk.collect()
    assert server.calls == 0


def test_a_422_that_is_not_about_the_limit_is_raised_and_not_remembered():
    memory = WalkMemory()
    server = Server(refuses=0)
    with pytest.raises(UnprocessableError):
        whole(server, listing(largest=500), None, memory)
    assert server.log == [(500, 0), (20, 0)]
    assert memory.largest_limit == {}


def test_a_422_to_the_default_limit_is_raised_at_once():
    server = Server(refuses=0)
    with pytest.raises(UnprocessableError):
        whole(server, listing(), 20)
    assert server.calls == 1


def test_pages_that_lose_their_end():
    raised = 0
    for seed in range(30):
        server = Server(seed=seed, truncates=0.3)
        try:
            assert ids(whole(server, listing(disputed=False))) == everything(server)
        except PaginationError:
            raised += 1
    assert raised <= 1


def test_a_server_that_ignores_paging_and_sends_all():
    server = Server(ignores_offset=True)
    answer = server.answer
    server.answer = lambda _limit, offset: answer(1000, offset)
    with pytest.raises(PaginationError, match="sent 400 rows where 25 were asked for"):
        whole(server, listing())
    assert server.calls == 1


@pytest.mark.parametrize("anchored", [True, False])
@pytest.mark.parametrize("disputed", [True, False])
def test_a_server_that_ignores_the_offset(anchored, disputed):
    server = Server(ignores_offset=True)
    with pytest.raises(PaginationError) as caught:
        whole(server, listing(disputed=disputed, anchored=anchored))
    assert server.calls <= 2 * PATIENCE
    assert caught.value.endpoint == "simulated.list"
    assert caught.value.seen >= 25


@pytest.mark.parametrize("descending", [True, False])
def test_a_page_that_repeats_for_ever(descending):
    server = Server(descending=descending)
    answer = server.answer
    server.answer = lambda limit, offset: answer(limit, min(offset, 100))
    with pytest.raises(PaginationError):
        whole(server, listing())
    assert server.calls < 60


@pytest.mark.parametrize("meaning", MEANINGS)
@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("ties", [2, 4, 10])
def test_ties_in_any_order(ties, descending, meaning):
    server = Server(meaning=meaning, descending=descending, ties=ties, shuffled=True)
    assert sorted(ids(whole(server, listing()))) == sorted(server.live)


def test_ties_nearly_as_long_as_the_largest_page():
    server = Server(ties=48, shuffled=True)
    assert sorted(ids(whole(server, listing(disputed=False)))) == sorted(server.live)


def test_ties_longer_than_a_page_need_a_larger_one():
    server = Server(ties=40, shuffled=True)
    assert sorted(ids(whole(server, listing(disputed=False), limit=10))) == sorted(server.live)


@pytest.mark.parametrize("ties", [49, 50, 120])
def test_ties_that_leave_a_page_no_room_for_a_new_row_raise(ties):
    server = Server(ties=ties, shuffled=True)
    with pytest.raises(PaginationError, match="share one sort key"):
        whole(server, listing(disputed=False))


@pytest.mark.parametrize("meaning", MEANINGS)
def test_what_offset_counts_is_found_out_and_remembered(meaning):
    memory = WalkMemory()
    first, second = Server(meaning=meaning), Server(meaning=meaning)
    assert ids(whole(first, listing(), memory=memory)) == everything(first)
    assert memory.offset_counts == {"simulated.list": meaning}
    assert ids(whole(second, listing(), memory=memory)) == everything(second)
    told = Server(meaning=meaning)
    whole(told, listing(), memory=WalkMemory({"simulated.list": meaning}))
    assert second.log == told.log
    extra = {"records": 0, "pages0": 1, "pages1": 2}[meaning]
    assert first.calls - second.calls == extra


def test_a_short_listing_leaves_open_what_offset_counts():
    memory = WalkMemory()
    whole(Server(rows=20), listing(), memory=memory)
    assert memory.offset_counts == {}


@pytest.mark.parametrize("meaning", MEANINGS)
def test_documents_that_are_wrong_about_offset(meaning):
    memory = WalkMemory()
    server = Server(meaning=meaning)
    assert ids(whole(server, listing(disputed=False), memory=memory)) == everything(server)
    assert memory.offset_counts == {"simulated.list": meaning}


@pytest.mark.parametrize("wrong", MEANINGS)
@pytest.mark.parametrize("meaning", MEANINGS)
def test_an_override_that_is_wrong_costs_requests_but_no_rows(meaning, wrong):
    server = Server(meaning=meaning)
    rows = whole(server, listing(), memory=WalkMemory({"simulated.list": wrong}))
    assert ids(rows) == everything(server)


@pytest.mark.parametrize("meaning", MEANINGS)
def test_a_listing_longer_than_its_page_squared(meaning):
    """A first walk, with pages of 20: row 18 * 20 exists, so a page far away answers the first question."""
    server = Server(rows=1000, meaning=meaning)
    assert ids(whole(server, listing(), limit=20)) == everything(server)


@pytest.mark.parametrize("meaning", MEANINGS)
@pytest.mark.parametrize("offset", [1, 30, 57, 399, 400, 900])
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("anchored", [True, False])
def test_a_walk_that_is_resumed_counts_records(meaning, offset, known, anchored):
    server = Server(meaning=meaning)
    memory = WalkMemory({"simulated.list": meaning} if known else {})
    walk = Walk(listing(anchored=anchored), memory, 25, offset)
    rows = []
    while not walk.done:
        window = walk.next()
        step = walk.feed(window, server.answer(window.limit, window.offset))
        if step is not None:
            assert server.listed()[step.end - len(step.rows) : step.end] == ids(step.rows)
            rows += step.rows
    walk.verify()
    assert ids(rows) == everything(server)[offset:]


@pytest.mark.parametrize("meaning", MEANINGS)
def test_rows_without_an_id_raise(meaning):
    server = Server(meaning=meaning, ids=False)
    with pytest.raises(PaginationError, match="a row came without an id") as caught:
        whole(server, listing())
    assert (server.calls, caught.value.seen) == (1, 0)


def test_rows_that_are_not_in_the_order_of_their_key_are_walked_by_id():
    server = Server()
    described = Listing(
        "x", identity=lambda row: row.id, sort_key=lambda row: (row.key * 7) % 13, max_limit=50
    )
    assert ids(whole(server, described)) == everything(server)


def test_rows_that_leave_the_order_later_raise_and_the_next_walk_goes_by_id():
    described = Listing(
        "x", identity=lambda row: row.id, sort_key=lambda row: min(row.key, 100 - row.key % 3)
    )
    memory = WalkMemory()
    with pytest.raises(PaginationError, match="not in the order"):
        whole(Server(descending=False), described, 25, memory)
    assert memory.unordered == {"x"}
    server = Server(descending=False)
    assert ids(whole(server, described, 25, memory)) == everything(server)


@pytest.mark.parametrize("at", [5, 27, 377])
@pytest.mark.parametrize("odd", [None, "no number"])
def test_a_key_that_is_missing_or_of_another_kind(odd, at):
    server = Server()

    def key(row):  # row 377 is on the first page, and the first row of the second
        return odd if row.id == at and server.calls > 1 else row.key

    described = Listing("x", identity=lambda row: row.id, sort_key=key)
    assert len(whole(Server(rows=10), described)) == 10
    assert len(whole(Server(), described, 25, WalkMemory(unordered={"x"}))) == 400
    with pytest.raises(PaginationError, match="sort key"):
        whole(server, described, 25, WalkMemory())


def test_a_page_in_the_opposite_order_raises():
    walk = Walk(listing(disputed=False), WalkMemory(), None, 0)
    walk.feed(walk.next(), Batch([Row(1, 1), Row(2, 2), Row(3, 3)], 9))
    with pytest.raises(PaginationError, match="opposite order"):
        walk.feed(walk.next(), Batch([Row(2, 2), Row(1, 1)], 9))


def test_an_id_that_is_missing_in_the_middle():
    described = Listing("x", identity=lambda row: None if row.id == 200 else row.id)
    with pytest.raises(PaginationError, match="without an id"):
        whole(Server(), described)


def test_a_row_twice_in_one_page_is_given_once():
    batch = Batch([Row(1, 1), Row(1, 1), Row(2, 2)], 3)
    walk = Walk(listing(), WalkMemory(), 25, 0)
    step = walk.feed(walk.next(), batch)
    assert ids(step.rows) == [1, 2]


def test_quiet_walks_take_no_more_requests_than_overlapping_pages_need():
    server = Server(rows=10_000, descending=False)
    whole(server, listing(disputed=False, largest=500), None)
    assert server.calls == 21  # 500 rows, then 498 new ones each
    paged = Server(rows=10_000)
    whole(paged, listing(disputed=False), 25)
    assert paged.calls == 401  # 25 new ones each, and one more because the last page was full


@pytest.mark.parametrize("odd", [None, "no number"])
def test_a_first_page_without_all_keys_is_walked_by_id(odd):
    server = Server()
    described = Listing(
        "x", identity=lambda row: row.id, sort_key=lambda row: odd if row.id == 390 else row.key
    )
    assert ids(whole(server, described)) == everything(server)


def test_a_wrong_total_that_happens_to_fit_the_end_of_a_capped_page():
    server = Server(rows=300, cap=20, count=lambda _total, _page: 38)  # 20 rows, then 18 new ones
    assert ids(whole(server, listing(disputed=False))) == everything(server)


def test_rows_of_the_last_key_alone_are_no_proof_of_the_end_where_ties_change_places():
    """Two rows went away, so row 6 now stands before the page that is asked for, in another order of the tie."""
    walk = Walk(listing(disputed=False), WalkMemory(), 25, 0)
    walk.feed(walk.next(), Batch([Row(1, 1), Row(2, 2), Row(3, 3), Row(4, 4), Row(5, 5)], 6))
    asked = walk.next()
    walk.feed(evolve(asked, at=3, offset=3), Batch([Row(5, 5)], 4))
    assert not walk.done


@pytest.mark.parametrize("meaning", MEANINGS)
@pytest.mark.parametrize("cap", [1, 2, 6, 20])
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("offset", [0, 1, 30])
def test_a_silent_cap_teaches_nothing_wrong_about_what_offset_counts(cap, meaning, known, offset):
    """Or a later walk that is resumed would pass over the wrong rows."""
    memory = WalkMemory({"simulated.list": meaning} if known else {})
    server = Server(rows=100, meaning=meaning, cap=cap)
    walk = Walk(listing(largest=500), memory, None, offset)
    try:
        while not walk.done:
            window = walk.next()
            walk.feed(window, server.answer(window.limit, window.offset))
    except PaginationError:
        assert cap < 20
    assert memory.offset_counts.get("simulated.list", meaning) == meaning


def test_a_page_that_ends_right_at_the_floor_is_joined_too():
    """The page at 0 is capped to the 25 rows before the floor; then the first row goes away."""
    memory = WalkMemory({"simulated.list": "pages0"})
    server = Server(rows=100, meaning="pages0", cap=25)
    expected = server.listed()[25:]
    walk, rows = Walk(listing(), memory, 25, 25), []
    while not walk.done:
        window = walk.next()
        step = walk.feed(window, server.answer(window.limit, window.offset))
        rows += step.rows if step else ()
        if server.calls == 1:
            server.delete(server.listed()[0])
    assert ids(rows) == expected


@pytest.mark.parametrize("anchored", [True, False])
@pytest.mark.parametrize("dry", [False, True])
@pytest.mark.parametrize("limit", [1, 10])
@pytest.mark.parametrize("offset", [2, 13, 24])
@pytest.mark.parametrize("meaning", MEANINGS)
def test_a_walk_from_the_middle_over_rows_that_come_twice_ends(meaning, offset, limit, dry, anchored):
    """As a join gives them that finds two rows for each. Now and then the answer is empty, if ``dry``."""
    server = Server(rows=30)
    twice = [Row(ident, server.live[ident][0]) for ident in server.listed() for _ in range(2)]
    walk = Walk(listing(anchored=anchored), WalkMemory({"simulated.list": meaning}), limit, offset)
    requests = 0
    try:
        while not walk.done:
            asked, requests = walk.next(), requests + 1
            assert requests < 100
            begin = start(meaning, asked.limit, asked.offset)
            rows = [] if dry and requests % 2 == 0 else twice[begin : begin + asked.limit]
            walk.feed(asked, Batch(rows, 1_000 if dry else len(twice)))
    except PaginationError:
        pass


@pytest.mark.parametrize(("observed", "known"), [(13, True), (14, False)])
def test_what_offset_counts_is_known_where_only_one_meaning_is_near(observed, known):
    """A page of 11 rows at offset 2 starts at 2, 22 or 11: 13 is 2 away from 11 and 9 from the next, 14 is 3 and 8."""
    memory = WalkMemory()
    Offsets(listing(), memory).learn(Query(11, 2, 2), observed)
    assert memory.offset_counts == ({"simulated.list": "pages1"} if known else {})
