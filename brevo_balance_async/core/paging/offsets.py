"""What ``offset`` counts: where a request starts under each meaning, and which meaning holds.

For a server whose documents disagree: Brevo's say of history's ``offset`` that it is the number of records to skip,
and also that it is a page number, whose base they do not state. Nothing is asked only to find out. The meanings are
tried in turn: where a page leaves a gap, or has known rows alone and not the last of them, the next one is tried. A
page that joins shows where it started, by the place of its first new row. If that fits one meaning and no other by
far, the meaning is known, and remembered for later walks. A wrong meaning costs requests, never rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

if TYPE_CHECKING:
    from brevo_balance_async.core.paging.listing import Listing, OffsetMeaning, WalkMemory

MEANINGS: tuple[OffsetMeaning, ...] = ("records", "pages0", "pages1")

MARGIN = 4
"""Rows that may come or go between two answers, so that nearer starts than this cannot be told apart."""


@frozen
class Query:
    """One request: ``limit`` rows at ``offset``. They start at record ``at`` if the meaning of offset is right.

    ``peek`` asks for the one row behind the last, to see whether there is any. ``heard`` is the largest total stated
    by answers that had come before it was sent.
    """

    limit: int
    offset: int
    at: int
    peek: bool = False
    heard: int = 0


def start(meaning: OffsetMeaning, limit: int, offset: int) -> int:
    """The record at which the answer to a request starts; page 0 of pages from 1 is taken for the first."""
    if meaning == "records":
        return offset
    return limit * (offset if meaning == "pages0" else max(0, offset - 1))


def page(meaning: OffsetMeaning, begin: int, reach: int, position: int, largest: int) -> Query:
    """The request for the rows from ``begin`` to ``reach``, which lies behind ``position``, or as near as it gets.

    With page numbers the page size is free between 1 and ``largest``: page p of size l starts at p * l, so some
    l makes the pages overlap by little. That costs about 1.06 times the least possible requests at pages of up to
    500 rows. Pages of one size that only touch would cost none, but prove nothing: a row that goes away while
    another is added behind moves a third one over the seam unseen, and the total stays the same.
    """
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
    """What one listing's ``offset`` counts, as far as a walk knows."""

    def __init__(self, listing: Listing[Any], memory: WalkMemory) -> None:
        self._name = listing.name
        self._remembered = memory.offset_counts
        self._documented = listing.offset_counts
        self.tried: int = 0
        """How many meanings did not hold since a page showed one; from 0 again after all of them."""
        self.meaning: OffsetMeaning = self._remembered.get(listing.name) or listing.offset_counts or "records"

    @property
    def known(self) -> bool:
        """Whether a page of this or another walk started where no other meaning would have put it."""
        return self._remembered.get(self._name) == self.meaning

    @property
    def follows(self) -> bool:
        """Whether later pages are where ``meaning`` puts them, as far as anybody says."""
        return self.known or self.meaning == self._documented

    def another(self) -> bool:
        """Try the next meaning, or the one that another walk found out: False if all of them were tried."""
        if self.known:  # it did not hold
            del self._remembered[self._name]
        following = MEANINGS[(MEANINGS.index(self.meaning) + 1) % len(MEANINGS)]
        self.meaning = self._remembered.get(self._name, following)
        self.tried = (self.tried + 1) % len(MEANINGS)
        return self.tried > 0

    def placed(self, asked: Query) -> Query:
        """The request with the record at which it starts as far as is known now."""
        return asked if asked.peek else evolve(asked, at=start(self.meaning, asked.limit, asked.offset))

    def learn(self, asked: Query, observed: int) -> Query:
        """Take note that the page started at about record ``observed``; the request with the record that fits."""
        away = {each: abs(start(each, asked.limit, asked.offset) - observed) for each in MEANINGS}
        nearest, second, _ = sorted(MEANINGS, key=lambda each: (away[each], each != self.meaning))
        self.meaning = nearest
        if 2 * away[nearest] + MARGIN < away[second]:
            self.tried = 0
            self._remembered[self._name] = nearest
        return self.placed(asked)
