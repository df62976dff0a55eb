"""Filling a sandbox with contacts, definitions, limits, credits and long histories in one call.

A seed is read and checked as a whole, as the API checks requests, before any of it is put into the ledger.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from math import inf
from typing import TYPE_CHECKING, Any

from attrs import field, fields_dict, frozen

from brevo_balance_async.sandbox.rules.refusals import invalid
from brevo_balance_async.sandbox.rules.seeded import check_span

from .bodies import LONGEST_SECONDS, begin_terms, definition_terms, limit_terms, read_body
from .fields import Fields, present, read_uuid
from .wire import as_received

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brevo_balance_async.sandbox.rules.ledger import Ledger
    from brevo_balance_async.sandbox.rules.switches import Switches

_MOST_ROWS = 10**12
"""As many as the id of a seeded row can count."""


@frozen(kw_only=True)
class Seed:
    """What a program starts with, or what is added to it.

    ``program``: the program's UUID. ``contacts``: contact ids, or objects ``{"contactId", "loyaltySubscriptionId"}``.
    ``definitions``: bodies as for creating a definition, which may add ``id`` and ``limits`` (bodies as for creating
    a limit). ``histories``: ``{"contactId", "count", "balanceDefinitionId", "amount", "spacingSeconds", "ties"}``,
    of which only the first two are required when one definition is seeded beside them. ``credits``: bodies as for
    beginning a transaction, each completed at once by the rules; they may leave out the definition likewise. The
    ``amount`` of a history may be text, which is exact beyond what a double holds.
    """

    program: str
    contacts: Iterable[int | Mapping[str, Any]] = field(default=())
    definitions: Iterable[Mapping[str, Any]] = field(default=())
    histories: Iterable[Mapping[str, Any]] = field(default=())
    credits: Iterable[Mapping[str, Any]] = field(default=())

    def sow(self, ledger: Ledger) -> list[str]:
        """Put everything into ``ledger`` or, with a ``Refusal``, nothing; publish, return the definitions' ids."""
        program_id = read_uuid("program", self.program)
        contacts = [_read_contact(contact) for contact in self.contacts]
        definitions = [_read_definition(body, ledger) for body in self.definitions]
        ids = [definition_id for definition_id, _, _ in definitions]
        histories = [_read_history(body, ids) for body in self.histories]
        moves = [_read_credit(body, ids, ledger.switches) for body in self.credits]
        _check_definitions(ledger, program_id, ids)
        _check_histories(ledger, program_id, ids, histories)
        try:
            program = ledger.catalogue.enrol(program_id, contacts)
        except ValueError as error:
            raise invalid(str(error)) from error
        for definition_id, terms, limits in definitions:
            ledger.catalogue.create_definition(program_id, terms, definition_id=definition_id)
            for limit in limits:
                ledger.catalogue.create_limit(program_id, definition_id, limit)
        program.publish()
        for history in histories:
            ledger.seed_history(program_id, **history)
        for terms in moves:
            given = ledger.begin(program_id, **terms)
            if given.status != "completed":
                raise invalid(
                    f"the credit of contact {given.contact_id} is {given.status}: {given.reject_reason}"
                )
        return ids


def plain_seed(seed: Mapping[str, Any]) -> dict[str, Any]:
    """A seed whose parts are lists, so that it can be sown again and written down. Raises ``TypeError``."""
    names = tuple(fields_dict(Seed))
    unknown = seed.keys() - set(names)
    if unknown:
        raise TypeError(f"a seed has no {', '.join(sorted(unknown))}; it may have {', '.join(names)}")
    plain: dict[str, Any] = {"program": seed.get("program")}
    for name in names[1:]:
        if name not in seed:
            continue
        if isinstance(seed[name], str | Mapping) or not isinstance(seed[name], Iterable):
            raise TypeError(f"{name} must be a list")
        plain[name] = list(seed[name])
    return plain


def _members(what: str, value: object) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise invalid(f"each of {what} must be an object")
    return dict(value)


def _read_contact(contact: object) -> tuple[int, str | None]:
    """A contact's id, and its own subscription id if it has one."""
    members = _members("contacts", contact) if isinstance(contact, Mapping) else {"contactId": contact}
    fields = Fields(members)
    contact_id = present(fields.contact("contactId", required=True))
    subscription_id = fields.text("loyaltySubscriptionId")
    _check_read("a contact", fields)
    return contact_id, subscription_id


def _read_definition(body: object, ledger: Ledger) -> tuple[str, dict[str, Any], list[dict[str, Any]]]:
    """A definition's id, its terms, and the terms of its limits."""
    members, switches = _members("definitions", body), ledger.switches
    given, limits = members.pop("id", None), members.pop("limits", ())
    if not isinstance(limits, list | tuple):
        raise invalid("limits must be a list")
    terms = read_body(as_received(members), switches, definition_terms)
    return (
        ledger.ids.new() if given is None else read_uuid("id", given),
        terms,
        [read_body(as_received(_members("limits", limit)), switches, limit_terms) for limit in limits],
    )


def _read_history(body: object, seeded: Sequence[str]) -> dict[str, Any]:
    """What ``Ledger.seed_history`` takes; a history without a definition is of the only one ``seeded`` beside it."""
    members = _members("histories", body)
    written = members.pop("amount", None)
    exact = _exact(written) if isinstance(written, str) else None
    fields = Fields(members if exact else members | {"amount": written})
    definition_id = fields.uuid("balanceDefinitionId")
    if definition_id is None and len(seeded) != 1:
        raise invalid("balanceDefinitionId is required unless one definition is seeded", "missing_parameter")
    amount, spacing = exact or fields.number("amount"), fields.number("spacingSeconds")
    if amount is not None and amount <= 0:
        raise invalid("amount must be more than 0", "out_of_range")
    if spacing is not None and not 0 <= spacing <= LONGEST_SECONDS:
        raise invalid(f"spacingSeconds must be from 0 to {LONGEST_SECONDS}", "out_of_range")
    history = {
        "definition_id": definition_id or seeded[0],
        "contact_id": fields.contact("contactId", required=True),
        "count": fields.integer("count", least=1, most=_MOST_ROWS, required=True),
        "amount": Decimal(1) if amount is None else amount,
        "spacing": timedelta(seconds=1 if spacing is None else float(spacing)),
        "ties": fields.integer("ties", least=1) or 1,
    }
    _check_read("a history", fields)
    return history


def _exact(text: str) -> Decimal:
    """An amount written as text, which no double has touched, though one could hold its size."""
    with suppress(InvalidOperation):
        amount = Decimal(text)
        if amount.is_finite() and 0 < abs(float(amount)) < inf:
            return amount
    raise invalid(f"amount must be a number, not {text!r:.80}")


def _read_credit(body: object, seeded: Sequence[str], switches: Switches) -> dict[str, Any]:
    """What ``Ledger.begin`` takes; like a history it may leave out the only definition ``seeded`` beside it."""
    members = _members("credits", body)
    if "balanceDefinitionId" not in members and len(seeded) == 1:
        members["balanceDefinitionId"] = seeded[0]
    return read_body(as_received(members | {"autoComplete": True}), switches, begin_terms)


def _check_read(what: str, fields: Fields) -> None:
    unknown = fields.unread()
    if unknown:
        raise invalid(f"{what} has no {', '.join(sorted(unknown))}")


def _check_definitions(ledger: Ledger, program_id: str, seeded: Sequence[str]) -> None:
    """Whether each definition is a new one: a seed adds and changes nothing that is there."""
    program = ledger.catalogue.find(program_id)
    met = set(program.draft.definitions) if program else set()
    for definition_id in seeded:
        if definition_id in met:
            raise invalid(
                f"there is a balance definition {definition_id} already; a seed replaces none: "
                "leave it out, or change it as the API does"
            )
        met.add(definition_id)


def _check_histories(
    ledger: Ledger, program_id: str, seeded: Sequence[str], histories: Iterable[Mapping[str, Any]]
) -> None:
    """Whether each history fits the calendar, has a definition, and is the only one of its contact."""
    program = ledger.catalogue.find(program_id)
    met: set[tuple[str, int]] = set()
    for history in histories:
        definition_id, contact_id = history["definition_id"], history["contact_id"]
        if definition_id not in seeded and (
            program is None or definition_id not in program.draft.definitions
        ):
            raise invalid(f"there is no balance definition {definition_id}")
        account = program.book(definition_id).find(contact_id) if program else None
        if (definition_id, contact_id) in met or (account is not None and len(account.history.rows())):
            raise invalid(f"contact {contact_id} has a history already; only an empty one can be seeded")
        met.add((definition_id, contact_id))
        try:
            check_span(ledger.clock.now(), history["count"], history["ties"], history["spacing"])
        except ValueError as error:
            raise invalid(str(error), "out_of_range") from error
