"""``limit``, ``offset`` and ``sort`` of the listings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .fields import INT64

if TYPE_CHECKING:
    from .fields import Fields


def read_limit(query: Fields, *, default: int, most: int, above: str) -> int:
    """The page size that was asked for; above the maximum it is refused (``above="422"``) or cut."""
    limit = query.integer("limit", least=1, most=most if above == "422" else INT64)
    return default if limit is None else min(limit, most)


def read_start(query: Fields, limit: int, meaning: str) -> int:
    """The first row of the page that ``offset`` names: it counts records, pages from 0 or from 1, or is ignored."""
    offset = query.integer("offset", least=0, most=INT64) or 0
    if meaning == "pages0":
        return offset * limit
    if meaning == "pages1":
        return max(0, offset - 1) * limit
    return 0 if meaning == "ignored" else offset


def read_descending(query: Fields) -> bool:
    """Whether the newest or largest comes first. That is the default where Brevo documents one."""
    return query.word("sort", ("asc", "desc")) != "asc"
