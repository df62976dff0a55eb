"""Whole numbers on the command line: digits and nothing else.

The library that parses the arguments rounds ``42.9``, reads ``0x2a`` and ``1_2``, and loses the last digit of
``9007199254740993.0``: each would credit another contact than the one that was meant.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

from cyclopts import Parameter, validators

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cyclopts import Token

_DIGITS: Final = re.compile(r"0|-?[1-9][0-9]{0,18}")


def whole(text: str) -> int:
    """The number that ``text`` is, in its only spelling; ``ValueError`` for anything else."""
    if not _DIGITS.fullmatch(text):
        raise ValueError(f"expected a whole number in digits, of 19 at most, not {text!r:.80}")
    return int(text)


def _convert(_: type[int], tokens: Sequence[Token]) -> int:
    return whole(tokens[0].value)


Whole: TypeAlias = Annotated[int, Parameter(converter=_convert)]
Positive: TypeAlias = Annotated[Whole, Parameter(validator=validators.Number(gte=1))]
Port: TypeAlias = Annotated[Whole, Parameter(validator=validators.Number(gte=0, lte=65535))]


_SHARE: Final = re.compile(r"0|0?\.[0-9]{1,9}")
_SPAN: Final = re.compile(r"([1-9][0-9]{0,8})([smhd]?)")
_UNITS: Final = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def share(text: str) -> float:
    """A part of one: 0 or more and less than 1."""
    if not _SHARE.fullmatch(text):
        raise ValueError(f"expected a share from 0 to less than 1, as in 0.2, not {text!r:.80}")
    return float(text)


def seconds(text: str) -> float:
    """``90m``, ``8h``, ``2d``, or seconds in digits."""
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ValueError(f"expected a time as in 90m, 8h or 2d, not {text!r:.80}")
    return int(found[1]) * _UNITS[found[2]]


def _share(_: type[float], tokens: Sequence[Token]) -> float:
    return share(tokens[0].value)


def _seconds(_: type[float], tokens: Sequence[Token]) -> float:
    return seconds(tokens[0].value)


Share: TypeAlias = Annotated[float, Parameter(converter=_share)]
Seconds: TypeAlias = Annotated[float, Parameter(converter=_seconds)]
