"""The records of an operation, a request and an answer, and how a request is built. No I/O happens here."""

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
    """The effect of sending the same request twice, which decides whether it may be retried."""

    READ = "read"
    """GET: it changes nothing."""
    REPLAYABLE = "replayable"
    """PUT and DELETE: idempotent."""
    GUARDED = "guarded"
    """Complete and cancel: the server applies them at most once
    (https://developers.brevo.com/docs/loyalty-best-practices: a second complete is a 422)."""
    UNSAFE = "unsafe"
    """Not idempotent: it would be applied twice. Brevo offers no idempotency key for these."""


@frozen(eq=False, repr=False)
class Endpoint(Generic[T]):
    """One operation: a constant at the head of its resource module."""

    name: str
    """The name in errors, hooks and logs, for instance ``"transactions.begin"``."""
    method: str
    path: str
    """Path below the base URL, with a placeholder such as ``{program_id}`` for each id."""
    replay: Replay
    answer: type[T]
    """Model of the answer; ``NoneType`` if it has no body."""
    refuses: frozenset[int] = frozenset()
    """Statuses that Brevo documents as a refusal of this operation, beside those of all operations."""
    lists: str = ""
    """For a listing: the JSON field with the rows. An answer that states an empty body is read as an empty page."""
    look_for: str = "read the state of what it changes"
    """How to find out whether a write with an unknown outcome was applied."""
    refuses_as: frozenset[str] = frozenset()
    """Values of ``status`` in a 200 answer that mean a refusal."""

    gated: bool = field(
        init=False, default=Factory(lambda self: self.path.startswith("/loyalty/"), takes_self=True)
    )
    """True if the quota of the loyalty routes counts it. Brevo counts its other routes separately
    (https://developers.brevo.com/docs/api-limits)."""


@define(eq=False, repr=False)
class Request:
    """One request, ready to be sent any number of times."""

    endpoint: str
    method: str
    url: str
    """Absolute and percent-encoded."""
    body: bytes | None = None
    ids: tuple[str | int, ...] = ()
    fields: Mapping[str, Any] = field(factory=dict)
    """The arguments that the body was made of, by our names. The caller may have changed ``meta`` since."""
    secrets: tuple[str, ...] = ()
    """Secrets in the body. They are removed from the answer, as the auth headers are."""


def _nothing() -> None:
    return None


@define(eq=False, repr=False)
class Progress:
    """How far an attempt got. It is a record of its own, so that it can be read after a cancellation."""

    connecting: bool = False
    """The wait for a place in the connection pool is over."""
    sent: bool = False
    """Bytes of the request may have left."""


@define(eq=False, repr=False)
class Response:
    """An answer that arrived completely."""

    status: int
    headers: Mapping[str, str]
    """A mapping that ignores case."""
    body: bytes = field(repr=False)
    """Not in the ``repr``, because a traceback may show it and it may be a token or a member's data."""
    discard: Callable[[], None] = field(default=_nothing, eq=False)
    """Closes the connection that the answer came on. Called after a doubtful answer: the next one on the same
    connection may belong to another request too."""
    empty: bool = False
    """The server stated that there is no body (a 204 or a length of 0). Otherwise an empty body may have been lost."""
    secrets: tuple[str, ...] = field(default=(), eq=False, repr=False)
    """What must not be shown of the answer; see ``redaction``."""

    _quota: Reading | None = field(default=None, init=False, eq=False)

    @property
    def quota(self) -> Reading:
        """The quota headers and the wait that the answer asks for; parsed once."""
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
    """The request for one call. Ids are percent-encoded, names of query and body are converted to JSON names.

    Raises ``InvalidRequestError`` for a value that cannot be encoded.
    """
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
    """The arguments of a request by our names, with the values that were sent."""
    arguments: dict[str, Any] = {name: value for name, value in request.fields.items() if value is not UNSET}
    if request.ids:
        arguments |= zip(_names(endpoint.path), request.ids, strict=True)
    if request.body is not None:
        try:
            sent = codec.parse(request.body)
        except DecodeError:  # nested so deeply that it can be written but not parsed
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
        if isinstance(value, dict):  # OpenAPI's style "deepObject": name[key]=value
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
    """The request of ``BalanceClient.request``: any route below the base URL.

    Raises ``InvalidRequestError`` for a method, path, query or body that cannot be sent.
    """
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
        # A lone surrogate, an int of too many digits, or a method of the caller's object that raised.
        raise InvalidRequestError("params", codec.reason(error)) from error
    body = None if json_body is None else codec.encode(json_body)
    asked_for = {"method": method, "path": path, "params": given}
    return Request(f"{method} {path}", method, url, body, fields=asked_for)
