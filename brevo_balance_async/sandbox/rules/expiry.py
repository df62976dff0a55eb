"""When credited points lapse."""

from __future__ import annotations

from calendar import isleap
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from .periods import LAST, end_of, later, shifted, start_of

if TYPE_CHECKING:
    from .records import Definition


def points_expire_at(definition: Definition, credited_at: datetime, minutes: int | None) -> datetime | None:
    """When points credited at ``credited_at`` lapse; None: never.

    ``balanceExpiryInMinutes`` of the transaction goes first, then the definition's fixed day (its last second, the next
    time it comes round), then its duration. ``noModification`` is the exact span; ``startOfPeriod`` and
    ``endOfPeriod`` snap its end to the start or the last second of the unit.
    """
    if minutes is not None:
        return later(credited_at, timedelta(minutes=minutes))
    if definition.expires_on is not None:
        return _next_end_of_day(credited_at, *definition.expires_on)
    if definition.duration_value is None or definition.duration_unit is None:
        return None
    end = shifted(credited_at, definition.duration_value, definition.duration_unit)
    if definition.duration_modifier == "startOfPeriod":
        return start_of(end, definition.duration_unit)
    if definition.duration_modifier == "endOfPeriod":
        return end_of(end, definition.duration_unit)
    return end


def _next_end_of_day(moment: datetime, day: int, month: int) -> datetime:
    for year in range(moment.year, LAST.year + 1):
        if (day, month) != (29, 2) or isleap(year):
            end = end_of(moment.replace(year=year, month=month, day=day), "day")
            if end > moment:
                return end
    return LAST
