"""Answers without I/O: a value or an error, and whether it is the answer to our request at all."""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

from brevo_balance_async.core import codec
from brevo_balance_async.core.protocol import REQUEST_IDS
from brevo_balance_async.errors import (
    BODY_START,
    BY_STATUS,
    DecodeError,
    InvalidRequestError,
    RateLimitedError,
    ResponseError,
    ServerError,
    as_utf8,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from brevo_balance_async.core.protocol import Endpoint, Response

T = TypeVar("T")

Echo: TypeAlias = "tuple[tuple[str, Any], ...]"
"""What an answer must repeat to be ours, as pairs of attribute and wanted value; see ``echo_mismatch``."""


def read(endpoint: Endpoint[T], response: Response) -> T:
    """The value of a successful answer; ``ResponseError`` or ``DecodeError`` otherwise."""
    if not 200 <= response.status < 300:
        raise refusal(response)
    if not response.body and endpoint.answer in (type(None), codec.Json):
        return None  # type: ignore[return-value]  # T is None here
    if endpoint.lists and not response.body:
        return codec.structure({endpoint.lists: []}, endpoint.answer, b"")
    try:
        if endpoint.answer is not type(None):
            return codec.decode(response.body, endpoint.answer)
        if not isinstance(codec.parse(response.body), dict):
            raise DecodeError(
                "the answer to a deletion is neither empty nor an object", body=response.body, garbled=True
            )
        return None
    except DecodeError as error:
        error.status, error.request_id = response.status, request_id(response)
        raise


def request_id(response: Response) -> str | None:
    """What a support ticket should name, if the server gave anything of the kind."""
    return next((as_utf8(value) for name in REQUEST_IDS if (value := response.headers.get(name))), None)


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


PRESENT: Final = object()
"""Wanted value: anything, as long as it is there."""


def echo_mismatch(answer: object, echo: Echo) -> str | None:
    """Why ``answer`` cannot belong to the request that was sent, or None.

    A pooled connection can hand one request the answer to another. A field the server left out is no mismatch,
    unless it is wanted ``PRESENT``; ``None`` is fulfilled by anything.
    """
    for name, wanted in echo:
        got = getattr(answer, name)
        if wanted is None or got == wanted:
            continue
        if wanted is PRESENT:
            if got is None or got == "":
                return f"{name} is missing"
        elif name == "meta":
            if got and (reason := _meta_mismatch(got, wanted)):
                return reason
        elif isinstance(wanted, frozenset):
            if got is not None and got not in wanted:
                return f"{name} is {got!r}"
        elif got is not None and got != "" and str(got).lower() != str(wanted).lower():
            return f"{name} is {got!r}, not {wanted!r}"
    return None


def _meta_mismatch(got: Mapping[str, Any], wanted: Mapping[str, Any]) -> str | None:
    # What the server added is fine.
    for name, value in codec.parse(codec.encode(wanted)).items():
        if name not in got:
            if value is not None:
                return f"meta has no {name!r}"
        elif not _same(got[name], value):
            return f"meta has another {name!r}"
    return None


def _same(got: object, sent: object) -> bool:
    """Whether it came back, at any depth: a number may come back as text and text as a number, None not at all."""
    if isinstance(got, dict) and isinstance(sent, dict):
        return all(_same(got.get(name), value) for name, value in sent.items())
    if isinstance(got, list) and isinstance(sent, list):
        return len(got) == len(sent) and all(map(_same, got, sent))
    if isinstance(got, str) == isinstance(sent, str):
        return got == sent
    text, other = (got, sent) if isinstance(got, str) else (str(sent), got)
    try:
        if isinstance(other, int | Decimal) and not isinstance(other, bool):
            return Decimal(text) == other
        return codec.encode(other).decode() == text
    except (InvalidOperation, InvalidRequestError):
        return False
