"""What an import would do, and what it has done."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from attrs import frozen

from brevo_balance_async.models import Value

if TYPE_CHECKING:
    from brevo_balance_async.errors import Problem
    from brevo_balance_async.models import QuotaState

_HOUR: Final = 3600.0


@frozen(kw_only=True)
class Plan:
    """What an import of these rows would do. Nothing was written for it."""

    rows: int
    """All that were read."""
    new: int
    """References that the journal does not have yet."""
    open: int
    """References that an earlier load has written down, and that are not settled."""
    done: int
    """References that are applied or refused already: nothing is sent for them."""
    duplicates: int
    """Rows whose reference and payload came before in the source: each reference is credited once."""
    conflicts: int
    """Rows whose reference was used for something else: the import will be refused."""
    problems: tuple[Problem, ...]
    """The first of the conflicts, with their lines."""
    requests: int
    """About as many as will be sent, if nothing goes wrong."""
    hours: float | None
    """How long the account's quota makes that take; None where the server announces none.

    If nothing else calls the account: what others call counts against the same share, so with a tenth of it used by
    others it takes a tenth longer.
    """


@frozen(kw_only=True)
class Report(Value):
    """What became of the rows, counted by distinct reference."""

    applied: int
    refused: int
    unknown: int
    """Tried, and not settled: the same import, or ``resume``, asks again."""
    open: int
    """Not tried yet, or in the hands of another process."""
    repeated: int
    """Of those that are applied or refused: how many this run did not settle itself."""
    requests: int
    seconds: float
    differing: int
    """Applied ones of which the server states another amount than was asked for (``Outcome.credited``)."""
    duplicates: int = 0
    """Rows that were left out because an equal one came before."""

    @property
    def total(self) -> int:
        """All distinct references."""
        return self.applied + self.refused + self.unknown + self.open


def hours(requests: int, quota: QuotaState | None, reserve: float) -> float | None:
    """How long so many requests take, if ``reserve`` of the limit is left to others."""
    if quota is None or requests == 0:
        return None if quota is None else 0.0
    kept = math.ceil(reserve * quota.limit)
    share = quota.limit - kept
    if share <= 0:
        return None
    now = max(0, quota.remaining - kept)
    if requests <= now:
        return requests / now * quota.resets_in / _HOUR
    return (quota.resets_in + (requests - now) / share * max(_HOUR, quota.resets_in)) / _HOUR
