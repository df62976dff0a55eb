"""Ask for the pages of one walk, some of them before they are wanted, and give their new rows in order."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from brevo_balance_async.core.paging.listing import Step
from brevo_balance_async.errors import ClientStateError, ResponseError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from brevo_balance_async.core.paging.listing import Batch
    from brevo_balance_async.core.paging.offsets import Query
    from brevo_balance_async.core.paging.walk import Walk

T = TypeVar("T")


class ReadAhead(Generic[T]):
    """The driver of one walk. Up to ``ahead`` requests, for pages known to exist, run before they are wanted.

    ``left`` is how many rows are still wanted (None: all): no request is made for rows beyond them.

    A request that is due is awaited by the consumer itself; only those made ahead are tasks. The tasks do not
    refer to this object, so it dies with its last user (what ``break`` does to an iterator) and cancels them.
    After an error the walk can go on: the failed request is made again.
    """

    def __init__(
        self,
        fetch: Callable[[int, int], Awaitable[Batch[T]]],
        walk: Walk[T],
        ahead: int,
        left: int | None = None,
    ) -> None:
        self.fetch = fetch
        self.walk = walk
        self.left = left
        self.closed: bool = False
        self._ahead = ahead
        self._busy = False
        self._queue: deque[tuple[Query, asyncio.Task[Batch[T]]]] = deque()

    async def step(self) -> Step[T] | None:
        """The next new rows, or None at the end. Raises ``ClientStateError`` while another task waits for them."""
        if self.closed or self.left == 0:
            return None
        if self._busy:  # two answers taken at once would each be right, and together lose rows
            raise ClientStateError(
                "another task is waiting for the next page of this walk: give each task its own"
            )
        self._busy = True
        try:
            step = await self._advance()
        except (Exception, asyncio.CancelledError):
            await self._stop()
            raise
        finally:
            self._busy = False
        if step is None:
            await self._stop()
            self.walk.verify()
        elif self.left is not None:
            beyond = max(0, len(step.rows) - self.left)
            step = Step(step.rows[: self.left], step.end - beyond)
            self.left -= len(step.rows)
            if self.left == 0:
                await self._stop()
        return step

    async def _advance(self) -> Step[T] | None:
        walk, queue = self.walk, self._queue
        while not walk.done:
            apart = bool(queue) and queue[0][0].at >= walk.position
            if queue and not walk.knows_offsets:
                await self._stop()
            ahead = bool(queue) and not apart
            asked = queue[0][0] if ahead else walk.next()
            try:
                batch = await (queue[0][1] if ahead else self.fetch(asked.limit, asked.offset))
            except ResponseError as error:
                if not (_is_about_limit(error) and walk.refused(asked)):
                    raise
                await self._stop()
                continue
            step = walk.feed(asked, batch)
            if ahead:
                queue.popleft()
            self._fill(0 if step is None else len(step.rows))
            if step is not None and step.rows:
                return step
        return None

    def _fill(self, given: int) -> None:
        stop = None if self.left is None else self.walk.position + max(0, self.left - given)
        while len(self._queue) < self._ahead:
            asked = self.walk.after(self._queue[-1][0] if self._queue else None, stop)
            if asked is None:
                break
            task = asyncio.get_running_loop().create_task(_answer(self.fetch, self.walk, asked))
            task.add_done_callback(_heed)
            self._queue.append((asked, task))

    async def _stop(self) -> None:
        tasks = [task for _, task in self._queue if not task.done()]
        self._queue.clear()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def aclose(self) -> None:
        """Cancel what is under way, and wait until it is gone; the walk gives nothing more."""
        self.closed = True
        await self._stop()

    def __del__(self) -> None:
        for _, task in self._queue:
            _cancel(task)


async def _answer(fetch: Callable[[int, int], Awaitable[Batch[T]]], walk: Walk[T], asked: Query) -> Batch[T]:
    batch = await fetch(asked.limit, asked.offset)  # a coroutine of its own: it must not hold the reader
    walk.hear(asked, batch.count)
    return batch


def _is_about_limit(error: ResponseError) -> bool:
    """Whether the server may have refused the limit, so that a smaller one is worth asking for."""
    return error.status == 422 or (error.status == 400 and error.code == "out_of_range")


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
