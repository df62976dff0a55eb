"""Who owns rows: one start of one process, for as long as its heartbeat goes on.

The id is the fence. It never comes again, every write to a row asks for it, and rows of an id whose lease has run out
are anybody's. The lease is judged by the database's clock. A process that was frozen for longer than the lease finds
out when it wakes: it takes a new id, and has to claim its rows again.
"""

from __future__ import annotations

import os
import socket
import time
from typing import TYPE_CHECKING, Final

from attrs import define, field, frozen
from sqlalchemy import delete, insert, update

from brevo_balance_async.core.clock import LoopClock
from brevo_balance_async.journal.tables import WORKER

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from brevo_balance_async.config import Clock

_MARGIN: Final = 0.8
"""Share of the lease after which nothing is sent any more: the rest is for what happens after the look."""
_FORGOTTEN: Final = 7 * 86_400.0
"""Seconds after which the record of a process that ended without a word is deleted."""


_BOOTTIME: Final[int | None] = getattr(time, "CLOCK_BOOTTIME", None)


class BootClock(LoopClock):
    """Seconds that go on while the machine sleeps, where the system has such a clock (Linux).

    Elsewhere a machine that wakes from sleep may send one more request for a row that another machine has taken over
    meanwhile. In strict mode that costs requests; lean relies on the clock.
    """

    def time(self) -> float:
        """Seconds since the machine was started."""
        return time.monotonic() if _BOOTTIME is None else time.clock_gettime(_BOOTTIME)


def process_name() -> str:
    """What this process is called in the table of workers; after a restart another may be called the same."""
    return f"{socket.gethostname()}:{os.getpid()}"


@frozen
class Standing:
    """What the last commit that touched our record made of it."""

    id: int
    beaten: float
    """When that transaction began, by our own clock."""


@define(eq=False)
class Owner:
    """Our record in the table of workers."""

    lease: float
    clock: Clock
    standing: Standing | None = None
    _doubted: set[int] = field(factory=set)
    """Ids under which nobody can say what we own, to be given up."""

    @property
    def alive(self) -> bool:
        """Whether nobody can have taken our rows."""
        return self._age() < self.lease * _MARGIN

    def holds(self, owner: int | None) -> bool:
        """Whether a row with this owner is ours still."""
        return self.standing is not None and owner == self.standing.id and self.alive and not self._doubted

    def start_over(self, standing: Standing) -> None:
        """Nobody can say which rows we own: take a new id with the next commit, and let go of all."""
        self._doubted.add(standing.id)

    def _age(self) -> float:
        return float("inf") if self.standing is None else self.clock.time() - self.standing.beaten

    def committed(self, standing: Standing) -> None:
        """What ``keep`` returned is on the disk."""
        if self.standing is None or standing.id != self.standing.id:
            self._doubted.clear()
        self.standing = standing

    def keep(self, connection: Connection, now: float) -> Standing:
        """Renew the lease if that is due, within a transaction; ``standing`` is set once it is committed."""
        began, standing = self.clock.time(), self.standing
        if standing is not None and self._age() < self.lease / 3 and not self._doubted:
            return standing
        until = now + self.lease
        # The look comes before the renewal: one that woke up late must not hide that the lease was lost.
        if standing is not None and self._age() < self.lease and not self._doubted:
            alive = (WORKER.c.id == standing.id) & (WORKER.c.lease_until > now)
            if connection.execute(update(WORKER).where(alive).values(lease_until=until)).rowcount == 1:
                return Standing(standing.id, began)
        self.leave(connection)
        connection.execute(delete(WORKER).where(WORKER.c.lease_until < now - _FORGOTTEN))
        made = connection.execute(
            insert(WORKER).values(name=process_name(), lease_until=until).returning(WORKER.c.id)
        )
        return Standing(int(made.scalar_one()), began)

    def leave(self, connection: Connection) -> None:
        """Delete our record: whatever we own is anybody's at once."""
        mine = self._doubted | ({self.standing.id} if self.standing else set())
        connection.execute(delete(WORKER).where(WORKER.c.id.in_(mine)))
