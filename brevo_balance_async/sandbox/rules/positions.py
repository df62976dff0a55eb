"""The positions that a switch may have: words, flags, whole numbers, seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import Attribute, field

if TYPE_CHECKING:
    from collections.abc import Callable

_LONGEST_SECONDS = 10**9
"""About 30 years: no sum of two such times leaves the calendar."""


def _switch(default: Any, positions: str, has: Callable[[Any], bool]) -> Any:
    """A switch; ``positions`` says what it can be set to, ``has`` decides."""

    def check(_: object, attribute: Attribute[Any], value: object) -> None:
        if not has(value):
            raise ValueError(f"{attribute.name} must be {positions}, not {value!r:.80}")

    return field(default=default, validator=check, metadata={"positions": positions})


def word(default: str, *others: str) -> Any:
    """One of these words."""
    words = (default, *others)
    return _switch(default, f"one of {', '.join(words)}", words.__contains__)


def flag(default: bool) -> Any:
    """True or false."""
    return _switch(default, "true or false", lambda value: isinstance(value, bool))


def whole(default: int, least: int | None = None, most: int | None = None) -> Any:
    """A whole number within bounds."""
    bounds = [f"at least {least}"] * (least is not None) + [f"at most {most}"] * (most is not None)
    return _switch(
        default,
        ", ".join(["a whole number", *bounds]),
        lambda value: (
            type(value) is int and (least is None or value >= least) and (most is None or value <= most)
        ),
    )


def seconds(default: float, *, zero: bool) -> Any:
    """A number of seconds, with or without zero."""
    return _switch(
        default,
        f"a number of seconds, {'0 or more' if zero else 'more than 0'}, at most {_LONGEST_SECONDS}",
        lambda value: (
            type(value) in {int, float} and (0 < value <= _LONGEST_SECONDS or (zero and value == 0))
        ),
    )


def lifetime(default: int) -> Any:
    """A whole number of seconds, or None for ever."""
    return _switch(
        default,
        f"a whole number of seconds from 1 to {_LONGEST_SECONDS}, or None (null)",
        lambda value: value is None or (type(value) is int and 1 <= value <= _LONGEST_SECONDS),
    )
