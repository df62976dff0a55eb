"""Balances of contacts: of all contacts, the active lots of one contact, the totals of one contact."""

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

    from brevo_balance_async.core.caller import Caller
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

CONTACT_LISTING: Listing[ContactBalance] = Listing(LIST.name, identity=attrgetter("contact_id"))
ACTIVE_LISTING: Listing[ActiveBalance] = Listing(
    LIST_ACTIVE.name, identity=attrgetter("id"), sort_key=attrgetter("created_at")
)


class Balances:
    """The balances of one program's members: ``program.balances``.

    Every call also raises the errors listed at ``Program``.
    """

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
        """List every member's balance of one definition; returns a ``Paginator`` and sends nothing yet.

        ``limit`` is the page size, 1 to 500 (None: 500); for the first n rows use ``take(n)``. ``offset`` counts
        records. ``sort_field`` is ``updatedAt`` or ``value``; ``include_internal`` adds what is hidden from members.
        Both sort keys change while members earn and spend, so a walk promises each contact once and compares the
        number of rows with the total at its end. ``collect_checked()`` walks until two walks agree.

        Without ``sort`` and ``sort_field`` it sends ``updatedAt`` ascending: a member whose balance changes moves
        to the end of the list, which the walk has yet to read. With ``sort="desc"`` (or ``value``) the member may
        move to a page that was already read. On a busy program such a walk of several pages nearly always raises
        ``PaginationError``: read only the first rows (``take``), or walk at a quiet time.

        Raises ``InvalidRequestError`` at once; iterating raises ``PaginationError`` for an incomplete walk.
        Source: https://developers.brevo.com/reference/get-contact-balances
        """
        definition = validation.uuid("balance_definition_id", balance_definition_id)
        if sort is None and sort_field is None:
            # Brevo documents no default, and with a descending order a busy listing cannot be walked.
            sort_field, sort = "updatedAt", Sort.ASC
        query = {
            "balance_definition_id": definition,
            **listing_query(limit, offset, sort_field, ("updatedAt", "value"), sort),
            **internal_query(include_internal),
        }
        return paginator(
            self._caller,
            (self._program_id,),
            self._memory,
            LIST,
            CONTACT_LISTING,
            query,
            limit=limit,
            offset=offset,
            echo={"balance_definition_id": definition},
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
        """List the lots of points that one contact still holds of one definition, each with its expiry.

        Returns a ``Paginator`` and sends nothing yet. ``limit`` is the page size, 1 to 500 (None: 500); for the
        first n rows use ``take(n)``. ``offset`` counts records. ``sort_field`` can only be ``createdAt``;
        ``include_internal`` adds what is hidden from members.

        Raises ``InvalidRequestError`` at once. Iterating raises ``NotFoundError`` for a contact that is no member,
        and ``PaginationError`` for an incomplete walk.
        Source: https://developers.brevo.com/reference/get-active-balances-api
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
            (self._program_id,),
            self._memory,
            LIST_ACTIVE,
            ACTIVE_LISTING,
            query,
            limit=limit,
            offset=offset,
            echo={"contact_id": contact, "balance_definition_id": definition},
            timeout=timeout,
        )

    async def get(
        self,
        contact_id: int,
        *,
        include_internal: bool | None = None,
        timeout: float | Unset | None = UNSET,
    ) -> SubscriptionBalances:
        """Read one contact's total for each definition; ``include_internal`` adds what is hidden from members.

        Raises ``NotFoundError`` for an unknown program or contact.
        Source: https://developers.brevo.com/reference/get-subscription-balances
        """
        contact = validation.contact_id(contact_id)
        return await self._caller.call(
            GET,
            (self._program_id, contact),
            query=internal_query(include_internal),
            echo={"contact_id": contact, "loyalty_program_id": self._program_id},
            timeout=timeout,
        )

    async def create(
        self, contact_id: int, *, balance_definition_id: str | UUID, timeout: float | Unset | None = UNSET
    ) -> Balance:
        """Create a contact's balance of one definition; Brevo returns one ``Balance``, not a list.

        Raises ``InvalidRequestError`` before anything is sent, and ``OutcomeUnknownError`` if the balance may have
        been created. Source: https://developers.brevo.com/reference/create-subscription-balances
        """
        contact = validation.contact_id(contact_id)
        definition = validation.uuid("balance_definition_id", balance_definition_id)
        return await self._caller.call(
            CREATE,
            (self._program_id, contact),
            body={"balance_definition_id": definition},
            echo={
                "id": PRESENT,
                "loyalty_program_id": self._program_id,
                "contact_id": contact,
                "balance_definition_id": definition,
            },
            timeout=timeout,
        )
