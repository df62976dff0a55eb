"""What a sandbox process loads before it answers its first request: nothing that only some of its uses need."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from urllib.request import urlopen

import pytest

NOT_AT_START = {
    "brevo_balance_async.client",
    "brevo_balance_async.models",
    "brevo_balance_async.core",
    "brevo_balance_async.sandbox.seeds",
    "brevo_balance_async.sandbox.http.journal",
    "brevo_balance_async.sandbox.http.openapi",
    "brevo_balance_async.sandbox.http.page",
    "brevo_balance_async.sandbox.rules.switch_table",
    "cattrs",
    "csv",
    "cyclopts",
    "importlib.resources",
    "rich",
    "sqlalchemy",
    "sqlite3",
}


def imported(report):
    """The modules that ``-X importtime`` tells of."""
    lines = (line for line in report.splitlines() if line.startswith("import time:"))
    return {line.rpartition("|")[2].strip() for line in lines}


async def run_until_answered(path):
    """The modules of a process that has answered ``path`` once."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-X", "importtime", "-m", "brevo_balance_async.sandbox"),
        # The measurement of coverage loads sqlite3 and more.
        env={name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    url = (await process.stdout.readline()).decode().split()[-1]

    def ask():
        with urlopen(url.removesuffix("/v3") + path) as answer:
            return answer.status

    assert await asyncio.to_thread(ask) == 200
    process.send_signal(signal.SIGTERM)
    _, report = await process.communicate()
    assert process.returncode == 0
    return imported(report.decode())


async def test_a_process_loads_only_what_every_sandbox_needs():
    modules = await run_until_answered("/_sandbox/health")
    assert "brevo_balance_async.sandbox.rules.ledger" in modules
    assert not modules & NOT_AT_START


@pytest.mark.parametrize(
    ("path", "module"),
    [("/_sandbox/openapi.json", "http.openapi.document"), ("/_sandbox/page.css", "http.page.view")],
)
async def test_what_is_left_out_is_loaded_when_it_is_asked_for(path, module):
    assert f"brevo_balance_async.sandbox.{module}" in await run_until_answered(path)
