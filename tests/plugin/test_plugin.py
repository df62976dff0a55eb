"""The pytest plugin, in a project of its own: from the wheel where one is installed, else from this tree."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

import pytest

import pytest_brevo_balance

PROJECT = Path(__file__).parent / "project"
PLUGIN = "pytest_brevo_balance"
INSTALLED = any(each.module == PLUGIN for each in entry_points(group="pytest11"))
WHERE = Path(find_spec(PLUGIN).origin).parent


@pytest.fixture
def project(tmp_path):
    """A copy of the project, so that nothing of ours stands beside it."""
    return shutil.copytree(PROJECT, tmp_path / "project", ignore=shutil.ignore_patterns("__pycache__"))


def run(project, *arguments):
    """What pytest prints in the project. Nobody's environment reaches it."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTEST", "BREVO", "PYTHONPATH", "PYTHONSAFEPATH", "COV"))
    }
    loaded = () if INSTALLED else ("-p", PLUGIN)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *loaded, *arguments],
        cwd=project,
        env=kept if INSTALLED else {**kept, "PYTHONPATH": str(WHERE)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


FUNCTION = ("-o", "asyncio_default_fixture_loop_scope=function")
ASYNCIO = ("test_sync.py", "test_asyncio.py", "test_aiohttp.py")
ANYIO = ("-p", "no:asyncio", "-p", "no:aiohttp", "test_anyio.py")


@pytest.mark.parametrize(
    ("arguments", "passed"),
    [
        ((*FUNCTION, "-o", "asyncio_mode=strict", *ASYNCIO), 16),
        ((*FUNCTION, "-o", "asyncio_mode=auto", "-n", "2", *ASYNCIO), 16),
        (ANYIO, 3),
    ],
    ids=["strict", "auto-xdist", "anyio"],
)
def test_a_project_of_its_own(project, arguments, passed):
    code, printed = run(project, *arguments)
    assert code == 0, printed
    assert re.search(rf"^{passed} passed in", printed, re.MULTILINE), printed


def test_a_mistake_in_a_marker_is_told():
    with pytest.raises(
        pytest.UsageError, match="there is no effect 'explode', only status, apply_then_status"
    ):
        pytest_brevo_balance._effect("explode", [])


def test_what_pytest_loads_at_every_start_is_one_small_module():
    code = f"""
import sys, json, pytest
before = set(sys.modules)
import {PLUGIN}
print(json.dumps(sorted(set(sys.modules) - before)))
"""
    env = {**os.environ, "PYTHONPATH": str(WHERE)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, env=env)
    assert json.loads(done.stdout) == [PLUGIN]
