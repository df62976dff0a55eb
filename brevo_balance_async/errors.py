"""The error tree: one root, so that ``except BalanceError`` catches everything the package raises.

Each error says what was refused or failed, whether anything was sent, and what to do next. All of them
survive pickling, so that a process pool shows the real failure. Nothing here imports the rest of the package.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BODY_START = 2_000
"""Characters of an answer's body that an error keeps."""


def as_utf8(text: str) -> str:
    """Text that UTF-8 can carry: half a surrogate pair, which JSON and raw header bytes may hold, as its escape."""
    return text.encode("utf-8", "backslashreplace").decode()


class BalanceError(Exception):
    """Root of every error of this package.

    ``endpoint`` is the operation (``"transactions.begin"``), ``attempts`` how many requests were made for the
    call. ``status``, ``code`` and ``request_id`` are set where a server answered, and ``None`` elsewhere, so
    that one line of logging serves every error. ``retry_after`` is the seconds after which it makes sense to try
    again, where somebody has said so.

    ``applied`` is False where the call certainly changed nothing, as for every read, and None where nobody can
    say. ``draft`` is the ``Transaction`` that a hold leaves behind as a draft, perhaps: complete or cancel it.
    """

    status: int | None = None
    code: str | None = None
    request_id: str | None = None
    endpoint: str | None = None
    attempts: int = 0
    applied: bool | None = False
    draft: Any = None  # a Transaction; the tree imports nothing of ours
    retry_after: float | None = None

    def __init__(self, *args: object) -> None:
        super().__init__(*(as_utf8(each) if isinstance(each, str) else each for each in args))

    @property
    def message(self) -> str:
        """The text, without the endpoint in front of it."""
        return str(self.args[0]) if self.args else ""

    def __str__(self) -> str:
        return f"{self.endpoint}: {self.message}" if self.endpoint else self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return _revive, (type(self), self.args, dict(self.__dict__))


def _revive(kind: type[BalanceError], args: tuple[Any, ...], state: dict[str, Any]) -> BalanceError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


class InvalidRequestError(BalanceError, ValueError):
    """An argument was refused here; nothing was sent. ``argument`` names it."""

    def __init__(self, argument: str, reason: str) -> None:
        super().__init__(f"{argument}: {reason}")
        self.argument = argument
        self.reason = reason


class Problem(NamedTuple):
    """One thing that is wrong with a file of rows."""

    line: int | None
    """Counted from 1; None where the file as a whole is meant."""
    argument: str | None
    """The column or key; None where the line or the file as a whole is meant."""
    reason: str

    def __str__(self) -> str:
        parts = (None if self.line is None else f"line {self.line}", self.argument, self.reason)
        return ": ".join(filter(None, parts))


class InputFileError(InvalidRequestError):
    """A file of rows cannot be what it should be. It is raised while reading: nothing of the file was sent.

    ``problems`` are all that were found, in file order: one that ends the reading comes last, and reading stops at
    the 20th. ``path`` is the file; ``line``, ``argument`` and ``reason`` are those of the first problem, ``line`` is
    None and ``argument`` is ``"path"`` where the file as a whole is meant.
    """

    def __init__(self, path: os.PathLike[str] | str, problems: Sequence[Problem]) -> None:
        first = problems[0]
        super().__init__(first.argument or "path", first.reason)
        self.path = os.fspath(path)
        self.problems = tuple(problems)
        self.line = first.line
        where = f"{self.path}: " if len(problems) == 1 else f"{self.path}: {len(problems)} problems:\n  "
        self.args = (where + ";\n  ".join(map(str, problems)),)


class ClientStateError(BalanceError):
    """The client was used before entering, after closing, or from another event loop."""


class TransportError(BalanceError):
    """No usable answer came back. ``sent`` says whether bytes of the request may have left."""

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


class ConnectFailedError(TransportError):
    """No connection could be made: the request was certainly not sent.

    ``retryable`` is false where asking again cannot help (a certificate that does not verify, say).
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
    """The server answered, but not with success.

    ``status`` is the HTTP status, ``code`` and the message come from Brevo's ``{"code", "message"}`` body where
    there is one, ``headers`` are the answer's (names in lower case), ``body`` is the start of its text.
    ``explained``: the body was Brevo's, so its business code has answered and nothing in between; or a 401 that
    asks for other credentials (``WWW-Authenticate``, RFC 6749's ``error``), so that nothing reached business code.
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
        self.code = code and as_utf8(code)
        self.request_id = request_id and as_utf8(request_id)
        self.headers = {name: as_utf8(value) for name, value in (headers or {}).items()}
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
    """401: the key or token is missing or wrong."""


class PermissionDeniedError(ResponseError):
    """403: the key is known but not allowed (loyalty module off, or an OAuth scope missing)."""


class NotFoundError(ResponseError):
    """404: unknown program, definition, limit or transaction; when reading, also a contact that is no member."""


class ConflictError(ResponseError):
    """409: undocumented for this API; a platform code such as ``duplicate_request`` may stand behind it."""


class UnprocessableError(ResponseError):
    """422: the request was understood and refused (contact not enrolled, transaction already completed ...)."""


class FailedDependencyError(ResponseError):
    """424: documented for updating a definition and creating a limit."""


class QuotaError(BalanceError):
    """The account's quota stands in the way: one handler for both errors below.

    ``retry_after`` is the wait that is asked for, in seconds; None where a 429 told none.
    """

    retry_after: float | None = None


class RateLimitedError(ResponseError, QuotaError):
    """429: the account's quota is used up, the server says."""

    def __init__(self, message: str, *, retry_after: float | None = None, **fields: Any) -> None:
        super().__init__(message, **fields)
        self.retry_after = retry_after


class ServerError(ResponseError):
    """5xx: the server failed. For a write this says nothing about whether it was applied."""


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
    """The quota asks for a wait longer than the one allowed; nothing was sent.

    ``retry_after`` is the wait the quota asks for, ``max_wait`` the one allowed, both in seconds. Raise ``max_wait``
    (``None`` waits as long as it takes), or come back after ``retry_after``. Where no answer has yet told how much
    of the quota is left, ``retry_after`` is the time already spent waiting for one.
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
            else "no answer has yet told how much of the account's quota is left, and those on their way did not "
            f"come within the {max_wait:.1f} s that were allowed; nothing was sent. Try again, or allow a longer "
            "max_wait"
        )
        self.retry_after = retry_after
        self.max_wait = max_wait


class OutcomeUnknownError(BalanceError):
    """A write that may have been applied, and may not.

    What would happen twice (``begin``, ``credit``, ``create_order`` and the other creating calls) was sent once.
    ``complete`` and ``cancel``, which the server lets happen once, were asked for again, and no answer told.

    ``cause`` is the error behind it. ``look_for`` says what to look for in the transaction history (or elsewhere)
    before anybody sends the write once more, and ``arguments`` is what to look for: what was asked, exactly as it
    was sent, by our names (``contact_id``, ``balance_definition_id``, ``amount``, ``meta`` ...). For ``complete``
    and ``cancel`` that is ``transaction_id``, and contact and definition where a ``Transaction`` was given.
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
            self.status, self.code, self.request_id = cause.status, cause.code, cause.request_id

    sent: ClassVar[bool] = True

    def __str__(self) -> str:
        return f"{super().__str__()}. Before sending it again: {self.look_for}"


class DecodeError(BalanceError):
    """An answer with a success status could not be read.

    ``problems`` are lines of "path: reason", ``body`` is the raw body. ``garbled``: the body was no JSON at all,
    which something in between may have done and a second reading may cure.
    """

    def __init__(
        self, message: str, *, problems: Sequence[str] = (), body: bytes = b"", garbled: bool = False
    ) -> None:
        super().__init__(message)
        self.problems = tuple(map(as_utf8, problems))
        self.body = body
        self.garbled = garbled

    def __str__(self) -> str:
        text = super().__str__()
        if self.problems:
            text += ": " + "; ".join(self.problems)
        return text


class PaginationError(BalanceError):
    """The walk cannot promise to be whole. ``position`` is where it stopped, ``seen`` how many rows it gave."""

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
