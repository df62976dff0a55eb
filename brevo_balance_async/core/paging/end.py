"""Where a walk ends: which pages show that no row is left.

For a server that caps pages silently, states a total that is old or none at all, or cuts an answer short: then a
short page is not yet the last. A walk ends on a page that joins, is shorter than any cap can make it, and

- stands where its last row is the last of the stated total; or,
- where no total is stated, or a smaller one, brings nothing new and ends where the page before ended: one request
  to make sure; or,
- where the total promises more, does so ``PROOFS`` times. An answer that was cut short, once in five, looks like
  that five times in a row once in millions of walks; a total that is simply wrong does not keep a walk from ending.

A listing without a total that grows as fast as it is walked has no end: where nearly all pages are short, and each
has new rows, the walk does not follow it any more after ``TAIL`` of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define

if TYPE_CHECKING:
    from brevo_balance_async.core.paging.offsets import Query

PROOFS = 5
TAIL = 8


@define
class Totals:
    """The totals that answers stated. Answers to requests made ahead may come in any order."""

    last: int | None = None
    largest: int = 0
    moved: bool = False
    """Whether one was smaller than another that was stated before its page was asked for, or a page was shifted."""

    def hear(self, asked: Query, count: int | None) -> None:
        """Take note of a total as soon as it comes."""
        if count is not None:
            self.moved |= count < asked.heard
            self.largest = max(self.largest, count)

    def take(self, asked: Query, count: int | None) -> int:
        """Take the total of the page whose turn it is: by how much it dropped."""
        self.hear(asked, count)
        before, self.last = self.last, self.last if count is None else count
        return max(0, (before or 0) - (self.last or 0))


class End:
    """What the pages that joined say about the end."""

    def __init__(self) -> None:
        self.near: bool = False
        """Whether the last page was short and nothing promises more: the next request should make sure of it."""
        self._proofs = 0
        self._tail = 0

    def reached(
        self, end: int, total: int | None, *, less: bool, certain: bool, short: bool, fresh: bool, same: bool
    ) -> bool:
        """Take a page that joined, and ends before record ``end``: whether it is the last.

        ``less``: it has fewer rows than asked for. ``short``: and fewer than a silent cap can leave.
        ``certain``: if the total says that the listing ends at ``end``, that can be believed.
        ``fresh``: it has new rows. ``same``: it ends like the page before.
        """
        promised = total is not None and total > end
        self.near = less and not promised
        if certain and total == end:
            return True
        if not short:
            self._proofs, self._tail = 0, max(0, self._tail - 2)
            return False
        if fresh:
            self._proofs, self._tail = 0, self._tail + 1
            return total is None and self._tail >= TAIL
        self._proofs += same
        return self._proofs >= (PROOFS if promised else 1)
