"""The rows of a history in ``createdAt`` order, and a page of them."""

from __future__ import annotations

from bisect import bisect_right
from itertools import chain, groupby
from operator import attrgetter
from typing import TYPE_CHECKING

from attrs import define, frozen

if TYPE_CHECKING:
    from datetime import datetime
    from random import Random

    from .records import Transaction
    from .seeded import SeededRows

_created_at = attrgetter("created_at")


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
