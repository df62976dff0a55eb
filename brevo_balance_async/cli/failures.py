"""How a failed command ends: a message that says what to do next, and an exit code.

0: done. 1: refused or failed. 2: the command line, an argument or a file of rows is invalid, nothing was sent. 3: no
credentials, or they were refused. 6: nobody knows whether it was applied. 130: interrupted. A job over many rows also
ends with 7 (stopped, resumable), 8 (some rows refused) or 9 (some rows unknown).
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve, frozen

from brevo_balance_async.errors import (
    MOST_PROBLEMS,
    AuthenticationError,
    BalanceError,
    ConnectFailedError,
    DecodeError,
    InputFileError,
    InvalidRequestError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    RateLimitedError,
    RequestTimeoutError,
    ResponseError,
    ServerError,
    UnprocessableError,
)

from .terminal import AS_JSON, CommandError, say_error, say_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FAILED: Final = 1
USAGE: Final = 2
CREDENTIALS: Final = 3
UNKNOWN: Final = 6

_READS: Final = frozenset({"list", "list_active", "get", "find"})

_PARAMETERS: Final = {
    "balance_definition_id": "definition",
    "balance_availability_duration_modifier": "available_until",
    "balance_availability_duration_unit": "available_unit",
    "balance_availability_duration_value": "available",
    "balance_expiration_date": "expires_on",
    "balance_expiry_in_minutes": "expiry",
    "balance_option_amount_overtaking_strategy": "overtaking",
    "balance_option_credit_rounding": "credit_rounding",
    "balance_option_debit_rounding": "debit_rounding",
    "constraint_type": "constraint",
    "contact_id": "contact",
    "definition_id": "definition",
    "duration_unit": "unit",
    "duration_value": "every",
    "limit_id": "limit",
    "loyalty_subscription_id": "subscription",
    "max_credit_amount_limit": "max_credit",
    "max_debit_amount_limit": "max_debit",
    "program_id": "program",
    "sliding_schedule": "sliding",
    "transaction_type": "type",
}
"""Our names of the arguments of the client, where they differ."""


@frozen(kw_only=True)
class Failure:
    """What is told of an error."""

    type: str
    message: str
    lines: tuple[str, ...] = ()
    """What the message is followed by, each on a line of its own."""
    applied: bool | None = False
    retry_after: float | None = None
    hint: str | None = None
    exit_code: int = FAILED
    details: Mapping[str, Any] = {}

    def tell(self) -> int:
        """Write it to stderr, as text or as one JSON object; the exit code."""
        if AS_JSON.get():
            always = {name: getattr(self, name) for name in ("type", "message", "applied", "retry_after")}
            always["message"] = "\n  ".join([self.message, *self.lines])
            maybe = {"hint": self.hint, "exit_code": self.exit_code, **self.details}
            say_json({**always, **{name: value for name, value in maybe.items() if value is not None}})
        else:
            say_error(self.message, self.hint, self.lines)
        return self.exit_code


def usage(message: str, command: str) -> Failure:
    """A command line that was not understood."""
    return Failure(
        type="UsageError",
        message=message,
        hint=f"nothing was sent; see: {command} --help",
        exit_code=USAGE,
    )


def failure(error: BalanceError | CommandError, options: Mapping[str, str]) -> Failure:
    """What to tell of an error.

    ``options`` are the command's, by the names of their parameters; or the environment variables they were taken from.
    """
    if isinstance(error, CommandError):
        return Failure(type=type(error).__name__, message=str(error), hint=error.hint, exit_code=error.code)
    notes = error.__notes__[1:]  # the first is where to read on
    told = Failure(
        type=type(error).__name__,
        message="; ".join([str(error), *notes]),
        applied=error.applied,
        retry_after=error.retry_after,
        hint=hint(error),
        exit_code=_code(error),
        details={
            "endpoint": error.endpoint,
            "status": error.status,
            "code": error.code,
            "request_id": error.request_id,
            "attempts": error.attempts or None,
            "docs": error.docs,
        },
    )
    if isinstance(error, InputFileError):
        return evolve(told, **_problems(error, notes))
    if isinstance(error, InvalidRequestError):
        option = options.get(_PARAMETERS.get(error.argument, error.argument))
        source = option or error.argument
        text = "; ".join([f"{source}: {error.reason}", "nothing was sent", *notes])
        is_variable = source.startswith("BREVO_") or source.endswith("_PROXY")
        where = {"variable": source} if is_variable else {"option": option}
        return evolve(told, message=text, details={**where, "docs": error.docs})
    if isinstance(error, ResponseError) and error.applied is False and not _is_read(error):
        return evolve(told, message=f"{told.message}; nothing was changed")
    return told


def _problems(error: InputFileError, notes: Sequence[str]) -> dict[str, Any]:
    """The message, and the problems: in the message if there is one only, else a line for each."""
    problems = tuple(map(str, error.problems))
    if len(problems) == 1:
        return {"message": "; ".join([str(error), "nothing was sent", *notes])}
    more = ", and perhaps more" if len(problems) >= MOST_PROBLEMS else ""
    head = f"{error.path}: {len(problems)} problems{more}"
    return {"message": "; ".join([head, "nothing was sent", *notes]), "lines": problems}


def _code(error: BalanceError) -> int:
    if _is_in_doubt(error):
        return UNKNOWN
    if isinstance(error, InvalidRequestError):
        return USAGE
    return CREDENTIALS if isinstance(error, (AuthenticationError, PermissionDeniedError)) else FAILED


def _is_in_doubt(error: BalanceError) -> bool:
    # A refused complete or cancel says that the transaction is not a draft any more, whoever has ended it.
    return error.applied is None and not isinstance(error, (NotFoundError, UnprocessableError))


def _is_read(error: BalanceError) -> bool:
    return error.endpoint is None or error.endpoint.rpartition(".")[2] in _READS


def hint(error: BalanceError) -> str | None:
    """What to do next."""
    match error:
        case OutcomeUnknownError():
            return _look(error)
        case _ if _is_in_doubt(error):
            return "it may have been applied; to run the same command again does no harm"
        case UnprocessableError() if error.applied is None:
            return "it is no draft any more; the contact's history shows what became of it"
        case AuthenticationError():
            return "look at BREVO_API_KEY; brevo-balance doctor checks it"
        case PermissionDeniedError():
            return "the key is good, but may not do this: is the loyalty module part of the account?"
        case NotFoundError():
            return "look at the ids; brevo-balance doctor checks the program, definitions list shows its definitions"
        case RateLimitedError():
            return "try again later; brevo-balance doctor shows what is left of the quota"
        case ConnectFailedError() if _is_local(str(error)):
            return "is the sandbox running? start it with: brevo-balance sandbox"
        case ConnectFailedError() | RequestTimeoutError():
            return "brevo-balance doctor checks the address; a proxy is read from HTTPS_PROXY and NO_PROXY"
        case ServerError() | DecodeError():
            return "try again later; brevo-balance doctor shows whether the server answers"
        case InvalidRequestError():
            return None
        case _:
            return f"the documentation says what to do: {error.docs}"


def _is_local(text: str) -> bool:
    return any(host in text for host in ("host 127.0.0.1:", "host localhost:", "host ::1:"))


def _look(error: OutcomeUnknownError) -> str | None:
    """The command that shows what became of a credit or debit."""
    asked = error.arguments
    if not {"contact_id", "balance_definition_id"} <= asked.keys() or asked["contact_id"] is None:
        return None
    words = ["brevo-balance", "history"]
    words += ["--definition", str(asked["balance_definition_id"]), "--contact", str(asked["contact_id"])]
    return f"look before you send it again: {shlex.join(words)}"
