"""One contact's transactions in ``createdAt`` order, cut into pages without copying or sorting them all."""

from __future__ import annotations

from bisect import bisect_right
from datetime import timedelta
from itertools import chain, groupby
from operator import attrgetter
from typing import TYPE_CHECKING

from attrs import define, field, frozen
from attrs.validators import ge, gt

from .amounts import ZERO
from .records import Transaction

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal
    from random import Random

_created_at = attrgetter("created_at")


@frozen(kw_only=True)
class SeededRows:
    """``count`` completed credits that are made when they are looked at, so that a million of them cost nothing."""

    block: int
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

    def row_id(self, index: int) -> str:
        """A UUID that names the block and the row, see ``locate``."""
        return f"{self.block:08x}-5eed-4000-8000-{index:012x}"

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
            meta={"row": index},
            event_time=moment,
            created_at=moment,
            updated_at=moment,
            completed_at=moment,
        )


def locate(transaction_id: str) -> tuple[int, int] | None:
    """The block and index that the id of a seeded row names."""
    if transaction_id[8:24] != "-5eed-4000-8000-":
        return None
    return int(transaction_id[:8], 16), int(transaction_id[24:], 16)


@frozen
class Rows:
    """Seeded rows followed by recorded ones."""

    seeded: SeededRows | None
    recorded: list[Transaction]

    def __len__(self) -> int:
        return len(self.recorded) + (self.seeded.count if self.seeded else 0)

    def __getitem__(self, index: int) -> Transaction:
        if self.seeded is None:
            return self.recorded[index]
        if index < self.seeded.count:
            return self.seeded.row(index)
        return self.recorded[index - self.seeded.count]

    def between(self, start: int, stop: int) -> list[Transaction]:
        """The rows from ``start`` up to ``stop``, which is left out."""
        if self.seeded is None:
            return self.recorded[start:stop]
        return [self[index] for index in range(start, stop)]


@frozen
class Wanted:
    """A filter on history; None lets everything pass."""

    status: str | None = None
    kind: str | None = None
    subscription_id: str | None = None

    def lets_pass(self, status: str, kind: str, subscription_id: str) -> bool:
        """Whether a row with these values is wanted."""
        return (
            (self.status is None or self.status == status)
            and (self.kind is None or self.kind == kind)
            and (self.subscription_id is None or self.subscription_id == subscription_id)
        )


_EVERYTHING = Wanted()


@define(eq=False)
class Page:
    """Rows ``first`` up to ``last`` of a listing, which is left out, and how many rows the whole listing has."""

    listing: Rows
    first: int
    last: int
    descending: bool
    total: int
    text: str | None = None
    """The rows as they were last written, kept because a walk's pages are mostly read again unchanged."""

    @property
    def rows(self) -> list[Transaction]:
        """The rows in the order of the listing."""
        rows = self.listing.between(self.first, self.last)
        return rows[::-1] if self.descending else rows


class History:
    """The rows, oldest first. ``changed`` must be called when a row's status changes."""

    __slots__ = ("_filtered", "_rows", "pages")

    def __init__(self) -> None:
        self._rows = Rows(None, [])
        self._filtered: dict[Wanted, Rows] = {}
        self.pages: dict[object, Page] = {}
        """Pages read since the last change, by whatever names them."""

    def add(self, row: Transaction) -> None:
        """Append the newest row."""
        self._rows.recorded.append(row)
        self.changed()

    def seed(self, rows: SeededRows) -> None:
        """Put ``rows`` in front; they must all be older than what is there, so nothing may be there."""
        if len(self._rows):
            raise ValueError("only an empty history can be seeded")
        self._rows = Rows(rows, [])
        self.changed()

    def remove(self, row: Transaction) -> None:
        """Take a recorded row out."""
        self._rows.recorded.remove(row)
        self.changed()

    def changed(self) -> None:
        """Forget what filters found and the pages that were read."""
        if self._filtered:
            self._filtered.clear()
        if self.pages:
            self.pages.clear()

    def rows(self, wanted: Wanted = _EVERYTHING) -> Rows:
        """All rows that ``wanted`` lets pass, oldest first; found once, remembered until something changes."""
        if wanted == _EVERYTHING:
            return self._rows
        found = self._filtered.get(wanted)
        if found is None:
            seeded = self._rows.seeded
            if seeded is not None and not wanted.lets_pass("completed", "credit", seeded.subscription_id):
                seeded = None
            recorded = [
                row
                for row in self._rows.recorded
                if wanted.lets_pass(row.status, row.kind, row.subscription_id)
            ]
            found = self._filtered[wanted] = Rows(seeded, recorded)
        return found


def visible(rows: Rows, until: datetime) -> int:
    """How many of ``rows`` were created at ``until`` or before."""
    return bisect_right(rows, until, key=_created_at)


def shuffled_ties(rows: Rows, start: int, stop: int, random: Random) -> list[Transaction]:
    """``rows[start:stop]`` of a listing in which rows with the same ``createdAt`` stand in no particular order."""
    if start >= stop:
        return []
    first, last = start, stop
    while first > 0 and rows[first - 1].created_at == rows[first].created_at:
        first -= 1
    while last < len(rows) and rows[last].created_at == rows[last - 1].created_at:
        last += 1
    groups = [list(group) for _, group in groupby(rows.between(first, last), key=_created_at)]
    for group in groups:
        random.shuffle(group)
    return list(chain.from_iterable(groups))[start - first : stop - first]
