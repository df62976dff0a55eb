"""What the official SDK for Python calls things, so that an ``AttributeError`` can name what it is called here.

Sources: ``BalanceApi`` of brevo-python 1.2.0, ``AsyncBrevo().balance`` of 5.1.0; ``docs/migration.md`` has the table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

CALLS: Final = {
    "begin_transaction": "transactions.begin",
    "cancel_transaction": "transactions.cancel",
    "complete_transaction": "transactions.complete",
    "create_balance_definition": "definitions.create",
    "create_balance_limit": "limits.create",
    "create_balance_order": "transactions.create_order",
    "create_subscription_balances": "balances.create",
    "delete_balance_definition": "definitions.delete",
    "delete_balance_limit": "limits.delete",
    "get_active_balances_api": "balances.list_active",
    "get_balance_definition": "definitions.get",
    "get_balance_definition_list": "definitions.list",
    "get_balance_limit": "limits.get",
    "get_contact_balances": "balances.list",
    "get_subscription_balances": "balances.get",
    "get_transaction_history_api": "history.list",
    "loyalty_balance_programs_pid_active_balance_get": "balances.list_active",
    "loyalty_balance_programs_pid_balance_definitions_post": "definitions.create",
    "loyalty_balance_programs_pid_subscriptions_cid_balances_post": "balances.create",
    "loyalty_balance_programs_pid_transaction_history_get": "history.list",
    "update_balance_definition": "definitions.update",
    "update_balance_limit": "limits.update",
}
"""Methods of either version, and ours on ``client.program(program_id)``."""

_RESOURCES: Final = ("balances", "definitions", "history", "limits", "transactions")
_ROWS: Final = ("active_balances", "balances", "transaction_history")
"""The members of 5.1.0's answers that hold the rows of a page; the fourth is ``items``, as here."""

PROGRAM: Final = {old: f"program.{new}(...)" for old, new in CALLS.items()}
CLIENT: Final = {
    "balance": "client.program(program_id), for instance client.program(program_id).transactions.begin(...)",
    **{name: f"client.program(program_id).{name}" for name in _RESOURCES},
    **{old: f"client.program(program_id).{new}(...)" for old, new in CALLS.items()},
}
PAGE: Final = dict.fromkeys(_ROWS, "page.items")
PAGINATOR: Final = dict.fromkeys(
    ("items", *_ROWS), "the paginator itself with 'async for', or (await paginator).items for the first page"
)
ORDER: Final = {"transactionid": "order.transaction_id"}


def no_attribute(owner: object, name: str, renamed: Mapping[str, str]) -> AttributeError:
    """The error for an attribute that does not exist; ``renamed`` has what may be meant."""
    text = f"{type(owner).__name__!r} object has no attribute {name!r}"
    here = renamed.get(name.removesuffix("_with_http_info"))
    return AttributeError(f"{text}; here it is {here}" if here else text, name=name, obj=owner)
