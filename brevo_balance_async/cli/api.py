"""What all commands that talk to the API share: options, the connection, and the walk to stdout."""

from __future__ import annotations

import os
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from attrs import frozen
from cyclopts import Parameter

from brevo_balance_async import BalanceClient
from brevo_balance_async.hooks import OutcomeUnknown, QuotaWait, RetryScheduled

from .output import writer
from .progress import progress
from .terminal import CommandError, say

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from brevo_balance_async import Paginator, Program
    from brevo_balance_async.hooks import Event

    from .output import Format

T = TypeVar("T")

_WORTH_TELLING = 1.0
"""Seconds of waiting that somebody in front of a terminal should hear about."""


@Parameter(name="*")
@frozen(kw_only=True)
class Api:
    """Where to go."""

    program: Annotated[str, Parameter(help="UUID of the loyalty program.")]
    base_url: Annotated[
        str | None, Parameter(help="Default: BREVO_BASE_URL, else https://api.brevo.com/v3.")
    ] = None


@asynccontextmanager
async def connected(api: Api) -> AsyncIterator[Program]:
    """A program, over a client that waits for quota as long as it takes and says so."""
    if not os.environ.get("BREVO_API_KEY"):
        raise CommandError(
            "BREVO_API_KEY is not set; the API key is read from the environment only, "
            "because an argument shows in the process list"
        )
    async with BalanceClient(base_url=api.base_url, max_wait=None, hooks=[_tell]) as client:
        yield client.program(api.program)


async def export(walk: Paginator[T], kind: type[T], columns: Sequence[str], output: Format) -> None:
    """Write a whole listing to stdout, page by page."""
    lines = writer(output, kind, columns)
    # Rows that scroll by on the same terminal are progress enough.
    with progress(enabled=not sys.stdout.isatty()) as display:
        bar = display.add_task(kind.__name__, total=None)
        async for page in walk.pages():
            lines.page(page.items)
            display.update(bar, advance=len(page.items), total=page.count)
    lines.end()


def _tell(event: Event) -> None:
    match event:
        case QuotaWait(seconds=seconds) if seconds >= _WORTH_TELLING:
            say(f"waiting {seconds:,.0f} s for the account's quota; nothing was sent yet")
        case RetryScheduled(delay=delay, error=error) if delay >= _WORTH_TELLING:
            say(f"trying again in {delay:,.0f} s: {error}")
        case OutcomeUnknown(cancelled=True, endpoint=endpoint):
            say(f"{endpoint}: interrupted on its way; it may have been applied, so look before sending it again")
        case _:
            pass
