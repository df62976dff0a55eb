"""Calendar arithmetic in UTC: days, weeks (from Monday), months and years."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime, timedelta

FIRST = datetime.min.replace(tzinfo=UTC)
LAST = datetime.max.replace(tzinfo=UTC, microsecond=999000)
"""The ends of the calendar. A moment beyond them is the end itself, so that no clock and no span is too much."""


def later(moment: datetime, by: timedelta) -> datetime:
    """``moment`` moved by a span (negative: back)."""
    try:
        return moment + by
    except OverflowError:
        return LAST if by > timedelta(0) else FIRST


def shifted(moment: datetime, count: int, unit: str) -> datetime:
    """``moment`` moved by ``count`` units (negative: back); a day that its month does not have becomes the last one."""
    if unit == "day":
        return later(moment, timedelta(days=count))
    if unit == "week":
        return later(moment, timedelta(weeks=count))
    months = moment.year * 12 + moment.month - 1 + (count * 12 if unit == "year" else count)
    year, month = divmod(months, 12)
    if not FIRST.year <= year <= LAST.year:
        return LAST if count > 0 else FIRST
    return moment.replace(year=year, month=month + 1, day=min(moment.day, monthrange(year, month + 1)[1]))


def start_of(moment: datetime, unit: str) -> datetime:
    """The first moment of the unit that holds ``moment``."""
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if unit == "week":
        return day - timedelta(days=day.weekday())
    if unit == "month":
        return day.replace(day=1)
    if unit == "year":
        return day.replace(month=1, day=1)
    return day


def end_of(moment: datetime, unit: str) -> datetime:
    """The last second of the unit that holds ``moment``, the way Brevo's samples write an end (23:59:59)."""
    return shifted(start_of(moment, unit), 1, unit) - timedelta(seconds=1)
