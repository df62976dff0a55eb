"""The commands put together, and what every one of them ends with: an exit code, and one line when it failed.

0: done. 1: refused or failed, with one line on stderr. 2: the command line or a file of rows was not understood.
130: interrupted.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from cyclopts import App, CycloptsError

from brevo_balance_async import BalanceError, InputFileError, __version__

from . import balances, definitions, doctor, history, limits, sandbox, transactions
from .demo.command import demo
from .terminal import CommandError, UsageError, console, say

if TYPE_CHECKING:
    from collections.abc import Sequence

app = App(
    name="brevo-balance",
    help="Brevo's Loyalty Balance API from the command line. The API key is read from BREVO_API_KEY.",
    version=__version__,
    help_format="plaintext",
    suppress_keyboard_interrupt=False,
)
for command in (
    sandbox.app,
    demo,
    definitions.app,
    limits.app,
    transactions.app,
    balances.app,
    history.history,
    doctor.doctor,
):
    app.command(command)


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    try:
        app(
            arguments,
            console=console(),
            error_console=console(stderr=True),
            error_formatter=lambda error: f"brevo-balance: {error}",
            exit_on_error=False,
            result_action="return_value",
        )
        sys.stdout.flush()
    except CycloptsError:
        return 2
    except (BalanceError, CommandError) as error:
        say("; ".join([str(error), *getattr(error, "__notes__", ())]))
        return 2 if isinstance(error, InputFileError | UsageError) else 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of our output has ended, for instance "head"
        _drop_output()
        return 1
    except OSError as error:
        say(f"the output could not be written: {error}")
        _drop_output()
        return 1
    except UnicodeEncodeError as error:
        say(f"the output cannot be written in {error.encoding} ({error}); try PYTHONIOENCODING=utf-8")
        return 1
    return 0


def _drop_output() -> None:
    """Redirect stdout to nowhere, or the interpreter prints an error when it flushes stdout at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
