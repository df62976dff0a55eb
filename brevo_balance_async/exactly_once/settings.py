"""How references are settled: the mode and its times, all in seconds."""

from __future__ import annotations

from typing import Final

from attrs import frozen

from brevo_balance_async.errors import InvalidRequestError

MODES: Final = ("strict", "lean", "at_most_once")


@frozen(kw_only=True)
class Settings:
    """See ``ExactlyOnce``."""

    mode: str = "strict"
    ttl: int = 7200
    grace: float = 600.0
    settle: float = 7200.0
    lag: float = 60.0
    patience: float = 30.0
    verify_first: bool = False

    def __attrs_post_init__(self) -> None:
        if self.mode not in MODES:
            raise InvalidRequestError("mode", f"must be one of {', '.join(MODES)}, not {self.mode!r:.80}")
        for name in ("ttl", "grace", "settle", "lag", "patience"):
            if not getattr(self, name) >= 0:
                raise InvalidRequestError(name, f"must be seconds, not {getattr(self, name)!r:.80}")

    @property
    def quiet(self) -> float:
        """How long after an unclear complete a draft is left alone: asked for again at once, some servers double it."""
        return self.grace / 2

    @property
    def pause(self) -> float:
        """The first of the growing pauses."""
        return self.grace / 600
