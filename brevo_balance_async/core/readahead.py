"""Ask for the pages of one walk, some of them before they are wanted, and give their new rows in order."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from brevo_balance_async.errors import UnprocessableError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from brevo_balance_async.core.listing import Batch
    from brevo_balance_async.core.offsets import Window
    from brevo_balance_async.core.walk import Step, Walk

T = TypeVar("T")


class ReadAhead(Generic[T]):
    """The driver of one walk. Up to ``ahead`` requests, for pages known to exist, run before they are wanted.

    A request that is due is awaited by the consumer itself; only those made ahead are tasks. The tasks do not
    refer to this object, so it dies with its last user (what ``break`` does to an iterator) and cancels them.
    After an error the walk can go on: the failed request is made again.
    """

    def __init__(self, fetch: Callable[[int, int], Awaitable[Batch[T]]], walk: Walk[T], ahead: int) -> None:
        self._fetch = fetch
        self._walk = walk
        self._ahead = ahead
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
            apart = bool(queue) and queue[0][0].at >= walk.position
            if not walk.knows_offsets or (apart and walk.shortened):
                await self._stop()  # what was fetched ahead does not follow any more
            ahead = bool(queue) and not bridging and not apart
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

    async def aclose(self) -> None:
        """Cancel what is under way, and wait until it is gone; the walk gives nothing more."""
        self._closed = True
        await self._stop()

    def __del__(self) -> None:
        for _, task in self._queue:
            _cancel(task)


async def _answer(fetch: Callable[[int, int], Awaitable[Batch[T]]], window: Window) -> Batch[T]:
    return await fetch(window.limit, window.offset)  # a coroutine of its own: it must not hold the reader


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
