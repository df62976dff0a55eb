"""Filling a sandbox: contacts, definitions with limits, and long histories, at one go."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from brevo_balance_async.sandbox.rules.refusals import invalid

from .bodies import definition_terms, limit_terms, read_body
from .fields import read_uuid

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from brevo_balance_async.sandbox.rules.ledger import Ledger


@frozen(kw_only=True)
class Seed:
    """What a program starts with. Raises ``TypeError`` for a name that it does not have.

    ``program``: the program's UUID. ``contacts``: contact ids, or objects ``{"contactId", "loyaltySubscriptionId"}``.
    ``definitions``: bodies as for creating a definition, which may add ``id`` and ``limits`` (bodies as for creating
    a limit). ``histories``: ``{"contactId", "count", "balanceDefinitionId", "amount", "spacingSeconds", "ties"}``,
    of which only the first two are required when one definition is seeded beside them.
    """

    program: str
    contacts: Iterable[int | Mapping[str, Any]] = field(default=())
    definitions: Iterable[Mapping[str, Any]] = field(default=())
    histories: Iterable[Mapping[str, Any]] = field(default=())

    def sow(self, ledger: Ledger) -> list[str]:
        """Put everything into ``ledger``, publish it, and return the ids of the definitions."""
        program_id = read_uuid("program", self.program)
        program = ledger.catalogue.add_program(program_id)
        for contact in self.contacts:
            if isinstance(contact, int):
                program.enrol(contact)
            else:
                program.enrol(contact["contactId"], contact.get("loyaltySubscriptionId"))
        definition_ids = [_sow_definition(ledger, program_id, dict(body)) for body in self.definitions]
        program.publish()
        for history in self.histories:
            _sow_history(ledger, program_id, definition_ids, dict(history))
        return definition_ids


def _sow_definition(ledger: Ledger, program_id: str, body: dict[str, Any]) -> str:
    definition_id = body.pop("id", None)
    limits = body.pop("limits", ())
    terms = read_body(body, ledger.switches, definition_terms)
    created = ledger.catalogue.create_definition(
        program_id, terms, definition_id=definition_id and read_uuid("id", definition_id)
    )
    for limit in limits:
        ledger.catalogue.create_limit(program_id, created.id, read_body(limit, ledger.switches, limit_terms))
    return created.id


def _sow_history(
    ledger: Ledger, program_id: str, definition_ids: Sequence[str], history: dict[str, Any]
) -> None:
    definition_id = history.pop("balanceDefinitionId", None)
    if definition_id is None:
        if len(definition_ids) != 1:
            raise invalid(
                "balanceDefinitionId is required unless one definition is seeded", "missing_parameter"
            )
        (definition_id,) = definition_ids
    contact_id, count = history.pop("contactId"), history.pop("count")
    amount = Decimal(str(history.pop("amount", 1)))
    spacing = timedelta(seconds=float(history.pop("spacingSeconds", 1)))
    ties = history.pop("ties", 1)
    if history:
        raise TypeError(f"a history has no {', '.join(sorted(history))}")
    ledger.seed_history(
        program_id, definition_id, contact_id, count, amount=amount, spacing=spacing, ties=ties
    )
