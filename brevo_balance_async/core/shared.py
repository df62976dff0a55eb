"""What all views of one client share, and how the client closes."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from attrs import define, field

from brevo_balance_async.core.inflight import InFlight
from brevo_balance_async.core.retry import Backoff, Budget
from brevo_balance_async.hooks import log, log_event

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brevo_balance_async.config import Clock
    from brevo_balance_async.core.auth import AuthProvider
    from brevo_balance_async.core.quota.gate import Gate
    from brevo_balance_async.core.transport import Transport
    from brevo_balance_async.hooks import Event, Hook


@define(eq=False, repr=False)
class Shared:
    """What all views of one client share."""

    transport: Transport
    credentials: AuthProvider
    gate: Gate
    clock: Clock
    base_url: str
    hooks: Sequence[Hook] = ()
    backoff: Backoff = field(factory=Backoff)
    budget: Budget = field(factory=Budget)
    sleepers: set[asyncio.Future[None]] = field(factory=set)
    in_flight: InFlight = field(factory=InFlight)

    @property
    def is_open(self) -> bool:
        """True if a call may begin."""
        return self.transport.is_open and not self.in_flight.closing

    async def close(self, grace: float) -> None:
        """Refuse new calls and end the waits for quota; after ``grace`` seconds end all calls."""
        self.transport.check_loop()
        self.gate.close()
        try:
            await self.in_flight.finish(self.clock, grace)
        finally:
            for sleeper in self.sleepers:
                if not sleeper.done():
                    sleeper.set_result(None)
            await self.transport.close()

    def emit(self, event: Event) -> None:
        """Call the hooks. An exception of a hook is logged."""
        log_event(event)
        for hook in self.hooks:
            try:
                hook(event)
            except (Exception, asyncio.CancelledError):
                logging.getLogger("brevo_balance_async.hooks").exception(
                    "a hook raised on %s", type(event).__name__
                )

    @property
    def watched(self) -> bool:
        """True if there is a hook, or debug logging, for ordinary events."""
        return bool(self.hooks) or log.isEnabledFor(logging.DEBUG)
