"""The README's programs run as they stand there."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

from brevo_balance_async.sandbox import Sandbox

README = Path(__file__).parents[2] / "README.md"
PROGRAMS = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)


def test_there_are_programs_to_run():
    assert len(PROGRAMS) == README.read_text().count("```python") >= 4


@pytest.mark.parametrize("program", PROGRAMS)
async def test_a_program_of_the_readme_runs(program):
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
