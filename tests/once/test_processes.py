"""Real processes that are stopped and killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

import asyncpg
from helpers import BEGIN, COMPLETE, PROGRAM, credited, delivered, sent, settled
from test_deliver import load, many

import brevo_balance_async
from brevo_balance_async.exactly_once import ExactlyOnce
from brevo_balance_async.journal import Journal
from brevo_balance_async.sandbox import effects

HERE = Path(__file__).parent
PACKAGE = Path(brevo_balance_async.__file__).parents[1]


def begun(sandbox):
    return Counter(each.meta["reference"] for each in sandbox.ledger.transactions(PROGRAM))


async def start(*arguments):
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), str(PACKAGE)])}
    return await asyncio.create_subprocess_exec(
        sys.executable, *map(str, arguments), stdout=asyncio.subprocess.PIPE, env=env
    )


async def stop_between_transactions(worker, url):
    """Who is stopped in the middle of a transaction keeps its locks, and nobody can write until it goes on."""
    while True:
        worker.send_signal(signal.SIGSTOP)
        await asyncio.sleep(0.01)
        if not await holds_locks(str(url)):
            return
        worker.send_signal(signal.SIGCONT)
        await asyncio.sleep(0.01)


async def holds_locks(url):
    if url.startswith("postgresql"):
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval(
                "SELECT count(*) > 0 FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'"
            )
        finally:
            await connection.close()
    with closing(sqlite3.connect(url, timeout=0, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
    return False


async def test_a_process_that_was_stopped_past_its_lease_sends_nothing_for_what_others_have_settled(
    sandbox, program, definition, url
):
    """It wakes with fifty rows in hand, ten of them in the middle of a request."""
    settings = {
        "journal": url,
        "key": sandbox.api_key,
        "base_url": sandbox.base_url,
        "definition": definition,
        "lease": 1.0,
        "once": {"grace": 0.3, "patience": 20.0},
        "apply": [],
    }
    async with Journal(url, lease=1) as journal:
        await load(journal, program, definition, many(80, contacts=80))
    slow = sandbox.faults.add(effects.delay(0.2), operation=BEGIN)
    worker = await start(HERE / "worker.py", json.dumps(settings))
    try:
        while sent(sandbox, COMPLETE) < 3:
            await asyncio.sleep(0.001)
        await stop_between_transactions(worker, url)
        sandbox.faults.remove(slow)
        async with Journal(url, lease=1) as journal:
            once = ExactlyOnce(program, journal, grace=0.3, patience=20.0)
            while len(credited(sandbox)) < 80:
                await settled(once)
            before = begun(sandbox)
            await load(journal, program, definition, many(90, contacts=90)[80:], "more")
        worker.send_signal(signal.SIGCONT)
        while len(credited(sandbox)) < 90:  # the worker has woken, and finds what is new
            await asyncio.sleep(0.01)
        after = begun(sandbox)
        assert {reference: after[reference] for reference in before} == before
    finally:
        worker.kill()
        await worker.wait()
    assert credited(sandbox) == {f"r{n}": 1 for n in range(90)}


ORDER = """
import os, signal, sys
from types import SimpleNamespace
from sqlalchemy import create_engine, text
from brevo_balance_async.journal import Journal, metadata

file, program, base_url, definition, end = sys.argv[1:]
handle = SimpleNamespace(id=program, base_url=base_url)
engine = create_engine(f"sqlite:///{file}")
metadata.create_all(engine)
connection = engine.connect()
connection.execute(text("CREATE TABLE shop_order (id INTEGER)"))
connection.commit()
connection.execute(text("INSERT INTO shop_order VALUES (1)"))
Journal(file).add_sync(
    connection, handle, reference="order-1", contact_id=1, balance_definition_id=definition, amount="5"
)
if end == "commit":
    connection.commit()
os.kill(os.getpid(), signal.SIGKILL)
"""


async def order(file, program, definition, end):
    process = await start("-c", ORDER, file, program.id, program.base_url, definition, end)
    await process.wait()
    assert process.returncode == -signal.SIGKILL


async def test_what_was_committed_by_a_process_that_died_at_once_is_credited_by_another_one(
    sandbox, program, definition, tmp_path
):
    await order(tmp_path / "shop.db", program, definition, "commit")
    async with Journal(tmp_path / "shop.db") as journal:
        outcomes = await delivered(ExactlyOnce(program, journal))
        assert outcomes["order-1"].state == "applied"
        assert await delivered(ExactlyOnce(program, journal)) == {}
    assert credited(sandbox) == {"order-1": 1}


async def test_what_was_never_committed_is_never_credited(sandbox, program, definition, tmp_path):
    await order(tmp_path / "shop.db", program, definition, "die")
    async with Journal(tmp_path / "shop.db") as journal:
        assert await delivered(ExactlyOnce(program, journal)) == {}
    assert sandbox.ledger.transactions(PROGRAM) == []
