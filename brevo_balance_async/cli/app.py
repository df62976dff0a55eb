"""The commands put together, and what every one of them ends with: an exit code, and one line when it failed.

0: done. 1: refused or failed, with one line on stderr. 2: the command line or a file of rows was not understood.
3: the credentials were refused. 6: nobody knows whether it was applied. 130: interrupted. A job over many rows also
ends with 7 (stopped, resumable), 8 (some rows refused) or 9 (some rows unknown).
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

from cyclopts import App, CycloptsError

from brevo_balance_async import (
    AuthenticationError,
    BalanceError,
    InputFileError,
    OutcomeUnknownError,
    PermissionDeniedError,
    __version__,
)

from . import balances, definitions, doctor, history, importing, journal, limits, sandbox, transactions
from .demo.command import demo
from .terminal import CommandError, UsageError, console, say

if TYPE_CHECKING:
    from collections.abc import Sequence

app: Final = App(
    name="brevo-balance",
    help="Brevo's Loyalty Balance API from the command line. The API key is read from BREVO_API_KEY.",
    version=__version__,
    help_format="plaintext",
    suppress_keyboard_interrupt=False,
)
for _command in (
    sandbox.app,
    demo,
    definitions.app,
    limits.app,
    transactions.app,
    balances.app,
    history.history,
    doctor.doctor,
    journal.app,
):
    app.command(_command)
app.command(importing.import_, name="import")


_CODES: Final = {
    InputFileError: 2,
    UsageError: 2,
    AuthenticationError: 3,
    PermissionDeniedError: 3,
    OutcomeUnknownError: 6,
}


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    try:
        code = app(
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
        return next((code for kind, code in _CODES.items() if isinstance(error, kind)), 1)
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        if library not in {"sqlalchemy", "aiosqlite"}:
            raise
        say(
            f"this command needs {library}, which is not installed: pip install 'brevo-balance-async[journal]'"
        )
        return 2
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
    return code if isinstance(code, int) else 0


def _drop_output() -> None:
    """Redirect stdout to nowhere, or the interpreter prints an error when it flushes stdout at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
