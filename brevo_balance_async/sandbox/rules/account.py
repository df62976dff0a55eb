"""One contact's balance under one definition: lots of points, history, and what is due to happen."""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING

from .amounts import ZERO
from .history import History
from .records import Lot, Order, Transaction

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from decimal import Decimal

    from .records import CreatedBalance

Event = Transaction | Lot | Order
"""What may fall due: a draft expires, points lapse, an order runs."""

_turn = count()


class Account:
    """A balance that equals what is left of its lots, less what was overdrawn."""

    __slots__ = (
        "_agenda",
        "balance",
        "book",
        "completed",
        "contact_id",
        "created",
        "drafts",
        "history",
        "lots",
        "updated_at",
    )

    def __init__(self, book: Book, contact_id: int, opened_at: datetime) -> None:
        self.book = book
        self.contact_id = contact_id
        self.balance = ZERO
        self.updated_at = opened_at
        self.lots: deque[Lot] = deque()
        self.history = History()
        self.drafts: dict[str, Transaction] = {}
        self.completed: list[Transaction] = []
        self.created: CreatedBalance | None = None
        self._agenda: list[tuple[datetime, int, Event]] = []

    def expect(self, when: datetime, event: Event) -> None:
        """Note that ``event`` falls due at ``when``; nothing happens until the account is next looked at."""
        heappush(self._agenda, (when, next(_turn), event))

    def due(self, now: datetime) -> Iterator[tuple[datetime, Event]]:
        """Take off the agenda what has fallen due, in the order of time."""
        agenda = self._agenda
        while agenda and agenda[0][0] <= now:
            when, _, event = heappop(agenda)
            yield when, event

    def credit(self, size: Decimal, lot_id: str, now: datetime, expires_at: datetime | None) -> None:
        """Add points. They pay off an overdrawn balance first, the rest is a lot of its own."""
        overdrawn = max(ZERO, -self.balance)
        self._moved(size, now)
        if size > overdrawn:
            lot = Lot(id=lot_id, remaining=size - overdrawn, created_at=now, expires_at=expires_at)
            self.lots.append(lot)
            if expires_at is not None:
                self.expect(expires_at, lot)

    def debit(self, size: Decimal, now: datetime) -> None:
        """Take points off, oldest lot first."""
        self._moved(-size, now)
        for lot in self.lots:
            taken = min(size, lot.remaining)
            lot.remaining -= taken
            size -= taken
            if not size:
                break
        self._drop_empty_lots()

    def lapse(self, lot: Lot, now: datetime) -> None:
        """Take off what is left of a lot whose time is over."""
        if lot.remaining:
            self._moved(-lot.remaining, now)
            lot.remaining = ZERO
            self._drop_empty_lots()

    def active_lots(self) -> list[Lot]:
        """Lots with points left, oldest first."""
        return [lot for lot in self.lots if lot.remaining]

    def _moved(self, by: Decimal, now: datetime) -> None:
        self.balance += by
        self.updated_at = now
        self.book.changed()

    def _drop_empty_lots(self) -> None:
        while self.lots and not self.lots[0].remaining:
            self.lots.popleft()


class Book:
    """The accounts under one definition."""

    __slots__ = ("_accounts", "_ranked")

    def __init__(self) -> None:
        self._accounts: dict[int, Account] = {}
        self._ranked: dict[tuple[str, bool], list[Account]] = {}

    def __iter__(self) -> Iterator[Account]:
        return iter(self._accounts.values())

    def find(self, contact_id: int) -> Account | None:
        """The contact's account, if there is one."""
        return self._accounts.get(contact_id)

    def open(self, contact_id: int, now: datetime) -> Account:
        """The contact's account, opened at zero when there is none."""
        account = self._accounts.get(contact_id)
        if account is None:
            account = self._accounts[contact_id] = Account(self, contact_id, now)
            self.changed()
        return account

    def changed(self) -> None:
        """Forget the sorted lists."""
        if self._ranked:
            self._ranked.clear()

    def ranked(self, by: str, *, descending: bool) -> list[Account]:
        """All accounts sorted by ``updatedAt`` or ``value``; sorted once, remembered until an account changes."""
        found = self._ranked.get((by, descending))
        if found is None:
            if by == "value":
                found = sorted(self, key=lambda a: (a.balance, a.contact_id), reverse=descending)
            else:
                found = sorted(self, key=lambda a: (a.updated_at, a.contact_id), reverse=descending)
            self._ranked[by, descending] = found
        return found
