"""A long history that takes no room: its rows are computed when they are read."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from attrs import field, frozen
from attrs.validators import ge, gt

from .amounts import ZERO
from .periods import FIRST
from .records import Transaction

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

_A_DAY = timedelta(days=1)
_MARK = "-5eed-4000-8000-"


def check_span(last_at: datetime, count: int, ties: int, spacing: timedelta) -> None:
    """Raise ``ValueError`` when the oldest of ``count`` rows would lie before the calendar."""
    if (count - 1) // ties * (spacing / _A_DAY) > (last_at - FIRST) / _A_DAY:
        raise ValueError("the oldest row of the history would lie before the year 1")


@frozen(kw_only=True)
class SeededRows:
    """``count`` completed credits that are made when they are looked at, so that a million of them cost nothing."""

    block: str
    """Eight hexadecimal digits with which the ids of the rows begin."""
    count: int = field(validator=ge(1))
    program_id: str
    definition_id: str
    contact_id: int
    subscription_id: str
    size: Decimal = field(validator=gt(ZERO))
    last_at: datetime
    spacing: timedelta = field(validator=ge(timedelta(0)))
    ties: int = field(validator=ge(1))
    """Rows that share one ``createdAt``."""

    def __attrs_post_init__(self) -> None:
        check_span(self.last_at, self.count, self.ties, self.spacing)

    def row_id(self, index: int) -> str:
        """A UUID that names the block and the row, see ``locate``."""
        return f"{self.block}{_MARK}{index:012x}"

    def moment(self, index: int) -> datetime:
        """When the row at ``index`` was created and completed."""
        return self.last_at - (self.count - 1 - index) // self.ties * self.spacing

    def row(self, index: int) -> Transaction:
        """The row at ``index``, oldest first."""
        moment = self.moment(index)
        return Transaction(
            id=self.row_id(index),
            program_id=self.program_id,
            definition_id=self.definition_id,
            contact_id=self.contact_id,
            subscription_id=self.subscription_id,
            kind="credit",
            size=self.size,
            sent_negative=False,
            status="completed",
            flat_meta=("row", index),
            event_time=moment,
            created_at=moment,
            updated_at=moment,
            completed_at=moment,
        )

    def with_meta(self, wanted: tuple[tuple[str, str], ...]) -> list[Transaction]:
        """The rows whose ``meta`` may have these values: at most one, for its only member is the row's number."""
        name, value = wanted[0]
        known = name == "row" and value.isascii() and value.isdigit() and len(value) < 16
        return [self.row(int(value))] if known and int(value) < self.count else []


def locate(transaction_id: str) -> tuple[str, int] | None:
    """The block and index that the id of a seeded row names."""
    if transaction_id[8:24] != _MARK:
        return None
    return transaction_id[:8], int(transaction_id[24:], 16)
