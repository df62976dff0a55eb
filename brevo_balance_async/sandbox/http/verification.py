"""Asking the request log: which requests fit, and whether their numbers are those that were expected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .routes import OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .log import RequestLog, RequestRecord

_SHOWN = 10


def found(
    log: RequestLog,
    *,
    operation: str | None = None,
    status: int | None = None,
    applied: bool | None = None,
    fault: str | None = None,
) -> list[RequestRecord]:
    """The records that fit all that is given, the oldest first."""
    return [
        record
        for record in log
        if operation in (None, record.operation)
        and status in (None, record.status)
        and applied in (None, record.applied)
        and fault in (None, record.fault)
    ]


def differences(
    log: RequestLog, *, hits: Mapping[str, int], applied: Mapping[str, int], only: bool
) -> list[str]:
    """Where the numbers of requests, or of those carried out, are not the expected ones: a line or more for each.

    An operation that is not named may have any number, or with ``only`` none at all.
    Raises ``ValueError`` for a name that is no operation's.
    """
    unknown = (hits.keys() | applied.keys()) - OPERATIONS
    if unknown:
        raise ValueError(
            f"no such operation: {', '.join(sorted(unknown))}; there are {', '.join(sorted(OPERATIONS))}"
        )
    counts, lines = log.counts(), []
    if only:
        hits = {name: 0 for name in counts if name not in hits and name not in applied} | dict(hits)
    for name, expected, key, word in (
        *((name, number, "hits", "requests") for name, number in hits.items()),
        *((name, number, "applied", "carried out") for name, number in applied.items()),
    ):
        came = counts.get(name, {}).get(key, 0)
        if came != expected:
            lines.append(f"{name}: expected {expected} {word}, got {came}")
            lines += _listed(found(log, operation=name, applied=True if key == "applied" else None))
    return lines


def _listed(records: list[RequestRecord]) -> list[str]:
    lines = [f"  {line(record)}" for record in records[:_SHOWN]]
    if len(records) > _SHOWN:
        lines.append(f"  and {len(records) - _SHOWN} more")
    return lines


def line(record: RequestRecord) -> str:
    """A request and its verdict, in one line."""
    answered = f"answered {record.status}" if record.status else "not answered"
    verdict = "applied" if record.applied else "not applied"
    fault = f", fault {record.fault}" if record.fault else ""
    return f"#{record.seq} {record.method} {record.path}: {answered}, {verdict}{fault}"
