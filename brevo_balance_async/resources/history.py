"""The transaction history of a contact: the ledger that settles what became of an unclear write."""

from __future__ import annotations

import warnings
from operator import attrgetter
from typing import TYPE_CHECKING

from brevo_balance_async.core import validation
from brevo_balance_async.core.protocol import Endpoint, Replay
from brevo_balance_async.errors import InvalidRequestError
from brevo_balance_async.models import (
    UNSET,
    Sort,
    TransactionHistoryPage,
    TransactionRecord,
    TransactionStatus,
    TransactionType,
    Unset,
)
from brevo_balance_async.pagination import Batch, Listing, Paginator
from brevo_balance_async.resources._listing import listing_query

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from brevo_balance_async.core.requester import Caller
    from brevo_balance_async.pagination import WalkMemory

LIST = Endpoint(
    "history.list",
    "GET",
    "/loyalty/balance/programs/{}/transaction-history",
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

        ``limit`` is the page size, 1 to 500 (None: 500); ``sort_field`` can only be ``createdAt``; ``status``
        and ``transaction_type`` narrow it down. ``offset`` always counts records here, whatever the server's
        counts. ``filters`` belongs to the API of before 2026 and is ignored by today's: it is sent, with a
        ``DeprecationWarning``.

        The walk gives every row that exists throughout exactly once, or raises ``PaginationError``.
        """
        if isinstance(filters, str):
            raise InvalidRequestError("filters", "must be a list of texts, not one text")
        if filters is not None:
            warnings.warn(
                "filters is ignored by today's API: use status, transaction_type or loyalty_subscription_id",
                DeprecationWarning,
                stacklevel=2,
            )
        contact = validation.contact_id(contact_id)
        definition = validation.uuid("balance_definition_id", balance_definition_id)
        query = {
            "contact_id": contact,
            "balance_definition_id": definition,
            **listing_query(limit, offset, sort_field, {"createdAt"}, sort),
            "status": None if status is None else validation.enum("status", status, TransactionStatus),
            "transaction_type": None
            if transaction_type is None
            else validation.enum("transaction_type", transaction_type, TransactionType),
            "loyalty_subscription_id": None
            if loyalty_subscription_id is None
            else validation.text("loyalty_subscription_id", loyalty_subscription_id, least=1),
            "filters": None if filters is None else list(filters),
        }

        async def fetch(limit: int, offset: int) -> Batch[TransactionRecord]:
            page = await self._caller.call(
                LIST,
                (self._program_id,),
                query={**query, "limit": limit, "offset": offset},
                echo=(("contact_id", contact), ("balance_definition_id", definition)),
                timeout=timeout,
            )
            return Batch(page.items, page.count)

        return Paginator(fetch, LISTING, self._memory, limit=limit, offset=offset)
