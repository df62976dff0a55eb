"""The errors of this package. ``except BalanceError`` catches all of them.

Each error says what was refused or failed, whether anything was sent, and what to do next. Its ``docs`` names the
section of the documentation that says more, and a traceback ends with it. All of them can be pickled, so that a process
pool shows the real failure. Nothing here imports the rest of the package.

Sources: https://developers.brevo.com/docs/how-it-works (the error body), and the error statuses of the operations
below https://developers.brevo.com/reference/.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BODY_START = 2_000
"""Number of characters of an answer's body that an error keeps."""


def as_utf8(text: str) -> str:
    """Text that can be encoded as UTF-8: a lone surrogate, as JSON and raw header bytes may have, is escaped."""
    return text.encode("utf-8", "backslashreplace").decode()


class BalanceError(Exception):
    """Base class of every error of this package.

    ``endpoint`` is the operation (``"transactions.begin"``), ``attempts`` the number of requests made for the call.
    ``status``, ``code`` and ``request_id`` come from the server's answer; they are None if there was none, so that
    every error can be logged in the same way. ``retry_after`` is the time in seconds after which a retry makes sense,
    or None if that is not known.

    ``applied`` is False if the call certainly changed nothing, as for every read, and None if that is not known.
    ``draft`` is the ``Transaction`` that a ``hold`` may have left as a draft: complete or cancel it.

    ``docs`` is the section of the documentation that says what to do, as page and anchor
    (``"errors.html#notfounderror"``). The first of the ``__notes__`` names it, so a traceback shows it and ``str`` does
    not. A subclass of yours has that of its base.
    """

    docs: ClassVar[str] = "errors.html#balanceerror"
    status: int | None = None
    code: str | None = None
    request_id: str | None = None
    endpoint: str | None = None
    attempts: int = 0
    applied: bool | None = False
    draft: Any = None  # a Transaction; the tree imports nothing of ours
    retry_after: float | None = None

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if cls.__module__ == __name__:  # only these have a section
            cls.docs = f"errors.html#{cls.__name__.lower()}"

    def __init__(self, *args: object) -> None:
        super().__init__(*(as_utf8(each) if isinstance(each, str) else each for each in args))
        self.add_note(f"what to do: {self.docs} in the documentation of brevo-balance-async")

    @property
    def message(self) -> str:
        """The text without the endpoint and the marks that ``str`` adds."""
        return str(self.args[0]) if self.args else ""

    def __str__(self) -> str:
        return f"{self.endpoint}: {self.message}" if self.endpoint else self.message

    def __reduce__(self) -> tuple[Any, ...]:
        notes = list(getattr(self, "__notes__", ()))  # a copy gets notes of its own
        return _revive, (type(self), self.args, {**self.__dict__, "__notes__": notes})


def _revive(kind: type[BalanceError], args: tuple[Any, ...], state: dict[str, Any]) -> BalanceError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


class InvalidRequestError(BalanceError, ValueError):
    """An argument is invalid; nothing was sent. ``argument`` is its name, ``reason`` says why.

    Where the environment stood in for the argument, ``argument`` is the variable (``"BREVO_BASE_URL"``).
    """

    def __init__(self, argument: str, reason: str) -> None:
        super().__init__(f"{argument}: {reason}")
        self.argument = argument
        self.reason = reason


class Problem(NamedTuple):
    """One thing that is wrong with a file of rows."""

    line: int | None
    """Counted from 1; None for a problem of the whole file."""
    argument: str | None
    """The column or key; None for a problem of the whole line or file."""
    reason: str

    def __str__(self) -> str:
        parts = (None if self.line is None else f"line {self.line}", self.argument, self.reason)
        return ": ".join(filter(None, parts))


MOST_PROBLEMS: Final = 20
"""The number of problems after which a file of rows is not read on."""


class InputFileError(InvalidRequestError):
    """A file of rows is invalid. It is raised while the file is read, so nothing of it was sent.

    ``problems`` are those that were found, in file order; reading stops at the 20th, or at one that makes the rest
    unreadable. ``path`` is the file. ``line``, ``argument`` and ``reason`` are those of the first problem; for a
    problem of the whole file ``line`` is None and ``argument`` is ``"path"``.
    """

    def __init__(self, path: os.PathLike[str] | str, problems: Sequence[Problem]) -> None:
        first = problems[0]
        super().__init__(first.argument or "path", first.reason)
        self.path: str = os.fspath(path)
        self.problems: tuple[Problem, ...] = tuple(problems)
        self.line: int | None = first.line
        number = f"{len(problems)} problems" + (
            ", and perhaps more" if len(problems) >= MOST_PROBLEMS else ""
        )
        where = f"{self.path}: " if len(problems) == 1 else f"{self.path}: {number}:\n  "
        self.args: tuple[Any, ...] = (where + ";\n  ".join(map(str, problems)),)


class ClientStateError(BalanceError):
    """The client was used before it was opened, after it was closed, or from another event loop."""


class TransportError(BalanceError):
    """No usable answer arrived. ``sent`` is true if bytes of the request may have left."""

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


class ConnectFailedError(TransportError):
    """No connection could be made: the request was certainly not sent.

    ``retryable`` is false if a retry cannot help, for instance if a certificate cannot be verified.
    """

    def __init__(self, message: str, *, retryable: bool = True) -> None:
        super().__init__(message, sent=False)
        self.retryable = retryable


class RequestTimeoutError(TransportError):
    """Time ran out in ``phase``: ``"pool"`` (no free connection), ``"connect"`` or ``"answer"``.

    Only ``"answer"`` can have been sent.
    """

    def __init__(self, message: str, *, phase: str, sent: bool) -> None:
        super().__init__(message, sent=sent)
        self.phase = phase


class ResponseError(BalanceError):
    """The server answered with another status than success.

    ``status`` is the HTTP status. ``code`` and the message come from Brevo's error body ``{"code", "message"}`` if
    there is one. ``headers`` are the answer's (names in lower case), ``body`` is the start of its text.

    ``explained`` is true if the body had a ``code`` or ``message``: Brevo's business code answered, and not a proxy
    before it. It is also true for a 401 that asks for other credentials (``WWW-Authenticate``, or ``error`` of RFC
    6749), because such a request does not reach the business code.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str | None = None,
        request_id: str | None = None,
        headers: Mapping[str, str] | None = None,
        body: str = "",
        explained: bool = False,
    ) -> None:
        super().__init__(message)
        self.explained = explained
        self.status: int = status
        self.code: str | None = code and as_utf8(code)
        self.request_id: str | None = request_id and as_utf8(request_id)
        self.headers: dict[str, str] = {name: as_utf8(value) for name, value in (headers or {}).items()}
        self.body = body

    def __str__(self) -> str:
        marks = [f"status {self.status}"]
        if self.code:
            marks.append(self.code)
        if self.request_id:
            marks.append(f"request {self.request_id}")
        return f"{super().__str__()} ({', '.join(marks)})"


class BadRequestError(ResponseError):
    """400: the server could not read the request."""


class AuthenticationError(ResponseError):
    """401: the key or token is missing or wrong. Also raised if a token cannot be fetched because of that."""


class PermissionDeniedError(ResponseError):
    """403: the key is not allowed to do this, for instance without the loyalty module or an OAuth scope."""


class NotFoundError(ResponseError):
    """404: unknown program, definition, limit or transaction; for a read, also a contact that is no member."""


class ConflictError(ResponseError):
    """409: Brevo does not document it for the loyalty API; ``code`` may say why."""


class UnprocessableError(ResponseError):
    """422: the request was understood and refused.

    For instance the contact is not enrolled, or the transaction was already completed
    (https://developers.brevo.com/docs/loyalty-best-practices). Also raised for a 200 answer, or a history row, in which
    the transaction has another final status than the one asked for; ``code`` is that status.
    """


class FailedDependencyError(ResponseError):
    """424: Brevo documents it for updating a definition and creating a limit, without a cause."""


class QuotaError(BalanceError):
    """The account's quota does not allow the request now: the base class of the two errors below.

    ``retry_after`` is the wait in seconds; None if a 429 named none.
    """

    retry_after: float | None = None


class RateLimitedError(ResponseError, QuotaError):
    """429: the server says that the account's quota is used up (https://developers.brevo.com/docs/limit-headers)."""

    def __init__(self, message: str, *, retry_after: float | None = None, **fields: Any) -> None:
        super().__init__(message, **fields)
        self.retry_after = retry_after


class ServerError(ResponseError):
    """5xx: the server failed. A write may have been applied all the same."""


BY_STATUS: dict[int, type[ResponseError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    422: UnprocessableError,
    424: FailedDependencyError,
    429: RateLimitedError,
}


class QuotaWaitError(QuotaError):
    """The wait for quota would be longer than allowed; nothing was sent.

    ``retry_after`` is the wait that the quota needs, ``max_wait`` the one that is allowed, both in seconds. Retry after
    ``retry_after``, or allow a longer ``max_wait`` (None: no limit). If it is not known yet how much of the quota is
    left, ``retry_after`` is the time already spent waiting for an answer.
    """

    def __init__(
        self,
        retry_after: float,
        max_wait: float,
        *,
        known: bool = True,
        reserve: float = 0.0,
        kept: int = 0,
        left: int = 0,
    ) -> None:
        because = (
            f" ({left} requests are left, of which reserve={reserve:g} keeps {kept} for others)"
            if kept
            else ""
        )
        super().__init__(
            f"the account's quota asks for a wait of {retry_after:.1f} s{because}, {max_wait:.1f} s are allowed; "
            f"nothing was sent. Try again after {retry_after:.1f} s, or allow a longer max_wait"
            f"{' or a smaller reserve' if kept else ''}"
            if known
            else "it is not known yet how much of the account's quota is left, and no answer arrived within the "
            f"{max_wait:.1f} s that are allowed; nothing was sent. Try again, or allow a longer max_wait"
        )
        self.retry_after: float = retry_after
        self.max_wait = max_wait


class OutcomeUnknownError(BalanceError):
    """A write may or may not have been applied.

    A write that is not idempotent (``begin``, ``credit``, ``create_order`` and the other creating calls) was not sent
    again after the attempt in doubt. ``complete`` and ``cancel``, which the server applies at most once, were retried
    as far as ``max_attempts``, ``timeout`` and quota allowed, and no answer showed the outcome.

    ``cause`` is the error of the attempt. ``look_for`` says where to find out what happened, in most cases in the
    transaction history; do that before you send the write again. ``arguments`` are the arguments that were sent, by
    our names (``contact_id``, ``balance_definition_id``, ``amount``, ``meta`` ...). For ``complete`` and ``cancel``
    they are ``transaction_id``, and contact and definition if a ``Transaction`` was given.
    """

    applied: bool | None = None

    def __init__(
        self,
        message: str,
        *,
        cause: BalanceError | None,
        look_for: str,
        arguments: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.cause = cause
        self.look_for = look_for
        self.arguments: dict[str, Any] = dict(arguments or {})
        if cause is not None:
            self.status: int | None = cause.status
            self.code: str | None = cause.code
            self.request_id: str | None = cause.request_id

    sent: ClassVar[bool] = True

    def __str__(self) -> str:
        return f"{super().__str__()}. Before sending it again: {self.look_for}"


class DecodeError(BalanceError):
    """An answer with a success status could not be decoded, or does not belong to the request.

    ``problems`` are lines of "path: reason", ``body`` is the raw body. ``garbled`` is true if a retry may help: the
    body is not JSON, or it is the answer to another request.
    """

    def __init__(
        self, message: str, *, problems: Sequence[str] = (), body: bytes = b"", garbled: bool = False
    ) -> None:
        super().__init__(message)
        self.problems: tuple[str, ...] = tuple(map(as_utf8, problems))
        self.body = body
        self.garbled = garbled

    def __str__(self) -> str:
        text = super().__str__()
        if self.problems:
            text += ": " + "; ".join(self.problems)
        return text


class PaginationError(BalanceError):
    """A walk cannot promise that it gave every row.

    ``position`` is where it stopped, counted in records; ``seen`` is the number of rows that it gave.
    """

    def __init__(self, message: str, *, position: int = 0, seen: int = 0) -> None:
        super().__init__(message)
        self.position = position
        self.seen = seen


class JournalError(BalanceError):
    """The journal could not do what was asked. Nothing is sent that was not written down before.

    ``applied`` is None where the end of something that was sent could not be written: ask again with the same
    reference. The error under it, if there is one, is the ``__cause__``.
    """


class ReferenceConflictError(JournalError):
    """A reference was used before, for something else; nothing was sent.

    ``field`` is the argument that differs (``"amount"``; ``"payload"`` where the row was redacted), ``stored`` what the
    journal has, ``given`` what was asked for now, in canonical form.
    """

    def __init__(self, reference: str, field: str, stored: object, given: object) -> None:
        super().__init__(
            f"reference {reference!r} was used before with {field} {stored!r}, and now with {given!r}; nothing was "
            "sent. One reference is one credit or debit: give this one a reference of its own, or ask with the "
            "payload of then"
        )
        self.reference = reference
        self.field = field
        self.stored = stored
        self.given = given


class JournalBusyError(JournalError):
    """Another program has the journal, or a row of it, and did not let go in time. Ask again later."""


class JournalVersionError(JournalError):
    """The journal was written by a newer release."""


class JournalFullError(JournalError):
    """The disk that the journal is on is full."""
