"""A file that keeps what was done to a sandbox: an SQLite database with one row for each change.

A row says what was asked and when; the next start does it all again, as a database replays its log. The file outlives
a killed process, because a row is written before its request is answered. It is not synced to the disk each time, so a
power failure may cost the last rows.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

_APPLICATION = 0x42425362
_FORMAT = 1
_LAST = "last number"
"""The fact that says which numbers were given, when the changes that had them are gone."""
_TABLES = """
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE changes (
    number INTEGER PRIMARY KEY,
    moment TEXT NOT NULL,
    method TEXT NOT NULL,
    target TEXT NOT NULL,
    body NOT NULL,
    outcome TEXT NOT NULL
);
"""


class StateError(ValueError):
    """A state file that cannot be used: the message says which, why, and what to do."""


@frozen
class Change:
    """A request that changed something: when, what was asked, and in short what was answered."""

    number: int
    moment: str
    """RFC 3339, on the sandbox's clock."""
    method: str
    target: str
    """Path and query."""
    body: str | bytes
    """As it was sent: text where it is UTF-8, as it should be."""
    outcome: str

    @property
    def content(self) -> bytes:
        """The body's bytes."""
        return self.body if isinstance(self.body, bytes) else self.body.encode()


class StateFile:
    """An open state file, which no other process can open meanwhile. Raises ``StateError`` when it cannot be used."""

    def __init__(self, path: str | Path) -> None:
        import sqlite3  # noqa: PLC0415 - most sandboxes have no state file and start faster without

        self._path = path
        try:
            self._database = sqlite3.connect(path, timeout=0, isolation_level=None)
        except sqlite3.Error as error:
            raise StateError(f"the state file {path} cannot be opened: {error}") from error
        try:
            self._lock_and_check()
        except sqlite3.OperationalError as error:
            self._database.close()
            locked = "locked" in str(error)
            reason = "is in use by another sandbox" if locked else f"cannot be opened: {error}"
            raise StateError(f"the state file {path} {reason}") from error
        except sqlite3.DatabaseError as error:
            self._database.close()
            raise StateError(f"{path} is no state file of the sandbox: {error}") from error
        except BaseException:
            self._database.close()
            raise
        self._last = max(
            self._first_value("SELECT max(number) FROM changes") or 0, int(self.about(_LAST) or 0)
        )

    @property
    def new(self) -> bool:
        """Whether nothing has been noted in it yet."""
        return self.about("ids") is None

    @property
    def next_number(self) -> int:
        """The number of the next change. None is given twice, not even after ``rewrite``: ids are made of it."""
        return self._last + 1

    def about(self, name: str) -> str | None:
        """A fact about the whole file."""
        value: str | None = self._first_value("SELECT value FROM about WHERE name = ?", name)
        return value

    def set_about(self, **facts: str) -> None:
        """Note facts about the whole file. Raises ``OSError`` when that fails."""
        with self._writing():
            self._set_about(facts)

    def append(self, change: Change) -> None:
        """Write a change; it is there after the process is killed. Raises ``OSError`` when that fails."""
        with self._writing():
            self._insert([change])
        self._last = change.number

    def changes(self) -> Iterator[Change]:
        """All changes, the oldest first."""
        rows = self._database.execute(
            "SELECT number, moment, method, target, body, outcome FROM changes ORDER BY number"
        )
        return (Change(*row) for row in rows)

    def rewrite(self, changes: Iterable[Change] = ()) -> None:
        """Have these changes and no others; to be done ``at_once``."""
        self._database.execute("DELETE FROM changes")
        self._insert(changes)
        self._set_about({_LAST: str(self._last)})

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Write all that the block writes, or nothing. Raises ``OSError`` when that fails."""
        with self._writing(), self._database:
            self._database.execute("BEGIN")
            yield

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def _lock_and_check(self) -> None:
        application = self._first_value("PRAGMA application_id")
        version = self._first_value("PRAGMA user_version")
        empty = not self._first_value("SELECT count(*) FROM sqlite_master")
        if application != _APPLICATION and not (empty and application == version == 0):
            raise StateError(f"{self._path} is a database of something else; name another file")
        if version > _FORMAT:
            raise StateError(
                f"{self._path} was written by a newer sandbox (format {version}; this one knows {_FORMAT}); "
                "use that version, or start a new file"
            )
        for pragma in ("locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = NORMAL"):
            self._database.execute(f"PRAGMA {pragma}")
        self._database.execute("BEGIN EXCLUSIVE")
        if empty:
            for statement in _TABLES.split(";"):
                self._database.execute(statement)
            self._database.execute(f"PRAGMA application_id = {_APPLICATION}")
            self._database.execute(f"PRAGMA user_version = {_FORMAT}")
        self._database.execute("COMMIT")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        import sqlite3  # noqa: PLC0415 - it is imported already

        try:
            yield
        except sqlite3.Error as error:
            raise OSError(f"the state file {self._path} cannot be written: {error}") from error

    def _set_about(self, facts: Mapping[str, str]) -> None:
        self._database.executemany("INSERT OR REPLACE INTO about VALUES (?, ?)", facts.items())

    def _insert(self, changes: Iterable[Change]) -> None:
        rows = ((c.number, c.moment, c.method, c.target, c.body, c.outcome) for c in changes)
        self._database.executemany("INSERT INTO changes VALUES (?, ?, ?, ?, ?, ?)", rows)

    def _first_value(self, query: str, *values: str) -> Any:
        row = self._database.execute(query, values).fetchone()
        return row and row[0]
