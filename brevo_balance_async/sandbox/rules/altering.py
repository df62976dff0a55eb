"""What the API cannot do and a test wants: seed a history, take a row out of one, make one member of two."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from .amounts import times
from .expiry import points_expire_at
from .refusals import not_found
from .seeded import SeededRows
from .store import Store


class Altering(Store):
    """Changes that no request makes."""

    def forget(self, transaction_id: str) -> None:
        """Delete a row from history, which the API cannot; the balance stays."""
        transaction = self._transactions.pop(transaction_id)
        account = self._account_of(transaction)
        account.history.remove(transaction)
        account.drafts.pop(transaction_id, None)

    def seed_history(
        self,
        program_id: str,
        definition_id: str,
        contact_id: int,
        count: int,
        *,
        amount: Decimal = Decimal(1),
        spacing: timedelta = timedelta(seconds=1),
        ties: int = 1,
    ) -> None:
        """Give a contact ``count`` completed credits of ``amount``, ``spacing`` apart, the last one now.

        The contact's history must be empty, or ``ValueError`` is raised. The rows are computed when they are read, so
        any number is free; ``ties`` rows share one ``createdAt``. Their points stand as one lot of now, and no limit
        counts them.
        """
        now = self.clock.now()
        program = self.catalogue.program_with(program_id, definition_id)
        if contact_id not in program.members:
            program.enrol(contact_id)
        account = program.book(definition_id).open(contact_id, now)
        rows = SeededRows(
            block=self._unused_block(),
            count=count,
            program_id=program_id,
            definition_id=definition_id,
            contact_id=contact_id,
            subscription_id=program.members[contact_id],
            size=amount,
            last_at=now,
            spacing=spacing,
            ties=ties,
        )
        account.history.seed(rows)
        self._seeded[rows.block] = rows
        expires_at = points_expire_at(program.active.definition(definition_id), now, None)
        account.credit(times(amount, Decimal(count)), self.ids.new(), now, expires_at)

    def merge(self, program_id: str, contact_id: int, into: int) -> None:
        """Make one member out of two, which the API cannot: rows, points and drafts of ``contact_id`` move to ``into``.

        Its subscription ids mean ``into`` from now on. Raises ``ValueError`` when one of the two has a seeded history.
        """
        program, now = self.catalogue.program(program_id), self.clock.now()
        if contact_id == into or contact_id not in program.members:
            raise not_found("subscription")
        pairs = [(book.find(contact_id), book.find(into)) for book in program.books()]
        accounts = [account for pair in pairs for account in pair if account is not None]
        if any(account.history.seeded for account in accounts):
            raise ValueError("a contact with a seeded history cannot be merged with another")
        program.enrol(into)
        for account in accounts:
            self._life.settle(account, now)
            for row in account.history.rows().recorded:
                row.contact_id, row.subscription_id = into, program.members[into]
        program.merge(contact_id, into, now)

    def _unused_block(self) -> str:
        block = self.ids.new()[:8]
        while block in self._seeded:
            block = self.ids.new()[:8]
        return block
