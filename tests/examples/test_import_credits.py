"""The example, run as its reader would run it, against a real sandbox."""

from __future__ import annotations

import asyncio
import csv
import os
import runpy
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
    async with BalanceClient(sandbox.api_key, base_url=sandbox.base_url) as client:
        definitions = client.program(PROGRAM).definitions
        await definitions.update(POINTS, name="Points", unit="POINTS", max_credit_amount_limit=100)
    path = write(tmp_path / "rows.csv", ["1.50", "0.00", "-3.00", "101.00", "2.25"])
    with path.open("a") as file:
        file.write("no time,1,,1,0.25\n")
    code, out = await run_example(sandbox, path, "--concurrency", "3")
    assert code == 1
    *refused, counts = out.splitlines()
    assert sorted(line.partition(": ")[0] for line in refused) == [
        "refused row-002 (line 3)",
        "refused row-003 (line 4)",
        "refused row-004 (line 5)",
    ]
    assert sorted(counts.split(", ")) == ["0 not tried", "3 credited", "3 refused"]
    assert sum((await held(sandbox)).values()) == Decimal("4.00")


async def test_a_file_that_a_spreadsheet_wrote(sandbox, tmp_path):
    path = write(tmp_path / "rows.csv", ["1.50"])
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert await run_example(sandbox, path) == (0, "1 credited, 0 not tried\n")


GOOD = "reference,contact_id,event_time,amount\nr,1,2026-01-01T00:00:00Z,1\n"


@pytest.mark.parametrize(
    ("text", "arguments", "reason"),
    [
        ("", (), "rows.csv: is empty"),
        ("reference,contact_id,event_time,amount\n", (), "rows.csv: holds no rows"),
        (
            "reference,contact_id,event_time\nr,1,2026-01-01T00:00:00Z\n",
            (),
            "line 1: amount: column missing: amount",
        ),
        (GOOD + "x,1,yesterday,1\n", (), "line 3: event_time: must be ISO 8601"),
        (
            GOOD + "long,1,2026-01-01T00:00:00Z,1,50\n",
            (),
            "line 3: the record has 5 fields, its header (line 1) has 4",
        ),
        (
            GOOD + ",1,,1\nr,x,,1\n",
            (),
            "line 3: reference: must not be empty;\n  line 4: contact_id: must be a whole",
        ),
        (GOOD, ("--concurrency", "0"), "it takes a concurrency of 1 or more"),
        (GOOD, ("--definition", "points"), "balance_definition_id: must be a UUID, not 'points'"),
    ],
)
def test_what_cannot_be_a_run_is_refused_before_anything_is_sent(
    tmp_path, monkeypatch, capsys, text, arguments, reason
):
    path = tmp_path / "rows.csv"
    path.write_text(text)
    monkeypatch.setattr(
        sys, "argv", ["", str(path), "--program", PROGRAM, "--definition", POINTS, *arguments]
    )
    monkeypatch.setenv("BREVO_API_KEY", "xkeysib-unit")
    monkeypatch.setenv("BREVO_BASE_URL", "http://127.0.0.1:9/v3")  # where nobody listens
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(EXAMPLE), run_name="__main__")
    assert end.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert reason in err


async def test_an_unknown_outcome_is_listed_and_never_sent_again(sandbox, tmp_path):
    sandbox.faults.add(effects.apply_then_drop(), operation="transactions.begin", nth=4)
    sandbox.faults.add(effects.status(500), operation="transactions.begin", nth=8)
    path = write(tmp_path / "rows.csv", ["1.00"] * 20)
    code, out = await run_example(sandbox, path, "--concurrency", "1")
    assert code == 1
    assert "unknown row-004 (line 5): " in out
    assert "unknown row-008 (line 9): " in out
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
