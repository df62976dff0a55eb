"""Requests and answers without I/O: build the one, turn the other into a value or an error."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from functools import lru_cache
from string import Formatter
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import quote, urlencode

from attrs import Factory, define, field, frozen

from brevo_balance_async.core import codec, validation
from brevo_balance_async.core.quota import headers
from brevo_balance_async.errors import DecodeError, InvalidRequestError
from brevo_balance_async.models import UNSET

if TYPE_CHECKING:
    from collections.abc import Callable

    from brevo_balance_async.core.quota.headers import Reading

T = TypeVar("T")


class Replay(Enum):
    """What sending the same request twice would do."""

    READ = "read"
    """Nothing."""
    REPLAYABLE = "replayable"
    """The same as sending it once."""
    GUARDED = "guarded"
    """The server lets it happen at most once by itself: complete and cancel."""
    UNSAFE = "unsafe"
    """It would happen twice."""


@frozen(eq=False, repr=False)
class Endpoint(Generic[T]):
    """One operation: a constant at the head of its resource module."""

    name: str
    """For error texts, hooks and logs: ``"transactions.begin"``."""
    method: str
    path: str
    """Below the base URL, with ``{our_name}`` for each id."""
    replay: Replay
    answer: type[T]
    """Model of the answer; ``NoneType`` where there is none."""
    refuses: frozenset[int] = frozenset()
    """Further statuses that Brevo documents as a refusal of this operation."""
    lists: str = ""
    """The answer's member with the rows, if it is a listing: an answer without a body is a page without rows."""
    look_for: str = "read the state of what it changes"
    """What tells whether an unclear write was applied."""
    refuses_as: frozenset[str] = frozenset()
    """The words of ``status`` with which a successful answer refuses this operation."""

    gated: bool = field(
        init=False, default=Factory(lambda self: self.path.startswith("/loyalty/"), takes_self=True)
    )
    """Whether the quota of the loyalty routes counts it; Brevo counts its other routes apart."""


@define(eq=False, repr=False)
class Request:
    """One request, ready to be sent any number of times."""

    endpoint: str
    method: str
    url: str
    """Absolute and already quoted."""
    body: bytes | None = None
    ids: tuple[str | int, ...] = ()
    fields: Mapping[str, Any] = field(factory=dict)
    """What the body was made of, by our names; a caller's ``meta`` may have changed since."""
    secrets: tuple[str, ...] = ()
    """What no answer to it may repeat, beside the auth headers."""


def _nothing() -> None:
    return None


@define(eq=False, repr=False)
class Progress:
    """How far an attempt got; it tells even when the attempt is cancelled."""

    connecting: bool = False
    """It waits for no connection of the pool any more."""
    sent: bool = False


@define(eq=False, repr=False)
class Response:
    """An answer that arrived whole."""

    status: int
    headers: Mapping[str, str]
    """Looked up without regard to case."""
    body: bytes = field(repr=False)
    """Not shown in tracebacks: it may be somebody's points, or a token."""
    discard: Callable[[], None] = field(default=_nothing, eq=False)
    """Closes the connection it came on, because the next answer on it may be somebody else's too."""
    empty: bool = False
    """The server said that there is no body, by a 204 or a length of 0. Otherwise one that is missing may be lost."""
    secrets: tuple[str, ...] = field(default=(), eq=False, repr=False)
    """What must not be shown of it; see ``redaction``."""

    _quota: Reading | None = field(default=None, init=False, eq=False)

    @property
    def quota(self) -> Reading:
        """What it says about the account's quota and about waiting; read once, for the gate and for the error."""
        if self._quota is None:
            self._quota = headers.read(self.status, self.headers)
        return self._quota


def build(
    base_url: str,
    endpoint: Endpoint[Any],
    ids: tuple[str | int, ...],
    query: Mapping[str, Any] | None,
    body: Mapping[str, Any] | None,
) -> Request:
    """The request for one call; ids are quoted, names of query and body spelled as the wire wants them."""
    url = _url(base_url, endpoint.path, ids)
    if query and (pairs := _pairs(query)):
        try:
            url = f"{url}?{urlencode(pairs)}"
        except UnicodeEncodeError as error:
            name = next(name for name, text in pairs if error.object in {name, text})
            raise InvalidRequestError(name, str(error)) from error
    if body is None:
        return Request(endpoint.name, endpoint.method, url, None, ids)
    return Request(endpoint.name, endpoint.method, url, codec.encode_body(body), ids, body)


@lru_cache(maxsize=256)
def _url(base_url: str, path: str, ids: tuple[str | int, ...]) -> str:
    quoted = [quote(str(each), safe="") for each in ids]
    return base_url + path.format(**dict(zip(_names(path), quoted, strict=True)))


def _names(path: str) -> list[str]:
    return [name for _, name, _, _ in Formatter().parse(path) if name]


def asked(endpoint: Endpoint[Any], request: Request) -> dict[str, Any]:
    """What a request asks for, by our names, as it was sent."""
    arguments: dict[str, Any] = {name: value for name, value in request.fields.items() if value is not UNSET}
    if request.ids:
        arguments |= zip(_names(endpoint.path), request.ids, strict=True)
    if request.body is not None:
        try:
            sent = codec.parse(request.body)
        except DecodeError:  # nested so deep that it can be written and not be read
            sent = {}
        if endpoint.answer is codec.Json:
            arguments["json"] = sent
        elif arguments.get("meta"):
            arguments["meta"] = sent.get("meta")
    return arguments


def _pairs(query: Mapping[str, Any]) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for name, value in query.items():
        if value is None:
            continue
        wire_name = codec.camel(name)
        if isinstance(value, dict):  # "deep object", as OpenAPI calls it
            texts = [
                each if isinstance(each, str) else codec.encode(each).decode() for each in value.values()
            ]
            pairs += [(f"{wire_name}[{key}]", text) for key, text in zip(value, texts, strict=True)]
            continue
        for each in value if isinstance(value, (list, tuple)) else (value,):
            text = str(each).lower() if isinstance(each, bool) else str(each)
            pairs.append((wire_name, text))
    return pairs


def build_free(
    base_url: str, method: str, path: str, params: Mapping[str, Any] | None, json_body: object
) -> Request:
    """The request for a route this package has no call for; the path stays below the base URL."""
    method = validation.text("method", method).upper()
    if method not in {"GET", "POST", "PUT", "PATCH", "DELETE"}:
        raise InvalidRequestError("method", f"must be GET, POST, PUT, PATCH or DELETE, not {method!r:.80}")
    validation.text("path", path)
    if not path.startswith("/") or path.startswith("//") or any(mark in path for mark in "?#\\"):
        raise InvalidRequestError(
            "path", f"must begin with one slash and hold no ?, # or backslash, not {path!r:.80}"
        )
    if any(part.replace("%2e", ".").replace("%2E", ".") in {".", ".."} for part in path.split("/")):
        raise InvalidRequestError(
            "path", f"must not climb out of the base URL with dot segments: {path!r:.80}"
        )
    url = base_url + quote(path, safe="/%:@!$&'()*+,;=-._~")
    try:
        if params is not None and not isinstance(params, Mapping):
            raise InvalidRequestError("params", f"must be a mapping, not {validation.shown(params)}")
        given = {} if params is None else dict(params)
        pairs = [
            (name, str(each).lower() if isinstance(each, bool) else str(each))
            for name, value in given.items()
            if value is not None
            for each in (value if isinstance(value, (list, tuple)) else (value,))
        ]
        url = f"{url}?{urlencode(pairs)}" if pairs else url
    except InvalidRequestError:
        raise
    except Exception as error:
        # Half a surrogate pair, an int of more digits than Python writes out, a method that raised.
        raise InvalidRequestError("params", codec.reason(error)) from error
    body = None if json_body is None else codec.encode(json_body)
    asked_for = {"method": method, "path": path, "params": given}
    return Request(f"{method} {path}", method, url, body, fields=asked_for)
