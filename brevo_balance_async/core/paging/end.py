"""Where a walk ends: which pages show that no row is left, and when an end cannot be promised to be whole.

For a server that caps pages silently, states a total that is old or none at all, or cuts an answer short: then a
short page is not yet the last. A walk ends on a page that joins, is shorter than any cap can make it (at record 0:
shorter than asked for), and

- stands where its last row is the last of the stated total; or,
- where no total is stated, or a smaller one, brings nothing new and ends where the page before ended: one request
  to make sure; or,
- where the total promises more, does so ``PROOFS`` times. An answer that was cut short, once in five, looks like
  that five times in a row once in millions of walks; a total that is simply wrong does not keep a walk from ending.

A listing without a total that grows as fast as it is walked has no end: where each page is short and has new rows,
the walk does not follow it any more after ``TAIL`` of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from brevo_balance_async.core.paging.offsets import Query

PROOFS = 5
TAIL = 8


class End:
    """What the answers say about the end. Those to requests made ahead may come in any order."""

    def __init__(self) -> None:
        self.total: int | None = None
        """The total that was stated last."""
        self.largest: int = 0
        self.moved: bool = False
        """Whether a total was smaller than one stated before its page was asked for, or rows came in before a page."""
        self.near: bool = False
        """Whether the last page had less than asked and nothing promises more: the next request makes sure of it."""
        self._proofs = 0
        self._tail = 0

    def hear(self, asked: Query, total: int | None) -> None:
        """Take note of a total as soon as it comes."""
        if total is not None:
            self.moved |= total < asked.heard
            self.largest = max(self.largest, total)

    def take(self, asked: Query, total: int | None) -> int:
        """Take the total of the page whose turn it is: by how much it dropped."""
        self.hear(asked, total)
        before, self.total = self.total, self.total if total is None else total
        return max(0, (before or 0) - (self.total or 0))

    def reached(
        self, asked: Query, end: int, total: int | None, *, less: bool, short: bool, fresh: bool, same: bool
    ) -> bool:
        """Take a page that joined, and ends before record ``end``: whether it is the last.

        ``less``: it has fewer rows than asked for. ``short``: and fewer than a silent cap can leave.
        ``fresh``: it has new rows. ``same``: it ends like the page before, or all rows of the total are known.
        """
        promised = total is not None and total > end
        self.near = less and not promised
        if not short:
            self._proofs = self._tail = 0
        elif fresh:
            self._proofs, self._tail = 0, self._tail + 1
        else:
            self._proofs += same
        # A later page without new rows does not count: after an update the total may fit too early.
        fits = total == end and (less if asked.at == 0 else short and fresh)
        followed = total is None and self._tail >= TAIL
        return fits or followed or self._proofs >= (PROOFS if promised else 1)

    def complaint(self, seen: int) -> str:
        """Why ``seen`` rows by id cannot be promised to be all, or an empty text: they have to be the total."""
        if self.moved:
            return (
                "rows went away or moved forward while they were walked, which can hide one that was missed"
            )
        return "" if self.total in (None, seen) else f"{seen} rows came, and the total says {self.total}"
