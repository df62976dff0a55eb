"""HTML in which every text is escaped: a ``str`` is text, only what ``tag`` made is markup."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

_EMPTY = frozenset({"br", "input", "link", "meta", "path"})


class Html(str):
    """Markup that is ready to be sent."""

    __slots__ = ()


def tag(name: str, /, *children: Any, **attributes: Any) -> Html:
    """One element; a child of None is left out, and so is an attribute of None or False.

    An attribute's name loses underscores at its end (``class_``), others become hyphens (``data_path``).
    """
    written = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{escape(str(value))}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    if name in _EMPTY:
        return Html(f"<{name}{written}>")
    return Html(f"<{name}{written}>{joined(children)}</{name}>")


def joined(children: Iterable[Any]) -> Html:
    """Several pieces, one after the other."""
    return Html(
        "".join(
            child if isinstance(child, Html) else escape(str(child))
            for child in children
            if child is not None
        )
    )


def table(heads: Iterable[str], rows: Iterable[Iterable[Any]], empty: str) -> Html:
    """A table, or the sentence ``empty`` when it has no rows.

    A head that starts with ``#`` is that of numbers; a column whose head starts with ``-`` is hidden on narrow screens.
    """
    kinds = [{"#": "number", "-": "extra"}.get(head[:1]) for head in heads]
    body = [
        tag("tr", *(tag("td", cell, class_=kind) for cell, kind in zip(row, kinds, strict=True)))
        for row in rows
    ]
    if not body:
        return tag("p", empty, class_="empty")
    head = tag(
        "tr",
        *(tag("th", each.lstrip("#-"), class_=kind) for each, kind in zip(heads, kinds, strict=True)),
    )
    return tag("div", tag("table", tag("thead", head), tag("tbody", *body)), class_="scroll")
