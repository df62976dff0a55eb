"""A sandbox started by the command itself, and two ways to run a command: in this process and in one of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from types import SimpleNamespace
from urllib.request import Request, urlopen

import pytest

from brevo_balance_async.cli.app import run

MAIN = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a test run in the background starts with it ignored
from brevo_balance_async.cli import main
main()
"""
COMMAND = [sys.executable, "-W", "error", "-X", "dev", "-c", MAIN]
# Without asyncio's debug mode, which tells on stderr of every step that a busy machine makes slow.
PLAIN_COMMAND = [sys.executable, "-W", "error", "-c", MAIN]
PROGRAM = "27aa1d7a-af67-4020-8a65-19d6b0f0a26e"
POINTS = "7c1f0f0e-52a1-4c2e-9a55-0d3b7c9f1a10"
OTHER = "7c1f0f0e-52a1-4c2e-9a55-0d3b7c9f1a11"
ROWS = 1_200
# No binary float is this number: 1234567890123456.8 is what it would turn into.
EXACT = "1234567890123456.78"


def environment(**changes):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BREVO_")}
    return {**kept, "FORCE_COLOR": "1", **changes}


@pytest.fixture(scope="session")
def server():
    """The sandbox command, seeded over its control routes."""
    command = [*COMMAND, "sandbox"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    ) as process:
        try:
            line = process.stdout.readline()
            assert line.startswith("listening on http://127.0.0.1:")
            base_url = line.split()[-1]
            assert base_url.endswith("/v3")
            seed(base_url)
            yield base_url
        finally:
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "")
    assert_clean(err)


def control(base_url, method, path, body=None):
    url = f"{base_url.removesuffix('/v3')}/_sandbox/{path}"
    content = None if body is None else json.dumps(body).encode()
    with urlopen(Request(url, content, {"content-type": "application/json"}, method=method)) as answer:
        assert answer.status == 200


def seed(base_url):
    body = {
        "program": PROGRAM,
        "definitions": [
            {"id": POINTS, "name": "Points", "unit": "POINTS"},
            {"id": OTHER, "name": "Bell\x07 and \x1b[31mred", "unit": "EUR"},
        ],
        "histories": [
            {"contactId": 7, "count": ROWS, "amount": "12.34", "balanceDefinitionId": POINTS},
            {"contactId": 8, "count": 1, "amount": EXACT, "balanceDefinitionId": POINTS},
        ],
    }
    control(base_url, "POST", "seed", body)


def assert_clean(err):
    assert "Unclosed" not in err
    assert "ResourceWarning" not in err
    assert "Traceback" not in err


@pytest.fixture
def api(server, monkeypatch):
    """The environment that a command finds the sandbox by."""
    monkeypatch.setenv("BREVO_BASE_URL", server)
    monkeypatch.setenv("BREVO_API_KEY", "xkeysib-sandbox-0123456789abcdef-LOCAL")
    return server


@pytest.fixture
def cli(capsys):
    """Run a command line in this process: ``cli("history", ...)`` gives ``code``, ``out`` and ``err``."""

    def command(*arguments):
        code = run(arguments)
        out, err = capsys.readouterr()
        return SimpleNamespace(code=code, out=out, err=err)

    return command


def message_of(done, code):
    """What a command failed with, in one line and at most one more with a hint; the code is ``code``."""
    first, *hint = done.err.splitlines()
    assert done.code == code, done.err
    assert first.startswith("brevo-balance: ")
    assert [line.startswith("hint: ") for line in hint] in ([], [True])
    assert "Traceback" not in done.err
    return done.err


def spawn(*arguments, **changes):
    """Run a command line in a process of its own, with warnings as errors and asyncio's debug mode."""
    done = subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        timeout=100,
        env=environment(**changes),
        check=False,
    )
    assert_clean(done.stderr)
    return done
