"""What a walk asks for next. Nothing here decides which rows are given: a bad guess costs requests, never rows.

- **The ordinary next page** starts a little before ``position``, the record behind the last page taken, so that it
  can join: ``overlap`` rows (what the frontier needs) and a ``slack``, for a listing whose rows go away. It brings
  as many new rows as the page size says, and more after each page that brings the walk no further, or rows could
  come in faster than it goes on.
- **Backtracking**, after a page that left a gap because rows before it went away: the next page starts further
  back, four times as far each time, and by the drop of the stated total at least.
- **Another meaning of offset** (``offsets``) after a gap, where it is not known; backtracking when all were tried.
- **No longer page than the longest so far**, where offset may count pages, for a server that caps pages silently:
  page p starts at p * limit only where limit is not capped. The page at 0 starts there in any case. So a walk whose
  pages are shorter than ``ENOUGH`` asks there once more, in case only an answer was cut short; and one that begins
  in the middle asks there first, unless offset is known to count records.
- **A peek at the one row behind the last**, where no page could show the end, because so few rows are there.
- **A smaller page**, for a server that refuses a large ``limit``: ``PageSize``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from brevo_balance_async.core.paging.offsets import Offsets, Query, page

if TYPE_CHECKING:
    from brevo_balance_async.core.paging.listing import Listing, WalkMemory

ENOUGH = 16
"""Rows of a page that brings a walk on even if some are known and a few rows come in."""

SPARE = 2
"""Rows that a page begins earlier than it has to, where rows before it may have gone away."""


class PageSize:
    """How many rows may be asked for, of the ``wanted`` ones (None: as many as the contract allows)."""

    def __init__(self, listing: Listing[Any], memory: WalkMemory, wanted: int | None) -> None:
        self._listing = listing
        self._remembered = memory.largest_limit
        self._answered = 0  # the largest limit that was answered
        self._wanted = wanted or listing.max_limit
        self.largest: int = min(listing.max_limit, self._remembered.get(listing.name, listing.max_limit))
        """The largest limit that may be asked for: a page is longer than ``limit`` by the rows that overlap."""

    @property
    def limit(self) -> int:
        """How many new rows a page should bring."""
        return min(self._wanted, self.largest)

    def refused(self, asked: Query) -> bool:
        """Whether a smaller limit than the refused one is worth asking for."""
        answered, documented = self._answered, self._listing.default_limit or 0
        smaller = max((size for size in (answered, documented) if size < asked.limit), default=0)
        self.largest = min(self.largest, smaller or self.largest)
        return smaller > 0

    def answered(self, asked: Query) -> None:
        """Take note that ``asked.limit`` is accepted."""
        self._answered = max(self._answered, asked.limit)
        if self.largest < self._listing.max_limit:
            self._remembered[self._listing.name] = self.largest


class Planner:
    """The requests of one walk over ``listing`` that begins at record ``floor``."""

    def __init__(self, listing: Listing[Any], memory: WalkMemory, limit: int | None, floor: int) -> None:
        self.size: PageSize = PageSize(listing, memory, limit)
        self.offsets: Offsets = Offsets(listing, memory)
        self.position: int = floor
        self.overlap: int = 1
        self.longest: int = 0
        """Length of the longest page."""
        self.capped: bool = False
        """Whether a page was shorter than asked: the server may cap pages silently."""
        self.beyond: int = 0
        """1 if the row at offset ``position`` is a known one: offset counts pages from 1, or a row came in."""
        self._trials = 0  # pages at 0 that were asked for ENOUGH rows
        self._backtrack: int | None = None
        self._back = 0  # length of the last backtrack
        self._slack = 0
        self._stuck = 0  # pages in a row that did not bring the walk on

    @property
    def _records(self) -> bool:
        """Whether offset is known to count records: then no cap can move a page."""
        return self.offsets.known and self.offsets.meaning == "records"

    def first(self) -> Query:
        """The request that begins the walk, where nothing has to be joined."""
        if self.position > 0 and not (self._records or (self.offsets.known and self.longest > 0)):
            return Query(min(self.position + self.size.limit, self.size.largest), 0, 0)
        return self._page(self.position)

    def next(self, *, near: bool) -> Query:
        """The request that should bring the next rows; ``near``: or else show that there are none."""
        if self._backtrack is not None:
            return self._page(self._backtrack)
        slack = self._slack or (SPARE if self.offsets.tried and self.longest >= ENOUGH else 0)
        asked = self._page(max(0, self.position - self.overlap - slack), near=near)
        if asked.at + asked.limit <= self.position:  # it overlaps by so much that it cannot reach further
            asked = self._page(max(0, self.position - self.overlap), near=near)
        reaches = asked.at + asked.limit > self.position
        if not reaches or (near and (asked.at == 0 or self.longest <= self.overlap)):
            # Its known rows would be no fewer than the longest page has, and so prove nothing.
            return Query(1, self.position + self.beyond, self.position, peek=True)
        return asked

    def after(self, ahead: Query | None, stop: int) -> Query | None:
        """The request after ``ahead`` (None: after the last page), as long as rows before ``stop`` are left."""
        if not self.offsets.follows or self._backtrack is not None:
            return None
        length = 0 if ahead is None else min(ahead.limit, self.longest) if self.capped else ahead.limit
        position = self.position if ahead is None else ahead.at + length
        asked = self._page(max(0, position - self.overlap - self._slack), position)
        return asked if position < stop else None

    def _page(self, begin: int, position: int = 0, *, near: bool = False) -> Query:
        """The page from about ``begin`` on, after one that ends at ``position`` (0: that ended the last one)."""
        position = position or max(begin, self.position)
        most, limit = self.size.largest, max(self.size.limit, self._stuck * ENOUGH)
        if begin == 1 and not (self.offsets.known or self._stuck):
            begin = 0  # page 1 of pages from 1 starts at row 0, which would look like an inserted row
        if begin > 0 and self.capped and not self._records:
            if self.longest < min(ENOUGH, most) and self._trials < 2 and not near:
                begin, limit = 0, max(limit, ENOUGH)
            else:
                most = min(most, self.longest)
        elif begin > 0 and self.offsets.meaning != "records":
            most = min(most, 2 * limit + ENOUGH)  # not all that is allowed: rows cost time
        return page(self.offsets.meaning, begin, position + limit, position, most)

    def stands(self, asked: Query, length: int) -> bool:
        """Whether the answer starts at ``asked.at`` if the meaning is right: no silent cap can have moved it."""
        fits = asked.limit <= max(length, self.longest)
        return fits or asked.at == 0 or self.offsets.meaning == "records"

    def taken(self, asked: Query, length: int, position: int, overlap: int, *, on: bool) -> None:
        """Take note of a page that joined and ends before record ``position``; ``on``: it brought the walk on."""
        self.position, self.overlap, self._backtrack = position, overlap, None
        self.longest = max(self.longest, length)
        self.capped |= length < asked.limit
        self._trials += asked.at == 0 and asked.limit >= ENOUGH
        self._stuck = 0 if on else self._stuck + 1
        if on:
            self._back = 0

    def gap(self, at: int, gone: int) -> None:
        """Take note that a page at ``at`` did not join, while the stated total dropped by ``gone``."""
        if not self.offsets.known and self.offsets.another():
            return
        most = self.longest if self.capped else self.size.largest
        self._slack = min(2 * self._slack + SPARE, max(0, most - self.overlap) // 2)
        self._back = max(4 * self._back, gone + self.overlap + self._slack)
        self._backtrack = max(0, at - self._back)

    def doubt(self, position: int) -> None:
        """Try another meaning of offset; ``position`` is the best guess of where the walk stands."""
        self.offsets.another()
        self.position, self._backtrack = position, None
