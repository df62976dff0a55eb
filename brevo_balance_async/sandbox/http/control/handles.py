"""What control routes reach: the handles of a sandbox, and what a request says about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from attrs import frozen

from brevo_balance_async.sandbox.http.fields import Fields, QueryFields
from brevo_balance_async.sandbox.rules.refusals import invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from brevo_balance_async.sandbox.clock import SandboxClock
    from brevo_balance_async.sandbox.faults.matching import Faults
    from brevo_balance_async.sandbox.http.log import RequestLog
    from brevo_balance_async.sandbox.http.quota import ServerQuota
    from brevo_balance_async.sandbox.http.snapshots import Snapshot
    from brevo_balance_async.sandbox.rules.ledger import Ledger
    from brevo_balance_async.sandbox.rules.switches import Switches


class Handles(Protocol):
    """The handles of a sandbox."""

    clock: SandboxClock
    faults: Faults
    ledger: Ledger
    quota: ServerQuota
    requests: RequestLog
    snapshots: dict[str, Snapshot]

    @property
    def base_url(self) -> str:
        """What a client takes for Brevo's base URL."""
        ...

    @property
    def switches(self) -> Switches:
        """How the undocumented is decided."""
        ...

    def set_switches(self, **changes: Any) -> None:
        """Set some switches otherwise."""

    def seed(self, program: str, **what: Any) -> list[str]:
        """Add to a program; the definitions' ids."""
        ...

    def publish(self, program: str) -> None:
        """Let a program's edits reach its members."""

    def merge_contacts(self, program: str, contact_id: int, into: int) -> None:
        """Make one member out of two."""

    def snapshot(self) -> Snapshot:
        """What there is now."""
        ...

    def restore(self, snapshot: Snapshot) -> None:
        """Go back to it."""

    def reset(self) -> None:
        """Forget what happened."""


@frozen
class Asked:
    """What a control request says: the members of its body, or of its query."""

    members: Mapping[str, Any]
    fields: Fields

    @classmethod
    def of_body(cls, body: Mapping[str, Any]) -> Asked:
        """What a POST says."""
        return cls(body, Fields(body))

    @classmethod
    def of_query(cls, query: Mapping[str, str]) -> Asked:
        """What any other request says."""
        return cls(query, QueryFields(query))


@frozen
class ControlRoute:
    """A control route: what it takes, what it does, and how."""

    method: str
    path: str
    takes: tuple[str, ...] | None
    """The names that it knows; None: it says so itself."""
    does: str
    run: Callable[[Handles, Asked], Any]

    def check_names(self, asked: Asked) -> None:
        """422 for a name that the route does not know."""
        unknown = asked.members.keys() - set(asked.members if self.takes is None else self.takes)
        if unknown:
            takes = f"it takes {', '.join(self.takes)}" if self.takes else "it takes nothing"
            raise invalid(f"{self.path} does not know {', '.join(sorted(unknown))}; {takes}")
