"""Page and Paginator: walk a listing of any length through a fetch coroutine, losing nothing.

What a walk promises: every row that exists throughout the walk, exactly once, or a ``PaginationError``. Rows may
be inserted and deleted meanwhile. How firm the promise is depends on the listing:

- ordered by a key that never changes (``createdAt``: history, active balances): proved, and memory does not grow;
- ordered by a key that changes (``updatedAt``, ``value``), or by none that the rows show: each id once, and the
  number of rows is compared with the total at the end, where one is stated. About 15 bytes a row are kept.
  ``collect_checked`` promises more;
- rows without an id: walked by position, provided that nothing moves.

The reasoning is in ``core.frontier`` and ``core.walk``; here is the part that waits for answers. Brevo counts
requests by the hour, so a walk asks for the largest page there is unless told otherwise, and fetches ahead only
when asked to, and only pages that are known to exist.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from attrs import define, field

from brevo_balance_async.core.listing import Batch, Listing, OffsetMeaning, WalkMemory
from brevo_balance_async.core.walk import Step, Walk
from brevo_balance_async.errors import InvalidRequestError, PaginationError, UnprocessableError

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from brevo_balance_async.core.offsets import Window

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
    _given: int = field(repr=False)
    _following: Page[T] | None = field(default=None, init=False, repr=False)

    async def next(self) -> Page[T]:
        """The page after this one; after the last page, an empty one.

        Raises ``PaginationError`` if the walk cannot be whole, or has gone on past this page by other means.
        """
        if self._following is None:
            if self._walk.given != self._given:
                raise PaginationError("the walk has gone on past this page", seen=self._given)
            self._following = await PageIterator(self._fetch, self._walk, 0, _Cursor(0)).page()
        return self._following


class PageIterator(AsyncIterator["Page[T]"]):
    """The pages of one walk. Fetches up to ``ahead`` pages before they are wanted.

    After an error the walk can be continued with the next ``anext``: the failed request is made again. Requests
    under way are cancelled when the walk ends, fails or is closed (``aclose``, ``async with``), and when the
    iterator is dropped, which is what ``break`` does.
    """

    def __init__(self, fetch: Fetch[T], walk: Walk[T], ahead: int, cursor: _Cursor) -> None:
        self._fetch = fetch
        self._walk = walk
        self._ahead = ahead
        self._cursor = cursor
        self._queue: deque[tuple[Window, asyncio.Task[Batch[T]]]] = deque()
        self._closed = False

    async def step(self) -> Step[T] | None:
        """The next new rows, or None at the end."""
        if self._closed:
            return None
        try:
            step = await self._advance()
        except (Exception, asyncio.CancelledError):
            await self._stop()
            raise
        if step is None:
            await self._stop()
            self._walk.verify()
        return step

    async def _advance(self) -> Step[T] | None:
        walk, queue = self._walk, self._queue
        bridging = False  # the head of the queue does not join yet; those behind it join it
        while not walk.done:
            if not walk.knows_offsets or (queue and queue[0][0].at >= walk.position):
                await self._stop()  # what was fetched ahead does not follow any more
            ahead = bool(queue) and not bridging
            window = queue[0][0] if ahead else walk.next()
            try:
                batch = await (queue[0][1] if ahead else self._fetch(window.limit, window.offset))
            except UnprocessableError:
                if not walk.refused(window):
                    raise
                await self._stop()
                continue
            step = walk.feed(window, batch)
            bridging = step is None and len(queue) > 1
            if ahead and not bridging:
                queue.popleft()
            self._fill()
            if step is not None and step.rows:
                return step
        return None

    def _fill(self) -> None:
        while len(self._queue) < self._ahead:
            window = self._walk.after(self._queue[-1][0] if self._queue else None)
            if window is None:
                break
            task = asyncio.get_running_loop().create_task(_answer(self._fetch, window))
            task.add_done_callback(_heed)
            self._queue.append((window, task))

    async def _stop(self) -> None:
        tasks = [task for _, task in self._queue if not task.done()]
        self._queue.clear()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def page(self) -> Page[T]:
        """The next page; an empty one at the end."""
        step = await self.step()
        walk = self._walk
        if step is None:
            return Page((), walk.count, walk.position, walk.limit, False, self._fetch, walk, walk.given)
        self._cursor.position = step.positions[-1]
        return Page(
            step.rows, walk.count, step.positions[0] - 1, walk.limit, walk.more, self._fetch, walk, walk.given
        )

    async def __anext__(self) -> Page[T]:
        page = await self.page()
        if not page.items:
            raise StopAsyncIteration
        return page

    async def aclose(self) -> None:
        """End the walk: cancel what is under way, and wait until it is gone."""
        self._closed = True
        await self._stop()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        for _, task in self._queue:
            _cancel(task)


async def _answer(fetch: Fetch[T], window: Window) -> Batch[T]:
    return await fetch(
        window.limit, window.offset
    )  # a coroutine of its own: the task must not hold the iterator


def _heed(task: asyncio.Task[Any]) -> None:
    if not task.cancelled():
        task.exception()  # or asyncio logs it when the walk ended before its turn came


def _cancel(task: asyncio.Task[Any]) -> None:
    loop = task.get_loop()
    if task.done() or loop.is_closed():
        return
    try:
        here = asyncio.get_running_loop() is loop
    except RuntimeError:
        here = False
    if here:  # at once: a request that has not started never will
        task.cancel()
    else:  # the garbage collector may run in any thread
        loop.call_soon_threadsafe(task.cancel)


class RowIterator(AsyncIterator[T]):
    """The rows of one walk; otherwise like :class:`PageIterator`."""

    def __init__(self, pages: PageIterator[T], cursor: _Cursor) -> None:
        self._pages = pages
        self._cursor = cursor
        self._step: Step[T] = Step((), ())
        self._index = 0

    async def __anext__(self) -> T:
        if self._index == len(self._step.rows):
            step = await self._pages.step()
            if step is None:
                raise StopAsyncIteration
            self._step, self._index = step, 0
        index = self._index
        self._index += 1
        self._cursor.position = self._step.positions[index]
        return self._step.rows[index]

    async def aclose(self) -> None:
        """End the walk: cancel what is under way, and wait until it is gone."""
        self._step, self._index = Step((), ()), 0
        await self._pages.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()


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
    ) -> None:
        self._fetch = fetch
        self._listing = listing
        self._memory = memory
        self._limit = limit
        self._offset = offset
        self._ahead = ahead
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
        self._cursor = _Cursor(self._offset)
        walk = Walk(self._listing, self._memory, self._limit, self._offset)
        return PageIterator(self._fetch, walk, self._ahead, self._cursor)

    def __aiter__(self) -> RowIterator[T]:
        return RowIterator(self.pages(), self._cursor)

    def __await__(self) -> Generator[Any, None, Page[T]]:
        return self._first().__await__()

    async def _first(self) -> Page[T]:
        async with self.prefetch(0).pages() as pages:
            page = await pages.page()
        self._cursor = _Cursor(page.offset + len(page.items))
        return page

    async def collect(self, max_items: int | None = None) -> list[T]:
        """All rows, or the first ``max_items``, in a list; asks for no page beyond them."""
        rows: list[T] = []
        async with aiter(self) as walk:
            while max_items is None or len(rows) < max_items:
                try:
                    rows.append(await anext(walk))
                except StopAsyncIteration:
                    break
        return rows

    async def collect_checked(self, max_walks: int = 5) -> list[T]:
        """All rows, walked until two walks in a row found the same rows: at least twice the quota.

        For listings whose sort key changes (``updatedAt``, ``value``), where a single walk can be misled if
        several rows move between two requests. Gives the rows of the later walk; raises ``PaginationError`` if
        no two of ``max_walks`` walks agree. A walk that raised it agrees with none.
        """
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
        return Paginator(
            self._fetch, self._listing, self._memory, limit=self._limit, offset=self._offset, ahead=pages
        )
