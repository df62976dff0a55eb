"""Balance limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from brevo_balance_async.sandbox.http.bodies import limit_terms

if TYPE_CHECKING:
    from .call import Call


def create_limit(call: Call) -> Any:
    """``POST balance-definitions/{id}/limits``."""
    (definition_id,) = call.ids
    terms = call.terms(limit_terms)
    return call.answers.limit(call.ledger.catalogue.create_limit(call.program_id, definition_id, terms))


def get_limit(call: Call) -> Any:
    """``GET balance-definitions/{id}/limits/{id}``."""
    definition_id, limit_id = call.ids
    found = call.ledger.catalogue.limit(call.program_id, definition_id, limit_id, version=call.version)
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
