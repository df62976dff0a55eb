"""The calls in flight. Closing a client refuses new ones and waits for these, up to a grace period."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeAlias

from brevo_balance_async.core.clock import wait_for_timer
from brevo_balance_async.errors import ClientStateError

if TYPE_CHECKING:
    from brevo_balance_async.config import Clock

_Task: TypeAlias = "asyncio.Task[Any] | None"


class InFlight:
    """Counts the calls in flight of each task.

    A call that a task begins while it has another one in flight belongs to that one: reading the history to
    reconcile it, or the complete of a hold. So it may begin even while the client closes.
    """

    def __init__(self) -> None:
        self.closing: bool = False
        self._calls: dict[_Task, int] = {}
        self._wakers: set[asyncio.Future[None]] = set()

    def begin(self, name: str, *, admitted: bool = False) -> _Task:
        """Count a call of this task; the result is for ``end``. Raises ``ClientStateError`` while closing.

        ``admitted``: it belongs to a call in flight of another task (a hold may be cleaned up in a task of its own).
        """
        task = asyncio.current_task()
        calls = self._calls.get(task, 0)
        if self.closing and not calls and not admitted:
            refused = ClientStateError(
                "the client is closed or about to be, nothing was sent; calls in flight may finish, make a new "
                "client for new calls"
            )
            refused.endpoint = name
            raise refused
        self._calls[task] = calls + 1
        return task

    def end(self, task: _Task) -> None:
        """The call has ended, with or without success."""
        calls = self._calls.pop(task) - 1
        if calls:
            self._calls[task] = calls
        for waker in self._wakers:
            if not waker.done():
                waker.set_result(None)

    async def finish(self, clock: Clock, grace: float) -> None:
        """Refuse new calls, and wait up to ``grace`` seconds until those in flight have ended."""
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
        """True if another task has calls in flight. The task that closes must not wait for its own: they cannot end."""
        return len(self._calls) > (asyncio.current_task() in self._calls)
