"""The 18 operations of the Balance API, and publishing a program: from what was asked to what is answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

from brevo_balance_async.sandbox.rules.history import Wanted
from brevo_balance_async.sandbox.rules.refusals import Refusal, invalid, malformed, not_found

from .answers import Answers
from .bodies import (
    KINDS,
    balance_terms,
    begin_terms,
    definition_terms,
    limit_terms,
    order_terms,
    read_body,
)
from .fields import QueryFields, present
from .paging import read_descending, read_limit, read_start

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from brevo_balance_async.sandbox.rules.ledger import Ledger
    from brevo_balance_async.sandbox.rules.records import Definition, Transaction
    from brevo_balance_async.sandbox.rules.switches import Switches

    from .fields import Fields

STATUSES = frozenset({"draft", "completed", "rejected", "cancelled", "expired"})
"""Words of the history filter, which never had ``pending`` and ``complete``."""

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
    unparsed: Refusal | None = None
    """Why the body could not be parsed; an operation that takes no body does not mind."""

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
        if self.unparsed is not None and self.unparsed.status == 400:
            raise malformed(self.unparsed.message, int(self.switches.malformed_body))
        if self.unparsed is not None:
            raise self.unparsed
        return read_body(self.body, self.switches, read)


def read_query(members: Mapping[str, str], switches: Switches) -> QueryFields:
    """The query, with the names of 2025 accepted, refused or ignored."""
    snake = SNAKE_NAMES.keys() & members.keys()
    if snake and switches.snake_case_query == "422":
        raise invalid(f"unknown query parameter: {', '.join(sorted(snake))}")
    if snake and switches.snake_case_query == "accepted":
        members = {SNAKE_NAMES.get(name, name): value for name, value in members.items()}
    return QueryFields(members)


# definitions


def _version(call: Call) -> str:
    return call.query.word("version", ("active", "draft")) or "draft"


def list_definitions(call: Call) -> Any:
    """``GET balance-definitions``: a page of one version's definitions, without a count."""
    switches = call.switches
    limit = read_limit(
        call.query,
        default=switches.definitions_default_limit,
        most=switches.definitions_max_limit,
        above=switches.above_max_limit,
    )
    start = read_start(call.query, limit, switches.listing_offset)
    definitions = call.ledger.catalogue.list_definitions(
        call.program_id,
        version=_version(call),
        sort_field=call.query.word("sortField", ("name", "created_at", "updated_at")) or "updated_at",
        descending=read_descending(call.query),
    )
    page = definitions[start : start + limit]
    if not page and switches.empty_definitions == "204":
        return None
    return {"items": [call.answers.definition(definition) for definition in page]}


def create_definition(call: Call) -> Any:
    """``POST balance-definitions``."""
    terms = call.terms(definition_terms)
    return call.answers.definition(call.ledger.catalogue.create_definition(call.program_id, terms))


def get_definition(call: Call) -> Any:
    """``GET balance-definitions/{id}``."""
    (definition_id,) = call.ids
    found = call.ledger.catalogue.definition(call.program_id, definition_id, version=_version(call))
    return call.answers.definition(found)


def update_definition(call: Call) -> Any:
    """``PUT balance-definitions/{id}``: replaces all terms."""
    (definition_id,) = call.ids
    terms = call.terms(definition_terms)
    return call.answers.definition(
        call.ledger.catalogue.update_definition(call.program_id, definition_id, terms)
    )


def delete_definition(call: Call) -> None:
    """``DELETE balance-definitions/{id}``."""
    (definition_id,) = call.ids
    call.ledger.catalogue.delete_definition(call.program_id, definition_id)


def publish(call: Call) -> None:
    """``POST publish`` of the configuration routes: edits reach members."""
    call.ledger.catalogue.publish(call.program_id)


# limits


def create_limit(call: Call) -> Any:
    """``POST balance-definitions/{id}/limits``."""
    (definition_id,) = call.ids
    terms = call.terms(limit_terms)
    return call.answers.limit(call.ledger.catalogue.create_limit(call.program_id, definition_id, terms))


def get_limit(call: Call) -> Any:
    """``GET balance-definitions/{id}/limits/{id}``."""
    definition_id, limit_id = call.ids
    found = call.ledger.catalogue.limit(call.program_id, definition_id, limit_id, version=_version(call))
    return call.answers.limit(found)


def update_limit(call: Call) -> Any:
    """``PUT balance-definitions/{id}/limits/{id}``: replaces all terms."""
    definition_id, limit_id = call.ids
    terms = call.terms(limit_terms)
    return call.answers.limit(
        call.ledger.catalogue.update_limit(call.program_id, definition_id, limit_id, terms)
    )


def delete_limit(call: Call) -> None:
    """``DELETE balance-definitions/{id}/limits/{id}``."""
    definition_id, limit_id = call.ids
    call.ledger.catalogue.delete_limit(call.program_id, definition_id, limit_id)


# transactions


def answer_transaction(ledger: Ledger, transaction: Transaction) -> Any:
    """A transaction as it stands after a call of its own."""
    balance = ledger.balance(transaction.program_id, transaction.definition_id, transaction.contact_id)
    return Answers(ledger.switches).transaction(transaction, balance)


def begin(call: Call) -> Any:
    """``POST transactions``."""
    terms = call.terms(begin_terms)
    return answer_transaction(call.ledger, call.ledger.begin(call.program_id, **terms))


def complete(call: Call) -> Any:
    """``POST transactions/{id}/complete``, without a body."""
    (transaction_id,) = call.ids
    return answer_transaction(call.ledger, call.ledger.complete(call.program_id, transaction_id))


def cancel(call: Call) -> Any:
    """``POST transactions/{id}/cancel``, without a body."""
    (transaction_id,) = call.ids
    return answer_transaction(call.ledger, call.ledger.cancel(call.program_id, transaction_id))


def create_order(call: Call) -> Any:
    """``POST create-order``."""
    terms = call.terms(order_terms)
    return call.answers.order(call.ledger.create_order(call.program_id, **terms))


# balances


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


def _check_sorting(call: Call) -> None:
    """There is one way to sort by now, ``createdAt``; the others of 2025 come to the same here."""
    words = ("createdAt", "created_at", "updated_at", "name") if call.as_of_2025 else ("createdAt",)
    call.query.word("sortField", words)


def list_active(call: Call) -> Any:
    """``GET active-balance``: what is left of each of a contact's credits."""
    contact_id, definition_id = _contact_id(call), _definition_id(call)
    limit = _balances_limit(call)
    start = read_start(call.query, limit, call.switches.listing_offset)
    _check_sorting(call)
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


def _contact_id(call: Call) -> int:
    return present(call.query.contact("contactId", required=True))


def _definition_id(call: Call) -> str:
    return present(call.query.uuid("balanceDefinitionId", required=True))


# history


def list_history(call: Call) -> Any:
    """``GET transaction-history``: a page of a contact's transactions."""
    contact_id, definition_id = _contact_id(call), _definition_id(call)
    switches, query = call.switches, call.query
    limit = read_limit(
        query,
        default=switches.history_default_limit,
        most=switches.history_max_limit,
        above=switches.above_max_limit,
    )
    _check_sorting(call)
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
