"""The switches as a table for people: the documentation is built with it."""

from __future__ import annotations

import ast
import inspect
import json
from typing import Any

from attrs import fields, frozen

from .switches import Switches


@frozen
class Described:
    """A switch in words."""

    name: str
    default: Any
    positions: str
    doubt: str
    """The question that Brevo's documents leave open."""


def described() -> list[Described]:
    """Every switch, in the order of the class."""
    doubts = _doubts()
    return [
        Described(each.name, each.default, each.metadata["positions"], doubts[each.name])
        for each in fields(Switches)
    ]


def table() -> str:
    """The switches as a table in Markdown; the first position is the default."""
    lines = ["| switch | positions, the default first | the doubt |", "|---|---|---|"]
    lines += [
        f"| `{each.name}` | {_positions(each)} | {each.doubt.replace('``', '`')} |" for each in described()
    ]
    return "\n".join(lines)


def _positions(switch: Described) -> str:
    default = f"`{switch.default if isinstance(switch.default, str) else json.dumps(switch.default)}`"
    if switch.positions.startswith("one of "):
        return ", ".join(f"`{each}`" for each in switch.positions.removeprefix("one of ").split(", "))
    if switch.positions == "true or false":
        return f"{default}, `{json.dumps(not switch.default)}`"
    return f"{default}; {switch.positions}"


def _doubts() -> dict[str, str]:
    """The text below each switch, which only the source has."""
    (switches,) = ast.parse(inspect.getsource(Switches)).body
    assert isinstance(switches, ast.ClassDef)
    found = {}
    for at, below in zip(switches.body, switches.body[1:], strict=False):
        if isinstance(at, ast.AnnAssign) and isinstance(below, ast.Expr):
            found[ast.unparse(at.target)] = " ".join(ast.literal_eval(below.value).split())
    return found
