"""What all commands that call the API share: the program, the base URL, the key, and messages while they wait."""

from __future__ import annotations

import json
import os
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

from attrs import frozen
from cyclopts import Parameter

from brevo_balance_async import BalanceClient, NotFoundError
from brevo_balance_async.hooks import OutcomeUnknown, QuotaWait, RetryScheduled

from .failures import CREDENTIALS
from .numbers import Positive
from .output import Format
from .terminal import CommandError, UsageError, say

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from brevo_balance_async import Program
    from brevo_balance_async.hooks import Event, Hook

_WORTH_TELLING: Final = 1.0
"""Seconds: a shorter wait is not reported."""


Definition: TypeAlias = Annotated[
    str, Parameter(env_var="BREVO_BALANCE_DEFINITION_ID", help="UUID of the balance definition.")
]
Limit: TypeAlias = Annotated[Positive, Parameter(help="Number of rows at most. Default: all of them.")] | None
Output: TypeAlias = Annotated[
    Format, Parameter(help="table shows the main fields, the other formats show all of them.")
]
Meta: TypeAlias = Annotated[str | None, Parameter(help="A JSON object that is stored with it.")]
Internal: TypeAlias = Annotated[
    bool, Parameter(negative=(), help="Also balances that are hidden from members.")
]
Yes: TypeAlias = Annotated[bool, Parameter(negative=(), help="Do not ask.")]
Version: TypeAlias = Annotated[str | None, Parameter(help="draft or active. Default: draft.")]


@Parameter(name="*")
@frozen(kw_only=True)
class Api:
    """The options ``--program`` and ``--base-url``."""

    program: Annotated[str, Parameter(env_var="BREVO_PROGRAM_ID", help="UUID of the loyalty program.")]
    base_url: Annotated[
        str | None, Parameter(help="Default: BREVO_BASE_URL, else https://api.brevo.com/v3.")
    ] = None


def the_key() -> str:
    """``BREVO_API_KEY``; raises ``CommandError`` without it."""
    if key := os.environ.get("BREVO_API_KEY"):
        return key
    raise CommandError(
        "BREVO_API_KEY is not set; nothing was sent. The key is read from the environment only, because an argument "
        "shows in the process list",
        hint="export BREVO_API_KEY=xkeysib-... (Brevo: Settings, SMTP & API); the sandbox prints its own key",
        code=CREDENTIALS,
    )


@asynccontextmanager
async def connect(api: Api, *, tell: bool = True) -> AsyncIterator[BalanceClient]:
    """A client that waits for quota as long as it takes, and says so if it shall ``tell``."""
    async with connect_to(api.base_url, tell=tell) as client:
        yield client


@asynccontextmanager
async def connect_to(
    base_url: str | None, *, tell: bool = True, hooks: Sequence[Hook] = ()
) -> AsyncIterator[BalanceClient]:
    """``connect`` where no program is known yet. The proxy of the environment is used."""
    the_key()
    async with BalanceClient(
        base_url=base_url, max_wait=None, hooks=[*hooks, *([_tell] if tell else [])], trust_env=True
    ) as client:
        try:
            yield client
        except NotFoundError as error:
            url = base_url or os.environ.get("BREVO_BASE_URL")
            if url and not url.rstrip("/").endswith("/v3"):
                error.add_note(f"the base URL {url} does not end in /v3, as Brevo's and the sandbox's do")
            raise


@asynccontextmanager
async def connected(api: Api) -> AsyncIterator[Program]:
    """A client as from ``connect``, and the program that was asked for."""
    async with connect(api) as client:
        yield client.program(api.program)


def json_object(option: str, text: str) -> dict[str, Any]:
    """What an option with a JSON object says; amounts in it keep their digits."""
    try:
        value = json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{option} is not JSON: {error}; nothing was sent") from error
    if not isinstance(value, dict):
        raise UsageError(f'{option} must be a JSON object, as in \'{{"order": "A-1"}}\'; nothing was sent')
    return value


def moment(option: str, text: str) -> datetime:
    """What an option with a time says. A time without an offset is not taken, because it may be local or not."""
    try:
        value = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(
            f"{option}: expected a time as in 2026-01-31T12:00:00Z, not {text!r:.80}; nothing was sent"
        ) from error
    if value.tzinfo is None:
        raise UsageError(
            f"{option}: {text!r:.80} has no offset: append Z for UTC, or +01:00; nothing was sent"
        )
    return value


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
