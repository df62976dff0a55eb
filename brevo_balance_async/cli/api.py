"""What all commands that talk to the API share: where to go, with which key, and what is told on the way."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, TypeAlias

from attrs import frozen
from cyclopts import Parameter

from brevo_balance_async import BalanceClient, NotFoundError
from brevo_balance_async.hooks import OutcomeUnknown, QuotaWait, RetryScheduled

from .terminal import CommandError, say

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from brevo_balance_async import Program
    from brevo_balance_async.hooks import Event

_WORTH_TELLING = 1.0
"""Seconds of waiting that somebody in front of a terminal should hear about."""


Definition: TypeAlias = Annotated[str, Parameter(env_var="BREVO_BALANCE_DEFINITION_ID")]
"""UUID of a balance definition."""


@Parameter(name="*")
@frozen(kw_only=True)
class Api:
    """Where to go."""

    program: Annotated[str, Parameter(env_var="BREVO_PROGRAM_ID", help="UUID of the loyalty program.")]
    base_url: Annotated[
        str | None, Parameter(help="Default: BREVO_BASE_URL, else https://api.brevo.com/v3.")
    ] = None


@asynccontextmanager
async def connect(api: Api, *, tell: bool = True) -> AsyncIterator[BalanceClient]:
    """A client that waits for quota as long as it takes, and says so if it shall ``tell``."""
    async with connect_to(api.base_url, tell=tell) as client:
        yield client


@asynccontextmanager
async def connect_to(base_url: str | None, *, tell: bool = True) -> AsyncIterator[BalanceClient]:
    """``connect`` where no program is known yet."""
    if not os.environ.get("BREVO_API_KEY"):
        raise CommandError(
            "BREVO_API_KEY is not set; the API key is read from the environment only, "
            "because an argument shows in the process list"
        )
    async with BalanceClient(base_url=base_url, max_wait=None, hooks=[_tell] if tell else []) as client:
        try:
            yield client
        except NotFoundError as error:
            url = base_url or os.environ.get("BREVO_BASE_URL")
            if url and not url.rstrip("/").endswith("/v3"):
                error.add_note(f"the base URL {url} does not end in /v3, as Brevo's and the sandbox's do")
            raise


@asynccontextmanager
async def connected(api: Api) -> AsyncIterator[Program]:
    """The program to work on."""
    async with connect(api) as client:
        yield client.program(api.program)


def _tell(event: Event) -> None:
    match event:
        case QuotaWait(seconds=seconds) if seconds >= _WORTH_TELLING:
            say(f"waiting {seconds:,.0f} s for the account's quota; nothing was sent yet")
        case RetryScheduled(delay=delay, error=error) if delay >= _WORTH_TELLING:
            say(f"trying again in {delay:,.0f} s: {error}")
        case OutcomeUnknown(cancelled=True, endpoint=endpoint):
            say(
                f"{endpoint}: interrupted on its way; it may have been applied, so look before sending it again"
            )
        case _:
            pass
