"""Rounding, calendar, expiry and the clock, by themselves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brevo_balance_async.sandbox.clock import SandboxClock
from brevo_balance_async.sandbox.http.wire import (
    number_text,
    read_json,
    read_timestamp,
    timestamp,
    write_json,
)
from brevo_balance_async.sandbox.rules.amounts import rounded
from brevo_balance_async.sandbox.rules.expiry import points_expire_at
from brevo_balance_async.sandbox.rules.moves import Moves
from brevo_balance_async.sandbox.rules.periods import FIRST, LAST, end_of, later, shifted, start_of
from brevo_balance_async.sandbox.rules.ranking import Ranking
from brevo_balance_async.sandbox.rules.records import Definition

NOW = datetime(2026, 10, 5, 12, 0, 0, 250000, tzinfo=UTC)
moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds are naive by contract


def at(text):
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("rule", "places", "amount", "expected"),
    [
        (None, 2, "1.23456", "1.23456"),
        ("lower", 2, "1.239", "1.23"),
        ("upper", 2, "1.231", "1.24"),
        ("natural", 2, "1.235", "1.24"),
        ("natural", 2, "1.2349", "1.23"),
        ("lower", 0, "9.99", "9"),
        ("upper", 0, "9.01", "10"),
        ("natural", 0, "0.5", "1"),
    ],
)
def test_rounding(rule, places, amount, expected):
    assert rounded(Decimal(amount), rule, places) == Decimal(expected)


@pytest.mark.parametrize(
    ("moment", "count", "unit", "expected"),
    [
        ("2026-01-31T10:00Z", 1, "month", "2026-02-28T10:00Z"),
        ("2024-02-29T10:00Z", 1, "year", "2025-02-28T10:00Z"),
        ("2026-03-31T10:00Z", -1, "month", "2026-02-28T10:00Z"),
        ("2026-12-15T10:00Z", 2, "month", "2027-02-15T10:00Z"),
        ("2026-12-15T10:00Z", 2, "week", "2026-12-29T10:00Z"),
        ("2026-12-31T10:00Z", 1, "day", "2027-01-01T10:00Z"),
    ],
)
def test_shifting(moment, count, unit, expected):
    assert shifted(at(moment), count, unit) == at(expected)


@given(moments, st.sampled_from(["day", "week", "month", "year"]))
def test_a_moment_lies_in_its_unit(moment, unit):
    start, end = start_of(moment, unit), end_of(moment, unit)
    assert start <= moment < end + timedelta(seconds=1)
    assert start_of(end, unit) == start
    assert start_of(start - timedelta(microseconds=1), unit) < start


def definition(**terms):
    return Definition(id="d", name="n", unit="POINTS", created_at=NOW, updated_at=NOW, **terms)


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ({}, None),
        ({"duration_value": 12, "duration_unit": "month"}, "2027-10-05T12:00:00.250Z"),
        (
            {"duration_value": 12, "duration_unit": "month", "duration_modifier": "noModification"},
            "2027-10-05T12:00:00.250Z",
        ),
        (
            {"duration_value": 12, "duration_unit": "month", "duration_modifier": "endOfPeriod"},
            "2027-10-31T23:59:59Z",
        ),
        (
            {"duration_value": 12, "duration_unit": "month", "duration_modifier": "startOfPeriod"},
            "2027-10-01T00:00:00Z",
        ),
        (
            {"duration_value": 1, "duration_unit": "week", "duration_modifier": "endOfPeriod"},
            "2026-10-18T23:59:59Z",
        ),
        ({"expires_on": (31, 12)}, "2026-12-31T23:59:59Z"),
        ({"expires_on": (5, 10)}, "2026-10-05T23:59:59Z"),
        ({"expires_on": (4, 10)}, "2027-10-04T23:59:59Z"),
        ({"expires_on": (29, 2)}, "2028-02-29T23:59:59Z"),
    ],
)
def test_when_points_lapse(terms, expected):
    assert points_expire_at(definition(**terms), NOW, None) == (expected and at(expected))


def test_the_transaction_s_own_lifetime_goes_first():
    rules = definition(duration_value=12, duration_unit="month")
    assert points_expire_at(rules, NOW, 90) == NOW + timedelta(minutes=90)


@given(moments, st.integers(1, 31), st.integers(1, 12))
def test_a_fixed_day_comes_round_within_a_year_or_a_leap_cycle(moment, day, month):
    if day > [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]:
        return
    lapse = points_expire_at(definition(expires_on=(day, month)), moment, None)
    assert (lapse.day, lapse.month) == (day, month)
    assert moment < lapse <= shifted(moment, 8, "year") + timedelta(days=1)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**12), max_value=10**12))
def test_numbers_are_written_exactly_and_shortest(number):
    text = number_text(number)
    assert Decimal(text) == number
    assert read_json(write_json(number).encode()) == number
    assert "e" not in text.lower()
    assert "." not in text or text[-1] not in "0."


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_double_is_written_short_and_comes_back(double):
    text = number_text(Decimal(repr(double)))
    assert float(text) == double
    assert len(text) < 60


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text() | st.decimals(-100, 100, places=3),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=10,
    )
)
def test_json_comes_back_as_it_went(value):
    assert read_json(write_json(value).encode()) == value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-23T09:00:00Z", "2026-11-23T09:00:00.000Z"),
        ("2026-11-23T10:00:00.1239+01:00", "2026-11-23T09:00:00.123Z"),
        ("2026-11-23T09:00:00", None),
        ("2026-11-23", None),
        ("2026-W48-1T09:00:00Z", None),
        ("yesterday, at about ten", None),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z"),
        ("2017-01-01T01:59:60.999+02:00", "2017-01-01T00:00:00.000Z"),
        ("2016-12-31T22:59:60Z", None),
        ("2016-12-31T23:59:61Z", None),
        ("9999-12-31T23:59:60Z", None),
        ("2016-12-31T24:00:00Z", None),
    ],
)
def test_timestamps(text, expected):
    moment = read_timestamp(text)
    assert (moment and timestamp(moment)) == expected


@pytest.mark.parametrize("unit", ["day", "week", "month", "year"])
def test_beyond_the_calendar_is_its_end(unit):
    assert shifted(LAST, 1000, unit) == LAST
    assert shifted(FIRST, -1000, unit) == FIRST
    assert end_of(LAST, unit) <= LAST
    assert start_of(FIRST, unit) == FIRST
    assert later(LAST, timedelta(seconds=1)) == LAST
    assert later(FIRST, timedelta(seconds=-1)) == FIRST
    assert later(LAST, timedelta(seconds=-1)) < LAST


@pytest.mark.parametrize(
    "terms",
    [
        {"expires_on": (29, 2)},
        {"duration_value": 1000, "duration_unit": "year"},
        {"duration_value": 1000, "duration_unit": "year", "duration_modifier": "endOfPeriod"},
    ],
)
def test_points_credited_in_the_last_year_lapse_with_the_calendar(terms):
    credited = datetime(9999, 6, 1, tzinfo=UTC)
    assert points_expire_at(definition(**terms), credited, None) >= LAST - timedelta(seconds=1)
    assert points_expire_at(definition(**terms), credited, 10**7) == LAST


moves = st.lists(st.tuples(st.integers(0, 400), st.decimals(0, 10**9, places=3)), max_size=400)


@given(moves, st.integers(-1, 401))
def test_running_sums_are_the_sums(found, start):
    found.sort(key=lambda move: move[0])
    sums = Moves((NOW + timedelta(seconds=second), size) for second, size in found)
    later_ones = [size for second, size in found if second >= start]
    assert sums.since(NOW + timedelta(seconds=start)) == (len(later_ones), sum(later_ones, Decimal(0)))


def test_a_running_sum_adds_up_no_more_than_one_step(monkeypatch):
    sums = Moves((NOW + timedelta(seconds=second), Decimal(1)) for second in range(100_000))
    added = []
    monkeypatch.setattr("brevo_balance_async.sandbox.rules.moves.plus", lambda a, b: added.append(1) or a + b)
    assert sums.since(NOW + timedelta(seconds=12_345)) == (87_655, 87_655)
    assert len(added) < 128


class Ranked:
    """What a ranking sees of an account."""

    def __init__(self, contact_id, key):
        self.contact_id = contact_id
        self.key = key


@given(st.lists(st.integers(0, 9), max_size=120), st.data())
def test_a_ranking_is_the_sorted_list(keys, data):
    accounts = [Ranked(contact_id, key) for contact_id, key in enumerate(keys)]
    ranking = Ranking(accounts, lambda account: account.key)
    for _ in range(4):
        for _ in range(data.draw(st.integers(0, 3))):
            if data.draw(st.booleans()) or not accounts:
                accounts.append(Ranked(len(accounts), data.draw(st.integers(0, 9))))
                ranking.changing(accounts[-1], new=True)
            else:
                account = data.draw(st.sampled_from(accounts))
                ranking.changing(account)
                account.key = data.draw(st.integers(0, 9))
        start, stop = sorted(data.draw(st.tuples(st.integers(0, 130), st.integers(0, 130))))
        for descending in (False, True):
            whole = sorted(accounts, key=lambda a: (a.key, a.contact_id), reverse=descending)
            assert ranking.between(start, stop, descending=descending) == whole[start:stop]
        assert len(ranking) == len(accounts)


def test_a_frozen_clock_stands_until_it_is_advanced():
    clock = SandboxClock(NOW, frozen=True)
    assert clock.now() == NOW
    assert clock.advance(1.5) == clock.now() == NOW + timedelta(seconds=1.5)


def test_a_clock_refuses_to_go_back():
    clock = SandboxClock(NOW, frozen=True)
    for seconds in (-1, float("nan")):
        with pytest.raises(ValueError):
            clock.advance(seconds)
    with pytest.raises(ValueError):
        SandboxClock(datetime(2026, 1, 1))  # noqa: DTZ001 - naive on purpose


def test_a_running_clock_runs_and_jumps():
    clock = SandboxClock()
    first = clock.now()
    assert first.tzinfo is UTC
    assert first.microsecond % 1000 == 0
    assert clock.advance(3600) >= first + timedelta(hours=1)
