"""How a draft ends: completed, at once or after a while, or cancelled."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from .limits import Breach
from .periods import later
from .records import Commit
from .refusals import not_found, unprocessable
from .store import Store

if TYPE_CHECKING:
    from datetime import datetime

    from .account import Account
    from .records import Transaction


class Ending(Store):
    """The two operations that end a draft, and a completion that takes its time."""

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

    def _completable(
        self, program_id: str, transaction_id: str, now: datetime
    ) -> tuple[Account, Transaction]:
        account, transaction = self._looked_up(program_id, transaction_id, now)
        if not self._life.may_complete(transaction):
            raise unprocessable(f"transaction is already {transaction.status}")
        return account, transaction
