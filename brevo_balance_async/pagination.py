"""Page and Paginator: walk a listing through a fetch coroutine. (First version: plain walking by position.)"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Sequence
from typing import Any, Generic, TypeAlias, TypeVar

from brevo_balance_async.core.listing import Batch, Listing, OffsetMeaning, WalkMemory
from brevo_balance_async.errors import UnprocessableError

__all__ = ["Batch", "Fetch", "Listing", "OffsetMeaning", "Page", "Paginator", "WalkMemory"]

T = TypeVar("T")
Fetch: TypeAlias = Callable[[int, int], Awaitable[Batch[T]]]


class Page(Generic[T]):
    """One page of a walk."""

    def __init__(
        self, paginator: Paginator[T], items: Sequence[T], count: int | None, offset: int, limit: int, *, more: bool
    ) -> None:
        self.items = items
        self.count = count
        self.offset = offset
        self.limit = limit
        self.has_more = more
        self._paginator = paginator

    async def next(self) -> Page[T]:
        """The page after this one; an empty page after the last."""
        return await self._paginator._page(self.offset + len(self.items))


class Paginator(Generic[T]):
    """Walk a listing."""

    def __init__(
        self,
        fetch: Fetch[T],
        listing: Listing[T],
        memory: WalkMemory,
        *,
        limit: int | None = None,
        offset: int = 0,
        descending: bool | None = None,
    ) -> None:
        self._fetch, self._listing, self._memory = fetch, listing, memory
        self._limit, self._offset, self.descending = limit, offset, descending
        self.position = offset

    async def _page(self, offset: int) -> Page[T]:
        limit = self._limit or self._memory.largest_limit.get(self._listing.name, self._listing.max_limit)
        try:
            batch = await self._fetch(limit, offset)
        except UnprocessableError:
            default = self._listing.default_limit
            if default is None or limit <= default:
                raise
            self._memory.largest_limit[self._listing.name] = limit = default
            batch = await self._fetch(limit, offset)
        end = offset + len(batch.items)
        more = len(batch.items) >= limit if batch.count is None else end < batch.count
        return Page(self, batch.items, batch.count, offset, limit, more=more and bool(batch.items))

    async def pages(self) -> AsyncIterator[Page[T]]:
        """Every page."""
        page = await self._page(self._offset)
        yield page
        while page.has_more:
            page = await page.next()
            yield page

    async def __aiter__(self) -> AsyncIterator[T]:
        async for page in self.pages():
            for index, item in enumerate(page.items):
                self.position = page.offset + index + 1
                yield item

    def __await__(self) -> Generator[Any, None, Page[T]]:
        return self._page(self._offset).__await__()

    async def collect(self, max_items: int | None = None) -> list[T]:
        """All rows, or the first ``max_items``."""
        out: list[T] = []
        async for item in self:
            if max_items is not None and len(out) >= max_items:
                break
            out.append(item)
        return out

    async def collect_checked(self) -> list[T]:
        """All rows, walked until two walks agree."""
        return await self.collect()

    def prefetch(self, pages: int) -> Paginator[T]:
        """The same walk, fetched ahead."""
        del pages
        return self
