"""What an operation reads of a request, found out by running it, so that the document cannot differ from the code."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from brevo_balance_async.sandbox.clock import SandboxClock
from brevo_balance_async.sandbox.http.fields import INT64, QueryFields
from brevo_balance_async.sandbox.http.operations.call import Call
from brevo_balance_async.sandbox.rules.ledger import Ledger
from brevo_balance_async.sandbox.rules.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime

    from brevo_balance_async.sandbox.http.fields import Fields
    from brevo_balance_async.sandbox.http.routes import Operation
    from brevo_balance_async.sandbox.rules.switches import Switches

PROGRAM = "00000000-0000-4000-8000-000000000001"
DEFINITION = "00000000-0000-4000-8000-000000000002"
Schema = dict[str, Any]
T = TypeVar("T")


class Asked(QueryFields):
    """Fields that note what is read of them as JSON schemas. A required field gives a sample, any other is absent."""

    def __init__(self, clock: SandboxClock) -> None:
        super().__init__({})
        self.schemas: dict[str, Schema] = {}
        self.required: list[str] = []
        self.takes_metadata: bool = False
        self._tomorrow = clock.now() + timedelta(days=1)

    def text(self, name: str, *, required: bool = False, max_length: int | None = None) -> str | None:
        """A string."""
        lengths = {"minLength": int(required) or None, "maxLength": max_length}
        return self._note(name, {"type": "string", **_given(lengths)}, "a", required=required)

    def word(self, name: str, words: Collection[str], *, required: bool = False) -> str | None:
        """One of these words."""
        return self._note(name, {"type": "string", "enum": sorted(words)}, min(words), required=required)

    def uuid(self, name: str, *, required: bool = False) -> str | None:
        """A UUID; the sample is that of the one definition there is."""
        return self._note(name, {"type": "string", "format": "uuid"}, DEFINITION, required=required)

    def integer(
        self, name: str, *, least: int | None = None, most: int | None = None, required: bool = False
    ) -> int | None:
        """A whole number."""
        schema = {"type": "integer", **_given({"minimum": least, "maximum": most})}
        if most == INT64:
            schema["format"] = "int64"
        return self._note(name, schema, least or 0, required=required)

    def number(self, name: str, *, required: bool = False) -> Decimal | None:
        """A double."""
        return self._note(name, {"type": "number", "format": "double"}, Decimal(1), required=required)

    def flag(self, name: str) -> bool | None:
        """True or false."""
        return self._note(name, {"type": "boolean"}, True, required=False)

    def moment(self, name: str, *, required: bool = False) -> datetime | None:
        """A timestamp; the sample lies in the future."""
        return self._note(name, {"type": "string", "format": "date-time"}, self._tomorrow, required=required)

    def mapping(self, name: str) -> dict[str, Any] | None:
        """An object."""
        return self._note(name, {"type": "object"}, {}, required=False)

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """The ``metadata[name]=value`` of a query."""
        self.takes_metadata = True
        return ()

    def _note(self, name: str, schema: Schema, sample: T, *, required: bool) -> T | None:
        self.schemas[name] = schema
        if not required:
            return None
        self.required.append(name)
        return sample


class _Asking(Call):
    """A call whose body notes what is read from it, as its query does."""

    def terms(self, read: Callable[[Fields, Switches], dict[str, Any]]) -> dict[str, Any]:
        return read(self.body, self.switches)


def asks(operation: Operation, ids: int, switches: Switches) -> tuple[Asked, Asked]:
    """What ``operation`` reads of a query and of a body, as the switches are set; ``ids`` after the program's.

    It is carried out on a ledger of its own, with one definition. What it refuses, it refuses after reading.
    """
    clock = SandboxClock(frozen=True)
    ledger = Ledger(clock, switches, strict=False)
    ledger.catalogue.create_definition(PROGRAM, {"name": "a", "unit": "POINTS"}, definition_id=DEFINITION)
    query, body = Asked(clock), Asked(clock)
    sample = "1" if operation.name.startswith("balances.") else DEFINITION
    with suppress(Refusal):
        operation.run(_Asking(ledger, PROGRAM, (sample,) * ids, query, body))
    return query, body


def _given(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}
