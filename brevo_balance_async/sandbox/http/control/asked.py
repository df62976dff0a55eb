"""What a control request says, and a route that takes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

from brevo_balance_async.sandbox.http.fields import Fields, QueryFields
from brevo_balance_async.sandbox.rules.refusals import invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from brevo_balance_async.sandbox.http.handles import Handles


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
