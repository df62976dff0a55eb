"""Parse the quota headers and ``Retry-After`` of an answer. No other module reads them.

Brevo sends ``x-sib-ratelimit-limit``, ``-remaining`` and ``-reset`` (seconds left) with every answer
(https://developers.brevo.com/docs/limit-headers). ``Retry-After`` is HTTP's own (RFC 9110, 10.2.3). Parsing never
raises: a value that makes no sense is None.
"""

from __future__ import annotations

import math
import time
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from attrs import define

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LIMIT: Final = "x-sib-ratelimit-limit"
REMAINING: Final = "x-sib-ratelimit-remaining"
RESET: Final = "x-sib-ratelimit-reset"
DAY: Final = 86_400.0  # a longer reset is not a number of seconds left: it is a timestamp, or nonsense
MOST: Final = 10**15  # more is not a number of requests
YEAR: Final = 365 * DAY  # a longer Retry-After is nonsense
CLOCK_ERROR: Final = (
    60.0  # seconds: clocks may differ by so much, so a reset this far in the past means "now"
)


@define(eq=False)
class Reading:
    """What one answer says about the quota and about waiting."""

    status: int
    limit: int | None = None
    """Requests allowed in a window. ``limit`` and ``remaining`` are both None unless both could be parsed."""
    remaining: int | None = None
    reset: float | None = None
    """Seconds to the end of the window."""
    retry_after: float | None = None
    """Seconds; read for a 429 only."""
    no_headers: bool = False
    """The answer had no quota header at all."""

    @property
    def wait(self) -> float | None:
        """Seconds that a 429 asks to wait.

        If requests remain, it was not the hourly quota that refused, so ``Retry-After`` counts and not the reset.
        """
        if self.retry_after is None or self.reset is None:
            return self.reset if self.retry_after is None else self.retry_after
        return self.retry_after if self.remaining else max(self.reset, self.retry_after)


def read(status: int, headers: Mapping[str, str], wall: Callable[[], float] | None = None) -> Reading:
    """Parse the headers of one answer; names are looked up in lower case.

    ``wall`` gives seconds since 1970 (default ``time.time``). It is used only for a timestamp in an answer without
    a ``Date`` header.
    """
    asked = retry_after(headers, wall) if status == 429 else None
    try:  # The form that Brevo sends, read in one step, because every answer is read.
        limit, remaining, reset = int(headers[LIMIT]), int(headers[REMAINING]), int(headers[RESET])
        if 1 <= limit < MOST and 0 <= remaining < MOST and 0 <= reset <= DAY:
            return Reading(status, limit, remaining, float(reset), asked)
    except (KeyError, ValueError):
        pass
    limit_text, remaining_text, reset_text = map(headers.get, (LIMIT, REMAINING, RESET))
    if limit_text is None and remaining_text is None and reset_text is None:
        return Reading(status, retry_after=asked, no_headers=True)
    reading = Reading(status, reset=_reset(reset_text, headers, wall), retry_after=asked)
    most, rest = _number(limit_text), _number(remaining_text)
    if most is not None and rest is not None and most >= 1:
        reading.limit, reading.remaining = int(most), max(0, int(rest))
    return reading


def retry_after(headers: Mapping[str, str], wall: Callable[[], float] | None = None) -> float | None:
    """``Retry-After`` in seconds, from 0 to a year. A date is compared with the server's ``Date``, or our clock."""
    text = headers.get("retry-after")
    seconds = _number(text)
    if seconds is None and (until := _http_date(text)) is not None:
        seconds = max(0.0, until - _now(headers, wall))
    return seconds if seconds is not None and 0 <= seconds <= YEAR else None


def _reset(text: str | None, headers: Mapping[str, str], wall: Callable[[], float] | None) -> float | None:
    """Seconds left. A number larger than a day is read as the timestamp of the end, in seconds since 1970."""
    seconds = _number(text)
    if seconds is not None and seconds > DAY:
        seconds -= _now(headers, wall)
        if -CLOCK_ERROR <= seconds < 0:
            return 0.0
    return seconds if seconds is not None and 0 <= seconds <= DAY else None


def _now(headers: Mapping[str, str], wall: Callable[[], float] | None) -> float:
    timestamp = _http_date(headers.get("date"))
    return (wall or time.time)() if timestamp is None else timestamp


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "nan")
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _http_date(text: str | None) -> float | None:
    """An HTTP date as seconds since 1970; without a time zone it is GMT."""
    if not text:
        return None
    try:
        timestamp = parsedate_to_datetime(text)
        return (timestamp if timestamp.tzinfo else timestamp.replace(tzinfo=UTC)).timestamp()
    # What email.utils raises for impossible years and zones depends on the version of Python.
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
