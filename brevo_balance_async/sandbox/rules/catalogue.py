"""Programs with their definitions and limits: created, read in two versions, replaced, deleted, published."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import evolve

from .program import Program
from .records import Definition, Limit
from .refusals import failed_dependency, invalid, not_found, unprocessable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from brevo_balance_async.sandbox.clock import SandboxClock

    from .ids import Ids
    from .switches import Switches


class Catalogue:
    """The rules side of the API. Terms are the attributes of ``Definition`` and ``Limit`` that a caller sets.

    Edits change the draft version and reach members when the program is published. Without ``strict`` every program
    exists and edits are published as they are made.
    """

    def __init__(self, clock: SandboxClock, switches: Switches, ids: Ids, *, strict: bool) -> None:
        self.switches = switches
        self._ids = ids
        self.strict = strict
        self._clock = clock
        self._programs: dict[str, Program] = {}

    def __iter__(self) -> Iterator[Program]:
        return iter(self._programs.values())

    def clear(self) -> None:
        """Forget every program."""
        for program in self:
            program.clear()
        self._programs.clear()

    def contents(self) -> dict[str, Program]:
        """All programs, by id."""
        return self._programs

    def replace(self, programs: dict[str, Program]) -> None:
        """Have these programs and no others."""
        self._programs = programs

    def add_program(self, program_id: str) -> Program:
        """The program, made when there is none."""
        found = self._programs.get(program_id)
        if found is None:
            found = Program(program_id, publishes_edits=not self.strict)
            self._programs[program_id] = found
        return found

    def program(self, program_id: str) -> Program:
        """The program; 404 when ``strict`` and it was not seeded."""
        if not self.strict:
            return self.add_program(program_id)
        found = self._programs.get(program_id)
        if found is None:
            raise not_found("loyalty program")
        return found

    def find(self, program_id: str) -> Program | None:
        """The program, if somebody has made it."""
        return self._programs.get(program_id)

    def enrol(self, program_id: str, contacts: Iterable[tuple[int, str | None]]) -> Program:
        """Make contacts members, each with its subscription id if it has one, and the program if there is none.

        Raises ``ValueError`` when a subscription id belongs to another contact; then nothing has changed.
        """
        known = program_id in self._programs
        program = self.add_program(program_id)
        try:
            program.enrol_all(contacts)
        except ValueError:
            if not known:
                del self._programs[program_id]
            raise
        return program

    def publish(self, program_id: str) -> None:
        """Let the edits reach members."""
        self.program(program_id).publish()

    def program_with(self, program_id: str, definition_id: str) -> Program:
        """The program; 404 when members cannot have the definition's balance, because its active version lacks it."""
        program = self.program(program_id)
        program.active.definition(definition_id)
        return program

    def check_reader(self, program: Program, contact_id: int) -> None:
        """404 for reading a contact who is no member."""
        if self.strict and contact_id not in program.members:
            raise not_found("subscription")

    def member(self, program: Program, contact_id: int | None, subscription_id: str | None = None) -> int:
        """The contact that is written to. Writing to one who is no member is a 422, or enrols the contact."""
        if subscription_id is not None:
            owner = program.contact_of(subscription_id)
            if owner is not None:
                if contact_id not in (None, owner):
                    raise invalid("LoyaltySubscriptionId belongs to another contact")
                return owner
        elif contact_id is None:
            raise invalid("contactId or LoyaltySubscriptionId is required", "missing_parameter")
        elif contact_id in program.members:
            return contact_id
        if self.strict and self.switches.unsubscribed_contact == "422":
            raise unprocessable("contact is not subscribed to the loyalty program")
        contact_id = contact_id or program.unused_contact()
        program.enrol(contact_id, subscription_id)
        return contact_id

    def list_definitions(
        self, program_id: str, *, version: str, sort_field: str, descending: bool
    ) -> list[Definition]:
        """Definitions of one version sorted by ``name``, ``created_at`` or ``updated_at``."""
        definitions = self.program(program_id).version(version).definitions.values()
        return sorted(definitions, key=lambda d: (getattr(d, sort_field), d.id), reverse=descending)

    def definition(self, program_id: str, definition_id: str, *, version: str) -> Definition:
        """One definition; 404 when the version has none."""
        return self.program(program_id).version(version).definition(definition_id)

    def create_definition(
        self, program_id: str, terms: Mapping[str, Any], *, definition_id: str | None = None
    ) -> Definition:
        """A new definition in the draft version."""
        now = self._clock.now()
        definition = Definition(id=definition_id or self._ids.new(), created_at=now, updated_at=now, **terms)
        self.program(program_id).draft.put(definition)
        return definition

    def update_definition(self, program_id: str, definition_id: str, terms: Mapping[str, Any]) -> Definition:
        """Replace all terms of a definition in the draft version."""
        draft = self.program(program_id).draft
        old = draft.definition(definition_id)
        new = Definition(id=old.id, created_at=old.created_at, updated_at=self._clock.now(), **terms)
        draft.put(new)
        return new

    def delete_definition(self, program_id: str, definition_id: str) -> None:
        """Take a definition and its limits out of the draft version."""
        draft = self.program(program_id).draft
        draft.definition(definition_id)
        draft.drop(definition_id)

    def limit(self, program_id: str, definition_id: str, limit_id: str, *, version: str) -> Limit:
        """One limit; 404 when the version has none."""
        return self.program(program_id).version(version).limit(definition_id, limit_id)

    def create_limit(self, program_id: str, definition_id: str, terms: Mapping[str, Any]) -> Limit:
        """A new limit in the draft version."""
        draft = self.program(program_id).draft
        if definition_id not in draft.definitions and self.switches.limit_without_definition == "424":
            raise failed_dependency("balance definition not found")
        draft.definition(definition_id)
        now = self._clock.now()
        limit = Limit(
            id=self._ids.new(), definition_id=definition_id, created_at=now, updated_at=now, **terms
        )
        draft.limits[definition_id][limit.id] = limit
        return limit

    def update_limit(
        self, program_id: str, definition_id: str, limit_id: str, terms: Mapping[str, Any]
    ) -> Limit:
        """Replace all terms of a limit in the draft version."""
        draft = self.program(program_id).draft
        old = draft.limit(definition_id, limit_id)
        new = evolve(old, updated_at=self._clock.now(), **terms)
        draft.limits[definition_id][limit_id] = new
        return new

    def delete_limit(self, program_id: str, definition_id: str, limit_id: str) -> None:
        """Take a limit out of the draft version."""
        draft = self.program(program_id).draft
        draft.limit(definition_id, limit_id)
        del draft.limits[definition_id][limit_id]
