"""Where a walk asks next. Nothing here decides which rows are given: a bad guess costs requests, never rows.

``position`` is the record position behind the last page taken. The ordinary next request starts a little before
it, so that the page can join: ``least`` rows (what the frontier needs) and a ``slack`` that grows when rows
before the page go away and shrinks in calm times. The request is as much longer as it overlaps, so a page brings
``limit`` new rows while the contract's largest limit allows it.

After a page that left a gap the route *retreats*, four times further each time, and by the drop of the stated
total at least; after a retreat that went too far it halves the distance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from brevo_balance_async.core.offsets import ENOUGH, OffsetQuestion, Window, window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brevo_balance_async.core.listing import Listing, OffsetMeaning, WalkMemory


class Route:
    """The requests of one walk over ``listing`` that begins at position ``floor``."""

    def __init__(self, listing: Listing[Any], memory: WalkMemory, limit: int | None, floor: int) -> None:
        self.position = floor
        self.least = 1
        self.short = 0
        """The silent cap: length of a page shorter than asked, not the last, and as long as any before it."""
        self.longest = 0
        """Length of the longest page."""
        self.retreat: int | None = None
        self._name = listing.name
        self._memory = memory
        self._max_limit = listing.max_limit
        self._default_limit = listing.default_limit
        self._wanted = limit
        self.meaning: OffsetMeaning | None = memory.offset_counts.get(listing.name, listing.offset_counts)
        self._question: OffsetQuestion | None = None
        self._cap = listing.max_limit  # lowered when a limit is refused
        self._answered = 0  # the largest limit that was answered
        self._slack = 0
        self._calm = 0  # pages taken since the last gap
        self._back = 0  # length of the last retreat
        self._before: int | None = None  # a page that ended here brought nothing new
        self._beyond = 0  # a page that started here left a gap

    @property
    def limit(self) -> int:
        """The page size: how many rows a page should bring."""
        return self.largest if self._wanted is None else min(self._wanted, self.largest)

    @property
    def largest(self) -> int:
        """The largest limit that may be asked for."""
        return min(self._cap, self._memory.largest_limit.get(self._name, self._cap))

    @property
    def _served(self) -> int:
        return min(self.largest, self.short) if self.short > 2 * self.least else self.largest

    @property
    def _overlap(self) -> int:
        return self.least + self._slack

    def first(self) -> Window:
        """The request that begins the walk, where nothing has to be joined."""
        return self._from(self.position)

    def next(self) -> Window:
        """The request that should join what was taken."""
        if self.retreat is not None:
            return self._from(self.retreat)
        ahead = self._from(max(0, self.position - self._overlap))
        while self._slack and self.meaning is not None and ahead.at + ahead.limit <= self.position:
            self._slack //= 2  # pages that overlap by so much cannot reach further
            ahead = self._from(max(0, self.position - self._overlap))
        return ahead

    def _from(self, start: int) -> Window:
        if start == 0:
            return Window(0, min(self.largest, self.position + self.limit), 0)
        if self.meaning is not None:
            return self._window(self.meaning, start, max(self.position, start))
        if self._question is None or (self._question.size < ENOUGH and not self.short):
            return Window(0, min(self.largest, max(2 * self.limit, ENOUGH)), 0)
        return self._question.ask(self.least, self._question.size + self.limit, self._served)

    def _window(self, meaning: OffsetMeaning, start: int, position: int) -> Window:
        largest = self.largest
        if meaning != "records":
            largest = min(largest, 2 * self.limit + 4 * self._overlap + ENOUGH)  # rows cost time
            largest = min(largest, self._served)  # page p starts at p * limit only if limit is not capped
        return window(meaning, start, position, self.limit, largest)

    def behind(self) -> Window:
        """The request that should bring nothing, if ``position`` is the end of the listing."""
        if self.meaning in ("records", None):
            return Window(self.position, self.limit, self.position)
        page = -(-self.position // self.limit)
        return Window(page * self.limit, self.limit, page + (self.meaning == "pages1"))

    def after(self, ahead: Window | None, count: int) -> Window | None:
        """The request after ``ahead`` (None: after ``position``), as long as ``count`` rows reach that far."""
        if self.meaning is None or self.retreat is not None:
            return None
        position = self.position if ahead is None else ahead.at + min(ahead.limit, self._served)
        if position >= count:
            return None
        return self._window(self.meaning, max(0, position - self._overlap), position)

    def refused(self, asked: Window) -> bool:
        """Take a 422: whether a smaller limit is worth asking for."""
        smaller = self._answered or self._default_limit
        if smaller is None or asked.limit <= smaller:
            return False
        self._cap = smaller
        return True

    def answered(self, asked: Window) -> None:
        """Take note that ``asked.limit`` is accepted."""
        self._answered = max(self._answered, asked.limit)
        if self._cap < self._max_limit:
            self._memory.largest_limit[self._name] = self._cap

    def learned(self, asked: Window, marks: Sequence[Any]) -> bool:
        """Find out what offset counts; whether the answer is what was asked for and reaches ``position``."""
        if asked.at == 0:
            self._question = OffsetQuestion(marks)
            expected = True
        else:
            assert self._question is not None
            expected = self._question.read(marks)
            self.meaning = self._question.meaning
        return expected and (asked.at + len(marks) >= self.position or self.retreat == 0)

    def taken(self, asked: Window, length: int, first_new: int | None, *, last: bool) -> None:
        """Take note of a page that joined, and whose first new row stood at index ``first_new``."""
        astray = 0 if first_new is None else abs(asked.at + first_new - self.position)
        self.position = asked.at + length
        self.retreat = None
        if not last and self.longest <= length < asked.limit:
            self.short = length
        self.longest = max(self.longest, length)
        if first_new is not None:
            if asked.at and self.meaning is not None and 4 * astray <= asked.limit:
                self._memory.offset_counts[self._name] = self.meaning  # it was found where it was expected
            self._back, self._before = 0, None
            self._calm += 1
            if self._calm % 8 == 0:
                self._slack //= 2
        elif self._back and length >= (self.short or asked.limit):
            self._before = self.position
            if self._beyond - self.position > self.limit:
                self.retreat = (self.position + self._beyond) // 2

    def gap(self, at: int, *, gone: int) -> None:
        """Take note that a page at ``at`` did not join, while the stated total dropped by ``gone``."""
        self._calm = 0
        self._slack = min(2 * self._slack + 2, max(0, self._served - self.least) // 2)
        self._beyond = at
        if self._before is not None and at - self._before > self.limit:
            self.retreat = (self._before + at) // 2
        else:
            self._back = max(4 * self._back, gone + self._overlap)
            self.retreat = max(0, at - self._back)

    def tighten(self) -> None:
        """Overlap no more than needed: the end is near, or pages are small."""
        self._slack = 0

    def forget(self, position: int) -> None:
        """Doubt what offset counts, and so where the walk stands: find it out anew; ``position`` is the best guess."""
        self.position = position
        self.meaning, self._question, self.retreat, self._slack = None, None, None, 0
