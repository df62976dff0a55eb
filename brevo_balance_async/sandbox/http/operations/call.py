"""What an operation is given: the ledger, and what the request says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

from brevo_balance_async.sandbox.http.answers import Answers
from brevo_balance_async.sandbox.http.bodies import read_body
from brevo_balance_async.sandbox.http.fields import QueryFields, present
from brevo_balance_async.sandbox.rules.refusals import invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from brevo_balance_async.sandbox.http.fields import Fields
    from brevo_balance_async.sandbox.rules.ledger import Ledger
    from brevo_balance_async.sandbox.rules.switches import Switches

SNAKE_NAMES = {
    "contact_id": "contactId",
    "balance_definition_id": "balanceDefinitionId",
    "sort_field": "sortField",
}
"""Query names of 2025, and what they are called today."""


@frozen
class Call:
    """One request to an operation; ``ids`` are the path's ids after the program's."""

    ledger: Ledger
    program_id: str
    ids: tuple[str, ...]
    query: QueryFields
    body: Any

    @property
    def switches(self) -> Switches:
        """How the undocumented is decided."""
        return self.ledger.switches

    @property
    def answers(self) -> Answers:
        """The spelling of answers."""
        return Answers(self.ledger.switches)

    @property
    def as_of_2025(self) -> bool:
        """Whether what was right in 2025 still is."""
        return self.switches.snake_case_query == "accepted"

    def terms(self, read: Callable[[Fields, Switches], dict[str, Any]]) -> dict[str, Any]:
        """What ``read`` finds in the body."""
        return read_body(self.body, self.switches, read)

    @property
    def version(self) -> str:
        """Which version of the program's rules is read: ``draft`` unless the query says ``active``."""
        return self.query.word("version", ("active", "draft")) or "draft"

    @property
    def contact_id(self) -> int:
        """The contact that the query names."""
        return present(self.query.contact("contactId", required=True))

    @property
    def definition_id(self) -> str:
        """The definition that the query names."""
        return present(self.query.uuid("balanceDefinitionId", required=True))

    def check_created_at(self) -> None:
        """422 for a ``sortField`` other than ``createdAt``, the only one today; those of 2025 mean the same here."""
        words = ("createdAt", "created_at", "updated_at", "name") if self.as_of_2025 else ("createdAt",)
        self.query.word("sortField", words)


def read_query(members: Mapping[str, str], switches: Switches) -> QueryFields:
    """The query, with the names of 2025 accepted, refused or ignored."""
    snake = SNAKE_NAMES.keys() & members.keys()
    if snake and switches.snake_case_query == "422":
        raise invalid(f"unknown query parameter: {', '.join(sorted(snake))}")
    if snake and switches.snake_case_query == "accepted":
        members = {SNAKE_NAMES.get(name, name): value for name, value in members.items()}
    return QueryFields(members)
