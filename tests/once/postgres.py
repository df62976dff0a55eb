"""A PostgreSQL server for tests: started on a socket in a temporary folder, where its programs are installed."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def programs() -> Path | None:
    """The folder of ``initdb`` and ``pg_ctl``; Debian keeps it out of the path."""
    if found := shutil.which("pg_ctl"):
        return Path(found).resolve().parent
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), key=lambda each: int(each.parts[-3]))
    return installed[-1].parent if installed else None


def account() -> str | None:
    """The user to run it as: it refuses to run as root."""
    if os.getuid() != 0:
        return pwd.getpwuid(os.getuid()).pw_name
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        return None


async def create(server: Path, name: str) -> None:
    """Make an empty database."""
    import asyncpg

    connection = await asyncpg.connect(host=str(server), user="tester", database="postgres")
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()


@contextmanager
def server() -> Iterator[Path]:
    """A running server; gives the folder of its socket. Durable, so that what is measured counts."""
    folder = Path(tempfile.mkdtemp(prefix="brevo-pg-"))  # short: a socket's path has at most 107 bytes
    bin_, user = programs(), account()
    assert bin_ is not None
    assert user is not None
    if os.getuid() == 0:
        shutil.chown(folder, user)
    options = f"-c listen_addresses='' -c unix_socket_directories='{folder}' -c max_connections=40"

    def run(*command: object) -> None:
        user_or_me = {"user": user} if os.getuid() == 0 else {}
        subprocess.run(
            [str(each) for each in command], check=True, capture_output=True, cwd=folder, **user_or_me
        )

    data = folder / "data"
    run(bin_ / "initdb", "-D", data, "-A", "trust", "-U", "tester", "-E", "UTF8", "--locale=C", "-N")
    run(bin_ / "pg_ctl", "-D", data, "-o", options, "-l", folder / "log", "-w", "start")
    try:
        yield folder
    finally:
        run(bin_ / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder, ignore_errors=True)
