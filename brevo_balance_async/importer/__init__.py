"""The bulk importer: rows in, outcomes out, each reference credited once however often the job is killed.

``Importer`` needs a journal, and with it the extra ``brevo-balance-async[journal]``; it is loaded when it is asked for.
Entries, and the readers that take them from files, need no database library.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from brevo_balance_async.importer.entries import Entry
from brevo_balance_async.importer.files import EntryFile, read_csv, read_jsonl

if TYPE_CHECKING:
    from brevo_balance_async.importer.engine import Importer
    from brevo_balance_async.importer.report import Plan, Report
    from brevo_balance_async.importer.run import Run
    from brevo_balance_async.importer.waiting import Waiting

__all__ = ["Entry", "EntryFile", "Importer", "Plan", "Report", "Run", "Waiting", "read_csv", "read_jsonl"]

_HOMES: Final = {
    "Importer": "engine",
    "Plan": "report",
    "Report": "report",
    "Run": "run",
    "Waiting": "waiting",
}


def __getattr__(name: str) -> Any:
    """``Importer`` and what it gives, which load the journal."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
