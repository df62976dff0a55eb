"""The rules of the money: two-phase transactions, balances, orders, history. No HTTP, an injected clock.

What falls due with time (a draft expires, points lapse, an order runs) is judged when an account is looked at, in the
order of time, as if it had happened at its moment.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from functools import lru_cache
from random import Random
from sys import intern
from typing import TYPE_CHECKING, Any

from .amounts import ZERO, rounded, times
from .catalogue import Catalogue
from .expiry import points_expire_at
from .history import Page, Rows, SeededRows, Wanted, locate, shuffled_ties, visible
from .ids import Ids
from .lifecycle import Lifecycle
from .limits import Breach
from .periods import later
from .records import Commit, CreatedBalance, Order, Transaction, flat
from .refusals import invalid, not_found, unprocessable
from .switches import Switches

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from brevo_balance_async.sandbox.clock import SandboxClock

    from .account import Account
    from .ranking import Ranking
    from .records import Definition, Lot


_PAGES_KEPT = 256


@lru_cache(maxsize=256)
def _span(seconds: int) -> timedelta:
    """One object for the many drafts that live as long."""
    return timedelta(seconds=seconds)


class Ledger:
    """The state of a Brevo account's loyalty balances.

    ``catalogue`` holds programs, definitions and limits. With ``strict`` programs and contacts must be seeded and edits
    be published; without it every program and contact exists. Methods raise ``Refusal`` where the API answers an error.
    """

    def __init__(
        self, clock: SandboxClock, switches: Switches | None = None, *, strict: bool = False
    ) -> None:
        self.clock = clock
        self.strict = strict
        self.ids: Ids = Ids()
        self.catalogue: Catalogue = Catalogue(clock, switches or Switches(), self.ids, strict=strict)
        self._life = Lifecycle(self.catalogue)
        self._transactions: dict[str, Transaction] = {}
        self._seeded: list[SeededRows] = []
        self._random = Random(0)

    @property
    def switches(self) -> Switches:
        """How the undocumented is decided; may be set at any time."""
        return self.catalogue.switches

    @switches.setter
    def switches(self, switches: Switches) -> None:
        self.catalogue.switches = switches

    # transactions

    def begin(
        self,
        program_id: str,
        *,
        definition_id: str,
        amount: Decimal,
        contact_id: int | None = None,
        subscription_id: str | None = None,
        kind: str | None = None,
        ttl: int | None = None,
        auto_complete: bool = False,
        points_lifetime: int | None = None,
        event_time: datetime | None = None,
        meta: dict[str, Any] | None = None,
    ) -> Transaction:
        """Open a draft, or complete at once with ``auto_complete``.

        ``kind`` overrides the sign of ``amount``. ``ttl`` is in the switch's unit, ``points_lifetime`` in minutes.
        """
        seconds = self.switches.draft_lifetime
        if ttl is not None:
            seconds = ttl * 60 if self.switches.ttl_unit == "minutes" else ttl
        now = self.clock.now()
        account, transaction = self._draft(
            program_id,
            definition_id,
            amount,
            now=now,
            contact_id=contact_id,
            subscription_id=subscription_id,
            kind=kind,
            meta=meta,
            event_time=event_time,
            points_lifetime=points_lifetime,
            lifetime=None if seconds is None else _span(seconds),
        )
        try:
            allowed = self._life.allowed(account, transaction, now)
        except Breach as breach:
            if self.switches.rejection == "422":
                raise unprocessable(str(breach)) from breach
            self._life.reject(account, transaction, breach, now)
        else:
            if auto_complete:
                self._life.complete(account, transaction, allowed, now)
        self._record(account, transaction)
        return transaction

    def complete(self, program_id: str, transaction_id: str) -> Transaction:
        """Let a draft change the balance; 422 when it is no draft any more, so it does so at most once."""
        now = self.clock.now()
        account, transaction = self._completable(program_id, transaction_id, now)
        try:
            allowed = self._life.allowed(account, transaction, now)
        except Breach as breach:
            keeps = self.switches.breach_at_complete == "keeps_draft"
            if transaction.status == "draft" and not keeps:
                self._life.reject(account, transaction, breach, now)
            if transaction.status != "rejected" or self.switches.rejection == "422":
                raise unprocessable(str(breach)) from breach
        else:
            self._life.complete(account, transaction, allowed, now)
        return transaction

    def start_completing(self, program_id: str, transaction_id: str, seconds: float) -> Commit:
        """Check a draft now and let it change the balance in ``seconds``, whether or not it has expired by then.

        That is a server which checks, works for a while, and then commits. ``finish_completing`` tells the outcome.
        """
        now = self.clock.now()
        account, transaction = self._completable(program_id, transaction_id, now)
        commit = Commit(transaction, at=later(now, timedelta(seconds=seconds)))
        account.expect(commit.at, commit)
        return commit

    def finish_completing(self, commit: Commit) -> Transaction:
        """What became of the draft; to be asked when ``commit.at`` has come. 404 when all was forgotten meanwhile."""
        transaction = self.transaction(commit.transaction.id)
        if transaction is None:
            raise not_found("transaction")
        self._life.settle(self._account_of(transaction), self.clock.now())
        restored = transaction is not commit.transaction  # the ledger has a copy of it, and of the commit
        if not commit.done and not (restored and transaction.completed_at == commit.at):
            raise unprocessable(commit.refusal or f"transaction is still {transaction.status}")
        return transaction

    def cancel(self, program_id: str, transaction_id: str) -> Transaction:
        """Give a draft up; the balance does not move."""
        now = self.clock.now()
        account, transaction = self._looked_up(program_id, transaction_id, now)
        if transaction.status != "draft":
            raise unprocessable(f"transaction is already {transaction.status}")
        self._life.cancel(account, transaction, now)
        return transaction

    def create_order(
        self,
        program_id: str,
        *,
        definition_id: str,
        contact_id: int,
        amount: Decimal,
        due_at: datetime,
        source: str,
        expires_at: datetime | None = None,
        meta: dict[str, Any] | None = None,
    ) -> Order:
        """Open a draft that is to be completed at ``due_at`` and expires at ``expires_at``."""
        now = self.clock.now()
        if due_at < now and self.switches.past_due_at == "422":
            raise invalid("dueAt must not lie in the past", "out_of_range")
        if definition_id not in self.catalogue.program(program_id).active.definitions:
            raise unprocessable("balance definition not found")  # 404 is documented on begin, not here
        account, transaction = self._draft(
            program_id,
            definition_id,
            amount,
            now=now,
            contact_id=contact_id,
            meta=meta,
            lifetime=None if expires_at is None else expires_at - now,
        )
        order = Order(
            id=self.ids.new(),
            transaction=transaction,
            source=source,
            due_at=due_at,
            expires_at=expires_at,
            created_at=now,
        )
        self._record(account, transaction)
        account.expect(due_at, order)
        return order

    # balances

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

    def history(
        self,
        program_id: str,
        definition_id: str,
        contact_id: int,
        *,
        wanted: Wanted,
        start: int,
        limit: int,
        descending: bool,
    ) -> Page:
        """A page of a contact's transactions by ``createdAt``."""
        account = self._readable(program_id, definition_id, contact_id)
        if account is None:
            return Page(Rows(None, []), 0, 0, descending, 0)
        switches, pages = self.switches, account.history.pages
        name = (wanted, start, limit, descending, switches)
        if name in pages and not (switches.history_lag or switches.unstable_ties):
            return pages[name]
        rows = account.history.rows(wanted)
        total = len(rows)
        if switches.history_lag:
            total = visible(rows, later(self.clock.now(), timedelta(seconds=-switches.history_lag)))
        first, last = min(start, total), min(start + limit, total)
        if descending:
            first, last = total - last, total - first
        if switches.unstable_ties:
            rows = Rows(None, shuffled_ties(rows, first, last, self._random))
            first, last = 0, len(rows)
        if len(pages) >= _PAGES_KEPT:
            pages.clear()
        page = pages[name] = Page(rows, first, last, descending, total)
        return page

    # for assertions and scripts, not part of the API

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

    def contents(self) -> Any:
        """All that is kept, in a form that ``replace`` takes and that can be pickled."""
        return self.catalogue.contents(), self._transactions, self._seeded

    def replace(self, contents: Any) -> None:
        """Keep this and nothing else."""
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
            block=len(self._seeded),
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
        self._seeded.append(rows)
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

    # the steps between

    def _readable(self, program_id: str, definition_id: str, contact_id: int) -> Account | None:
        program = self.catalogue.program_with(program_id, definition_id)
        self.catalogue.check_reader(program, contact_id)
        account = program.book(definition_id).find(contact_id)
        if account is not None:
            self._life.settle(account, self.clock.now())
        return account

    def _draft(
        self,
        program_id: str,
        definition_id: str,
        amount: Decimal,
        *,
        now: datetime,
        lifetime: timedelta | None,
        contact_id: int | None = None,
        subscription_id: str | None = None,
        kind: str | None = None,
        meta: dict[str, Any] | None = None,
        event_time: datetime | None = None,
        points_lifetime: int | None = None,
    ) -> tuple[Account, Transaction]:
        """A draft that is not recorded yet, and the account it is meant for."""
        program = self.catalogue.program_with(program_id, definition_id)
        definition = program.active.definitions[definition_id]
        kind = intern(kind or ("debit" if amount < 0 else "credit"))
        rule = definition.credit_rounding if kind == "credit" else definition.debit_rounding
        size = rounded(amount.copy_abs() if amount < 0 else amount, rule, self.switches.rounding_places)
        if not size:
            raise invalid("amount is zero after rounding")
        owner = self.catalogue.member(program, contact_id, subscription_id)
        account = program.book(definition_id).open(owner, now)
        self._life.settle(account, now)
        return account, Transaction(
            id=self.ids.new(),
            program_id=program.id,  # the texts that are there already: those of each request would be kept
            definition_id=definition.id,
            contact_id=account.contact_id,
            subscription_id=subscription_id or program.members[owner],
            kind=kind,
            size=size,
            sent_negative=amount < 0,
            status="draft",
            flat_meta=flat(meta),
            event_time=event_time or now,
            created_at=now,
            updated_at=now,
            draft_lifetime=lifetime,
            points_lifetime=points_lifetime,
        )

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

    def _completable(
        self, program_id: str, transaction_id: str, now: datetime
    ) -> tuple[Account, Transaction]:
        account, transaction = self._looked_up(program_id, transaction_id, now)
        if not self._life.may_complete(transaction):
            raise unprocessable(f"transaction is already {transaction.status}")
        return account, transaction

    def _seeded_row(self, transaction_id: str) -> Transaction | None:
        block, index = locate(transaction_id) or (-1, -1)
        if not 0 <= block < len(self._seeded) or index >= self._seeded[block].count:
            return None
        return self._seeded[block].row(index)

    def _account_of(self, transaction: Transaction) -> Account:
        book = self.catalogue.program(transaction.program_id).book(transaction.definition_id)
        return book.open(transaction.contact_id, transaction.created_at)
