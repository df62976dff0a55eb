"""The command ``brevo-balance``, of the extra ``cli``."""

from __future__ import annotations

import sys
from typing import NoReturn

from brevo_balance_async._version import __version__

from .interrupts import end_on_ctrl_c


def main() -> NoReturn:
    """Run the command line; the entry point of the script ``brevo-balance``."""
    end_on_ctrl_c()
    if sys.argv[1:] == ["--version"]:  # scripts ask for it, so it loads nothing
        sys.stdout.write(f"{__version__}\n")
        sys.exit(0)
    try:
        from .app import run  # noqa: PLC0415  (if the extra is missing, the message says how to install it)
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        if library not in {"cyclopts", "rich"}:
            raise
        sys.exit(_missing(library))
    code = run(sys.argv[1:])
    end_on_ctrl_c(code)
    sys.exit(code)


def _missing(name: str) -> int:
    sys.stderr.write(
        f"brevo-balance needs {name}, which is not installed: pip install 'brevo-balance-async[cli]'\n"
    )
    return 2
