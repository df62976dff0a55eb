"""The accounts under one definition: found by contact, sorted for listings, woken when something falls due."""

from __future__ import annotations

from heapq import heappop, heappush
from itertools import count
from operator import attrgetter
from typing import TYPE_CHECKING

from .account import Account
from .ranking import Ranking

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

_turn = count()
_KEYS = {"updatedAt": attrgetter("updated_at"), "value": attrgetter("balance")}


class Book:
    """The accounts under one definition."""

    __slots__ = ("_accounts", "_alarms", "_rankings", "members_seen")

    def __init__(self) -> None:
        self.members_seen: int = 0
        """How many of the program's members, in the order they joined, have an account for certain."""
        self._accounts: dict[int, Account] = {}
        self._rankings: dict[str, Ranking] = {}
        self._alarms: list[tuple[datetime, int, Account]] = []

    def __iter__(self) -> Iterator[Account]:
        return iter(self._accounts.values())

    def __len__(self) -> int:
        return len(self._accounts)

    def find(self, contact_id: int) -> Account | None:
        """The contact's account, if there is one."""
        return self._accounts.get(contact_id)

    def open(self, contact_id: int, now: datetime) -> Account:
        """The contact's account, opened at zero when there is none."""
        account = self._accounts.get(contact_id)
        if account is None:
            account = self._accounts[contact_id] = Account(self, contact_id, now)
            for ranking in self._rankings.values():
                ranking.changing(account, new=True)
        return account

    def changing(self, account: Account) -> None:
        """Must be called before an account's balance or ``updated_at`` changes."""
        for ranking in self._rankings.values():
            ranking.changing(account)

    def ranked(self, by: str) -> Ranking:
        """All accounts sorted by ``updatedAt`` or ``value``."""
        ranking = self._rankings.get(by)
        if ranking is None:
            ranking = self._rankings[by] = Ranking(self, _KEYS[by])
        return ranking

    def wake(self, account: Account, when: datetime) -> None:
        """Let ``due`` give ``account`` at ``when``."""
        heappush(self._alarms, (when, next(_turn), account))

    def due(self, now: datetime) -> Iterator[Account]:
        """Accounts with something due at ``now`` or before. Each must be settled before the next is asked for."""
        while self._alarms and self._alarms[0][0] <= now:
            when, _, account = heappop(self._alarms)
            if account.alarm == when:
                account.alarm = None
                yield account
                account.set_alarm()

    def merge(self, source_id: int, target_id: int, now: datetime) -> None:
        """Move what one contact has to another, whose account is opened when there is none."""
        source = self._accounts.pop(source_id, None)
        if source is None:
            return
        self._rankings.clear()
        source.alarm = None
        self.open(target_id, now).absorb(source, now)

    def clear(self) -> None:
        """Let go of the accounts, which hold on to their book."""
        self._accounts.clear()
        self._rankings.clear()
        self._alarms.clear()
