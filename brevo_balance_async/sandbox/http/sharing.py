"""What many requests have in common is kept once: names of members, the definition's id, headers.

Each request brings texts of its own, and the ledger and the log keep them; they are most of what a sandbox remembers.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any


@lru_cache(maxsize=4096)
def shared_text(text: str) -> str:
    """The first text met that equals ``text``."""
    return text


@lru_cache(maxsize=256)
def shared_mapping(items: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """The one mapping with these items; it must not be changed."""
    return dict(items)


def lean(members: dict[str, Any]) -> dict[str, Any]:
    """A body with shared names, also one level down, and a shared definition's id.

    Other values are not shared: the cache would keep them.
    """
    return {shared_text(name): _lean_value(name, value) for name, value in members.items()}


def _lean_value(name: str, value: Any) -> Any:
    if name == "balanceDefinitionId" and type(value) is str:
        return shared_text(value)
    if type(value) is dict:
        return {shared_text(each): item for each, item in value.items()}
    return value
