"""What the machines of all modes share: a row of ours goes on step by step; pauses grow while nothing is learned."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from brevo_balance_async.exactly_once.answers import DoubtError, NotNowError
from brevo_balance_async.exactly_once.claim import MovedOnError

if TYPE_CHECKING:
    from brevo_balance_async.exactly_once.answers import Calls
    from brevo_balance_async.exactly_once.claim import Claim
    from brevo_balance_async.exactly_once.settings import Settings


class Machine(ABC):
    """Settles one claimed row."""

    def __init__(self, calls: Calls, settings: Settings, claim: Claim, definition: str) -> None:
        self._calls = calls
        self._settings = settings
        self._claim = claim
        self._definition = definition
        self._clock = claim.journal.clock
        self._pauses = claim.row.pauses
        self._begin_anew()

    async def settle(self) -> None:
        """Go on until the row is finished, or is a matter for another machine.

        ``LaterError`` if that takes more patience than there is.
        """
        claim = self._claim
        while not claim.row.finished and self._is_for_us():
            if not await claim.ready():
                self._begin_anew()
                continue
            try:
                await self._step()
            except DoubtError as doubt:
                await self._rest(str(doubt))
            except NotNowError as delay:
                await self._rest(str(delay), delay.wait)
            except MovedOnError as moved:
                self._begin_anew()
                await self._rest(str(moved))
            finally:
                claim.left()

    @property
    @abstractmethod
    def in_doubt_for(self) -> float:
        """Seconds for which the row must be left alone by everybody, if it is given back now."""

    @property
    def pauses(self) -> int:
        """How many in a row there were: whoever has the row next goes on with longer ones.

        Not for a planned row. Nothing that was sent for it counts.
        """
        return 0 if self._claim.row.state == "planned" else self._pauses

    def _is_for_us(self) -> bool:
        """Whether this machine can go on with the row as it is."""
        return True

    @abstractmethod
    def _begin_anew(self) -> None:
        """The row was just taken, or taken again: nothing is known of it but what the journal says."""

    @abstractmethod
    async def _step(self) -> None:
        """The next one. ``DoubtError`` and ``NotNowError``: it is tried again, after a pause."""

    async def _rest(self, reason: str, wait: float | None = None) -> None:
        """Wait as long as was asked for, else longer each time: every look costs quota."""
        if wait is None:
            longest, first = self._settings.quiet, self._settings.pause
            wait = min(longest, first * 2.0**self._pauses) * random.uniform(0.75, 1.25)
            self._pauses = min(self._pauses + 1, 16)
        await self._claim.rest(wait, reason)
