"""The attempt loop: gate, attempt, verdict, wait; once more or out.

Everything that decides is elsewhere and pure (``retry``, ``quota``, ``protocol``); this is the order of events.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from attrs import define, evolve, field, frozen

from brevo_balance_async.config import HeaderSecret
from brevo_balance_async.core import protocol
from brevo_balance_async.core.clock import wait_for_timer
from brevo_balance_async.core.protocol import Progress, Replay
from brevo_balance_async.core.retry import (
    WRITES_ONCE,
    Backoff,
    Budget,
    Verdict,
    judge,
    leaves_doubt,
    may_try_again,
)
from brevo_balance_async.errors import (
    AuthenticationError,
    BalanceError,
    ClientStateError,
    DecodeError,
    InvalidRequestError,
    NotFoundError,
    OutcomeUnknownError,
    QuotaWaitError,
    RateLimitedError,
    RequestTimeoutError,
    ResponseError,
    TransportError,
    UnprocessableError,
)
from brevo_balance_async.hooks import (
    AttemptFailed,
    AttemptFinished,
    AttemptStarted,
    OutcomeUnknown,
    QuotaWait,
    RetryScheduled,
    log,
    log_event,
)
from brevo_balance_async.models import UNSET, Unset

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from brevo_balance_async.config import Credentials, Options
    from brevo_balance_async.core.clock import Clock
    from brevo_balance_async.core.protocol import Endpoint, Expect, Request, Response
    from brevo_balance_async.core.quota import Gate, Permit
    from brevo_balance_async.core.transport import Transport
    from brevo_balance_async.hooks import Event, Hook

T = TypeVar("T")


class Caller(Protocol):
    """What a resource needs: one coroutine that makes a call."""

    async def call(
        self,
        endpoint: Endpoint[T],
        ids: tuple[str, ...],
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        expect: Expect = (),
        timeout: float | Unset | None = UNSET,
    ) -> T:
        """Send one request with all the care its endpoint asks for, and return the model of its answer."""
        ...


@define(eq=False, repr=False)
class Shared:
    """What all views of one client have in common."""

    transport: Transport
    credentials: Credentials
    gate: Gate
    clock: Clock
    base_url: str
    hooks: Sequence[Hook] = ()
    backoff: Backoff = field(factory=Backoff)
    budget: Budget = field(factory=Budget)
    sleepers: set[asyncio.Future[None]] = field(factory=set)

    async def close(self) -> None:
        """End every wait, then the connections."""
        self.gate.close()  # turns away whoever wakes up below
        for sleeper in self.sleepers:
            if not sleeper.done():
                sleeper.set_result(None)
        await self.transport.close()

    def emit(self, event: Event) -> None:
        """Tell the hooks; one that raises is logged and harms nobody."""
        log_event(event)
        for hook in self.hooks:
            try:
                hook(event)
            except Exception:
                logging.getLogger("brevo_balance_async.hooks").exception(
                    "a hook raised on %s", type(event).__name__
                )

    @property
    def watched(self) -> bool:
        """Whether anybody would see an ordinary event."""
        return bool(self.hooks) or log.isEnabledFor(logging.DEBUG)


@define(eq=False, repr=False)
class _Call(Generic[T]):
    """One call on its way: what was tried so far, and what may still be spent."""

    endpoint: Endpoint[T]
    request: Request
    deadline: float | None
    headers: Mapping[str, str] = field(factory=dict)
    """The auth headers of this attempt."""
    authorized: bool = False
    """They were there, so what failed is the attempt itself."""
    attempt: int = 0
    """Requests made."""
    tries: int = 0
    """Attempts with those that got no further than the credentials."""
    doubt: BalanceError | None = None
    """The first attempt of a write that may have been applied."""
    refused: RateLimitedError | None = None
    """The last 429."""
    stale: Mapping[str, str] | None = None
    """The auth headers that a 401 has refused."""
    waited: float = 0.0
    """Seconds spent waiting for quota."""


@frozen(eq=False, repr=False)
class Requester:
    """Makes calls with one set of options; views with other options share everything else."""

    shared: Shared
    options: Options

    def with_options(self, **changes: Any) -> Requester:
        """A view with other options."""
        return evolve(self, options=evolve(self.options, **changes))

    async def call(
        self,
        endpoint: Endpoint[T],
        ids: tuple[str, ...],
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        expect: Expect = (),
        timeout: float | Unset | None = UNSET,
    ) -> T:
        """See ``Caller.call``."""
        request = protocol.build(self.shared.base_url, endpoint, ids, query, body)
        return await self.run(endpoint, request, expect, timeout)

    async def run(
        self, endpoint: Endpoint[T], request: Request, expect: Expect, timeout: float | Unset | None
    ) -> T:
        """Attempt ``request`` until there is an answer, a refusal, or nothing more to be spent."""
        self.shared.transport.check_usable()
        options = self.options if timeout is UNSET else evolve(self.options, timeout=timeout)
        now = self.shared.clock.time()
        call = _Call(endpoint, request, None if options.timeout is None else now + options.timeout)
        try:
            while True:
                try:
                    response = await self._attempt(call, options)
                    return self._answer(call, response, expect)
                except BalanceError as error:
                    error.endpoint, error.attempts = error.endpoint or endpoint.name, call.attempt
                    if isinstance(error, QuotaWaitError | ClientStateError):
                        stopped = self._verdict_on_stopping(call, error)
                        raise stopped from stopped.__cause__
                    if await self._settled(call, error, options):
                        return None  # type: ignore[return-value]  # a DELETE that had been applied before
        except OutcomeUnknownError as error:
            error.endpoint, error.attempts = endpoint.name, call.attempt
            self.shared.emit(OutcomeUnknown(endpoint.name, call.attempt, cancelled=False, error=error.cause))
            raise
        except asyncio.CancelledError:
            # Nobody is left to be told by an exception, so the hooks are.
            if call.doubt is not None and endpoint.replay in WRITES_ONCE:
                self.shared.emit(
                    OutcomeUnknown(endpoint.name, call.attempt, cancelled=True, error=call.doubt)
                )
            raise

    # One attempt ---------------------------------------------------------------------------------------------

    async def _attempt(self, call: _Call[Any], options: Options) -> Response:
        shared = self.shared
        call.tries += 1
        call.authorized = False
        call.headers = await self._authorize(call)
        call.authorized = True
        permit = shared.gate.try_enter(options.reserve)
        if permit is None:
            permit = await self._wait_for_quota(call, options)
        status: int | None = None
        headers: Mapping[str, str] | None = None
        progress = Progress()
        name = call.endpoint.name
        watched = shared.watched
        started = shared.clock.time()
        try:
            left = _left(call, started)
            call.attempt += 1
            if watched:
                shared.emit(AttemptStarted(name, call.request.method, call.request.url, call.attempt))
            response = await shared.transport.send(call.request, call.headers, left, progress)
            status, headers = response.status, response.headers
        except BalanceError as error:
            if watched:
                error.endpoint, error.attempts = name, call.attempt
                spent = shared.clock.time() - started
                shared.emit(AttemptFailed(name, call.attempt, error, progress.sent, spent))
            raise
        except asyncio.CancelledError:
            if progress.sent and call.doubt is None:
                call.doubt = TransportError("cancelled while the answer was awaited", sent=True)
            raise
        finally:
            if progress.sent:
                # Brevo counts other routes apart: their figures would overwrite what is known of loyalty's.
                told = headers if "/loyalty/" in call.request.url else None
                shared.gate.leave(permit, status=status, headers=told)
            else:
                shared.gate.cancel(permit)
        if watched:
            spent = shared.clock.time() - started
            shared.emit(AttemptFinished(name, call.attempt, status, spent, protocol.request_id(response)))
        return protocol.without_secrets(response, call.headers.values())

    async def _authorize(self, call: _Call[Any]) -> Mapping[str, str]:
        """The auth headers, within the call's time. Whatever fails here, nothing of this attempt was sent."""
        credentials = self.shared.credentials
        try:
            async with asyncio.timeout(_left(call, self.shared.clock.time())):
                headers = await credentials.headers()
                if headers == call.stale:  # else another call has renewed them since
                    await credentials.renew()  # type: ignore[attr-defined]  # stale is set only if it is there
                    headers = await credentials.headers()
        except TimeoutError as error:
            raise RequestTimeoutError(
                "the credentials did not come in time; nothing was sent", phase="connect", sent=False
            ) from error
        return {name: _header(value) for name, value in headers.items()}

    async def _wait_for_quota(self, call: _Call[Any], options: Options) -> Permit:
        shared = self.shared
        began = shared.clock.time()
        allowed = options.max_wait
        if allowed is not None:
            allowed = max(0.0, allowed - call.waited)
            if call.deadline is not None:
                allowed = min(allowed, max(0.0, call.deadline - began))

        def on_wait(seconds: float) -> None:
            shared.emit(QuotaWait(call.endpoint.name, seconds))

        permit = await shared.gate.enter(reserve=options.reserve, max_wait=allowed, on_wait=on_wait)
        waited = shared.clock.time() - began
        call.waited += waited
        if options.max_wait is None and call.deadline is not None:
            # Whoever waits for quota as long as it takes does not spend the call's own time doing so.
            call.deadline += waited
        return permit

    def _answer(self, call: _Call[T], response: Response, expect: Expect) -> T:
        try:
            value = protocol.read(call.endpoint, response)
            if expect and (reason := protocol.mismatch(value, expect)) is not None:
                raise DecodeError(
                    f"the answer does not belong to this request: {reason}", body=response.body, garbled=True
                )
        except BalanceError as error:
            if judge(call.endpoint, error) in {Verdict.UNCLEAR, Verdict.BROKEN}:
                response.discard()  # what comes next on this connection may be anybody's too
            raise
        self.shared.budget.succeeded()
        return value

    # After a failure -----------------------------------------------------------------------------------------

    async def _settled(self, call: _Call[Any], error: BalanceError, options: Options) -> bool:
        """Raise what the failure means, or wait and return: True if there is nothing left to do."""
        endpoint = call.endpoint
        verdict = judge(endpoint, error)
        if not call.authorized:
            verdict = Verdict.REFUSED if verdict in {Verdict.REFUSED, Verdict.BROKEN} else Verdict.NOT_SENT
        else:
            if call.doubt is not None and isinstance(error, NotFoundError | UnprocessableError):
                if endpoint.method == "DELETE" and isinstance(error, NotFoundError):
                    return True
                if endpoint.replay is Replay.GUARDED:
                    raise self._unknown(call, error)
            if (
                isinstance(error, AuthenticationError)
                and verdict is Verdict.REFUSED
                and self._can_renew(call)
            ):
                call.stale = call.headers
                return False
            if (
                call.doubt is None
                and verdict in {Verdict.UNCLEAR, Verdict.BROKEN}
                and endpoint.replay is not Replay.READ
            ):
                call.doubt = error
        if (
            self.shared.transport.closed
            or self._is_over(call, error, verdict, options)
            or not await self._waited(call, error, options)
        ):
            raise self._final(call, error, verdict)
        return False

    def _can_renew(self, call: _Call[Any]) -> bool:
        return call.stale is None and hasattr(self.shared.credentials, "renew")

    def _is_over(self, call: _Call[Any], error: BalanceError, verdict: Verdict, options: Options) -> bool:
        if not may_try_again(call.endpoint.replay, verdict):
            return True
        if isinstance(error, RateLimitedError):
            call.refused = error
            # An hour may end in several refusals; who waits as long as it takes is not counted out by them.
            return options.max_attempts == 1 or (
                options.max_wait is not None and call.tries >= options.max_attempts
            )
        return call.tries >= options.max_attempts or not self.shared.budget.take(self.shared.gate.limit)

    async def _waited(self, call: _Call[Any], error: BalanceError, options: Options) -> bool:
        """Wait before the next attempt; False if the wait asked for is longer than what is allowed."""
        shared = self.shared
        if (
            isinstance(error, RateLimitedError)
            and "x-sib-ratelimit-reset" in error.headers
            and call.authorized
            and shared.gate.limit is not None
        ):
            return True  # the gate has read it too, and makes everybody wait in order
        delay = shared.backoff.delay(call.tries)
        asked = _asked(error)
        if asked is not None:
            if options.max_wait is not None and asked > options.max_wait - call.waited:
                return False
            delay += asked
            call.waited += asked
        now = shared.clock.time()
        if call.deadline is not None:
            if asked is not None and options.max_wait is None:
                call.deadline += delay
            if now + delay >= call.deadline:
                return False
        if shared.watched:
            shared.emit(RetryScheduled(call.endpoint.name, call.attempt, delay, error))
        sleeper = asyncio.get_running_loop().create_future()
        shared.sleepers.add(sleeper)
        try:
            await wait_for_timer(shared.clock, delay, sleeper)
        finally:
            shared.sleepers.discard(sleeper)
        return True

    def _final(self, call: _Call[Any], error: BalanceError, verdict: Verdict) -> BalanceError:
        if leaves_doubt(call.endpoint.replay, verdict) or (
            call.doubt is not None and call.endpoint.replay is Replay.GUARDED
        ):
            return self._unknown(call, error)
        return error

    def _verdict_on_stopping(self, call: _Call[Any], error: BalanceError) -> BalanceError:
        """The call stops between two attempts: an earlier one may have been applied."""
        if call.doubt is not None and call.endpoint.replay is Replay.GUARDED:
            return self._unknown(call, call.doubt)
        if call.refused is not None and isinstance(error, QuotaWaitError):
            call.refused.retry_after = max(error.wait, call.refused.retry_after or 0.0)
            return call.refused
        return error

    @staticmethod
    def _unknown(call: _Call[Any], cause: BalanceError) -> OutcomeUnknownError:
        error = OutcomeUnknownError(
            f"nobody can say whether this was applied ({cause.message}); it was not sent again"
            if call.endpoint.replay is Replay.UNSAFE
            else f"nobody can say whether this was applied ({cause.message})",
            cause=cause,
            look_for=call.endpoint.look_for,
        )
        error.__cause__ = cause
        return error


def _left(call: _Call[Any], now: float) -> float | None:
    """Seconds left for the call; an error if there are none."""
    if call.deadline is None:
        return None
    if now >= call.deadline:
        raise RequestTimeoutError(
            "the time for this call is over; nothing was sent", phase="pool", sent=False
        )
    return call.deadline - now


def _header(value: object) -> str:
    """What custom credentials gave, masked in tracebacks and fit for a header."""
    if isinstance(value, HeaderSecret):
        return value
    if not isinstance(value, str) or not value.isascii() or not value.isprintable():
        raise InvalidRequestError("credentials", "headers() gave a value that no header can carry")
    return HeaderSecret(value)


def _asked(error: BalanceError) -> float | None:
    """Seconds that the server asks to wait; on another status than 429 they say when, not whether."""
    if isinstance(error, RateLimitedError):
        return error.retry_after
    return protocol.retry_after(error.headers) if isinstance(error, ResponseError) else None
