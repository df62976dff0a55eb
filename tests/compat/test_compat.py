"""Runs the comparison with the official SDK, where an interpreter with that SDK is named."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.skipif(
    not os.environ.get("BREVO5_PYTHON"),
    reason="BREVO5_PYTHON names no interpreter with brevo-python==5.1.0 (nox -s compat makes one)",
)
def test_official_sdk():
    here = Path(__file__).parent
    run = subprocess.run([sys.executable, here], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "34 calls of 18 operations" in run.stdout
