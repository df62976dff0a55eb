"""What ``offset`` counts: where a request starts under each meaning, and the question which meaning holds.

For a server whose documents disagree: Brevo's say of history's ``offset`` that it is the number of records to skip,
and also that it is a page number, whose base they do not state. The answers tell. A page that joins the rows already
seen shows where it started. Where none joins, a sample of the first rows is kept: the longest page to be had, or all
there are. Half as many rows are asked for at offset 2: they start at row 2 if it counts records, in the middle of the
sample if it counts pages from 1, and near its end if it counts them from 0. These are far enough apart that a few
rows may come and go meanwhile. A wrong conclusion costs requests, never rows.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brevo_balance_async.core.paging.listing import Listing, OffsetMeaning, WalkMemory

MEANINGS: tuple[OffsetMeaning, ...] = ("records", "pages0", "pages1")

ENOUGH = 16
"""Rows of a page from which the meanings can be told apart in spite of a few rows moving."""


class Purpose(Enum):
    """What a request is made for."""

    ROWS = "the next rows"
    END = "whether anything follows the last row"
    SAMPLE = "the first rows, to know them again"
    PROBE = "where in the sample an offset leads"


@frozen
class Query:
    """One request: ``limit`` rows at ``offset``. They start at record ``at`` if the meaning of offset is right.

    ``heard`` is the largest total stated by answers that had come before it was sent.
    """

    limit: int
    offset: int
    at: int
    purpose: Purpose = Purpose.ROWS
    heard: int = 0


def start(meaning: OffsetMeaning, limit: int, offset: int) -> int:
    """The record at which the answer to a request starts; page 0 of pages from 1 is taken for the first."""
    if meaning == "records":
        return offset
    return limit * (offset if meaning == "pages0" else max(0, offset - 1))


def page(meaning: OffsetMeaning, begin: int, position: int, limit: int, largest: int) -> Query:
    """The request for the rows from ``begin`` to ``limit`` rows behind ``position``, or as near as it gets.

    With page numbers the page size is free between 1 and ``largest``: page p of size l starts at p * l, so some
    l makes the pages overlap by little. That costs about 1.06 times the least possible requests at pages of up to
    500 rows. Pages of one size that only touch would cost none, but prove nothing: a row that goes away while
    another is added behind moves a third one over the seam unseen, and the total stays the same.
    """
    reach = position + limit
    if begin == 0 or meaning == "records":
        return Query(max(1, min(largest, reach - begin)), begin, begin)

    def merit(size: int) -> tuple[bool, bool, int, int]:
        end = (begin // size + 1) * size
        return position < end <= reach, end > position, min(end, 2 * reach - end), -size

    size = max(range(1, max(1, min(largest, reach)) + 1), key=merit)
    number = begin // size
    # The first page is asked for as 0 whatever the base: "at 0" is a fact even if the meaning is wrong.
    return Query(size, number + (meaning == "pages1" and number > 0), number * size)


class Offsets:
    """What one listing's ``offset`` counts, as far as a walk that begins at record ``floor`` knows."""

    def __init__(self, listing: Listing[Any], memory: WalkMemory, floor: int) -> None:
        self._name = listing.name
        self._memory = memory
        known = memory.offset_counts.get(listing.name)
        self.meaning: OffsetMeaning = known or listing.offset_counts or "records"
        self.sure: bool = known is not None
        """Whether ``meaning`` was found out, by this walk or an earlier one."""
        self.documented: bool = listing.offset_counts is not None
        self.asking: bool = floor > 0 and known is None  # rows are passed over only if it was found out
        self._sample: Sequence[Any] = ()

    @property
    def proved(self) -> bool:
        """Whether a page of this or an earlier walk stood where no other meaning would have put it."""
        return self._name in self._memory.offset_counts

    def doubt(self) -> None:
        """Ask (anew)."""
        self.asking = True
        if self.sure:
            self._sample = ()

    def question(self, reach: int, largest: int) -> Query:
        """The next request while it is asked: for a sample of ``reach`` rows, if it can be, and then the probe."""
        sample = self._sample
        if not sample:
            return Query(min(reach, largest), 0, 0, Purpose.SAMPLE)
        if len(sample) < ENOUGH:  # one row apart has to do: row 1, row 0 or the row behind the sample
            return Query(len(sample), 1, 0, Purpose.PROBE)
        return Query((len(sample) - 2) // 2, 2, 0, Purpose.PROBE)

    def keep(self, asked: Query, ids: Sequence[Any], largest: int) -> None:
        """Keep the rows of a page that starts at 0, if they may be needed, and if no longer page is to be had."""
        needed = self.asking or not (self.sure or self._sample)
        if needed and (len(ids) < asked.limit or asked.limit >= largest or asked.purpose is Purpose.SAMPLE):
            self._sample = ids

    def learn(self, asked: Query, ids: Sequence[Any]) -> Query:
        """Conclude from the answer to the probe; ``asked`` with the record at which it starts."""
        shared = (self._sample.index(each) - place for place, each in enumerate(ids) if each in self._sample)
        observed = next(shared, len(self._sample))
        starts = {each: start(each, asked.limit, asked.offset) for each in MEANINGS}
        # A sample of one row cannot tell records from pages: what was believed stands.
        self.meaning = min(MEANINGS, key=lambda each: (abs(starts[each] - observed), each != self.meaning))
        self.asking, self.sure, self._sample = False, True, ()
        if self.proved:  # what was remembered did not hold, or would not have been asked again
            self._memory.offset_counts[self._name] = self.meaning
        return evolve(asked, at=starts[self.meaning])

    def prove(self, asked: Query, observed: int) -> None:
        """Remember ``meaning``, if a page that joined was seen to start where no other meaning would put it."""
        away = abs(asked.at - observed)
        starts = [start(each, asked.limit, asked.offset) for each in MEANINGS if each != self.meaning]
        if asked.at > 0 and all(2 * away < abs(each - asked.at) for each in starts):
            self.sure, self._sample = True, ()
            self._memory.offset_counts[self._name] = self.meaning
