"""The routes of the 18 operations, and of publishing a program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from attrs import frozen

from .fields import read_uuid
from .operations import balances, definitions, history, limits, transactions

if TYPE_CHECKING:
    from collections.abc import Callable

    from .operations.call import Call


@frozen
class Operation:
    """An operation's name, as in ``transactions.begin``, and what it does. It answers None for 204."""

    name: str
    run: Callable[[Call], Any]
    takes_body: bool = False
    """Whether it needs a body that is a JSON object; any other operation ignores what is sent."""

    @property
    def edits_rules(self) -> bool:
        """Whether it may change what transactions are judged by."""
        kind, _, what = self.name.partition(".")
        return kind in {"definitions", "limits", "programs"} and what not in {"list", "get"}


_BALANCE = "/v3/loyalty/balance/programs/*"
_CONFIG = "/v3/loyalty/config/programs/*"
_DEFINITIONS = _BALANCE + "/balance-definitions"
_LIMITS = _DEFINITIONS + "/*/limits"

ROUTES: dict[str, dict[str, Operation]] = {
    _DEFINITIONS: {
        "GET": Operation("definitions.list", definitions.list_definitions),
        "POST": Operation("definitions.create", definitions.create_definition, takes_body=True),
    },
    _DEFINITIONS + "/*": {
        "GET": Operation("definitions.get", definitions.get_definition),
        "PUT": Operation("definitions.update", definitions.update_definition, takes_body=True),
        "DELETE": Operation("definitions.delete", definitions.delete_definition),
    },
    _LIMITS: {"POST": Operation("limits.create", limits.create_limit, takes_body=True)},
    _LIMITS + "/*": {
        "GET": Operation("limits.get", limits.get_limit),
        "PUT": Operation("limits.update", limits.update_limit, takes_body=True),
        "DELETE": Operation("limits.delete", limits.delete_limit),
    },
    _BALANCE + "/transactions": {
        "POST": Operation("transactions.begin", transactions.begin, takes_body=True)
    },
    _BALANCE + "/transactions/*/complete": {
        "POST": Operation("transactions.complete", transactions.complete)
    },
    _BALANCE + "/transactions/*/cancel": {"POST": Operation("transactions.cancel", transactions.cancel)},
    _BALANCE + "/create-order": {
        "POST": Operation("transactions.create_order", transactions.create_order, takes_body=True)
    },
    _BALANCE + "/contact-balances": {"GET": Operation("balances.list", balances.list_balances)},
    _BALANCE + "/active-balance": {"GET": Operation("balances.list_active", balances.list_active)},
    _BALANCE + "/subscriptions/*/balances": {
        "GET": Operation("balances.get", balances.get_balances),
        "POST": Operation("balances.create", balances.create_balance, takes_body=True),
    },
    _BALANCE + "/transaction-history": {"GET": Operation("history.list", history.list_history)},
    _CONFIG + "/publish": {"POST": Operation("programs.publish", definitions.publish)},
}
"""Operations by path, an id as ``*``, and by method."""

OPERATIONS = frozenset(operation.name for methods in ROUTES.values() for operation in methods.values())
"""The names of all operations."""


@frozen
class Route:
    """What a request line asks for. ``operation`` is None when the path exists and the method does not."""

    operation: Operation | None
    program_id: str
    ids: tuple[str, ...]
    methods: tuple[str, ...]
    """The methods that the path has."""

    def checked_ids(self) -> tuple[str, tuple[str, ...]]:
        """The program's id and the others as the ledger knows them; 422 for an id that is no UUID."""
        program_id = read_uuid("program id", self.program_id)
        if self.operation is not None and self.operation.name.startswith("balances."):
            return program_id, self.ids
        return program_id, tuple(read_uuid("id", value) for value in self.ids)


def is_imitated(path: str) -> bool:
    """Whether a path is of the part of Brevo's API that is imitated; one there that is not found is misspelt."""
    return path.startswith("/v3/loyalty/balance/") or not path.startswith("/v3/")


def find_route(method: str, path: str) -> Route | None:
    """The operation behind a request line, HEAD being a GET; None for a path that does not exist."""
    parts = [unquote(part) for part in path.split("/")]
    if len(parts) < 7:
        return None
    ids = tuple(parts[7::2])
    shape = "/".join([*parts[:5], "*", *("*" if at % 2 else part for at, part in enumerate(parts[6:]))])
    operations = ROUTES.get(shape)
    if operations is None:
        return None
    found = operations.get("GET" if method == "HEAD" else method)
    return Route(found, parts[5], ids, (*operations, *(["HEAD"] if "GET" in operations else ())))
