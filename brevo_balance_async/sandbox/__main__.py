"""``python -m brevo_balance_async.sandbox``: the sandbox as a process of its own."""

from __future__ import annotations

import argparse
import asyncio

from .http.app import Sandbox, serve
from .rules.switches import read_assignments


def port(text: str) -> int:
    """A port's number; argparse tells the name of this function for a text that is no number."""
    number = int(text)
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"a port is from 0 to 65535, not {number}")
    return number


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(
        prog="python -m brevo_balance_async.sandbox",
        description="A local Brevo Loyalty Balance API that keeps state. It imitates Brevo and never talks to it.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=port, default=0, help="port to listen on (default: a free one)")
    parser.add_argument(
        "--rph", type=int, help="hourly quota, told in x-sib-ratelimit-* headers (default: none)"
    )
    parser.add_argument("--strict", action="store_true", help="programs and contacts must be seeded first")
    parser.add_argument("--api-key", help="the key that is let in (default: a fixed one)")
    parser.add_argument("--allow-public", action="store_true", help="allow a host that is not loopback")
    parser.add_argument(
        "--switch",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="decide something Brevo leaves open, as in history_offset=pages0 (repeatable)",
    )
    options = parser.parse_args()
    try:
        sandbox = Sandbox(
            host=options.host,
            port=options.port,
            rph=options.rph,
            strict=options.strict,
            allow_public=options.allow_public,
            **({"api_key": options.api_key} if options.api_key else {}),
            **read_assignments(options.switch),
        )
    except (TypeError, ValueError) as error:
        parser.error(str(error))
    try:
        asyncio.run(serve(sandbox))
    except OSError as error:  # the port is taken, say
        parser.error(str(error))


if __name__ == "__main__":
    main()
