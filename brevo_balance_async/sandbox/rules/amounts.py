"""Exact arithmetic of amounts, and their rounding."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal
from typing import Final

_MODES = {"lower": ROUND_FLOOR, "upper": ROUND_CEILING, "natural": ROUND_HALF_UP}

# An amount is a double, and a sum of doubles has fewer digits than this, however many they are.
_EXACT = Context(prec=1000)
plus: Final = _EXACT.add
minus: Final = _EXACT.subtract
times: Final = _EXACT.multiply

ZERO = Decimal(0)


def rounded(amount: Decimal, rule: str | None, places: int) -> Decimal:
    """``amount`` (not negative) at ``places`` decimals: ``lower`` down, ``upper`` up, ``natural`` nearest, None exact.

    Brevo documents the three words, not the precision, nor what becomes of a half (here: up).
    """
    if rule is None:
        return amount
    return amount.quantize(Decimal(1).scaleb(-places), rounding=_MODES[rule], context=_EXACT)
