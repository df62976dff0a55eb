"""The two outputs: stdout for results, stderr for messages and progress."""

from __future__ import annotations

import sys

from rich.console import Console


class CommandError(Exception):
    """A command failed. Its text is printed as one line, and the exit code is 1."""


class UsageError(CommandError):
    """The command line was not understood; the exit code is 2."""


def console(*, stderr: bool = False) -> Console:
    """A console that writes control characters to a terminal only, even if the environment asks for colours."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, force_terminal=stream.isatty(), highlight=False, soft_wrap=True)


def say(text: str) -> None:
    """Write one line to stderr."""
    sys.stderr.write(f"brevo-balance: {printable(' '.join(text.split()))}\n")
    sys.stderr.flush()


def printable(text: str) -> str:
    """``text`` with control characters replaced by question marks, so that it cannot change the terminal."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)
