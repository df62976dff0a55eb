"""The rows of one source, kept in a temporary file of SQLite's: what comes twice is found in constant memory."""

from __future__ import annotations

import sqlite3
from functools import cached_property
from itertools import count
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from brevo_balance_async.journal import Intent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

OPEN, SETTLED_BEFORE, TOLD = range(3)
"""What is known of a row: nothing yet; it was settled before this run; its end has been told."""

_CHUNK: Final = 1_000
_COLUMNS: Final = attrgetter("reference", "contact", "amount", "details", "line")
_TABLE: Final = """
    PRAGMA journal_mode = OFF;
    PRAGMA synchronous = OFF;
    CREATE TABLE seen (
        number INTEGER PRIMARY KEY, definition INTEGER, reference TEXT, state INTEGER DEFAULT 0,
        contact INTEGER, amount TEXT, details TEXT, line INTEGER, UNIQUE (definition, reference)
    );
    BEGIN;
"""


class Seen:
    """The distinct references of a source, in their order. Close it when the run is over."""

    def __init__(self) -> None:
        self._definitions: dict[str, int] = {}
        self._numbers = count(1)

    @cached_property
    def _file(self) -> sqlite3.Connection:
        """Made when the first row comes: a run that is never entered has nothing to close."""
        file = sqlite3.connect("", isolation_level=None)  # a file without a name: it is gone when closed
        file.executescript(_TABLE)
        return file

    def close(self) -> None:
        """Delete it."""
        if "_file" in self.__dict__:
            self._file.close()

    def _number(self, definition: str) -> int:
        return self._definitions.setdefault(definition, len(self._definitions))

    def add(self, intents: Sequence[tuple[str, Intent]]) -> list[Intent | None]:
        """Remember intents; for each the one that came before it with its reference, if there is one."""
        rows = [
            (next(self._numbers), self._number(definition), *_COLUMNS(wanted))
            for definition, wanted in intents
        ]
        added = self._file.executemany(
            "INSERT OR IGNORE INTO seen (number, definition, reference, contact, amount, details, line) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            rows,
        )
        if added.rowcount == len(rows):
            return [None] * len(rows)
        return [self._before(*row[:3]) for row in rows]

    def _before(self, number: int, definition: int, reference: str) -> Intent | None:
        found = self._file.execute(
            "SELECT reference, contact, amount, details, line FROM seen "
            "WHERE definition = ? AND reference = ? AND number < ?",
            (definition, reference, number),
        ).fetchone()
        return None if found is None else Intent(*found)

    def mark(self, definition: str, references: Sequence[str], state: int) -> int:
        """Change what is known of rows; how many are of this source and were not in that state before."""
        number = self._number(definition)
        return self._file.executemany(
            "UPDATE seen SET state = ? WHERE definition = ? AND reference = ? AND state <> ?",
            [(state, number, reference, state) for reference in references],
        ).rowcount

    def holds(self, definition: str, reference: str) -> bool:
        """Whether the source has this row."""
        found = self._file.execute(
            "SELECT 1 FROM seen WHERE definition = ? AND reference = ?", (self._number(definition), reference)
        )
        return found.fetchone() is not None

    def chunks(self, state: int) -> Iterator[tuple[str, list[str]]]:
        """The references in a state, a thousand at a time in their order, each with its definition."""
        for definition, number in self._definitions.items():
            last = 0
            while True:
                # The plus keeps SQLite off the other index, whose rows it would have to sort for each chunk.
                rows = self._file.execute(
                    "SELECT number, reference FROM seen WHERE number > ? AND +definition = ? AND state = ? "
                    "ORDER BY number LIMIT ?",
                    (last, number, state, _CHUNK),
                ).fetchall()
                if not rows:
                    break
                last = rows[-1][0]
                yield definition, [reference for _, reference in rows]
