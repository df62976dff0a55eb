"""What a control request is answered: JSON for programs, a page for eyes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .routes import control, index

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .handles import Handles

_HEADERS = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "vary": "accept",
}


def control_answer(
    sandbox: Handles, method: str, path: str, query: Mapping[str, str], body: Any, *, accept: str
) -> tuple[Any, dict[str, str]]:
    """The value and the headers of the answer to one control request; raises ``Refusal``."""
    if path == "" and method in {"GET", "HEAD"}:
        return index(), _HEADERS
    return control(sandbox, method, path, query, body), _HEADERS
