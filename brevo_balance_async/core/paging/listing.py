"""What a walk is told and what it tells: the rows of one answer, the new ones of them; what is known of a listing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Literal, TypeAlias, TypeVar

from attrs import define, field, frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

T = TypeVar("T")

OffsetMeaning: TypeAlias = Literal["records", "pages0", "pages1"]
"""What a listing's ``offset`` counts: records to skip, pages numbered from 0, or pages numbered from 1."""


@frozen
class Batch(Generic[T]):
    """One answer of a listing: its rows, and the total it states (None where it states none).

    A 204 or an empty body is ``Batch(())``.
    """

    items: Sequence[T]
    count: int | None = None


@frozen
class Step(Generic[T]):
    """The new rows of one page. ``end`` is the position to resume from after the last of them.

    After the row before that it is one less, and so on: between new rows there are only rows that were given.
    """

    rows: Sequence[T]
    end: int

    @classmethod
    def of(cls, page: Sequence[T], fresh: Sequence[int], end: int) -> Step[T]:
        """The rows number ``fresh`` of ``page``."""
        if isinstance(fresh, range):  # nearly always by key, and faster
            return cls(page[fresh.start : fresh.stop], end)
        return cls([page[each] for each in fresh], end)


@frozen
class Listing(Generic[T]):
    """What is known about one listing; a constant at the head of a resource module.

    ``name`` stands in error texts and is the key of :class:`WalkMemory`. ``identity`` gives a row's id; None or
    an empty text if it has none. ``sort_key`` gives the key that the listing is ordered by, provided that it never
    changes for a row (``created_at``); it is None where the key is mutable or unknown. ``max_limit`` is the
    largest page the contract allows, ``default_limit`` the documented server default (None: none is documented),
    to which a walk falls back when a larger page is refused before any was answered. ``offset_counts`` None means that
    the documents disagree: the walk finds out.
    """

    name: str
    identity: Callable[[T], Hashable | None]
    sort_key: Callable[[T], Any] | None = None
    max_limit: int = 500
    default_limit: int | None = 20
    offset_counts: OffsetMeaning | None = "records"


@define
class WalkMemory:
    """What walks learned, by listing name; one per client (``client.walk_memory``), shared by all of its walks.

    Write into it to override: ``offset_counts["history.list"] = "pages1"`` saves the walk from finding out (a wrong
    entry makes a walk with ``offset=`` begin elsewhere), ``largest_limit["history.list"] = 100`` caps its pages.
    ``unordered`` names the listings whose rows did not come in the order of their sort key; they are walked by id.
    ``unfiltered`` names those whose server does not know, or ignores, a filter that no document is sure of.
    """

    offset_counts: dict[str, OffsetMeaning] = field(factory=dict)
    largest_limit: dict[str, int] = field(factory=dict)
    unordered: set[str] = field(factory=set)
    unfiltered: set[str] = field(factory=set)
