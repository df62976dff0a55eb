"""What a walk asks for next. Nothing here decides which rows are given: a bad guess costs requests, never rows.

- **The ordinary next page** starts a little before ``position``, the record behind the last page taken, so that it
  can join: ``overlap`` rows (what the frontier needs) and a ``slack``, for a listing whose rows go away. It brings
  as many new rows as the page size says; after a page of known rows alone ``ENOUGH`` at least, or rows could come
  in faster than the walk goes on.
- **No longer page than the longest so far**, for a server that caps pages silently while offset counts pages: page p
  starts at p * limit only where limit is not capped.
- **Backtracking**, after a page that left a gap because rows before it went away: the next page starts further
  back, four times as far each time, and by the drop of the stated total at least.
- **The question what ``offset`` counts** (``offsets``), where that is not known: when a page built on the documented
  meaning leaves a gap, when nothing new comes for long, and before a walk begins in the middle of a listing.
- **A smaller page**, for a server that refuses a large ``limit``: ``PageSize``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import evolve

from brevo_balance_async.core.paging.offsets import ENOUGH, Offsets, Purpose, Query, page

if TYPE_CHECKING:
    from brevo_balance_async.core.paging.listing import Listing, WalkMemory


class PageSize:
    """How many rows may be asked for, of the ``wanted`` ones (None: as many as the contract allows)."""

    def __init__(self, listing: Listing[Any], memory: WalkMemory, wanted: int | None) -> None:
        self._listing = listing
        self._memory = memory
        self._wanted = wanted or listing.max_limit
        self._cap = listing.max_limit  # lowered when a limit is refused
        self._answered = 0  # the largest limit that was answered

    @property
    def limit(self) -> int:
        """How many new rows a page should bring."""
        return min(self._wanted, self.largest)

    @property
    def largest(self) -> int:
        """The largest limit that may be asked for: a page is longer than ``limit`` by the rows that overlap."""
        return min(self._cap, self._memory.largest_limit.get(self._listing.name, self._cap))

    def refused(self, asked: Query) -> bool:
        """Whether a smaller limit than the refused one is worth asking for."""
        answered, documented = self._answered, self._listing.default_limit or 0
        smaller = max((size for size in (answered, documented) if size < asked.limit), default=0)
        if smaller:
            self._cap = min(self._cap, smaller)
        return smaller > 0

    def answered(self, asked: Query) -> None:
        """Take note that ``asked.limit`` is accepted."""
        self._answered = max(self._answered, asked.limit)
        if self._cap < self._listing.max_limit:
            self._memory.largest_limit[self._listing.name] = self._cap


class Planner:
    """The requests of one walk over ``listing`` that begins at record ``floor``."""

    def __init__(self, listing: Listing[Any], memory: WalkMemory, limit: int | None, floor: int) -> None:
        self.size: PageSize = PageSize(listing, memory, limit)
        self.offsets: Offsets = Offsets(listing, memory, floor)
        self.position: int = floor
        self.overlap: int = 1
        self.longest: int = 0
        """Length of the longest page."""
        self.capped = False
        """Whether a page was shorter than asked and not the last: the server may cap pages silently."""
        self._backtrack: int | None = None
        self._back = 0  # length of the last backtrack
        self._slack = 0
        self._stuck = False  # the last page had known rows alone

    def first(self) -> Query:
        """The request that begins the walk, where nothing has to be joined."""
        if self.offsets.asking:
            return self.offsets.question(self.position + self.size.limit, self.size.largest)
        return self._page(self.position, largest=self.longest if self.capped else 0)

    def next(self) -> Query:
        """The request that should bring the next rows."""
        if self.offsets.asking:
            return self.offsets.question(max(self.position + self.size.limit, ENOUGH), self.size.largest)
        if self._backtrack is not None:
            return self._page(self._backtrack)
        asked = self._page(max(0, self.position - self.overlap - self._slack))
        if asked.at + asked.limit <= self.position:  # it overlaps by so much that it cannot reach further
            self._slack = 0
            asked = self._page(max(0, self.position - self.overlap))
        return asked

    def end(self) -> Query:
        """The request that shows whether anything follows the last row, and joins if something does."""
        if self.offsets.asking or self._backtrack is not None:
            return self.next()
        begin, pages1 = self.position - self.overlap, self.offsets.meaning == "pages1"
        asked = self._page(max(0, begin), largest=self.longest)
        if asked.at == 0 or self.longest <= self.overlap or asked.at + asked.limit <= self.position:
            # A page of known rows would be no shorter than the longest, and so prove nothing. Whether offset
            # counts records or pages of one row, from 0 or (then it is the last known row) from 1, this one does.
            asked = Query(1, self.position + pages1, self.position)
        return evolve(asked, purpose=Purpose.END)

    @property
    def follows(self) -> bool:
        """Whether it is known where later pages start; what was fetched ahead is of no use without."""
        return not self.offsets.asking and (self.offsets.sure or self.offsets.documented)

    def after(self, ahead: Query | None, stop: int) -> Query | None:
        """The request after ``ahead`` (None: after the last page), as long as rows before ``stop`` are left."""
        if not self.follows or self._backtrack is not None:
            return None
        length = 0 if ahead is None else min(ahead.limit, self.longest) if self.capped else ahead.limit
        position = self.position if ahead is None else ahead.at + length
        if position >= stop:
            return None
        return self._page(max(0, position - self.overlap - self._slack), position)

    def _page(self, begin: int, position: int = 0, largest: int = 0) -> Query:
        most = self.size.largest
        if begin == 1 and not self.offsets.sure:
            begin = 0  # page 1 of pages from 1 starts at row 0, which would look like an inserted row
        if self.offsets.meaning != "records" and begin > 0:
            room = 2 * self.size.limit + 4 * (self.overlap + self._slack) + ENOUGH  # rows cost time
            # Page p starts at p * limit only if limit is not capped.
            most = min(most, largest or (max(self.longest, ENOUGH) if self.capped else room))
        # Rows may come in as fast as a small page goes on.
        limit = max(self.size.limit, ENOUGH) if self._stuck else self.size.limit
        return page(self.offsets.meaning, begin, position or max(begin, self.position), limit, most)

    def stands(self, asked: Query, length: int) -> bool:
        """Whether the answer starts at ``asked.at`` if the meaning is right: no silent cap can have moved it."""
        return asked.at == 0 or self.offsets.meaning == "records" or asked.limit <= max(length, self.longest)

    def is_short(self, asked: Query, length: int) -> bool:
        """Whether the page is shorter than asked for, and shorter than a silent cap can make it."""
        return length < min(asked.limit, self.longest)

    def taken(self, length: int, position: int, overlap: int, *, fresh: bool) -> None:
        """Take note of a page that joined, and ends before record ``position``."""
        self.position, self.overlap, self._backtrack = position, overlap, None
        self.longest = max(self.longest, length)
        self._stuck = not fresh
        if fresh:
            self._back = 0
            self._slack -= self._slack // 8

    def gap(self, at: int, gone: int) -> None:
        """Take note that a page at ``at`` did not join, while the stated total dropped by ``gone``."""
        if not self.offsets.sure:
            self.offsets.doubt()
            return
        self._slack = min(2 * self._slack + 2, max(0, self.size.largest - self.overlap) // 2)
        self._back = max(4 * self._back, gone + self.overlap + self._slack)
        self._backtrack = max(0, at - self._back)

    def doubt(self, position: int) -> None:
        """Ask anew what offset counts; ``position`` is the best guess of where the walk stands."""
        self.offsets.doubt()
        self.position, self._backtrack, self._slack = position, None, 0
