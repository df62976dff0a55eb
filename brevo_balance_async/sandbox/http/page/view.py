"""The whole page, and the page of one contact's history."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

from brevo_balance_async.sandbox.http.guard import PREFIX

from .controls import clock_card, faults_card, quota_card, snapshots_card
from .html import Html, joined, tag
from .money import history_section, programs_section
from .traffic import hits_card, requests_section

if TYPE_CHECKING:
    from collections.abc import Mapping

    from brevo_balance_async.sandbox.http.handles import Handles

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)


def page(sandbox: Handles, query: Mapping[str, str]) -> str:
    """The page; with ``program``, ``definition`` and ``contact`` in the query, a contact's history."""
    history = history_section(sandbox, query) if "contact" in query else None
    if history is not None:
        return _document(sandbox, history)
    return _document(
        sandbox,
        joined(
            [
                tag(
                    "div",
                    clock_card(sandbox),
                    quota_card(sandbox),
                    hits_card(sandbox),
                    snapshots_card(sandbox),
                    class_="cards",
                ),
                programs_section(sandbox),
                faults_card(sandbox),
                requests_section(sandbox, query),
            ]
        ),
    )


def _document(sandbox: Handles, content: Html) -> str:
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", "Brevo sandbox"),
        tag("link", rel="icon", href="data:,"),
        tag("link", rel="stylesheet", href=f"{PREFIX}page.css"),
        tag("script", src=f"{PREFIX}page.js", defer=True),
    )
    banner = tag(
        "header",
        tag("h1", tag("a", "Brevo sandbox", href=PREFIX)),
        tag("p", "Imitates Brevo's Loyalty Balance API. Nothing here reaches Brevo."),
        tag("code", sandbox.base_url, class_="address"),
    )
    noscript = tag("noscript", tag("p", "The buttons need JavaScript.", class_="empty"))
    notice = tag("p", role="status", id="notice", hidden=True)
    return "<!doctype html>" + tag("html", head, tag("body", banner, notice, noscript, content), lang="en")


def asset(name: str) -> Any:
    """The text of ``page.css`` or ``page.js``, and its type."""
    kind = "text/css" if name.endswith(".css") else "text/javascript"
    return files(__package__).joinpath(name).read_text(encoding="utf-8"), f"{kind}; charset=utf-8"
