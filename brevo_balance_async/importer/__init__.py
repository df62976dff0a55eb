"""The bulk importer's rows: what an entry is, and the readers that take entries from files.

Reading needs no journal and no database library.
"""

from __future__ import annotations

from brevo_balance_async.importer.entries import Entry
from brevo_balance_async.importer.files import EntryFile, read_csv, read_jsonl

__all__ = ["Entry", "EntryFile", "read_csv", "read_jsonl"]
