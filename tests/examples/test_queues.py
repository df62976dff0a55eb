"""The queue recipes: each runs its own library in memory, against a real sandbox and a real journal."""

from __future__ import annotations

import asyncio
import runpy
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from procrastinate.testing import InMemoryConnector

from brevo_balance_async.sandbox import Sandbox, effects

EXAMPLES = Path(__file__).parents[2] / "examples"
PROGRAM = "27aa1d7a-af67-4020-8a65-19d6b0f0a26e"
POINTS = "7c1f0f0e-52a1-4c2e-9a55-0d3b7c9f1a10"
SEED = {"program": PROGRAM, "definitions": [{"id": POINTS, "name": "Points", "unit": "POINTS"}]}
BEGIN = "transactions.begin"
ORDERS = [{"order": f"order-{n}", "contact_id": n + 1, "points": "12.50"} for n in range(5)]
TWICE = [*ORDERS, *ORDERS[:2]]  # some are delivered twice


@pytest.fixture
async def sandbox(tmp_path, monkeypatch):
    async with Sandbox(seed=SEED) as sandbox:
        monkeypatch.setenv("BREVO_API_KEY", sandbox.api_key)
        monkeypatch.setenv("BREVO_BASE_URL", sandbox.base_url)
        monkeypatch.setenv("BREVO_PROGRAM_ID", PROGRAM)
        monkeypatch.setenv("BREVO_BALANCE_DEFINITION_ID", POINTS)
        monkeypatch.setenv("JOURNAL", str(tmp_path / "credits.db"))
        yield sandbox


def credited(sandbox):
    done = (each for each in sandbox.ledger.transactions(PROGRAM) if each.status == "completed")
    return Counter(each.meta["reference"] for each in done)


ONCE_EACH = {f"order-{n}": 1 for n in range(5)}


# procrastinate -------------------------------------------------------------------------------------------------------


@pytest.fixture
def queue():
    recipe = runpy.run_path(str(EXAMPLES / "procrastinate_task.py"))
    connector = InMemoryConnector()
    with recipe["app"].replace_connector(connector):
        yield recipe, connector


async def test_a_job_that_is_deferred_twice_credits_once(sandbox, queue, tmp_path):
    recipe, connector = queue
    for job in TWICE:
        await recipe["credit"].defer_async(**job)
    await recipe["work"](journal=str(tmp_path / "credits.db"), wait=False)
    assert Counter(job["status"] for job in connector.jobs.values()) == {"succeeded": 7}
    assert credited(sandbox) == ONCE_EACH


async def test_a_job_in_doubt_comes_back_when_it_makes_sense(sandbox, queue, tmp_path):
    recipe, connector = queue
    sandbox.faults.add(effects.too_many(30), operation=BEGIN)
    await recipe["credit"].defer_async(**ORDERS[0])
    await recipe["work"](journal=str(tmp_path / "credits.db"), wait=False)
    (job,) = connector.jobs.values()
    wait = (job["scheduled_at"] - datetime.now(UTC)).total_seconds()
    assert (job["status"], job["attempts"]) == ("todo", 1)
    assert 20 < wait <= 62
    assert credited(sandbox) == {}


async def test_a_key_that_is_refused_leaves_the_job_in_the_queue(sandbox, queue, tmp_path, monkeypatch):
    recipe, connector = queue
    monkeypatch.setenv("BREVO_API_KEY", "xkeysib-wrong-0123456789")
    await recipe["credit"].defer_async(**ORDERS[0])
    await recipe["work"](journal=str(tmp_path / "credits.db"), wait=False)
    (job,) = connector.jobs.values()
    assert job["status"] == "todo"
    assert credited(sandbox) == {}


# taskiq --------------------------------------------------------------------------------------------------------------


@pytest.fixture
async def tasks(sandbox):
    recipe = runpy.run_path(str(EXAMPLES / "taskiq_task.py"))
    await recipe["broker"].startup()
    yield recipe
    await recipe["broker"].shutdown()


async def test_a_task_that_is_sent_twice_credits_once(sandbox, tasks):
    sent = [await tasks["credit"].kiq(**job) for job in TWICE]
    results = await asyncio.gather(*(each.wait_result(timeout=10) for each in sent))
    assert [each.return_value for each in results] == ["applied"] * 7
    assert credited(sandbox) == ONCE_EACH


async def test_a_task_in_doubt_is_scheduled_for_when_it_makes_sense(sandbox, tasks):
    sandbox.faults.add(effects.too_many(30), operation=BEGIN)
    sent = await tasks["credit"].kiq(**ORDERS[0])
    assert (await sent.wait_result(timeout=10)).return_value == "unknown"
    (later,) = await tasks["later"].get_schedules()
    assert 20 < (later.time - datetime.now(UTC)).total_seconds() <= 62
    assert later.kwargs == ORDERS[0]
    assert credited(sandbox) == {}


async def test_the_scheduler_sends_what_is_due_once(sandbox, tasks):
    broker, later = tasks["broker"], tasks["later"]
    due = datetime.now(UTC) - timedelta(seconds=1)
    await tasks["credit"].kicker().schedule_by_time(later, due, **ORDERS[0])
    (task,) = await later.get_schedules()
    await tasks["scheduler"].on_ready(later, task)
    await broker.wait_all()
    assert await later.get_schedules() == []
    assert credited(sandbox) == {"order-0": 1}
