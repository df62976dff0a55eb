"""Every Python and shell block of these pages runs, each page with a sandbox of its own: ``pytest docs``.

A page's blocks share one namespace, in which ``PROGRAM``, ``DEFINITION`` and ``sandbox`` stand. A block that awaits at
its top level runs inside ``async with BalanceClient() as client``, with ``program`` and ``definition_id``. A block with
a test in it is run by pytest. A ``text`` block is what the block before it printed. ``console`` blocks are only shown.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import os
import subprocess
import sys
from contextlib import ExitStack, redirect_stdout
from importlib.metadata import entry_points
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from sybil import Sybil
from sybil.parsers.myst import CodeBlockParser, SkipParser

import brevo_balance_async
from brevo_balance_async import BalanceClient
from brevo_balance_async.sandbox import ThreadedSandbox

if TYPE_CHECKING:
    from sybil import Example

PACKAGE = Path(brevo_balance_async.__file__).parents[1]
EXAMPLES = Path(__file__).parents[1] / "examples"
PROGRAM = "27aa1d7a-af67-4020-8a65-19d6b0f0a26e"
DEFINITION = "7c1f0f0e-52a1-4c2e-9a55-0d3b7c9f1a10"
SEED = {
    "program": PROGRAM,
    "definitions": [{"id": DEFINITION, "name": "Points", "unit": "POINTS"}],
}
PLUGIN = "pytest_brevo_balance"


def begin(names: dict[str, Any]) -> None:
    """A sandbox for a page, an empty folder to work in, and the environment that points to both."""
    stack = names["_stack"] = ExitStack()
    sandbox = stack.enter_context(ThreadedSandbox(seed=SEED, rph=3600))
    folder = Path(stack.enter_context(TemporaryDirectory()))
    stack.callback(os.chdir, Path.cwd())
    os.chdir(folder)
    patch = stack.enter_context(pytest.MonkeyPatch.context())
    patch.setenv("BREVO_API_KEY", sandbox.api_key)
    patch.setenv("BREVO_BASE_URL", sandbox.base_url)
    patch.setenv("BREVO_PROGRAM_ID", PROGRAM)
    patch.setenv("BREVO_BALANCE_DEFINITION_ID", DEFINITION)
    patch.setenv("PYTHONPATH", os.pathsep.join(map(str, (PACKAGE, EXAMPLES))))
    commands = folder / "bin"
    commands.mkdir()
    (commands / "brevo-balance").write_text(
        f"#!{sys.executable}\nfrom brevo_balance_async.cli import main\nmain()\n"
    )
    (commands / "brevo-balance").chmod(0o755)
    patch.setenv("PATH", str(commands), prepend=os.pathsep)
    names |= {
        "sandbox": sandbox,
        "PROGRAM": PROGRAM,
        "DEFINITION": DEFINITION,
        "__name__": "__main__",
    }


def end(names: dict[str, Any]) -> None:
    """Leave the page."""
    names["_stack"].close()


def run_python(example: Example) -> None:
    """One block."""
    text = example.parsed
    if "def test_" in text:
        run_tests(text)
        return
    code = compile(
        "\n" * example.line + text,
        example.path,
        "exec",
        ast.PyCF_ALLOW_TOP_LEVEL_AWAIT,
        dont_inherit=True,
    )
    printed = example.namespace["_printed"] = StringIO()
    with redirect_stdout(printed):
        if code.co_flags & inspect.CO_COROUTINE:
            asyncio.run(run_awaiting(code, example.namespace))
        else:
            exec(code, example.namespace)


async def run_awaiting(code: Any, names: dict[str, Any]) -> None:
    """A block that awaits, with an open client."""
    async with BalanceClient() as client:
        names |= {
            "client": client,
            "program": client.program(PROGRAM),
            "definition_id": DEFINITION,
        }
        await eval(code, names)


def run_tests(text: str) -> None:
    """A block with tests, run as a user would run it. Blocks about the plugin wait until there is one."""
    wants_plugin = "brevo_sandbox" in text or "brevo_client" in text
    if wants_plugin and find_spec(PLUGIN) is None:
        pytest.skip(f"{PLUGIN} is not here")
    installed = any(each.module == PLUGIN for each in entry_points(group="pytest11"))
    plugin = ["-p", PLUGIN] if wants_plugin and not installed else []
    Path("test_page.py").write_text(text)
    Path("pytest.ini").write_text("[pytest]\n")  # not the settings of a folder above
    run([sys.executable, "-m", "pytest", "-q", *plugin, "test_page.py"])


def run_shell(example: Example) -> None:
    """One block of shell commands; each of them must succeed."""
    example.namespace["_printed"] = StringIO(
        run(["bash", "-euo", "pipefail", "-c", example.parsed])
    )


def run(command: list[str]) -> str:
    """What a command printed; an error shows that too."""
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def compare(example: Example) -> None:
    """A block that shows what the one before it printed."""
    assert example.namespace["_printed"].getvalue() == example.parsed


pytest_collect_file = Sybil(
    parsers=[
        CodeBlockParser(language="python", evaluator=run_python),
        CodeBlockParser(language="sh", evaluator=run_shell),
        CodeBlockParser(language="text", evaluator=compare),
        SkipParser(),
    ],
    patterns=["*.md", "**/*.md"],
    excludes=["_generated/*", "_build/**"],
    setup=begin,
    teardown=end,
).pytest()
