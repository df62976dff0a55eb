"""Integers on the command line: decimal digits and nothing else.

cyclopts, which parses the arguments, rounds ``42.9``, accepts ``0x2a`` and ``1_2``, and loses the last digit of
``9007199254740993.0``. Each of these could credit the wrong contact.
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
    """The integer that ``text`` is, without leading zeros or a plus sign; ``ValueError`` for anything else."""
    if not _DIGITS.fullmatch(text):
        raise ValueError(f"expected a whole number in digits, of 19 at most, not {text!r:.80}")
    return int(text)


def _convert(_: type[int], tokens: Sequence[Token]) -> int:
    return whole(tokens[0].value)


Whole: TypeAlias = Annotated[int, Parameter(converter=_convert)]
Positive: TypeAlias = Annotated[Whole, Parameter(validator=validators.Number(gte=1))]
Port: TypeAlias = Annotated[Whole, Parameter(validator=validators.Number(gte=0, lte=65535))]
