"""What the headers of one answer say about the quota and about waiting: the only place that reads them.

Brevo sends ``x-sib-ratelimit-limit``, ``-remaining`` and ``-reset`` (seconds left) on every answer. ``Retry-After``
is HTTP's own (RFC 9110, 10.2.3). Whatever the texts are, reading them never raises: what makes no sense is None.
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
DAY: Final = 86_400.0  # a longer reset is no number of seconds left: a moment, or garbage
MOST: Final = 10**15  # more is no number of requests
YEAR: Final = 365 * DAY  # a longer Retry-After is garbage
CLOCK_ERROR: Final = 60.0  # seconds by which a moment in the past may still mean "now"


@define(eq=False)
class Reading:
    """One answer, as far as quota and waiting are concerned."""

    status: int
    limit: int | None = None
    """Requests allowed in a window. It is None, and ``remaining`` too, unless both could be read."""
    remaining: int | None = None
    reset: float | None = None
    """Seconds to the end of the window."""
    retry_after: float | None = None
    """Seconds; read for a 429 only."""
    silent: bool = False
    """There was no quota header at all."""

    @property
    def wait(self) -> float | None:
        """Seconds that a 429 asks to wait.

        With requests remaining it was not the hour that refused, so ``Retry-After`` counts and not the reset.
        """
        if self.retry_after is None or self.reset is None:
            return self.reset if self.retry_after is None else self.retry_after
        return self.retry_after if self.remaining else max(self.reset, self.retry_after)


def read(status: int, headers: Mapping[str, str], wall: Callable[[], float] | None = None) -> Reading:
    """The reading of one answer; names are looked up in lower case.

    ``wall`` gives the seconds since 1970 by our own clock (``time.time``); it is asked only for a moment that
    comes without a ``Date``.
    """
    get = headers.get
    limit_text, remaining_text, reset_text = get(LIMIT), get(REMAINING), get(RESET)
    asked = retry_after(headers, wall) if status == 429 else None
    if limit_text is None and remaining_text is None and reset_text is None:
        return Reading(status, retry_after=asked, silent=True)
    try:  # as Brevo sends them, in one step: this is done for every answer
        limit, remaining, reset = int(limit_text or ""), int(remaining_text or ""), int(reset_text or "")
    except ValueError:
        pass
    else:
        if 1 <= limit < MOST and 0 <= remaining < MOST and 0 <= reset <= DAY:
            return Reading(status, limit, remaining, float(reset), asked)
    reading = Reading(status, reset=_reset(reset_text, headers, wall), retry_after=asked)
    most, rest = _number(limit_text), _number(remaining_text)
    if most is not None and rest is not None and most >= 1:
        reading.limit, reading.remaining = int(most), max(0, int(rest))
    return reading


def retry_after(headers: Mapping[str, str], wall: Callable[[], float] | None = None) -> float | None:
    """Seconds of ``Retry-After``, from 0 to a year. A date is measured by the server's ``Date``, else by our clock."""
    text = headers.get("retry-after")
    seconds = _number(text)
    if seconds is None and (until := _moment(text)) is not None:
        seconds = max(0.0, until - _now(headers, wall))
    return seconds if seconds is not None and 0 <= seconds <= YEAR else None


def _reset(text: str | None, headers: Mapping[str, str], wall: Callable[[], float] | None) -> float | None:
    """Seconds left; a number too large for that is taken for the moment of the end, in seconds since 1970."""
    seconds = _number(text)
    if seconds is not None and seconds > DAY:
        seconds -= _now(headers, wall)
        if -CLOCK_ERROR <= seconds < 0:
            return 0.0
    return seconds if seconds is not None and 0 <= seconds <= DAY else None


def _now(headers: Mapping[str, str], wall: Callable[[], float] | None) -> float:
    moment = _moment(headers.get("date"))
    return (wall or time.time)() if moment is None else moment


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "nan")
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _moment(text: str | None) -> float | None:
    """Seconds since 1970 of an HTTP date; one without a zone is in GMT."""
    if not text:
        return None
    try:
        moment = parsedate_to_datetime(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    # What email.utils raises for years and zones beyond all bounds, by Python's version and the text.
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
