"""What all fault tests share: the helpers' path, a self-made certificate, the table of verdicts."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
for shared in (HERE, HERE.parent, HERE.parents[1] / "benchmarks"):
    if str(shared) not in sys.path:
        sys.path.insert(0, str(shared))

pytest.register_assert_rewrite("scenario")

COLUMNS = ("fault", "call", "sent", "applied", "our verdict", "error seen")


@pytest.fixture
def verdict(record_property):
    """Adds one row to the table at the end of the run."""

    def add(*cells: object) -> None:
        assert len(cells) == len(COLUMNS)
        record_property("verdict", [str(cell) for cell in cells])

    return add


def pytest_terminal_summary(terminalreporter):
    rows = [
        value
        for report in terminalreporter.stats.get("passed", ())
        for name, value in getattr(report, "user_properties", ())
        if name == "verdict"
    ]
    if not rows:
        return
    widths = [max(len(row[at]) for row in (COLUMNS, *rows)) for at in range(len(COLUMNS))]
    terminalreporter.section("what was concluded from each fault")
    for row in (COLUMNS, *rows):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        terminalreporter.write_line(line.rstrip())


@pytest.fixture
async def server():
    """A server that answers honestly until it is told otherwise."""
    from hostile import Hostile

    async with Hostile() as server:
        yield server


@pytest.fixture
def transactions(client):
    """Those of one program, by the client of the test's own module."""
    from hostile import PROGRAM

    return client.program(PROGRAM).transactions


@pytest.fixture
def events():
    """What a client's hooks were told."""
    return []


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A server's and a client's TLS context over a certificate made here."""
    if shutil.which("openssl") is None:
        pytest.skip("the openssl command is not installed, so no certificate can be made")
    folder = tmp_path_factory.mktemp("tls")
    key, chain = folder / "key.pem", folder / "chain.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", chain),
            *("-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(chain, key)
    return server, ssl.create_default_context(cafile=str(chain))
