"""What the four listings share: how a paginator fetches a page, and validation of the query arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from brevo_balance_async.core import validation
from brevo_balance_async.models import Sort, Version
from brevo_balance_async.pagination import Batch, Listing, Paginator

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from brevo_balance_async.core.caller import Caller
    from brevo_balance_async.core.echo import Echo
    from brevo_balance_async.core.protocol import Endpoint
    from brevo_balance_async.models import Unset
    from brevo_balance_async.pagination import WalkMemory

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Answer(Protocol[T_co]):
    """The model of one page. It has the rows, and ``count`` where the listing states a total."""

    @property
    def items(self) -> Sequence[T_co] | None: ...


def paginator(
    caller: Caller,
    ids: tuple[str | int, ...],
    memory: WalkMemory,
    endpoint: Endpoint[Any],
    listing: Listing[T],
    query: Mapping[str, Any],
    *,
    limit: int | None,
    offset: int,
    echo: Echo,
    timeout: float | Unset | None,
) -> Paginator[T]:
    """A paginator that calls ``endpoint`` with ``query`` and the ``limit`` and ``offset`` of each page.

    ``ids`` fill the endpoint's path, as in any other call.
    """

    async def fetch(limit: int, offset: int) -> Batch[T]:
        page: Answer[T] = await caller.call(
            endpoint,
            ids,
            query={**query, "limit": limit, "offset": offset},
            echo=echo,
            timeout=timeout,
        )
        return Batch(page.items or (), getattr(page, "count", None))

    return Paginator(fetch, listing, memory, limit=limit, offset=offset)


def listing_query(
    limit: int | None,
    offset: int,
    sort_field: str | None,
    sort_fields: Collection[str],
    sort: Sort | str | None,
) -> dict[str, Any]:
    """The sort order as query parameters; also validates ``limit`` (1 to 500) and ``offset`` (at least 0)."""
    if limit is not None:
        validation.integer("limit", limit, least=1, most=500)
    validation.integer("offset", offset, least=0)
    return {
        "sort_field": None
        if sort_field is None
        else validation.choice("sort_field", sort_field, sort_fields),
        "sort": None if sort is None else validation.enum("sort", sort, Sort),
    }


def version_query(version: Version | str | None) -> dict[str, Any]:
    """The version of a definition or limit as a query parameter."""
    return {"version": None if version is None else validation.enum("version", version, Version)}


def internal_query(include_internal: bool | None) -> dict[str, Any]:
    """Whether to include balances that are hidden from members, as a query parameter."""
    if include_internal is not None:
        validation.boolean("include_internal", include_internal)
    return {"include_internal": include_internal}
