"""Accounts sorted by something that changes."""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .account import Account

_Entry = tuple[Any, int, "Account"]

_FEW = 32
"""When more than one in so many accounts has changed, sorting all of them is faster than moving each."""


class Ranking:
    """Accounts sorted by ``key``, those with the same key by contact; put in order when they are looked at.

    ``changing`` must be called before an account's key changes, and for every new account.
    """

    __slots__ = ("_entries", "_key", "_stale")

    def __init__(self, accounts: Iterable[Account], key: Callable[[Account], Any]) -> None:
        self._key = key
        self._entries = sorted(self._entry(account) for account in accounts)
        self._stale: dict[Account, _Entry | None] = {}
        """Accounts that changed since the last look, and where each still stands."""

    def changing(self, account: Account, *, new: bool = False) -> None:
        """Note where ``account`` stands before it moves."""
        if account not in self._stale:
            self._stale[account] = None if new else self._entry(account)

    def __len__(self) -> int:
        return len(self._ordered())

    def between(self, start: int, stop: int, *, descending: bool) -> list[Account]:
        """The accounts from ``start`` up to ``stop``, which is left out, counted from the end that comes first."""
        entries = self._ordered()
        if not descending:
            return [account for _, _, account in entries[start:stop]]
        first, last = max(0, len(entries) - stop), max(0, len(entries) - start)
        return [account for _, _, account in reversed(entries[first:last])]

    def _entry(self, account: Account) -> _Entry:
        return self._key(account), account.contact_id, account

    def _ordered(self) -> list[_Entry]:
        entries, stale = self._entries, self._stale
        if not stale:
            return entries
        if len(stale) * _FEW <= len(entries):
            for old in stale.values():
                if old is not None:
                    del entries[bisect_left(entries, old[:2])]
            for account in stale:
                insort(entries, self._entry(account))
        else:
            accounts = [account for _, _, account in entries]
            accounts += [account for account, old in stale.items() if old is None]
            self._entries = sorted(self._entry(account) for account in accounts)
        self._stale = {}
        return self._entries
