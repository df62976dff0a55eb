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

from brevo_balance_async.core.paging.offsets import ENOUGH, MEANINGS, OffsetQuestion, Window, start, window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brevo_balance_async.core.paging.listing import Listing, OffsetMeaning, WalkMemory


class Route:
    """The requests of one walk over ``listing`` that begins at position ``floor``."""

    def __init__(self, listing: Listing[Any], memory: WalkMemory, limit: int | None, floor: int) -> None:
        self._name = listing.name
        self._memory = memory
        self._max_limit = listing.max_limit
        self._default_limit = listing.default_limit
        self._wanted = limit
        self.meaning: OffsetMeaning | None = memory.offset_counts.get(listing.name, listing.offset_counts)
        self.proved = False
        """Whether an answer of this walk stood where ``meaning`` put it, and where no other meaning would."""
        self.found = False
        """Whether ``meaning`` was found out by asking, or proved."""
        self.position = 0 if self.meaning is None else floor
        self.least = 1
        self.longest = 0
        """Length of the longest page, as far as it was asked for."""
        self.short = 0
        """Length of a page shorter than asked and as long as any before it: a silent cap, or a page cut short."""
        self.capped = False
        """Whether a second page was as long as ``short``: a silent cap."""
        self.cut = False
        """Whether a short page turned out to be neither the last nor capped."""
        self.retreat: int | None = None
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
    def served(self) -> int:
        """The longest page that can be hoped for."""
        return min(self.largest, self.short) if self.capped else self.largest

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

    def _from(self, begin: int) -> Window:
        if begin == 0 and (self.meaning is not None or self._question is None):
            return Window(0, min(self.largest, self.position + self.limit), 0)
        if self.meaning is not None:
            return self._window(self.meaning, begin, max(self.position, begin))
        enough = min(ENOUGH, self.largest)
        if self._question is None or (self._question.size < enough and not self._question.short):
            return Window(0, min(self.largest, max(2 * self.limit, ENOUGH)), 0)
        return self._question.ask(self.least, self._question.size + self.limit, self.largest)

    def _window(self, meaning: OffsetMeaning, begin: int, position: int) -> Window:
        largest = self.largest
        if meaning != "records":
            largest = min(largest, 2 * self.limit + 4 * self._overlap + ENOUGH)  # rows cost time
            largest = min(largest, self.served)  # page p starts at p * limit only if limit is not capped
            if self.short:
                largest = min(
                    largest, begin
                )  # a longer first page would be no longer than the first page was
        return window(meaning, begin, position, self.limit, largest)

    def behind(self, turn: int) -> Window:
        """The request number ``turn`` that brings nothing new, if ``position`` is the end of the listing.

        It starts at known rows, at other ones each time: then neither a lost answer nor one cut short looks like
        the end. Where there are too few, it looks at exactly ``position``, and at the first page in turn.
        """
        back = (self.least, 1)[turn] if turn <= 1 else self.least + 2 ** (turn - 1)
        begin = self.position - back
        if self.meaning is not None and begin > 0:
            largest = self.largest if self.meaning == "records" else min(self.served, begin)
            ahead = window(self.meaning, begin, self.position, self.largest if turn else self.limit, largest)
            if ahead.at > 0 and ahead.at + ahead.limit > self.position:
                return ahead
        if turn % 2 or self.position == 0:
            return Window(0, min(self.largest, self.position + self.limit), 0)
        if self.meaning is None:
            return self.next()
        if not self.found:
            self.meaning = None
            return self.next()
        size = next(
            size for size in range(min(self.position, self.served), 0, -1) if self.position % size == 0
        )
        if self.meaning == "records":
            return Window(self.position, size, self.position)
        return Window(self.position, size, self.position // size + (self.meaning == "pages1"))

    def after(self, ahead: Window | None, count: int) -> Window | None:
        """The request after ``ahead`` (None: after ``position``), as long as ``count`` rows reach that far."""
        if self.meaning is None or self.retreat is not None or (self.short and not self.capped):
            return None
        position = self.position if ahead is None else ahead.at + min(ahead.limit, self.served)
        if position >= count:
            return None
        return self._window(self.meaning, max(0, position - self._overlap), position)

    def refused(self, asked: Window) -> bool:
        """Take a 422: whether a smaller limit is worth asking for."""
        smaller = [size for size in (self._answered, self._default_limit) if size and size < asked.limit]
        if not smaller:
            return False
        self._cap = min(self._cap, max(smaller))
        return True

    def answered(self, asked: Window) -> None:
        """Take note that ``asked.limit`` is accepted."""
        self._answered = max(self._answered, asked.limit)
        if self._cap < self._max_limit:
            self._memory.largest_limit[self._name] = self._cap

    def learned(self, asked: Window, marks: Sequence[Any]) -> Window | None:
        """Find out what offset counts: ``asked`` at its true position, or None if the answer is of no more use."""
        if asked.offset == 0:
            self._question = OffsetQuestion(marks, short=len(marks) < asked.limit)
            usable = self.meaning is not None or len(marks) >= self.position or self.retreat == 0
            return asked if usable else None
        assert self._question is not None
        placed = self._question.read(asked, marks)
        if self._question.known:
            self.meaning, self.found = self._question.open[0], True
        if not self._question.open:
            self._question = None
        return placed if placed is not None and placed.at + len(marks) >= self.position else None

    def stands(self, asked: Window, length: int) -> bool:
        """Whether the answer starts at ``asked.at`` if ``meaning`` is right: no silent cap can have moved it."""
        return asked.at == 0 or self.meaning == "records" or asked.limit <= max(length, self.longest)

    def prove(self, asked: Window, observed: int) -> None:
        """Take note that the answer to ``asked`` was seen to start at about ``observed``."""
        if self.meaning is None or asked.at == 0:
            return
        astray = abs(asked.at - observed)
        starts = (start(other, asked.limit, asked.offset) for other in MEANINGS if other != self.meaning)
        if all(2 * astray < abs(begin - asked.at) for begin in starts):
            self.proved = self.found = True
            self._memory.offset_counts[self._name] = self.meaning

    def shortened(self, asked: Window, length: int, *, before: bool) -> None:
        """Take note of the length of a page that is not the last; ``before``: and nor was the short one before."""
        if length > self.short > 0:
            self.cut, self.short, self.capped = True, 0, False
        elif before and not self.short:
            self.cut = True
        if self.longest <= length < asked.limit:
            self.capped = self.short == length
            self.short = length

    def cap(self, length: int) -> None:
        """Ask for no longer pages than ``length``, which a short page had."""
        self.longest, self.short, self.capped = max(self.longest, length), length, True

    def leap(self, floor: int) -> None:
        """Go on at ``floor``, without the rows before it."""
        self.position, self.retreat, self._slack = floor, None, 0

    def taken(self, asked: Window, length: int, first_new: int | None, *, exact: bool) -> None:
        """Take note of a page that joined, and whose first new row stood at index ``first_new``."""
        if exact:
            self.position = asked.at + length
        elif first_new is not None:
            self.position += length - first_new
        elif self.stands(asked, length):
            self.position = asked.at + length
        self.retreat = None
        self.longest = max(self.longest, min(length, asked.limit))
        if first_new is not None:
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
        self._slack = min(2 * self._slack + 2, max(0, self.served - self.least) // 2)
        self._beyond = at
        if self._before is not None and at - self._before > self.limit:
            self.retreat = (self._before + at) // 2
        else:
            self._back = max(4 * self._back, gone + self._overlap)
            self.retreat = max(0, at - self._back)

    def forget(self, position: int) -> None:
        """Doubt what offset counts, and so where the walk stands: find it out anew; ``position`` is the best guess."""
        self.position = position
        self.meaning, self._question, self.retreat, self._slack = None, None, None, 0
        self.proved = self.found = False
