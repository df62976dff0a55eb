"""The tables of ``docs/migration.md``, made of ``old_names.json``, ``rows.json`` and our own signatures."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import Any

from brevo_balance_async import BalanceClient

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "migration.md"
OLD: dict[str, dict[str, dict[str, Any]]] = json.loads((HERE / "old_names.json").read_text())
ROWS: dict[str, Any] = json.loads((HERE / "rows.json").read_text())
CLIENT = BalanceClient("xkeysib-unit")
PROGRAM = CLIENT.program("27aa1d7a-af67-4020-8a65-19d6b0f0a26e")
VERSIONS = ("1.2.0", "5.1.0")


def target(call: str) -> Any:
    """What ``call`` names: a call of a program, or of the client where it begins with ``client.``."""
    found: Any = CLIENT if call.startswith("client.") else PROGRAM
    for name in call.removeprefix("client.").split("."):
        found = getattr(found, name)
    return found


def of_program(call: str, version: str) -> str:
    """The method of an old version, as it is called there."""
    method = ROWS["calls"][call][version]
    shown = [
        name
        for name in OLD[version][method]["arguments"]
        if name in {"pid", "cid", "bdid", "blid", "tid", "body"}
    ]
    more = any(
        not name.startswith(("_", "async_req", "body", "request_options")) and name not in shown
        for name in OLD[version][method]["arguments"]
    )
    return f"`{method}({', '.join([*shown, *(['...'] if more else [])])})`"


def ours(call: str) -> str:
    """Our call with what it cannot do without."""
    parameters = inspect.signature(target(call)).parameters.values()
    needed = [
        each.name if each.kind is each.POSITIONAL_OR_KEYWORD else f"{each.name}="
        for each in parameters
        if each.default is each.empty
    ]
    more = any(each.default is not each.empty and each.name != "timeout" for each in parameters)
    return f"`program.{call}({', '.join([*needed, *(['...'] if more else [])])})`"


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def calls() -> str:
    return table(
        ["1.2.0: `BalanceApi(...)`", "5.1.0: `AsyncBrevo(...).balance`", "here"],
        [[of_program(call, "1.2.0"), of_program(call, "5.1.0"), ours(call)] for call in ROWS["calls"]],
    )


def renamed() -> str:
    """Arguments of another name, and where."""
    where: dict[tuple[str, str], list[str]] = {}
    for call, row in ROWS["calls"].items():
        for old, new in row["arguments"].items():
            if old != new:
                where.setdefault((old, new), []).append(f"`{call}`")
    return table(
        ["there", "here", "in"],
        [
            [f"`{old}`", f"`{new}`", "every call" if len(names) == len(ROWS["calls"]) else ", ".join(names)]
            for (old, new), names in where.items()
        ],
    )


def options() -> str:
    """What every call of a version takes beside its own arguments."""
    return table(
        ["there", "here"],
        [
            [
                f"{version}: `{name}`",
                f"`{row['here']}`{row['note'] and ': '}{row['note']}" if row["here"] else row["note"],
            ]
            for version in VERSIONS
            for name, row in ROWS["every call"][version].items()
        ],
    )


def added() -> str:
    """What 1.2.0 cannot send."""
    rows = []
    for call, row in ROWS["calls"].items():
        known = {name.removeprefix("body.") for name in OLD["1.2.0"][row["1.2.0"]]["arguments"]}
        if new := [f"`{here}`" for old, here in row["arguments"].items() if old not in known]:
            rows.append([f"`{call}`", ", ".join(new)])
    return table(["call", "1.2.0 has no"], rows)


def answers() -> str:
    """What each call gives."""
    rows = []
    for call, row in ROWS["calls"].items():
        theirs = [f"`{OLD[version][row[version]]['returns']}`" for version in VERSIONS]
        here = str(inspect.signature(target(call)).return_annotation).replace("|", r"\|")
        rows.append([f"`{call}`", *theirs, f"`{here}`"])
    return table(["call", "1.2.0", "5.1.0", "here"], rows)


TABLES = {"calls": calls, "renamed": renamed, "options": options, "added": added, "answers": answers}


def written(page: str) -> str:
    """The page with every table as it must be; each stands between two comments with its name."""
    for name, make in TABLES.items():
        begin, end = f"% {name}: made by tests/migration", f"% end of {name}"
        page, count = re.subn(
            rf"(?<={re.escape(begin)}\n\n).*?(?={re.escape(end)})",
            lambda _, make=make: f"{make()}\n\n",
            page,
            flags=re.DOTALL,
        )
        assert count == 1, f"the page has {count} places for the table {name}"
    return page
