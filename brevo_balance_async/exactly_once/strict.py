"""Strict: two phases, and nothing concluded from what is not there.

A draft is begun, durably chosen for the reference, then completed. *complete(t)* is only sent for a *t* that was
chosen. A chosen *t* is given up only after it was seen to have come to another end. So at most one transaction of a
reference is ever completed, and the server completes it once.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

from brevo_balance_async.errors import BalanceError
from brevo_balance_async.exactly_once.answers import DoubtError, NotNowError, RefusedError
from brevo_balance_async.exactly_once.machine import Machine
from brevo_balance_async.exactly_once.outcome import credited
from brevo_balance_async.models import TransactionStatus

if TYPE_CHECKING:
    from decimal import Decimal

NO_EXPIRY: Final = (
    "balance_expiry_in_minutes needs a transaction that completes at once, which mode='lean' and mode='at_most_once' "
    "send; strict sends a draft"
)
_EXPIRED_ONCE: Final = 1
"""In ``looks`` of a chosen row: seen expired, and believed when the row is due."""


class Strict(Machine):
    """Draft, choose, complete."""

    _quiet_until = 0.0
    """When the transaction ``_quiet_for`` may be completed again."""
    _quiet_for: str | None = None

    def _begin_anew(self) -> None:
        """Nothing is known of the chosen transaction but its id: look in history first."""
        self._look_first = True
        self._clear = False
        """It was chosen in this claim, and every complete of ours was answered clearly."""
        self._said: str | None = None
        """What a clear 422 to complete said."""
        self._cancel_for: str | None = None
        """The same, once we have asked to cancel for it without a clear answer."""
        row, now = self._claim.row, self._clock.time()
        self._chosen_at = now
        # What the dead owner sent may be under way still; and so may what we sent for the same transaction before we
        # were held up.
        sent_until = self._quiet_until if row.tid is not None and row.tid == self._quiet_for else now
        self._quiet_until = max(sent_until, now + (self._settings.quiet if row.inherited else 0.0))
        self._quiet_for = row.tid

    def _is_for_us(self) -> bool:
        return self._claim.row.state != "sent"  # else another mode has sent it meanwhile

    async def _step(self) -> None:
        tid = self._claim.row.tid
        if tid is None:
            await self._choose()
        elif self._look_first:
            await self._look(tid)
        else:
            await self._complete(tid)

    @property
    def in_doubt_for(self) -> float:
        """Seconds for which nobody should complete the chosen transaction again."""
        return max(0.0, self._quiet_until - self._clock.time())

    async def _choose(self) -> None:
        claim = self._claim
        if (
            "balance_expiry_in_minutes" in claim.row.extras
        ):  # from a load or the outbox: apply refuses it earlier
            return await claim.finish("refused", reason=NO_EXPIRY)
        try:  # a draft that nobody chose moves nothing, and expires
            draft = await self._calls.begin(
                claim.row, self._definition, secrets.token_hex(4), ttl=self._settings.ttl
            )
        except RefusedError as refusal:
            return await claim.finish("refused", mode="strict", reason=str(refusal))
        created = draft.created_at
        chosen = await claim.move(
            state="chosen",
            tid=draft.id.lower(),
            tid_at=None if created is None else created.timestamp(),
            mode="strict",
            looks=0,
        )
        self._begin_anew()
        self._look_first = not chosen
        self._clear = chosen
        self._pauses = 0
        return None

    async def _complete(self, tid: str) -> None:
        # Until there is a clear answer nobody should send it again; it may be the last thing that this process does.
        self._quiet_until = self._clock.time() + self._settings.quiet
        try:
            done = await self._calls.complete(tid, at_once=self._claim.drained)
        except RefusedError as refusal:
            self._look_first = True
            if refusal.rule and self._clear:
                self._said = str(refusal)
        except DoubtError:
            self._clear, self._look_first = False, True
            raise
        except (NotNowError, BalanceError):  # certainly not applied; the second one stops the run
            self._quiet_until = self._clock.time()
            raise
        else:
            self._quiet_until = self._clock.time()
            await self._applied(done.amount)

    async def _look(self, tid: str) -> None:
        claim = self._claim
        record = await self._calls.find(claim.row, self._definition)
        if record is None and self._said is None:
            return await self._rest("it is not in the contact's history yet")
        if record is None:  # the cancel proves it, whatever history shows
            return await self._still_a_draft(tid)
        seen_otherwise = record.status != TransactionStatus.EXPIRED and claim.row.looks
        if seen_otherwise and not await claim.move(looks=0):
            return self._begin_anew()
        match record.status:
            case TransactionStatus.COMPLETED:
                await self._applied(record.amount)
            case TransactionStatus.REJECTED:
                await claim.finish("refused", reason=record.reject_reason or self._said or "rejected")
            case TransactionStatus.CANCELLED:
                await claim.finish(
                    "refused", reason=self._cancel_for or "somebody else has cancelled the draft"
                )
            case TransactionStatus.EXPIRED:
                await self._expired()
            case _:
                await self._still_a_draft(tid)
        return None

    async def _expired(self) -> None:
        """Believed only after a while: a complete that was accepted in time may be committing still."""
        claim, grace = self._claim, self._settings.grace
        if claim.row.looks == _EXPIRED_ONCE and claim.row.wait <= 0:
            await claim.move(state="planned", tid=None, tid_at=None, looks=0, attempts=claim.row.attempts + 1)
            return self._begin_anew()
        if claim.row.looks != _EXPIRED_ONCE and not await claim.move(due_in=grace, looks=_EXPIRED_ONCE):
            return self._begin_anew()
        await claim.rest(claim.row.wait, "the draft has expired")
        await claim.reload()
        return None

    async def _still_a_draft(self, tid: str) -> None:
        """Complete it, minutes after the last unclear attempt; or believe the 422, where a cancel proves it."""
        far_from_its_end = self._clock.time() - self._chosen_at < self._settings.ttl / 2
        if self._said is not None and far_from_its_end:
            if await self._calls.cancel(tid):
                return await self._claim.finish("refused", reason=self._said)
            self._cancel_for = self._said
        self._clear, self._said = False, None  # from now on a 422 proves nothing
        if self.in_doubt_for > 0:
            await self._claim.rest(self.in_doubt_for, "the draft is not completed yet")
        else:
            self._look_first = False
        return None

    async def _applied(self, stated: Decimal | None) -> None:
        row = self._claim.row
        # Not durable: history tells it again.
        await self._claim.finish("applied", durable=False, credited=credited(row, stated), reason=None)
