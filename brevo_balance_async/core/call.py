"""The state of one call, without I/O: the attempts so far, the time and attempts left, and what a failure means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from brevo_balance_async.core import protocol
from brevo_balance_async.core.protocol import Progress, Replay
from brevo_balance_async.core.quota import headers
from brevo_balance_async.core.retry import WRITES_ONCE, Verdict, judge, leaves_doubt, may_try_again
from brevo_balance_async.errors import (
    BalanceError,
    DecodeError,
    NotFoundError,
    OutcomeUnknownError,
    QuotaWaitError,
    RateLimitedError,
    RequestTimeoutError,
    ResponseError,
    TransportError,
    UnprocessableError,
)

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping

    from brevo_balance_async.config import Options
    from brevo_balance_async.core.protocol import Endpoint, Request

T = TypeVar("T")


class Call(Generic[T]):
    """One call. Times are seconds of the client's clock.

    - ``attempt`` counts the requests made, ``tries`` also the attempts that failed while getting credentials.
    - ``progress`` is how far the current attempt got.
    - ``headers`` are the auth headers of the current attempt (None: not there yet). ``renewed``: they were renewed
      after a 401, which happens once in a call.
    - ``doubt`` is the failure of the first attempt that may have been applied, ``refused`` the last 429.
    - ``waited`` is the time spent waiting for quota.
    - ``ended``: the answer showed the transaction with another final status than asked for, so nothing is in doubt.
    """

    __slots__ = (
        "attempt",
        "deadline",
        "doubt",
        "ended",
        "endpoint",
        "headers",
        "options",
        "progress",
        "refused",
        "renewed",
        "request",
        "tries",
        "waited",
    )

    def __init__(self, endpoint: Endpoint[T], request: Request, options: Options, now: float) -> None:
        self.endpoint: Endpoint[T] = endpoint
        self.request: Request = request
        self.options: Options = options
        self.deadline = None if options.timeout is None else now + options.timeout
        self.attempt: int = 0
        self.tries: int = 0
        self.progress: Progress = Progress()
        self.headers: Mapping[str, str] | None = None
        self.renewed: bool = False
        self.doubt: BalanceError | None = None
        self.refused: RateLimitedError | None = None
        self.waited: float = 0.0
        self.ended: bool = False

    @property
    def priority(self) -> tuple[float, bool, bool]:
        """What the quota gate decides by: the reserve, whether it is paced, and whether it goes first."""
        options = self.options
        paced = options.max_wait is None and options.reserve > 0
        return options.reserve, paced, self.endpoint.replay is Replay.GUARDED

    # Time ------------------------------------------------------------------------------------------------------

    def left(self, now: float) -> float | None:
        """Seconds left (None: no limit). Raises ``RequestTimeoutError`` if there are none."""
        if self.deadline is None:
            return None
        if now >= self.deadline:
            raise RequestTimeoutError(
                "the time for this call is over; nothing was sent", phase="pool", sent=False
            )
        return self.deadline - now

    def quota_wait(self, now: float) -> float | None:
        """The longest wait for quota that is still allowed; None: no limit."""
        allowed = self.options.max_wait
        if allowed is None:
            return None
        allowed = max(0.0, allowed - self.waited)
        return allowed if self.deadline is None else min(allowed, max(0.0, self.deadline - now))

    def waited_for_quota(self, seconds: float) -> None:
        """Count a wait for quota. With ``max_wait=None`` it does not count against ``timeout``."""
        self.waited += seconds
        if self.options.max_wait is None and self.deadline is not None:
            self.deadline += seconds

    def next_delay(self, error: BalanceError, verdict: Verdict, delay: float, now: float) -> float | None:
        """Seconds to wait before the next attempt, at least ``delay``; None if there is no next attempt.

        A wait that the server asks for is waited completely, or the call fails. It is never shortened.
        """
        options = self.options
        if not may_try_again(self.endpoint.replay, verdict) or self._is_ended(error):
            return None
        limited = isinstance(error, RateLimitedError)
        # With max_wait=None a 429 does not use up the attempts: several may follow each other until quota is free.
        patient = limited and options.max_wait is None and options.max_attempts > 1
        if self.tries >= options.max_attempts and not patient:
            return None
        if self.queues(error):
            return 0.0
        asked = _asked(error)
        if asked is not None:
            if options.max_wait is not None and asked > options.max_wait - self.waited:
                return None
            delay += asked
            self.waited += asked
        if self.deadline is not None:
            if asked is not None and options.max_wait is None:
                self.deadline += delay
            if now + delay >= self.deadline:
                return None
        return delay

    def queues(self, error: BalanceError) -> bool:
        """True if the call waits at the quota gate: a 429 closes it, and calls wait there in their order."""
        by_the_token_endpoint = self.headers is None
        return isinstance(error, RateLimitedError) and self.endpoint.gated and not by_the_token_endpoint

    def _is_ended(self, error: BalanceError) -> bool:
        """True for a 404 or 422 to a guarded write after an unclear attempt.

        The earlier attempt may have been applied, or the transaction has another final status. No retry tells which.
        """
        again = self.endpoint.replay is Replay.GUARDED and self.doubt not in {None, error}
        return again and isinstance(error, NotFoundError | UnprocessableError)

    # Meaning ---------------------------------------------------------------------------------------------------

    @property
    def doubts_a_write(self) -> bool:
        """True if a write that must not be applied twice may have been applied."""
        return self.doubt is not None and self.endpoint.replay in WRITES_ONCE

    def failure(self, error: Exception) -> BalanceError | None:
        """Our error for the exception that ended an attempt. None: the user's code raised, and nothing was sent.

        Every exception passes here. After bytes may have left, only three kinds are clear: an answer with an error
        status, an answer that cannot be read, and no answer. Any other exception, from whatever code, leaves it
        unknown whether the request was applied, and becomes a ``TransportError``.
        """
        if not self.progress.sent:
            return error if isinstance(error, BalanceError) else None
        if isinstance(error, ResponseError | DecodeError) or (
            isinstance(error, TransportError) and error.sent
        ):
            return error
        doubt = TransportError(
            f"it was sent, and what came of it was lost to a {type(error).__name__} here", sent=True
        )
        doubt.__cause__ = error
        return doubt

    def verdict(self, error: BalanceError) -> Verdict:
        """The verdict on this attempt; remembers the first that may have been applied."""
        verdict = judge(self.endpoint, error)
        if self.headers is None:  # getting the credentials failed, so nothing was sent
            return Verdict.REFUSED if verdict in {Verdict.REFUSED, Verdict.BROKEN} else Verdict.NOT_SENT
        if isinstance(error, RateLimitedError):
            self.refused = error
        if (
            self.doubt is None
            and verdict in {Verdict.UNCLEAR, Verdict.BROKEN}
            and self.endpoint.replay is not Replay.READ
        ):
            self.doubt = error
        return verdict

    def deleted_before(self, error: BalanceError) -> bool:
        """True if the 404 shows that an earlier attempt of this deletion was applied. Call it before ``verdict``."""
        again = self.doubt is not None and self.headers is not None
        return again and self.endpoint.method == "DELETE" and isinstance(error, NotFoundError)

    def final(self, error: BalanceError, verdict: Verdict) -> BalanceError:
        """The error to raise when the call ends with ``error``."""
        if self.ended:
            return error
        guarded = self.endpoint.replay is Replay.GUARDED
        if (guarded and self.doubt is not None) or leaves_doubt(self.endpoint.replay, verdict):
            return self.unknown(error)
        if self.may_be_replayed(error):
            error.applied = None
        return self._with_doubt(error)

    def may_be_replayed(self, error: BalanceError) -> bool:
        """True if the refusal may answer a copy of our request, which a gateway sent after the first was applied."""
        refused = isinstance(error, NotFoundError | UnprocessableError)
        return refused and self.endpoint.replay is Replay.GUARDED and not self.ended

    def stopped(self, error: BalanceError) -> BalanceError:
        """The error to raise when the call stops between two attempts; an earlier one may have been applied."""
        if self.doubt is not None and self.endpoint.replay is Replay.GUARDED:
            return self.unknown(self.doubt)
        if self.refused is not None and isinstance(error, QuotaWaitError):
            self.refused.retry_after = max(error.retry_after, self.refused.retry_after or 0.0)
            error = self.refused
        return self._with_doubt(error)

    def _with_doubt(self, error: BalanceError) -> BalanceError:
        """The same error. If an earlier attempt may have been applied, its text says so, not "nothing was sent"."""
        if self.doubt is None:
            return error
        error.applied = None
        if self.doubt is not error:
            note = f"an earlier attempt of this call may have been applied: {self.doubt.message}"
            text = error.message.replace("nothing was sent", "nothing more was sent")
            error.args = (f"{text}; {note}",)
            error.add_note(note)
        return error

    def cancelled(self, error: asyncio.CancelledError) -> None:
        """Add the unknown outcome to a cancellation, as a note and as ``__cause__``.

        ``asyncio.timeout`` and ``wait_for`` turn it into a ``TimeoutError``, which has it as its own ``__cause__``.
        """
        if self.doubt is not None:
            unknown = self.unknown(self.doubt)
            error.add_note(str(unknown))
            error.__cause__ = error.__cause__ or unknown

    def unknown(self, cause: BalanceError) -> OutcomeUnknownError:
        """The ``OutcomeUnknownError`` for ``cause``."""
        again = "; it was not sent again" if self.endpoint.replay is Replay.UNSAFE else ""
        error = OutcomeUnknownError(
            f"it is unknown whether this was applied ({cause.message}){again}",
            cause=cause,
            look_for=self.endpoint.look_for,
            arguments=protocol.asked(self.endpoint, self.request),
        )
        error.endpoint, error.attempts = self.endpoint.name, self.attempt
        error.__cause__ = cause
        return error


def _asked(error: BalanceError) -> float | None:
    """Seconds that the server asks to wait. With another status than 429 they do not decide whether to retry."""
    if error.retry_after is None and isinstance(error, ResponseError):
        return headers.retry_after(error.headers)
    return error.retry_after
