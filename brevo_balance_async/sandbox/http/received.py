"""A request that has been read: what it asks for, and which contact it is about."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from brevo_balance_async.sandbox.rules.refusals import Refusal

from .fields import Fields, QueryFields
from .sharing import lean
from .wire import read_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from brevo_balance_async.sandbox.rules.ledger import Ledger

    from .log import RequestRecord
    from .routes import Route


@frozen
class Received:
    """A request that has been read and entered into the log, which keeps no credentials: here they are."""

    record: RequestRecord
    route: Route | None
    query: Mapping[str, str] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: Any = field(repr=False)
    unparsed: Refusal | None
    """Why the body could not be parsed."""
    unread: Refusal | None
    """Why it could not even be read."""
    path: str = field(repr=False)
    content: bytes = field(repr=False)

    def contact(self, ledger: Ledger) -> int | None:
        """The contact that the request is about, as far as it tells."""
        operation, route, body = self.record.operation or "", self.route, self.body
        with suppress(Refusal):
            if route is not None and route.ids:
                _, ids = route.checked_ids()
                if operation.startswith("balances."):
                    return QueryFields({"contactId": ids[0]}).contact("contactId")
                if operation.startswith("transactions."):
                    transaction = ledger.transaction(ids[0])
                    return transaction.contact_id if transaction else None
            named = Fields(body).contact("contactId") if isinstance(body, dict) else None
            return named or QueryFields(self.query).contact("contactId")
        return None


def parsed(content: bytes) -> tuple[Any, Refusal | None]:
    """The JSON value of a body, or why there is none."""
    try:
        body = read_json(content) if content else None
    except Refusal as refusal:
        return None, refusal
    return lean(body) if isinstance(body, dict) else body, None
