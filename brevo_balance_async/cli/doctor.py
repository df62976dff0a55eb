"""``brevo-balance doctor``: what a request needs to succeed, checked one after another."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeAlias

from attrs import evolve, frozen
from cyclopts import Parameter

from brevo_balance_async import (
    AuthenticationError,
    BalanceError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    QuotaError,
    TransportError,
)
from brevo_balance_async.config import BASE_URL
from brevo_balance_async.core import validation
from brevo_balance_async.hooks import AttemptFinished

from .api import connect_to
from .failures import CREDENTIALS, FAILED, hint
from .output import Format, writer
from .terminal import CommandError, console, printable, width, write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brevo_balance_async import Program, QuotaState
    from brevo_balance_async.hooks import Event

Result: TypeAlias = Literal["ok", "failed", "skipped"]

_NO_PROGRAM: Final = "00000000-0000-4000-8000-000000000000"
"""The program that is asked for if none was given: what the server says to that tells about key and address."""
_MOST_SKEW: Final = 30.0
"""Seconds that the clocks may differ. The Date header has whole seconds, and the answer was on its way."""
_STYLES: Final = {"ok": "green", "failed": "bold red", "skipped": "dim"}
_INDENT: Final = 21
_PROGRAM: Final = "BREVO_PROGRAM_ID"
_DEFINITION: Final = "BREVO_BALANCE_DEFINITION_ID"
_DEFINITIONS: Final = "brevo-balance definitions list"
_KEYS: Final = "compare it with Brevo's page Settings, SMTP & API; the sandbox prints its own key"


@frozen(kw_only=True)
class Check:
    """One thing that was checked, and what to do ``next`` if it failed."""

    check: str
    result: Result
    detail: str
    next: str | None = None


async def doctor(
    *,
    program: Annotated[str | None, Parameter(env_var=_PROGRAM, help="UUID of the loyalty program.")] = None,
    base_url: Annotated[
        str | None, Parameter(help="Default: BREVO_BASE_URL, else https://api.brevo.com/v3.")
    ] = None,
    output: Format = "table",
) -> int:
    """Check key, address, program, definition, clock and quota, and say what to do about what is wrong.

    It makes one request, which reads the first definition of the program, and one more if BREVO_BALANCE_DEFINITION_ID
    is set, which reads that one.

    Example: brevo-balance doctor

    :param output: a checklist, or the same for a program to read.
    """
    visit = await _visit(program, base_url)
    checks = [look(visit) for look in (_key, _address, _program, _definition, _clock, _quota)]
    _show(checks, output)
    if checks[0].result == "failed":
        return CREDENTIALS
    return FAILED if any(each.result == "failed" for each in checks) else 0


@frozen(kw_only=True)
class _Visit:
    """What one request showed."""

    program: str | None
    url: str
    key: CommandError | None = None
    """Why there is no key."""
    error: BalanceError | None = None
    answer: AttemptFinished | None = None
    quota: QuotaState | None = None
    received: datetime | None = None
    definition: str | None = None
    """What ``BREVO_BALANCE_DEFINITION_ID`` holds."""
    definition_error: BalanceError | None = None
    """Why it is not good, or could not be looked for."""

    @property
    def is_v3(self) -> bool:
        """Whether the address ends as Brevo's and the sandbox's do."""
        return self.url.rstrip("/").endswith("/v3")

    @property
    def is_answered(self) -> bool:
        """Whether Brevo's business code answered, well or not."""
        if self.answer is None or (isinstance(self.error, NotFoundError) and not self.is_v3):
            return False
        return self.error is None or getattr(self.error, "explained", False)


async def _visit(program: str | None, base_url: str | None) -> _Visit:
    url = base_url or os.environ.get("BREVO_BASE_URL") or BASE_URL
    visit = _Visit(program=program, url=url, definition=os.environ.get(_DEFINITION))
    try:
        if visit.definition is not None:
            validation.uuid("balance_definition_id", visit.definition)
    except InvalidRequestError as error:
        visit = evolve(visit, definition_error=error)
    answers: list[tuple[AttemptFinished, datetime]] = []

    def hook(event: Event) -> None:
        if isinstance(event, AttemptFinished):
            answers.append((event, datetime.now(UTC)))

    try:
        async with connect_to(base_url, tell=False, hooks=[hook]) as client:
            once = client.with_options(max_wait=0.0, max_attempts=1)
            asked = once.program(_NO_PROGRAM if program is None else program)
            try:
                await asked.definitions.list(limit=1)
                if program is not None and visit.definition is not None and visit.definition_error is None:
                    visit = evolve(visit, definition_error=await _look_for(asked, visit.definition))
            finally:
                visit = evolve(visit, quota=client.quota)
    except CommandError as error:
        return evolve(visit, key=error)
    except BalanceError as error:
        visit = evolve(visit, error=error)
    answer, received = answers[0] if answers else (None, None)
    return evolve(visit, answer=answer, received=received)


async def _look_for(program: Program, definition: str) -> BalanceError | None:
    """Why the definition cannot be read, which is no finding about anything else."""
    try:
        await program.definitions.get(definition)
    except BalanceError as error:
        return error
    return None


def _key(visit: _Visit) -> Check:
    if visit.key is not None:
        return Check(check="key", result="failed", detail=str(visit.key), next=visit.key.hint)
    match visit.error:
        case InvalidRequestError(argument="BREVO_API_KEY", reason=reason):
            return Check(check="key", result="failed", detail=f"BREVO_API_KEY {reason}", next=_KEYS)
        case AuthenticationError():
            smtp = os.environ.get("BREVO_API_KEY", "").startswith("xsmtpsib-")
            return Check(
                check="key",
                result="failed",
                detail=f"BREVO_API_KEY was refused: {visit.error.message} (status {visit.error.status})",
                next="this is a key for SMTP: make one for the API" if smtp else _KEYS,
            )
        case PermissionDeniedError():
            return Check(
                check="key",
                result="failed",
                detail=f"BREVO_API_KEY may not read definitions: {visit.error.message}",
                next=hint(visit.error),
            )
    if visit.is_answered:
        return Check(check="key", result="ok", detail="BREVO_API_KEY was accepted")
    return Check(check="key", result="skipped", detail="BREVO_API_KEY is set, but nobody has looked at it")


def _address(visit: _Visit) -> Check:
    error = visit.error
    if visit.key is not None:
        return Check(check="address", result="skipped", detail=f"{visit.url} was not tried without a key")
    if isinstance(error, InvalidRequestError) and error.argument not in {"program_id", "BREVO_API_KEY"}:
        where = "--base-url" if error.argument == "base_url" else error.argument
        what = f"{where} {visit.url}:" if where in {"--base-url", "BREVO_BASE_URL"} else where
        return Check(
            check="address", result="failed", detail=f"{what} {error.reason}", next=f"look at {where}"
        )
    if visit.answer is None:
        if isinstance(error, TransportError):
            return Check(
                check="address",
                result="failed",
                detail=f"{visit.url}: {error.message}",
                next=hint(error),
            )
        return Check(check="address", result="skipped", detail=f"{visit.url} was not tried")
    if not visit.is_answered:
        ending = "" if visit.is_v3 else ": it does not end in /v3"
        return Check(
            check="address",
            result="failed",
            detail=f"{visit.url} answers, but not as Brevo does (status {visit.answer.status}){ending}",
            next="look at --base-url, BREVO_BASE_URL, HTTPS_PROXY; after a status of 500 and more try again later",
        )
    return Check(check="address", result="ok", detail=f"{visit.url} answered in {visit.answer.seconds:.3f} s")


def _program(visit: _Visit) -> Check:
    error = visit.error
    if visit.program is None:
        return Check(
            check="program",
            result="failed",
            detail="none was named",
            next="give --program, or export BREVO_PROGRAM_ID: the UUID of the loyalty program",
        )
    if error is None and visit.answer is not None:
        return Check(check="program", result="ok", detail=f"{visit.program} was found")
    if isinstance(error, InvalidRequestError) and error.argument == "program_id":
        return Check(
            check="program",
            result="failed",
            detail=f"{_PROGRAM if os.environ.get(_PROGRAM) == visit.program else '--program'} {error.reason}",
            next="it is a UUID, as in 27aa1d7a-af67-4020-8a65-19d6b0f0a26e",
        )
    if isinstance(error, NotFoundError) and visit.is_answered:
        return Check(
            check="program",
            result="failed",
            detail=f"{visit.program} was not found: {error.message}",
            next="compare it with Brevo's page of the loyalty program; a key sees its own account only",
        )
    return Check(check="program", result="skipped", detail=f"{visit.program} was not looked for")


def _definition(visit: _Visit) -> Check:
    error, named = visit.definition_error, visit.definition
    if named is None:
        return Check(check="definition", result="skipped", detail=f"{_DEFINITION} is not set")
    if isinstance(error, InvalidRequestError):
        return Check(
            check="definition", result="failed", detail=f"{_DEFINITION} {error.reason}", next=_DEFINITIONS
        )
    if isinstance(error, NotFoundError):
        return Check(
            check="definition",
            result="failed",
            detail=f"{_DEFINITION} {named} was not found in the program: {error.message}",
            next=_DEFINITIONS,
        )
    if error is not None:
        return Check(
            check="definition", result="skipped", detail=f"{named} could not be looked for: {error.message}"
        )
    if visit.program is None or visit.error is not None or visit.answer is None:
        return Check(check="definition", result="skipped", detail=f"{named} was not looked for")
    return Check(check="definition", result="ok", detail=f"{named} was found")


def _clock(visit: _Visit) -> Check:
    date = None if visit.answer is None else visit.answer.headers.get("date")
    try:
        theirs = parsedate_to_datetime(date or "")
    except ValueError:
        return Check(check="clock", result="skipped", detail="no server told the time")
    ahead = ((visit.received or theirs) - theirs).total_seconds()
    if abs(ahead) <= _MOST_SKEW:
        return Check(check="clock", result="ok", detail=f"within {_MOST_SKEW:.0f} s of the server's")
    return Check(
        check="clock",
        result="failed",
        detail=f"this machine is {abs(ahead):,.0f} s {'ahead of' if ahead > 0 else 'behind'} the server",
        next="set it by NTP: event times and due times are compared with the server's clock",
    )


def _quota(visit: _Visit) -> Check:
    quota = visit.quota
    if quota is None:
        if isinstance(visit.error, QuotaError):
            wait = visit.error.retry_after
            when = "later" if wait is None else f"in {wait:,.0f} s"
            return Check(check="quota", result="failed", detail="it is used up", next=f"try again {when}")
        if visit.answer is None:
            return Check(check="quota", result="skipped", detail="no server told it")
        return Check(check="quota", result="ok", detail="the server announces none")
    left = f"{quota.remaining:,} of {quota.limit:,} requests are left, it resets in {quota.resets_in:,.0f} s"
    if quota.remaining > 0:
        return Check(check="quota", result="ok", detail=left)
    return Check(
        check="quota", result="failed", detail=left, next="wait: the other commands wait by themselves"
    )


def _show(checks: Sequence[Check], output: Format) -> None:
    if output != "table":
        lines = writer(output, Check, ())
        lines.page(checks)
        lines.end()
        return
    room = width()
    for each in checks:
        _tell(each.result, each.check, each.detail, room, _STYLES[each.result])
        if each.next is not None and each.result == "failed":
            _tell("", "", f"next: {each.next}", room, "")


def _tell(result: str, check: str, text: str, room: int | None, style: str) -> None:
    lines = [printable(text)] if room is None else wrap(printable(text), max(20, room - _INDENT))
    for first, line in zip([f"{result:<9}", *[" " * 9] * len(lines)], lines, strict=False):
        if room is None:
            write(first)
        else:
            console().out(first, style=style, end="")
        write(f"{check:<{_INDENT - 9}}{line}\n")
        check = ""
