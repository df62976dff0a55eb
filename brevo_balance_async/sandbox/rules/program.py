"""A loyalty program: its rules in a draft and an active version, its members, their accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .book import Book
from .refusals import not_found

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

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

    __slots__ = ("_books", "_contacts", "_joined", "_new_contact", "active", "draft", "id", "members")

    def __init__(self, program_id: str, *, publishes_edits: bool) -> None:
        self.id: str = program_id
        self.draft: Ruleset = Ruleset()
        self.active: Ruleset = self.draft if publishes_edits else Ruleset()
        self.members: dict[int, str] = {}
        self._joined: list[int] = []
        self._contacts: dict[str, int] = {}
        self._books: dict[str, Book] = {}
        self._new_contact = 1_000_000_000

    def publish(self) -> None:
        """Make the draft version the active one."""
        if self.active is not self.draft:
            self.active = self.draft.copy()

    def version(self, name: str) -> Ruleset:
        """The ``draft`` or the ``active`` version."""
        return self.active if name == "active" else self.draft

    def enrol(self, contact_id: int, subscription_id: str | None = None) -> None:
        """Make a contact a member; without a subscription id of its own it gets one."""
        subscription_id = (
            subscription_id or self.members.get(contact_id) or self._new_subscription(contact_id)
        )
        if self._contacts.setdefault(subscription_id, contact_id) != contact_id:
            raise ValueError(f"{subscription_id} belongs to another contact")
        if contact_id not in self.members:
            self.members[contact_id] = subscription_id
            self._joined.append(contact_id)

    def enrol_all(self, contacts: Iterable[tuple[int, str | None]]) -> None:
        """Make all of ``contacts`` members, or none."""
        members, owners, joined = dict(self.members), dict(self._contacts), len(self._joined)
        try:
            for contact_id, subscription_id in contacts:
                self.enrol(contact_id, subscription_id)
        except ValueError:
            self.members, self._contacts = members, owners
            del self._joined[joined:]
            raise

    def merge(self, source_id: int, target_id: int, now: datetime) -> None:
        """Make one member out of two: ``source_id`` is no member any more, ``target_id`` has all that it had."""
        self.enrol(target_id)
        self._contacts[self.members.pop(source_id)] = target_id
        for book in self._books.values():
            book.merge(source_id, target_id, now)

    def contact_of(self, subscription_id: str) -> int | None:
        """The contact behind a subscription id."""
        return self._contacts.get(subscription_id)

    def unused_contact(self) -> int:
        """A contact id for a subscription that is not known."""
        self._new_contact += 1
        while self._new_contact in self.members:
            self._new_contact += 1
        return self._new_contact

    def open_accounts(self, book: Book, now: datetime) -> None:
        """Give an account in ``book`` to every member that has joined since the last time."""
        for contact_id in self._joined[book.members_seen :]:
            if contact_id in self.members:
                book.open(contact_id, now)
        book.members_seen = len(self._joined)

    def books(self) -> Iterable[Book]:
        """The accounts of every definition there is or was."""
        return self._books.values()

    def books_by_definition(self) -> Iterable[tuple[str, Book]]:
        """The same, each with its definition's id."""
        return self._books.items()

    def book(self, definition_id: str) -> Book:
        """The accounts under a definition."""
        book = self._books.get(definition_id)
        if book is None:
            book = self._books[definition_id] = Book()
        return book

    def clear(self) -> None:
        """Let go of the accounts."""
        for book in self._books.values():
            book.clear()

    def _new_subscription(self, contact_id: int) -> str:
        subscription_id = f"subscription-{contact_id}"
        while subscription_id in self._contacts:
            subscription_id += "-again"
        return subscription_id
