"""Transaction history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from brevo_balance_async.sandbox.http.bodies import KINDS
from brevo_balance_async.sandbox.http.paging import read_descending, read_limit, read_start
from brevo_balance_async.sandbox.rules.history import Wanted

if TYPE_CHECKING:
    from .call import Call

STATUSES = frozenset({"draft", "completed", "rejected", "cancelled", "expired"})
"""Words of the history filter, which never had ``pending`` and ``complete``."""


def list_history(call: Call) -> Any:
    """``GET transaction-history``: a page of a contact's transactions."""
    contact_id, definition_id = call.contact_id, call.definition_id
    switches, query = call.switches, call.query
    limit = read_limit(
        query,
        default=switches.history_default_limit,
        most=switches.history_max_limit,
        above=switches.above_max_limit,
    )
    call.check_created_at()
    page = call.ledger.history(
        call.program_id,
        definition_id,
        contact_id,
        wanted=Wanted(
            status=query.word("status", STATUSES),
            kind=query.word("transactionType", KINDS),
            subscription_id=query.text("loyaltySubscriptionId"),
            meta=query.metadata() if switches.history_metadata_filter == "honoured" else (),
            drafts=switches.history_drafts,
        ),
        start=read_start(query, limit, switches.history_offset),
        limit=limit,
        descending=read_descending(query),
    )
    answers = call.answers
    return {
        "balanceDefinitionId": definition_id,
        "contactId": contact_id,
        **answers.count(page.total),
        "loyaltyProgramId": call.program_id,
        "transactionHistory": answers.history_rows(page),
    }
