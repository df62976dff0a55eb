"""The sandbox's clock: real time plus whatever a test adds to it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta


class SandboxClock:
    """A UTC clock that a test can push forward, and that never runs backwards.

    It starts at ``start`` (default: now) and moves with real time, unless ``frozen``, when only ``advance`` moves it.
    Brevo writes milliseconds, so moments are cut to milliseconds: what is stored is what is shown.
    """

    __slots__ = ("_frozen", "_moment", "_since")

    def __init__(self, start: datetime | None = None, *, frozen: bool = False) -> None:
        if start is not None and start.tzinfo is None:
            raise ValueError("start must be an aware datetime")
        self._moment = start.astimezone(UTC) if start is not None else datetime.now(UTC)
        self._frozen = frozen
        self._since = time.monotonic()

    def now(self) -> datetime:
        """The present moment: aware, UTC, whole milliseconds."""
        moment = self._moment
        if not self._frozen:
            moment += timedelta(seconds=time.monotonic() - self._since)
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    def advance(self, seconds: float) -> datetime:
        """Move the clock forward by ``seconds`` (not negative) and return the new moment."""
        if not seconds >= 0:
            raise ValueError("a clock is advanced by zero or more seconds")
        self._moment += timedelta(seconds=seconds)
        return self.now()
