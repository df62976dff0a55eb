"""Transactions and orders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from brevo_balance_async.sandbox.http.answers import Answers
from brevo_balance_async.sandbox.http.bodies import begin_terms, order_terms

if TYPE_CHECKING:
    from brevo_balance_async.sandbox.rules.ledger import Ledger
    from brevo_balance_async.sandbox.rules.records import Transaction

    from .call import Call


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
