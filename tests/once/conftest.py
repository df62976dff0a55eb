"""Journals on both databases, a sandbox, and a program of it."""

from __future__ import annotations

import sys
from itertools import count
from pathlib import Path

import pytest

HERE = Path(__file__).parent
for shared in (HERE, HERE.parent):
    if str(shared) not in sys.path:
        sys.path.insert(0, str(shared))

import postgres  # noqa: E402  (the path above)

from brevo_balance_async import BalanceClient  # noqa: E402
from brevo_balance_async.journal import Journal  # noqa: E402
from brevo_balance_async.sandbox import Sandbox  # noqa: E402

PROGRAM = "27aa1d7a-af67-4020-8a65-19d6b0f0a26e"
_numbers = count()


@pytest.fixture(scope="session")
def postgres_server():
    if postgres.programs() is None:
        pytest.skip("PostgreSQL is not installed (initdb and pg_ctl were not found)")
    if postgres.account() is None:
        pytest.skip("PostgreSQL does not run as root, and there is no user postgres")
    with postgres.server() as folder:
        yield folder


@pytest.fixture
async def postgres_url(postgres_server):
    name = f"journal_{next(_numbers)}"
    await postgres.create(postgres_server, name)
    return f"postgresql://tester@/{name}?host={postgres_server}"


@pytest.fixture
def sqlite_url(tmp_path):
    return str(tmp_path / "journal.db")


@pytest.fixture(params=["sqlite", "postgres"])
def url(request):
    """A new database of each kind."""
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture
def journal_url(request):
    """A new SQLite file, or where a test is marked as ``BOTH`` a new database of each kind."""
    return request.getfixturevalue(f"{getattr(request, 'param', 'sqlite')}_url")


@pytest.fixture
async def journal(url):
    async with Journal(url) as journal:
        yield journal


@pytest.fixture
async def sandbox():
    async with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
async def client(sandbox):
    async with BalanceClient(sandbox.api_key, base_url=sandbox.base_url, timeout=5) as client:
        yield client


@pytest.fixture
def program(client):
    return client.program(PROGRAM)


@pytest.fixture
async def definition(program):
    return (await program.definitions.create(name="Points", unit="POINTS")).id
