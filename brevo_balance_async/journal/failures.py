"""What the database's errors mean, in words that say what to do. No SQLAlchemy exception leaves the journal."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Final

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from brevo_balance_async.errors import JournalBusyError, JournalError, JournalFullError

if TYPE_CHECKING:
    from collections.abc import Callable

_NOTHING: Final = "nothing is sent that was not written down before"

# The low byte of SQLite's result code names the kind.
_SQLITE: Final[dict[int, tuple[Callable[[str], JournalError], str]]] = {
    sqlite3.SQLITE_BUSY: (
        JournalBusyError,
        "another program holds it locked; end that program or ask again later",
    ),
    sqlite3.SQLITE_LOCKED: (JournalBusyError, "another connection of this program holds it locked"),
    sqlite3.SQLITE_FULL: (
        JournalFullError,
        "the disk is full; make room and run again, it resumes where it was",
    ),
    sqlite3.SQLITE_READONLY: (
        JournalError,
        "it cannot be written to; give this user the right to write to the file and to its folder",
    ),
    sqlite3.SQLITE_PERM: (JournalError, "access is denied; give this user the right to read and write it"),
    sqlite3.SQLITE_CANTOPEN: (
        JournalError,
        "it cannot be opened; its folder must exist, and this user may write there",
    ),
    sqlite3.SQLITE_NOTADB: (JournalError, "it is no SQLite database; name another file"),
    sqlite3.SQLITE_CORRUPT: (
        JournalError,
        (
            "the file is damaged. Do not start with an empty one, it would credit everything again: rescue the rows "
            "with sqlite3's .recover, or rebuild with verify_first=True"
        ),
    ),
    sqlite3.SQLITE_IOERR: (JournalError, "the disk failed to read or write; look at the system's log"),
}
# By the first characters of the SQLSTATE, the longest first.
_POSTGRES: Final[dict[str, tuple[Callable[[str], JournalError], str]]] = {
    "53100": (
        JournalFullError,
        "the server's disk is full; make room and run again, it resumes where it was",
    ),
    "53": (
        JournalBusyError,
        "the server has no room for another connection or is out of memory; ask again later",
    ),
    "55P03": (JournalBusyError, "another program holds a lock; ask again later"),
    "40": (JournalBusyError, "another program wrote to the same rows; ask again"),
    "57": (
        JournalError,
        "the server ended the connection or is starting or stopping; ask again when it is up",
    ),
    "25006": (JournalError, "the server is read-only; name the primary, not a replica"),
    "28": (JournalError, "the server refused the user or password"),
    "3D000": (JournalError, "there is no such database; create it first"),
    "42501": (JournalError, "the user lacks a right; the tables can be made by a migration, see schema_sql"),
    "08": (JournalError, "the connection was lost"),
}


def sqlite_code(error: BaseException) -> int:
    """SQLite's primary result code, or 0."""
    origin = getattr(error, "orig", None) or error
    return int(getattr(origin, "sqlite_errorcode", 0)) & 0xFF


def sqlstate(error: BaseException) -> str:
    """PostgreSQL's five characters, or an empty text."""
    origin = getattr(error, "orig", None) or error
    return str(getattr(origin, "sqlstate", "") or getattr(origin, "pgcode", "") or "")


def explained(error: BaseException, place: str) -> JournalError:
    """The error for the caller; ``place`` says which journal."""
    if isinstance(error, JournalError):
        return error
    origin = getattr(error, "orig", None) or error
    kind, advice = _meaning(error)
    told = " ".join(str(origin).split())[:300] or type(origin).__name__
    failure = kind(f"the journal {place}: {advice} ({told}); {_NOTHING}")
    failure.__cause__ = error
    return failure


def _meaning(error: BaseException) -> tuple[Callable[[str], JournalError], str]:
    if found := _SQLITE.get(sqlite_code(error)):
        return found
    state = sqlstate(error)
    for length in (5, 2):
        if found := _POSTGRES.get(state[:length]):
            return found
    if isinstance(error, OSError) or (isinstance(error, DBAPIError) and error.connection_invalidated):
        return JournalError, "the connection could not be made or was lost; check the address and ask again"
    if isinstance(error, ModuleNotFoundError):
        return JournalError, "its driver is not installed: pip install 'brevo-balance-async[postgres]'"
    if isinstance(error, SQLAlchemyError):
        return JournalError, "the database refused"
    return JournalError, "it failed"


def is_collision(error: BaseException) -> bool:
    """Whether PostgreSQL ended a transaction because two of them were in each other's way; asking again helps."""
    return sqlstate(error) in {"40001", "40P01"}
