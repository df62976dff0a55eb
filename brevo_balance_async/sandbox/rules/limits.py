"""What forbids a credit or a debit: caps per operation, windowed limits, and the balance's floor and ceiling."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from .amounts import ZERO, minus, plus
from .periods import later, shifted, start_of

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from .records import Definition, Limit

_TICK = timedelta(milliseconds=1)


class Breach(Exception):  # noqa: N818 - a rule that holds, not a defect
    """The rule that forbids a transaction, as its ``rejectReason`` (Brevo documents no texts)."""


def window_start(limit: Limit, now: datetime) -> datetime:
    """The first moment whose transactions count against ``limit``.

    A sliding limit reaches back the exact span, its far end left out; any other starts with a calendar unit in UTC, the
    current one being the last of its ``durationValue`` units. (Brevo documents ``slidingSchedule`` as a rolling window
    and nothing else.)
    """
    if limit.sliding:
        return later(shifted(now, -limit.duration_value, limit.duration_unit), _TICK)
    return start_of(shifted(now, 1 - limit.duration_value, limit.duration_unit), limit.duration_unit)


def check_operation_cap(definition: Definition, kind: str, size: Decimal) -> None:
    """Raise ``Breach`` when a single operation moves more than the definition allows."""
    cap = definition.max_credit if kind == "credit" else definition.max_debit
    if cap is not None and size > cap:
        raise Breach(f"amount exceeds the maximum {kind} amount per operation")


def check_limit(limit: Limit, size: Decimal, count: int, amount: Decimal) -> None:
    """Raise ``Breach`` when ``size`` is too much after ``count`` transactions that moved ``amount`` in the window."""
    total = count + 1 if limit.counts == "transaction" else plus(amount, size)
    if total > limit.value:
        raise Breach(f"{limit.kind} {limit.counts} limit reached")


def fitting_credit(definition: Definition, balance: Decimal, size: Decimal) -> Decimal:
    """How much of a credit the balance takes.

    Above ``maxAmount`` the ``partial`` strategy credits what fits, any other is ``strict`` and raises ``Breach``; so
    does a full balance under either.
    """
    if definition.max_amount is None:
        return size
    room = max(ZERO, minus(definition.max_amount, balance))
    if size <= room:
        return size
    if definition.overtaking == "partial" and room > 0:
        return room
    raise Breach("maximum balance reached")


def check_floor(definition: Definition, available: Decimal, size: Decimal, *, floor_at_zero: bool) -> None:
    """Raise ``Breach`` when a debit would leave less than ``minAmount`` (unset: zero, or no floor at all)."""
    floor = definition.min_amount
    if floor is None and floor_at_zero:
        floor = ZERO
    if floor is not None and minus(available, size) < floor:
        raise Breach("insufficient balance" if floor == 0 else "minimum balance reached")
