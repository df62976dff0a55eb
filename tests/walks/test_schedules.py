"""Thousands of walks over listings that change: no row lost, none twice, or PaginationError.

``python benchmarks/walks.py`` prints the same table for more walks; here it is printed with ``-s``.
"""

from __future__ import annotations

import pytest
from listings import MEANINGS, SCHEDULES, Row, Server, Tally, compare, listing, naive, whole

from brevo_balance_async.core.paging.listing import Batch, WalkMemory
from brevo_balance_async.core.paging.walk import Walk
from brevo_balance_async.errors import PaginationError

SEEDS = range(60)  # 36 lines of 60 walks
LIVELY = [name for name, changes in SCHEDULES.items() if "deletes" in changes]


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("meaning", MEANINGS)
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_nothing_is_lost_or_given_twice(schedule, meaning, descending):
    plain, ours = compare(meaning, schedule, descending=descending, seeds=SEEDS)
    print(f"{meaning:8s}{'desc' if descending else 'asc':5s}{schedule:30s} naive {plain} | walk {ours}")
    assert (ours.lost, ours.twice, ours.walks) == (0, 0, len(SEEDS))
    if schedule.startswith("storm"):
        assert ours.raised <= len(SEEDS) // 4
        assert ours.requests < 2 * plain.requests
    else:
        assert ours.raised == 0
        assert ours.requests < 1.3 * plain.requests
    if schedule in LIVELY:
        assert plain.losing > len(SEEDS) // 2  # or the schedule proves nothing


@pytest.mark.parametrize("meaning", MEANINGS)
@pytest.mark.parametrize("changes", [{}, {"inserts": 3, "deletes": 3, "ties": 3, "shuffled": True}])
@pytest.mark.parametrize("limit", [None, 1, 3, 7, 50])
def test_any_page_size(limit, changes, meaning):
    described = listing()
    tally = Tally()
    for seed in range(4):
        server = Server(seed=seed, rows=90, meaning=meaning, **changes)
        tally.add(server, lambda server: whole(server, described, limit))
    assert (tally.lost, tally.twice) == (0, 0)
    assert tally.raised <= (1 if changes else 0)


@pytest.mark.parametrize("total", [True, False])
@pytest.mark.parametrize("share", [0.2, 0.6, 1.0])
@pytest.mark.parametrize("meaning", MEANINGS)
def test_a_purge_of_the_first_rows_in_the_middle_of_the_walk(meaning, share, total):
    server = Server(rows=3000, meaning=meaning, purge=(30, share), descending=False)
    if not total:
        server.count = lambda _total, _page: None
    if share == 1 and not total:  # nothing is left, and nobody says so
        with pytest.raises(PaginationError):
            whole(server, listing())
        return
    rows = [row.id for row in whole(server, listing())]
    assert server.throughout <= set(rows)
    assert len(rows) == len(set(rows))


CHANGES = [
    {"updates": 1},
    {"updates": 1, "deletes": 1},
    {"updates": 1, "inserts": 1},
    {"deletes": 1},
    {"inserts": 1},
    {"updates": 0.2, "inserts": 0.2, "deletes": 0.2},
    {"updates": 0.05, "inserts": 0.05, "deletes": 0.05},
]


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("changes", CHANGES)
def test_a_listing_by_a_mutable_key_is_whole_or_raises(changes, descending):
    described = listing(anchored=False)
    tally, plain = Tally(), Tally()
    for seed in range(40):
        tally.add(
            Server(seed=seed, descending=descending, **changes), lambda server: whole(server, described)
        )
        plain.add(Server(seed=seed, descending=descending, **changes), naive)
    if not descending and "deletes" not in changes:  # a row that changes moves to where the walk still comes
        assert tally.raised == 0
    assert (tally.lost, tally.twice) == (0, 0)
    assert plain.lost + plain.twice > 0 or changes == {"inserts": 1}


def test_growing_keys_in_ascending_order_do_not_raise():
    """``updatedAt`` ascending: a row that is updated moves behind the walk and is met again."""
    described = listing(anchored=False)
    tally = Tally()
    for seed in range(40):
        server = Server(seed=seed, descending=False, updates=0.5, inserts=0.5)
        tally.add(server, lambda server: whole(server, described))
    assert (tally.lost, tally.twice) == (0, 0)
    assert tally.raised <= 2


@pytest.mark.parametrize("changes", [{"inserts": 1}, {"inserts": 1, "deletes": 1}])
@pytest.mark.parametrize("meaning", MEANINGS)
def test_an_inserted_row_does_not_hide_what_offset_counts_after_a_short_first_page(meaning, changes):
    """A silent cap makes the first page short; one row inserted in front made row 1 look like row 0."""
    tally = Tally()
    for seed in range(48):
        server = Server(seed=seed, rows=100, cap=20, meaning=meaning, **changes)
        tally.add(server, lambda server: whole(server, listing()))
    assert (tally.lost, tally.twice, tally.raised, tally.walks) == (0, 0, 0, 48)


@pytest.mark.parametrize(
    "schedule",
    [
        # A row jumps to the front; later a row goes away while another is added behind: the total fits.
        {2: [("front", 60)], 3: [("gone", 5), ("added", 101)]},
        # A row jumps to the front while a row goes away: nothing is pushed along, and the total fits.
        {2: [("front", 60), ("gone", 5)]},
    ],
)
def test_a_row_that_is_missed_by_id_shows_although_the_total_fits(schedule):
    rows = list(range(1, 101))
    walk = Walk(listing(anchored=False, disputed=False), WalkMemory(), 25, 0)
    found, calls = [], 0
    while not walk.done:
        calls += 1
        for what, row in schedule.get(calls, ()):
            if what != "added":
                rows.remove(row)
            if what != "gone":
                rows.insert(0 if what == "front" else len(rows), row)
        window = walk.next()
        page = [Row(ident, 0) for ident in rows[window.offset : window.offset + window.limit]]
        step = walk.feed(window, Batch(page, len(rows)))
        found += [row.id for row in step.rows] if step is not None else []
    assert 60 not in found
    assert len(found) == len(rows)
    with pytest.raises(PaginationError, match="can hide"):
        walk.verify()
