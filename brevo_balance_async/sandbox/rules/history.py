"""One contact's transactions in ``createdAt`` order, cut into pages without copying or sorting them all."""

from __future__ import annotations

from bisect import bisect_right
from datetime import timedelta
from decimal import Decimal
from heapq import merge
from itertools import chain, groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from attrs import define, field, frozen
from attrs.validators import ge, gt

from .amounts import ZERO
from .periods import FIRST
from .records import Transaction

if TYPE_CHECKING:
    from datetime import datetime
    from random import Random

_created_at = attrgetter("created_at")
_A_DAY = timedelta(days=1)


def check_span(last_at: datetime, count: int, ties: int, spacing: timedelta) -> None:
    """Raise ``ValueError`` when the oldest of ``count`` rows would lie before the calendar."""
    if (count - 1) // ties * (spacing / _A_DAY) > (last_at - FIRST) / _A_DAY:
        raise ValueError("the oldest row of the history would lie before the year 1")


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

    def __attrs_post_init__(self) -> None:
        check_span(self.last_at, self.count, self.ties, self.spacing)

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


def meta_text(value: object) -> str:
    """A value of ``meta`` as the text that a filter compares: a text as it stands, others as JSON writes them."""
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    return str(value).lower() if isinstance(value, bool) else str(value)


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
    meta: tuple[tuple[str, str], ...] = ()
    """Names and values that a row's ``meta`` must have, compared as text."""
    drafts: bool = True
    """Whether drafts are listed at all."""

    def lets_pass(self, row: Transaction) -> bool:
        """Whether a row is wanted."""
        return (
            (self.status is None or self.status == row.status)
            and (self.kind is None or self.kind == row.kind)
            and (self.subscription_id is None or self.subscription_id == row.subscription_id)
            and (self.drafts or row.status != "draft")
            and (not self.meta or self._has(row.meta or {}))
        )

    def _has(self, meta: dict[str, Any]) -> bool:
        return all(name in meta and meta_text(meta[name]) == value for name, value in self.meta)


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

    def absorb(self, other: History) -> None:
        """Take over the rows of another contact. Raises ``ValueError`` when one of the two is seeded."""
        if self.seeded or other.seeded:
            raise ValueError("a seeded history cannot be merged with another")
        rows = merge(self._rows.recorded, other.rows().recorded, key=_created_at)
        self._rows = Rows(None, list(rows))
        self.changed()

    @property
    def seeded(self) -> bool:
        """Whether there are rows that are made when they are looked at."""
        return self._rows.seeded is not None

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
            seeded, recorded = self._rows.seeded, self._rows.recorded
            if (
                seeded is not None and wanted.meta
            ):  # each seeded row has a meta of its own, all else is the same
                recorded = [*seeded.with_meta(wanted.meta), *recorded]
                seeded = None
            elif seeded is not None and not wanted.lets_pass(seeded.row(0)):
                seeded = None
            recorded = [row for row in recorded if wanted.lets_pass(row)]
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
