"""Interpreters: ours is the one that runs, each peer has an environment of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PEERS = {
    "BREVO5_PYTHON": ("brevo5", "brevo-python[aiohttp]==5.1.0"),
    "BREVO1_PYTHON": ("brevo1", "brevo-python==1.2.0"),
}


def interpreters(cache: Path) -> dict[str, str]:
    """Interpreter by variable name: what the variable says, else a new environment under ``cache``."""
    return {
        variable: os.environ.get(variable) or made(cache / name, package)
        for variable, (name, package) in PEERS.items()
    } | {"ours": sys.executable}


def made(home: Path, package: str) -> str:
    """An environment with one package; the one from last time if it is there."""
    python = home / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not python.exists():
        venv.create(home, with_pip=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", package], check=True)
    return str(python)
