"""A journal in a SQLite file: safe against a power cut, and shared by the processes of one machine."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from sqlalchemy import URL, create_engine, event

from brevo_balance_async.errors import InvalidRequestError, JournalError
from brevo_balance_async.journal.failures import explained, sqlite_code

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

T = TypeVar("T")

BUSY: Final = 30.0
"""Seconds that another program may hold the file locked."""
_NETWORK: Final = frozenset(
    {
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "ncpfs",
        "afs",
        "9p",
        "ceph",
        "glusterfs",
        "lustre",
        "gpfs",
        "beegfs",
    }
    | {f"fuse.{name}" for name in ("sshfs", "glusterfs", "ceph", "s3fs", "rclone", "davfs", "gcsfuse")}
)
_MOUNTS: Final = Path("/proc/self/mounts")


class SqliteFile:
    """See ``Database``. One connection, used by one thread."""

    def __init__(self, path: str, wall: Callable[[], float] | None) -> None:
        if not path or path == ":memory:" or "mode=memory" in path:
            raise InvalidRequestError(
                "url", "must name a file: a journal in memory forgets what was credited"
            )
        self.place = path
        self._wall = wall or time.time
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="brevo-balance-journal")
        self._engine = create_engine(
            URL.create("sqlite", database=path), connect_args={"timeout": BUSY}, pool_size=1, max_overflow=0
        )
        event.listen(self._engine, "connect", self._prepare)
        event.listen(self._engine, "begin", self._begin)
        # Kept: to take one out of the pool costs more than a commit.
        self._connection: Connection | None = None
        self._durable = True

    async def transact(self, work: Callable[[Connection, float], T], *, durable: bool = True) -> T:
        """Run ``work`` between BEGIN IMMEDIATE and COMMIT."""
        job = partial(self._transact, work, durable)
        return await asyncio.get_running_loop().run_in_executor(self._thread, job)

    async def close(self) -> None:
        """Close the connection; what is left in the write-ahead log moves to the file."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown(wait=False)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._engine.dispose()

    def _transact(self, work: Callable[[Connection, float], T], durable: bool) -> T:
        self._durable = durable
        try:
            if self._connection is None:
                self._connection = self._engine.connect()
            with self._connection.begin():
                return work(self._connection, self._wall())
        except JournalError:
            raise
        except Exception as error:
            raise explained(error, self.place) from error

    def _prepare(self, raw: sqlite3.Connection, _: Any) -> None:
        if (kind := network_file_system(Path(self.place))) is not None:
            raise JournalError(
                f"the journal {self.place} lies on a network file system ({kind}), where SQLite's locks do not hold "
                "and two programs could credit twice; put it on a local disk, or use PostgreSQL"
            )
        raw.isolation_level = None  # BEGIN is ours: the driver's own comes late and takes no lock
        _write_ahead(raw)
        raw.execute("PRAGMA fullfsync=ON")  # on macOS a synced commit has left the disk's cache too

    def _begin(self, connection: Connection) -> None:
        # FULL: the commit is on the disk when it returns, with all that came before it in the write-ahead log.
        connection.exec_driver_sql(f"PRAGMA synchronous={'FULL' if self._durable else 'NORMAL'}")
        # The lock is taken at once. A transaction that reads first and writes later fails with "database is locked"
        # when another one has written in between, whatever the timeout.
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _write_ahead(raw: sqlite3.Connection) -> None:
    end = time.monotonic() + BUSY
    while True:
        try:
            raw.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:  # SQLite itself does not wait for this one lock
            if sqlite_code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(0.01)
        else:
            return


def network_file_system(path: Path, mounts: Path = _MOUNTS) -> str | None:
    """The kind of the network file system that ``path`` lies on, or None. Only Linux tells."""
    try:
        lines = mounts.read_text(errors="replace").splitlines()
    except OSError:
        return None
    folder = path.absolute().parent.resolve()
    best, kind = -1, None
    for line in lines:
        _, point, name, *_ = line.split(" ")
        root = Path(point.encode().decode("unicode_escape"))
        if folder.is_relative_to(root) and len(root.parts) >= best:
            best, kind = len(root.parts), name
    return kind if kind in _NETWORK else None
