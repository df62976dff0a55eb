"""The document: each route with what its operation asks for, the shapes of its answers and its refusals."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from brevo_balance_async.sandbox.http.access import SCOPES, TOKEN_PATH
from brevo_balance_async.sandbox.http.operations.call import SNAKE_NAMES
from brevo_balance_async.sandbox.http.routes import ROUTES

from .asked import Asked, asks
from .schemas import CONTACT, UUID, Schema, answer_schemas, nullable, reference, words

if TYPE_CHECKING:
    from brevo_balance_async.sandbox.http.routes import Operation
    from brevo_balance_async.sandbox.rules.switches import Switches

_ABOUT = (
    "A sandbox that imitates Brevo's Loyalty Balance API; nothing here reaches Brevo. This document is made from the "
    "sandbox's own code, as its switches are set, and says what it does, not what Brevo promises. HEAD is answered "
    "as GET is. Its control routes are listed at /_sandbox/."
)
_IDS = {
    "programs": "pid",
    "balance-definitions": "bdid",
    "limits": "blid",
    "transactions": "tid",
    "subscriptions": "cid",
}
"""Brevo's names of the ids in a path, by what stands before them."""
_OLD_NAMES = {new: old for old, new in SNAKE_NAMES.items()}
"""Query names of today, and what they were in 2025."""
_ANSWERS = {
    "definitions.list": "BalanceDefinitions",
    "definitions.create": "BalanceDefinition",
    "definitions.get": "BalanceDefinition",
    "definitions.update": "BalanceDefinition",
    "definitions.delete": None,
    "limits.create": "BalanceLimit",
    "limits.get": "BalanceLimit",
    "limits.update": "BalanceLimit",
    "limits.delete": None,
    "transactions.begin": "Transaction",
    "transactions.complete": "Transaction",
    "transactions.cancel": "Transaction",
    "transactions.create_order": "BalanceOrder",
    "balances.list": "ContactBalances",
    "balances.list_active": "ActiveBalances",
    "balances.get": "SubscriptionBalances",
    "balances.create": "Balance",
    "history.list": "TransactionHistory",
    "programs.publish": None,
}
"""Shapes of the answers by operation; None: 204 without a body."""
_REFUSALS = {
    "400": "the body is not in the encoding that its headers name, or is malformed where a switch says 400",
    "401": "the key or token is missing or wrong",
    "403": "the token's scopes do not cover the method",
    "404": "no such program, definition, limit or transaction, or reading a contact who is no member",
    "413": "the body is too large",
    "422": "a field has a value that it may not have, or the state of the account forbids the operation",
    "424": "a limit under an unknown definition",
    "429": "the hourly quota is used up",
    "507": "the state file cannot be written, and nothing was changed",
}
_DAY_OF_YEAR = r"(0[1-9]|[12]\d)/(0[1-9]|1[0-2])|30/(0[13-9]|1[0-2])|31/(0[13578]|1[02])"
_HEADERS = {
    "x-sandbox": {"description": "Says that this imitates Brevo.", "schema": {"type": "string"}},
    **{
        f"x-sib-ratelimit-{name}": {
            "description": f"{what}; only where there is a quota.",
            "schema": {"type": "integer", "minimum": 0},
        }
        for name, what in (
            ("limit", "Requests in the window"),
            ("remaining", "Requests that are left"),
            ("reset", "Seconds until the window ends"),
        )
    },
}


def document(origin: str, switches: Switches) -> dict[str, Any]:
    """The OpenAPI 3.1 document of a sandbox at ``origin`` with these switches."""
    paths: dict[str, dict[str, Any]] = {TOKEN_PATH: {"post": _token()}}
    for pattern, methods in ROUTES.items():
        path, ids = _templated(pattern)
        described = {method.lower(): _operation(each, ids, switches) for method, each in methods.items()}
        paths[path] = described
    return {
        "openapi": "3.1.0",
        "info": {"title": "Brevo Loyalty Balance sandbox", "version": "3", "description": _ABOUT},
        "servers": [{"url": origin}],
        "security": [{"apiKey": []}, {"oauth": []}],
        "paths": paths,
        "components": {
            "schemas": answer_schemas(switches),
            "headers": _HEADERS,
            "securitySchemes": {
                "apiKey": {"type": "apiKey", "in": "header", "name": "api-key"},
                "oauth": {
                    "type": "oauth2",
                    "flows": {
                        "clientCredentials": {
                            "tokenUrl": origin + TOKEN_PATH,
                            "scopes": dict.fromkeys(sorted(SCOPES), ""),
                        }
                    },
                },
            },
        },
    }


def _templated(pattern: str) -> tuple[str, list[str]]:
    """A route with names for its ids, and the names."""
    parts = pattern.split("/")
    ids = [_IDS[before] for before, part in pairwise(parts) if part == "*"]
    names = iter(ids)
    return "/".join(f"{{{next(names)}}}" if part == "*" else part for part in parts), ids


def _operation(operation: Operation, ids: list[str], switches: Switches) -> dict[str, Any]:
    query, body = asks(operation, len(ids) - 1, switches)
    described: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [operation.name.partition(".")[0]],
        "summary": (operation.run.__doc__ or "").partition("\n")[0],
        "parameters": [*map(_path_parameter, ids), *_query_parameters(query, switches)],
        "responses": _responses(operation.name, switches),
    }
    if body.schemas:
        described["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _body_schema(body, switches)}},
        }
    return described


def _path_parameter(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": CONTACT if name == "cid" else UUID}


def _query_parameters(query: Asked, switches: Switches) -> list[dict[str, Any]]:
    old_too = switches.snake_case_query == "accepted"
    found = []
    for name, schema in query.schemas.items():
        old = _OLD_NAMES.get(name) if old_too else None
        required = name in query.required and old is None  # the other name will do
        found.append({"name": name, "in": "query", "required": required, "schema": schema})
        if old is not None:
            found.append({"name": old, "in": "query", "deprecated": True, "schema": schema})
    if query.takes_metadata:
        schema = {"type": "object", "additionalProperties": {"type": "string"}}
        found.append({"name": "metadata", "in": "query", "style": "deepObject", "schema": schema})
    return found


def _body_schema(body: Asked, switches: Switches) -> Schema:
    by_hand = {"amount": {"not": {"const": 0}}, "balanceExpirationDate": _expiration_date(switches)}
    members = {
        name: (schema if name in body.required else nullable(schema)) | by_hand.get(name, {})
        for name, schema in body.schemas.items()
    }
    schema: Schema = {"type": "object", "properties": members}
    if body.required:
        schema["required"] = body.required
    if switches.unknown_fields == "422":
        schema["additionalProperties"] = False
    return schema


def _expiration_date(switches: Switches) -> Schema:
    """Empty, a day of the year or an ISO date. The code reads it as text, so this is written by hand."""
    forms: list[Schema] = [{"type": "null"}, {"const": ""}]
    if switches.expiration_date_form != "iso":
        forms.append({"type": "string", "pattern": f"^({_DAY_OF_YEAR})$"})
    if switches.expiration_date_form != "ddmm":
        forms.append({"type": "string", "format": "date"})
    return {"anyOf": forms}


def _responses(name: str, switches: Switches) -> dict[str, Any]:
    shape = _ANSWERS[name]
    answers = {"204": _answer("done")} if shape is None else {"200": _answer("the answer", shape)}
    if name == "definitions.list" and switches.empty_definitions == "204":
        answers["204"] = _answer("there are none")
    refusals = {
        status: _answer(why, "Error")
        for status, why in _REFUSALS.items()
        if status != "424" or name == "limits.create"
    }
    return answers | refusals


def _answer(description: str, shape: str | None = None) -> dict[str, Any]:
    headers = {name: {"$ref": f"#/components/headers/{name}"} for name in _HEADERS}
    content = {} if shape is None else {"content": {"application/json": {"schema": reference(shape)}}}
    return {"description": description, "headers": headers, **content}


def _token() -> dict[str, Any]:
    """The token endpoint, which is outside the API and takes a form."""
    scope = "|".join(sorted(SCOPES))
    form = {
        "type": "object",
        "properties": {
            "grant_type": words(("client_credentials",)),
            "client_id": {"type": "string"},
            "client_secret": {"type": "string"},
            "scope": {
                "type": "string",
                "pattern": f"^(({scope})( ({scope}))*)?$",
                "description": "Separated by spaces; all of them when there is none.",
            },
        },
        "required": ["grant_type"],
    }
    return {
        "operationId": "oauth.token",
        "tags": ["oauth"],
        "summary": "A token for client credentials, which come in the form or as HTTP Basic.",
        "security": [],
        "requestBody": {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": form}}},
        "responses": {
            "200": _answer("a token", "Token"),
            "400": _answer("no such grant or scope", "TokenRefusal"),
            "401": _answer("no such client", "TokenRefusal"),
        },
    }
