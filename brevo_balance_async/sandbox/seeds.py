"""Seeds from a file: JSON in the form of ``POST /_sandbox/seed``, or a CSV of credits."""

from __future__ import annotations

import csv
import json
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

_REQUIRED = ("program_id", "balance_definition_id", "contact_id", "amount")
_OPTIONAL = ("reference", "event_time", "meta")


def read_seeds(path: str | Path) -> list[dict[str, Any]]:
    """What ``Sandbox(seed=...)`` takes. Raises ``ValueError`` that names the file and the line, and ``OSError``.

    JSON is one object or a list of them. A CSV has the columns ``program_id``, ``balance_definition_id``,
    ``contact_id`` and ``amount``, and may have ``event_time``, ``meta`` (a JSON object) and ``reference``, which goes
    into ``meta``; any other is ignored. A definition that it names is made, with the unit ``POINTS``.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not in UTF-8: {error}") from error
    if text.lstrip()[:1] in {"{", "["}:
        return _from_json(path, text)
    return _from_csv(path, text)


def _from_json(path: str | Path, text: str) -> list[dict[str, Any]]:
    try:
        seeds = json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is no JSON: {error}") from error
    seeds = seeds if isinstance(seeds, list) else [seeds]
    for seed in seeds:
        if not isinstance(seed, dict) or "program" not in seed:
            raise ValueError(f"{path}: a seed is an object with a program, and {str(seed)[:80]!r} is none")
    return seeds


def _from_csv(path: str | Path, text: str) -> list[dict[str, Any]]:
    rows = csv.DictReader(text.splitlines(keepends=True), strict=True)
    missing = set(_REQUIRED) - set(rows.fieldnames or ())
    if missing:
        raise ValueError(f"{path} has no column {', '.join(sorted(missing))}; it has {rows.fieldnames}")
    seeds: dict[str, dict[str, Any]] = {}
    try:
        for row in rows:
            definition_id = row["balance_definition_id"].lower()
            seed = seeds.setdefault(row["program_id"].lower(), {"definitions": {}, "credits": []})
            seed["definitions"][definition_id] = {"id": definition_id, "name": "Points", "unit": "POINTS"}
            seed["credits"].append(_credit(row) | {"balanceDefinitionId": definition_id})
    except (ValueError, TypeError, AttributeError, InvalidOperation, csv.Error) as error:
        raise ValueError(f"{path}, line {rows.reader.line_num}: {_why(error)}") from error
    return [
        {"program": program, "definitions": list(seed["definitions"].values()), "credits": seed["credits"]}
        for program, seed in seeds.items()
    ]


def _credit(row: dict[str, str]) -> dict[str, Any]:
    if None in row or None in row.values():
        raise ValueError("a record has more or fewer fields than the header")
    meta = _meta(row.get("meta") or "{}")
    if row.get("reference"):
        meta["reference"] = row["reference"]
    credit: dict[str, Any] = {"contactId": int(row["contact_id"]), "amount": Decimal(row["amount"])}
    if not credit["amount"].is_finite():
        raise ValueError(f"amount must be a number, not {row['amount']}")
    if meta:
        credit["meta"] = meta
    if row.get("event_time"):
        credit["eventTime"] = row["event_time"]
    return credit


def _meta(text: str) -> dict[str, Any]:
    meta = json.loads(text, parse_float=Decimal)
    if isinstance(meta, dict):
        return meta
    raise ValueError("meta must be a JSON object")


def _why(error: Exception) -> str:
    return "amount must be a number" if isinstance(error, InvalidOperation) else str(error)
