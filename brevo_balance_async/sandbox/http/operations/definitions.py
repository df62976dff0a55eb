"""Balance definitions, and publishing the program they belong to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from brevo_balance_async.sandbox.http.bodies import definition_terms
from brevo_balance_async.sandbox.http.paging import read_descending, read_limit, read_start

if TYPE_CHECKING:
    from .call import Call


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
        version=call.version,
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
    found = call.ledger.catalogue.definition(call.program_id, definition_id, version=call.version)
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
