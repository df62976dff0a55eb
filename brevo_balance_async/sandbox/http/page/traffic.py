"""The requests: counts by operation, and the newest ones, each with whether it was applied."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brevo_balance_async.sandbox.http.guard import PREFIX
from brevo_balance_async.sandbox.http.routes import OPERATIONS
from brevo_balance_async.sandbox.http.verification import found

from .controls import card
from .html import Html, table, tag

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from brevo_balance_async.sandbox.http.handles import Handles
    from brevo_balance_async.sandbox.http.log import RequestRecord

_SHOWN = 50
_API = "/v3/loyalty/balance/programs/"


def hits_card(sandbox: Handles) -> Html:
    """How many requests were received, by operation."""
    counts = sorted(sandbox.requests.counts().items(), key=lambda item: -item[1]["hits"])
    rows = [
        (tag("a", name, href=f"{PREFIX}?operation={name}#requests"), count["hits"], count["applied"])
        for name, count in counts[:8]
    ]
    return card(
        "Requests",
        tag("p", f"{sandbox.requests.hits():,}", class_="big"),
        table(("Operation", "#Received", "#Applied"), rows, "No request yet."),
    )


def requests_section(sandbox: Handles, query: Mapping[str, str]) -> Html:
    """The newest requests, of one operation if the query names one."""
    operation = query.get("operation")
    if operation not in OPERATIONS:
        operation = None
    records = found(sandbox.requests, operation=operation)
    heads = ("#No.", "Operation", "-Path", "#Status", "Verdict", "-Fault")
    return tag(
        "section",
        tag("h2", "Latest requests", f" to {operation}" if operation else ""),
        tag("p", tag("a", "All operations", href=f"{PREFIX}#requests"), class_="note") if operation else None,
        table(heads, (_row(record) for record in records[: -_SHOWN - 1 : -1]), "No request yet."),
        id="requests",
        class_="card",
    )


def _row(record: RequestRecord) -> Sequence[Any]:
    verdict = ("applied", "yes") if record.applied else ("not applied", "no")
    return (
        record.seq,
        record.operation or "no operation",
        tag("code", f"{record.method} {_short(record.path)}"),
        record.status or "none",
        tag("span", verdict[0], class_=f"verdict {verdict[1]}"),
        record.fault or "",
    )


def _short(path: str) -> str:
    """The path after the program's id, which is long and mostly the same."""
    return f"…{path.removeprefix(_API)[36:]}" if path.startswith(_API) else path
