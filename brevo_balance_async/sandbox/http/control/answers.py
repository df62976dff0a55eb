"""What a control request is answered: JSON for programs, a page for browsers."""

from __future__ import annotations

import json
from math import isfinite
from typing import TYPE_CHECKING, Any

from brevo_balance_async.sandbox.rules.refusals import malformed

from .routes import control, index

if TYPE_CHECKING:
    from collections.abc import Mapping

    from brevo_balance_async.sandbox.http.handles import Handles
    from brevo_balance_async.sandbox.http.replies import Answer

_PRIVATE = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "vary": "accept",
}
_ASSETS = frozenset({"page.css", "page.js"})


def control_answer(
    sandbox: Handles, method: str, path: str, query: Mapping[str, str], body: Any, *, accept: str
) -> tuple[Any, dict[str, str]]:
    """The value and the headers of the answer to one control request; raises ``Refusal``."""
    looks = method in {"GET", "HEAD"}
    if looks and (path in _ASSETS or (path == "" and "text/html" in accept)):
        return _for_browser(sandbox, path, query)
    if looks and path == "":
        return index(), {}
    return control(sandbox, method, path, query, body), {}


def private(answer: Answer) -> Answer:
    """An answer to a control request, good or bad, that no browser keeps, frames or takes for something else."""
    answer.headers.update(_PRIVATE)
    return answer


def read_control(content: bytes) -> Any:
    """The JSON value of a control request's body, with numbers as Python has them; 400 when it is none."""
    try:
        return json.loads(content, parse_float=_finite, parse_constant=_finite) if content else None
    except (ValueError, RecursionError) as error:
        raise malformed(f"invalid JSON: {error}") from error


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError(f"{text:.80} is no number that a double holds")
    return number


def _for_browser(sandbox: Handles, path: str, query: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    from brevo_balance_async.sandbox.http.page.view import POLICY, asset, page  # noqa: PLC0415 - programs need no page

    text, kind = asset(path) if path else (page(sandbox, query), "text/html; charset=utf-8")
    return text, {"content-type": kind, "content-security-policy": POLICY}
