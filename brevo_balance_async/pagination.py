"""Page and Paginator: walk a listing of any length through a fetch coroutine, losing nothing.

What a walk promises: every row that exists throughout the walk, exactly once, or a ``PaginationError``. Rows may
be inserted and deleted meanwhile. How firm the promise is depends on the listing:

- ordered by a key that never changes (``createdAt``: history, active balances): proved, and memory does not grow;
- ordered by a key that changes (``updatedAt``, ``value``), or by none that the rows show: each id once, and the
  number of rows is compared with the total at the end, where one is stated. About 15 bytes a row are kept.
  Where none is stated and rows with equal keys come in another order each time, a row can be lost unseen.
  ``collect_checked`` promises more.

A row without an id, and a page longer than asked for, raise ``PaginationError``.

What no walk can tell from the end of a listing: a server that sends fewer rows than asked at once and states their
number as the total; and, where no total is stated, a first answer that is empty, or answers that are cut short at
the same row twice. A server that caps pages silently at fewer than about 20 rows can leave no page that overlaps;
that raises.

The reasoning is in ``core.paging``; here is the part that waits for answers. Brevo counts
requests by the hour, so a walk asks for the largest page there is unless told otherwise, and fetches ahead only
when asked to, and only pages that are known to exist.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Awaitable, Callable, Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from attrs import define, field

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
"""``await fetch(limit, offset)`` makes one request."""


@define
class _Cursor:
    """The position of one walk; kept apart from its iterator, which must die when the consumer drops it."""

    position: int


@define(eq=False)
class Page(Generic[T]):
    """One page of a walk: the rows that are new, in the order of the listing.

    ``count`` is the total that the server states (None: it states none), ``offset`` the position of the first
    row counted in records, whatever the server's own ``offset`` counts, and ``limit`` the page size asked for.
    A page can hold fewer rows than ``limit``. ``has_more`` is false when the walk is complete; where the server
    leaves it open it is true, and the next page may turn out empty.
    """

    items: Sequence[T]
    count: int | None
    offset: int
    limit: int
    has_more: bool
    _fetch: Fetch[T] = field(repr=False)
    _walk: Walk[T] = field(repr=False)
    _reader: weakref.ref[ReadAhead[T]] = field(repr=False)  # weak: a page that is kept keeps nothing running
    _given: int = field(repr=False)
    _left: int | None = field(repr=False)
    _following: Page[T] | None = field(default=None, init=False, repr=False)
    _asking: asyncio.Lock = field(factory=asyncio.Lock, init=False, repr=False)

    async def next(self) -> Page[T]:
        """The page after this one; after the last page, an empty one.

        Raises ``PaginationError`` if the walk cannot be whole, or has gone on past this page by other means.
        """
        async with self._asking:
            if self._following is None:
                if self._walk.given != self._given:
                    raise PaginationError("the walk has gone on past this page", seen=self._given)
                reader = self._reader()
                if reader is None or reader.closed:
                    reader = ReadAhead(self._fetch, self._walk, 0, self._left)
                self._following = await PageIterator(reader, _Cursor(self.offset + len(self.items))).page()
        return self._following


class _WalkIterator(Generic[T]):
    """What both iterators share: one walk, and its end.

    Requests under way are cancelled when the walk ends, fails or is closed (``aclose``, ``async with``), and when
    the iterator is dropped, which is what ``break`` does. After an error of a request the walk can be continued
    with the next ``anext``: the failed request is made again. An iterator serves one task at a time: a second one
    that waits for the next row gets ``ClientStateError``.
    """

    def __init__(self, reader: ReadAhead[T], cursor: _Cursor) -> None:
        self._reader = reader
        self._cursor = cursor

    async def aclose(self) -> None:
        """End the walk: cancel what is under way, and wait until it is gone."""
        await self._reader.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()


class PageIterator(_WalkIterator[T]):
    """The pages of one walk."""

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
            offset, more = step.positions[0] - 1, walk.more and reader.left != 0
            self._cursor.position = step.positions[-1]
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
    """The rows of one walk."""

    _left: Iterator[tuple[T, int]] = iter(())
    """What is left of the last step."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        while True:
            for row, position in self._left:  # the next one, if there is one
                self._cursor.position = position
                return row
            step = await self._reader.step()
            if step is None:
                raise StopAsyncIteration
            self._left = zip(step.rows, step.positions, strict=True)

    async def aclose(self) -> None:
        """End the walk: cancel what is under way, and wait until it is gone."""
        self._left = iter(())
        await super().aclose()


class Paginator(Generic[T]):
    """A listing that can be walked; making one asks nothing of the server.

    ``async for row in p`` walks all rows, ``async for page in p.pages()`` all pages, ``await p`` gives the first
    page, ``await p.collect()`` a list. Each of them is a walk of its own, from ``offset``; walks may run side by
    side. ``limit`` is the page size; None asks for the largest page the contract allows. If the server refuses
    that with 422, the documented default is used, and remembered in ``memory``.
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
        """Where the walk begun last stands, counted in records: behind the last row that it gave.

        Hand it back as ``offset`` to go on later. Rows that were inserted or deleted before it in the meantime
        move it: whoever resumes starts a new walk, whose promise begins at its first row.
        """
        return self._cursor.position

    def pages(self) -> PageIterator[T]:
        """A walk, page by page."""
        return PageIterator(self._reader(), self._cursor)

    def __aiter__(self) -> RowIterator[T]:
        return RowIterator(self._reader(), self._cursor)

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
        """All rows in a list; ``collect(n)`` gives the same as ``take(n).collect()``."""
        if max_items is not None and max_items < 0:
            raise InvalidRequestError("max_items", "must not be negative")
        async with RowIterator(self._reader(max_items), self._cursor) as walk:
            return [row async for row in walk]

    async def collect_checked(self, max_walks: int = 5) -> list[T]:
        """All rows, walked until two walks in a row found the same rows: at least twice the quota.

        For listings whose sort key changes (``updatedAt``, ``value``), where a single walk can be misled if
        several rows move between two requests. Gives the rows of the later walk; raises ``PaginationError`` if
        no two of ``max_walks`` walks agree. A walk that raised it agrees with none. Raises
        ``InvalidRequestError`` if ``max_walks`` is less than 2.
        """
        if max_walks < 2:  # one walk has none to agree with
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
        ids, others = ([self._listing.identity(row) for row in rows] for rows in (earlier, later))
        return earlier == later if None in ids or None in others else set(ids) == set(others)

    def prefetch(self, pages: int) -> Paginator[T]:
        """The same listing, walked with up to ``pages`` requests under way before their rows are wanted.

        The order is kept and the walk is as whole as without. Only pages known to exist are fetched ahead, so
        a listing that states no total is not. At most ``pages`` pages are held. When the consumer stops, by
        ``break`` or otherwise, the requests under way are cancelled. 0 turns it off; it is off by default,
        because pages that are never used cost quota all the same.
        """
        if pages < 0:
            raise InvalidRequestError("pages", "must not be negative")
        return self._copy(ahead=pages, most=self._most)

    def take(self, rows: int) -> Paginator[T]:
        """The first ``rows`` rows of the same listing, for no more requests than they need.

        "The latest five" of a history is ``history.list(...).take(5)`` and makes one request. A page then is not
        larger than ``rows``. Iterating, ``pages()``, ``collect()``, ``await`` and ``prefetch`` work as before.
        ``PaginationError`` is raised only for what went wrong on the way to these rows.
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
