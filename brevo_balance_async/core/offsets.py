"""What ``offset`` means: the request for a stretch of rows under each meaning, and the question which one holds.

Brevo's documents disagree about history's ``offset`` (records to skip, or a page number whose base is not
stated). The answers tell: the rows of a full first page are remembered, and the ordinary next request is asked
as if one meaning held, first records, then pages from 0, then pages from 1. If the meaning is right the answer
starts near the end of the first page; if it is wrong, at its beginning or far away. So a right guess costs no
request, and half a page of rows may come and go meanwhile without misleading anybody.
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


def window(meaning: OffsetMeaning, start: int, position: int, limit: int, largest: int) -> Window:
    """The request for the rows from ``start`` to ``limit`` rows behind ``position``, or as near as it gets.

    With page numbers the page size is free between 1 and ``largest``: page p of size l starts at p * l, so some
    l makes the pages overlap by little.
    """
    reach = position + limit
    if meaning == "records":
        return Window(start, min(largest, reach - start), start)

    def merit(size: int) -> tuple[bool, bool, int, int]:
        end = (start // size + 1) * size
        return position < end <= reach, end > position, min(end, 2 * reach - end), -size

    size = max(range(1, min(largest, reach) + 1), key=merit)
    page = start // size
    # The first page is asked for as 0 whatever the base: "at 0" must be a fact even if the meaning is wrong.
    return Window(page * size, size, page + (meaning == "pages1" and page > 0))


class OffsetQuestion:
    """Which meaning holds, found out from the first page and one to three further answers."""

    def __init__(self, first_page: Sequence[Any]) -> None:
        self.meaning: OffsetMeaning | None = None
        self._first_page = list(first_page)
        self._guesses: list[OffsetMeaning] = ["pages1", "pages0", "records"]

    @property
    def size(self) -> int:
        """How many rows of the first page are known."""
        return len(self._first_page)

    def ask(self, overlap: int, reach: int, largest: int) -> Window:
        """The request that is next if the current guess holds."""
        start = max(1, self.size - overlap)
        if self._guesses[-1] == "records":
            return Window(start, min(largest, reach - start), start)
        return Window(start, start, 1 if self._guesses[-1] == "pages0" else 2)

    def read(self, rows: Sequence[Any]) -> bool:
        """Whether the answer is what was asked for; sets ``meaning`` once that is known."""
        guess = self._guesses.pop()
        shared = ((place, row) for place, row in enumerate(rows) if row in self._first_page)
        start = next((self._first_page.index(row) - place for place, row in shared), None)
        # A page number read as a number of records starts at row 1 or 2; records read as pages, far away.
        if guess == "records" and start is None:
            return False
        if start is None or 2 * start > self.size:
            self.meaning = guess
            return True
        if not self._guesses:
            self.meaning = "records"
        return False
