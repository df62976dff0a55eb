"""Limits of a balance definition: how much may be credited or debited within a time window."""

from __future__ import annotations

from types import NoneType
from typing import TYPE_CHECKING, Any

from brevo_balance_async.core import validation
from brevo_balance_async.core.echo import PRESENT
from brevo_balance_async.core.protocol import Endpoint, Replay
from brevo_balance_async.models import (
    UNSET,
    BalanceLimit,
    ConstraintType,
    DurationUnit,
    TransactionType,
    Unset,
    Version,
)
from brevo_balance_async.resources._listing import version_query
from brevo_balance_async.resources._read_back import read_back

if TYPE_CHECKING:
    from uuid import UUID

    from brevo_balance_async.core.caller import Caller

_MANY = "/loyalty/balance/programs/{program_id}/balance-definitions/{definition_id}/limits"
_ONE = _MANY + "/{limit_id}"

CREATE = Endpoint(
    "limits.create",
    "POST",
    _MANY,
    Replay.UNSAFE,
    BalanceLimit,
    refuses=frozenset({424}),
    look_for="Brevo lists no limits: look at the definition in Brevo's interface",
)
GET = Endpoint("limits.get", "GET", _ONE, Replay.READ, BalanceLimit)
UPDATE: Endpoint[BalanceLimit | None] = Endpoint(
    "limits.update", "PUT", _ONE, Replay.REPLAYABLE, BalanceLimit
)
DELETE = Endpoint("limits.delete", "DELETE", _ONE, Replay.REPLAYABLE, NoneType)


class Limits:
    """The limits of one program's balance definitions: ``program.limits``. Brevo has no operation that lists them.

    Every call also raises the errors listed at ``Program``.
    """

    def __init__(self, caller: Caller, program_id: str) -> None:
        self._caller = caller
        self._program_id = program_id

    async def create(
        self,
        definition_id: str | UUID,
        *,
        constraint_type: ConstraintType | str,
        transaction_type: TransactionType | str,
        duration_unit: DurationUnit | str,
        duration_value: int,
        value: int,
        sliding_schedule: bool | Unset | None = UNSET,
        timeout: float | Unset | None = UNSET,
    ) -> BalanceLimit:
        """Create a limit: at most ``value`` operations or points of one type in ``duration_value`` units of time.

        ``constraint_type`` is ``transaction`` (count) or ``amount`` (sum), ``transaction_type`` ``credit`` or
        ``debit``, ``duration_unit`` day, week, month or year; both numbers are whole and at least 1.
        ``sliding_schedule=True`` makes it a rolling window. Keep the id: Brevo has no way to list limits.

        Raises ``InvalidRequestError`` before anything is sent, ``FailedDependencyError`` (424), which Brevo
        documents without a cause, and ``OutcomeUnknownError`` if the limit may have been created.
        Source (the fields of an update are the same): https://developers.brevo.com/reference/update-balance-limit
        """
        definition = validation.uuid("definition_id", definition_id)
        body = _body(
            constraint_type, transaction_type, duration_unit, duration_value, value, sliding_schedule
        )
        echo = {
            "id": PRESENT,
            "balance_definition_id": definition,
            "constraint_type": ConstraintType(body["constraint_type"]),
            "transaction_type": TransactionType(body["transaction_type"]),
        }
        ids = (self._program_id, definition)
        return await self._caller.call(CREATE, ids, body=body, echo=echo, timeout=timeout)

    async def get(
        self,
        definition_id: str | UUID,
        limit_id: str | UUID,
        *,
        version: Version | str | None = None,
        timeout: float | Unset | None = UNSET,
    ) -> BalanceLimit:
        """Read one limit; ``version`` is ``draft`` (Brevo's default) or ``active``.

        Raises ``NotFoundError`` for an unknown id.
        Source: https://developers.brevo.com/reference/get-balance-limit
        """
        ids = self._ids(definition_id, limit_id)
        query = version_query(version)
        return await self._caller.call(GET, ids, query=query, echo={"id": ids[-1]}, timeout=timeout)

    async def update(
        self,
        definition_id: str | UUID,
        limit_id: str | UUID,
        *,
        constraint_type: ConstraintType | str,
        transaction_type: TransactionType | str,
        duration_unit: DurationUnit | str,
        duration_value: int,
        value: int,
        sliding_schedule: bool | Unset | None = UNSET,
        timeout: float | Unset | None = UNSET,
    ) -> BalanceLimit:
        """Replace a limit; arguments are those of ``create``.

        The update is idempotent, so it is retried after a failure. If the server answers without the limit (204),
        it is read by a second call, with ``timeout`` again. Raises ``InvalidRequestError`` before anything is sent.
        Source: https://developers.brevo.com/reference/update-balance-limit
        """
        ids = self._ids(definition_id, limit_id)
        body = _body(
            constraint_type, transaction_type, duration_unit, duration_value, value, sliding_schedule
        )
        echo = {"id": ids[-1]}
        updated = await self._caller.call(UPDATE, ids, body=body, echo=echo, timeout=timeout)
        if updated is None or not updated.id:
            with read_back():
                return await self.get(definition_id, limit_id, timeout=timeout)
        return updated

    async def delete(
        self, definition_id: str | UUID, limit_id: str | UUID, *, timeout: float | Unset | None = UNSET
    ) -> None:
        """Delete a limit. After an unclear first attempt, a 404 to the retry counts as success.

        Raises ``NotFoundError`` for an unknown id.
        """
        await self._caller.call(DELETE, self._ids(definition_id, limit_id), timeout=timeout)

    def _ids(self, definition_id: str | UUID, limit_id: str | UUID) -> tuple[str, str, str]:
        return (
            self._program_id,
            validation.uuid("definition_id", definition_id),
            validation.uuid("limit_id", limit_id),
        )


def _body(
    constraint_type: str,
    transaction_type: str,
    duration_unit: str,
    duration_value: int,
    value: int,
    sliding_schedule: bool | Unset | None,
) -> dict[str, Any]:
    if validation.given(sliding_schedule):
        validation.boolean("sliding_schedule", sliding_schedule)
    return {
        "constraint_type": validation.enum("constraint_type", constraint_type, ConstraintType),
        "transaction_type": validation.enum("transaction_type", transaction_type, TransactionType),
        "duration_unit": validation.duration_unit("duration_unit", duration_unit),
        "duration_value": validation.integer("duration_value", duration_value, least=1),
        "value": validation.integer("value", value, least=1),
        "sliding_schedule": sliding_schedule,
    }
