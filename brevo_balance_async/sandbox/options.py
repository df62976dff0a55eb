"""The options of the command, for ``python -m brevo_balance_async.sandbox`` and ``brevo-balance sandbox`` alike."""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
from typing import TYPE_CHECKING, Any, NoReturn

from .http.app import Sandbox
from .http.parts import DEFAULT_KEY
from .http.serving import serve
from .rules.refusals import Refusal
from .rules.switches import Switches, read_assignments

if TYPE_CHECKING:
    from collections.abc import Sequence


_DIGITS = re.compile(r"0|-?[1-9][0-9]{0,18}")


class UsageError(Exception):
    """A command line that was not understood; its text is one line."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


def run(arguments: Sequence[str], prog: str) -> None:
    """Serve until SIGINT or SIGTERM, or print the help.

    Raises ``UsageError`` for arguments that are not understood, ``TypeError``, ``ValueError`` and ``OSError`` for a
    sandbox that cannot be.
    """
    parser = _parser(prog)
    options = parser.parse_args(arguments)
    if options.help:
        parser.print_help()
        return
    try:
        sandbox = Sandbox(
            host=options.host,
            port=options.port,
            rph=options.rph,
            strict=options.strict,
            allow_public=options.allow_public,
            api_key=options.api_key,
            control_token=options.control_token,
            state=options.state,
            seed=_seeds(options.seed) if options.seed else (),
            switches=Switches().replaced(read_assignments(options.switch)),
        )
        asyncio.run(serve(sandbox))
    except Refusal as refusal:
        raise ValueError(f"the seed is refused: {refusal.message}") from refusal


def main() -> None:
    """``python -m brevo_balance_async.sandbox``."""
    prog = "python -m brevo_balance_async.sandbox"
    try:
        run(sys.argv[1:], prog)
    except (UsageError, TypeError, ValueError, OSError) as error:
        _parser(prog).print_usage(sys.stderr)
        sys.stderr.write(f"{prog}: error: {error}\n")
        sys.exit(2)


def _seeds(path: str) -> list[dict[str, Any]]:
    from .seeds import read_seeds  # noqa: PLC0415 - most sandboxes start faster without

    return read_seeds(path)


def _whole(text: str) -> int:
    if not _DIGITS.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f"expected a whole number in digits, of 19 at most, not {text!r:.80}"
        )
    return int(text)


def _port(text: str) -> int:
    number = _whole(text)
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"a port is from 0 to 65535, not {number}")
    return number


def _parser(prog: str) -> _Parser:
    parser = _Parser(
        prog=prog,
        allow_abbrev=False,
        add_help=False,  # which would end the process
        description="Run a local Brevo Loyalty Balance API that keeps state, until Ctrl-C. It imitates Brevo and never "
        "talks to it. Once it is bound it prints 'listening on http://HOST:PORT/v3'; put that URL into BREVO_BASE_URL, "
        "and the key into BREVO_API_KEY. Its control routes and a page to look at stand under /_sandbox/.",
    )
    add = parser.add_argument
    add("--help", "-h", action="store_true", help="show this and end")
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add("--port", type=_port, default=0, metavar="N", help="port to listen on (default: a free one)")
    add("--allow-public", action="store_true", help="allow a host that is not loopback")
    add("--api-key", default=DEFAULT_KEY, metavar="KEY", help="the key that is let in (default: %(default)s)")
    add(
        "--control-token",
        metavar="TOKEN",
        help="who sends it as 'Authorization: Bearer' may use the control routes from other addresses",
    )
    add(
        "--state",
        metavar="FILE",
        help="keep what is done in this file, and start with what it has; it outlives a killed process",
    )
    add(
        "--seed",
        metavar="FILE",
        help="start with this: JSON as for POST /_sandbox/seed, one or a list, or a CSV of credits; "
        "a state file that exists already is not seeded",
    )
    add(
        "--rph",
        type=_whole,
        metavar="N",
        help="hourly quota, told in x-sib-ratelimit-* headers (default: none)",
    )
    add("--strict", action="store_true", help="programs and contacts must be seeded first")
    add(
        "--switch",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="decide something Brevo leaves open, as in history_offset=pages0 (repeatable)",
    )
    return parser
