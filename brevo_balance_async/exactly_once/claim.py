"""One row while we are at it: held, moved, rested over, or given back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from brevo_balance_async.exactly_once.breaker import pause

if TYPE_CHECKING:
    from brevo_balance_async.exactly_once.breaker import Breaker
    from brevo_balance_async.journal import Journal, Row


class LaterError(Exception):
    """The row is not settled now: give it back, to be asked for again after ``after`` seconds."""

    def __init__(self, reason: str, after: float) -> None:
        super().__init__(reason)
        self.reason = reason
        self.after = after


class Claim:
    """A row of ours. ``until`` is the moment of the journal's clock at which our patience ends.

    ``bulk``: an outage is waited for as long as it takes, and does not count.
    """

    def __init__(self, journal: Journal, breaker: Breaker, row: Row, *, until: float, bulk: bool) -> None:
        self.journal = journal
        self.row = row
        self._breaker = breaker
        self._until = until
        self._bulk = bulk

    async def ready(self) -> bool:
        """Wait until something may be sent, and make sure that the row is ours still.

        False: it had to be taken again, or is finished.
        """
        while (seconds := self._breaker.wait) > 0:
            if self._bulk:
                await pause(self.journal.clock, seconds)
                self._until += seconds
            else:
                await self.rest(seconds, "the server failed several times in a row")
        if not self.journal.holds(self.row):
            await self.reload()
            return False
        self._breaker.enter()
        return True

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
        """Write the end down."""
        moved = await self.journal.finish(self.row, state, **changes)
        if moved is None:
            await self.reload()
        else:
            self.row = moved

    async def rest(self, seconds: float, reason: str) -> None:
        """Wait; or, where that takes more patience than is left, give the row back for so long."""
        if self.journal.clock.time() + seconds > self._until:
            raise LaterError(reason, seconds)
        await pause(self.journal.clock, seconds)
