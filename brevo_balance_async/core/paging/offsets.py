"""What ``offset`` means: the request for a stretch of rows under each meaning, and the question which one holds.

Brevo's documents disagree about history's ``offset`` (records to skip, or a page number whose base is not
stated). The answers tell: the rows of the first page are remembered, and where a later answer shares rows with it,
or shares none, fits some meanings and not others. After a full first page the ordinary next request is asked as if
offset counted records, so that a right guess costs no request; half a page of rows may come and go meanwhile
without misleading anybody. After a short one, which may be all there is, of n rows, half of n are asked for at
offset 2: that is row 2, the middle or behind the page. Where n is too small to tell these apart, n rows are asked
for at offset 1: that is row 1, row 0 or row n. Under no meaning does either pass over a row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brevo_balance_async.core.paging.listing import OffsetMeaning

MEANINGS: tuple[OffsetMeaning, ...] = ("records", "pages0", "pages1")

ENOUGH = 16
"""Rows of a first page from which the three meanings can be told apart in spite of a few rows moving."""


@frozen
class Window:
    """One request: ``limit`` rows from position ``at`` (counted in records), asked for as ``offset``.

    ``heard`` is the smallest and the largest total stated by answers that had come before it was sent.
    """

    at: int
    limit: int
    offset: int
    heard: tuple[int, int] | None = None


def start(meaning: OffsetMeaning, limit: int, offset: int) -> int:
    """The position at which the answer to a request starts; page 0 of pages from 1 is taken for the first."""
    if meaning == "records":
        return offset
    return limit * (offset if meaning == "pages0" else max(0, offset - 1))


def window(meaning: OffsetMeaning, begin: int, position: int, limit: int, largest: int) -> Window:
    """The request for the rows from ``begin`` to ``limit`` rows behind ``position``, or as near as it gets.

    With page numbers the page size is free between 1 and ``largest``: page p of size l starts at p * l, so some
    l makes the pages overlap by little. It is not nothing: with pages of up to 500 rows some 28 of them are lost
    on average, to the overlap or to a smaller size, which is 1.06 times the least possible requests. Looking
    further ahead could save half of that and no more; pages of one size that only touch would save all of it, but
    prove nothing: a row that goes away while another is added behind moves a third one over the seam unseen, and
    the total stays the same.
    """
    reach = position + limit
    if meaning == "records":
        return Window(begin, max(1, min(largest, reach - begin)), begin)

    def merit(size: int) -> tuple[bool, bool, int, int]:
        end = (begin // size + 1) * size
        return position < end <= reach, end > position, min(end, 2 * reach - end), -size

    size = max(range(1, max(1, min(largest, reach)) + 1), key=merit)
    page = begin // size
    # The first page is asked for as 0 whatever the base: "at 0" must be a fact even if the meaning is wrong.
    return Window(page * size, size, page + (meaning == "pages1" and page > 0))


class OffsetQuestion:
    """Which meaning holds, found out from the first page and one or two further answers."""

    def __init__(self, first_page: Sequence[Any], *, short: bool) -> None:
        self._first_page = list(first_page)
        self.short = short
        self.open: list[OffsetMeaning] = list(MEANINGS)
        self.known = False
        """Whether the first of the open meanings holds."""
        self._guesses = 0

    @property
    def size(self) -> int:
        """How many rows of the first page are known."""
        return len(self._first_page)

    def ask(self, overlap: int, reach: int, largest: int) -> Window:
        """The next request; its position is right if the first of the open meanings holds."""
        if self.short:
            if self.size >= ENOUGH:  # one inserted row must not make row 1 look like row 0
                size = min((self.size + 1) // 2, largest)
                return Window(2 * size, size, 2)
            size = max(1, min(self.size, largest))
            return Window(size, size, 1)
        begin = max(1, self.size - overlap)
        if self.open[0] == "records":
            return Window(begin, max(1, min(largest, reach - begin)), begin)
        size = min(begin, largest)
        return Window(size, size, 1 if self.open[0] == "pages0" else 2)

    def read(self, asked: Window, rows: Sequence[Any]) -> Window | None:
        """``asked`` with the position that the answer shows it to have, or None if it leaves that open."""
        shared = ((place, row) for place, row in enumerate(rows) if row in self._first_page)
        found = next((self._first_page.index(row) - place for place, row in shared), None)
        starts = {meaning: start(meaning, asked.limit, asked.offset) for meaning in self.open}
        if self.short:
            least = 0 if found is None else min(abs(begin - found) for begin in starts.values())
            self.open = [
                meaning
                for meaning, begin in starts.items()
                if (begin >= self.size if found is None else abs(begin - found) == least)
            ]
        elif (found is None and self.open[0] != "records") or 2 * (found or 0) > self.size:
            self.open = self.open[:1]
        else:  # a page number read as a number of records starts at row 0 to 2, records read as pages far away
            self.open, self._guesses = self.open[1:] or ["records"], self._guesses + 1
            self.known = self._guesses == len(MEANINGS)
            return evolve(asked, at=asked.offset) if self.known else None
        self.known = len(self.open) == 1
        left = {starts[meaning] for meaning in self.open}
        return evolve(asked, at=left.pop()) if len(left) == 1 else None
