"""``Paginator`` and ``Page``: walk a listing of any length, page by page, through a fetch coroutine.

A walk promises to give every row that exists throughout the walk exactly once, or to raise ``PaginationError``. Rows
may be inserted and deleted meanwhile. The promise depends on the sort key of the listing:

- A key that never changes (``createdAt``: history, active balances): the promise holds, and memory does not grow.
- A key that changes (``updatedAt``, ``value``), or one that the rows do not show: each id is given once. At the end
  the number of rows is compared with the total if the server states one. Memory grows by about 15 bytes a row.
  Without a stated total such a listing is not promised to be whole while it changes.
  ``collect_checked`` promises more.

A row without an id, and a page that is longer than asked for, raise ``PaginationError``.

Some servers look as if the listing ended, and no walk can notice: one that sends fewer rows than asked for and states
that number as the total; and, if no total is stated, one whose first answer is empty, or whose answers end at the
same row twice, or which gives a few rows at a time while rows go away, or while rows with equal keys change places.
If a server silently shortens pages to fewer than about 20 rows, two pages may not overlap, which raises
``PaginationError``.

How a walk decides is in ``core.paging``; this module makes the requests. Brevo counts requests by the hour
(https://developers.brevo.com/docs/api-limits), so the default page is the largest that is allowed, and pages are
fetched ahead only on demand, and only if they are known to exist.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Awaitable, Callable, Generator, Iterator, Sequence
from operator import length_hint
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeAlias, TypeVar

from attrs import define, field

from brevo_balance_async._renamed import PAGE, PAGINATOR, no_attribute
from brevo_balance_async.core.paging.listing import Batch, Listing, OffsetMeaning, WalkMemory
from brevo_balance_async.core.paging.readahead import ReadAhead
from brevo_balance_async.core.paging.walk import Walk
from brevo_balance_async.errors import InvalidRequestError, PaginationError

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self


__all__ = [
    "Batch",
    "Fetch",
    "Listing",
    "OffsetMeaning",
    "Page",
    "PageIterator",
    "Paginator",
    "RowIterator",
    "WalkMemory",
]

T = TypeVar("T")
Fetch: TypeAlias = Callable[[int, int], Awaitable[Batch[T]]]
"""``await fetch(limit, offset)`` requests one page."""


class _Cursor:
    """The position of one walk. The paginator keeps it and not the iterator, which ends when the caller drops it."""

    def __init__(self, position: int) -> None:
        self._end = position
        self._left: Iterator[Any] = iter(())

    @property
    def position(self) -> int:
        """The position after the last row that was given. It is computed here, and not at every row."""
        return self._end - length_hint(self._left)

    def give(self, rows: Sequence[T], end: int) -> Iterator[T]:
        """Rows that ``end`` at that position, one by one; ``position`` follows."""
        self._end, self._left = end, iter(rows)
        return self._left


@define(eq=False)
class Page(Generic[T]):
    """One page of a walk: ``items`` are the rows that are new, in the order of the listing.

    ``count`` is the total that the server states (None: it states none). ``offset`` is the position of the first row,
    counted in records even if the server's own ``offset`` counts pages. ``limit`` is the page size asked for; a page
    may have fewer rows. ``has_more`` is false when the walk is complete. While that is unknown it is true, and the
    next page may be empty.
    """

    items: Sequence[T]
    count: int | None
    offset: int
    limit: int
    has_more: bool
    _fetch: Fetch[T] = field(repr=False)
    _walk: Walk[T] = field(repr=False)
    # Weak, because a page that somebody keeps must not keep requests in flight.
    _reader: weakref.ref[ReadAhead[T]] = field(repr=False)
    _given: int = field(repr=False)
    _left: int | None = field(repr=False)
    _following: Page[T] | None = field(default=None, init=False, repr=False)
    _asking: asyncio.Lock = field(factory=asyncio.Lock, init=False, repr=False)

    if not TYPE_CHECKING:  # to a type checker it would mean that every attribute exists

        def __getattr__(self, name: str) -> NoReturn:
            raise no_attribute(self, name, PAGE)

    async def next(self) -> Page[T]:
        """The page after this one; after the last page, an empty one.

        Raises ``PaginationError`` for an incomplete walk, and if an iterator has already read past this page. Raises
        what the listing's call raises.
        """
        async with self._asking:
            if self._following is None:
                if self._walk.given != self._given:
                    raise PaginationError(
                        "the walk has already gone on past this page; use the pages in order",
                        seen=self._given,
                    )
                reader = self._reader()
                if reader is None or reader.closed:
                    reader = ReadAhead(self._fetch, self._walk, 0, self._left)
                self._following = await PageIterator(reader, _Cursor(self.offset + len(self.items))).page()
        return self._following


class _WalkIterator(Generic[T]):
    """What both iterators share: one walk, and how it ends.

    Requests in flight are cancelled when the walk ends, fails or is closed (``aclose``, ``async with``), and when the
    iterator is garbage collected, as after ``break``. After an error of a request, the next ``anext`` repeats the
    request and the walk goes on. An iterator serves one task at a time: if a second task calls ``anext`` meanwhile,
    it raises ``ClientStateError``.
    """

    def __init__(self, reader: ReadAhead[T], cursor: _Cursor) -> None:
        self._reader = reader
        self._cursor = cursor

    async def aclose(self) -> None:
        """End the walk: cancel requests in flight and wait until they have ended."""
        await self._reader.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()


class PageIterator(_WalkIterator[T]):
    """Iterates over the pages of one walk."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Page[T]:
        page = await self.page()
        if not page.items:
            raise StopAsyncIteration
        return page

    async def page(self) -> Page[T]:
        """The next page; an empty one at the end."""
        reader = self._reader
        step, walk = await reader.step(), reader.walk
        rows: Sequence[T] = () if step is None else step.rows
        if step is None:
            offset, more = self._cursor.position, False
        else:
            offset, more = step.end - len(rows), walk.more and reader.left != 0
            self._cursor.give((), step.end)
        return Page(
            items=rows,
            count=walk.count,
            offset=offset,
            limit=walk.limit,
            has_more=more,
            fetch=reader.fetch,
            walk=walk,
            reader=weakref.ref(reader),
            given=walk.given,
            left=reader.left,
        )


class RowIterator(_WalkIterator[T]):
    """Iterates over the rows of one walk."""

    _left: Iterator[T] = iter(())
    """Rows of the last page that were not given yet."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        while True:
            for row in self._left:  # returns at the first row; ends at once if there is none
                return row
            step = await self._reader.step()
            if step is None:
                raise StopAsyncIteration
            self._left = self._cursor.give(step.rows, step.end)

    async def aclose(self) -> None:
        """End the walk: cancel requests in flight and wait until they have ended."""
        self._left = iter(())
        await super().aclose()


class Paginator(Generic[T]):
    """A listing that can be walked. Making one sends no request.

    ``async for row in p`` gives all rows, ``async for page in p.pages()`` all pages, ``await p`` the first ``Page``,
    ``await p.collect()`` a list. Each of them is a new walk from ``offset``; walks may run concurrently. ``limit`` is
    the page size; None asks for the largest page that Brevo allows (500). If the server refuses that with 422, the
    listing's default page size is used and remembered in ``memory``.

    Walking raises ``PaginationError`` for an incomplete walk, and what the listing's call raises.
    """

    def __init__(
        self,
        fetch: Fetch[T],
        listing: Listing[T],
        memory: WalkMemory,
        *,
        limit: int | None = None,
        offset: int = 0,
        ahead: int = 0,
        most: int | None = None,
    ) -> None:
        self._fetch = fetch
        self._listing = listing
        self._memory = memory
        self._limit = limit
        self._offset = offset
        self._ahead = ahead
        self._most = most
        self._cursor = _Cursor(offset)

    @property
    def position(self) -> int:
        """The position after the last row of the walk that was started last, counted in records.

        Pass it as ``offset`` to continue later. That is a new walk, which promises nothing about earlier rows: if
        rows before the position are inserted or deleted meanwhile, it begins too early or too late.
        """
        return self._cursor.position

    def pages(self) -> PageIterator[T]:
        """A new walk that gives pages."""
        return PageIterator(self._reader(), self._cursor)

    def __aiter__(self) -> RowIterator[T]:
        return RowIterator(self._reader(), self._cursor)

    if not TYPE_CHECKING:  # a type checker says it before the program runs

        def __iter__(self) -> NoReturn:
            raise TypeError("a Paginator is asynchronous: use 'async for', or await paginator.collect()")

        def __getattr__(self, name: str) -> NoReturn:
            raise no_attribute(self, name, PAGINATOR)

    def __repr__(self) -> str:
        asked = {"limit": self._limit, "offset": self._offset or None}
        arguments = ", ".join(f"{name}={value}" for name, value in asked.items() if value is not None)
        take = "" if self._most is None else f".take({self._most})"
        prefetch = f".prefetch({self._ahead})" if self._ahead else ""
        return f"<Paginator {self._listing.name}({arguments}){take}{prefetch}>"

    def _reader(self, most: int | None = None) -> ReadAhead[T]:
        self._cursor = _Cursor(self._offset)
        left = min((each for each in (self._most, most) if each is not None), default=None)
        limit = min(left, self._limit or self._listing.max_limit) if left else self._limit
        walk = Walk(self._listing, self._memory, limit, self._offset)
        return ReadAhead(self._fetch, walk, self._ahead, left)

    def __await__(self) -> Generator[Any, None, Page[T]]:
        return self._first().__await__()

    async def _first(self) -> Page[T]:
        async with self.prefetch(0).pages() as pages:
            page = await pages.page()
        self._cursor = _Cursor(page.offset + len(page.items))
        return page

    async def collect(self, max_items: int | None = None) -> list[T]:
        """All rows in a list; ``collect(n)`` is the same as ``take(n).collect()``.

        Raises ``InvalidRequestError`` if ``max_items`` is negative, and what walking raises.
        """
        if max_items is not None and max_items < 0:
            raise InvalidRequestError("max_items", "must not be negative")
        async with RowIterator(self._reader(max_items), self._cursor) as walk:
            return [row async for row in walk]

    async def collect_checked(self, max_walks: int = 5) -> list[T]:
        """All rows, walked until two walks in a row find the same rows. It takes at least twice the requests.

        It is for listings whose sort key changes (``updatedAt``, ``value``): a single walk may miss a row if several
        rows move between two requests. Returns the rows of the later walk. Raises ``PaginationError`` if no two
        successive walks of ``max_walks`` (5) agree; a walk that raised ``PaginationError`` agrees with none. Raises
        ``InvalidRequestError`` if ``max_walks`` is less than 2, and what walking raises.
        """
        if max_walks < 2:
            raise InvalidRequestError("max_walks", "must be at least 2")
        earlier: list[T] | None = None
        failure: PaginationError | None = None
        for _ in range(max_walks):
            try:
                rows = await self.collect()
            except PaginationError as exc:
                earlier, failure = None, exc
                continue
            if earlier is not None and self._same(earlier, rows):
                return rows
            earlier = rows
        error = PaginationError(
            f"no two of {max_walks} walks in a row found the same rows", position=self.position
        )
        error.endpoint = self._listing.name
        raise error from failure

    def _same(self, earlier: list[T], later: list[T]) -> bool:
        ids, others = ({self._listing.identity(row) for row in rows} for rows in (earlier, later))
        return ids == others

    def prefetch(self, pages: int) -> Paginator[T]:
        """The same listing with up to ``pages`` pages fetched ahead; 0 turns it off.

        Order and promise stay the same. Only pages that are known to exist are fetched ahead, so it does nothing for
        a listing without a total. At most ``pages`` pages are held in memory. When the caller stops, for instance by
        ``break``, the requests in flight are cancelled. It is off by default, because pages that are never read cost
        quota too. Raises ``InvalidRequestError`` if ``pages`` is negative.
        """
        if pages < 0:
            raise InvalidRequestError("pages", "must not be negative")
        return self._copy(ahead=pages, most=self._most)

    def take(self, rows: int) -> Paginator[T]:
        """The first ``rows`` rows of the same listing, with no more requests than they need.

        The latest five transactions are ``history.list(...).take(5)``, in one request. A page then has at most
        ``rows`` rows. Iterating, ``pages()``, ``collect()``, ``await`` and ``prefetch`` work as before.
        ``PaginationError`` is raised only for these rows. Raises ``InvalidRequestError`` if ``rows`` is negative.
        """
        if rows < 0:
            raise InvalidRequestError("rows", "must not be negative")
        return self._copy(ahead=self._ahead, most=rows if self._most is None else min(rows, self._most))

    def _copy(self, *, ahead: int, most: int | None) -> Paginator[T]:
        return Paginator(
            self._fetch,
            self._listing,
            self._memory,
            limit=self._limit,
            offset=self._offset,
            ahead=ahead,
            most=most,
        )
