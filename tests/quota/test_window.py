"""The rules of the window, number by number: no event loop, no clock but an argument."""

from __future__ import annotations

import math
import random

import pytest
from quota import Account

from brevo_balance_async.core.quota.headers import read
from brevo_balance_async.core.quota.pace import BURST, Pace
from brevo_balance_async.core.quota.pause import HOUR
from brevo_balance_async.core.quota.window import (
    LIVE_PROBES,
    PROBE_AFTER,
    UNTIL_ANSWER,
    Pair,
    Permit,
    Refill,
    Window,
)

NOON = 1_790_000_000.0
"""What our own wall clock says, in seconds since 1970."""


def quota(limit: object, remaining: object, reset: object) -> dict[str, str]:
    return {
        "x-sib-ratelimit-limit": str(limit),
        "x-sib-ratelimit-remaining": str(remaining),
        "x-sib-ratelimit-reset": str(reset),
    }


class Bench:
    """A window with a live and a bulk reserve, and an account that answers as told."""

    def __init__(self, jitter: float = 0.5) -> None:
        self.window = Window(lambda: jitter, wall=lambda: NOON)
        self.live, self.bulk = 0.0, 0.2

    def wait(self, now: float, reserve: float = 0.0, need: int = 1) -> float:
        """``UNTIL_ANSWER`` where only an answer ends it sooner than the next look."""
        wait = self.window.wait(now, reserve, need, paced=reserve > 0)
        looks = self.window.in_flight and wait and now + wait == self.window.probe_at
        return UNTIL_ANSWER if looks else wait

    def send(self, now: float, reserve: float = 0.0):
        assert self.wait(now, reserve) == 0
        return self.window.send(now, reserve, paced=reserve > 0)

    def answer(
        self, now: float, permit, status: int | None = 200, headers: dict[str, str] | None = None
    ) -> None:
        self.window.answer(now, permit, None if status is None else read(status, headers or {}, lambda: NOON))

    def told(self, now: float, limit: int, remaining: int, reset: float, status: int = 200) -> Bench:
        self.answer(now, self.send(now), status, quota(limit, remaining, reset))
        return self


UNREADABLE = [
    ("600", "abc", "30"),
    ("0", "0", "30"),
    ("-600", "5", "30"),
    ("inf", "5", "30"),
    ("600", "inf", "30"),
    ("600", "", "30"),
    ("600, 600", "5, 5", "30, 30"),
]


def test_everything_begins_with_nothing_known_and_nothing_sent():
    window = Window(lambda: 0.5)
    assert (window.limit, window.remaining, window.available) == (None, 0, 0)
    assert (window.sent, window.in_flight, window.bulk_in_flight, window.held) == (0, 0, 0, 0)
    assert (window.newest, window.sent_before, window.maybe_counted, window.unconfirmed) == (0, 0, 0, 0)
    assert (window.ends_at, window.opens_at, window.length, window.observed_at) == (0, 0, 0, 0)
    assert (window.observed_wall, window.probe_at) == (0, math.inf)
    assert (window.ended, window.refill, window.no_headers) == (True, Refill.UNKNOWN, False)
    assert (window.pause.refusals, window.pause.concurrency) == (0, math.inf)
    assert (window.pause.until, window.pause.refused_at) == (-math.inf, -math.inf)
    assert (window.pace.buckets, window.reserved(0.2)) == ({}, 0)
    permits = [window.send(0, 0.0) for _ in range(3)]
    assert [(permit.number, permit.sent_at, permit.bucket) for permit in permits] == [
        (number, 0, None) for number in (1, 2, 3)
    ]
    permit, pair = Permit(0.2, 1, 5.0), Pair()
    assert (permit.bucket, permit.pair, pair.held, pair.ended) == (None, None, False, False)


# -- while nothing is known --------------------------------------------------------------------------------------


def test_unknown_live_has_four_in_flight_and_bulk_one():
    bench = Bench()
    bench.send(0, bench.bulk)
    assert bench.wait(0, bench.bulk) == UNTIL_ANSWER
    for _ in range(3):
        bench.send(0)
    assert bench.wait(0, bench.live) == UNTIL_ANSWER


@pytest.mark.parametrize("texts", UNREADABLE)
@pytest.mark.parametrize("status", [200, 404, 503])
def test_numbers_that_cannot_be_read_leave_everything_unknown(texts, status):
    bench = Bench()
    for now in range(5):
        permit = bench.send(now, bench.bulk)
        assert bench.wait(now, bench.bulk) == UNTIL_ANSWER
        bench.answer(now, permit, status, quota(*texts))
    assert bench.window.limit is None
    assert not bench.window.no_headers


@pytest.mark.parametrize("reset", ["-1", "abc", "", "nan", "1e300"])
def test_without_an_end_that_makes_sense_the_count_is_believed_all_the_same(reset):
    bench = Bench()
    bench.answer(0, bench.send(0), 200, quota(600, 2, reset))
    assert (bench.window.limit, bench.window.available) == (600, 2)
    bench.send(0), bench.send(0)
    assert bench.wait(0) > 3000  # and not four at a time
    assert bench.window.expected(0, 0.0) == pytest.approx(HOUR, abs=2)


@pytest.mark.parametrize("status", [None, 199, 300, 301, 401, 404, 500, 503])
def test_an_error_without_headers_proves_no_silence(status):
    bench = Bench()
    bench.answer(0, bench.send(0), status, {})
    bench.send(1, bench.bulk)
    assert bench.wait(1, bench.bulk) == UNTIL_ANSWER


def test_a_silent_server_is_not_gated_until_headers_show_up():
    bench = Bench()
    bench.answer(0, bench.send(0), 200, {})
    assert bench.window.no_headers
    assert (
        bench.wait(0, bench.bulk) == bench.wait(0, bench.live) == bench.window.expected(0, 0.0, 10_000) == 0
    )
    flying = [bench.send(0, bench.bulk) for _ in range(100)]
    bench.answer(1, flying.pop(), 200, quota(600, 300, 60))
    assert not bench.window.no_headers
    assert (bench.window.limit, bench.window.available) == (600, 300 - 99)
    for permit in flying:
        bench.answer(2, permit, None)
    assert (bench.window.in_flight, bench.window.bulk_in_flight) == (0, 0)


# -- charging ----------------------------------------------------------------------------------------------------


def test_charge_at_send_correct_at_answer():
    bench = Bench().told(0, 600, 100, 60)
    permits = [bench.send(1) for _ in range(10)]
    assert bench.window.available == 90
    bench.answer(2, permits[0], 200, quota(600, 95, 58))
    assert (
        bench.window.available == 95 - 9
    )  # others may have been counted already, or not: the worse is assumed


def test_no_answer_keeps_the_charge_and_cancel_gives_it_back():
    bench = Bench().told(0, 600, 300, 60)
    bench.answer(1, bench.send(1), None)
    assert bench.window.available == 299
    bench.answer(1, bench.send(1), 502, {})
    assert bench.window.available == 298
    bench.window.cancel(bench.send(1))
    assert bench.window.available == 298
    permit = bench.send(1, bench.bulk)
    tokens = permit.bucket.tokens
    bench.window.cancel(permit)
    assert permit.bucket.tokens == tokens + 1
    assert (bench.window.in_flight, bench.window.bulk_in_flight) == (0, 0)


@pytest.mark.parametrize(("status", "counted"), [(499, True), (500, False), (501, False), (599, False)])
def test_an_answer_without_numbers_was_counted_unless_a_proxy_may_have_sent_it(status, counted):
    bench = Bench().told(0, 600, 5, 3000)
    bench.answer(1, bench.send(1), status, {})
    assert (bench.window.remaining, bench.window.unconfirmed) == ((4, 0) if counted else (5, 1))
    assert bench.window.available == 4


def test_a_429_without_numbers_was_not_counted():
    bench = Bench().told(0, 600, 5, 3000)
    bench.answer(1, bench.send(1), 429, {"retry-after": "1"})
    assert (bench.window.remaining, bench.window.unconfirmed) == (5, 0)


def test_newest_request_wins_and_an_older_answer_can_only_lower():
    bench = Bench().told(0, 600, 100, 60)
    first, second, third = (bench.send(1) for _ in range(3))
    bench.answer(2, third, 200, quota(600, 50, 58))
    bench.answer(2, first, 200, quota(600, 99, 58))
    assert bench.window.available == 49  # the first had been counted by then
    bench.answer(2, second, 200, quota(600, 40, 58))
    assert bench.window.available == 40


@pytest.mark.parametrize(
    ("end", "remaining", "left"),
    [
        (1000, 40, 40),
        (997.5, 40, 40),  # the same window, give or take what rounding and travel time do
        (997, 40, 51),  # the window before
        (500, 40, 51),
        (1002.5, 60, 51),  # of the same window, only a smaller number is believed
        (1003, 60, 60),  # the next window
    ],
)
def test_an_older_answer_counts_by_the_window_that_it_speaks_of(end, remaining, left):
    bench = Bench().told(0, 600, 100, 1000)
    slow, quick = bench.send(1), bench.send(1)
    bench.answer(2, quick, 200, quota(600, 51, 998))
    bench.answer(2, slow, 200, quota(600, remaining, end - 2))
    assert bench.window.available == left


def test_an_older_429_leaves_nothing_whatever_it_says_is_remaining():
    bench = Bench().told(0, 600, 100, 60)
    first, second = bench.send(1), bench.send(1)
    bench.answer(2, second, 200, quota(600, 50, 58))
    bench.answer(2, first, 429, quota(600, 17, 58))
    assert bench.window.available == 0


def test_an_older_request_that_the_server_served_in_the_next_window_is_news():
    bench = Bench().told(0, 600, 5, 10)
    slow, quick = bench.send(9.5), bench.send(9.6)
    bench.answer(9.8, quick, 200, quota(600, 4, 0))
    bench.answer(10.5, slow, 200, quota(600, 599, 3600))
    assert bench.window.available == 599


def test_a_straggler_of_the_window_before_is_ignored():
    bench = Bench().told(0, 600, 5, 10)
    slow, quick = bench.send(9.5), bench.send(9.6)
    bench.answer(11, quick, 200, quota(600, 599, 3600))
    bench.answer(11.2, slow, 200, quota(600, 4, 1))
    assert bench.window.available == 599  # nor was it charged to this one


def test_a_straggler_does_not_reopen_a_window_that_is_over():
    bench = Bench().told(0, 600, 5, 10)
    slow = bench.send(9.5)
    bench.wait(12, bench.live)
    bench.answer(12, slow, 200, quota(600, 4, 1))
    assert bench.window.ended


def test_limit_lowered_and_raised_is_followed_within_one_answer():
    bench = Bench().told(0, 3600, 3000, 1000)
    bench.told(1, 600, 10, 999)
    assert (bench.window.limit, bench.window.available) == (600, 10)
    assert bench.wait(1, bench.bulk) > 900
    bench.told(2, 3600, 3000, 998)
    assert bench.wait(2, bench.bulk) == 0


# -- live --------------------------------------------------------------------------------------------------------


def test_live_waits_for_the_reset_and_not_less():
    bench = Bench(jitter=0.0).told(0, 600, 1, 30)
    bench.send(0)
    assert bench.wait(0, bench.live) == 31
    assert bench.wait(20.5, bench.live) == 10.5


@pytest.mark.parametrize(("need", "left"), [(1, 1), (1, 2), (2, 2), (2, 600)])
def test_a_live_call_is_let_through_at_one_look_while_enough_is_left(need, left):
    class OneLook(Window):
        def _due(self, *_: object, **__: object) -> float:
            raise AssertionError("it looked again")

    bench = Bench()
    bench.window = OneLook(lambda: 0.0, wall=lambda: NOON)
    permit = bench.window.send(0, 0.0)
    bench.answer(0, permit, 429, {"retry-after": "1"})
    permit = bench.window.send(1, 0.0)
    bench.answer(1, permit, 200, quota(600, left + 1, 60))
    bench.window.send(1, 0.0)  # two may be in flight
    assert [bench.window.wait(now, 0.0, need) for now in (1, 40, 61.75)] == [0, 0, 0]


def test_a_wait_is_for_one_request_that_is_not_paced_unless_told_otherwise():
    window = Bench().told(0, 600, 1, 3000).window
    assert (window.wait(0, 0.0), window.expected(0, 0.0)) == (0, 0)
    window = Bench().told(0, 600, 0, 3000).window
    assert min(window.wait(0, 0.0), window.expected(0, 0.0)) > PROBE_AFTER - 1
    window = Bench().told(0, 600, 600, 3000).window
    assert window.wait(0, 0.2, paced=True) == 0
    window.pace.bucket(0.2).tokens = 0
    assert window.wait(0, 0.2, paced=True) > 0
    assert window.wait(0, 0.2) == 0


def test_a_live_call_counts_the_queue_before_it():
    bench = Bench().told(0, 600, 3, 30)
    assert [bench.window.expected(0, 0.0, 1 + ahead) > 30 for ahead in range(5)] == [
        False,
        False,
        False,
        True,
        True,
    ]


@pytest.mark.parametrize("dice", [0.0, 0.3, 0.999])
def test_processes_come_back_at_different_moments(dice):
    bench = Bench(dice).told(0, 600, 0, 30)
    assert bench.wait(0, bench.live) == pytest.approx(31 + dice)


# -- 429 ---------------------------------------------------------------------------------------------------------


def test_nobody_moves_before_the_reset_of_a_429():
    bench = Bench().told(0, 600, 300, 3000)
    bench.told(1, 600, 0, 30, status=429)
    for reserve in (bench.live, bench.bulk):
        assert 30 <= bench.wait(1, reserve) <= 32


def test_a_429_is_believed_over_its_own_remaining_and_over_a_given_back_charge():
    bench = Bench().told(0, 600, 300, 3000)
    first, second = bench.send(1), bench.send(1)
    bench.answer(1, second, 429, quota(600, 17, 30))
    bench.window.cancel(first)
    assert bench.wait(1, bench.live) >= 30


def test_the_gap_doubles_when_the_reset_was_waited_out_in_vain():
    bench, now, gaps = Bench(jitter=0.0).told(0, 600, 0, 1, status=429), 0.0, []
    for _ in range(9):
        now += bench.wait(now, bench.live)
        permit = bench.send(now)
        if gaps:
            assert bench.wait(now, bench.live) == UNTIL_ANSWER  # one probe, not four
        bench.answer(now, permit, 429, quota(600, 0, 1))
        gaps.append(bench.wait(now, bench.live))
    assert gaps == [5, 10, 20, 40, 80, 160, 300, 300, 300]
    now += 300
    bench.told(now, 600, 100, 60)
    bench.told(now, 600, 0, 1, status=429)
    assert bench.wait(now, bench.live) == 2


def test_many_429s_of_one_moment_are_one_refusal():
    bench = Bench(jitter=0.0).told(0, 600, 500, 3000)
    permits = [bench.send(1) for _ in range(100)]
    for permit in permits:
        bench.answer(2, permit, 429, {"retry-after": "3"})
    assert bench.wait(2) == 3
    assert bench.window.pause.refusals == 1


@pytest.mark.parametrize("known", [True, False])
def test_a_429_without_headers_closes_the_gate_for_a_growing_pause(known):
    bench, now, gaps = Bench(jitter=0.0), 1.0, []
    if known:
        bench.told(0, 600, 500, 3000)
    for _ in range(9):
        bench.answer(now, bench.send(now), 429, {})
        gaps.append(bench.wait(now))
        assert gaps[-1] == bench.wait(now, bench.bulk) == bench.window.expected(now, 0.0)
        now += gaps[-1]
    assert gaps == [1, 5, 10, 20, 40, 80, 160, 300, 300]
    bench.answer(now, bench.send(now), 200, {})
    bench.answer(now, bench.send(now), 429, {})
    assert bench.wait(now) == 1


def test_a_429_without_headers_closes_the_gate_of_a_silent_server_too():
    bench = Bench(jitter=0.0)
    bench.answer(0, bench.send(0), 200, {})
    flying = [bench.send(0) for _ in range(300)]
    for permit in flying:
        bench.answer(1, permit, 429, {})
    assert bench.wait(1) == 1
    permit = bench.send(2)
    assert bench.wait(2) == UNTIL_ANSWER  # one looks
    bench.answer(3, permit, 200, {})
    for in_flight in (2, 3, 4):  # and then one more with each answer that is no 429
        permits = [bench.send(3) for _ in range(in_flight - bench.window.in_flight)]
        assert bench.wait(3) == UNTIL_ANSWER
        bench.answer(3, permits[0], 200, {})


def test_after_a_429_one_looks_at_a_time():
    bench = Bench(jitter=0.0).told(0, 600, 0, 10, status=429)
    bench.send(11)
    assert bench.wait(11) == UNTIL_ANSWER


def test_answers_to_requests_sent_before_a_429_do_not_open_the_gate():
    bench = Bench(jitter=0.0).told(0, 600, 500, 3000)
    permits = [bench.send(1) for _ in range(3)]
    bench.answer(2, permits[0], 429, {"retry-after": "30"})
    bench.answer(3, permits[1], 200, quota(600, 490, 2990))
    bench.answer(3, permits[2], None)
    assert bench.wait(3) == 29
    bench.send(32)
    assert bench.wait(32) == UNTIL_ANSWER


@pytest.mark.parametrize("flying", [1, 2, 3])
def test_after_a_429_nobody_follows_before_all_that_fly_have_landed(flying):
    bench = Bench(jitter=0.0).told(0, 600, 500, 3000)
    permits = [bench.send(1) for _ in range(flying + 1)]
    bench.answer(2, permits[0], 429, {"retry-after": "3"})
    for permit in permits[1:]:
        assert bench.wait(5) == UNTIL_ANSWER
        bench.answer(5, permit, None)
    assert bench.wait(5) == 0


@pytest.mark.parametrize("status", [430, 451, 500, 503])
def test_no_status_but_429_means_that_nothing_is_left(status):
    assert Bench().told(0, 600, 50, 3000, status).window.available == 50


@pytest.mark.parametrize(
    ("remaining", "reset", "end"), [(17, "abc", 3000), (0, "abc", 8), (17, 20, 21), (0, 1, 2), (0, 20, 21)]
)
def test_the_end_of_the_window_that_a_429_tells(remaining, reset, end):
    bench = Bench().told(0, 600, 300, 3000)
    bench.answer(1, bench.send(1), 429, {**quota(600, remaining, reset), "retry-after": "7"})
    assert bench.window.ends_at == end
    assert bench.window.available == remaining


@pytest.mark.parametrize(("left", "then"), [(0, 0), (17, 600)])
def test_a_window_that_is_used_up_is_not_full_again_before_the_pause_of_its_429_is_over(left, then):
    bench = fixed()
    bench.answer(1, bench.send(1), 429, {**quota(600, left, 1), "retry-after": "30"})
    assert bench.wait(10) == 21
    assert bench.window.available == then
    assert bench.wait(31) == 0
    assert bench.window.available == 600


@pytest.mark.parametrize(("asked", "most"), [(0, 0), (0.5, 0.75), (1, 1.5), (2, 3), (10, 11), (3600, 3600)])
def test_a_pause_is_longer_by_up_to_a_second_and_by_no_more_than_half(asked, most):
    bench = Bench(jitter=1.0)
    bench.answer(0, bench.send(0), 429, {"retry-after": str(asked)})
    assert bench.window.pause.until == most


def test_a_429_that_comes_late_does_not_count_as_a_second_one():
    bench = Bench(jitter=0.0).told(0, 600, 500, 3000)
    first, late = bench.send(1), bench.send(1)
    bench.answer(2, first, 429, {"retry-after": "3"})
    bench.window.pause.served(6, 5)
    bench.answer(6, late, 429, {"retry-after": "1"})
    assert (bench.wait(6), bench.window.pause.refusals) == (1, 0)


def test_an_answer_to_a_request_of_the_moment_of_the_429_relaxes():
    bench = Bench(jitter=0.0).told(0, 600, 500, 3000)
    bench.answer(1, bench.send(1), 429, {"retry-after": "0"})
    bench.answer(1, bench.send(1), 200, {})
    bench.send(1)
    assert bench.wait(1) == 0
    bench.send(1)
    assert bench.wait(1) == UNTIL_ANSWER


@pytest.mark.parametrize(
    ("status", "more"), [(200, True), (404, True), (499, True), (500, False), (503, False)]
)
def test_only_an_answer_of_the_server_itself_relaxes_after_a_429(status, more):
    bench = Bench(jitter=0.0).told(0, 600, 500, 3000)
    bench.answer(1, bench.send(1), 429, {"retry-after": "3"})
    bench.answer(5, bench.send(4), status, {})
    bench.send(5)
    assert (bench.wait(5) == 0) is more
    assert bench.window.pause.refusals == (0 if more else 1)


@pytest.mark.parametrize("jitter", [0.0, 0.999])
def test_a_429_with_requests_remaining_obeys_retry_after_and_not_the_hours_reset(jitter):
    bench = Bench(jitter).told(0, 600, 501, 3501)
    bench.answer(1, bench.send(1), 429, {**quota(600, 500, 3500), "retry-after": "1"})
    for reserve in (bench.live, bench.bulk):
        assert 1 <= bench.wait(1, reserve) <= 1.5
    assert bench.window.available == 500
    assert bench.wait(2.5, bench.live) == 0


@pytest.mark.parametrize(
    ("remaining", "reset", "retry_after", "least"),
    [(0, 3500, "1", 3500), (0, 1, "30", 30), (17, 30, None, 30), (17, "abc", "7", 7), (0, "abc", "7", 7)],
)
def test_of_two_waits_the_longer_counts_where_nothing_is_left(remaining, reset, retry_after, least):
    bench = Bench().told(0, 600, 300, 3000)
    headers = quota(600, remaining, reset) | ({"retry-after": retry_after} if retry_after else {})
    bench.answer(1, bench.send(1), 429, headers)
    assert least <= bench.window.expected(1, 0.0) <= least + 2.1


# -- nobody is locked out -----------------------------------------------------------------------------------------


def test_charges_that_no_answer_confirmed_keep_nobody_out():
    bench = Bench().told(0, 600, 19, 3497)
    for permit in [bench.send(1) for _ in range(19)]:
        bench.answer(1, permit, None)
    assert bench.window.available == 0
    assert bench.window.expected(1, 0.0, 19) == 0
    assert bench.window.expected(1, 0.0, 20) > 3000
    look = bench.send(1)
    assert bench.wait(1) == UNTIL_ANSWER  # one at a time
    bench.answer(1, look, None)
    bench.answer(2, bench.send(2), 200, quota(600, 17, 3495))  # and one answer settles it
    assert (bench.window.available, bench.window.unconfirmed) == (17, 0)


def test_one_charge_that_no_answer_confirmed_keeps_nobody_out():
    bench = Bench().told(0, 600, 1, 3497)
    bench.answer(1, bench.send(1), None)
    assert bench.window.available == 0
    assert bench.wait(1) == 0
    assert bench.wait(1, need=2) > 3000


def test_charges_that_no_answer_confirmed_keep_out_no_bulk_either():
    bench = Bench().told(0, 600, 125, 3497)
    for permit in [bench.send(1) for _ in range(10)]:
        bench.answer(1, permit, None)
    permit = bench.send(1, bench.bulk)
    assert bench.wait(1, bench.bulk) == UNTIL_ANSWER
    bench.answer(2, permit, 200, quota(600, 119, 3495))
    assert bench.wait(2, bench.bulk) > 3000


def test_requests_in_flight_that_were_counted_already_are_waited_for():
    bench = Bench().told(0, 600, 40, 3500)
    permits = [bench.send(1) for _ in range(30)]
    bench.answer(
        2, permits[-1], 200, quota(600, 10, 3498)
    )  # all thirty were counted, which nobody here can know
    assert bench.window.available == 10 - 29
    assert (bench.wait(2), bench.window.expected(2, 0.0)) == (UNTIL_ANSWER, 0)
    for permit in permits[:-1]:
        bench.answer(3, permit, 200, quota(600, 11, 3497))
    assert bench.window.available == 10


def test_only_what_was_sent_before_the_newest_answer_may_be_counted_in_it():
    bench, counts = Bench().told(0, 600, 100, 3000), []
    first, second, newest, third = (bench.send(1) for _ in range(4))
    bench.answer(2, newest, 200, quota(600, 96, 2998))
    later = bench.send(3)
    for permit in (later, third, first, second):
        counts.append(bench.window.maybe_counted)
        bench.answer(4, permit, None)
    assert (counts, bench.window.maybe_counted) == ([3, 3, 2, 1], 0)


def test_requests_sent_since_the_newest_answer_are_spent():
    bench = Bench().told(0, 600, 3, 3500)
    for _ in range(3):
        bench.send(1)
    assert bench.window.expected(1, 0.0) > 3000


@pytest.mark.parametrize("reset", [3600, 86_400, 1e300, "abc"])
@pytest.mark.parametrize("status", [200, 429])
@pytest.mark.parametrize("reserve", [0.0, 0.2])
def test_no_wait_is_longer_than_300_seconds_without_somebody_looking(reset, status, reserve):
    bench = Bench()
    bench.answer(0, bench.send(0), status, quota(600, 0, reset))
    assert bench.wait(0, reserve) <= 300
    look = bench.send(300, reserve)
    assert bench.wait(300, reserve) > 0
    bench.answer(301, look, None)
    assert 0 < bench.wait(301, reserve) <= 300
    bench.answer(600, bench.send(600), 200, quota(600, 500, 3000))
    assert bench.wait(600) == 0


def test_a_retry_after_of_a_day_is_looked_behind_too_but_told():
    bench = Bench().told(0, 600, 500, 3000)
    bench.answer(1, bench.send(1), 429, {"retry-after": "86400"})
    assert bench.wait(1) == 300
    assert bench.window.expected(1, 0.0) == pytest.approx(3600, abs=1)


def test_a_reserve_that_is_reached_sends_no_probe_while_something_is_left():
    bench = Bench().told(0, 600, 100, 3500)
    assert bench.wait(300, bench.bulk) > 3000  # a look would be taken from what it keeps for others
    bench = Bench().told(0, 600, 100, 86_400)
    assert bench.wait(0, bench.bulk) < HOUR + 2  # it is believed for an hour


# -- holds --------------------------------------------------------------------------------------------------------


def test_the_second_permit_of_a_hold_counts_as_used_across_windows():
    bench, pair = Bench().told(0, 600, 5, 60), Pair()
    bench.window.keep(pair)
    bench.window.keep(pair)
    assert bench.window.available == 4
    bench.told(1, 600, 4, 59)
    assert bench.window.available == 3
    bench.told(100, 600, 599, 3600)
    assert bench.window.available == 598
    bench.window.take(pair)
    bench.window.take(pair)
    assert bench.window.available == 599


@pytest.mark.parametrize(("left", "goes"), [(0, False), (1, False), (2, True)])
def test_a_hold_needs_two(left, goes):
    bench = Bench().told(0, 600, left, 3000)
    assert (bench.wait(0, need=2) == 0) is goes
    assert (bench.window.expected(0, 0.0, 2) == 0) is goes
    bench = Bench().told(0, 600, 120 + left, 3000)
    assert (bench.wait(0, bench.bulk, need=2) == 0) is goes


def test_a_hold_in_a_sliding_window_waits_until_two_have_become_free():
    bench = sliding(remaining=0)
    assert bench.wait(11, need=1) == 0
    assert bench.wait(11, need=2) == pytest.approx(HOUR / 600)


@pytest.mark.parametrize("status", [200, 404, 422, 451, 499])
def test_what_the_server_served_without_numbers_is_spent(status):
    bench = Bench().told(0, 600, 3, 3000)
    for _ in range(3):
        bench.answer(1, bench.send(1), status, {})
    assert (bench.window.available, bench.window.unconfirmed) == (0, 0)
    assert bench.window.expected(1, 0.0) > 2900


@pytest.mark.parametrize("left", [0, 1])
def test_a_hold_does_not_look(left):
    bench = Bench().told(0, 600, left, 3000)
    assert bench.wait(300, need=2) > 2500


def test_a_look_that_is_due_is_due_now():
    bench = Bench().told(0, 600, 0, 3000)
    assert [bench.wait(now) for now in (0, 299, 300, 400)] == [300, 1, 0, 0]


def test_a_hold_enters_while_the_quota_is_unknown():
    bench = Bench()
    assert bench.wait(0, need=2) == 0
    bench.told(0, 600, 1, 10)
    assert bench.wait(12, need=2) == 0  # the window has ended, and nobody knows what came back


@pytest.mark.parametrize("reserve", [0.0, 0.2])
def test_the_end_of_a_hold_waits_for_nothing_but_a_429(reserve):
    bench = Bench(jitter=0.0).told(0, 600, 2, 3000)
    bench.window.keep(Pair())
    bench.send(0)
    bench.window.send(0, 0.0)
    assert bench.window.available == -1
    assert bench.wait(0, reserve, need=0) == bench.window.expected(0, reserve, 0) == 0
    bench = Bench(jitter=0.0).told(0, 600, 500, 3000)
    bench.answer(1, bench.send(1), 429, {"retry-after": "2"})
    assert bench.wait(1, reserve, need=0) == bench.window.expected(1, reserve, 0) == 2


def test_the_end_of_a_hold_does_not_wait_for_the_one_that_looks_after_a_429():
    bench = Bench(jitter=0.0).told(0, 600, 500, 3000)
    bench.answer(1, bench.send(1), 429, {"retry-after": "2"})
    bench.send(3)
    assert bench.wait(3) == UNTIL_ANSWER
    assert bench.wait(3, need=0) == 0


def test_an_end_that_makes_no_sense_does_not_move_the_one_that_is_known():
    bench = Bench(jitter=0.0).told(0, 600, 5, 100)
    bench.answer(60, bench.send(60), 200, quota(600, 0, "abc"))
    assert bench.window.expected(60, 0.0) == 41


def test_an_end_that_makes_no_sense_in_the_last_second_means_that_it_is_now():
    bench = Bench(jitter=0.0).told(0, 600, 5, 100)
    bench.answer(100.5, bench.send(100.5), 200, quota(600, 4, "abc"))
    assert (bench.window.ends_at, bench.window.opens_at) == (100.5, 101.5)


def test_what_holds_keep_is_expected_to_stay_kept():
    bench = Bench().told(0, 600, 2, 3000)
    bench.window.keep(Pair())
    assert bench.window.expected(0, 0.0) == 0
    bench.window.keep(Pair())
    assert bench.window.expected(0, 0.0) > 3000


def test_what_holds_keep_is_not_taken_to_look():
    bench = Bench().told(0, 600, 1, 3000)
    bench.window.keep(Pair())
    assert bench.wait(300) > 2000
    bench = Bench().told(0, 600, 4, 3000)
    for _ in range(2):
        bench.window.keep(Pair())
    assert bench.wait(1, bench.bulk) > PROBE_AFTER  # two are left, and two are kept


# -- the end of a window -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "refill"), [("fixed", Refill.FIXED), ("first", Refill.FIXED), ("sliding", Refill.SLIDING)]
)
@pytest.mark.parametrize("limit", [600, 3600])
def test_the_kind_of_window_is_learned_at_its_end(kind, refill, limit):
    account, bench, now = Account(kind, limit, phase=1234.0), Bench(), 0.0
    while now < 2.5 * HOUR:
        wait = bench.wait(now, bench.bulk)
        if wait == 0:
            permit = bench.send(now, bench.bulk)
            status, headers = account.hit(now)
            assert status == 200
            bench.answer(now, permit, status, headers)
        now += max(0.05, wait)
    assert bench.window.refill is refill


@pytest.mark.parametrize(
    ("remaining", "reset", "refill"),
    [
        (599, 3600, Refill.FIXED),
        (599, 100, Refill.SLIDING),
        (599, 1500, Refill.SLIDING),
        (150, 3600, Refill.SLIDING),
        (300, 3600, Refill.FIXED),  # half of both is the bound
        (299, 3600, Refill.SLIDING),
        (599, 1801, Refill.FIXED),
        (599, 1800, Refill.SLIDING),
    ],
)
def test_a_window_is_fixed_if_its_count_and_its_time_did(remaining, reset, refill):
    bench = Bench().told(0, 600, 500, 3600).told(3601, 600, remaining, reset)
    assert bench.window.refill is refill


@pytest.mark.parametrize(("now", "learned"), [(97, False), (97.5, True), (100, True)])
def test_a_new_end_teaches_something_only_once_the_old_one_is_near(now, learned):
    bench = Bench().told(0, 600, 500, 100).told(now, 600, 599, 3600)
    assert (bench.window.refill is Refill.FIXED) is learned


@pytest.mark.parametrize(("end", "learned"), [(102.5, False), (103, True)])
def test_an_end_that_moves_by_little_is_the_same_end(end, learned):
    bench = Bench().told(0, 600, 500, 100).told(99, 600, 499, end - 99)
    assert (bench.window.refill is not Refill.UNKNOWN) is learned


def test_a_429_and_an_end_that_moves_before_it_came_teach_nothing():
    bench = Bench().told(0, 600, 0, 10)
    bench.told(12, 600, 0, 30, status=429)
    assert bench.window.refill is Refill.UNKNOWN
    bench = Bench().told(0, 600, 300, 10).told(1, 600, 299, 3000)
    assert bench.window.refill is Refill.UNKNOWN


def test_the_length_of_a_window_is_the_longest_reset_of_this_limit():
    bench, lengths = Bench(), []
    for now, limit, reset in ((0, 600, 3000), (1, 600, 2999), (2, 600, 3500), (3, 600, 10), (4, 3600, 20)):
        lengths.append(bench.told(now, limit, 500, reset).window.length)
    assert lengths == [3000, 3000, 3500, 3500, 20]


def test_another_limit_is_another_window_with_its_own_length():
    bench = Bench().told(0, 600, 500, 3600).told(1, 10, 9, 1).told(5, 10, 9, 1)
    assert bench.window.refill is Refill.FIXED


def fixed(now: float = 0.0) -> Bench:
    """A window known to be fixed, with 3600 s to go at ``now``."""
    bench = Bench(jitter=0.0).told(now - 100, 600, 150, 99)
    return bench.told(now, 600, 599, 3600)


def sliding(now: float = 0.0, remaining: int = 120, reset: float = 10) -> Bench:
    """A sliding window; its oldest request leaves in ``reset`` seconds."""
    bench = Bench(jitter=0.0).told(now - 100, 600, remaining, 99)
    return bench.told(now, 600, remaining, reset)


def test_a_fixed_window_is_full_again_after_its_end_and_bulk_looks_first():
    bench = fixed()
    assert bench.window.refill is Refill.FIXED
    while bench.window.available > 3:
        bench.answer(1, bench.send(1), None)
    slow = bench.send(3600)
    assert bench.wait(3602, bench.live) == 0
    assert bench.window.available == 599
    bench.answer(3602, slow, None)
    bench.send(3602, bench.bulk)
    assert bench.wait(3602, bench.bulk) == UNTIL_ANSWER
    for _ in range(20):
        bench.send(3602)


def test_a_fixed_window_gives_its_last_request_too():
    bench = Bench(jitter=0.0).told(-100, 6, 2, 99).told(0, 6, 5, 3600)
    for _ in range(6):
        bench.send(3602)
    assert bench.wait(3602) == UNTIL_ANSWER


def test_more_in_flight_than_may_be_while_nothing_is_known():
    bench = Bench(jitter=0.0).told(0, 600, 6, 10)
    for _ in range(6):
        bench.send(9)
    assert bench.wait(12) == UNTIL_ANSWER
    assert bench.window.expected(12, 0.0) == 0


def test_a_fixed_window_is_full_again_at_its_very_end():
    bench = Bench(jitter=0.0).told(-100, 600, 150, 99).told(0, 600, 300, 3601)
    assert bench.window.opens_at == bench.window.ends_at == 3601
    bench.wait(3601)
    assert bench.window.available == 600


def test_a_fixed_window_of_more_than_an_hour_is_not_full_again_after_an_hour():
    bench = Bench(jitter=0.0).told(-100, 600, 150, 99).told(0, 600, 599, 7200).told(1, 600, 0, 7199)
    assert bench.wait(3605) == 0  # one may look
    assert bench.window.available == 0


def test_a_fixed_window_is_not_full_again_before_its_end():
    bench = fixed().told(1, 600, 300, 3599)
    bench.answer(1, bench.send(1), 429, quota(600, 0, 3599))
    assert bench.wait(7) > 200
    assert bench.window.available == 0


def test_after_an_unknown_window_live_probes_with_four_and_bulk_with_one():
    bench = Bench(jitter=0.0).told(0, 600, 0, 10)
    bench.send(11, bench.bulk)
    assert bench.wait(11, bench.bulk) == UNTIL_ANSWER
    for _ in range(LIVE_PROBES - 1):
        bench.send(11)
    assert bench.wait(11, bench.live) == UNTIL_ANSWER


def test_a_sliding_window_gives_back_what_is_owed_at_the_rate_of_use():
    at_reserve, below = sliding(remaining=120), sliding(remaining=100)
    assert at_reserve.window.refill is Refill.SLIDING
    assert at_reserve.wait(0, at_reserve.bulk) == 11
    assert below.wait(0, below.bulk) == pytest.approx(11 + 20 * HOUR / 500)
    assert below.wait(50, below.bulk) == pytest.approx(11 + 20 * HOUR / 500 - 50)  # though it has opened
    below.told(60, 600, 119, 10)  # a live call saw more: bulk follows
    assert below.wait(60, below.bulk) == pytest.approx(11 + HOUR / 481)


def test_what_was_used_in_a_sliding_window_may_be_a_single_request():
    bench = sliding(remaining=599)
    assert bench.window.expected(0, 1.0) == pytest.approx(11 + HOUR)


def test_who_leaves_all_to_others_waits_for_the_end_of_an_unused_sliding_window():
    bench = sliding(remaining=600)
    assert bench.window.expected(0, 0.999) == 11


def test_after_a_sliding_window_live_probes_with_four_whatever_was_left():
    bench = sliding(remaining=0)
    for _ in range(LIVE_PROBES):
        bench.send(12)
    assert bench.wait(12) == UNTIL_ANSWER
    assert bench.window.expected(12, 0.0) == 0


@pytest.mark.parametrize("now", [11, 12])
def test_after_a_sliding_window_bulk_waits_for_the_request_in_flight_to_tell_what_is_free(now):
    bench = sliding(remaining=121)
    bench.send(now)
    assert bench.wait(now, bench.bulk) == UNTIL_ANSWER


@pytest.mark.parametrize("now", [2 * HOUR, 2 * HOUR + 1, 50 * HOUR])
def test_stale_knowledge_ages_out(now):
    bench = fixed()
    bench.answer(1, bench.send(1), None)
    bench.wait(2 * HOUR - 0.25, bench.live)
    assert bench.window.limit == 600
    bench.wait(now, bench.live)
    assert (bench.window.limit, bench.window.remaining, bench.window.unconfirmed) == (None, 0, 0)
    assert (bench.window.refill, bench.window.ended) == (Refill.UNKNOWN, True)
    for _ in range(LIVE_PROBES):
        bench.send(now)
    assert bench.wait(now, bench.live) == UNTIL_ANSWER


@pytest.mark.parametrize("status", [200, 299])
def test_a_server_that_falls_silent_after_the_window_is_left_alone(status):
    bench = Bench().told(0, 600, 300, 60)
    bench.answer(1, bench.send(1), status, {})
    assert not bench.window.no_headers
    bench.answer(70, bench.send(70), status, {})
    assert bench.window.no_headers


# -- bulk --------------------------------------------------------------------------------------------------------


def spend(bench: Bench, reserve: float, begin: float, end: float, left: int, reset: float) -> list[float]:
    """Send all that the reserve allows between two moments, each request answered at once."""
    moments, now = [], begin
    while now < end:
        wait = bench.wait(now, reserve)
        if wait == 0:
            permit = bench.send(now, reserve)
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
    )  # PACE_FACTOR 2: 1 - (1/2)**2
    assert bench.wait(3590, bench.live) == 0


def test_views_with_different_reserves_share_what_is_known_but_not_their_floor():
    bench = Bench().told(0, 600, 200, 60)
    careful = 0.5
    assert bench.wait(0, careful) >= 60
    assert bench.wait(0, bench.bulk) == 0


@pytest.mark.parametrize(("need", "left"), [(1, 1), (2, 2)])
def test_bulk_may_take_the_last_request_above_its_reserve_beside_live_ones(need, left):
    bench = Bench().told(0, 600, 120 + left + 1, 3000)
    bench.send(0)
    assert bench.wait(0, bench.bulk, need) == 0
    assert bench.wait(0, bench.bulk, need + 1) > 0


@pytest.mark.parametrize(
    ("free", "now", "most"),
    [(1, 0.9, 1), (48, 0.9, 1), (49, 0.9, 2), (73, 0.9, 2), (74, 0.9, 3), (480, 0.9, 19), (480, 1, 1)],
)
def test_bulk_has_a_share_of_what_is_free_in_flight_while_its_news_is_fresh(free, now, most):
    # A 24th of what is free after each request.
    bench, sent = Bench().told(0, 600, 120 + free, 3000), 0
    while bench.wait(now, bench.bulk) == 0:
        bench.window.send(now, bench.bulk)
        sent += 1
    assert sent == most


@pytest.mark.parametrize(
    ("free", "seconds_left", "wait"),
    [
        # The bucket holds 30, and is filled at twice the even rate: 2 * 480 / 3600 a second.
        (480, 3600, 3.75),
        (480, 60, 1 / 16),
        (480, 30, 1 / 32),
        (480, 29, 1 / 32),  # never spread over less than 30 seconds
        (480, 0, 1 / 32),
        (480, -5, 1 / 32),
        (2, 3600, 900),
    ],
)
def test_the_pace_of_bulk(free, seconds_left, wait):
    pace = Pace()
    assert pace.wait(100, 0.2, free, 600, seconds_left) == 0
    burst = min(30, free)
    assert pace.bucket(0.2).tokens == burst
    pace.bucket(0.2).tokens -= burst
    assert pace.wait(100, 0.2, free, 600, seconds_left) == wait
    assert pace.wait(100 + wait / 2, 0.2, free, 600, seconds_left) == wait / 2
    assert pace.wait(100 + wait, 0.2, free, 600, seconds_left) == 0
    assert pace.wait(100 + 100 * wait, 0.2, free, 600, seconds_left) == 0
    assert pace.bucket(0.2).tokens == burst  # no more is saved up
    pace.bucket(0.2).tokens = 1.5
    assert pace.wait(100 + 100 * wait, 0.2, free, 600, seconds_left) == 0


def test_a_bucket_holds_one_token_at_least():
    pace = Pace()
    assert pace.wait(0, 0.2, 1, 10, 3600) == 0
    assert pace.bucket(0.2).tokens == 1


def test_there_are_sixty_four_buckets_and_the_oldest_goes_first():
    pace = Pace()
    for number in range(64):
        pace.bucket(number / 100)
    first = pace.bucket(0.0)
    assert len(pace.buckets) == 64
    assert pace.bucket(0.0) is first
    pace.bucket(0.9)
    assert len(pace.buckets) == 64
    assert 0.0 not in pace.buckets
    assert {0.01, 0.9} <= set(pace.buckets)


def test_bulk_flies_alone_near_the_reserve_and_when_its_news_is_old():
    bench = Bench().told(0, 600, 120 + 20, 60)
    bench.send(0, bench.bulk)
    assert bench.wait(0, bench.bulk) == UNTIL_ANSWER
    bench = Bench().told(0, 600, 600, 3600)
    bench.send(0.5, bench.bulk)
    bench.send(0.5, bench.bulk)
    assert bench.wait(5, bench.bulk) == UNTIL_ANSWER


def test_the_wait_told_to_bulk_is_the_wait():
    bench = Bench().told(0, 600, 600, 3600)
    spend(bench, bench.bulk, 0, 0.9, 600, 3600)
    wait = bench.wait(0.9, bench.bulk)
    assert 1 < wait < 10
    assert bench.wait(0.9 + wait * 0.99, bench.bulk) > 0
    assert bench.wait(0.9 + wait, bench.bulk) == 0


# -- clocks ------------------------------------------------------------------------------------------------------


def test_wall_clock_jumps_change_nothing():
    def decisions(wall) -> list[float]:
        bench, waits = Bench(), []
        bench.window.wall = wall
        for step in range(50):
            now = step * 7.0
            for reserve in (bench.live, bench.bulk):
                waits.append(bench.wait(now, reserve))
                if waits[-1] == 0:
                    bench.answer(now, bench.send(now, reserve), 200, quota(600, 140 - step, 30))
        return waits

    jumps = random.Random(1)
    assert decisions(lambda: 0.0) == decisions(lambda: jumps.uniform(-1e9, 1e9))


def test_waits_are_numbers_whatever_the_server_says():
    for reset in (0, 0.001, 86_400):
        for remaining in (0, 1, 10**12):
            bench = Bench().told(0, 1, remaining, reset)
            for now in (0, 1, 86_401, 10**7):
                for reserve in (bench.live, bench.bulk, 0.999):
                    wait = bench.wait(now, reserve)
                    assert 0 <= wait < math.inf
