"""The ids of what is made."""

from __future__ import annotations

from contextlib import contextmanager
from hashlib import blake2b
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

if TYPE_CHECKING:
    from collections.abc import Iterator


class Ids:
    """Random ids; while a named change is carried out, ids that the same name gives again."""

    __slots__ = ("_change", "_made")

    def __init__(self) -> None:
        self._change: str | None = None
        self._made = 0

    def new(self) -> str:
        """An id that nothing has yet."""
        if self._change is None:
            return str(uuid4())
        self._made += 1
        return derived_id(f"{self._change}:{self._made}")

    @contextmanager
    def of(self, change: str) -> Iterator[None]:
        """Make the ids of ``change`` while the block runs."""
        self._change, self._made = change, 0
        try:
            yield
        finally:
            self._change = None


def derived_id(source: str) -> str:
    """The UUID that belongs to a text: always the same, and another one for every other text."""
    return str(UUID(bytes=blake2b(source.encode(), digest_size=16).digest(), version=4))
