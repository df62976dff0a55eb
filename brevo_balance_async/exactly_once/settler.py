"""One row from where it stands to its end: the machine of its mode, and what happens when that is interrupted."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from brevo_balance_async.errors import JournalError
from brevo_balance_async.exactly_once.answers import GUARD, Calls
from brevo_balance_async.exactly_once.breaker import Breaker, pause
from brevo_balance_async.exactly_once.busy import Busy
from brevo_balance_async.exactly_once.claim import Claim, LaterError
from brevo_balance_async.exactly_once.one_phase import OnePhase
from brevo_balance_async.exactly_once.outcome import outcome
from brevo_balance_async.exactly_once.recovery import Past, Recovery
from brevo_balance_async.exactly_once.strict import Strict

if TYPE_CHECKING:
    from brevo_balance_async.client import Program
    from brevo_balance_async.exactly_once.machine import Machine
    from brevo_balance_async.exactly_once.outcome import Outcome
    from brevo_balance_async.exactly_once.settings import Settings
    from brevo_balance_async.journal import Intent, Journal, Row, Scope

_LOOK_AGAIN: Final = (0.1, 0.2, 0.5, 1.0)
"""Seconds between looks at a row that another process is at; the last one stays."""
_LEAST: Final = 0.001
"""Seconds: what is given back is not due at the very moment."""


_BUSY: Final[WeakKeyDictionary[Journal, Busy]] = WeakKeyDictionary()


class Settler:
    """What ``apply`` and ``deliver`` share."""

    def __init__(self, program: Program, journal: Journal, settings: Settings) -> None:
        self.program = program
        self.journal = journal
        self.settings = settings
        # One for all that use the journal: its rows are owned by the process, so the database keeps nobody out here.
        self.busy: Busy = _BUSY.setdefault(journal, Busy())
        self._breaker = Breaker(journal.clock)
        self.calls: Calls = Calls(program, self._breaker)
        self._past = Past()

    async def enroll(self, scope: Scope, wanted: Intent) -> Outcome:
        """Write an intent down and settle it, unless it is settled, or another process is at it for too long."""
        key = (scope.id, wanted.reference)
        clock = self.journal.clock
        end = clock.time() + self.settings.patience
        waits = iter(_LOOK_AGAIN)
        while True:
            await self.busy.wait_and_mark(key)
            try:
                row = await self.journal.enroll(scope, wanted)
            except BaseException:
                self.busy.free(key, self.journal.release(*key))
                raise
            if row.owner == self.journal.me and row.wait <= 0:
                return await self.settle(scope, row)
            self.busy.free(key, self.journal.release(*key) if row.owner == self.journal.me else None)
            if row.finished:
                return outcome(row, repeated=True)
            if row.wait > 0:
                return outcome(row, retry_after=row.wait)
            if clock.time() > end:
                return outcome(row, reason="another process is at it", retry_after=self.journal.lease)
            await pause(clock, next(waits, _LOOK_AGAIN[-1]))

    async def settle_after_others(self, scope: Scope, row: Row, drained: asyncio.Event) -> Outcome | None:
        """Settle a row that is ours, and that another task of this process was at; None if it is not ours any more."""
        key = (scope.id, row.reference)
        await self.busy.wait_and_mark(key)
        try:
            row = await self.journal.reload(row)
        except BaseException:
            self.busy.free(key, self.journal.release(*key))
            raise
        if row.owner == self.journal.me:
            return await self.settle(scope, row, drained)
        self.busy.free(key)
        return outcome(row, repeated=True) if row.finished else None

    def _machine(self, claim: Claim, scope: Scope, *, verify: bool) -> Machine:
        """By what was written down for the row; a planned one is settled in the mode of this run."""
        of = (self.calls, self.settings, claim, scope.definition)
        if verify and claim.row.state == "planned" and claim.row.attempts == 0:
            return Recovery(*of, self._past)
        planned_lean = claim.row.state == "planned" and self.settings.mode != "strict"
        return OnePhase(*of) if planned_lean or claim.row.state == "sent" else Strict(*of)

    async def settle(self, scope: Scope, row: Row, drained: asyncio.Event | None = None) -> Outcome:
        """Settle a row that is ours and marked as busy; afterwards it is neither.

        ``drained`` is set when the run that it belongs to shall end: ``DrainedError`` if nothing was sent by then.
        """
        until = self.journal.clock.time() + self.settings.patience
        claim = Claim(self.journal, self._breaker, row, until=until, drained=drained)
        machine = self._machine(claim, scope, verify=self.settings.verify_first)
        key = (scope.id, row.reference)
        after, reason = 0.0, None
        guarded = GUARD.set(claim.guard)
        try:
            await machine.settle()
            while not claim.row.finished:  # now it is a matter for another machine
                machine = self._machine(claim, scope, verify=False)
                await machine.settle()
        except LaterError as later:
            after, reason = max(later.after, machine.in_doubt_for, _LEAST), later.reason
        except JournalError as error:
            if claim.row.state in {"chosen", "sent"}:
                error.applied = None
            after = machine.in_doubt_for
            raise
        except BaseException:
            after = machine.in_doubt_for
            raise
        finally:
            GUARD.reset(guarded)
            released = None
            if not claim.row.finished:
                released = self.journal.release(*key, after=after, reason=reason, pauses=machine.pauses)
            self.busy.free(key, released)
        if released is not None:
            await asyncio.shield(released)  # cancelled, it would count as given back before it is
        return outcome(claim.row, reason=reason, retry_after=after)
