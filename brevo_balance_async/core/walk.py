"""The sans-IO walk through one listing: which request is due next, and what an answer is worth."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, Generic, Literal, TypeAlias, TypeVar

from attrs import define, field, frozen

T = TypeVar("T")

OffsetMeaning: TypeAlias = Literal["records", "pages0", "pages1"]
"""What ``offset`` counts: records to skip, page numbers from 0, or page numbers from 1."""


@frozen
class Batch(Generic[T]):
    """One answer of a listing: its rows, and the total that it states (None where it states none)."""

    items: Sequence[T]
    count: int | None = None


@frozen
class Listing(Generic[T]):
    """What is known about one listing; a constant at the head of a resource module."""

    name: str
    identity: Callable[[T], Hashable | None]
    sort_key: Callable[[T], Any | None] | None = None
    max_limit: int = 500
    default_limit: int | None = 20
    offset_counts: OffsetMeaning | None = "records"


@define
class WalkMemory:
    """What walks learned, per listing name; one per client, shared by all its walks, open to be overridden."""

    offset_counts: dict[str, OffsetMeaning] = field(factory=dict)
    largest_limit: dict[str, int] = field(factory=dict)
