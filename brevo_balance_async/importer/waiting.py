"""When a run looks again at rows that it could not settle, and when time will not settle them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import define, frozen

if TYPE_CHECKING:
    from brevo_balance_async.journal.batches import LeftOver

_FIRST, _LONGEST = 1.0, 600.0
"""Seconds between two looks that settle nothing: they double from the first to the longest."""
_SLOWEST: Final = 2.0
"""So many times what the slowest way to settle a row takes: then a run gives up."""


@frozen(kw_only=True)
class Waiting:
    """What a run waits for. Nothing is sent meanwhile."""

    seconds: float
    """Until it looks again."""
    unsettled: int
    """Rows that were tried, and are asked for again then."""
    behind: int
    """Rows that come after one of those, with the same contact."""
    taken: int
    """Rows that another process is at."""


@define(eq=False)
class Looks:
    """The waits between the passes of one run.

    - ``lease``: seconds after which the rows of a process that went silent are anybody's.
    - ``slowest``: seconds that the slowest way to settle a row takes, while the server answers.
    """

    lease: float
    slowest: float
    _pause: float = _FIRST
    _fruitless: float = 0.0
    """Seconds that were waited since a row was settled."""

    def wait(self, left: LeftOver, *, settled: bool) -> float | None:
        """Seconds until the next pass, after one that ``settled`` something or nothing; None: there is no use in one.

        That is so when nothing is open but what waits for a person; and when nothing was settled for so long, though
        it was asked for again and again, that time will not settle it.
        """
        if not left.due + left.later + left.taken:
            return None
        if settled:
            self._pause = _FIRST
            if left.due:  # it fell due meanwhile
                return 0.0
        if settled or left.taken:
            self._fruitless = 0.0
        if self._fruitless > _SLOWEST * self.slowest:
            return None
        seconds = self._seconds(left, 0.0 if settled else self._pause)
        self._fruitless += seconds
        if not settled:
            self._pause = min(self._pause * 2, _LONGEST)
        return seconds

    def _seconds(self, left: LeftOver, pause: float) -> float:
        due_in = left.next_in
        if left.taken:  # that process settles them or dies, and only looking tells
            pause = min(max(pause, _FIRST), self.lease / 3)
            return pause if due_in is None else min(pause, due_in)
        return pause if due_in is None else max(pause, due_in)
