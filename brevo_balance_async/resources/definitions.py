"""Balance definitions: what a program counts (points or a currency), with bounds, rounding and expiry."""

from __future__ import annotations

from operator import attrgetter
from types import NoneType
from typing import TYPE_CHECKING, Any

from brevo_balance_async.core import validation
from brevo_balance_async.core.echo import PRESENT
from brevo_balance_async.core.protocol import Endpoint, Replay
from brevo_balance_async.errors import InvalidRequestError
from brevo_balance_async.models import (
    UNSET,
    Amount,
    BalanceDefinition,
    DefinitionPage,
    DurationModifier,
    DurationUnit,
    OvertakingStrategy,
    Rounding,
    Sort,
    Unit,
    Unset,
    Version,
)
from brevo_balance_async.pagination import Listing
from brevo_balance_async.resources._listing import listing_query, paginator, version_query
from brevo_balance_async.resources._read_back import read_back

if TYPE_CHECKING:
    from uuid import UUID

    from brevo_balance_async.core.caller import Caller
    from brevo_balance_async.pagination import Paginator, WalkMemory

_MANY = "/loyalty/balance/programs/{program_id}/balance-definitions"
_ONE = _MANY + "/{definition_id}"
_LOOK = "list the definitions and compare names"

LIST = Endpoint("definitions.list", "GET", _MANY, Replay.READ, DefinitionPage, lists="items")
CREATE = Endpoint("definitions.create", "POST", _MANY, Replay.UNSAFE, BalanceDefinition, look_for=_LOOK)
GET = Endpoint("definitions.get", "GET", _ONE, Replay.READ, BalanceDefinition)
UPDATE: Endpoint[BalanceDefinition | None] = Endpoint(
    "definitions.update", "PUT", _ONE, Replay.REPLAYABLE, BalanceDefinition, refuses=frozenset({424})
)
DELETE = Endpoint("definitions.delete", "DELETE", _ONE, Replay.REPLAYABLE, NoneType)

# No sort key: the default order, by updated_at, changes with every edit. The walk recognizes rows by id only.
LISTING: Listing[BalanceDefinition] = Listing(LIST.name, identity=attrgetter("id"), default_limit=200)


class Definitions:
    """The balance definitions of one program: ``program.definitions``.

    Every call also raises the errors listed at ``Program``.
    """

    def __init__(self, caller: Caller, program_id: str, memory: WalkMemory) -> None:
        self._caller = caller
        self._program_id = program_id
        self._memory = memory

    def list(
        self,
        *,
        limit: int | None = None,
        offset: int = 0,
        sort_field: str | None = None,
        sort: Sort | str | None = None,
        version: Version | str | None = None,
        timeout: float | Unset | None = UNSET,
    ) -> Paginator[BalanceDefinition]:
        """List the definitions of the program; returns a ``Paginator`` and sends nothing yet.

        ``limit`` is the page size, 1 to 500 (None: 500); for the first n rows use ``take(n)``. ``offset`` counts
        records. ``sort_field`` is ``name``, ``created_at`` or ``updated_at`` (Brevo's default), ``sort`` ``asc`` or
        ``desc`` (default), ``version`` ``draft`` (default) or ``active``.

        The server states no total and its default sort key changes with edits, so a walk promises each id once but
        not that no row is missed; ``collect_checked()`` walks until two walks agree. Raises ``InvalidRequestError``
        at once; iterating raises ``PaginationError`` for an incomplete walk.
        Source: https://developers.brevo.com/reference/get-balance-definition-list
        """
        query = {
            **listing_query(limit, offset, sort_field, ("name", "created_at", "updated_at"), sort),
            **version_query(version),
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
            echo={"items": PRESENT},
            timeout=timeout,
        )

    async def create(
        self,
        *,
        name: str,
        unit: Unit | str,
        description: str | Unset | None = UNSET,
        image_ref: str | Unset | None = UNSET,
        min_amount: Amount | Unset | None = UNSET,
        max_amount: Amount | Unset | None = UNSET,
        max_credit_amount_limit: Amount | Unset | None = UNSET,
        max_debit_amount_limit: Amount | Unset | None = UNSET,
        balance_option_amount_overtaking_strategy: OvertakingStrategy | str | Unset | None = UNSET,
        balance_option_credit_rounding: Rounding | str | Unset | None = UNSET,
        balance_option_debit_rounding: Rounding | str | Unset | None = UNSET,
        balance_availability_duration_value: int | Unset | None = UNSET,
        balance_availability_duration_unit: DurationUnit | str | Unset | None = UNSET,
        balance_availability_duration_modifier: DurationModifier | str | Unset | None = UNSET,
        balance_expiration_date: str | Unset | None = UNSET,
        meta: dict[str, Any] | Unset | None = UNSET,
        timeout: float | Unset | None = UNSET,
    ) -> BalanceDefinition:
        """Create a definition. It is a draft until the program is published.

        ``name`` has at most 128 characters, ``description`` 256; ``unit`` is a ``Unit``. ``min_amount`` and
        ``max_amount`` bound the balance, the two ``..._limit`` amounts cap a single operation. Points expire
        either after a duration (value, unit, modifier) or on ``balance_expiration_date`` (``dd/mm``), not both.
        ``UNSET`` (the default of all but ``name`` and ``unit``) leaves a field out, ``None`` sends ``null``.

        Raises ``InvalidRequestError`` before anything is sent, and ``OutcomeUnknownError`` if the definition may
        have been created; it is never sent twice then.
        Source: https://developers.brevo.com/reference/create-balance-definition
        """
        body = _body(
            name=name,
            unit=unit,
            description=description,
            image_ref=image_ref,
            min_amount=min_amount,
            max_amount=max_amount,
            max_credit_amount_limit=max_credit_amount_limit,
            max_debit_amount_limit=max_debit_amount_limit,
            balance_option_amount_overtaking_strategy=balance_option_amount_overtaking_strategy,
            balance_option_credit_rounding=balance_option_credit_rounding,
            balance_option_debit_rounding=balance_option_debit_rounding,
            balance_availability_duration_value=balance_availability_duration_value,
            balance_availability_duration_unit=balance_availability_duration_unit,
            balance_availability_duration_modifier=balance_availability_duration_modifier,
            balance_expiration_date=balance_expiration_date,
            meta=meta,
        )
        echo = {"id": PRESENT, "name": body["name"], "unit": Unit(body["unit"])}
        return await self._caller.call(CREATE, (self._program_id,), body=body, echo=echo, timeout=timeout)

    async def get(
        self,
        definition_id: str | UUID,
        *,
        version: Version | str | None = None,
        timeout: float | Unset | None = UNSET,
    ) -> BalanceDefinition:
        """Read one definition; ``version`` is ``draft`` (Brevo's default) or ``active``.

        Raises ``NotFoundError`` for an unknown id.
        Source: https://developers.brevo.com/reference/get-balance-definition
        """
        wanted = validation.uuid("definition_id", definition_id)
        return await self._caller.call(
            GET,
            (self._program_id, wanted),
            query=version_query(version),
            echo={"id": wanted},
            timeout=timeout,
        )

    async def update(
        self,
        definition_id: str | UUID,
        *,
        name: str,
        unit: Unit | str,
        description: str | Unset | None = UNSET,
        image_ref: str | Unset | None = UNSET,
        min_amount: Amount | Unset | None = UNSET,
        max_amount: Amount | Unset | None = UNSET,
        max_credit_amount_limit: Amount | Unset | None = UNSET,
        max_debit_amount_limit: Amount | Unset | None = UNSET,
        balance_option_amount_overtaking_strategy: OvertakingStrategy | str | Unset | None = UNSET,
        balance_option_credit_rounding: Rounding | str | Unset | None = UNSET,
        balance_option_debit_rounding: Rounding | str | Unset | None = UNSET,
        balance_availability_duration_value: int | Unset | None = UNSET,
        balance_availability_duration_unit: DurationUnit | str | Unset | None = UNSET,
        balance_availability_duration_modifier: DurationModifier | str | Unset | None = UNSET,
        balance_expiration_date: str | Unset | None = UNSET,
        meta: dict[str, Any] | Unset | None = UNSET,
        timeout: float | Unset | None = UNSET,
    ) -> BalanceDefinition:
        """Replace a definition. Brevo has no partial update: fields that are left out are not kept.

        Arguments are those of ``create``; an empty ``balance_expiration_date`` clears it. The update is idempotent,
        so it is retried after a failure. If the server answers without the definition (204), it is read by a second
        call, with ``timeout`` again.

        Raises ``InvalidRequestError`` before anything is sent, and ``FailedDependencyError`` (424), which Brevo
        documents without a cause. Source: https://developers.brevo.com/reference/updatebalancedefinition
        """
        wanted = validation.uuid("definition_id", definition_id)
        body = _body(
            name=name,
            unit=unit,
            description=description,
            image_ref=image_ref,
            min_amount=min_amount,
            max_amount=max_amount,
            max_credit_amount_limit=max_credit_amount_limit,
            max_debit_amount_limit=max_debit_amount_limit,
            balance_option_amount_overtaking_strategy=balance_option_amount_overtaking_strategy,
            balance_option_credit_rounding=balance_option_credit_rounding,
            balance_option_debit_rounding=balance_option_debit_rounding,
            balance_availability_duration_value=balance_availability_duration_value,
            balance_availability_duration_unit=balance_availability_duration_unit,
            balance_availability_duration_modifier=balance_availability_duration_modifier,
            balance_expiration_date=balance_expiration_date,
            meta=meta,
        )
        echo = {"id": wanted}
        ids = (self._program_id, wanted)
        updated = await self._caller.call(UPDATE, ids, body=body, echo=echo, timeout=timeout)
        if updated is None or not updated.id:
            with read_back():
                return await self.get(wanted, timeout=timeout)
        return updated

    async def delete(self, definition_id: str | UUID, *, timeout: float | Unset | None = UNSET) -> None:
        """Delete a definition. After an unclear first attempt, a 404 to the retry counts as success.

        Raises ``NotFoundError`` for an unknown id.
        """
        wanted = validation.uuid("definition_id", definition_id)
        await self._caller.call(DELETE, (self._program_id, wanted), timeout=timeout)


def _body(**given: Any) -> dict[str, Any]:
    """The validated body of a create or update."""
    given["name"] = validation.text("name", given["name"], most=128, least=1)
    given["unit"] = validation.enum("unit", given["unit"], Unit)
    checked = {
        name: check(name, given[name]) for name, check in _CHECKS.items() if validation.given(given[name])
    }
    duration = [value for name, value in given.items() if name.startswith("balance_availability_duration_")]
    if checked.get("balance_expiration_date") and any(map(validation.given, duration)):
        raise InvalidRequestError(
            "balance_expiration_date",
            "cannot go together with a balance_availability_duration; give one of them",
        )
    return {**given, **checked}


_CHECKS: dict[str, Any] = {
    "description": lambda name, value: validation.text(name, value, most=256),
    "image_ref": validation.text,
    "min_amount": validation.number,
    "max_amount": validation.number,
    "max_credit_amount_limit": validation.number,
    "max_debit_amount_limit": validation.number,
    "balance_option_amount_overtaking_strategy": lambda name, value: validation.enum(
        name, value, OvertakingStrategy
    ),
    "balance_option_credit_rounding": lambda name, value: validation.enum(name, value, Rounding),
    "balance_option_debit_rounding": lambda name, value: validation.enum(name, value, Rounding),
    "balance_availability_duration_value": lambda name, value: validation.integer(name, value, least=1),
    "balance_availability_duration_unit": validation.duration_unit,
    "balance_availability_duration_modifier": lambda name, value: validation.enum(
        name, value, DurationModifier
    ),
    "balance_expiration_date": validation.day_of_year,
    "meta": validation.mapping,
}
