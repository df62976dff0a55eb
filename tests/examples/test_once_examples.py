"""The examples of exactly once, each run against a real sandbox."""

from __future__ import annotations

import asyncio
import json
import os
import runpy
import sys
from collections import Counter
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from brevo_balance_async.sandbox import Sandbox, effects

EXAMPLES = Path(__file__).parents[2] / "examples"
PROGRAM = "27aa1d7a-af67-4020-8a65-19d6b0f0a26e"
POINTS = "7c1f0f0e-52a1-4c2e-9a55-0d3b7c9f1a10"
SEED = {"program": PROGRAM, "definitions": [{"id": POINTS, "name": "Points", "unit": "POINTS"}]}
BEGIN = "transactions.begin"


@pytest.fixture
async def sandbox():
    async with Sandbox(seed=SEED) as sandbox:
        yield sandbox


def credited(sandbox):
    done = (each for each in sandbox.ledger.transactions(PROGRAM) if each.status == "completed")
    return Counter(each.meta["reference"] for each in done)


async def run(sandbox, folder, example, *arguments, stdin=""):
    """What it prints, line by line."""
    env = {**os.environ, "BREVO_API_KEY": sandbox.api_key, "BREVO_BASE_URL": sandbox.base_url}
    env["PYTHONPATH"] = str(EXAMPLES.parent)
    command = [sys.executable, str(EXAMPLES / example), PROGRAM, POINTS, *arguments]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, env=env, stdin=pipe, stdout=pipe, stderr=pipe
    )
    out, err = await process.communicate(stdin.encode())
    assert (process.returncode, err) == (0, b"")
    return sorted(out.decode().splitlines())


async def test_a_queue_that_delivers_twice_credits_once(sandbox, tmp_path):
    jobs = [{"order": f"order-{n}", "contact_id": n + 1, "points": "12.50"} for n in range(10)]
    lines = "".join(json.dumps(job) + "\n" for job in [*jobs, *jobs[:3]])
    sandbox.faults.add(effects.too_many(1), operation=BEGIN, nth=2)  # comes back after the wait
    out = await run(sandbox, tmp_path, "queue_consumer.py", stdin=lines)
    assert Counter(line.split()[1] for line in out) == {"applied": 13}
    assert credited(sandbox) == {f"order-{n}": 1 for n in range(10)}
    again = await run(sandbox, tmp_path, "queue_consumer.py", stdin=lines)
    assert all(line.endswith("applied before") for line in again)
    assert credited(sandbox) == {f"order-{n}": 1 for n in range(10)}


@pytest.fixture
async def web(sandbox, tmp_path, monkeypatch):
    values = {
        "BREVO_API_KEY": sandbox.api_key,
        "BREVO_BASE_URL": sandbox.base_url,
        "BREVO_PROGRAM_ID": PROGRAM,
        "BREVO_BALANCE_DEFINITION_ID": POINTS,
        "JOURNAL": str(tmp_path / "credits.db"),
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    app = runpy.run_path(str(EXAMPLES / "web_endpoint.py"))["app"]
    assert isinstance(app, FastAPI)
    async with app.router.lifespan_context(app):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as web:
            yield web


def post(web, key="key-1", points="5"):
    return web.post("/credits", json={"contact_id": 42, "points": points}, headers={"Idempotency-Key": key})


async def test_a_request_that_is_repeated_credits_once(sandbox, web):
    first, again = await post(web), await post(web)
    assert (first.status_code, first.json()) == (200, {"credited": "5", "repeated": False})
    assert (again.status_code, again.json()) == (200, {"credited": "5", "repeated": True})
    assert (await post(web, points="6")).status_code == 409
    assert (await post(web, key="key-2", points="0")).status_code == 400
    assert (await post(web, key="key-3", points="-100")).status_code == 422
    assert credited(sandbox) == {"key-1": 1}


async def test_requests_at_the_same_time_with_one_key_credit_once(sandbox, web):
    answers = await asyncio.gather(*(post(web) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {200}
    assert credited(sandbox) == {"key-1": 1}


async def test_what_is_not_known_yet_says_when_to_repeat_the_request(sandbox, web):
    sandbox.faults.add(effects.too_many(30), operation=BEGIN, nth=1)
    answer = await post(web)
    assert answer.status_code == 503
    assert 25 <= int(answer.headers["retry-after"]) <= 30
    assert credited(sandbox) == {}


async def test_an_order_is_credited_once_by_whichever_worker(sandbox, tmp_path):
    for points in ("5", "7.5"):
        assert await run(sandbox, tmp_path, "outbox_worker.py", "order", "42", points) == []
    assert credited(sandbox) == {}
    workers = await asyncio.gather(*(run(sandbox, tmp_path, "outbox_worker.py", "work") for _ in range(2)))
    assert sorted(line for lines in workers for line in lines) == ["order-1 applied", "order-2 applied"]
    assert credited(sandbox) == {"order-1": 1, "order-2": 1}
