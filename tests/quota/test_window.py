"""The rules of the window, number by number: no event loop, no clock but an argument."""

from __future__ import annotations

import math
import random

import pytest
from quota import Account

from brevo_balance_async.core import window as window_module
from brevo_balance_async.core.window import (
    BURST,
    HOUR,
    LIVE_PROBES,
    UNTIL_ANSWER,
    Lane,
    Refill,
    Window,
    read_headers,
)


def quota(limit: object, remaining: object, reset: object) -> dict[str, str]:
    return {
        "x-sib-ratelimit-limit": str(limit),
        "x-sib-ratelimit-remaining": str(remaining),
        "x-sib-ratelimit-reset": str(reset),
    }


class Bench:
    """A window with a live and a bulk lane, and an account that answers as told."""

    def __init__(self, jitter: float = 0.5) -> None:
        self.window = Window(lambda: jitter)
        self.live, self.bulk = Lane(0.0), Lane(0.2)

    def send(self, now: float, lane: Lane | None = None):
        lane = lane or self.live
        assert self.window.wait(now, lane) == 0
        return self.window.send(now, lane)

    def answer(
        self, now: float, permit, status: int | None = 200, headers: dict[str, str] | None = None
    ) -> None:
        self.window.answer(now, permit, status, headers if status is not None else None)

    def told(self, now: float, limit: int, remaining: int, reset: float, status: int = 200) -> Bench:
        self.answer(now, self.send(now), status, quota(limit, remaining, reset))
        return self


# -- reading -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "reading"),
    [
        (("600", "599", "3600"), (600, 599, 3600.0)),
        (("600.0", " 12 ", "0.5"), (600, 12, 0.5)),
        (("600", "-3", "10"), (600, 0, 10.0)),
    ],
)
def test_headers_are_read(texts, reading):
    assert read_headers(quota(*texts)) == reading


GARBAGE = [
    ("600", "abc", "30"),
    ("600", "5", "-1"),
    ("600", "5", "1765000000"),
    ("600", "5", "nan"),
    ("0", "0", "30"),
    ("-600", "5", "30"),
    ("inf", "5", "30"),
    ("600", "inf", "30"),
    ("600", "", "30"),
    ("600, 600", "5, 5", "30, 30"),
]


@pytest.mark.parametrize("texts", GARBAGE)
def test_garbage_is_refused(texts):
    with pytest.raises(ValueError):
        read_headers(quota(*texts))


@pytest.mark.parametrize("missing", range(3))
def test_two_headers_of_three_are_garbage_and_none_is_silence(missing):
    headers = quota(600, 5, 30)
    del headers[list(headers)[missing]]
    with pytest.raises(ValueError):
        read_headers(headers)
    assert read_headers({"content-type": "text/html"}) is None


# -- while nothing is known --------------------------------------------------------------------------------------


def test_unknown_live_has_four_in_flight_and_bulk_one():
    bench = Bench()
    bench.send(0, bench.bulk)
    assert bench.window.wait(0, bench.bulk) == UNTIL_ANSWER
    for _ in range(LIVE_PROBES - 1):
        bench.send(0)
    assert bench.window.wait(0, bench.live) == UNTIL_ANSWER


@pytest.mark.parametrize("texts", GARBAGE)
@pytest.mark.parametrize("status", [200, 404, 429, 503])
def test_garbage_leaves_everything_unknown(texts, status):
    bench = Bench()
    for now in range(5):
        permit = bench.send(now, bench.bulk)
        assert bench.window.wait(now, bench.bulk) == UNTIL_ANSWER
        bench.answer(now, permit, status, quota(*texts))
    assert bench.window.limit is None
    assert not bench.window.silent


@pytest.mark.parametrize("status", [None, 301, 401, 404, 429, 500, 503])
def test_an_error_without_headers_proves_no_silence(status):
    bench = Bench()
    bench.answer(0, bench.send(0), status, {})
    bench.send(1, bench.bulk)
    assert bench.window.wait(1, bench.bulk) == UNTIL_ANSWER


def test_a_silent_server_is_not_gated_until_headers_show_up():
    bench = Bench()
    bench.answer(0, bench.send(0), 200, {})
    assert bench.window.silent
    assert bench.window.wait(0, bench.bulk) == bench.window.wait(0, bench.live, 10_000) == 0
    flying = [bench.window.pass_by(bench.bulk) for _ in range(100)]
    bench.answer(1, flying.pop(), 429, {})  # its own caller backs off; there is no quota to speak of
    assert bench.window.wait(1, bench.live) == 0
    bench.answer(1, flying.pop(), 200, quota(600, 300, 60))
    assert not bench.window.silent
    assert (bench.window.limit, bench.window.left) == (600, 300 - 98)
    for permit in flying:
        bench.answer(2, permit, None)
    assert (bench.window.in_flight, bench.window.bulk_in_flight) == (0, 0)


# -- charging ----------------------------------------------------------------------------------------------------


def test_charge_at_send_correct_at_answer():
    bench = Bench().told(0, 600, 100, 60)
    permits = [bench.send(1) for _ in range(10)]
    assert bench.window.left == 90
    bench.answer(2, permits[0], 200, quota(600, 95, 58))
    assert bench.window.left == 95 - 9  # others may have been counted already, or not: the worse is assumed


def test_no_answer_keeps_the_charge_and_cancel_gives_it_back():
    bench = Bench().told(0, 600, 300, 60)
    bench.answer(1, bench.send(1), None)
    assert bench.window.left == 299
    bench.answer(1, bench.send(1), 502, {})
    assert bench.window.left == 298
    bench.window.cancel(bench.send(1))
    assert bench.window.left == 298
    permit = bench.send(1, bench.bulk)
    tokens = bench.bulk.tokens
    bench.window.cancel(permit)
    assert bench.bulk.tokens == tokens + 1
    assert (bench.window.in_flight, bench.window.bulk_in_flight) == (0, 0)


def test_newest_request_wins_and_an_older_answer_can_only_lower():
    bench = Bench().told(0, 600, 100, 60)
    first, second, third = (bench.send(1) for _ in range(3))
    bench.answer(2, third, 200, quota(600, 50, 58))
    bench.answer(2, first, 200, quota(600, 99, 58))
    assert bench.window.left == 48
    bench.answer(2, second, 200, quota(600, 40, 58))
    assert bench.window.left == 40


def test_an_older_429_leaves_nothing_whatever_it_says_is_remaining():
    bench = Bench().told(0, 600, 100, 60)
    first, second = bench.send(1), bench.send(1)
    bench.answer(2, second, 200, quota(600, 50, 58))
    bench.answer(2, first, 429, quota(600, 17, 58))
    assert bench.window.left == 0


def test_an_older_request_that_the_server_served_in_the_next_window_is_news():
    bench = Bench().told(0, 600, 5, 10)
    slow, quick = bench.send(9.5), bench.send(9.6)
    bench.answer(9.8, quick, 200, quota(600, 4, 0))
    bench.answer(10.5, slow, 200, quota(600, 599, 3600))
    assert bench.window.left == 599


def test_a_straggler_of_the_window_before_is_ignored():
    bench = Bench().told(0, 600, 5, 10)
    slow, quick = bench.send(9.5), bench.send(9.6)
    bench.answer(11, quick, 200, quota(600, 599, 3600))
    bench.answer(11.2, slow, 200, quota(600, 4, 1))
    assert bench.window.left == 598


def test_a_straggler_does_not_reopen_a_window_that_is_over():
    bench = Bench().told(0, 600, 5, 10)
    slow = bench.send(9.5)
    bench.window.wait(12, bench.live)
    bench.answer(12, slow, 200, quota(600, 4, 1))
    assert bench.window.over


def test_limit_lowered_and_raised_is_followed_within_one_answer():
    bench = Bench().told(0, 3600, 3000, 1000)
    bench.told(1, 600, 10, 999)
    assert (bench.window.limit, bench.window.left) == (600, 10)
    assert bench.window.wait(1, bench.bulk) > 900
    bench.told(2, 3600, 3000, 998)
    assert bench.window.wait(2, bench.bulk) == 0


# -- live --------------------------------------------------------------------------------------------------------


def test_live_waits_for_the_reset_and_not_less():
    bench = Bench(jitter=0.0).told(0, 600, 1, 30)
    bench.send(0)
    assert bench.window.wait(0, bench.live) == 31
    assert bench.window.wait(20.5, bench.live) == 10.5


def test_a_live_call_counts_the_queue_before_it():
    bench = Bench().told(0, 600, 3, 30)
    assert [bench.window.wait(0, bench.live, ahead) > 30 for ahead in range(5)] == [
        False,
        False,
        False,
        True,
        True,
    ]


@pytest.mark.parametrize("dice", [0.0, 0.3, 0.999])
def test_processes_come_back_at_different_moments(dice):
    bench = Bench(dice).told(0, 600, 0, 30)
    assert bench.window.wait(0, bench.live) == pytest.approx(31 + dice)


# -- 429 ---------------------------------------------------------------------------------------------------------


def test_nobody_moves_before_the_reset_of_a_429():
    bench = Bench().told(0, 600, 300, 3000)
    bench.told(1, 600, 0, 30, status=429)
    for lane in (bench.live, bench.bulk):
        assert 30 <= bench.window.wait(1, lane) <= 32


def test_a_429_is_believed_over_its_own_remaining_and_over_a_given_back_charge():
    bench = Bench().told(0, 600, 300, 3000)
    first, second = bench.send(1), bench.send(1)
    bench.answer(1, second, 429, quota(600, 17, 30))
    bench.window.cancel(first)
    assert bench.window.wait(1, bench.live) >= 30


def test_the_gap_doubles_when_the_reset_was_waited_out_in_vain():
    bench, now, gaps = Bench(jitter=0.0).told(0, 600, 0, 1, status=429), 0.0, []
    for _ in range(9):
        now += bench.window.wait(now, bench.live)
        permit = bench.send(now)
        if gaps:
            assert bench.window.wait(now, bench.live) == UNTIL_ANSWER  # one probe, not four
        bench.answer(now, permit, 429, quota(600, 0, 1))
        gaps.append(bench.window.wait(now, bench.live))
    assert gaps == [5, 10, 20, 40, 80, 160, 300, 300, 300]
    now += 300
    bench.told(now, 600, 100, 60)
    bench.told(now, 600, 0, 1, status=429)
    assert bench.window.wait(now, bench.live) == 2


def test_many_429s_of_one_moment_are_one_refusal():
    bench = Bench(jitter=0.0).told(0, 600, 0, 10, status=429)
    permits = [bench.send(11) for _ in range(LIVE_PROBES)]
    for permit in permits:
        bench.answer(11, permit, 429, quota(600, 0, 1))
    assert bench.window.wait(11, bench.live) == 5
    assert bench.window.strikes == 1


def test_a_429_without_headers_falls_back_to_spaced_probes():
    bench = Bench(jitter=0.0).told(0, 600, 500, 3000)
    now, gaps = 1.0, []
    for _ in range(4):
        bench.answer(now, bench.send(now, bench.live), 429, {})
        gaps.append(bench.window.wait(now, bench.live))
        now += gaps[-1]
    assert gaps == [6, 6, 10, 20]
    bench.answer(now, bench.send(now), 200, {})
    assert not bench.window.silent  # the window known before is not over: this was no silent server


# -- the end of a window -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "refill"), [("fixed", Refill.WHOLE), ("first", Refill.WHOLE), ("sliding", Refill.GRADUAL)]
)
@pytest.mark.parametrize("limit", [600, 3600])
def test_the_kind_of_window_is_learned_at_its_end(kind, refill, limit):
    account, bench, now = Account(kind, limit, phase=1234.0), Bench(), 0.0
    while now < 2.5 * HOUR:
        wait = bench.window.wait(now, bench.bulk)
        if wait == 0:
            permit = bench.send(now, bench.bulk)
            status, headers = account.hit(now)
            assert status == 200
            bench.answer(now, permit, status, headers)
        now += max(0.05, wait)
    assert bench.window.refill is refill


@pytest.mark.parametrize(
    ("remaining", "reset", "refill"),
    [(599, 3600, Refill.WHOLE), (599, 100, Refill.GRADUAL), (150, 3600, Refill.GRADUAL)],
)
def test_a_window_came_back_whole_if_its_count_and_its_time_did(remaining, reset, refill):
    bench = Bench().told(0, 600, 500, 3600).told(3601, 600, remaining, reset)
    assert bench.window.refill is refill


def test_a_429_and_an_end_that_moves_before_it_came_teach_nothing():
    bench = Bench().told(0, 600, 0, 10)
    bench.told(12, 600, 0, 30, status=429)
    assert bench.window.refill is Refill.UNKNOWN
    bench = Bench().told(0, 600, 300, 10).told(1, 600, 299, 3000)
    assert bench.window.refill is Refill.UNKNOWN


def test_another_limit_is_another_window_with_its_own_length():
    bench = Bench().told(0, 600, 500, 3600).told(1, 10, 9, 1).told(5, 10, 9, 1)
    assert bench.window.refill is Refill.WHOLE


def whole(now: float = 0.0) -> Bench:
    """A window known to come back whole, with 3600 s to go at ``now``."""
    bench = Bench(jitter=0.0).told(now - 100, 600, 150, 99)
    return bench.told(now, 600, 599, 3600)


def gradual(now: float = 0.0, remaining: int = 120, reset: float = 10) -> Bench:
    """A sliding window; its oldest request leaves in ``reset`` seconds."""
    bench = Bench(jitter=0.0).told(now - 100, 600, remaining, 99)
    return bench.told(now, 600, remaining, reset)


def test_a_whole_window_is_full_again_after_its_end_and_bulk_looks_first():
    bench = whole()
    assert bench.window.refill is Refill.WHOLE
    while bench.window.left > 3:
        bench.answer(1, bench.send(1), None)
    slow = bench.send(3600)
    assert bench.window.wait(3602, bench.live) == 0
    assert bench.window.left == 599
    bench.answer(3602, slow, None)
    bench.send(3602, bench.bulk)
    assert bench.window.wait(3602, bench.bulk) == UNTIL_ANSWER
    for _ in range(20):
        bench.send(3602)


def test_a_whole_window_is_not_full_again_before_its_end():
    bench = whole().told(1, 600, 300, 3599)
    bench.answer(1, bench.send(1), 429, {})
    assert bench.window.wait(7, bench.live) == 0  # a probe
    assert bench.window.left <= 0


def test_after_an_unknown_window_live_probes_with_four_and_bulk_with_one():
    bench = Bench(jitter=0.0).told(0, 600, 0, 10)
    bench.send(11, bench.bulk)
    assert bench.window.wait(11, bench.bulk) == UNTIL_ANSWER
    for _ in range(LIVE_PROBES - 1):
        bench.send(11)
    assert bench.window.wait(11, bench.live) == UNTIL_ANSWER


def test_a_gradual_window_gives_back_what_is_owed_at_the_rate_of_use():
    at_reserve, below = gradual(remaining=120), gradual(remaining=100)
    assert at_reserve.window.refill is Refill.GRADUAL
    assert at_reserve.window.wait(0, at_reserve.bulk) == 11
    assert below.window.wait(0, below.bulk) == pytest.approx(11 + 20 * HOUR / 500)
    assert below.window.wait(50, below.bulk) == pytest.approx(
        11 + 20 * HOUR / 500 - 50
    )  # though it has opened
    below.told(60, 600, 119, 10)  # a live call saw more: bulk follows
    assert below.window.wait(60, below.bulk) == pytest.approx(11 + HOUR / 481)


def test_stale_knowledge_ages_out():
    bench = whole()
    bench.window.wait(2 * HOUR + 1, bench.live)
    assert bench.window.limit is None
    assert bench.window.refill is Refill.UNKNOWN
    for _ in range(LIVE_PROBES):
        bench.send(2 * HOUR + 1)
    assert bench.window.wait(2 * HOUR + 1, bench.live) == UNTIL_ANSWER


def test_a_server_that_falls_silent_after_the_window_is_left_alone():
    bench = Bench().told(0, 600, 300, 60)
    bench.answer(1, bench.send(1), 200, {})
    assert not bench.window.silent
    bench.answer(70, bench.send(70), 200, {})
    assert bench.window.silent


# -- bulk --------------------------------------------------------------------------------------------------------


def spend(bench: Bench, lane: Lane, begin: float, end: float, left: int, reset: float) -> list[float]:
    """Send all that the lane may between two moments, each request answered at once."""
    moments, now = [], begin
    while now < end:
        wait = bench.window.wait(now, lane)
        if wait == 0:
            permit = bench.send(now, lane)
            left -= 1
            moments.append(now)
            bench.answer(now, permit, 200, quota(600, left, reset - (now - begin)))
        now += max(1e-3, wait)
    return moments


def test_bulk_is_paced_and_stops_at_the_reserve():
    bench = Bench().told(0, 600, 600, 3600)
    moments = spend(bench, bench.bulk, 0, 3590, 600, 3600)
    assert len(moments) == 480
    assert sum(moment < 1 for moment in moments) == BURST * 600
    assert sum(moment < 1800 for moment in moments) == pytest.approx(
        480 * 3 / 4, abs=10
    )  # HASTE 2: 1 - (1/2)**2
    assert bench.window.wait(3590, bench.live) == 0


def test_views_with_different_reserves_share_what_is_known_but_not_their_floor():
    bench = Bench().told(0, 600, 200, 60)
    careful = Lane(0.5)
    assert bench.window.wait(0, careful) >= 60
    assert bench.window.wait(0, bench.bulk) == 0


def test_bulk_flies_alone_near_the_reserve_and_when_its_news_is_old():
    bench = Bench().told(0, 600, 120 + 20, 60)
    bench.send(0, bench.bulk)
    assert bench.window.wait(0, bench.bulk) == UNTIL_ANSWER
    bench = Bench().told(0, 600, 600, 3600)
    bench.send(0.5, bench.bulk)
    bench.send(0.5, bench.bulk)
    assert bench.window.wait(5, bench.bulk) == UNTIL_ANSWER


def test_the_wait_told_to_bulk_is_the_wait():
    bench = Bench().told(0, 600, 600, 3600)
    spend(bench, bench.bulk, 0, 0.9, 600, 3600)
    wait = bench.window.wait(0.9, bench.bulk)
    assert 1 < wait < 10
    assert bench.window.wait(0.9 + wait * 0.99, bench.bulk) > 0
    assert bench.window.wait(0.9 + wait, bench.bulk) == 0
    assert bench.window.wait(0.9, bench.bulk, 3) > 3 * wait


# -- clocks ------------------------------------------------------------------------------------------------------


def test_wall_clock_jumps_change_nothing(monkeypatch):
    def decisions(wall) -> list[float]:
        monkeypatch.setattr(window_module.time, "time", wall)
        bench, waits = Bench(), []
        for step in range(50):
            now = step * 7.0
            for lane in (bench.live, bench.bulk):
                waits.append(bench.window.wait(now, lane))
                if waits[-1] == 0:
                    bench.answer(now, bench.send(now, lane), 200, quota(600, 140 - step, 30))
        return waits

    jumps = random.Random(1)
    assert decisions(lambda: 0.0) == decisions(lambda: jumps.uniform(-1e9, 1e9))


def test_waits_are_numbers_whatever_the_server_says():
    for reset in (0, 0.001, 86_400):
        for remaining in (0, 1, 10**12):
            bench = Bench().told(0, 1, remaining, reset)
            for now in (0, 1, 86_401, 10**7):
                for lane in (bench.live, bench.bulk, Lane(0.999)):
                    wait = bench.window.wait(now, lane)
                    assert 0 <= wait < math.inf
