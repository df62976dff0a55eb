"""The walk through one listing, without I/O: which request is due next, and which rows of an answer are new.

Drive it so, from anywhere::

    while not walk.done:
        window = walk.next()
        step = walk.feed(window, answer_to(window.limit, window.offset))
    walk.verify()

*Nothing is lost.* A page is used only if it starts at 0 or joins the rows already seen; ``core.frontier`` has the
proof. A page that does not join, because rows before it went away, is followed by one that starts further back.
What ``offset`` means (``core.offsets``) and where a page is thought to start (``core.route``) decide only how
many requests a walk takes.

*Nothing is cut short.* The walk ends on a page that joins and is short, when the total it states fits or one more
request brings nothing new. If the total promises more, the place behind the last row is looked at as well.

*Nothing goes on for ever.* After ``PATIENCE`` answers in a row without a new row the walk raises
``PaginationError``; every ``DOUBT`` of them it asks anew what ``offset`` means.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from attrs import frozen

from brevo_balance_async.core.frontier import DisorderError, Frontier, Signs, choose
from brevo_balance_async.core.offsets import Window
from brevo_balance_async.core.route import Route
from brevo_balance_async.errors import PaginationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brevo_balance_async.core.listing import Batch, Listing, WalkMemory

T = TypeVar("T")

PATIENCE = 20
"""Answers in a row without a new row after which a walk gives up."""

DOUBT = 6
"""Answers in a row without a new row after which it asks anew what ``offset`` counts; twice as many if that was
proved by an earlier page."""


@frozen
class Step(Generic[T]):
    """The new rows of one page, and for each the position to resume from once it was used."""

    rows: Sequence[T]
    positions: Sequence[int]


class Walk(Generic[T]):
    """One walk, from position ``offset`` on. ``given`` counts its rows, ``count`` is the last total stated."""

    def __init__(self, listing: Listing[T], memory: WalkMemory, limit: int | None, offset: int) -> None:
        self.done = False
        self.given = 0
        self.count: int | None = None
        self._listing = listing
        self._memory = memory
        self._floor = offset
        self._route = Route(listing, memory, limit, offset)
        self._frontier: Frontier[T] | None = None
        self._signs = Signs()
        self._lookout = False  # the next request looks behind the last row
        self._idle = 0
        self._asked = Window(0, 0, 0)
        self._complaint = ""

    @property
    def limit(self) -> int:
        """The page size."""
        return self._route.limit

    @property
    def position(self) -> int:
        """The record position behind the last page taken."""
        return self._route.position

    @property
    def more(self) -> bool:
        """Whether something is left to come: rows, or the error that says why there are none."""
        return not self.done or bool(self._complaint)

    @property
    def knows_offsets(self) -> bool:
        """Whether it is known, or believed, what offset counts."""
        return self._route.meaning is not None

    def next(self) -> Window:
        """The request that is due now."""
        route = self._route
        if self._frontier is None:
            self._asked = route.first()
        elif self._frontier.overlap >= route.largest:
            raise self._error(f"more rows share one sort key than a page of {route.largest} holds")
        else:
            self._asked = route.behind() if self._lookout else route.next()
        return self._asked

    def after(self, ahead: Window | None) -> Window | None:
        """The request after ``ahead`` (None: after the last page taken), if its rows are known to exist.

        For fetching ahead: it supposes that the pages between bring what they are asked for.
        """
        if self.count is None or self._lookout or self.done:
            return None
        return self._route.after(ahead, self.count)

    def refused(self, asked: Window) -> bool:
        """Take a 422 to ``asked``: whether a smaller limit is worth asking for."""
        return self._route.refused(asked)

    def feed(self, asked: Window, batch: Batch[T]) -> Step[T] | None:
        """Take the answer to ``asked``: its new rows, or None if the page cannot be used (now)."""
        rows, gone = batch.items, 0
        if batch.count is not None:
            gone = 0 if self.count is None else self.count - batch.count
            self._signs.grew |= gone < 0
            self._signs.shrank |= gone > 0
            self.count = batch.count
        self._route.answered(asked)
        if self._lookout and asked is self._asked:
            self._look(asked, rows)
            return None
        if self._route.meaning is None and not self._route.learned(asked, [self._mark(row) for row in rows]):
            self._tick()
            return None
        try:
            if self._frontier is None:
                return self._begin(asked, batch)
            known = max(0, self.position - asked.at)
            if self._frontier.joins(rows, asked.at, known):
                return self._take(asked, batch, self._frontier.take(rows, known))
        except DisorderError as exc:
            self._memory.unordered.add(self._listing.name)
            raise self._error(f"{exc}; the next walk will not rely on it") from None
        self._tick()
        self._route.gap(
            asked.at if rows or self.count is None else min(asked.at, self.count), gone=max(0, gone)
        )
        return None

    def _mark(self, row: T) -> object:
        ident = self._listing.identity(row)
        return row if ident is None else ident

    def _begin(self, asked: Window, batch: Batch[T]) -> Step[T] | None:
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
        assert self._frontier is not None
        rows, route = batch.items, self._route
        ends = self._ends(asked, batch, fresh=bool(fresh))
        self.given += len(fresh)
        route.least = self._frontier.overlap
        route.taken(asked, len(rows), fresh[0] if fresh else None, last=ends)
        if ends:
            self._finish()
        elif fresh:
            self._idle = 0
        else:
            self._tick()
        return Step([rows[index] for index in fresh], [asked.at + index + 1 for index in fresh])

    def _ends(self, asked: Window, batch: Batch[T], *, fresh: bool) -> bool:
        assert self._frontier is not None
        length, end = len(batch.items), asked.at + len(batch.items)
        if length >= asked.limit:  # a server that pages nothing may have sent all of it at once
            return length > asked.limit and batch.count == end
        # A short page as long as any before it may be all that the server gives at once.
        capped = 0 < self._route.longest <= length
        if not capped and batch.count == end:
            return True
        if length == 0:  # all rows went away, or the server does not answer any more
            return False
        if fresh or capped:
            self._route.tighten()
            self._lookout = end <= self._frontier.overlap  # the next page would start at 0 as well
            return False
        self._lookout = self.count is not None and self.count > end
        return not self._lookout

    def _look(self, asked: Window, rows: Sequence[T]) -> None:
        self._lookout = False
        if rows:
            self._tick()
            self._route.gap(asked.at, gone=0)
        else:
            self._finish()

    def _tick(self) -> None:
        self._idle += 1
        if self._idle >= PATIENCE:
            raise self._error(f"{PATIENCE} answers in a row brought nothing new")
        if self._idle % (2 * DOUBT if self._listing.name in self._memory.offset_counts else DOUBT) == 0:
            self._route.forget(self._floor + self.given)

    def _finish(self) -> None:
        assert self._frontier is not None
        self.done = True
        total = None if self.count is None else self.count - self._floor
        self._complaint = self._frontier.complaint(total, self.given, self._signs)

    def verify(self) -> None:
        """Raise if the walk that is done cannot be promised to be whole."""
        if self._complaint:
            raise self._error(self._complaint)

    def _error(self, reason: str) -> PaginationError:
        error = PaginationError(
            f"the walk cannot promise to be whole: {reason} ({self.given} rows were given; the last request was "
            f"limit={self._asked.limit} offset={self._asked.offset}; the stated total is {self.count})",
            position=self.position,
            seen=self.given,
        )
        error.endpoint = self._listing.name
        return error
