"""Where output goes: stdout for results, stderr for everything said about them."""

from __future__ import annotations

import sys

from rich.console import Console


class CommandError(Exception):
    """A command cannot go on; its text is shown as one line and the exit code is 1."""


class UsageError(CommandError):
    """The command line was not understood; the exit code is 2."""


def console(*, stderr: bool = False) -> Console:
    """A console that writes no control characters unless it writes to a terminal, whatever the environment says."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, force_terminal=stream.isatty(), highlight=False, soft_wrap=True)


def say(text: str) -> None:
    """One line on stderr."""
    sys.stderr.write(f"brevo-balance: {printable(' '.join(text.split()))}\n")
    sys.stderr.flush()


def printable(text: str) -> str:
    """``text`` with what would move the cursor, ring or recolour made visible as a question mark."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)
