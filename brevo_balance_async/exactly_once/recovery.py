"""For a journal that was lost: what the contact's history says about a reference, before anything is sent for it."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from typing import TYPE_CHECKING, Final

from brevo_balance_async.exactly_once.answers import DoubtError, NotNowError
from brevo_balance_async.exactly_once.outcome import credited
from brevo_balance_async.models import TransactionStatus

if TYPE_CHECKING:
    from brevo_balance_async.exactly_once.answers import Calls
    from brevo_balance_async.exactly_once.claim import Claim
    from brevo_balance_async.exactly_once.settings import Settings
    from brevo_balance_async.models import TransactionRecord

_REMEMBERED: Final = 10_000
"""Contacts whose history is not read again."""


class Recovery:
    """Reads each contact's history once, and settles from it what was settled before."""

    def __init__(self, calls: Calls, settings: Settings) -> None:
        self._calls = calls
        self._settings = settings
        self._past: OrderedDict[tuple[int, int | None], dict[str, list[TransactionRecord]]] = OrderedDict()

    async def settle(self, claim: Claim, definition: str) -> None:
        """Finish a row that nothing was sent for, if history shows its end.

        Its one draft is chosen. While there are several nobody can say which of them was, so they have to expire.
        """
        key = (claim.row.scope, claim.row.contact)
        while claim.row.state == "planned" and claim.row.attempts == 0:
            if not await claim.ready():
                continue
            try:
                past = self._past.get(key) or await self._read(claim, definition)
            except DoubtError as doubt:
                await claim.rest(self._settings.lag, str(doubt))
                continue
            except NotNowError as delay:
                await claim.rest(self._settings.lag if delay.wait is None else delay.wait, str(delay))
                continue
            found = past.get(claim.row.reference, [])
            for record in found:
                if record.status == TransactionStatus.COMPLETED:
                    amount = credited(claim.row, record.amount)
                    return await claim.finish("applied", tid=record.id.lower(), credited=amount)
            drafts = [record for record in found if record.status == TransactionStatus.DRAFT]
            if len(drafts) == 1:
                created = drafts[0].created_at
                await claim.move(
                    state="chosen",
                    mode="strict",
                    tid=drafts[0].id.lower(),
                    tid_at=None if created is None else created.timestamp(),
                )
            elif drafts:
                self._past.pop(key, None)
                await claim.rest(
                    self._settings.grace, "history shows several drafts of it; they have to expire"
                )
            else:
                return None
        return None

    async def _read(self, claim: Claim, definition: str) -> dict[str, list[TransactionRecord]]:
        past: dict[str, list[TransactionRecord]] = defaultdict(list)
        async for record in self._calls.history(claim.row, definition, None):
            if (reference := (record.meta or {}).get("reference")) is not None:
                past[str(reference)].append(record)
        self._past[claim.row.scope, claim.row.contact] = past
        if len(self._past) > _REMEMBERED:
            self._past.popitem(last=False)
        return past
