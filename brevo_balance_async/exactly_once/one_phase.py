"""Lean and at_most_once: one request a credit, completed at once.

That the request is sent is written down first. After an unclear answer *lean* reads the contact's history by the
reference: what is seen there counts at any time, what is missing only after ``settle`` and twice, ``lag`` apart. A
server that applies the request later still credits twice; nothing that a client can do prevents that. *at_most_once*
looks for nothing: what is unclear stays parked, for a person to resolve.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from brevo_balance_async.errors import BalanceError
from brevo_balance_async.exactly_once.answers import DoubtError, NotNowError, RefusedError
from brevo_balance_async.exactly_once.claim import LaterError
from brevo_balance_async.exactly_once.machine import Machine
from brevo_balance_async.exactly_once.outcome import credited
from brevo_balance_async.journal import PARKED
from brevo_balance_async.models import TransactionStatus

if TYPE_CHECKING:
    from brevo_balance_async.models import Transaction, TransactionRecord

_SKEW: Final = timedelta(hours=24)
"""Between the database's clock and the server's, at most: how much older than the first send history is read."""
_EARLY_LOOKS: Final = 2
"""In one claim, before ``settle`` is over: they can only find it."""
_ABSENT_ONCE: Final = 1


class OnePhase(Machine):
    """Write down, send, and look where the answer was unclear."""

    _settled_at = 0.0
    """When absence proves something."""

    def _begin_anew(self) -> None:
        self._early_looks = 0
        # What the dead owner sent may be under way still; and what we sent is not settled sooner because we were
        # held up.
        wait = self._settings.settle if self._claim.row.inherited else 0.0
        self._settled_at = max(self._settled_at, self._clock.time() + wait)

    @property
    def in_doubt_for(self) -> float:
        """Seconds for which absence proves nothing."""
        waits = self._claim.row.state == "sent" and self._claim.row.mode == "lean"
        return max(0.0, self._settled_at - self._clock.time()) if waits else 0.0

    def _is_for_us(self) -> bool:
        state = self._claim.row.state
        return state == "sent" or (state == "planned" and self._settings.mode != "strict")

    async def _step(self) -> None:
        if self._claim.row.state == "planned":
            await self._send()
        else:
            await self._look()

    async def _send(self) -> None:
        claim, mode = self._claim, self._settings.mode
        row = claim.row
        if not await claim.move(
            due_in=PARKED if mode == "at_most_once" else self._settings.settle,
            state="sent",
            mode=mode,
            attempts=row.attempts + 1,
            looks=0,
            tid_at=row.now if row.tid_at is None else row.tid_at,
        ):
            return
        self._early_looks = self._pauses = 0
        self._settled_at = self._clock.time() + self._settings.settle
        try:
            begun = await self._calls.begin(
                claim.row, self._definition, str(claim.row.attempts), auto_complete=True
            )
        except RefusedError as refusal:
            await claim.finish("refused", reason=str(refusal))
        except DoubtError as doubt:
            self._settled_at = self._clock.time() + self._settings.settle
            await self._in_doubt(str(doubt))
        except (NotNowError, BalanceError):  # certainly not applied; the second one stops the run
            await self._take_back()
            raise
        else:
            await self._answered(begun)

    async def _take_back(self) -> None:
        await self._claim.move(due_in=0.0, state="planned", attempts=self._claim.row.attempts - 1)

    async def _answered(self, begun: Transaction) -> None:
        if begun.status in {TransactionStatus.COMPLETED, TransactionStatus.REJECTED}:
            await self._found(begun)
        else:
            await self._in_doubt(f"the answer states {begun.status!r}")

    async def _in_doubt(self, reason: str) -> None:
        """Nobody knows. Wait; and look early, because what is found counts at any time."""
        if self._claim.row.mode == "at_most_once":
            raise LaterError(
                f"{reason}: look it up, and say what became of it with journal.resolve()", PARKED
            )
        self._early_looks += 1
        if self._early_looks > _EARLY_LOOKS:
            raise LaterError(reason, self.in_doubt_for)
        await self._claim.rest(self._settings.pause * 4.0**self._early_looks, reason)

    async def _look(self) -> None:
        claim = self._claim
        if claim.row.mode == "at_most_once":
            raise LaterError(claim.row.reason or "it was sent and not answered", PARKED)
        records = await self._records()
        for status in (TransactionStatus.COMPLETED, TransactionStatus.REJECTED):
            for record in records:
                if record.status == status:
                    return await self._found(record)
        if any(record.status == TransactionStatus.DRAFT for record in records):
            return await claim.rest(
                self._settings.lag, "its transaction is a draft, and may be completed still"
            )
        if self.in_doubt_for > 0:
            return await self._in_doubt("it is not in the contact's history")
        return await self._absent()

    async def _absent(self) -> None:
        """Missing from a whole reading of the history, after ``settle``: believed the second time."""
        claim, lag = self._claim, self._settings.lag
        if not self._calls.meta_comes_back:
            await self._prove_meta()
        elif claim.row.looks == _ABSENT_ONCE:
            await claim.move(due_in=0.0, state="planned", looks=0)
        elif await claim.move(due_in=lag, looks=_ABSENT_ONCE):
            self._settled_at = self._clock.time() + lag
            await claim.rest(lag, "it is not in the contact's history; one more look")

    async def _records(self) -> list[TransactionRecord]:
        row = self._claim.row
        since = None if row.tid_at is None else datetime.fromtimestamp(row.tid_at, UTC) - _SKEW
        return [
            record
            async for record in self._calls.history(row, self._definition, since)
            if str((record.meta or {}).get("reference")) == row.reference
        ]

    async def _prove_meta(self) -> None:
        """Absence is believed only of a server that has shown meta in a history."""
        claim = self._claim
        for row in await claim.journal.applied_rows(claim.row.scope, limit=3):
            async for record in self._calls.history(row, self._definition, None):
                if self._calls.meta_comes_back or record.id.lower() == row.tid:
                    break
            if self._calls.meta_comes_back:
                return
        raise LaterError(
            "no history has shown yet that meta comes back, so that nothing can be missed in it",
            self._settings.lag,
        )

    async def _found(self, found: Transaction | TransactionRecord) -> None:
        applied = found.status == TransactionStatus.COMPLETED
        await self._claim.finish(
            "applied" if applied else "refused",
            durable=self._claim.row.mode == "at_most_once",  # else history tells it again
            tid=found.id.lower(),
            credited=credited(self._claim.row, found.amount) if applied else None,
            reason=None if applied else found.reject_reason or "rejected",
        )
