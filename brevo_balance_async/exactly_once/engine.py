"""ExactlyOnce: one credit or debit per caller's reference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from attrs import evolve

from brevo_balance_async.errors import InvalidRequestError
from brevo_balance_async.exactly_once.answers import answered
from brevo_balance_async.exactly_once.audit import doubled
from brevo_balance_async.exactly_once.deadline import Deadline
from brevo_balance_async.exactly_once.delivery import Delivery
from brevo_balance_async.exactly_once.outcome import outcome
from brevo_balance_async.exactly_once.settings import Settings
from brevo_balance_async.exactly_once.settler import Settler
from brevo_balance_async.exactly_once.strict import NO_EXPIRY
from brevo_balance_async.journal import intent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime
    from uuid import UUID

    from brevo_balance_async.client import Program
    from brevo_balance_async.exactly_once.audit import Doubled
    from brevo_balance_async.exactly_once.outcome import Outcome
    from brevo_balance_async.journal import Journal
    from brevo_balance_async.models import Amount


class ExactlyOnce:
    """One credit or debit per caller's reference, across crashes, processes and machines.

    A reference is unique in a program and balance definition. Whatever is called how often, at most one transaction
    of it is applied, and asking again goes on where the last one stopped.

    - ``mode``: ``"strict"`` (two requests a credit): never double, nothing concluded from what is not there.
      ``"lean"`` (one request): never double unless the server applies a request later than ``settle`` after it was
      given up. ``"at_most_once"`` (one request): what is unclear stays so, for a person to resolve.
    - ``ttl``: life of a draft in seconds (7,200: two windows of the quota, so that none expires while it waits).
    - ``grace``: seconds for which a draft must have been seen expired before that is believed (600); half of it is left
      between an unclear complete and the next one.
    - ``settle``, ``lag``: see ``lean``: when absence is first looked for (7,200), and confirmed (60).
    - ``patience``: seconds that one attempt to settle a reference may take beyond its requests (30).
    - ``reserve``: share of the quota left to others; None: the client's.
    - ``verify_first``: look for the reference in the contact's history before anything is sent: for a lost journal.
    """

    def __init__(
        self,
        program: Program,
        journal: Journal,
        *,
        mode: str = "strict",
        ttl: int = 7200,
        grace: float = 600.0,
        settle: float = 7200.0,
        lag: float = 60.0,
        patience: float = 30.0,
        reserve: float | None = None,
        verify_first: bool = False,
    ) -> None:
        self._settings = Settings(
            mode=mode,
            ttl=ttl,
            grace=grace,
            settle=settle,
            lag=lag,
            patience=patience,
            verify_first=verify_first,
        )
        view = program if reserve is None else program.with_options(reserve=reserve)
        self._settler = Settler(view, journal, self._settings)
        self._deliveries: WeakSet[Delivery] = WeakSet()

    async def apply(
        self,
        *,
        reference: str,
        contact_id: int,
        balance_definition_id: str | UUID,
        amount: Amount,
        event_time: datetime | None = None,
        meta: dict[str, Any] | None = None,
        balance_expiry_in_minutes: int | None = None,
        timeout: float | None = None,
    ) -> Outcome:
        """Credit (or with a negative amount debit) once for this reference, and say what became of it.

        ``timeout`` bounds it all, in seconds (None: the client's). When it is over, or the quota asks for a longer wait
        than the client's ``max_wait``, the outcome is ``unknown`` with ``retry_after``: ask again then, with the same
        reference.

        Raises ``ReferenceConflictError`` for a reference that was used for something else, ``JournalError`` if the
        intent could not be written (nothing was sent), ``InvalidRequestError``, and ``AuthenticationError`` or
        ``PermissionDeniedError``, after which the reference is open still.
        """
        wanted = intent(
            reference=reference,
            contact_id=contact_id,
            amount=amount,
            event_time=event_time,
            meta=meta,
            balance_expiry_in_minutes=balance_expiry_in_minutes,
        )
        if balance_expiry_in_minutes is not None and self._settings.mode == "strict":
            raise InvalidRequestError("balance_expiry_in_minutes", NO_EXPIRY.partition(" ")[2])
        settler, journal = self._settler, self._settler.journal
        scope = await journal.scope(settler.program, balance_definition_id)
        found: Outcome | None = None
        with Deadline(journal.clock, settler.program.options.timeout if timeout is None else timeout):
            found = await settler.enroll(scope, wanted)
        if found is not None:
            return found
        row = (await journal.look(scope, [wanted.reference]))[wanted.reference]
        return outcome(row, reason="the time for this call was over", retry_after=row.wait)

    def deliver(
        self, *, forever: bool = False, concurrency: int = 20, batches: frozenset[int] | None = None
    ) -> AsyncIterator[Outcome]:
        """Settle what is open and due in the journal, whoever left it there, and give each outcome.

        It ends when each row that could be taken was given once, unknown ones included. ``forever``: it looks for more
        until it is closed or ``drain`` is called. Rows of one contact go one at a time, in the order they came.
        ``concurrency`` is how many are settled at once, ``batches`` restricts it to some loads.

        Raises what stops a run: ``AuthenticationError``, ``PermissionDeniedError``, ``JournalError``. Rows stay open
        then.
        """
        delivery = Delivery(self._settler, forever=forever, concurrency=concurrency, batches=batches)
        self._deliveries.add(delivery)
        return delivery.outcomes()

    async def audit(self, *, undo: bool = False) -> AsyncIterator[Doubled]:
        """References that lean has credited too often: a request was applied after it was given up.

        Only those that were sent more than once are looked up, one history each. ``undo`` makes the opposite of each
        transaction that is too many, in strict mode, under the reference ``undo-`` and its id.

        Raises ``BalanceError`` if a history cannot be read.
        """
        settler = self._settler
        strict = Settler(settler.program, settler.journal, evolve(self._settings, mode="strict"))
        for scope in await settler.journal.scopes(settler.program):
            found = doubled(settler.journal, settler.calls, scope)
            while (each := await answered(anext(found, None))) is not None:
                if undo:
                    opposites = [
                        intent(reference=f"undo-{tid}", contact_id=each.contact_id, amount=-amount)
                        for tid, amount in each.extra.items()
                        if amount
                    ]
                    outcomes = [await strict.enroll(scope, opposite) for opposite in opposites]
                    each = evolve(each, undone=tuple(outcomes))
                yield each

    def drain(self) -> None:
        """Let what is in flight finish, and every ``deliver`` end after it."""
        for delivery in self._deliveries:
            delivery.drain()
