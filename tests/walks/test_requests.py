"""What walks ask for, request by request, is as it was: each costs quota, so a change of plan has to be meant.

For each group of simulated listings: requests made, rows asked for, the sum of the offsets, and rows given. If a
change of the engine is meant to change them, print the new table with ``python tests/walks/test_requests.py``.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
from pathlib import Path

import pytest

if __name__ == "__main__":
    sys.path[:0] = [str(each) for each in (Path(__file__).parents[2], Path(__file__).parents[1])]

from listings import MEANINGS, SCHEDULES, Server, listing, whole

from brevo_balance_async.core.paging.listing import WalkMemory
from brevo_balance_async.errors import PaginationError
from brevo_balance_async.pagination import Paginator

COUNTS = {
    "true": lambda total, _page: total,
    "absent": lambda _total, _page: None,
    "too small": lambda total, _page: total - 30,
    "of the page": lambda _total, page: page,
    "too big": lambda total, _page: total + 30,
}


def changing(meaning):
    """Listings that change, in both orders."""
    for changes, descending, seed in itertools.product(SCHEDULES.values(), (True, False), range(4)):
        yield Server(seed=seed, meaning=meaning, descending=descending, **changes), {"limit": 25}


def capped(meaning):
    """Wrong totals, silent caps, pages of few rows; by key and by id; documents that agree and that do not."""
    for count, rows, cap, limit in itertools.product(
        COUNTS.values(), (1, 3, 26, 130), (None, 5, 20), (None, 2, 25)
    ):
        for anchored, disputed in ((True, True), (True, False), (False, True)):
            server = Server(rows=rows, meaning=meaning, cap=cap, count=count)
            yield server, {"limit": limit, "anchored": anchored, "disputed": disputed}


def resumed(meaning):
    """Walks from the middle, near the end and behind it, with and without knowing what offset counts."""
    for rows, offset, cap, limit in itertools.product((5, 90), (1, 3, 4, 60, 95), (None, 20), (None, 1, 25)):
        for known, anchored in itertools.product((True, False), (True, False)):
            options = {"offset": offset, "known": known, "anchored": anchored, "limit": limit}
            yield Server(rows=rows, meaning=meaning, cap=cap), options


def odd(meaning):
    """Ties in any order, answers cut short, refused limits, updates; by key and by id."""
    for seed, anchored in itertools.product(range(6), (True, False)):
        for options in (
            {"ties": 4, "shuffled": True, "deletes": 1},
            {"truncates": 0.2},
            {"refuses": 20, "inserts": 0.5},
            {"updates": 0.5, "inserts": 0.5},
            {"purge": (4, 0.6)},
        ):
            server = Server(seed=seed, rows=200, meaning=meaning, descending=bool(seed % 2), **options)
            yield server, {"limit": (None, 12, 3)[seed % 3], "anchored": anchored}


def ahead(meaning):
    """Pages fetched ahead."""
    for server, options in changing(meaning):
        if server.inserts < 3:
            yield server, {**options, "ahead": 1 + server.seed}


def given(server, meaning, *, limit=None, offset=0, known=False, anchored=True, disputed=True, ahead=0):
    """How many rows one walk gives; 0 if it raises."""
    memory = WalkMemory({"simulated.list": meaning} if known else {})
    described = listing(anchored=anchored, disputed=disputed)
    try:
        if not (offset or ahead):
            return len(whole(server, described, limit, memory))
        walk = Paginator(server.fetch, described, memory, limit=limit, offset=offset).prefetch(ahead)
        return len(asyncio.run(walk.collect()))
    except PaginationError:
        return 0


def asked(group, meaning):
    """The four sums over a group."""
    sums = [0, 0, 0, 0]
    for server, options in group(meaning):
        rows = given(server, meaning, **options)
        limits, offsets = zip(*server.log, strict=True)
        sums = [a + b for a, b in zip(sums, (server.calls, sum(limits), sum(offsets), rows), strict=True)]
    return tuple(sums)


GROUPS = [changing, capped, resumed, odd, ahead]
TABLE = {
    ("changing", "records"): (857, 25055, 162945, 19268),
    ("changing", "pages0"): (887, 31471, 5685, 19274),
    ("changing", "pages1"): (926, 32923, 6368, 19230),
    ("capped", "records"): (6679, 118893, 303386, 16376),
    ("capped", "pages0"): (7249, 82229, 73274, 11480),
    ("capped", "pages1"): (7651, 85177, 81830, 11506),
    ("resumed", "records"): (2860, 19559, 127947, 7176),
    ("resumed", "pages0"): (2367, 23622, 26973, 7176),
    ("resumed", "pages1"): (2439, 24908, 28968, 7176),
    ("odd", "records"): (1620, 18154, 151416, 8162),
    ("odd", "pages0"): (1734, 22869, 20224, 8084),
    ("odd", "pages1"): (1766, 24915, 20400, 8013),
    ("ahead", "records"): (714, 20739, 135373, 16006),
    ("ahead", "pages0"): (727, 25699, 4655, 16003),
    ("ahead", "pages1"): (766, 27163, 5290, 15995),
}


@pytest.mark.parametrize("meaning", MEANINGS)
@pytest.mark.parametrize("group", GROUPS)
def test_walks_ask_for_what_they_asked_before(group, meaning):
    assert asked(group, meaning) == TABLE[group.__name__, meaning]


if __name__ == "__main__":
    for group, meaning in itertools.product(GROUPS, MEANINGS):
        print(f'    ("{group.__name__}", "{meaning}"): {asked(group, meaning)},')
