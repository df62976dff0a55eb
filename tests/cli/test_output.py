"""What the listing commands write: every row, exactly, in four formats."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import tracemalloc
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest

from brevo_balance_async import TransactionRecord
from brevo_balance_async.cli.output import export

from .conftest import (
    EXACT,
    OTHER,
    PLAIN_COMMAND,
    POINTS,
    PROGRAM,
    ROWS,
    control,
    message_of,
)

UMLAUTS = "27aa1d7a-af67-4020-8a65-19d6b0f0a26f"


@pytest.mark.parametrize("output", ["table", "json", "jsonl", "csv"])
@pytest.mark.parametrize("amount", ["1e50000000", "-1e-50000000", "0e-50000000"])
async def test_an_absurd_exponent_is_not_written_out(capsys, output, amount):
    class OnePage:
        async def pages(self):
            record = TransactionRecord(id="t", amount=Decimal(amount), meta={"v": Decimal(amount)})
            yield SimpleNamespace(items=[record], count=1)

    await export(OnePage(), TransactionRecord, ("id", "amount", "meta"), output)
    assert 0 < len(capsys.readouterr().out) < 5_000


def no_float(text):
    raise AssertionError(f"{text} would be read as a binary float")


def exact_json(text):
    return json.loads(text, parse_float=no_float)


def listing(command, *arguments, output):
    return [*command, "--program", PROGRAM, "--definition", POINTS, *arguments, "--output", output]


READERS = {
    "json": exact_json,
    "jsonl": lambda text: [exact_json(line) for line in text.splitlines()],
    "csv": lambda text: list(csv.DictReader(io.StringIO(text))),
}


@pytest.mark.parametrize("output", READERS)
def test_a_long_history_is_written_whole(cli, api, output):
    done = cli(*listing(["history"], "--contact", "7", output=output))
    rows = READERS[output](done.out)
    assert (done.code, done.err) == (0, "")
    assert len({row["id"] for row in rows}) == len(rows) == ROWS
    assert {row["amount"] for row in rows} == {"12.34"}
    times = [row["created_at"] for row in rows]
    assert times == sorted(times, reverse=True)


@pytest.mark.parametrize("output", READERS)
def test_amounts_no_float_can_carry_keep_their_digits(cli, api, output):
    (row,) = READERS[output](cli(*listing(["history"], "--contact", "8", output=output)).out)
    assert row["amount"] == EXACT
    balances = READERS[output](cli(*listing(["balances", "list"], output=output)).out)
    held = {int(row["contact_id"]): Decimal(row["value"]) for row in balances}
    assert held[7] == Decimal("12.34") * ROWS
    assert held[8] == Decimal(EXACT)
    active = READERS[output](cli(*listing(["balances", "active"], "--contact", "8", output=output)).out)
    assert [row["amount"] for row in active] == [EXACT]


def test_a_table_is_aligned_and_has_one_line_for_each_row(cli, api):
    head, *lines = cli(*listing(["history"], "--contact", "7", output="table")).out.splitlines()
    assert head.split("  ")[0].strip() == "id"
    assert len(lines) == ROWS
    at = head.index("amount") + len("amount")
    assert {line[:at].rsplit(maxsplit=1)[-1] for line in lines} == {"12.34"}
    assert EXACT in cli(*listing(["history"], "--contact", "8", output="table")).out


@pytest.mark.parametrize(
    ("output", "nothing"),
    [("json", "[]\n"), ("jsonl", ""), ("csv", "id,amount,created_at,expires_at,extra\n")],
)
def test_an_empty_listing_is_an_empty_listing(cli, api, output, nothing):
    done = cli(*listing(["balances", "active"], "--contact", "99", output=output))
    assert (done.code, done.out) == (0, nothing)


def test_an_empty_table_has_its_head(cli, api):
    done = cli(*listing(["balances", "active"], "--contact", "99", output="table"))
    assert done.out == "id  amount  expires at  created at\n"


def test_a_name_cannot_steer_the_terminal(cli, api):
    listed = cli("definitions", "list", "--program", PROGRAM).out
    shown = cli("definitions", "get", OTHER, "--program", PROGRAM).out
    assert "Bell? and ?[31mred" in listed
    assert "Bell? and ?[31mred" in shown
    assert "\x1b" not in listed + shown
    (row,) = exact_json(
        f"[{cli('definitions', 'get', OTHER, '--program', PROGRAM, '--output', 'jsonl').out}]"
    )
    assert row["name"] == "Bell\x07 and \x1b[31mred"


def test_a_reader_that_leaves_is_no_failure_to_speak_of(api):
    command = [*PLAIN_COMMAND, *listing(["history"], "--contact", "7", output="jsonl")]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ)
    ) as process:
        assert process.stdout.readline().startswith('{"id"')
        process.stdout.close()
        err = process.stderr.read()
    assert err == ""
    assert process.returncode == 1


def test_ctrl_c_says_how_much_was_written(api):
    control(api, "POST", "faults", {"effect": "stall", "operation": "history.list", "nth": 2})
    command = [*PLAIN_COMMAND, *listing(["history"], "--contact", "7", output="jsonl")]
    try:
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ)
        ) as process:
            lines = [process.stdout.readline()]  # the first page is being written, the second never comes
            process.send_signal(signal.SIGINT)
            lines += process.stdout.readlines()
            err = process.stderr.read()
    finally:
        control(api, "DELETE", "faults")
    assert process.returncode == 130
    said = f"interrupted: {len(lines)} rows were written, which is not the whole listing"
    assert json.loads(err) == {"type": "notice", "message": said}
    assert len(lines) == 500


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
@pytest.mark.parametrize("arguments", [("history", "--contact", "7"), ("balances", "get", "7")])
def test_output_that_cannot_be_written_is_one_line_and_code_1(api, arguments):
    definition = ("--definition", POINTS) if arguments[0] == "history" else ()
    command = [*PLAIN_COMMAND, *arguments, "--program", PROGRAM, *definition, "--output", "csv"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
            env=dict(os.environ),
        )
    assert done.returncode == 1
    assert done.stderr.startswith("brevo-balance: the output could not be written: ")
    assert done.stderr.count("\n") == 1


def to_ascii(api, monkeypatch):
    """Umlauts on the server, and a stdout that cannot carry them."""
    control(api, "POST", "seed", {"program": UMLAUTS, "definitions": [{"name": "Pünkte", "unit": "POINTS"}]})
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", out)
    return out


@pytest.mark.parametrize("output", ["table", "csv"])
def test_output_that_its_encoding_cannot_carry_is_code_1_and_a_hint(cli, api, monkeypatch, output):
    to_ascii(api, monkeypatch)
    said = message_of(cli("definitions", "list", "--program", UMLAUTS, "--output", output), 1)
    assert said.startswith("brevo-balance: the output cannot be written in ascii ")
    assert "hint: try PYTHONIOENCODING=utf-8" in said


@pytest.mark.parametrize("output", ["json", "jsonl"])
def test_json_can_be_written_in_any_encoding(cli, api, monkeypatch, output):
    out = to_ascii(api, monkeypatch)
    assert cli("definitions", "list", "--program", UMLAUTS, "--output", output).code == 0
    text = out.buffer.getvalue().decode("ascii")
    assert READERS[output](text)[0]["name"] == "Pünkte"


class LongWalk:
    """A walk of many pages that are made when they are asked for."""

    def __init__(self, pages, size):
        self._pages, self._size = pages, size

    async def pages(self):
        for page in range(self._pages):
            rows = [TransactionRecord(id=f"{page}-{row}", amount=Decimal(row)) for row in range(self._size)]
            yield SimpleNamespace(items=rows, count=self._pages * self._size)


@pytest.mark.parametrize("output", ["table", "json", "jsonl", "csv"])
async def test_memory_does_not_grow_with_the_walk(monkeypatch, output):
    with open(os.devnull, "w") as nowhere:  # noqa: ASYNC230, PTH123  (a sink, not a file)
        monkeypatch.setattr(sys, "stdout", nowhere)
        peaks = []
        for pages in (2, 10):
            tracemalloc.start()
            await export(LongWalk(pages, 100), TransactionRecord, ("id", "amount"), output)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.5
