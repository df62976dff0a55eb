"""Completed credits, or debits, with running sums: how much since a moment is found without adding all of them."""

from __future__ import annotations

from bisect import bisect_left
from functools import reduce
from typing import TYPE_CHECKING

from .amounts import ZERO, minus, plus

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from decimal import Decimal

_STEP = 128


class Moves:
    """Sizes by moment, oldest first, and the sum of all before every 128th."""

    __slots__ = ("_moments", "_sizes", "_sums", "_total")

    def __init__(self, moves: Iterable[tuple[datetime, Decimal]] = ()) -> None:
        self._moments: list[datetime] = []
        self._sizes: list[Decimal] = []
        self._sums: list[Decimal] = []
        self._total = ZERO
        for moment, size in moves:
            self.add(moment, size)

    def __iter__(self) -> zip[tuple[datetime, Decimal]]:
        return zip(self._moments, self._sizes, strict=True)

    def add(self, moment: datetime, size: Decimal) -> None:
        """Append the newest."""
        if len(self._sizes) % _STEP == 0:
            self._sums.append(self._total)
        self._moments.append(moment)
        self._sizes.append(size)
        self._total = plus(self._total, size)

    def since(self, start: datetime) -> tuple[int, Decimal]:
        """How many there were at ``start`` or later, and their sum."""
        first = bisect_left(self._moments, start)
        if first == len(self._sizes):
            return 0, ZERO
        block = first // _STEP
        before = reduce(plus, self._sizes[block * _STEP : first], self._sums[block])
        return len(self._sizes) - first, minus(self._total, before)
