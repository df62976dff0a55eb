"""The echo check: whether an answer belongs to our request, by comparing what it repeats with what was sent.

A pooled connection or a proxy can deliver the answer to another request. A field that the server leaves out is no
mismatch, and neither is an enum value that this version does not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Context, Decimal, InvalidOperation
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeAlias

from brevo_balance_async.core import codec
from brevo_balance_async.errors import InvalidRequestError

Echo: TypeAlias = Mapping[str, Any]
"""What an answer must repeat: the expected value by attribute. ``None`` is not compared. One value of a ``frozenset``
must come."""
NO_ECHO: Final[Echo] = MappingProxyType({})


class Required(NamedTuple):
    """Expected: this value, and not a missing one."""

    value: Any


PRESENT: Final = object()
"""Expected: any value, but not a missing one."""
SENT: Final = object()
"""Expected: the value of this field in the body that was sent."""

_EXACT: Final = Context(prec=60)
_MOST_SECONDS_APART: Final = 1.0  # a server may round a timestamp to whole seconds
_IMMUTABLE: Final = frozenset({str, int, float, bool, Decimal, type(None)})


def of_meta(meta: dict[str, Any] | None) -> Any:
    """The expected value for ``meta``, a copy of the caller's dict.

    It is the copy itself if all its values are immutable. Otherwise the caller may change one while the request is
    in flight, so the answer is compared with the body that was sent.
    """
    if not meta:
        return None
    return meta if _IMMUTABLE.issuperset(map(type, meta.values())) else SENT


def mismatch(answer: object, echo: Echo, body: bytes | None) -> str | None:
    """Why ``answer`` cannot belong to the request that was sent with ``body``, or None.

    Values that cannot be compared, for instance because of their depth, are a mismatch too.
    """
    try:
        for name, wanted in echo.items():
            got = getattr(answer, name)
            if wanted is None or got == wanted or (wanted is PRESENT and got):
                continue
            reason = _difference(name, got, wanted, body)
            if reason is not None:
                return reason
    except Exception as error:  # noqa: BLE001  (it was sent, so the caller must get a verdict and no other exception)
        return f"it cannot be compared ({type(error).__name__})"
    return None


def _difference(name: str, got: Any, wanted: Any, body: bytes | None) -> str | None:
    missing = got is None or got == ""
    if missing:
        required = wanted is PRESENT or isinstance(wanted, frozenset | Required)
        return f"{name} is missing" if required else None
    if wanted is PRESENT:
        return None
    if isinstance(wanted, frozenset):
        return None if got in wanted else f"{name} is {got!r}"
    if isinstance(wanted, Required):
        wanted = wanted.value
    if wanted is SENT or isinstance(wanted, dict):
        return meta_difference(got, codec.parse(body or b"")[codec.camel(name)]) if got else None
    if isinstance(wanted, Decimal):
        same = _may_be_rounded(got, wanted)
    elif isinstance(wanted, datetime):
        same = abs((got - wanted).total_seconds()) < _MOST_SECONDS_APART
    elif isinstance(wanted, StrEnum):
        same = type(got) is not type(wanted)
    else:
        same = str(got).lower() == str(wanted).lower()
    return None if same else f"{name} is {got!s:.80}, not {wanted!s:.80}"


def _may_be_rounded(got: Decimal, asked: Decimal) -> bool:
    """True if ``got`` can be the server's value for the amount that was ``asked`` for.

    It may be less: rounded down, or a partial credit. It may be more by less than one unit (rounded up) or by the
    error of single precision, because Brevo declares amounts as float
    (https://developers.brevo.com/reference/complete-transaction). The sign of a debit in answers is not documented.
    """
    size = asked.copy_abs()
    slack = max(Decimal(1), _EXACT.scaleb(size, -6))
    return (got >= 0 or asked < 0) and got.copy_abs() < _EXACT.add(size, slack)


def meta_difference(got: Mapping[str, Any], sent: Mapping[str, Any]) -> str | None:
    """The first entry of ``sent`` that ``got`` lacks or has with another value, or None. More entries are fine."""
    for name, value in sent.items():
        if name not in got:
            if value is not None:
                return f"meta has no {name!r}"
        elif not same(got[name], value):
            return f"meta has another {name!r}"
    return None


def same(got: object, sent: object) -> bool:
    """True if ``got`` repeats ``sent`` at any depth.

    A number may come back as text, or text as a number. A None may be missing.
    """
    pairs = [(got, sent)]
    while pairs:
        got, sent = pairs.pop()
        if isinstance(got, dict) and isinstance(sent, dict):
            pairs += [(got.get(name), value) for name, value in sent.items()]
        elif isinstance(got, list) and isinstance(sent, list):
            if len(got) != len(sent):
                return False
            pairs += zip(got, sent, strict=True)
        elif not _same_value(got, sent):
            return False
    return True


def _same_value(got: object, sent: object) -> bool:
    if isinstance(got, list) and isinstance(sent, dict):
        return not got and not sent  # PHP's empty map
    if isinstance(got, str) == isinstance(sent, str):
        return got == sent
    text, other = (got, sent) if isinstance(got, str) else (str(sent), got)
    try:
        if isinstance(other, int | Decimal) and not isinstance(other, bool):
            return Decimal(text) == other
        return codec.encode(other).decode() == text
    except (InvalidOperation, InvalidRequestError):
        return False
