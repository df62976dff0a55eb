"""``brevo-balance sandbox``."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from brevo_balance_async.sandbox import Sandbox, serve
from brevo_balance_async.sandbox.rules.switches import read_assignments

from .numbers import Port, Whole
from .terminal import CommandError


async def sandbox(
    *,
    port: Annotated[Port, Parameter(help="port to listen on (default: a free one).")] = 0,
    rph: Whole | None = None,
    strict: bool = False,
    switch: Annotated[tuple[str, ...], Parameter(negative=(), show_default=False)] = (),
) -> None:
    """Run a local Brevo Balance API that keeps state, until Ctrl-C. It imitates Brevo and never talks to it.

    Its key is xkeysib-sandbox-0123456789abcdef-LOCAL: put that into BREVO_API_KEY, and the printed URL into
    BREVO_BASE_URL.

    :param rph: requests per hour, announced in x-sib-ratelimit-* headers (default: no quota).
    :param strict: programs and contacts must be seeded first.
    :param switch: NAME=VALUE chooses a behaviour that Brevo does not document, as in history_offset=pages0.
    """
    try:
        server = Sandbox(port=port, rph=rph, strict=strict, **read_assignments(switch))
        await serve(server)
    except (TypeError, ValueError, OSError) as error:
        raise CommandError(str(error)) from error
