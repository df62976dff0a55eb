"""The two outputs: stdout for results, stderr for messages and progress."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from contextlib import suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from brevo_balance_async.errors import as_utf8

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console


class CommandError(Exception):
    """A command failed. Its text is printed as one line, ``hint`` as a second one; ``code`` is the exit code."""

    def __init__(self, text: str, *, hint: str | None = None, code: int = 1) -> None:
        super().__init__(text)
        self.hint = hint
        self.code = code


class UsageError(CommandError):
    """The command line was not understood, and nothing was sent; the exit code is 2."""

    def __init__(self, text: str, *, hint: str | None = None) -> None:
        super().__init__(text, hint=hint, code=2)


AS_JSON: Final = ContextVar("AS_JSON", default=False)
"""Whether messages are JSON objects, one a line. They are if the command's output is JSON."""


def console(*, stderr: bool = False, wrap: bool = False) -> Console:
    """A console that writes control characters to a terminal only, even if the environment asks for colours.

    It takes brackets and colons as they are: ``[red]`` and ``:smile:`` in a name or an argument are text.
    """
    from rich.console import Console  # noqa: PLC0415  (loads slowly, and most commands do without it)

    stream = sys.stderr if stderr else sys.stdout
    return Console(
        stderr=stderr,
        force_terminal=stream.isatty(),
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=not wrap,
    )


_COMMAND: Final = re.compile("(?<=: )(?:brevo-balance|pip|export) .*$")
"""What a message ends with if it is to be copied into a shell."""


def width(*, stderr: bool = False) -> int | None:
    """Columns of the terminal that stdout or stderr is; None if it is none, where nothing has to fit."""
    stream = sys.stderr if stderr else sys.stdout
    if not stream.isatty():
        return None
    columns = 0
    with suppress(OSError):
        columns = os.get_terminal_size(stream.fileno()).columns
    return shutil.get_terminal_size((columns or 80, 24)).columns  # COLUMNS goes first


def write(text: str) -> None:
    r"""Write to stdout. A lone surrogate, which no encoding can carry, is written as ``\ud800``.

    In JSON that is the escape of the same character. Where stdout is not UTF-8, see ``output``.
    """
    sys.stdout.write(text if text.isascii() else as_utf8(text))


def say(text: str) -> None:
    """Write a message to stderr: one line, which only a terminal breaks where its words do not fit."""
    if AS_JSON.get():
        say_json({"type": "notice", "message": text})
    else:
        _to_stderr(_fitted("brevo-balance: ", text))


def say_error(text: str, hint: str | None = None, lines: Iterable[str] = ()) -> None:
    """Write what failed to stderr, ``lines`` below it, and what to do next on the last one.

    Each is kept to its line as in ``say``, because what it quotes may hold line breaks; so lines are not part of
    ``text``.
    """
    said = [_fitted("brevo-balance: ", text), *(_fitted("  ", line) for line in lines)]
    if hint:
        said.append(_fitted("hint: ", hint))
    _to_stderr("".join(said))


def say_json(values: dict[str, Any]) -> None:
    """Write one JSON object to stderr, as one line."""
    _to_stderr(json.dumps(values) + "\n")


def _to_stderr(text: str) -> None:
    # If nobody reads the messages, the exit code still tells.
    with suppress(OSError):
        sys.stderr.write(text)
        sys.stderr.flush()


def _one_line(text: str) -> str:
    return printable(" ".join(text.split()))


def _fitted(head: str, text: str) -> str:
    """One line, or where stderr is a terminal as many as it takes to break none of its words.

    A command at its end is not broken, so that it can be copied, but begins a line of its own if it does not fit.
    """
    text = _one_line(text)
    room = width(stderr=True)
    if room is None or len(head) + len(text) <= room:
        return f"{head}{text}\n"
    from textwrap import TextWrapper  # noqa: PLC0415  (most commands do without it)

    found = _COMMAND.search(text)
    prose, command = (text, None) if found is None else (text[: found.start() - 1], found[0])
    more = " " * (len(head) - len(head.lstrip()) + 2)
    wrapper = TextWrapper(
        max(20, room),
        initial_indent=head,
        subsequent_indent=more,
        break_long_words=False,
        break_on_hyphens=False,
    )
    lines = wrapper.wrap(prose)
    if command is not None and len(lines[-1]) + 1 + len(command) <= room:
        lines[-1] += f" {command}"
    elif command is not None:
        lines.append(f"{more}{command}")
    return "\n".join([*lines, ""])


def printable(text: str) -> str:
    """``text`` with control characters replaced by question marks, so that it cannot change the terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else "?" for c in as_utf8(text))


def confirm(question: str, *, yes: bool) -> None:
    """Ask on the terminal before something is deleted, unless ``yes``. Call it before any request is made.

    Raises ``UsageError`` if there is no terminal, and ``CommandError`` if the answer is not yes.
    """
    if yes:
        return
    if not (sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            "a deletion asks first, and there is no terminal to ask on; nothing was sent", hint="add --yes"
        )
    sys.stderr.write(f"{_fitted('', f'{question} [y/N]').rstrip()} ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise CommandError("not deleted; nothing was sent")
