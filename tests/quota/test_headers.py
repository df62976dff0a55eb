"""Reading an answer's headers: any text is read or refused, none raises."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brevo_balance_async.core.quota.headers import DAY, MOST, YEAR, Reading, read, retry_after

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def wall() -> float:
    return NOON.timestamp()


def date(seconds: float) -> str:
    return format_datetime(NOON + timedelta(seconds=seconds), usegmt=True)


def quota(limit: object, remaining: object, reset: object) -> dict[str, str]:
    return {
        "x-sib-ratelimit-limit": str(limit),
        "x-sib-ratelimit-remaining": str(remaining),
        "x-sib-ratelimit-reset": str(reset),
    }


@pytest.mark.parametrize(
    ("texts", "wanted"),
    [
        (("600", "599", "3600"), (600, 599, 3600.0)),
        (("600.0", " 12 ", "0.5"), (600, 12, 0.5)),
        (("600", "-3", "10"), (600, 0, 10.0)),
        (("600", "5", "-1"), (600, 5, None)),
        (("600", "5", "nan"), (600, 5, None)),
        (("600", "5", "soon"), (600, 5, None)),
        (("600", "abc", "30"), (None, None, 30.0)),
        (("600", "inf", "30"), (None, None, 30.0)),
        (("600", "", "30"), (None, None, 30.0)),
        (("0", "0", "30"), (None, None, 30.0)),
        (("-600", "5", "30"), (None, None, 30.0)),
        (("600, 600", "5, 5", "30, 30"), (None, None, None)),
    ],
)
def test_the_three_quota_headers(texts, wanted):
    reading = read(200, quota(*texts), wall)
    assert (reading.limit, reading.remaining, reading.reset) == wanted
    assert not reading.no_headers


class OneStep(dict[str, str]):
    """Headers that are looked up as the quick way does it."""

    def get(self, name: str, default: object = None) -> object:
        raise AssertionError(f"{name} was looked up again")


@pytest.mark.parametrize("limit", [1, 2, 600, MOST - 1])
@pytest.mark.parametrize("remaining", [0, 1, 600, MOST - 1])
@pytest.mark.parametrize("reset", [0, 1, 3600, 86_400])
def test_what_brevo_sends_is_read_in_one_step(limit, remaining, reset):
    # Every answer is read, so this is the way that has to be quick.
    reading = read(200, OneStep(quota(limit, remaining, reset)))
    assert (reading.status, reading.limit, reading.remaining, reading.reset) == (200, limit, remaining, reset)
    assert (reading.retry_after, reading.no_headers) == (None, False)
    assert type(reading.reset) is float


@pytest.mark.parametrize(
    ("texts", "wanted"),
    [
        (("0", "5", "30"), (None, None, 30.0)),
        (("600", "-1", "30"), (600, 0, 30.0)),
        (("600", "5", "-1"), (600, 5, None)),
        (("600", "5", "86400.0"), (600, 5, 86_400.0)),
        (("600", "5", "86401"), (600, 5, None)),
        (("1.0", "0.0", "0.0"), (1, 0, 0.0)),
        # Larger than any float: as a count it would end a later calculation with an OverflowError.
        (("1" + "0" * 400, "5", "30"), (None, None, 30.0)),
        (("600", "1" + "0" * 400, "30"), (None, None, 30.0)),
    ],
)
def test_what_the_one_step_does_not_take_is_read_carefully(texts, wanted):
    reading = read(200, quota(*texts), wall)
    assert (reading.limit, reading.remaining, reading.reset) == wanted


def test_a_reading_says_nothing_unless_it_is_told():
    reading = Reading(200)
    assert (reading.limit, reading.remaining, reading.reset, reading.retry_after) == (None,) * 4
    assert (reading.no_headers, reading.wait) == (False, None)


@pytest.mark.parametrize("missing", range(3))
def test_two_headers_of_three_are_no_silence(missing):
    headers = quota(600, 5, 30)
    del headers[list(headers)[missing]]
    assert not read(200, headers).no_headers
    assert read(200, {"content-type": "text/html"}).no_headers


@pytest.mark.parametrize(
    ("ahead", "reset"),
    [(0, 0), (1, 1), (1800, 1800), (DAY, DAY), (-1, 0), (-60, 0), (-61, None), (DAY + 1, None)],
)
@pytest.mark.parametrize("skew", [None, 0, 3 * 3600, -10 * YEAR])
def test_a_reset_given_as_a_moment_is_measured_by_the_servers_clock_or_else_by_ours(ahead, reset, skew):
    headers = quota(600, 5, int(wall() + (skew or 0) + ahead))
    if skew is not None:
        headers["date"] = date(skew)
    assert read(200, headers, wall).reset == reset


@pytest.mark.parametrize(("ahead", "reset"), [(0.5, 0.5), (0.0, 0.0), (-0.5, 0.0), (-60.5, None)])
def test_a_moment_may_have_a_fraction(ahead, reset):
    assert read(200, quota(600, 5, f"{wall() + ahead:.1f}"), wall).reset == reset


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": str(YEAR)}, YEAR),
        ({"retry-after": str(YEAR + 1)}, None),
        ({"retry-after": "1e300"}, None),
        ({"retry-after": "9" * 5000}, None),
        ({"retry-after": "31536000"}, 365 * 86_400.0),
        ({"retry-after": "31536001"}, None),
        ({"retry-after": "-0.5"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": date(5)}, 5.0),
        ({"retry-after": date(-5)}, 0.0),
        ({"retry-after": date(5), "date": date(2)}, 3.0),
        ({"retry-after": date(3605), "date": date(3600)}, 5.0),
        ({"retry-after": date(5), "date": "yesterday"}, 5.0),
        ({"retry-after": date(5), "date": "Tue, 24 Nov 2026 12:00:02"}, 3.0),
        ({"retry-after": "Tue, 24 Nov 2026 12:00:05"}, 5.0),
        ({"retry-after": "Tue, 24 Nov 2026 13:00:05 +0100"}, 5.0),
        ({"retry-after": "Tue, 24 Nov 2026 25:61:00 GMT"}, None),
        ({"retry-after": "Tue, 24 Nov 99999 12:00:00 GMT"}, None),
        ({"retry-after": "Tue, 24 Nov 9999 12:00:00 GMT"}, None),
        ({"retry-after": "Tue, 24 Nov 2026 12:00:05 +99999999999999999999"}, None),
        ({"retry-after": "Mon, 01 Jan 0001 00:00:00 +2359"}, 0.0),
    ],
)
def test_retry_after(headers, seconds):
    assert retry_after(headers, wall) == seconds
    assert read(429, headers, wall).retry_after == seconds
    for status in (200, 428, 430, 503):
        assert read(status, headers, wall).retry_after is None


@pytest.mark.parametrize(
    ("remaining", "reset", "asked", "wait"),
    [
        (500, 3500, "1", 1),
        (0, 3500, "1", 3500),
        (0, 1, "30", 30),
        (500, 3500, None, 3500),
        (0, "abc", "7", 7),
        (0, "abc", None, None),
    ],
)
def test_the_wait_of_a_429(remaining, reset, asked, wait):
    headers = quota(600, remaining, reset) | ({"retry-after": asked} if asked else {})
    assert read(429, headers, wall).wait == wait


PIECES = st.sampled_from(
    [
        "Tue",
        ",",
        " ",
        "24",
        "Nov",
        "2026",
        "99999",
        "0000",
        "12:00:00",
        "::",
        "GMT",
        "+9999",
        "-",
        "+" + "9" * 30,
        "",
    ]
)
TEXTS = st.text(max_size=40) | st.lists(PIECES, max_size=8).map(" ".join) | st.floats().map(str)


@settings(max_examples=300)
@given(asked=TEXTS, day=TEXTS, limit=TEXTS, remaining=TEXTS, reset=TEXTS)
def test_any_text_gives_a_bounded_number_or_none(asked, day, limit, remaining, reset):
    headers = {**quota(limit, remaining, reset), "retry-after": asked, "date": day}
    reading = read(429, headers, wall)
    assert reading.retry_after is None or 0 <= reading.retry_after <= YEAR
    assert reading.reset is None or 0 <= reading.reset <= DAY
    assert (reading.limit is None) is (reading.remaining is None)
    assert reading.wait is None or 0 <= reading.wait <= YEAR
