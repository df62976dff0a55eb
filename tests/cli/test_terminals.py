"""Every output form, wherever stdout and stderr lead: the rows go to stdout, whole, and nothing else does."""

from __future__ import annotations

import csv
import io
import itertools
import json
import os
import re
import struct
import subprocess
import sys
import threading

import pytest

from brevo_balance_async.cli.terminal import say, say_error

from .conftest import PLAIN_COMMAND, POINTS, PROGRAM, ROWS, environment

fcntl = pytest.importorskip("fcntl", reason="needs a pseudo-terminal")
termios = pytest.importorskip("termios", reason="needs a pseudo-terminal")

BOLD = re.compile("\x1b\\[[0-9;]*m")
COUNT = {
    "table": lambda text: len([line for line in text.splitlines() if "completed  " in line]),
    "json": lambda text: len(json.loads(text)),
    "jsonl": lambda text: len({json.loads(line)["id"] for line in text.splitlines()}),
    "csv": lambda text: len(list(csv.DictReader(io.StringIO(text)))),
}


class Terminal:
    """A pseudo-terminal: what a process writes to ``end`` is read all the time, or it would have to wait."""

    def __init__(self):
        self._master, self.end = os.openpty()
        self._seen = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        try:
            while data := os.read(self._master, 65536):
                self._seen.append(data)
        except OSError:  # the last writer has closed its end
            pass

    def text(self):
        """Everything that was written, once all writers are gone."""
        os.close(self.end)
        self._reader.join(timeout=60)
        assert not self._reader.is_alive()
        os.close(self._master)
        return b"".join(self._seen).decode().replace("\r\n", "\n")


class Pipe:
    def __init__(self):
        self._out, self.end = os.pipe()
        self._seen = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        while data := os.read(self._out, 65536):
            self._seen.append(data)

    def text(self):
        os.close(self.end)
        self._reader.join(timeout=60)
        assert not self._reader.is_alive()
        os.close(self._out)
        return b"".join(self._seen).decode()


class File:
    def __init__(self, path):
        self._path = path
        self.end = os.open(path, os.O_WRONLY | os.O_CREAT)

    def text(self):
        os.close(self.end)
        return self._path.read_text()


@pytest.fixture
def sink(tmp_path):
    def make(kind, name):
        return {"tty": Terminal, "pipe": Pipe, "file": lambda: File(tmp_path / name)}[kind]()

    return make


def run(api, out, err, *arguments):
    env = environment(
        BREVO_API_KEY=os.environ["BREVO_API_KEY"], BREVO_BASE_URL=api, TERM="xterm", COLUMNS="120"
    )
    command = [*PLAIN_COMMAND, *arguments, "--program", PROGRAM]
    return subprocess.run(
        command, stdout=out.end, stderr=err.end, env=env, timeout=60, check=False
    ).returncode


HISTORY = ("history", "--definition", POINTS, "--contact", "7", "--output")


@pytest.mark.parametrize(
    ("output", "out", "err"),
    [
        *itertools.product(COUNT, ["file", "pipe", "tty"], ["tty"]),
        *itertools.product(["csv"], ["file", "pipe", "tty"], ["pipe"]),
    ],
)
def test_a_listing_goes_to_stdout_whole(api, sink, output, out, err):
    to, beside = sink(out, "out"), sink(err, "err")
    code = run(api, to, beside, *HISTORY, output)
    rows, said = to.text(), beside.text()
    assert code == 0
    if out == "tty" and output == "table":
        rows = BOLD.sub("", rows)  # its head
    assert "\x1b" not in rows
    assert COUNT[output](rows) == ROWS
    # Progress is for whoever looks at a terminal and sees no rows pass.
    if err == "tty" and out != "tty":
        assert f"{ROWS:,} of {ROWS:,}" in said
        assert "12.34" not in said
    else:
        assert said == ""


@pytest.mark.parametrize("output", COUNT)
def test_one_terminal_for_both_shows_the_rows_alone(api, sink, output):
    both = sink("tty", "both")
    code = run(api, both, both, *HISTORY, output)
    rows = BOLD.sub("", both.text())
    assert code == 0
    assert "\x1b" not in rows
    assert COUNT[output](rows) == ROWS


@pytest.mark.parametrize("output", ["table", "json", "jsonl", "csv"])
def test_a_single_record_goes_to_stdout_too(api, sink, output):
    to, beside = sink("file", "out"), sink("tty", "err")
    assert run(api, to, beside, "balances", "get", "7", "--output", output) == 0
    assert POINTS in to.text()
    assert beside.text() == ""


LONG = "cannot connect to a host whose name is long, and " * 3 + "that is that"
COMMAND = f"brevo-balance history --definition {POINTS} --contact 7"


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_a_message_is_broken_between_words_on_a_terminal_only(sink, monkeypatch, columns):
    told = {}
    for kind in ("tty", "pipe"):
        to = sink(kind, "err")
        with monkeypatch.context() as patch, os.fdopen(to.end, "w", closefd=False) as stderr:
            patch.setenv("COLUMNS", str(columns))
            patch.setattr(sys, "stderr", stderr)
            say_error(LONG, f"look before you send it again: {COMMAND}", [f"line 2: {LONG}"])
            say(f"go on: {COMMAND}")
        told[kind] = to.text().splitlines()
    whole = [
        f"brevo-balance: {LONG}",
        f"  line 2: {LONG}",
        f"hint: look before you send it again: {COMMAND}",
        f"brevo-balance: go on: {COMMAND}",
    ]
    assert told["pipe"] == whole
    assert "\n".join(told["tty"]).split() == "\n".join(whole).split()
    for line in told["tty"]:
        assert (
            len(line) <= columns or line.strip() == COMMAND
        )  # which the terminal may break, and copies whole
    assert sum(COMMAND in line for line in told["tty"]) == 2
    heads = [line for line in told["tty"] if not line.startswith("  ")]
    assert [line.split(":")[0] for line in heads] == ["brevo-balance", "hint", "brevo-balance"]


def test_a_message_fits_the_terminal_that_it_goes_to(sink, monkeypatch):
    to = sink("tty", "err")
    fcntl.ioctl(to.end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 50, 0, 0))
    with monkeypatch.context() as patch, os.fdopen(to.end, "w", closefd=False) as stderr:
        patch.delenv("COLUMNS", raising=False)
        patch.setattr(sys, "__stdout__", None)  # it may be another terminal's
        patch.setattr(sys, "stderr", stderr)
        say(LONG)
    lines = to.text().splitlines()
    assert 40 < max(map(len, lines)) <= 50


@pytest.mark.parametrize("out", ["file", "pipe", "tty"])
def test_what_the_demo_tells_goes_to_stdout_and_its_bars_do_not(api, sink, out):
    to, beside = sink(out, "out"), sink("tty", "err")
    env = environment(TERM="xterm", COLUMNS="120")
    command = [*PLAIN_COMMAND, "demo", "--rows=30", "--contacts=6"]
    done = subprocess.run(command, stdout=to.end, stderr=beside.end, env=env, timeout=60, check=False)
    told, bars = to.text(), beside.text()
    assert done.returncode == 0
    assert "30 begun and completed" in told
    assert "crediting" not in told
    assert "crediting" in bars
    assert "begun and completed" not in bars
