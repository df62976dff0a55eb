"""The account's hourly quota as the server keeps it."""

from __future__ import annotations

from collections import deque
from math import ceil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from brevo_balance_async.sandbox.clock import SandboxClock
    from brevo_balance_async.sandbox.rules.switches import Switches


class ServerQuota:
    """Counts requests in a window on the sandbox's clock. ``limit`` None: no quota, no headers; it may be set anytime.

    The window is ``fixed`` (it starts on the hour), ``from_first`` (it starts with the first request after the last one
    ended) or ``sliding`` (a request counts for exactly one window length).
    """

    def __init__(self, limit: int | None, clock: SandboxClock, switches: Switches) -> None:
        self.limit = limit
        self.switches = switches
        self._clock = clock
        self._spent: deque[float] = deque()
        self._opened = 0.0

    @property
    def limit(self) -> int | None:
        """Requests in a window; None: no quota."""
        return self._limit

    @limit.setter
    def limit(self, limit: int | None) -> None:
        if limit is not None and (type(limit) is not int or limit < 1):
            raise ValueError(
                f"a quota is a whole number of requests, at least 1, or None (null), not {limit!r:.80}"
            )
        self._limit = limit

    def spend(self, requests: int = 1) -> bool:
        """Take ``requests`` off what is left, all or nothing, and say whether that was possible.

        A test may call it to stand for another user of the account.
        """
        if self.limit is None:
            return True
        now = self._roll()
        if len(self._spent) + requests > self.limit:
            return False
        if self.switches.quota_window == "from_first" and not self._spent:
            self._opened = now
        self._spent.extend([now] * requests)
        return True

    def reset(self) -> None:
        """Forget what was spent."""
        self._spent.clear()

    def kept(self) -> tuple[int | None, tuple[float, ...], float]:
        """Limit and what was spent, for ``put_back``."""
        return self.limit, tuple(self._spent), self._opened

    def put_back(self, kept: tuple[int | None, tuple[float, ...], float]) -> None:
        """Have this limit, and this much spent."""
        self.limit, spent, self._opened = kept
        self._spent = deque(spent)

    def headers(self) -> dict[str, str]:
        """Brevo's three headers; ``reset`` is the time left in whole seconds, not a moment."""
        if self.limit is None:
            return {}
        now = self._roll()
        return {
            "x-sib-ratelimit-limit": str(self.limit),
            "x-sib-ratelimit-remaining": str(max(0, self.limit - len(self._spent))),
            "x-sib-ratelimit-reset": str(max(0, ceil(self._seconds_left(now)))),
        }

    def _roll(self) -> float:
        """Drop what no longer counts, and return the present second."""
        now = self._clock.now().timestamp()
        length = self.switches.quota_window_seconds
        if self.switches.quota_window == "sliding":
            while self._spent and self._spent[0] <= now - length:
                self._spent.popleft()
        else:
            start = now // length * length if self.switches.quota_window == "fixed" else self._opened
            if self._spent and (self._spent[0] < start or now >= start + length):
                self._spent.clear()
        return now

    def _seconds_left(self, now: float) -> float:
        length = self.switches.quota_window_seconds
        if self.switches.quota_window == "fixed":
            return length - now % length
        if not self._spent:
            return length
        start = self._spent[0] if self.switches.quota_window == "sliding" else self._opened
        return start + length - now
