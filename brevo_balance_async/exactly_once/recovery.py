"""For a journal that was lost: what the contact's history says about a reference, before anything is sent for it."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from brevo_balance_async.exactly_once.machine import Machine
from brevo_balance_async.exactly_once.outcome import credited
from brevo_balance_async.models import TransactionStatus

if TYPE_CHECKING:
    from brevo_balance_async.exactly_once.answers import Calls
    from brevo_balance_async.exactly_once.claim import Claim
    from brevo_balance_async.exactly_once.settings import Settings
    from brevo_balance_async.models import TransactionRecord

_REMEMBERED: Final = 10_000
"""Contacts whose history is not read again."""

History = dict[str, list["TransactionRecord"]]
"""A contact's transactions by the reference in their meta, newest first."""


class Past:
    """What was read of the contacts, by scope and contact."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[int, int | None], History] = OrderedDict()

    def get(self, key: tuple[int, int | None]) -> History | None:
        """The history of a contact, if it was read."""
        return self._known.get(key)

    def put(self, key: tuple[int, int | None], history: History) -> None:
        """Remember it, and forget the oldest one."""
        self._known[key] = history
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)

    def forget(self, key: tuple[int, int | None]) -> None:
        """It is to be read again."""
        self._known.pop(key, None)


class Recovery(Machine):
    """Finishes a row that nothing was sent for, if history shows its end.

    Its one draft is chosen. While there are several nobody can say which of them was, so they have to expire.
    """

    def __init__(self, calls: Calls, settings: Settings, claim: Claim, definition: str, past: Past) -> None:
        super().__init__(calls, settings, claim, definition)
        self._past = past

    @property
    def in_doubt_for(self) -> float:
        """Nothing was sent."""
        return 0.0

    def _is_for_us(self) -> bool:
        return not self._looked and self._claim.row.state == "planned" and self._claim.row.attempts == 0

    def _begin_anew(self) -> None:
        self._looked = False

    async def _step(self) -> None:
        claim = self._claim
        key = (claim.row.scope, claim.row.contact)
        history = self._past.get(key)
        if history is None:
            history = await self._read()
            self._past.put(key, history)
        found = history.get(claim.row.reference, [])
        for record in found:
            if record.status == TransactionStatus.COMPLETED:
                amount = credited(claim.row, record.amount)
                return await claim.finish("applied", tid=record.id.lower(), credited=amount)
        drafts = [record for record in found if record.status == TransactionStatus.DRAFT]
        if len(drafts) > 1:
            self._past.forget(key)
            reason = "history shows several drafts of it; they have to expire"
            return await claim.rest(self._settings.grace, reason)
        if drafts:
            (draft,) = drafts
            created = draft.created_at
            await claim.move(
                state="chosen",
                mode="strict",
                tid=draft.id.lower(),
                tid_at=None if created is None else created.timestamp(),
            )
        self._looked = True
        return None

    async def _read(self) -> History:
        history: History = {}
        async for record in self._calls.history(self._claim.row, self._definition, None):
            if (reference := (record.meta or {}).get("reference")) is not None:
                history.setdefault(str(reference), []).append(record)
        return history
