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
- ``end``: is a page the last? *Nothing is cut short.*

*Nothing goes on for ever:* after ``PATIENCE`` answers in a row without a new row, and one more for every two pages
that a backtrack may have to cross again, the walk raises ``PaginationError``. Every ``DOUBT`` of them it asks anew
what ``offset`` counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from attrs import evolve

from brevo_balance_async.core.paging.end import End, Totals
from brevo_balance_async.core.paging.frontier import DisorderError, Frontier, choose
from brevo_balance_async.core.paging.listing import Step
from brevo_balance_async.core.paging.offsets import Purpose
from brevo_balance_async.core.paging.plan import Planner
from brevo_balance_async.errors import PaginationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brevo_balance_async.core.paging.listing import Batch, Listing, WalkMemory
    from brevo_balance_async.core.paging.offsets import Query

T = TypeVar("T")

PATIENCE = 20
DOUBT = 6  # twice as many where what offset counts was proved


class Walk(Generic[T]):
    """One walk, from record ``offset`` on. ``given`` counts its rows."""

    def __init__(self, listing: Listing[T], memory: WalkMemory, limit: int | None, offset: int) -> None:
        self.done: bool = False
        self.given: int = 0
        self._listing = listing
        self._memory = memory
        self._floor = offset
        self._planner = Planner(listing, memory, limit, offset)
        self._frontier: Frontier[T] | None = None
        self._end = End()
        self._totals = Totals()
        self._idle = 0  # answers in a row without a new row
        self._failure: PaginationError | None = None

    @property
    def count(self) -> int | None:
        """The last total stated."""
        return self._totals.last

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
        """Whether it is known what offset counts; or else what was fetched ahead is of no use."""
        return self._planner.follows

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
            asked = planner.end() if self._end.near else planner.next()
        return evolve(asked, heard=self._totals.largest)

    def after(self, ahead: Query | None, stop: int | None = None) -> Query | None:
        """The request after ``ahead`` (None: after the last page taken), if its rows are known to exist.

        For fetching ahead: it supposes that the pages between bring what they are asked for. No request is made
        for rows from position ``stop`` on.
        """
        if self.count is None or self._frontier is None or self._end.near or self.done:
            return None
        asked = self._planner.after(ahead, self.count if stop is None else min(self.count, stop))
        return None if asked is None else evolve(asked, heard=self._totals.largest)

    def refused(self, asked: Query) -> bool:
        """Take the refusal of ``asked.limit``: whether a smaller one is worth asking for."""
        return self._planner.size.refused(asked)

    # What came --------------------------------------------------------------------------------------------------

    def hear(self, asked: Query, count: int | None) -> None:
        """Take note of a stated total as soon as it comes, which may be before the turn of its rows."""
        self._totals.hear(asked, count)

    def feed(self, asked: Query, batch: Batch[T]) -> Step[T] | None:
        """Take the answer to ``asked``: its new rows, or None if it brings none that may be used."""
        rows, planner = batch.items, self._planner
        gone = self._totals.take(asked, batch.count)
        planner.size.answered(asked)
        if len(rows) > asked.limit:
            raise self._error(f"the server sent {len(rows)} rows where {asked.limit} were asked for")
        if asked.purpose is Purpose.PROBE:
            asked = planner.offsets.learn(asked, [self._listing.identity(row) for row in rows])
        elif asked.at == 0:
            planner.offsets.keep(asked, [self._listing.identity(row) for row in rows], planner.size.largest)
        if self._frontier is None:
            return self._begin(asked, batch)
        if asked.purpose is Purpose.END and not rows and self._is_all(asked.at):
            self._finish()
        elif asked.purpose in (Purpose.SAMPLE, Purpose.PROBE) and asked.at + len(rows) <= self.position:
            self._idled()  # it was asked for to learn, and brings no more
        elif (fresh := self._join(self._frontier, asked, rows)) is not None:
            return self._take(asked, batch, fresh)
        else:
            self._gap(asked, rows, gone)
        return None

    def _gap(self, asked: Query, rows: Sequence[T], gone: int) -> None:
        """Take note of a page that does not join, while the stated total dropped by ``gone``."""
        planner, count = self._planner, self.count
        self._end.near = False
        if not planner.stands(asked, len(rows)):  # a silent cap moved it too far back to join
            planner.longest, planner.capped = max(planner.longest, len(rows)), True
        elif asked.purpose is Purpose.ROWS or not rows:
            planner.gap(asked.at if rows or count is None else min(asked.at, count), gone)
        self._idled()

    def _join(self, frontier: Frontier[T], asked: Query, rows: Sequence[T]) -> Sequence[int] | None:
        known = self.position - asked.at if self._planner.stands(asked, len(rows)) else len(rows)
        try:
            return frontier.join(rows, asked.at, max(0, known))
        except DisorderError as exc:
            if exc.lasting:
                self._memory.unordered.add(self._listing.name)
            hint = "; the next walk will not rely on it" if exc.lasting else ""
            raise self._error(f"{exc}{hint}") from None

    def _begin(self, asked: Query, batch: Batch[T]) -> Step[T] | None:
        """Take the first page, if it holds the row at the floor; the rows before that are skipped."""
        rows, length, planner = batch.items, len(batch.items), self._planner
        probe = asked.purpose is Purpose.PROBE
        behind = not rows or asked.at + length <= self._floor  # the floor lies behind it
        few = not rows if batch.count is None else batch.count <= self._floor and length < asked.limit
        if behind and few and not probe:  # the listing ends before the floor
            self._finish()
            return None
        if behind or probe or not planner.stands(asked, length):
            if rows and not probe:
                planner.longest, planner.capped = length, length < asked.limit
            self._idled()
            return None
        planner.offsets.asking = False
        ordered = self._listing.name not in self._memory.unordered
        self._frontier = choose(self._listing, rows, ordered=ordered, low=asked.at)
        fresh = self._join(self._frontier, asked, rows)
        assert fresh is not None
        return self._take(asked, batch, fresh[self._floor - asked.at :], begun=True)

    def _take(self, asked: Query, batch: Batch[T], fresh: Sequence[int], *, begun: bool = False) -> Step[T]:
        """Take a page that joins; its rows number ``fresh`` are new."""
        assert self._frontier is not None
        planner, length, last, same = self._planner, len(batch.items), self.position, self._frontier.same_end
        if fresh and not begun and not planner.offsets.proved:
            planner.offsets.prove(asked, self._seen - fresh[0])
        stands = planner.stands(asked, length)
        less = length < asked.limit
        short = stands and planner.is_short(asked, length)
        self._totals.moved |= self._frontier.shifted and (bool(fresh) or short)
        self.given += len(fresh)
        end = asked.at + length if stands else self._seen if fresh else last
        step = Step.of(batch.items, fresh, end)
        planner.taken(length, end, self._frontier.overlap, fresh=bool(fresh))
        certain = stands and less and (begun or asked.at == 0)
        # A later page without new rows does not count: after an update the total may fit too early.
        certain = certain or (short and bool(fresh) and planner.offsets.proved)
        if self._end.reached(
            end, batch.count, less=less, short=short, certain=certain, fresh=bool(fresh), same=same
        ):
            self._finish()
            return step
        planner.capped |= less
        if not (fresh or planner.offsets.sure or asked.at < last <= end):  # it seems to stand elsewhere
            planner.doubt(self._seen)
        if fresh:
            self._idle = 0
        elif not (short and same):  # or it is a proof of the end, and few of these are asked for
            self._idled()
        return step

    def _is_all(self, at: int) -> bool:
        """Whether all rows are known if nothing stands at record ``at``."""
        return at == self.position > 0 and (self.count is None or self.count <= at)

    @property
    def _seen(self) -> int:
        """The record behind the furthest row seen, if nothing moved."""
        return self._floor + self.given

    def _idled(self) -> None:
        """Take note of an answer without a new row."""
        self._idle += 1
        if self._idle >= PATIENCE + self._seen // (2 * self.limit):
            raise self._error(f"{self._idle} answers in a row brought nothing new")
        if self._idle % (2 * DOUBT if self._planner.offsets.proved else DOUBT) == 0 and self._floor == 0:
            self._end.near = False
            self._planner.doubt(self._seen)

    def _finish(self) -> None:
        self.done = True
        if self._frontier is not None:
            total = None if self.count is None else max(0, self.count - self._floor)
            reason = self._frontier.complaint(total, self.given, moved=self._totals.moved)
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
