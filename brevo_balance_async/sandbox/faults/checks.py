"""What the arguments of an effect may be. Each check raises ``ValueError`` and says it in a sentence.

An effect is checked when it is made: one that came over HTTP would otherwise fail only when it strikes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from typing import TypeGuard

    from attrs import Attribute

_MOST = 10**9
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def status(_: object, at: Attribute[Any], value: object) -> None:
    """A final status, of three digits."""
    if type(value) is not int or not 200 <= value <= 999:
        _refuse(at, "a status from 200 to 999", value)


def seconds(_: object, at: Attribute[Any], value: object) -> None:
    """A span of time."""
    if not _is_number(value) or not 0 <= value <= _MOST:
        _refuse(at, f"a number of seconds from 0 to {_MOST}", value)


def count(_: object, at: Attribute[Any], value: object) -> None:
    """A whole number, at least 1."""
    if type(value) is not int or not 1 <= value <= _MOST:
        _refuse(at, f"a whole number from 1 to {_MOST}", value)


def part(_: object, at: Attribute[Any], value: object) -> None:
    """A part of something, never all of it."""
    if not _is_number(value) or not 0 <= value < 1:
        _refuse(at, "a number from 0 to just below 1", value)


def flag(_: object, at: Attribute[Any], value: object) -> None:
    """True or false."""
    if type(value) is not bool:
        _refuse(at, "true or false", value)


def end(_: object, at: Attribute[Any], value: object) -> None:
    """How a connection ends."""
    if not isinstance(value, str) or value not in {"fin", "rst"}:
        _refuse(at, "fin or rst", value)


def members(_: object, at: Attribute[Any], value: object) -> None:
    """Members of a body by name."""
    if not isinstance(value, Mapping):
        _refuse(at, "an object", value)


def headers(_: object, at: Attribute[Any], value: object) -> None:
    """Header lines by name."""
    if not isinstance(value, Mapping) or not all(
        isinstance(text, str) for pair in value.items() for text in pair
    ):
        _refuse(at, "an object whose values are text", value)
    for name, text in value.items():
        if not _HEADER_NAME.fullmatch(name) or not text.isprintable():
            _refuse(at, "such as HTTP can carry", {name: text})


def data(_: object, at: Attribute[Any], value: object) -> None:
    """What is sent as it stands."""
    if not isinstance(value, bytes):
        _refuse(at, "text or bytes", value)


def _refuse(at: Attribute[Any], wanted: str, value: object) -> NoReturn:
    raise ValueError(f"{at.name} must be {wanted}, not {value!r:.80}")


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
