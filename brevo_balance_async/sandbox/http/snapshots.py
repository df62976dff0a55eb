"""The state of a sandbox at one moment, to be restored. It is kept in memory; another process cannot use it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import field, frozen

if TYPE_CHECKING:
    from datetime import datetime

    from brevo_balance_async.sandbox.rules.ledger import Ledger
    from brevo_balance_async.sandbox.rules.switches import Switches
    from brevo_balance_async.sandbox.state import Change

    from .journal import Journal
    from .quota import ServerQuota


@frozen(kw_only=True)
class Snapshot:
    """The money, its rules, the switches, the quota that was spent, and the clock.

    Faults, the request log and OAuth tokens are not in it: they go on as they are.
    """

    number: int
    moment: datetime
    frozen: bool
    """Whether the clock stood still."""
    switches: Switches = field(repr=False)
    _contents: bytes = field(repr=False)
    _quota: tuple[int | None, tuple[float, ...], float] = field(repr=False)
    _changes: tuple[Change, ...] = field(repr=False)

    def put_back(self, ledger: Ledger, quota: ServerQuota, journal: Journal | None) -> None:
        """Have what there was; the clock and the switches are the sandbox's to set."""
        if journal is not None:
            with journal.rewritten(self._changes):
                pass
        ledger.put_back(self._contents)
        quota.put_back(self._quota)


def taken(number: int, ledger: Ledger, quota: ServerQuota, journal: Journal | None) -> Snapshot:
    """What there is now."""
    return Snapshot(
        number=number,
        moment=ledger.clock.now(),
        frozen=ledger.clock.frozen,
        switches=ledger.switches,
        contents=ledger.kept(),
        quota=quota.kept(),
        changes=tuple(journal.file.changes()) if journal else (),
    )
