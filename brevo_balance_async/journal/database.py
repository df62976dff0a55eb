"""One database behind one door: a transaction at a time, its SQL written once for SQLite and PostgreSQL.

The work of a transaction is an ordinary function of a ``Connection``. SQLite runs it in a thread of its own, in one hop
for the whole transaction; PostgreSQL on asyncpg, where SQLAlchemy turns the function's calls into awaits.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from brevo_balance_async.errors import InvalidRequestError
from brevo_balance_async.journal.postgres import Postgres
from brevo_balance_async.journal.sqlite import SqliteFile

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

T = TypeVar("T")


class Database(Protocol):
    """What the writer needs of a database."""

    place: str
    """For messages; without a password."""

    async def transact(self, work: Callable[[Connection, float], T], *, durable: bool = True) -> T:
        """Run ``work`` in one transaction; it is given the database's clock in seconds.

        A ``durable`` commit survives a power cut, and so do all before it. One that is not survives the end of this
        process, and is spared the wait for the disk.
        """
        ...

    async def close(self) -> None:
        """Close the connection."""
        ...


_SERVERS: Final = frozenset({"postgresql", "postgres"})


def database(url: str | os.PathLike[str], wall: Callable[[], float] | None) -> Database:
    """The database that ``url`` names: a file's path, ``sqlite:///path`` or ``postgresql://...``.

    ``wall`` stands in for the database's clock, in tests.
    """
    if isinstance(url, os.PathLike) or "://" not in url:
        return SqliteFile(os.fspath(url), wall)
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise InvalidRequestError("url", "is neither a file's path nor a database URL") from None
    if parsed.get_backend_name() == "sqlite":
        return SqliteFile(parsed.database or "", wall)
    if parsed.get_backend_name() in _SERVERS:
        return Postgres(_with_asyncpg(parsed), wall)
    raise InvalidRequestError(
        "url", f"must name a SQLite file or a PostgreSQL database, not {parsed.get_backend_name()}"
    )


def _with_asyncpg(url: URL) -> URL:
    return url.set(drivername="postgresql+asyncpg")
