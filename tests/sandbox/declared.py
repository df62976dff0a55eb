"""Whether an answer is what the sandbox's OpenAPI document declares: its status, its headers, its shape."""

from __future__ import annotations

import json
import re
from functools import lru_cache

import jsonschema_rs

from brevo_balance_async.sandbox.http.openapi.document import document


@lru_cache(maxsize=256)
def declared(switches):
    """The document for ``switches``, and the operations of each path, which is a pattern."""
    made = document("http://127.0.0.1", switches)
    return made, {re.compile(re.sub(r"\{\w+\}", "[^/]+", path)): each for path, each in made["paths"].items()}


@lru_cache(maxsize=1024)
def validator(switches, shape):
    """A validator of what a reference among the document's shapes names."""
    made, _ = declared(switches)
    schema = {"$ref": shape, "components": made["components"]}
    return jsonschema_rs.validator_for(schema, validate_formats=True)


def undeclared(switches, method, path, status, headers, text):
    """What is wrong with an answer, as one line; empty when it is declared, or nothing is said about that path."""
    _, paths = declared(switches)
    methods = next((each for pattern, each in paths.items() if pattern.fullmatch(path)), {})
    operation = methods.get({"HEAD": "GET"}.get(method, method).lower())
    if operation is None:
        return ""
    answer = operation["responses"].get(str(status))
    if answer is None:
        return f"{method} {path}: {status} is not declared"
    if not {name.lower() for name in headers if name.lower().startswith("x-")} <= answer["headers"].keys():
        return f"{method} {path}: one of the headers {dict(headers)} is not declared"
    if "content" not in answer or method == "HEAD":
        return f"{method} {path}: {status} has a body: {text:.200}" if text else ""
    ((kind, content),) = answer["content"].items()
    if headers.get("content-type") != kind:
        return f"{method} {path}: {status} is {headers.get('content-type')}, not {kind}"
    checks = validator(switches, content["schema"]["$ref"])
    return "; ".join(f"{method} {path}: {error.message}" for error in checks.iter_errors(json.loads(text)))
