"""The completion scripts in real shells: keys are typed into a terminal, and what the shell ran is looked at."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import threading
from contextlib import redirect_stdout
from importlib.metadata import version

import pytest

from brevo_balance_async.cli.app import run

from .conftest import environment

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo-terminal"),
    pytest.mark.skipif(shutil.which("setsid") is None, reason="needs setsid, of util-linux"),
]

# The command that the shell runs in the end: it tells what it was given.
PROBE = '#!/bin/sh\nprintf "RAN:"\nprintf "[%s]" "$@"\necho\n'
SHELLS = {
    "bash": (
        ["bash", "--noprofile", "--norc", "-i"],
        'PS1="READY> "; eval "$(cat {script})"; bind "set show-all-if-ambiguous on"; echo LO""ADED',
    ),
    "zsh": (
        ["zsh", "-f", "-i"],
        'PS1="READY> "; fpath=({folder}/functions $fpath); autoload -Uz compinit; compinit -u -D; echo LO""ADED',
    ),
    "zsh by eval": (
        ["zsh", "-f", "-i"],
        'PS1="READY> "; autoload -Uz compinit; compinit -u -D; eval "$(cat {script})"; echo LO""ADED',
    ),
    "fish": (
        ["fish", "--no-config", "-i"],
        'function fish_prompt; echo "READY> "; end; source {script}; echo LO""ADED',
    ),
}


def script_for(shell):
    """What ``brevo-balance completion`` prints."""
    with redirect_stdout(io.StringIO()) as printed:
        assert run(["completion", shell]) == 0
    return printed.getvalue()


class Shell:
    """A shell in a terminal. What it shows is read all the time."""

    def __init__(self, name, folder, script):
        command, setup = SHELLS[name]
        self._setup = setup.format(folder=folder, script=script)
        self._master, end = os.openpty()
        self._seen = b""
        self._more = threading.Condition()
        self._process = subprocess.Popen(
            ["setsid", "--ctty", *command],
            stdin=end,
            stdout=end,
            stderr=end,
            cwd=folder,
            env=environment(
                HOME=str(folder),
                PATH=f"{folder / 'bin'}:{os.environ['PATH']}",
                TERM="xterm",
                COLUMNS="200",
                XDG_DATA_HOME=str(folder),
                XDG_CONFIG_HOME=str(folder),
            ),
        )
        os.close(end)
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self):
        self.type(f"{self._setup}\r")
        self.until(b"LOADED")
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        os.close(self._master)

    def _read(self):
        try:
            while data := os.read(self._master, 65536):
                with self._more:
                    self._seen += data
                    self._more.notify_all()
        except OSError:  # the shell is gone
            pass

    def type(self, keys):
        os.write(self._master, keys.encode())

    def until(self, *words):
        """Wait until one of these was shown."""
        with self._more:
            assert self._more.wait_for(lambda: any(word in self._seen for word in words), timeout=60), (
                self._seen
            )

    def ran(self, line):
        """Type a line with its tabs, and give what the command was given."""
        with self._more:
            self._seen = b""
        self.type(f"{line}\r")
        self.until(b"]\r\n")
        with self._more:
            return self._seen.partition(b"RAN:")[2].partition(b"\r\n")[0].decode()


@pytest.fixture(scope="module", params=SHELLS)
def shell(request, tmp_path_factory):
    name = SHELLS[request.param][0][0]
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    if name == "fish" and version("cyclopts") < "5":
        pytest.skip("cyclopts 4 completes fewer arguments in fish")
    folder = tmp_path_factory.mktemp(name)
    for each in ("bin", "functions"):
        folder.joinpath(each).mkdir()
    probe = folder / "bin" / "brevo-balance"
    probe.write_text(PROBE)
    probe.chmod(0o755)
    script = folder / "functions" / "_brevo-balance"
    script.write_text(script_for(name))
    folder.joinpath("credits.csv").touch()
    with Shell(request.param, folder, script) as shell:
        yield shell


@pytest.mark.parametrize(
    ("typed", "ran"),
    [
        ("def\tli\t--lim\t5", "[definitions][list][--limit][5]"),
        ("trans\tcre\t--am\t3 --cont\t42", "[transactions][credit][--amount][3][--contact][42]"),
        ("hist\t--out\tjsonl", "[history][--output][jsonl]"),
        ("history --output cs\t", "[history][--output][csv]"),
        (
            "history --contact 7 --output tab\t--lim\t3",
            "[history][--contact][7][--output][table][--limit][3]",
        ),
        ("balances li\t--include\t", "[balances][list][--include-internal]"),
        ("jour\tresu\t--mod\tle\t", "[journal][resume][--mode][lean]"),
        ("import cred\t--dry\t", "[import][credits.csv][--dry-run]"),
        ("completion zs\t", "[completion][zsh]"),
        ("sand\t", "[sandbox]"),
        ("balances get cred\t", "[balances][get][cred]"),  # not the file of that name
    ],
)
def test_tab_completes(shell, typed, ran):
    assert shell.ran(f"brevo-balance {typed}") == ran
