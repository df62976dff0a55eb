"""Keys are never kept: the log has the last four characters of a credential at most."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from aiohttp.http_exceptions import HttpProcessingError
from multidict import MultiDict, MultiDictProxy

from .sharing import shared_mapping

if TYPE_CHECKING:
    import logging
    from collections.abc import Mapping

_SECRET_NAME = re.compile(
    r"auth|cookie|passw|secret|token|(api|partner|sib|access|private)[-_]?key", re.IGNORECASE
)
_BREVO_KEY = re.compile(r"\bx(?:key|smtp)sib(?:-|%2d)[\w%-]+", re.ASCII | re.IGNORECASE)
_GIVEN_BACK = frozenset({"name", "description", "imageRef", "meta", "LoyaltySubscriptionId"})
"""Members of a body that the API shows again."""
_SCHEMES = frozenset({"basic", "bearer"})
_NO_QUERY = MultiDictProxy(MultiDict[str]())
_SHOWN = 4
_SHORT = 12
"""A secret shorter than this is not shown at all."""


def masked(secret: str) -> str:
    """``***`` and the last four characters; of a short secret nothing, of an ``Authorization`` its scheme too."""
    scheme, space, credentials = secret.partition(" ")
    if not space or scheme.lower() not in _SCHEMES:
        scheme, credentials = "", secret
    return (
        f"{scheme}{space if scheme else ''}***{credentials[-_SHOWN:] if len(credentials) >= _SHORT else ''}"
    )


def redacted_text(text: str) -> str:
    """``text`` with whatever has the shape of Brevo's keys masked."""
    if "sib" not in text:  # nearly always, and a tenth of the time
        return text
    return _BREVO_KEY.sub(lambda key: masked(key[0]), text)


def redacted(members: Mapping[str, Any]) -> dict[str, Any]:
    """``members`` with the values masked whose name is a credential's, and keys masked in all other texts."""
    return {redacted_text(name): _value(name, value) for name, value in members.items()}


def redacted_headers(headers: Mapping[str, str]) -> Mapping[str, str]:
    """The same for headers, which are mostly those of the request before."""
    return shared_mapping(tuple(redacted(headers).items()))


def redacted_body(body: Any) -> Any:
    """A body with its own members redacted; deeper, as in ``meta``, a name means nothing and only keys are masked."""
    return redacted(body) if isinstance(body, dict) else _without_keys(body)


def to_be_done_again(body: Any) -> Any:
    """A body for the state file: redacted, but with what the API shows again; the very body when that is all of it."""
    if not isinstance(body, dict):
        return body
    kept = {name: value if name in _GIVEN_BACK else _value(name, value) for name, value in body.items()}
    return body if kept == body else kept


def redacted_query(query: MultiDictProxy[str]) -> MultiDictProxy[str]:
    """The same for a query, in which a name may be repeated."""
    if not query:
        return _NO_QUERY
    kept = query.copy()
    kept.clear()
    kept.extend((redacted_text(name), _value(name, value)) for name, value in query.items())
    return type(query)(kept)


def quotes_no_request(record: logging.LogRecord) -> bool:
    """A filter for the server's logger: aiohttp's error quotes the line that is no HTTP, and that may hold a key."""
    if record.exc_info and isinstance(record.exc_info[1], HttpProcessingError):
        record.exc_info = None
        record.msg += ": the request was no valid HTTP"
    return True


@lru_cache(maxsize=1024)
def _is_secret(name: str) -> bool:
    return _SECRET_NAME.search(name) is not None


def _value(name: str, value: Any) -> Any:
    if _is_secret(name):
        return masked(value) if isinstance(value, str) else "***"
    return _without_keys(value)


def _without_keys(value: Any) -> Any:
    """``value`` with keys masked however deep they stand; the very object when there are none."""
    if isinstance(value, str):
        return redacted_text(value)
    if isinstance(value, dict):
        members = {redacted_text(name): _without_keys(item) for name, item in value.items()}
        return value if members == value else members
    if isinstance(value, list):
        items = [_without_keys(item) for item in value]
        return value if items == value else items
    return value
