"""Answers without I/O: what came back, as a value or an error."""

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
"""What becomes of a transaction; none of them is left again."""


def read(endpoint: Endpoint[T], response: Response) -> T:
    """The value of a successful answer; ``ResponseError`` or ``DecodeError`` otherwise.

    None where a write was acknowledged and no more was said.
    """
    if not 200 <= response.status < 300:
        raise refusal(response)
    if not response.body:
        # A read whose body was lost must not be taken for one that found nothing.
        if endpoint.answer is codec.Json and (response.empty or endpoint.replay is not Replay.READ):
            return None  # type: ignore[return-value]  # T is None here, or may be
        if endpoint.lists and response.empty:
            return codec.structure({endpoint.lists: []}, endpoint.answer, b"")
    try:
        if endpoint.answer is not type(None):
            return codec.decode(response.body, endpoint.answer)
        if _acknowledges(response.body) or isinstance(codec.parse(response.body), dict):
            return None
        raise DecodeError("the answer to a deletion is no acknowledgement", body=response.body, garbled=True)
    except DecodeError as error:
        if endpoint.replay is Replay.REPLAYABLE and _acknowledges(response.body):
            return None  # type: ignore[return-value]  # T is None here, or may be
        error.status, error.request_id = response.status, request_id(response)
        raise


_ACKNOWLEDGED: Final = frozenset(
    b"|ok|true|null|1|[]|{}|done|success|accepted|created|updated|deleted|no content".split(b"|")
)


def _acknowledges(body: bytes) -> bool:
    """Whether a success says no more than that: nothing, ``OK``, ``true``, PHP's empty map."""
    return len(body) <= 80 and body.strip(b'" .!\t\r\n').lower() in _ACKNOWLEDGED


def refusing_end(endpoint: Endpoint[Any], value: Any, response: Response) -> UnprocessableError | None:
    """The refusal that a successful answer is, if it shows the transaction at another end than was asked for."""
    if value.status not in endpoint.refuses_as:
        return None
    error = ended(value.status, value.reject_reason, "the answer")
    error.request_id = request_id(response)
    return error


def ended(status: str, reason: str | None, shown_by: str) -> UnprocessableError:
    """The error for a transaction at an end that was not asked for; ``code`` is that end."""
    because = f" ({reason})" if reason else ""
    return UnprocessableError(
        f"the transaction is {status}, as {shown_by} shows{because}",
        status=422,
        code=str(status),
        explained=True,
    )


_REQUEST_IDS: Final = ("x-request-id", "request-id", "x-correlation-id", "cf-ray")


def request_id(response: Response) -> str | None:
    """What a support ticket should name, if the server gave anything of the kind."""
    given = next((value for name in _REQUEST_IDS if (value := response.headers.get(name))), None)
    return None if given is None else as_utf8(cleaned(given, response.secrets))


def refusal(response: Response) -> ResponseError:
    """The error for an answer that is no success."""
    text = response.body[: 4 * BODY_START].decode("utf-8", "replace")[:BODY_START]
    told = _told(response.body)
    code, message = _word(told, "code"), _word(told, "message")
    status = response.status
    explained = (code, message) != (None, None)
    if oauth := told.get("error") if isinstance(told.get("error"), str) else None:  # RFC 6749
        code, message = code or oauth, message or _word(told, "error_description") or oauth
    if status == 401 and (oauth or response.headers.get("www-authenticate")):
        explained = True  # what asks for other credentials has let nothing pass to business code
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
            "the server redirects; redirects are not followed, they would take the key along", **fields
        )
    message = message or (f"the server answered {text[:200]!r}" if text else "the server gave no reason")
    if status == 429:
        return RateLimitedError(message, retry_after=response.quota.wait, **fields)
    kind = BY_STATUS.get(status) or (ServerError if status >= 500 else ResponseError)
    return kind(message, **fields)


def _told(body: bytes) -> dict[str, Any]:
    """The members of an error body, where it has any."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _word(told: Mapping[str, Any], name: str) -> str | None:
    return str(told[name]) if told.get(name) else None
