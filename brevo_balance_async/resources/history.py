"""The transaction history of a contact. Reading it reconciles a write whose outcome is unknown."""

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

    from brevo_balance_async.core.caller import Caller
    from brevo_balance_async.pagination import Paginator, WalkMemory

LIST = Endpoint(
    "history.list",
    "GET",
    "/loyalty/balance/programs/{program_id}/transaction-history",
    Replay.READ,
    TransactionHistoryPage,
    lists="transactionHistory",
)

# Brevo's reference calls this offset a page number, its older documents a number of records to skip; so the walk
# finds out what it counts: https://developers.brevo.com/reference/get-transaction-history-api
LISTING: Listing[TransactionRecord] = Listing(
    LIST.name,
    identity=attrgetter("id"),
    sort_key=attrgetter("created_at"),
    offset_counts=None,
)

_LONG_AGO: Final = datetime(1, 1, 1, tzinfo=UTC)


class History:
    """The transactions of one program's members: ``program.history``.

    Every call also raises the errors listed at ``Program``.
    """

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
        """List a contact's transactions of one definition; returns a ``Paginator`` and sends nothing yet.

        ``limit`` is the page size, 1 to 500 (None: 500); for the first n rows use ``take(n)``. ``offset`` counts
        records, even where the server's own offset counts pages. ``sort_field`` can only be ``createdAt``; without
        ``sort`` the server decides (documented until 2025: newest first). ``status``, ``transaction_type`` and
        ``loyalty_subscription_id`` filter. ``filters`` belongs to the old API and is not documented any more: it is
        sent, with a ``DeprecationWarning``.

        A walk gives every row that exists throughout exactly once, or raises ``PaginationError``. Raises
        ``InvalidRequestError`` at once; iterating raises ``NotFoundError`` for a contact that is no member.
        Source: https://developers.brevo.com/reference/get-transaction-history-api
        """
        if filters is not None:
            filters = validation.texts("filters", filters)
            warnings.warn(
                "filters is no longer documented by Brevo: use status, transaction_type or loyalty_subscription_id",
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
            (self._program_id,),
            self._memory,
            LIST,
            LISTING,
            query,
            limit=limit,
            offset=offset,
            echo={"contact_id": contact, "balance_definition_id": definition},
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

        Give ``transaction_id``, ``meta``, or both. Entries are compared as text, so ``3`` finds ``"3"``. Rows are
        read from the newest, and reading ends at ``since`` (aware; compared with ``created_at``). Give ``since``
        where you can: a history of 100,000 rows takes 200 requests. ``timeout`` is for each request.

        With ``meta`` alone the server is first asked to filter (``metadata[key]=value``, which Brevo's Java library
        has and its reference page lacks). The answer is used only if it has rows and all of them match; otherwise
        the history is walked. A server that ignores or refuses the filter is not asked to filter again.

        None is no proof that nothing was applied: a row written just now may not be in the history yet.
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
            """True if the row has the wanted id and ``meta`` entries."""
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
        """The newest matching row by the server's own filter; None if there is none or the filter does not work."""
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
        echo = {name: query[name] for name in ("contact_id", "balance_definition_id")}
        return await self._caller.call(LIST, (self._program_id,), query=query, echo=echo, timeout=timeout)


def _entries(meta: dict[str, Any]) -> dict[str, Any]:
    """The entries to look for, as their values stand in JSON."""
    if not validation.mapping("meta", meta):
        raise InvalidRequestError("meta", "must not be empty: every row would match")
    entries: dict[str, Any] = codec.parse(codec.encode(meta, "meta"))
    return entries
