"""What a ledger keeps, and how it is found again."""

from __future__ import annotations

import pickle
from random import Random
from typing import TYPE_CHECKING

from .amounts import ZERO
from .catalogue import Catalogue
from .ids import Ids
from .lifecycle import Lifecycle
from .refusals import not_found
from .seeded import locate
from .switches import Switches

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from decimal import Decimal

    from brevo_balance_async.sandbox.clock import SandboxClock

    from .account import Account
    from .records import Transaction
    from .seeded import SeededRows


class Store:
    """Programs with their accounts, all transactions by id, and the seeded histories."""

    def __init__(
        self, clock: SandboxClock, switches: Switches | None = None, *, strict: bool = False
    ) -> None:
        self.clock = clock
        self.strict = strict
        self.ids: Ids = Ids()
        self.catalogue: Catalogue = Catalogue(clock, switches or Switches(), self.ids, strict=strict)
        self._life = Lifecycle(self.catalogue)
        self._transactions: dict[str, Transaction] = {}
        self._seeded: dict[str, SeededRows] = {}
        self._random = Random(0)

    @property
    def switches(self) -> Switches:
        """How the undocumented is decided; may be set at any time."""
        return self.catalogue.switches

    @switches.setter
    def switches(self, switches: Switches) -> None:
        self.catalogue.switches = switches

    def balance(self, program_id: str, definition_id: str, contact_id: int) -> Decimal:
        """A contact's balance now; zero for a contact that nothing happened to."""
        account = self.catalogue.program(program_id).book(definition_id).find(contact_id)
        if account is None:
            return ZERO
        self._life.settle(account, self.clock.now())
        return account.balance

    def transactions(
        self, program_id: str | None = None, definition_id: str | None = None, contact_id: int | None = None
    ) -> list[Transaction]:
        """Every transaction there is or was, oldest first, seeded histories left out."""
        self.settle()
        return [
            transaction
            for transaction in self._transactions.values()
            if program_id in (None, transaction.program_id)
            and definition_id in (None, transaction.definition_id)
            and contact_id in (None, transaction.contact_id)
        ]

    def transaction(self, transaction_id: str) -> Transaction | None:
        """One transaction, as it stood when its account was last looked at."""
        return self._transactions.get(transaction_id) or self._seeded_row(transaction_id)

    def clear(self) -> None:
        """Forget everything."""
        self.catalogue.clear()
        self._transactions.clear()
        self._seeded.clear()

    def kept(self) -> bytes:
        """A copy of everything, for ``put_back`` of this process."""
        contents = (self.catalogue.contents(), self._transactions, self._seeded)
        return pickle.dumps(contents, protocol=pickle.HIGHEST_PROTOCOL)

    def put_back(self, kept: bytes) -> None:
        """Have what there was when ``kept`` was called, and nothing else."""
        contents = pickle.loads(kept)  # noqa: S301  (never from outside: ``kept`` of this process made it)
        programs, self._transactions, self._seeded = contents
        self.catalogue.replace(programs)

    def settle(self) -> None:
        """Let everything happen that has fallen due."""
        now = self.clock.now()
        for program in self.catalogue:
            for book in program.books():
                for account in book.due(now):
                    self._life.settle(account, now)

    def accounts(self) -> Iterator[Account]:
        """All accounts."""
        for program in self.catalogue:
            for book in program.books():
                yield from book

    def account_count(self) -> int:
        """How many accounts there are."""
        return sum(len(book) for program in self.catalogue for book in program.books())

    def _readable(self, program_id: str, definition_id: str, contact_id: int) -> Account | None:
        program = self.catalogue.program_with(program_id, definition_id)
        self.catalogue.check_reader(program, contact_id)
        account = program.book(definition_id).find(contact_id)
        if account is not None:
            self._life.settle(account, self.clock.now())
        return account

    def _record(self, account: Account, transaction: Transaction) -> None:
        self._transactions[transaction.id] = transaction
        self._life.record(account, transaction)

    def _looked_up(self, program_id: str, transaction_id: str, now: datetime) -> tuple[Account, Transaction]:
        self.catalogue.program(program_id)
        transaction = self.transaction(transaction_id)
        if transaction is None or transaction.program_id != program_id:
            raise not_found("transaction")
        account = self._account_of(transaction)
        self._life.settle(account, now)
        return account, transaction

    def _seeded_row(self, transaction_id: str) -> Transaction | None:
        block, index = locate(transaction_id) or ("", 0)
        rows = self._seeded.get(block)
        return rows.row(index) if rows is not None and index < rows.count else None

    def _account_of(self, transaction: Transaction) -> Account:
        book = self.catalogue.program(transaction.program_id).book(transaction.definition_id)
        return book.open(transaction.contact_id, transaction.created_at)
