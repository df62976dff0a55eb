"""The programs of the README, and of the pages that a newcomer reads first, run as they stand there.

``nox -s docs`` runs every block of every page; here are those that are programs of their own.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

from brevo_balance_async.sandbox import Sandbox

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "docs/index.md", "docs/testing.md")


def programs(page):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    return [block for block in blocks if "asyncio.run(" in block]


PROGRAMS = [
    pytest.param(program, id=f"{page}-{n}") for page in PAGES for n, program in enumerate(programs(page), 1)
]


def test_each_page_has_a_program_to_run():
    assert all(map(programs, PAGES))


@pytest.mark.parametrize("program", PROGRAMS)
async def test_a_program_runs(program):
    async with Sandbox() as sandbox:
        env = {**os.environ, "BREVO_API_KEY": sandbox.api_key, "BREVO_BASE_URL": sandbox.base_url}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-W",
            "error",
            "-c",
            program,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=env,
        )
        out, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")
    assert out
