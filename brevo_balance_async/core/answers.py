"""Turn an answer into a value or an error. No I/O happens here."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, TypeVar

from brevo_balance_async.core import codec
from brevo_balance_async.core.protocol import Replay
from brevo_balance_async.core.redaction import cleaned
from brevo_balance_async.errors import (
    BODY_START,
    BY_STATUS,
    DecodeError,
    RateLimitedError,
    ResponseError,
    ServerError,
    UnprocessableError,
    as_utf8,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from brevo_balance_async.core.protocol import Endpoint, Response

T = TypeVar("T")

ENDS: Final = frozenset({"completed", "rejected", "cancelled", "expired"})
"""The final values of a transaction's status: it does not change any more."""


def read(endpoint: Endpoint[T], response: Response) -> T:
    """The value of a successful answer; None for a write that was acknowledged without a value.

    Raises ``ResponseError`` for another status, and ``DecodeError`` if the body cannot be read.
    """
    if not 200 <= response.status < 300:
        raise refusal(response)
    if not response.body:
        # For a read, a body that was lost must not look like an empty result.
        if endpoint.answer is codec.Json and (response.empty or endpoint.replay is not Replay.READ):
            return None  # type: ignore[return-value]  # T is None here, or may be
        if endpoint.lists and response.empty:
            return codec.structure({endpoint.lists: []}, endpoint.answer, b"")
    try:
        if endpoint.answer is not type(None):
            return codec.decode(response.body, endpoint.answer)
        if _acknowledges(response.body) or isinstance(codec.parse(response.body), dict):
            return None
        raise DecodeError(
            "the answer to a deletion does not acknowledge it", body=response.body, garbled=True
        )
    except DecodeError as error:
        if endpoint.replay is Replay.REPLAYABLE and _acknowledges(response.body):
            return None  # type: ignore[return-value]  # T is None here, or may be
        error.status, error.request_id = response.status, request_id(response)
        raise


_ACKNOWLEDGED: Final = frozenset(
    b"|ok|true|null|1|[]|{}|done|success|accepted|created|updated|deleted|no content".split(b"|")
)


def _acknowledges(body: bytes) -> bool:
    """True if the body has no value in it: it is empty, ``OK``, ``true``, ``[]`` (PHP's empty map) or the like."""
    return len(body) <= 80 and body.strip(b'" .!\t\r\n').lower() in _ACKNOWLEDGED


def refusing_end(endpoint: Endpoint[Any], value: Any, response: Response) -> UnprocessableError | None:
    """The error for a 200 answer in which the transaction has another final status than the one asked for."""
    if value.status not in endpoint.refuses_as:
        return None
    error = ended(value.status, value.reject_reason, "the answer")
    error.request_id = request_id(response)
    return error


def ended(status: str, reason: str | None, shown_by: str) -> UnprocessableError:
    """The error for a transaction with another final status than asked for; ``code`` is that status."""
    because = f" ({reason})" if reason else ""
    return UnprocessableError(
        f"the transaction is {status}, as {shown_by} shows{because}",
        status=422,
        code=str(status),
        explained=True,
    )


_REQUEST_IDS: Final = ("x-request-id", "request-id", "x-correlation-id", "cf-ray")


def request_id(response: Response) -> str | None:
    """The id of the answer for a support ticket; None if the server sent none."""
    given = next((value for name in _REQUEST_IDS if (value := response.headers.get(name))), None)
    return None if given is None else as_utf8(cleaned(given, response.secrets))


def refusal(response: Response) -> ResponseError:
    """The error for an answer without a success status.

    Brevo's error body is ``{"code", "message"}`` (https://developers.brevo.com/docs/how-it-works), that of a token
    endpoint ``{"error", "error_description"}`` (RFC 6749, 5.2).
    """
    text = response.body[: 4 * BODY_START].decode("utf-8", "replace")[:BODY_START]
    body = _error_body(response.body)
    code, message = _text(body, "code"), _text(body, "message")
    status = response.status
    explained = (code, message) != (None, None)
    if oauth := body.get("error") if isinstance(body.get("error"), str) else None:
        code, message = code or oauth, message or _text(body, "error_description") or oauth
    if status == 401 and (oauth or response.headers.get("www-authenticate")):
        explained = (
            True  # a server that asks for other credentials has not passed the request to business code
        )
    fields: dict[str, Any] = {
        "status": status,
        "code": code,
        "request_id": request_id(response),
        "headers": {name.lower(): value for name, value in response.headers.items()},
        "body": text,
        "explained": explained,
    }
    if 300 <= status < 400:
        return ResponseError(
            "the server redirects; redirects are not followed, because they would send the key to another address",
            **fields,
        )
    message = message or (f"the server answered {text[:200]!r}" if text else "the server gave no reason")
    if status == 429:
        return RateLimitedError(message, retry_after=response.quota.wait, **fields)
    kind = BY_STATUS.get(status) or (ServerError if status >= 500 else ResponseError)
    return kind(message, **fields)


def _error_body(body: bytes) -> dict[str, Any]:
    """The parsed body; empty if it is not a JSON object."""
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _text(body: Mapping[str, Any], name: str) -> str | None:
    return str(body[name]) if body.get(name) else None
