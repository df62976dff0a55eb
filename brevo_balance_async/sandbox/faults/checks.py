"""What the arguments of an effect may be. Each check raises ``ValueError`` and says it in a sentence.

An effect is checked when it is made: one that came over HTTP would otherwise fail only when it strikes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import TypeGuard

    from attrs import Attribute

_MOST = 10**9
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def status(_: object, at: Attribute[Any], value: object) -> None:
    """A final status, of three digits."""
    if type(value) is not int or not 200 <= value <= 999:
        raise ValueError(f"{at.name} must be a status from 200 to 999, not {value!r:.80}")


def seconds(_: object, at: Attribute[Any], value: object) -> None:
    """A span of time."""
    if not _is_number(value) or not 0 <= value <= _MOST:
        raise ValueError(f"{at.name} must be a number of seconds from 0 to {_MOST}, not {value!r:.80}")


def count(_: object, at: Attribute[Any], value: object) -> None:
    """A whole number, at least 1."""
    if type(value) is not int or not 1 <= value <= _MOST:
        raise ValueError(f"{at.name} must be a whole number from 1 to {_MOST}, not {value!r:.80}")


def part(_: object, at: Attribute[Any], value: object) -> None:
    """A part of something, never all of it."""
    if not _is_number(value) or not 0 <= value < 1:
        raise ValueError(f"{at.name} must be a number from 0 to just below 1, not {value!r:.80}")


def flag(_: object, at: Attribute[Any], value: object) -> None:
    """True or false."""
    if type(value) is not bool:
        raise ValueError(f"{at.name} must be true or false, not {value!r:.80}")


def end(_: object, at: Attribute[Any], value: object) -> None:
    """How a connection ends."""
    if not isinstance(value, str) or value not in {"fin", "rst"}:
        raise ValueError(f"{at.name} must be fin or rst, not {value!r:.80}")


def members(_: object, at: Attribute[Any], value: object) -> None:
    """Members of a body by name."""
    if not isinstance(value, Mapping):
        raise ValueError(f"{at.name} must be an object, not {value!r:.80}")


def headers(_: object, at: Attribute[Any], value: object) -> None:
    """Header lines by name."""
    if not isinstance(value, Mapping) or not all(
        isinstance(text, str) for pair in value.items() for text in pair
    ):
        raise ValueError(f"{at.name} must be an object whose values are text, not {value!r:.80}")
    for name, text in value.items():
        if not _HEADER_NAME.fullmatch(name) or not text.isprintable():
            raise ValueError(f"{at.name} must be such as HTTP can carry, not {name!r:.80}: {text!r:.80}")


def data(_: object, at: Attribute[Any], value: object) -> None:
    """What is sent as it stands."""
    if not isinstance(value, bytes):
        raise ValueError(f"{at.name} must be text or bytes, not {value!r:.80}")


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
