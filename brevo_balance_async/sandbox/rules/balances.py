"""Balances: of every member, of one contact, what is left of each credit, and opening one at zero."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .records import CreatedBalance
from .refusals import unprocessable
from .store import Store

if TYPE_CHECKING:
    from decimal import Decimal

    from .ranking import Ranking
    from .records import Definition, Lot


class Balances(Store):
    """The operations on balances."""

    def contact_balances(self, program_id: str, definition_id: str, *, by: str) -> Ranking:
        """The account of every member under one definition, sorted by ``updatedAt`` or ``value``."""
        program = self.catalogue.program_with(program_id, definition_id)
        now = self.clock.now()
        book = program.book(definition_id)
        program.open_accounts(book, now)
        for account in book.due(now):
            self._life.settle(account, now)
        return book.ranked(by)

    def active_lots(self, program_id: str, definition_id: str, contact_id: int) -> list[Lot]:
        """What is left of each credit of a contact, oldest first."""
        account = self._readable(program_id, definition_id, contact_id)
        return account.active_lots() if account else []

    def contact_balance_values(self, program_id: str, contact_id: int) -> list[tuple[Definition, Decimal]]:
        """A contact's balance under every active definition; membership starts each at zero."""
        program = self.catalogue.program(program_id)
        self.catalogue.check_reader(program, contact_id)
        return [
            (definition, self.balance(program_id, definition.id, contact_id))
            for definition in list(program.active.definitions.values())
        ]

    def create_balance(self, program_id: str, contact_id: int, definition_id: str) -> CreatedBalance:
        """Open a contact's balance."""
        program = self.catalogue.program_with(program_id, definition_id)
        now = self.clock.now()
        account = program.book(definition_id).open(self.catalogue.member(program, contact_id, None), now)
        self._life.settle(account, now)
        if account.created is None:
            account.created = CreatedBalance(id=self.ids.new(), amount=account.balance, created_at=now)
        elif self.switches.repeated_balance == "422":
            raise unprocessable("balance already exists")
        return account.created
