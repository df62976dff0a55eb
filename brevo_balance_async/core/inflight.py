"""The calls in flight: closing a client lets them finish, for a while, and lets no others begin."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeAlias

from brevo_balance_async.core.clock import wait_for_timer
from brevo_balance_async.errors import ClientStateError

if TYPE_CHECKING:
    from brevo_balance_async.config import Clock

_Task: TypeAlias = "asyncio.Task[Any] | None"


class InFlight:
    """Counts calls by the task that makes them.

    What a task begins while it has a call in flight belongs to that call: the history that settles it, the complete
    of a hold. So it is let in even when no new call is.
    """

    def __init__(self) -> None:
        self.closing = False
        self._calls: dict[_Task, int] = {}
        self._wakers: set[asyncio.Future[None]] = set()

    def begin(self, name: str, *, admitted: bool = False) -> _Task:
        """A call of this task begins; the result is for ``end``. ``ClientStateError`` when none may begin.

        ``admitted``: it belongs to a call in flight, whatever its task (a hold may be cleaned up in another one).
        """
        task = asyncio.current_task()
        calls = self._calls.get(task, 0)
        if self.closing and not calls and not admitted:
            refused = ClientStateError(
                "the client is closed or about to be, nothing was sent; calls in flight may finish, make a new "
                "client for others"
            )
            refused.endpoint = name
            raise refused
        self._calls[task] = calls + 1
        return task

    def end(self, task: _Task) -> None:
        """It has ended, however it did."""
        calls = self._calls.pop(task) - 1
        if calls:
            self._calls[task] = calls
        for waker in self._wakers:
            if not waker.done():
                waker.set_result(None)

    async def finish(self, clock: Clock, grace: float) -> None:
        """Let no new call begin, and wait up to ``grace`` seconds until those in flight have ended."""
        self.closing = True
        until = clock.time() + grace
        while self._others() and (left := until - clock.time()) > 0:
            waker = asyncio.get_running_loop().create_future()
            self._wakers.add(waker)
            try:
                await wait_for_timer(clock, left, waker)
            finally:
                self._wakers.discard(waker)

    def _others(self) -> bool:
        """Whether another task has calls in flight; for its own, a task that closes would wait in vain."""
        return len(self._calls) > (asyncio.current_task() in self._calls)
