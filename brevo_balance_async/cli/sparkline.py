"""A line of blocks that shows how a sum went up and down, of a listing of any length."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

_BLOCKS: Final = "▁▂▃▄▅▆▇█"
_MOST: Final = 128
"""Points that are kept; more are thinned out."""


class Sparkline:
    """The running ``total`` of ``count`` amounts. ``backwards``: the newest amount is added first."""

    def __init__(self, *, backwards: bool) -> None:
        self.total: Decimal = Decimal(0)
        self._backwards = backwards
        self._points = [Decimal(0)]
        self._stride = 1
        self.count: int = 0

    def add(self, amount: Decimal) -> None:
        """One more amount."""
        self.total += amount
        self.count += 1
        if self.count % self._stride == 0:
            self._points.append(self.total)
        if len(self._points) > _MOST:
            del self._points[1::2]
            self._stride *= 2

    def text(self, columns: int) -> str:
        """The totals from the oldest to the newest, one block each, in at most so many columns."""
        points = [*self._points, self.total] if self.count % self._stride else self._points
        if self._backwards:
            points = [self.total - each for each in reversed(points)]
        count = min(len(points), columns)
        if count > 1:  # evenly, the first and the last among them
            points = [points[at * (len(points) - 1) // (count - 1)] for at in range(count)]
        low, high = min(points), max(points)
        if low == high:
            return _BLOCKS[0] * len(points)
        return "".join(_BLOCKS[int((each - low) / (high - low) * (len(_BLOCKS) - 1))] for each in points)
