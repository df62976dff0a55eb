"""Balances of contacts: all of one definition, the live lots of one contact, everything one contact holds."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

from brevo_balance_async.core import validation
from brevo_balance_async.core.echo import PRESENT
from brevo_balance_async.core.protocol import Endpoint, Replay
from brevo_balance_async.models import (
    UNSET,
    ActiveBalance,
    ActiveBalancePage,
    Balance,
    ContactBalance,
    ContactBalancePage,
    Sort,
    SubscriptionBalances,
    Unset,
)
from brevo_balance_async.pagination import Listing
from brevo_balance_async.resources._listing import internal_query, listing_query, paginator

if TYPE_CHECKING:
    from uuid import UUID

    from brevo_balance_async.core.requester import Caller
    from brevo_balance_async.pagination import Paginator, WalkMemory

_BASE = "/loyalty/balance/programs/{program_id}"
_CONTACT = _BASE + "/subscriptions/{contact_id}/balances"

LIST = Endpoint(
    "balances.list", "GET", _BASE + "/contact-balances", Replay.READ, ContactBalancePage, lists="balances"
)
LIST_ACTIVE = Endpoint(
    "balances.list_active",
    "GET",
    _BASE + "/active-balance",
    Replay.READ,
    ActiveBalancePage,
    lists="activeBalances",
)
GET = Endpoint("balances.get", "GET", _CONTACT, Replay.READ, SubscriptionBalances)
CREATE = Endpoint(
    "balances.create",
    "POST",
    _CONTACT,
    Replay.UNSAFE,
    Balance,
    look_for="read the contact's balances with balances.get",
)

CONTACT_LISTING: Listing[ContactBalance] = Listing(LIST.name, identity=lambda balance: balance.contact_id)
ACTIVE_LISTING: Listing[ActiveBalance] = Listing(
    LIST_ACTIVE.name, identity=lambda balance: balance.id or None, sort_key=attrgetter("created_at")
)


class Balances:
    """The balances of one program's members."""

    def __init__(self, caller: Caller, program_id: str, memory: WalkMemory) -> None:
        self._caller = caller
        self._program_id = program_id
        self._memory = memory

    def list(
        self,
        balance_definition_id: str | UUID,
        *,
        limit: int | None = None,
        offset: int = 0,
        sort_field: str | None = None,
        sort: Sort | str | None = None,
        include_internal: bool | None = None,
        timeout: float | Unset | None = UNSET,
    ) -> Paginator[ContactBalance]:
        """Walk every member's balance of one definition.

        ``limit`` is the page size, 1 to 500 (None: 500); for the first n rows use ``take(n)``.
        ``sort_field`` is ``updatedAt`` or ``value``. Both change while members earn and spend, so a walk
        promises each contact once, compares with the total at its end and raises ``PaginationError`` where
        it does not fit; ``collect_checked()`` walks until two walks agree.

        Without ``sort`` and ``sort_field`` it asks for ``updatedAt`` ascending: a member whose balance changes
        moves to the end, where the walk still comes. With ``sort="desc"`` (or ``value``) such a member moves to
        where the walk has been, so on a busy program a walk of more than one page nearly always ends in
        ``PaginationError``: take only the first rows of it (``take``), or a quiet hour.
        """
        definition = validation.uuid("balance_definition_id", balance_definition_id)
        if sort is None and sort_field is None:  # Brevo documents no default; the sandbox's is descending
            sort_field, sort = "updatedAt", Sort.ASC
        query = {
            "balance_definition_id": definition,
            **listing_query(limit, offset, sort_field, ("updatedAt", "value"), sort),
            **internal_query(include_internal),
        }
        return paginator(
            self._caller,
            self._program_id,
            self._memory,
            LIST,
            CONTACT_LISTING,
            query,
            limit=limit,
            offset=offset,
            echo=(("balance_definition_id", definition),),
            timeout=timeout,
        )

    def list_active(
        self,
        *,
        contact_id: int,
        balance_definition_id: str | UUID,
        limit: int | None = None,
        offset: int = 0,
        sort: Sort | str | None = None,
        sort_field: str | None = None,
        include_internal: bool | None = None,
        timeout: float | Unset | None = UNSET,
    ) -> Paginator[ActiveBalance]:
        """Walk the lots of points that one contact still holds of one definition, each with its expiry.

        ``limit`` is the page size, 1 to 500 (None: 500); for the first n rows use ``take(n)``.
        ``sort_field`` can only be ``createdAt``. Raises ``PaginationError`` where the walk cannot be whole.
        """
        contact = validation.contact_id(contact_id)
        definition = validation.uuid("balance_definition_id", balance_definition_id)
        query = {
            "contact_id": contact,
            "balance_definition_id": definition,
            **listing_query(limit, offset, sort_field, ("createdAt",), sort),
            **internal_query(include_internal),
        }
        return paginator(
            self._caller,
            self._program_id,
            self._memory,
            LIST_ACTIVE,
            ACTIVE_LISTING,
            query,
            limit=limit,
            offset=offset,
            echo=(("contact_id", contact), ("balance_definition_id", definition)),
            timeout=timeout,
        )

    async def get(
        self,
        contact_id: int,
        *,
        include_internal: bool | None = None,
        timeout: float | Unset | None = UNSET,
    ) -> SubscriptionBalances:
        """Read everything one contact holds; ``include_internal`` also shows what is hidden from members."""
        contact = validation.contact_id(contact_id)
        return await self._caller.call(
            GET,
            (self._program_id, contact),
            query=internal_query(include_internal),
            echo=(("contact_id", contact), ("loyalty_program_id", self._program_id)),
            timeout=timeout,
        )

    async def create(
        self, contact_id: int, *, balance_definition_id: str | UUID, timeout: float | Unset | None = UNSET
    ) -> Balance:
        """Create a contact's balance of one definition, at zero.

        Raises ``OutcomeUnknownError`` if it may exist now.
        """
        contact = validation.contact_id(contact_id)
        definition = validation.uuid("balance_definition_id", balance_definition_id)
        return await self._caller.call(
            CREATE,
            (self._program_id, contact),
            body={"balance_definition_id": definition},
            echo=(
                ("id", PRESENT),
                ("loyalty_program_id", self._program_id),
                ("contact_id", contact),
                ("balance_definition_id", definition),
            ),
            timeout=timeout,
        )
