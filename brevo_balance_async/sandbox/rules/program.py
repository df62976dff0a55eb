"""A loyalty program: its rules in a draft and an active version, its members, their accounts."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from .account import Book
from .refusals import not_found

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .records import Definition, Limit


class Ruleset:
    """One version of a program's definitions and their limits."""

    __slots__ = ("definitions", "limits")

    def __init__(self) -> None:
        self.definitions: dict[str, Definition] = {}
        self.limits: dict[str, dict[str, Limit]] = {}

    def copy(self) -> Ruleset:
        """The same rules in a version of their own."""
        twin = Ruleset()
        twin.definitions = dict(self.definitions)
        twin.limits = {definition_id: dict(limits) for definition_id, limits in self.limits.items()}
        return twin

    def definition(self, definition_id: str) -> Definition:
        """One definition; 404 when this version has none."""
        found = self.definitions.get(definition_id)
        if found is None:
            raise not_found("balance definition")
        return found

    def limit(self, definition_id: str, limit_id: str) -> Limit:
        """One limit; 404 when this version has none."""
        self.definition(definition_id)
        found = self.limits[definition_id].get(limit_id)
        if found is None:
            raise not_found("balance limit")
        return found

    def put(self, definition: Definition) -> None:
        """Add or replace a definition."""
        self.definitions[definition.id] = definition
        self.limits.setdefault(definition.id, {})

    def drop(self, definition_id: str) -> None:
        """Take a definition out, with its limits."""
        del self.definitions[definition_id]
        del self.limits[definition_id]


class Program:
    """Rules, members and accounts of one loyalty program."""

    __slots__ = ("_books", "_contacts", "_new_contact", "active", "draft", "id", "members")

    def __init__(self, program_id: str, *, publishes_edits: bool) -> None:
        self.id = program_id
        self.draft = Ruleset()
        self.active = self.draft if publishes_edits else Ruleset()
        self.members: dict[int, str] = {}
        self._contacts: dict[str, int] = {}
        self._books: dict[str, Book] = {}
        self._new_contact = count(1_000_000_001)

    def publish(self) -> None:
        """Make the draft version the active one."""
        if self.active is not self.draft:
            self.active = self.draft.copy()

    def version(self, name: str) -> Ruleset:
        """The ``draft`` or the ``active`` version."""
        return self.active if name == "active" else self.draft

    def enrol(self, contact_id: int, subscription_id: str | None = None) -> None:
        """Make a contact a member; without a subscription id of its own it gets one."""
        subscription_id = subscription_id or self.members.get(contact_id) or f"subscription-{contact_id}"
        if self._contacts.setdefault(subscription_id, contact_id) != contact_id:
            raise ValueError(f"{subscription_id} belongs to another contact")
        self.members.setdefault(contact_id, subscription_id)

    def contact_of(self, subscription_id: str) -> int | None:
        """The contact behind a subscription id."""
        return self._contacts.get(subscription_id)

    def unused_contact(self) -> int:
        """A contact id for a subscription nobody has heard of."""
        return next(self._new_contact)

    def books(self) -> Iterable[Book]:
        """The accounts of every definition there is or was."""
        return self._books.values()

    def book(self, definition_id: str) -> Book:
        """The accounts under a definition."""
        book = self._books.get(definition_id)
        if book is None:
            book = self._books[definition_id] = Book()
        return book
