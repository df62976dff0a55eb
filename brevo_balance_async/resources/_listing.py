"""What every listing takes: page, order, version; checked, and named for the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from brevo_balance_async.core import validation
from brevo_balance_async.models import Sort, Version

if TYPE_CHECKING:
    from collections.abc import Collection


def listing_query(
    limit: int | None,
    offset: int,
    sort_field: str | None,
    sort_fields: Collection[str],
    sort: Sort | str | None,
) -> dict[str, Any]:
    """The order of a listing as a query, and its page checked (limit 1 to 500, offset at least 0)."""
    if limit is not None:
        validation.integer("limit", limit, least=1, most=500)
    validation.integer("offset", offset, least=0)
    return {
        "sort_field": None if sort_field is None else validation.word("sort_field", sort_field, sort_fields),
        "sort": None if sort is None else validation.enum("sort", sort, Sort),
    }


def version_query(version: Version | str | None) -> dict[str, Any]:
    """The version of a definition or limit as a query."""
    return {"version": None if version is None else validation.enum("version", version, Version)}


def internal_query(include_internal: bool | None) -> dict[str, Any]:
    """Whether balances that are hidden from members are read too."""
    if include_internal is not None:
        validation.boolean("include_internal", include_internal)
    return {"include_internal": include_internal}
