"""Where a walk ends: which pages show that no row is left.

For a server that caps pages silently, states a total that is old or none at all, or cuts an answer short: then a
short page is not yet the last. A walk ends on a page that joins, is shorter than any cap can make it, and

- stands where its last row is the last of the stated total; or,
- where no total is stated, or a smaller one, brings nothing new and ends where the page before ended: one request
  to make sure; or,
- where the total promises more, does so ``PROOFS`` times. An answer that was cut short, once in five, looks like
  that five times in a row once in millions of walks; a total that is simply wrong does not keep a walk from ending.

A listing without a total that grows as fast as it is walked has no end: after ``TAIL`` short pages in a row, each
with new rows, the walk does not follow it any more.
"""

from __future__ import annotations

PROOFS = 5
TAIL = 8


class End:
    """What the pages that joined say about the end."""

    def __init__(self) -> None:
        self.near = False
        """Whether the last page was short and nothing promises more: the next request should make sure of it."""
        self._proofs = 0
        self._tail = 0

    def reached(
        self, end: int, total: int | None, *, less: bool, short: bool, sure: bool, fresh: bool, same: bool
    ) -> bool:
        """Take a page that ends before record ``end``: whether it is the last.

        ``less``: shorter than asked for; ``short``: and than a silent cap can make it. ``sure``: it was proved
        that such a page ends there. ``fresh``: it has new rows. ``same``: it ends like the page before.
        """
        promised = total is not None and total > end
        self.near = less and not promised
        if not short:
            self._proofs = self._tail = 0
            return False
        if end == total == 0:
            return True
        if fresh:
            self._proofs, self._tail = 0, self._tail + 1
            return (sure and total == end) or (total is None and self._tail >= TAIL)
        self._proofs += same
        return self._proofs >= (PROOFS if promised else 1)
