"""The walk through one listing, without I/O: which request is due next, and which rows of an answer are new.

Drive it so, from anywhere::

    while not walk.done:
        window = walk.next()
        step = walk.feed(window, answer_to(window.limit, window.offset))
    walk.verify()

*Nothing is lost.* A page is used only if it starts at 0 or joins the rows already seen; ``frontier`` has the
proof. A page that does not join, because rows before it went away, is followed by one that starts further back.
What ``offset`` means (``offsets``) and where a page is thought to start (``plan``) decide only how
many requests a walk takes.

*Nothing is cut short.* The walk ends on a page that joins, is short, and stands where its last row is the last of
the stated total. Where the total is absent or does not fit, it ends on a page of known rows that is shorter than
asked and than the server can make them. A total that promises more, or a page that was cut short before, takes
``PROOFS`` of them, each of another length: neither a cap nor an accident looks like that. In a listing of so few
rows that no page can overlap them, nothing must follow the last row, and the first page must still be the same.

*Nothing goes on for ever.* After ``PATIENCE`` answers in a row without a new row the walk raises
``PaginationError``; every ``DOUBT`` of them it asks anew what ``offset`` means.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from attrs import evolve, frozen

from brevo_balance_async.core.paging.frontier import DisorderError, Frontier, Signs, choose
from brevo_balance_async.core.paging.offsets import Window
from brevo_balance_async.core.paging.plan import Route
from brevo_balance_async.errors import PaginationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brevo_balance_async.core.paging.listing import Batch, Listing, OffsetMeaning, WalkMemory

T = TypeVar("T")

PATIENCE = 20
"""Answers in a row without a new row after which a walk gives up."""

DOUBT = 6
"""Answers in a row without a new row after which it asks anew what ``offset`` counts; twice as many if that was
proved by an earlier page."""

NOTHING, AGAIN = 0, -1  # proofs that are no lengths: nothing follows; the first page is still the same

PROOFS = 3
"""Pages that must show the end where the total contradicts it, or where pages were cut short."""


TAIL = 8
"""Short pages in a row, each with new rows, at which a walk without a total stops following rows that are added."""


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
        self._first: Sequence[T] = ()  # the row at the floor, if the walk began there
        self._edge = 0  # the position of the first row that was not seen
        self._skip = 0  # rows before the floor that are still to come
        self._leaps = offset > 0  # the walk may begin at the floor, without the rows before it
        self._believed: OffsetMeaning | None = (
            None  # what offset was thought to count when the walk began there
        )
        self._route = Route(listing, memory, limit, offset)
        self._frontier: Frontier[T] | None = None
        self._signs = Signs()
        self._heard: tuple[int, int] | None = None
        self._turn: int | None = None  # pages asked for to make sure of the end, if it may have been reached
        self._proofs: set[int] = set()  # their lengths
        self._tail = 0  # short pages with new rows, in a row
        self._final: T | None = None  # the row that may be the last
        self._ended = 0  # length of the page that ended with it, if that was short
        self._moved = False  # whether that page had no new rows: what came last before may have gone away
        self._idle = 0
        self._asked = Window(0, 0, 0)
        self._complaint = ""
        self._failure: PaginationError | None = None

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

    @property
    def shortened(self) -> bool:
        """Whether the last page was short and may have been capped, so that what was asked for ahead does not fit."""
        return self._route.short > 0

    def next(self) -> Window:
        """The request that is due now."""
        route = self._route
        if self._failure is not None:
            raise self._failure
        if self._leaps and route.proved and route.position + route.limit < self._floor:
            self._frontier, self._turn = None, None
            route.leap(self._floor)
        if self._frontier is None:
            window = route.first()
        elif self._turn is not None:
            window = route.behind(self._turn)
        elif self._frontier.overlap >= route.served:
            raise self._error(f"more rows share one sort key than a page of {route.served} holds")
        else:
            window = route.next()
        self._asked = evolve(window, heard=self._heard)
        return self._asked

    def after(self, ahead: Window | None, stop: int | None = None) -> Window | None:
        """The request after ``ahead`` (None: after the last page taken), if its rows are known to exist.

        For fetching ahead: it supposes that the pages between bring what they are asked for. No request is made
        for rows from position ``stop`` on.
        """
        if self.count is None or self._turn is not None or self._frontier is None or self.done:
            return None
        window = self._route.after(ahead, self.count if stop is None else min(self.count, stop))
        return None if window is None else evolve(window, heard=self._heard)

    def refused(self, asked: Window) -> bool:
        """Take a 422 to ``asked``: whether a smaller limit is worth asking for."""
        return self._route.refused(asked)

    def hear(self, asked: Window, count: int | None) -> None:
        """Take note of a stated total as soon as it comes, which may be before the turn of its rows."""
        if count is None:
            return
        if asked.heard is not None:
            self._signs.grew |= count > asked.heard[0]
            self._signs.shrank |= count < asked.heard[1]
        least, most = self._heard or (count, count)
        self._heard = min(least, count), max(most, count)

    def feed(self, asked: Window, batch: Batch[T]) -> Step[T] | None:
        """Take the answer to ``asked``: its new rows, or None if the page cannot be used (now)."""
        rows, route, gone = batch.items, self._route, 0
        self.hear(asked, batch.count)
        if batch.count is not None:
            gone = 0 if self.count is None else self.count - batch.count
            self.count = batch.count
        route.answered(asked)
        asking = route.meaning is None
        if asking or asked.offset == 0:
            placed = route.learned(asked, [self._mark(row) for row in rows])
            if placed is None:
                self._tick()
                return None
            asked = placed
        if asked.at == 0 and self._first and rows[self._floor : self._floor + 1] == self._first:
            self._believed = None
        try:
            if self._frontier is None:
                return self._begin(asked, batch)
            known = max(0, self.position - asked.at)
            if not route.stands(asked, len(rows)) or self.position != self._edge:
                known = len(rows)  # where it stands is a guess
            if rows:
                end = len(rows) < asked.limit and self._frontier.ends(rows, self._final)
            else:
                end = (asking or route.found) and asked.at == self.position
            fresh = self._frontier.join(rows, asked.at, known)
        except DisorderError as exc:
            if exc.lasting:
                self._memory.unordered.add(self._listing.name)
            raise self._error(f"{exc}; the next walk will not rely on it") from None
        if fresh is not None:
            return self._take(asked, batch, fresh, end=end)
        if end and asked.at + len(rows) == self.position:
            self._confirm(asked, batch)
        else:
            self._tick()
            if rows and not route.stands(asked, len(rows)):
                route.cap(len(rows))  # a silent cap moved it too far back to join
            elif not self._turn:
                at = asked.at if rows or self.count is None else min(asked.at, self.count)
                route.gap(at, gone=max(0, gone))
            self._turn = None
        return None

    def _mark(self, row: T) -> object:
        ident = self._listing.identity(row)
        return row if ident is None else ident

    def _begin(self, asked: Window, batch: Batch[T]) -> Step[T] | None:
        rows, route = batch.items, self._route
        end = asked.at + len(rows)
        if asked.at == 0 and not rows:
            if self.count:
                self._tick()
            else:
                self._finish()
            return None
        beyond = self.count is not None and end > self.count  # so it does not stand where it was thought to
        if asked.at > 0 and (end <= self._floor or beyond or not route.stands(asked, len(rows))):
            if self.count is not None and self.count <= self._floor and (not rows or self.count == end):
                self._finish()
                return None
            self._tick()
            if rows and route.meaning != "records" and self._idle < DOUBT:
                route.cap(len(rows))
            else:  # go there row by row
                self._leaps = False
                route.forget(0)
            return None
        late = asked.at > 0
        if late:
            route.short, route.capped = 0, False
        self._leaps = self._leaps and not late
        self._believed = route.meaning if late else None
        self._skip = self._floor - asked.at
        self._first = rows[self._skip : self._skip + 1]
        ordered = self._listing.name not in self._memory.unordered
        self._frontier = choose(self._listing, rows, ordered=ordered, floor=self._floor if late else 0)
        return self._take(asked, batch, self._frontier.begin(rows), end=False, begun=True)

    def _take(
        self, asked: Window, batch: Batch[T], fresh: Sequence[int], *, end: bool, begun: bool = False
    ) -> Step[T]:
        """Take a page that joins; its rows number ``fresh`` are new. ``end``: it ends with what may be the last row."""
        assert self._frontier is not None
        rows, route, length = batch.items, self._route, len(batch.items)
        first = fresh[0] if fresh else None
        seen_at = asked.at if begun else self._edge - (length if first is None else first)
        if not begun and (fresh or end):
            self._prove(asked, seen_at)
        exact = asked.at in (0, seen_at) or (route.proved and route.stands(asked, length))
        short = length < asked.limit
        self._tail = self._tail + 1 if fresh and short and length < route.longest else 0
        ends = self._ends(asked, batch, exact=exact, begun=begun)
        if not ends and (fresh or not end):
            route.shortened(asked, length, before=bool(fresh) and self._turn is not None)
        route.least = self._frontier.overlap
        route.taken(asked, length, first, exact=exact)
        step = self._step(rows, fresh)
        if first is not None or end:
            self._edge = route.position
        last = rows and self._mark(rows[-1])
        other = self._final is None or last != self._mark(self._final)
        if first is not None or (rows and short and not end and other and route.stands(asked, length)):
            self._final, self._ended, self._moved = rows[-1], length if short else 0, first is None
        if ends:
            self._finish()
        elif first is not None:
            self._idle = 0
            self._turn, self._proofs = 0 if short else None, set()
        elif end:
            self._confirm(asked, batch)
        else:
            self._tick()
        return step

    def _prove(self, asked: Window, seen_at: int) -> None:
        """Hold what offset is thought to count against where the page was seen to start."""
        self._route.prove(asked, seen_at)
        if self._believed is not None and self._route.proved and self._route.meaning != self._believed:
            raise self._error(
                f"it did not begin at position {self._floor}: offset counts {self._route.meaning}"
            )

    def _ends(self, asked: Window, batch: Batch[T], *, exact: bool, begun: bool) -> bool:
        """Whether a page that joins is the last, with no need to ask for what follows."""
        length = len(batch.items)
        uncut = begun or asked.at == 0 or self._uncapped(length)
        whole = length > asked.limit or (length < asked.limit and uncut)
        ends = whole and exact and batch.count == asked.at + length
        return (ends or (batch.count is None and self._tail >= TAIL)) and (begun or self._begun_right)

    def _step(self, rows: Sequence[T], fresh: Sequence[int]) -> Step[T]:
        """The new rows, without those before the floor, each with its position."""
        skipped, self._skip = min(self._skip, len(fresh)), max(0, self._skip - len(fresh))
        fresh = fresh[skipped:]
        self.given += len(fresh)
        base = self._route.position - len(rows)
        if fresh and fresh[-1] - fresh[0] == len(fresh) - 1:  # nearly always: they follow one another
            begin, behind = fresh[0], fresh[-1] + 1
            return Step([*rows[begin:behind]], range(base + begin + 1, base + behind + 1))
        return Step([rows[index] for index in fresh], [base + index + 1 for index in fresh])

    @property
    def _begun_right(self) -> bool:
        """Whether the walk began at its floor: at row 0, or where a later page proved offset to point to."""
        return self._believed is None or self._route.proved

    def _uncapped(self, length: int) -> bool:
        """Whether no silent cap can have made a page that ends with the final row as short as this."""
        return length != self._ended and (length < self._route.longest or 0 < self._ended < length)

    def _confirm(self, asked: Window, batch: Batch[T]) -> None:
        """Take a page that brought nothing new, and that looks as if nothing followed."""
        length, proofs, route = len(batch.items), self._proofs, self._route
        if length == 0:
            proofs.add(NOTHING)
        elif self._uncapped(length):
            proofs.add(length)
        elif asked.at == 0 and NOTHING in proofs:
            proofs.add(AGAIN)
        sure = (
            self._begun_right
            and not route.cut
            and not self._moved
            and (batch.count is None or batch.count <= route.position)
        )
        overlapping = len(proofs - {NOTHING, AGAIN})
        enough = overlapping >= (1 if sure else PROOFS) or (sure and proofs >= {NOTHING, AGAIN})
        if enough and self._begun_right:
            self._finish()
        else:
            self._turn = (self._turn or 0) + 1
            self._tick()

    def _tick(self) -> None:
        self._idle += 1
        if self._idle >= PATIENCE:
            raise self._error(f"{PATIENCE} answers in a row brought nothing new")
        if self._idle % (2 * DOUBT if self._listing.name in self._memory.offset_counts else DOUBT) == 0:
            self._turn = None
            self._edge = 0 if self._frontier is None else self._floor - self._skip + self.given
            self._route.forget(self._edge)

    def _finish(self) -> None:
        self.done = True
        if self._frontier is not None:
            total = None if self.count is None else max(0, self.count - self._floor)
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
        self._failure = error
        return error
