"""One contact's balance under one definition: lots of points, history, and what is due to happen."""

from __future__ import annotations

from datetime import datetime
from heapq import heapify, heappop, heappush, merge
from itertools import count
from operator import attrgetter
from typing import TYPE_CHECKING, Protocol

from .amounts import ZERO, minus, plus
from .history import History
from .moves import Moves
from .records import Commit, Lot, Order, Transaction

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from decimal import Decimal

    from .records import CreatedBalance

Event = Transaction | Lot | Order | Commit
"""What may fall due: a draft expires, points lapse, an order runs, a completion that takes its time ends."""

_turn = count()
_SMALL = 8
"""Entries of an agenda that are not worth a sweep."""
_created_at = attrgetter("created_at")


class Keeper(Protocol):
    """What an account tells the book it stands in."""

    def changing(self, account: Account) -> None:
        """The account's balance or ``updated_at`` is about to change."""

    def wake(self, account: Account, when: datetime) -> None:
        """The account is to be looked at when ``when`` has come."""


class Account:
    """A balance that equals what is left of its lots, less what was overdrawn."""

    __slots__ = (
        "_agenda",
        "_moves",
        "_sweep_at",
        "alarm",
        "balance",
        "book",
        "contact_id",
        "created",
        "drafts",
        "history",
        "lots",
        "updated_at",
    )

    def __init__(self, book: Keeper, contact_id: int, opened_at: datetime) -> None:
        self.book: Keeper = book
        self.contact_id: int = contact_id
        self.balance: Decimal = ZERO
        self.updated_at: datetime = opened_at
        self.lots: list[Lot] = []
        self.history: History = History()
        self.drafts: dict[str, Transaction] = {}
        self.created: CreatedBalance | None = None
        self.alarm: datetime | None = None
        """When the book looks at the account by itself."""
        self._moves: dict[str, Moves] = {}
        self._agenda: list[tuple[datetime, int, Event]] = []
        self._sweep_at = _SMALL

    def expect(self, when: datetime, event: Event) -> None:
        """Note that ``event`` falls due at ``when``; nothing happens until the account is next looked at."""
        if len(self._agenda) >= self._sweep_at:
            self._sweep()
        heappush(self._agenda, (when, next(_turn), event))
        self.set_alarm()

    def due(self, now: datetime) -> Iterator[tuple[datetime, Event]]:
        """Take off the agenda what has fallen due, in the order of time."""
        while self._agenda and self._agenda[0][0] <= now:
            when, _, event = heappop(self._agenda)
            yield when, event

    def set_alarm(self) -> None:
        """Make sure that the book looks at the account when the next thing is due."""
        if self._agenda and (self.alarm is None or self._agenda[0][0] < self.alarm):
            self.alarm = self._agenda[0][0]
            self.book.wake(self, self.alarm)

    def credit(self, size: Decimal, source: str, now: datetime, expires_at: datetime | None) -> None:
        """Add points. They pay off an overdrawn balance first, the rest is a lot of its own."""
        overdrawn = max(ZERO, self.balance.copy_negate())
        self._moved(size, now)
        if size > overdrawn:
            remaining = minus(size, overdrawn) if overdrawn else size
            lot = Lot(source=source, remaining=remaining, created_at=now, expires_at=expires_at)
            self.lots.append(lot)
            if expires_at is not None:
                self.expect(expires_at, lot)

    def debit(self, size: Decimal, now: datetime, *, soonest_first: bool) -> None:
        """Take points off the lots: the one that expires soonest first, or the oldest."""
        self._moved(size.copy_negate(), now)
        self._consume(size, soonest_first=soonest_first)

    def lapse(self, lot: Lot, now: datetime) -> None:
        """Take off what is left of a lot whose time is over."""
        if lot.remaining:
            self._moved(lot.remaining.copy_negate(), now)
            lot.remaining = ZERO
            self._drop_empty_lots()

    def active_lots(self) -> list[Lot]:
        """Lots with points left, oldest first."""
        return [lot for lot in self.lots if lot.remaining]

    def note_move(self, kind: str, now: datetime, size: Decimal) -> None:
        """Remember a completed ``credit`` or ``debit`` for the windowed limits."""
        self._moves.setdefault(kind, Moves()).add(now, size)

    def moved_since(self, kind: str, start: datetime) -> tuple[int, Decimal]:
        """How many credits or debits were completed at ``start`` or later, and their sum."""
        moves = self._moves.get(kind)
        return moves.since(start) if moves else (0, ZERO)

    def absorb(self, other: Account, now: datetime) -> None:
        """Take over all that ``other`` has. What one of the two was overdrawn by is paid from the lots of both."""
        owed = plus(max(ZERO, self.balance.copy_negate()), max(ZERO, other.balance.copy_negate()))
        self._moved(other.balance, now)
        self.lots = list(merge(self.lots, other.lots, key=_created_at))
        self._consume(owed, soonest_first=False)
        self.history.absorb(other.history)
        drafts = merge(self.drafts.values(), other.drafts.values(), key=_created_at)
        self.drafts = {draft.id: draft for draft in drafts}
        for kind, moves in other._moves.items():
            self._moves[kind] = Moves(merge(self._moves.get(kind, ()), moves))
        self.created = self.created or other.created
        self._agenda += other._agenda
        heapify(self._agenda)
        self.set_alarm()

    def _sweep(self) -> None:
        """Take off the agenda what will never happen: most drafts are completed long before they would expire."""
        self._agenda = [entry for entry in self._agenda if _may_happen(entry[2])]
        heapify(self._agenda)
        self._sweep_at = max(_SMALL, 2 * len(self._agenda))

    def _moved(self, by: Decimal, now: datetime) -> None:
        self.book.changing(self)
        self.balance = plus(self.balance, by)
        self.updated_at = now

    def _consume(self, size: Decimal, *, soonest_first: bool) -> None:
        lots: Iterable[Lot] = sorted(self.lots, key=_expiry) if soonest_first else self.lots
        for lot in lots:
            if not size:
                break
            taken = min(size, lot.remaining)
            lot.remaining = minus(lot.remaining, taken)
            size = minus(size, taken)
        if soonest_first:
            self.lots = self.active_lots()
        else:
            self._drop_empty_lots()

    def _drop_empty_lots(self) -> None:
        """Drop the empty lots at the front, where debits mostly leave them."""
        empty = next((at for at, lot in enumerate(self.lots) if lot.remaining), len(self.lots))
        if empty:
            del self.lots[:empty]


def _may_happen(event: Event) -> bool:
    if isinstance(event, Lot):
        return bool(event.remaining)
    if isinstance(event, Commit):
        return True
    return (event.transaction if isinstance(event, Order) else event).status == "draft"


def _expiry(lot: Lot) -> datetime:
    """When a lot lapses; one that never does is the last to be taken."""
    return lot.expires_at or datetime.max.replace(tzinfo=lot.created_at.tzinfo)
