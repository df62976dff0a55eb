"""One row while we are at it: held, moved, rested over, or given back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from brevo_balance_async.exactly_once.answers import NotNowError
from brevo_balance_async.exactly_once.breaker import pause

if TYPE_CHECKING:
    import asyncio

    from brevo_balance_async.exactly_once.breaker import Breaker
    from brevo_balance_async.journal import Journal, Row


class LaterError(Exception):
    """The row is not settled now: give it back, to be asked for again after ``after`` seconds."""

    def __init__(self, reason: str, after: float) -> None:
        super().__init__(reason)
        self.reason = reason
        self.after = after


class DrainedError(Exception):
    """Its run was drained before anything was sent for the row."""


class MovedOnError(Exception):
    """The end of the row could not be written, because the row or its transaction is not what we knew."""


class Claim:
    """A row of ours. ``until`` is the moment of the journal's clock at which our patience ends.

    ``drained`` is that of the run it belongs to, if it belongs to one: then an outage is waited for as long as it
    takes, and does not count.
    """

    def __init__(
        self, journal: Journal, breaker: Breaker, row: Row, *, until: float, drained: asyncio.Event | None
    ) -> None:
        self.journal = journal
        self.row: Row = row
        self._breaker = breaker
        self._until = until
        self._drained = drained
        self._probe: object | None = None

    @property
    def drained(self) -> bool:
        """Whether its run shall end."""
        return self._drained is not None and self._drained.is_set()

    async def ready(self) -> bool:
        """Wait until something may be sent, and make sure that the row is ours still; ``left`` has to follow.

        False: it had to be taken again, or is finished. Raises ``DrainedError`` where that is so.
        """
        self._check_drained()
        while (seconds := self._breaker.wait) > 0:
            if self._drained is not None:
                self._until += seconds
            await self.rest(seconds, "the server failed several times in a row")
        if not self.journal.holds(self.row):
            await self.reload()
            return False
        self._probe = self._breaker.enter()
        return True

    def left(self) -> None:
        """What ``ready`` allowed was sent, or never will be."""
        self._breaker.left(self._probe)

    def guard(self) -> None:
        """For the last moment before a request: the wait for quota may have been longer than the lease."""
        if not self.journal.holds(self.row):
            raise NotNowError("this process was held up for longer than its lease", 0.0)

    async def reload(self) -> None:
        """Read the row again, and take it if it is free; ``LaterError`` if somebody else has it."""
        self.row = await self.journal.reload(self.row)
        if not self.row.finished and not self.journal.holds(self.row):
            raise LaterError("another process has it", self.journal.lease)

    async def move(self, *, due_in: float | None = None, **changes: Any) -> bool:
        """Write a step down; False if the row had moved on, and was read again.

        ``due_in``: seconds until the row is due, should we not finish it.
        """
        moved = await self.journal.move(self.row, due_in=due_in, **changes)
        if moved is None:
            await self.reload()
            return False
        self.row = moved
        return True

    async def finish(self, state: str, **changes: Any) -> None:
        """Write the end down. If the row had moved on, it is read again.

        ``MovedOnError`` if it is open and ours still.
        """
        moved = await self.journal.finish(self.row, state, **changes)
        if moved is not None:
            self.row = moved
            return
        await self.reload()
        if not self.row.finished:
            raise MovedOnError("the row had changed meanwhile, or another reference has its transaction")

    async def rest(self, seconds: float, reason: str) -> None:
        """Wait; or, where that takes more patience than is left, give the row back for so long."""
        until = self.journal.clock.time() + seconds
        if until <= self._until:
            await pause(self.journal.clock, seconds, self._drained)
        left = until - self.journal.clock.time()
        self._check_drained()
        if until > self._until or (left > 0 and self.drained):
            raise LaterError(reason, left)

    def _check_drained(self) -> None:
        if self.drained and self.row.state == "planned":
            raise DrainedError
