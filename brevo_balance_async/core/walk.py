"""The walk through one listing, without I/O: which request is due next, and which rows of an answer are new.

Drive it so, from anywhere::

    while not walk.done:
        window = walk.next()
        step = walk.feed(window, answer_to(window.limit, window.offset))
    walk.verify()

*Nothing is lost.* A page is used only if it starts at 0 or joins the rows already seen (``core.frontier`` has the
proof). A page that does not join, because rows before it went away, is followed by one that starts further back.
What ``offset`` means (``core.offsets``) and where a page is thought to start decide only how many requests a walk
takes, never which rows it gives.

*Nothing is cut short.* The walk ends on a page that joins and is short, when the total it states fits or one more
request brings nothing new. If the total promises more, the place behind the last row is looked at as well.

*Nothing goes on for ever.* After ``PATIENCE`` answers in a row without a new row the walk raises
``PaginationError``; halfway there it asks anew what ``offset`` means.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from attrs import frozen

from brevo_balance_async.core.frontier import DisorderError, Frontier, choose
from brevo_balance_async.core.offsets import ENOUGH, OffsetQuestion, Window, window
from brevo_balance_async.errors import PaginationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brevo_balance_async.core.listing import Batch, Listing, OffsetMeaning, WalkMemory

T = TypeVar("T")

PATIENCE = 16
"""Answers in a row without a new row after which a walk gives up."""


@frozen
class Step(Generic[T]):
    """The new rows of one page, and for each the position to resume from once it was used."""

    rows: Sequence[T]
    positions: Sequence[int]


class Walk(Generic[T]):
    """One walk. ``position`` is the record position behind the last page taken, ``count`` the last total stated."""

    def __init__(self, listing: Listing[T], memory: WalkMemory, limit: int | None, offset: int) -> None:
        self.done = False
        self.complaint = ""
        self.count: int | None = None
        self.position = offset
        self.given = 0
        self._listing = listing
        self._memory = memory
        self._wanted = limit
        self._floor = offset
        self._meaning: OffsetMeaning | None = memory.offset_counts.get(listing.name, listing.offset_counts)
        self._question: OffsetQuestion | None = None
        self._frontier: Frontier[T] | None = None
        self._steady = True  # the stated total never changed
        self._answered = 0  # the largest limit that was answered
        self._cap = listing.max_limit  # lowered when a limit is refused
        self._longest = 0  # length of the longest page
        self._short = (
            0  # the silent cap: the length of a page shorter than asked, not the last, and the longest
        )
        self._slack = 0  # overlap beyond the least; grows when rows before the next page go away
        self._calm = 0  # pages taken since the slack was changed
        self._retreat: int | None = None  # where to ask, when not right behind the frontier
        self._back = 0  # length of the last retreat
        self._before: int | None = None  # a page that ended here ended before the frontier
        self._beyond = 0  # a page that started here left a gap
        self._lookout = False  # the next request looks behind the last row
        self._idle = 0
        self._asked = Window(0, 0, 0)

    @property
    def limit(self) -> int:
        """The page size: how many rows a page should bring."""
        return self._largest if self._wanted is None else min(self._wanted, self._largest)

    @property
    def more(self) -> bool:
        """Whether something is left to come: rows, or the error that says why there are none."""
        return not self.done or bool(self.complaint)

    @property
    def knows_offsets(self) -> bool:
        """Whether it is known (or believed) what offset counts."""
        return self._meaning is not None

    @property
    def _largest(self) -> int:
        return min(self._cap, self._memory.largest_limit.get(self._listing.name, self._cap))

    @property
    def _overlap(self) -> int:
        return self._slack + (self._frontier.overlap if self._frontier else 1)

    # Asking

    def next(self) -> Window:
        """The request that is due now."""
        self._asked = self._next()
        return self._asked

    def _next(self) -> Window:
        if self._frontier and self._frontier.overlap >= self._largest:
            raise self._error(f"more rows share one sort key than a page of {self._largest} holds")
        if self._lookout:
            return self._behind_the_end()
        start = self._floor if self._frontier is None else max(0, self.position - self._overlap)
        if self._retreat is not None:
            start = self._retreat
        if start == 0:
            return Window(0, min(self._largest, self.position + self.limit), 0)
        if self._meaning is not None:
            ahead = self._window(self._meaning, start, max(self.position, start) + self.limit)
            if ahead.at + ahead.limit <= self.position and self._retreat is None and self._slack:
                self._slack //= 2  # pages that overlap by so much cannot reach further
                return self._next()
            return ahead
        if self._question is None or (self._question.size < ENOUGH and not self._short):
            return Window(0, min(self._largest, max(2 * self.limit, ENOUGH)), 0)
        overlap, reach = self._overlap - self._slack, self._question.size + self.limit
        return self._question.ask(overlap, reach, self._short or self._largest)

    def _window(self, meaning: OffsetMeaning, start: int, reach: int) -> Window:
        largest = self._largest
        if meaning != "records":
            largest = min(largest, 2 * (self.limit + self._overlap))
            if self._short > 2 * self._overlap:  # page p starts at p * limit only if limit is not capped
                largest = min(largest, self._short)
        return window(meaning, start, reach, largest)

    def _behind_the_end(self) -> Window:
        if self._meaning in ("records", None):
            return Window(self.position, self.limit, self.position)
        page = -(-self.position // self.limit)
        return Window(page * self.limit, self.limit, page + (self._meaning == "pages1"))

    def after(self, ahead: Window | None) -> Window | None:
        """The request after ``ahead`` (None: after the last page taken), if its rows are known to exist.

        For fetching ahead; it assumes that the pages between bring what was asked for.
        """
        if (
            self.count is None
            or self._meaning is None
            or self._retreat is not None
            or self._lookout
            or self.done
        ):
            return None
        length = self._short or self._largest
        position = self.position if ahead is None else ahead.at + min(ahead.limit, length)
        if position >= self.count:
            return None
        return self._window(self._meaning, max(0, position - self._overlap), position + self.limit)

    def refuse(self, asked: Window) -> bool:
        """Take a 422 to ``asked``: whether a smaller limit is worth asking for."""
        smaller = self._answered or self._listing.default_limit
        if smaller is None or asked.limit <= smaller:
            return False
        self._cap = smaller
        return True

    # Reading

    def feed(self, asked: Window, batch: Batch[T]) -> Step[T] | None:
        """Take the answer to ``asked``: its new rows (perhaps none), or None if the page cannot be used now."""
        rows, position, before = batch.items, self.position, self.count
        if batch.count is not None:
            self._steady = self._steady and before in (None, batch.count)
            self.count = batch.count
        self._answered = max(self._answered, asked.limit)
        if self._cap < self._listing.max_limit:
            self._memory.largest_limit[self._listing.name] = self._cap
        if self._lookout and asked is self._asked:
            return self._looked(asked, rows)
        if self._meaning is None and not self._learned(asked, rows):
            self._tick()
            return None
        try:
            if self._frontier is None:
                return self._first(asked, batch)
            known = max(0, position - asked.at)
            if not self._frontier.joins(rows, asked.at, known):
                self._gap(
                    asked, rows, gone=0 if before is None or self.count is None else before - self.count
                )
                return None
            return self._take(asked, batch, self._frontier.take(rows, known))
        except DisorderError as exc:
            self._memory.unordered.add(self._listing.name)
            raise self._error(f"{exc}; the next walk will go by id") from None

    def _learned(self, asked: Window, rows: Sequence[T]) -> bool:
        """Find out what offset counts; whether the answer can be used as well."""
        marks = [row if ident is None else ident for row in rows for ident in [self._listing.identity(row)]]
        expected = asked.at == 0
        if expected:
            self._question = OffsetQuestion(marks)
        else:
            assert self._question is not None
            expected = self._question.read(marks)
            self._meaning = self._question.meaning
        return expected and (
            asked.at + len(rows) >= self.position or self._frontier is None or self._retreat == 0
        )

    def _first(self, asked: Window, batch: Batch[T]) -> Step[T] | None:
        rows = batch.items
        if asked.at + len(rows) <= self._floor:
            if len(rows) < asked.limit and asked.at + asked.limit > self._floor:
                self.done = self.count is None or self.count <= self._floor
            self._tick()
            return None
        ordered = self._listing.name not in self._memory.unordered
        self._frontier = choose(self._listing, rows, ordered=ordered)
        fresh = self._frontier.take(rows, 0)
        return self._take(asked, batch, [index for index in fresh if asked.at + index >= self._floor])

    def _take(self, asked: Window, batch: Batch[T], fresh: list[int]) -> Step[T]:
        rows, end = batch.items, asked.at + len(batch.items)
        full = len(rows) >= asked.limit or len(rows) == self._short
        position, self.position = self.position, end
        self.given += len(fresh)
        self._retreat = None
        if self._ends(asked, batch, full=full, fresh=bool(fresh)):
            self._finish()
        elif not full and len(rows) >= self._longest:
            self._short = len(rows)
        self._longest = max(self._longest, len(rows))
        if fresh:
            self._believe(asked, abs(asked.at + fresh[0] - position))
            self._idle, self._back, self._before = 0, 0, None
            self._calm += 1
            if self._calm % 8 == 0:
                self._slack //= 2
        elif not self.done:
            self._tick()
            if self._back and full:
                self._before = end
                self._retreat = (end + self._beyond) // 2 if self._beyond - end > self.limit else None
        return Step([rows[index] for index in fresh], [asked.at + index + 1 for index in fresh])

    def _believe(self, asked: Window, astray: int) -> None:
        """Keep or doubt the meaning of offset, by how far from its thought position the first new row was found."""
        if asked.at and 4 * astray <= asked.limit and self._meaning is not None:
            self._memory.offset_counts[self._listing.name] = self._meaning

    def _ends(self, asked: Window, batch: Batch[T], *, full: bool, fresh: bool) -> bool:
        end = asked.at + len(batch.items)
        if full:  # a server that pages nothing may send all of it at once
            return len(batch.items) > asked.limit and batch.count == end
        if batch.count == end:
            return True
        if fresh:
            return False
        self._lookout = self.count is not None and self.count > end
        return not self._lookout

    def _looked(self, asked: Window, rows: Sequence[T]) -> None:
        self._lookout = False
        if rows:
            self._gap(asked, rows, gone=0)
        else:
            self._finish()

    def _gap(self, asked: Window, rows: Sequence[T], *, gone: int) -> None:
        """Rows before the page went away (or it is not where it was thought to be): ask further back."""
        self._tick()
        self._calm = 0
        least = self._overlap - self._slack
        self._slack = min(2 * self._slack + 2, max(0, self._largest - least) // 2)
        self._beyond = asked.at if rows or self.count is None else min(asked.at, self.count)
        if self._before is not None and self._beyond - self._before > self.limit:
            self._retreat = (self._before + self._beyond) // 2
        else:
            self._back = max(4 * self._back, gone + self._overlap)
            self._retreat = max(0, self._beyond - self._back)

    def _tick(self) -> None:
        self._idle += 1
        if self._idle >= PATIENCE and not self.done:
            raise self._error(f"{PATIENCE} answers in a row brought nothing new")
        if self._idle == PATIENCE // 2:
            self._meaning, self._question, self._retreat, self._slack = None, None, None, 0

    # Ending

    def _finish(self) -> None:
        self.done = True
        assert self._frontier is not None
        total = None if self.count is None else self.count - self._floor
        self.complaint = self._frontier.complaint(total, self.given, steady=self._steady)

    def verify(self) -> None:
        """Raise if the walk that is done cannot be promised to be whole."""
        if self.complaint:
            raise self._error(self.complaint)

    def _error(self, reason: str) -> PaginationError:
        error = PaginationError(
            f"the walk cannot promise to be whole: {reason} ({self.given} rows were given; the last request was "
            f"limit={self._asked.limit} offset={self._asked.offset}; the stated total is {self.count})",
            position=self.position,
            seen=self.given,
        )
        error.endpoint = self._listing.name
        return error
