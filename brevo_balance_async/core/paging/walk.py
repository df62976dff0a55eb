"""The walk through one listing, without I/O: which request is due next, and which rows of an answer are new.

Drive it so, from anywhere::

    while not walk.done:
        asked = walk.next()
        step = walk.feed(asked, answer_to(asked.limit, asked.offset))
    walk.verify()

``feed`` asks four rooms, one question each:

- ``frontier``: does the page join the rows already seen, and which of its rows are new? *Nothing is lost:* a page
  that may leave a gap is not used.
- ``plan``: what is asked for next, above all after a gap? It decides only how many requests a walk takes.
- ``offsets``: what does ``offset`` count?
- ``end``: is a page the last, and can the rows be all? *Nothing is cut short.*

*Nothing goes on for ever:* after ``PATIENCE`` answers in a row that did not bring the walk on, and one more for every
two pages of rows seen, which a backtrack may have to cross again, the walk raises ``PaginationError``. After every
``DOUBT`` of them it tries another meaning of ``offset``, even where one was known, unless it crosses known rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from attrs import evolve

from brevo_balance_async.core.paging.end import End
from brevo_balance_async.core.paging.frontier import DisorderError, Frontier, choose
from brevo_balance_async.core.paging.listing import Step
from brevo_balance_async.core.paging.plan import Planner
from brevo_balance_async.errors import PaginationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brevo_balance_async.core.paging.listing import Batch, Listing, WalkMemory
    from brevo_balance_async.core.paging.offsets import Query

T = TypeVar("T")

PATIENCE = 20
DOUBT = 12


class Walk(Generic[T]):
    """One walk, from record ``offset`` on, which is its floor."""

    def __init__(self, listing: Listing[T], memory: WalkMemory, limit: int | None, offset: int) -> None:
        self.done: bool = False
        self._listing = listing
        self._memory = memory
        self._floor = offset
        self._planner = Planner(listing, memory, limit, offset)
        self._frontier: Frontier[T] | None = None
        self._seen = 0  # the record behind the furthest row seen, if nothing moved
        self._end = End()
        self._idle = 0  # answers in a row that did not bring the walk on
        self._failure: PaginationError | None = None

    @property
    def given(self) -> int:
        """How many rows were given."""
        return max(0, self._seen - self._floor)

    @property
    def count(self) -> int | None:
        """The last total stated."""
        return self._end.total

    @property
    def limit(self) -> int:
        """The page size."""
        return self._planner.size.limit

    @property
    def position(self) -> int:
        """The record behind the last page taken."""
        return self._planner.position

    @property
    def more(self) -> bool:
        """Whether something is left to come: rows, or the error that says why there are none."""
        return not self.done or self._failure is not None

    @property
    def knows_offsets(self) -> bool:
        """Whether it is known, or documented, what offset counts; or else what was fetched ahead is of no use."""
        return self._planner.offsets.follows

    def verify(self) -> None:
        """Raise if the walk cannot be promised to be whole."""
        if self._failure is not None:
            raise self._failure

    # What to ask ------------------------------------------------------------------------------------------------

    def next(self) -> Query:
        """The request that is due now."""
        self.verify()
        planner = self._planner
        if self._frontier is None:
            asked = planner.first()
        elif planner.overlap >= planner.size.largest:
            raise self._error(f"more rows share one sort key than a page of {planner.size.largest} holds")
        else:
            asked = planner.next(near=self._end.near)
        return evolve(asked, heard=self._end.largest)

    def after(self, ahead: Query | None, stop: int | None = None) -> Query | None:
        """The request after ``ahead`` (None: after the last page taken), if its rows are known to exist.

        For fetching ahead: it supposes that the pages between bring what they are asked for. No request is made
        for rows from position ``stop`` on.
        """
        if self.count is None or self._frontier is None or self._end.near or self.done:
            return None
        if self._seen < self._floor:  # soon it will go there, and not through the rows between
            return None
        asked = self._planner.after(ahead, self.count if stop is None else min(self.count, stop))
        return None if asked is None else evolve(asked, heard=self._end.largest)

    def refused(self, asked: Query) -> bool:
        """Take the refusal of ``asked.limit``: whether a smaller one is worth asking for."""
        return self._planner.size.refused(asked)

    # What came --------------------------------------------------------------------------------------------------

    def hear(self, asked: Query, count: int | None) -> None:
        """Take note of a stated total as soon as it comes, which may be before the turn of its rows."""
        self._end.hear(asked, count)

    def feed(self, asked: Query, batch: Batch[T]) -> Step[T] | None:
        """Take the answer to ``asked``: its new rows, or None if it brings none that may be used."""
        rows, planner = batch.items, self._planner
        gone = self._end.take(asked, batch.count)
        planner.size.answered(asked)
        if len(rows) > asked.limit:
            raise self._error(f"the server sent {len(rows)} rows where {asked.limit} were asked for")
        asked = planner.offsets.placed(asked)
        if asked.peek:
            self._peeked(asked, rows)
            return None
        if self._frontier is None and not self._begins(asked, batch):
            return None
        fresh = self._join(asked, rows)
        if fresh is None:
            self._end.near = False
            planner.gap(asked.at if rows or self.count is None else min(asked.at, self.count), gone)
            self._idled()
            return None
        return self._take(asked, batch, fresh)

    def _peeked(self, asked: Query, rows: Sequence[T]) -> None:
        """Take the answer to the question whether any row stands behind the last."""
        if not (rows or self._end.moved) and max(1, self.count or 0) <= self.position <= self._seen:
            self._finish()
            return
        # A row not seen yet does not join here. A known one does: offset counts pages from 1, or a row came in.
        known = bool(rows) and self._join(asked, rows) is not None
        self._planner.beyond = int(known and not self._planner.beyond)
        self._end.near = self._planner.beyond > 0
        self._idled()

    def _begins(self, asked: Query, batch: Batch[T]) -> bool:
        """Whether the first page can begin the walk: it is the listing's first, or holds the row at the floor."""
        rows, total = batch.items, batch.count
        if rows and (asked.at == 0 or asked.at + len(rows) > self._floor):
            ordered = self._listing.name not in self._memory.unordered
            self._frontier = choose(self._listing, rows, ordered=ordered, low=asked.at)
            self._seen = asked.at
            return True
        if len(rows) < asked.limit and (total is None or total <= self._floor):
            self._finish()  # the listing ends before the floor
        else:
            self._idled()
        return False

    def _join(self, asked: Query, rows: Sequence[T]) -> Sequence[int] | None:
        assert self._frontier is not None
        sure = asked.at == 0 or asked.peek or self._planner.offsets.known
        try:
            fresh = self._frontier.join(rows, asked.at, sure=sure)
        except DisorderError as exc:
            if exc.lasting:
                self._memory.unordered.add(self._listing.name)
            hint = "; the next walk will not rely on it" if exc.lasting else ""
            raise self._error(f"{exc}{hint}") from None
        # A full page of known rows would reach further than the last one, if it stood where it is believed to.
        elsewhere = not (fresh or sure) and len(rows) == asked.limit
        return None if elsewhere else fresh

    def _take(self, asked: Query, batch: Batch[T], fresh: Sequence[int]) -> Step[T]:
        """Take a page that joins; its rows number ``fresh`` are new, and those before the floor are not given."""
        assert self._frontier is not None
        planner, length, last = self._planner, len(batch.items), self.position
        if fresh and not planner.offsets.known:
            asked = planner.offsets.learn(asked, last - self._frontier.known)
        stands = planner.stands(asked, length)
        self._end.moved |= stands and self._frontier.known > max(0, last - asked.at)  # rows came in before
        passed = max(0, self._floor - self._seen)
        self._seen += len(fresh)
        if stands and (fresh or asked.at == 0 or planner.offsets.known):
            end = asked.at + length
        else:
            end = self._seen if fresh else last
        step = Step.of(batch.items, fresh[passed:], end)
        same = self._frontier.same_end or (self._seen == batch.count and not self._end.moved)
        less, short = length < asked.limit, length < min(asked.limit, planner.longest)
        on = bool(fresh) and fresh[-1] == length - 1  # new rows before known ones do not bring the walk on
        planner.taken(asked, length, end, self._frontier.overlap, on=on)
        if self._end.reached(asked, end, batch.count, less=less, short=short, fresh=bool(fresh), same=same):
            self._finish()
            return step
        if self._seen < self._floor and planner.offsets.known:  # go to the floor without the rows between
            self._frontier, planner.position = None, self._floor
            self._idled()  # it may come by these rows again
        elif on:
            self._idle = 0
        elif fresh or not (short and same):  # or it is a proof of the end, and few of these are asked for
            self._idled()
        return step

    def _idled(self) -> None:
        """Take note of an answer that did not bring the walk on."""
        self._idle += 1
        if self._idle >= PATIENCE + self._seen // (2 * self.limit):
            raise self._error(f"{self._idle} answers in a row brought nothing new")
        crosses = self._planner.offsets.known and self.position < self._seen  # known rows, after a backtrack
        if self._idle % DOUBT == 0 and self._frontier is not None and not crosses:
            self._planner.doubt(self._seen)

    def _finish(self) -> None:
        self.done = True
        if self._frontier is not None and self._frontier.needs_total:
            reason = self._end.complaint(self._seen)
            if reason:
                self._error(reason)

    def _error(self, reason: str) -> PaginationError:
        error = PaginationError(
            f"the walk cannot promise to be whole: {reason} ({self.given} rows were given; the stated total is "
            f"{self.count})",
            position=self.position,
            seen=self.given,
        )
        error.endpoint = self._listing.name
        self._failure = error
        return error
