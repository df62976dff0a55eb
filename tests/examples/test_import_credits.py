"""The example, run as its reader would run it, against a real sandbox."""

from __future__ import annotations

import asyncio
import csv
import os
import sys
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import pytest

from brevo_balance_async import BalanceClient
from brevo_balance_async.sandbox import Sandbox, effects

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "import_credits.py"
SHARED = ROOT.parent / "shared" / "data" / "cdnow_sample.csv"
PROGRAM = "27aa1d7a-af67-4020-8a65-19d6b0f0a26e"
POINTS = "7c1f0f0e-52a1-4c2e-9a55-0d3b7c9f1a10"
SEED = {"program": PROGRAM, "definitions": [{"id": POINTS, "name": "Points", "unit": "POINTS"}]}


@pytest.fixture
async def sandbox():
    async with Sandbox(seed=SEED) as sandbox:
        yield sandbox


def write(path, amounts):
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["reference", "contact_id", "event_time", "quantity", "amount"])
        for number, amount in enumerate(amounts, 1):
            rows.writerow([f"row-{number:03}", 1 + number % 7, "1997-01-01T12:00:00Z", 1, amount])
    return path


async def run_example(sandbox, path, *arguments, key=None):
    env = {
        **os.environ,
        "BREVO_API_KEY": key or sandbox.api_key,
        "BREVO_BASE_URL": sandbox.base_url,
        "PYTHONWARNINGS": "error",
    }
    command = [
        sys.executable,
        str(EXAMPLE),
        str(path),
        "--program",
        PROGRAM,
        "--definition",
        POINTS,
        *arguments,
    ]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=env
    )
    out, err = await process.communicate()
    assert err == b""
    return process.returncode, out.decode()


async def held(sandbox):
    async with BalanceClient(sandbox.api_key, base_url=sandbox.base_url) as client:
        balances = client.program(PROGRAM).balances.list(POINTS)
        return {balance.contact_id: balance.value async for balance in balances}


def sums(path):
    total = defaultdict(Decimal)
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            total[int(row["contact_id"])] += Decimal(row["amount"])
    return {contact: amount for contact, amount in total.items() if amount}


async def test_every_row_is_credited_once(sandbox, tmp_path):
    path = write(tmp_path / "rows.csv", [f"{n}.{n:02}" for n in range(1, 91)])
    code, out = await run_example(sandbox, path)
    assert (code, out) == (0, "90 credited, 0 not tried\n")
    assert await held(sandbox) == sums(path)
    assert sandbox.hits("transactions.begin") == 90


async def test_a_refused_row_is_listed_and_stops_nobody(sandbox, tmp_path):
    path = write(tmp_path / "rows.csv", ["1.50", "0.00", "-3.00", "x", "2.25"])
    code, out = await run_example(sandbox, path, "--concurrency", "1")
    assert code == 1
    assert "refused row-002: amount" in out
    assert "refused row-003: insufficient balance" in out
    assert "refused row-004: amount" in out
    assert out.endswith("2 credited, 3 refused, 0 not tried\n")


async def test_an_unknown_outcome_is_listed_and_never_sent_again(sandbox, tmp_path):
    sandbox.faults.add(effects.apply_then_drop(), operation="transactions.begin", nth=4)
    sandbox.faults.add(effects.status(500), operation="transactions.begin", nth=8)
    path = write(tmp_path / "rows.csv", ["1.00"] * 20)
    code, out = await run_example(sandbox, path, "--concurrency", "1")
    assert code == 1
    assert "unknown row-004: " in out
    assert "unknown row-008: " in out
    assert out.endswith("18 credited, 2 unknown, 0 not tried\n")
    assert sandbox.hits("transactions.begin") == 20
    # One of the two was applied, the other was not: that is what unknown means.
    assert sum((await held(sandbox)).values()) == 19


async def test_a_wrong_key_stops_the_run(sandbox, tmp_path):
    path = write(tmp_path / "rows.csv", ["1.00"] * 50)
    code, out = await run_example(sandbox, path, "--concurrency", "2", key="xkeysib-wrong-0123456789")
    assert code == 1
    *lines, counts = out.splitlines()
    assert all("401" in line for line in lines)
    assert counts in {f"{n} failed, {50 - n} not tried" for n in (1, 2)}
    assert await held(sandbox) == {}


@pytest.mark.skipif(not SHARED.exists(), reason="the shared purchases are not on this machine")
async def test_real_purchases(sandbox):
    code, out = await run_example(sandbox, SHARED)
    assert out.endswith("6911 credited, 8 refused, 0 not tried\n")
    assert code == 1
    assert out.count("amount: must not be zero") == 8
    assert await held(sandbox) == sums(SHARED)


def test_it_fits_a_screen_and_a_half():
    assert len(EXAMPLE.read_text().splitlines()) < 80
