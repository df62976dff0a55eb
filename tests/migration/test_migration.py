"""Every method and argument of the official SDK has its row, and what a row names exists here."""

from __future__ import annotations

import asyncio
import inspect
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import brevo_balance_async
from brevo_balance_async._renamed import CALLS
from brevo_balance_async.sandbox import Sandbox

HERE = Path(__file__).parent
TABLE = runpy.run_path(str(HERE / "table.py"))
OLD, ROWS, VERSIONS, PAGE = (TABLE[name] for name in ("OLD", "ROWS", "VERSIONS", "PAGE"))
METHODS = [(version, method) for version in VERSIONS for method in OLD[version]]


def named(call, here):
    """The call and the argument that a row names: an argument of the row's own call, or ``another.call(argument)``."""
    other = re.fullmatch(r"([\w.]+)\((\w+)\)", here)
    return other.groups() if other else (call, here)


def parameters(call):
    return inspect.signature(TABLE["target"](call)).parameters


def test_the_official_names_are_those_of_both_versions():
    assert {version: len(OLD[version]) for version in VERSIONS} == {"1.2.0": 36, "5.1.0": 18}
    assert len(OLD["1.2.0"]["begin_transaction"]["arguments"]) == 15
    assert len(ROWS["calls"]) == 18


@pytest.mark.parametrize(("version", "method"), METHODS)
def test_a_method_has_its_row_and_so_has_each_argument(version, method):
    plain = method.removesuffix("_with_http_info")
    call = CALLS[plain]
    row = ROWS["calls"][call]
    assert row[version] == plain
    for argument in OLD[version][method]["arguments"]:
        every = ROWS["every call"][version].get(argument)
        if every is None:
            call_here, name = named(call, row["arguments"][argument.removeprefix("body.")])
        elif every["here"] is None:
            assert every["note"]
            continue
        else:
            call_here, name = named(call, every["here"])
        assert name in parameters(call_here), f"{call_here} has no {name}"


def test_no_row_is_about_something_else():
    for call, row in ROWS["calls"].items():
        there = {
            argument.removeprefix("body.")
            for version in VERSIONS
            for argument in OLD[version][row[version]]["arguments"]
            if argument not in ROWS["every call"][version]
        }
        assert set(row["arguments"]) == there
        own = {name for name, kind in parameters(call).items() if name != "timeout"}
        given = {named(call, here)[1] for here in row["arguments"].values() if named(call, here)[0] == call}
        assert own == given
    for version in VERSIONS:
        seen = {argument for row in OLD[version].values() for argument in row["arguments"]}
        assert set(ROWS["every call"][version]) <= seen
    assert set(CALLS) == {method.removesuffix("_with_http_info") for _, method in METHODS}
    assert set(CALLS.values()) == set(ROWS["calls"])


def test_the_page_has_the_tables_that_the_data_makes():
    page = PAGE.read_text()
    assert page == TABLE["written"](page), (
        "BREVO1_PYTHON=... BREVO5_PYTHON=... python tests/migration --write"
    )
    for _, method in METHODS:
        assert f"`{method.removesuffix('_with_http_info')}(" in page


def test_the_page_names_what_exists():
    page = PAGE.read_text()
    here = {row.split("|")[-2] for row in page.splitlines() if row.startswith("|")}
    errors = {name for cell in here for name in re.findall(r"`(\w+Error)`", cell)}
    assert len(errors) >= 15
    assert errors <= set(brevo_balance_async.__all__)
    client = page.partition("## The client")[2]
    arguments = {
        name
        for row in client.splitlines()
        if row.startswith("|")
        for name in re.findall(r"`(\w+)=", row.split("|")[3])
    }
    assert {"base_url", "timeout", "max_attempts", "session", "proxy"} <= arguments
    assert arguments <= set(inspect.signature(brevo_balance_async.BalanceClient).parameters)


async def test_the_program_of_the_page_runs():
    (program,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    async with Sandbox() as sandbox:
        env = {**os.environ, "BREVO_API_KEY": sandbox.api_key, "BREVO_BASE_URL": sandbox.base_url}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-W", "error", "-c", program, stdout=asyncio.subprocess.PIPE, env=env
        )
        out, _ = await process.communicate()
    assert (process.returncode, out.decode().strip()) == (0, "12.5 completed")


@pytest.mark.skipif(
    not {"BREVO1_PYTHON", "BREVO5_PYTHON"} <= set(os.environ),
    reason="no variable names the official SDKs (nox -s compat installs them)",
)
def test_the_official_names_are_still_these():
    run = subprocess.run([sys.executable, HERE], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
