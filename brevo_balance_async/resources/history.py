"""The transaction history of a contact: the ledger that settles what became of an unclear write."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime
from decimal import Decimal
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from brevo_balance_async.core import codec, validation
from brevo_balance_async.core.echo import meta_difference
from brevo_balance_async.core.protocol import Endpoint, Replay
from brevo_balance_async.errors import BadRequestError, InvalidRequestError, UnprocessableError
from brevo_balance_async.models import (
    UNSET,
    Sort,
    TransactionHistoryPage,
    TransactionRecord,
    TransactionStatus,
    TransactionType,
    Unset,
)
from brevo_balance_async.pagination import Listing
from brevo_balance_async.resources._listing import listing_query, paginator

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from uuid import UUID

    from brevo_balance_async.core.requester import Caller
    from brevo_balance_async.pagination import Paginator, WalkMemory

LIST = Endpoint(
    "history.list",
    "GET",
    "/loyalty/balance/programs/{program_id}/transaction-history",
    Replay.READ,
    TransactionHistoryPage,
    lists="transactionHistory",
)

# Brevo's documents disagree on whether this offset counts records or pages, so the walk finds out.
LISTING: Listing[TransactionRecord] = Listing(
    LIST.name,
    identity=lambda record: record.id or None,
    sort_key=attrgetter("created_at"),
    offset_counts=None,
)

_LONG_AGO: Final = datetime(1, 1, 1, tzinfo=UTC)


class History:
    """The transactions of one program's members."""

    def __init__(self, caller: Caller, program_id: str, memory: WalkMemory) -> None:
        self._caller = caller
        self._program_id = program_id
        self._memory = memory

    def list(
        self,
        *,
        contact_id: int,
        balance_definition_id: str | UUID,
        limit: int | None = None,
        offset: int = 0,
        sort_field: str | None = None,
        sort: Sort | str | None = None,
        status: TransactionStatus | str | None = None,
        transaction_type: TransactionType | str | None = None,
        loyalty_subscription_id: str | None = None,
        filters: Sequence[str] | None = None,
        timeout: float | Unset | None = UNSET,
    ) -> Paginator[TransactionRecord]:
        """Walk a contact's transactions of one definition, newest first unless ``sort="asc"``.

        ``limit`` is the page size, 1 to 500 (None: 500); for the first n rows use ``take(n)``.
        ``sort_field`` can only be ``createdAt``; ``status`` and ``transaction_type`` narrow it down.
        ``offset`` always counts records here, whatever the server's counts. ``filters`` belongs to the API
        of before 2026 and is ignored by today's: it is sent, with a ``DeprecationWarning``.

        The walk gives every row that exists throughout exactly once, or raises ``PaginationError``.
        """
        if filters is not None:
            filters = validation.texts("filters", filters)
            warnings.warn(
                "filters is ignored by today's API: use status, transaction_type or loyalty_subscription_id",
                DeprecationWarning,
                stacklevel=2,
            )
        contact = validation.contact_id(contact_id)
        definition = validation.uuid("balance_definition_id", balance_definition_id)
        query: dict[str, Any] = {
            "contact_id": contact,
            "balance_definition_id": definition,
            **listing_query(limit, offset, sort_field, ("createdAt",), sort),
            "status": None if status is None else validation.enum("status", status, TransactionStatus),
            "transaction_type": None
            if transaction_type is None
            else validation.enum("transaction_type", transaction_type, TransactionType),
            "loyalty_subscription_id": None
            if loyalty_subscription_id is None
            else validation.text("loyalty_subscription_id", loyalty_subscription_id, least=1),
            "filters": filters,
        }
        return paginator(
            self._caller,
            self._program_id,
            self._memory,
            LIST,
            LISTING,
            query,
            limit=limit,
            offset=offset,
            echo=(("contact_id", contact), ("balance_definition_id", definition)),
            timeout=timeout,
        )

    async def find(
        self,
        *,
        contact_id: int,
        balance_definition_id: str | UUID,
        transaction_id: str | UUID | None = None,
        meta: dict[str, Any] | None = None,
        since: datetime | None = None,
        timeout: float | Unset | None = UNSET,
    ) -> TransactionRecord | None:
        """The newest row with this id, or with every given ``meta`` entry; None if there is none.

        Give ``transaction_id``, ``meta``, or both; entries are compared as text, so ``3`` finds ``"3"``. Rows are
        read from the newest on and no further back than ``since`` (aware; by the server's ``created_at``), so give
        it where you can: a history of 100,000 rows takes 200 requests. ``timeout`` is for each of them.

        By ``meta`` the server is asked for these rows alone first (``metadata[key]=value``, which Brevo's own
        libraries know and its reference does not). Its answer counts only if every row in it has these entries; one
        without rows proves nothing. Otherwise the history is walked, and a server that ignores or refuses the filter
        is not asked again by this client.

        What was written a moment ago may not be in the history yet: None is no proof that nothing was applied.
        Raises ``InvalidRequestError`` if neither is given, and what ``list`` raises.
        """
        if transaction_id is None and meta is None:
            raise InvalidRequestError("transaction_id", "is missing: give it, or meta")
        wanted_id = None if transaction_id is None else validation.uuid("transaction_id", transaction_id)
        wanted = None if meta is None else _entries(meta)
        since = None if since is None else validation.timestamp("since", since)
        contact = validation.contact_id(contact_id)
        definition = validation.uuid("balance_definition_id", balance_definition_id)

        def fits(record: TransactionRecord) -> bool:
            """Whether it is one of those asked for."""
            return (wanted_id is None or record.id.lower() == wanted_id.lower()) and (
                wanted is None or meta_difference(record.meta or {}, wanted) is None
            )

        def too_old(record: TransactionRecord) -> bool:
            return since is not None and record.created_at is not None and record.created_at < since

        if wanted is not None and wanted_id is None:
            found = await self._filtered(contact, definition, wanted, fits, timeout)
            if found is not None and not too_old(found):
                return found
        walk = self.list(
            contact_id=contact, balance_definition_id=definition, sort=Sort.DESC, timeout=timeout
        )
        async for record in walk:
            if too_old(record):
                break
            if fits(record):
                return record
        return None

    async def _filtered(
        self,
        contact: int,
        definition: str,
        wanted: dict[str, Any],
        fits: Callable[[TransactionRecord], bool],
        timeout: float | Unset | None,
    ) -> TransactionRecord | None:
        """The newest row by the server's own filter, if it is seen to have one."""
        texts = all(isinstance(value, str | int | Decimal) for value in wanted.values())
        if LIST.name in self._memory.unfiltered or not texts:
            return None
        query = {
            "contact_id": contact,
            "balance_definition_id": definition,
            "metadata": wanted,
            "sort": Sort.DESC,
            "limit": LISTING.default_limit,
        }
        try:
            rows = (await self._page(query, timeout)).items
        except (BadRequestError, UnprocessableError):
            self._memory.unfiltered.add(LIST.name)
            return None
        if not all(map(fits, rows)):
            self._memory.unfiltered.add(LIST.name)
            return None
        return max(rows, key=lambda record: record.created_at or _LONG_AGO, default=None)

    async def _page(self, query: dict[str, Any], timeout: float | Unset | None) -> TransactionHistoryPage:
        echo = (
            ("contact_id", query["contact_id"]),
            ("balance_definition_id", query["balance_definition_id"]),
        )
        return await self._caller.call(LIST, (self._program_id,), query=query, echo=echo, timeout=timeout)


def _entries(meta: dict[str, Any]) -> dict[str, Any]:
    """The entries to look for, as they stand in JSON."""
    if not validation.mapping("meta", meta):
        raise InvalidRequestError("meta", "must not be empty: every row would do")
    entries: dict[str, Any] = codec.parse(codec.encode(meta, "meta"))
    return entries
