"""Balances: of all members, what is left of one contact's credits, and a contact's under every definition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from brevo_balance_async.sandbox.http.bodies import balance_terms
from brevo_balance_async.sandbox.http.fields import QueryFields, present
from brevo_balance_async.sandbox.http.paging import read_descending, read_limit, read_start
from brevo_balance_async.sandbox.rules.refusals import not_found

if TYPE_CHECKING:
    from brevo_balance_async.sandbox.rules.records import Definition

    from .call import Call


def _balances_limit(call: Call) -> int:
    switches = call.switches
    return read_limit(
        call.query,
        default=switches.balances_default_limit,
        most=switches.balances_max_limit,
        above=switches.above_max_limit,
    )


def _shown(call: Call, definition_id: str) -> bool:
    """Whether reads show the balances under a definition: internal ones only when ``includeInternal`` is sent."""
    definition = call.ledger.catalogue.definition(call.program_id, definition_id, version="active")
    return _shows(definition, include_internal=call.query.flag("includeInternal"))


def _shows(definition: Definition, *, include_internal: bool | None) -> bool:
    return bool(include_internal) or not definition.internal


def list_balances(call: Call) -> Any:
    """``GET contact-balances``: every member's balance under one definition."""
    definition_id = _listed_definition(call)
    limit = _balances_limit(call)
    start = read_start(call.query, limit, call.switches.listing_offset)
    by = call.query.word("sortField", ("updatedAt", "value")) or "updatedAt"
    descending = read_descending(call.query)
    total, accounts = 0, []
    ranking = call.ledger.contact_balances(call.program_id, definition_id, by=by)
    if _shown(call, definition_id):
        total, accounts = len(ranking), ranking.between(start, start + limit, descending=descending)
    members = call.ledger.catalogue.program(call.program_id).members
    answers = call.answers
    return {
        "balanceDefinitionId": definition_id,
        "loyaltyProgramId": call.program_id,
        **answers.count(total),
        "balances": [answers.contact_balance(account, members[account.contact_id]) for account in accounts],
    }


def _listed_definition(call: Call) -> str:
    """The definition that contact-balances is about; in 2025 none was named, so it is the program's first."""
    definition_id = call.query.uuid("balanceDefinitionId", required=not call.as_of_2025)
    if definition_id is None:
        definition_id = next(iter(call.ledger.catalogue.program(call.program_id).active.definitions), None)
    if definition_id is None:
        raise not_found("balance definition")
    return definition_id


def list_active(call: Call) -> Any:
    """``GET active-balance``: what is left of each of a contact's credits."""
    contact_id, definition_id = call.contact_id, call.definition_id
    limit = _balances_limit(call)
    start = read_start(call.query, limit, call.switches.listing_offset)
    call.check_created_at()
    lots = call.ledger.active_lots(call.program_id, definition_id, contact_id)
    if not _shown(call, definition_id):
        lots = []
    if read_descending(call.query):
        lots.reverse()
    answers = call.answers
    return {
        **answers.count(len(lots)),
        "loyaltyProgramId": call.program_id,
        "contactId": contact_id,
        "balanceDefinitionId": definition_id,
        "activeBalances": [answers.active_balance(lot) for lot in lots[start : start + limit]],
    }


def get_balances(call: Call) -> Any:
    """``GET subscriptions/{contact}/balances``: a contact's balance under every definition."""
    contact_id = _path_contact(call)
    include_internal = call.query.flag("includeInternal")
    values = [
        (definition, value)
        for definition, value in call.ledger.contact_balance_values(call.program_id, contact_id)
        if _shows(definition, include_internal=include_internal)
    ]
    return call.answers.subscription_balances(call.program_id, contact_id, values)


def create_balance(call: Call) -> Any:
    """``POST subscriptions/{contact}/balances``."""
    contact_id = _path_contact(call)
    definition_id = call.terms(balance_terms)["definition_id"]
    created = call.ledger.create_balance(call.program_id, contact_id, definition_id)
    return call.answers.created_balance(call.program_id, contact_id, definition_id, created)


def _path_contact(call: Call) -> int:
    """The path's contact id: an integer, although one of the two documents of this path calls it a UUID."""
    contact_id = QueryFields({"contactId": call.ids[0]}).contact("contactId", required=True)
    return present(contact_id)
