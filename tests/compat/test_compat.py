"""Runs the comparison with the official SDKs, as many of them as are named."""

from __future__ import annotations

import inspect
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import brevo_balance_async
from brevo_balance_async import BalanceClient

HERE = Path(__file__).parent
# timeout is of our client alone; filters belongs to the API of 2025, which the official SDK knows no more.
NOT_COMPARED = {"timeout", "filters"}


def test_the_plan_passes_every_argument_of_every_operation():
    plan = runpy.run_path(str(HERE / "plan.py"))
    program = BalanceClient("xkeysib-unit").program(plan["PROGRAM"])
    missed = []
    for operation in plan["OPERATIONS"]:
        resource, method = operation.split(".")
        calls = [call for call in plan["CALLS"] if call.operation == operation]
        for name, parameter in inspect.signature(
            getattr(getattr(program, resource), method)
        ).parameters.items():
            in_path = parameter.kind is parameter.POSITIONAL_OR_KEYWORD and any(call.path for call in calls)
            if not in_path and not any(name in call.arguments for call in calls):
                missed.append(f"{operation} {name}")
    assert {each for each in missed if each.split()[1] not in NOT_COMPARED} == set()
    assert len(plan["OPERATIONS"]) == 18


@pytest.mark.skipif(
    not any(name.startswith("BREVO") and name.endswith(("_PYTHON", "_MODULES")) for name in os.environ),
    reason="no variable names an official SDK (nox -s compat installs all of them)",
)
def test_official_sdks():
    env = {**os.environ, "PYTHONPATH": str(Path(brevo_balance_async.__file__).parents[1])}
    run = subprocess.run([sys.executable, HERE], env=env, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "36 calls of 18 operations" in run.stdout
