"""The nightly export, run as cron would run it, against a real sandbox."""

from __future__ import annotations

import asyncio
import csv
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from brevo_balance_async import BalanceClient
from brevo_balance_async.sandbox import Sandbox, SandboxClock, effects

EXAMPLE = Path(__file__).parents[2] / "examples" / "export_history.py"
PROGRAM = "27aa1d7a-af67-4020-8a65-19d6b0f0a26e"
POINTS = "7c1f0f0e-52a1-4c2e-9a55-0d3b7c9f1a10"
SEED = {"program": PROGRAM, "definitions": [{"id": POINTS, "name": "Points", "unit": "POINTS"}]}
YESTERDAY, MIDNIGHT = datetime(2026, 11, 25, 12, tzinfo=UTC), "2026-11-26T00:00:00Z"


@pytest.fixture
async def sandbox():
    """Members 1 to 4 bought something yesterday, 3 to 6 today."""
    clock = SandboxClock(YESTERDAY, frozen=True)
    async with Sandbox(seed=SEED, clock=clock) as sandbox:
        async with BalanceClient(sandbox.api_key, base_url=sandbox.base_url) as client:
            buy = client.program(PROGRAM).transactions.credit
            for day, members in (("yesterday", range(1, 5)), ("today", range(3, 7))):
                for n in members:
                    reference = {"reference": f"{day}-{n}"}
                    await buy(balance_definition_id=POINTS, contact_id=n, amount=f"{n}.25", meta=reference)
                clock.advance(86_400)
        sandbox.requests.clear()
        yield sandbox


async def export(sandbox, target):
    env = {**os.environ, "BREVO_API_KEY": sandbox.api_key, "BREVO_BASE_URL": sandbox.base_url}
    env["PYTHONPATH"] = str(EXAMPLE.parents[1])
    command = [sys.executable, "-W", "error", str(EXAMPLE), PROGRAM, POINTS, MIDNIGHT, str(target)]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, env=env, stdout=pipe, stderr=pipe)
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_it_has_what_came_since_then_and_asks_for_nobody_else(sandbox, tmp_path):
    target = tmp_path / "export.csv"
    assert await export(sandbox, target) == (0, "4 transactions\n", "")
    with target.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["contact_id"], row["amount"], row["status"], row["reference"]) for row in rows] == [
        (str(n), f"{n}.25", "completed", f"today-{n}") for n in range(3, 7)
    ]
    assert sandbox.hits("history.list") == 4  # not for members 1 and 2
    assert [path.name for path in tmp_path.iterdir()] == ["export.csv"]


async def test_an_export_that_fails_leaves_the_last_one_as_it_was(sandbox, tmp_path):
    target = tmp_path / "export.csv"
    target.write_text("of last night")
    sandbox.faults.add(effects.status(403), operation="history.list", nth=3)
    code, out, err = await export(sandbox, target)
    assert (code, out) == (1, "")
    assert "PermissionDeniedError" in err
    assert target.read_text() == "of last night"
