"""What ``offset`` means: the request for a stretch of rows under each meaning, and the question which one holds.

Brevo's documents disagree about history's ``offset`` (records to skip, or a page number whose base is not
stated). The answers tell. A first page that is full is remembered; the ordinary next request, asked as if offset
counted records, shares rows with it when that is right. Otherwise page 2 of half the size says which base pages
have: the three meanings put its first row a few rows, a half, or a whole page into the first page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brevo_balance_async.core.listing import OffsetMeaning

ENOUGH = 16
"""Rows of a first page from which the three meanings can be told apart in spite of a few rows moving."""


@frozen
class Window:
    """One request: ``limit`` rows from position ``at`` (counted in records), asked for as ``offset``."""

    at: int
    limit: int
    offset: int


def begin(meaning: OffsetMeaning, limit: int, offset: int) -> int:
    """The position, in records, of the first row that a request brings."""
    return {"records": offset, "pages0": offset * limit, "pages1": (offset - 1) * limit}[meaning]


def window(meaning: OffsetMeaning, start: int, reach: int, largest: int) -> Window:
    """The request that starts at ``start``, or as little before it as pages allow, and ends near ``reach``.

    With page numbers the page size is free between 1 and ``largest``: page p of size l starts at p * l, so some
    l makes pages overlap by little. The best one ends closest to ``reach`` without passing it.
    """
    if meaning == "records":
        return Window(start, min(largest, reach - start), start)
    sizes = range(1, min(largest, reach) + 1)
    ends = [(start // size + 1) * size for size in sizes]
    size = max(sizes, key=lambda size: (min(ends[size - 1], 2 * reach - ends[size - 1]), -size))
    page = start // size
    # The first page is asked for as 0 whatever the base: "at 0" must be a fact even if the meaning is wrong.
    return Window(page * size, size, page + (meaning == "pages1" and page > 0))


class OffsetQuestion:
    """Find the meaning out from at most two answers, given the first page."""

    def __init__(self, first_page: Sequence[Any]) -> None:
        self._first_page = list(first_page)
        self._records_ruled_out = False

    @property
    def size(self) -> int:
        """How many rows of the first page are known."""
        return len(self._first_page)

    def ask(self, overlap: int, page: int, largest: int) -> Window:
        """The request that would be next if offset counted records; then page 2 of half the size."""
        start = max(1, len(self._first_page) - overlap)
        if not self._records_ruled_out:
            return Window(start, min(largest, len(self._first_page) + page - start), start)
        half = max(1, start // 2)
        return Window(2 * half, half, 2)

    def read(self, asked: Window, rows: Sequence[Any]) -> OffsetMeaning | None:
        """What the answer says, or None when page 2 has to be asked for."""
        index = self._first_page.index(rows[0]) if rows and rows[0] in self._first_page else None
        if not self._records_ruled_out:
            if index is not None and 2 * index > asked.at:
                return "records"
            self._records_ruled_out = True
            return None
        if index is None or 2 * index >= 3 * asked.limit:
            return "pages0"
        return "pages1" if 2 * index >= asked.limit else "records"
