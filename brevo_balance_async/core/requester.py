"""The loop of attempts of a call: quota gate, attempt, verdict, wait, next attempt.

The decisions are made in modules without I/O (``call``, ``retry``, ``quota``, ``protocol``).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import evolve, frozen

from brevo_balance_async.core import answers, protocol
from brevo_balance_async.core.call import Call
from brevo_balance_async.core.clock import wait_for_timer
from brevo_balance_async.core.echo import NO_ECHO, mismatch
from brevo_balance_async.core.protocol import Progress, Replay
from brevo_balance_async.core.quota.window import Pair
from brevo_balance_async.core.retry import Verdict, judge
from brevo_balance_async.errors import (
    AuthenticationError,
    BalanceError,
    ClientStateError,
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
from brevo_balance_async.hooks import (
    AttemptFailed,
    AttemptFinished,
    AttemptStarted,
    OutcomeUnknown,
    QuotaWait,
    RetryScheduled,
)
from brevo_balance_async.models import UNSET, Unset

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping

    from brevo_balance_async.config import Options
    from brevo_balance_async.core.echo import Echo
    from brevo_balance_async.core.protocol import Endpoint, Request, Response
    from brevo_balance_async.core.quota.window import Permit
    from brevo_balance_async.core.shared import Shared
    from brevo_balance_async.hooks import Hook

T = TypeVar("T")


@frozen(eq=False, repr=False)
class Requester:
    """Makes calls with one set of options; views with other options share everything else."""

    shared: Shared
    options: Options
    pair: Pair | None = None
    ended: Callable[[], None] | None = None
    guard: Callable[[], None] | None = None
    """Asked right before a request is written: what it raises ends the call, and this attempt was not sent."""

    def with_options(self, **changes: Any) -> Requester:
        """A view with other options; what is ``UNSET`` stays as it is."""
        given = {name: value for name, value in changes.items() if value is not UNSET}
        return evolve(self, options=evolve(self.options, **given))

    def with_hook(self, hook: Hook) -> Requester:
        """A view whose events are told to one more hook."""
        return evolve(self, shared=evolve(self.shared, hooks=(*self.shared.hooks, hook)))

    def with_guard(self, guard: Callable[[], None]) -> Requester:
        """A view with a guard."""
        return evolve(self, guard=guard)

    def for_hold(self) -> Requester:
        """See ``Caller.for_hold``."""
        shared, pair = self.shared, Pair()
        task = shared.in_flight.begin("transactions.hold")

        def ended() -> None:
            shared.gate.release(pair)
            shared.in_flight.end(task)

        return evolve(self, pair=pair, ended=ended)

    def release(self) -> None:
        """See ``HoldCaller.release``."""
        if self.ended is not None:
            self.ended()

    def call(
        self,
        endpoint: Endpoint[T],
        ids: tuple[str | int, ...],
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        echo: Echo = NO_ECHO,
        timeout: float | Unset | None = UNSET,
        settle: Callable[[BalanceError], Awaitable[T]] | None = None,
    ) -> Coroutine[Any, Any, T]:
        """See ``Caller.call``."""
        request = protocol.build(self.shared.base_url, endpoint, ids, query, body)
        return self.run(endpoint, request, echo, timeout, settle)

    async def run(
        self,
        endpoint: Endpoint[T],
        request: Request,
        echo: Echo,
        timeout: float | Unset | None,
        settle: Callable[[BalanceError], Awaitable[T]] | None = None,
    ) -> T:
        """Attempt ``request`` until there is an answer, a refusal, or no attempt, time or quota left."""
        shared = self.shared
        options = self.options if timeout is UNSET else evolve(self.options, timeout=timeout)
        call = Call(endpoint, request, options, shared.clock.time())
        task = shared.in_flight.begin(endpoint.name, admitted=self.pair is not None)
        try:
            shared.transport.check_usable()  # a call of another event loop must not queue with ours
            if endpoint.gated and shared.gate.crowded:
                await shared.gate.turns.wait()
            while True:
                try:
                    shared.transport.check_usable()
                    return self._answer(call, await self._attempt(call), echo)
                except Exception as error:
                    failure = call.failure(error)
                    if failure is None:
                        raise
                failure.endpoint, failure.attempts = failure.endpoint or endpoint.name, call.attempt
                if await self._applied_before(call, failure):
                    return None  # type: ignore[return-value]  # T is None for a DELETE
                call.progress = Progress()
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001  (raised there, or settled)
            return await self._ended(call, error, settle)
        finally:
            shared.in_flight.end(task)

    async def _ended(
        self,
        call: Call[T],
        error: Exception | asyncio.CancelledError,
        settle: Callable[[BalanceError], Awaitable[T]] | None,
    ) -> T:
        """Raise ``error``, or settle what is unknown."""
        match error:
            case OutcomeUnknownError():
                return await self._settled(call, error, settle)
            case NotFoundError() | UnprocessableError() if settle is not None and call.may_be_replayed(error):
                return await self._settled(call, error, settle)
            case BalanceError():
                pass
            case asyncio.CancelledError() if call.doubts_a_write:
                # The exception may never reach the caller, so the hooks get an event too.
                call.cancelled(error)
                self._emit_unknown(call, call.doubt, cancelled=True)
            case Exception() if call.doubt is not None and call.doubts_a_write:
                # The user's own code raised between two attempts. Its exception must not hide the unknown outcome.
                doubt = call.unknown(call.doubt)
                doubt.__cause__ = error
                return await self._settled(call, doubt, settle)
        raise error

    async def _settled(
        self,
        call: Call[T],
        error: BalanceError,
        settle: Callable[[BalanceError], Awaitable[T]] | None,
    ) -> T:
        """The result of ``settle`` within the call's time. Otherwise raises ``error``; hooks get an event too."""
        shared = self.shared
        cause = error.cause if isinstance(error, OutcomeUnknownError) else error
        try:
            if settle is not None:
                with shared.transport.timeouts.within(call.left(shared.clock.time())):
                    return await settle(error)
        except (TimeoutError, RequestTimeoutError):
            error.add_note("there was no time left to settle it by reading the history")
        except OutcomeUnknownError:
            pass
        except ResponseError:
            raise  # the final status that settle found
        except asyncio.CancelledError as cancelled:
            call.cancelled(cancelled)
            self._emit_unknown(call, cause, cancelled=True)
            raise
        except Exception as failure:  # noqa: BLE001  (the caller must get the unknown outcome, whatever failed here)
            error.add_note(
                f"it could not be settled by reading the history: {type(failure).__name__}: {failure}"
            )
            error.__context__ = failure
        if isinstance(error, OutcomeUnknownError):
            self._emit_unknown(call, cause, cancelled=False)
        raise error

    def _emit_unknown(self, call: Call[Any], cause: BalanceError | None, *, cancelled: bool) -> None:
        self.shared.emit(OutcomeUnknown(call.endpoint.name, call.attempt, cancelled=cancelled, error=cause))

    # One attempt ---------------------------------------------------------------------------------------------

    async def _attempt(self, call: Call[Any]) -> Response:
        shared = self.shared
        name, progress = call.endpoint.name, call.progress
        call.tries += 1
        headers = call.headers = shared.credentials.ready
        if headers is None:
            headers = call.headers = await self._authorize(call)
        permit = None
        if call.endpoint.gated:
            reserve, paced, first = call.priority
            permit = shared.gate.try_enter(reserve, paced=paced, first=first, pair=self.pair)
        if permit is not None:
            started = permit.sent_at
        else:
            if call.endpoint.gated:
                permit = await self._enter(call)
            started = shared.clock.time()
        response: Response | None = None
        watched = shared.watched
        try:
            left = call.left(started)
            call.attempt += 1
            if watched:
                shared.emit(AttemptStarted(name, call.request.method, call.request.url, call.attempt))
                left = call.left(shared.clock.time())  # a hook may have taken long
            response = await shared.transport.send(call.request, headers, left, progress, self.guard)
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
            if permit is not None and progress.sent:
                shared.gate.leave(permit, None if response is None else response.quota)
            elif permit is not None:
                shared.gate.cancel(permit)
        if watched:
            spent = shared.clock.time() - started
            request_id = answers.request_id(response)
            shared.emit(
                AttemptFinished(name, call.attempt, response.status, spent, request_id, response.headers)
            )
        return response

    async def _authorize(self, call: Call[Any]) -> Mapping[str, str]:
        """The auth headers, within the call's time. If this fails, nothing of this attempt was sent."""
        shared = self.shared
        try:
            with shared.transport.timeouts.within(call.left(shared.clock.time())):
                return await shared.credentials.headers()
        except TimeoutError as error:
            shared.transport.check_usable()
            raise RequestTimeoutError(
                "the credentials did not come in time; nothing was sent", phase="connect", sent=False
            ) from error

    async def _enter(self, call: Call[Any]) -> Permit:
        shared = self.shared
        began = shared.clock.time()

        def on_wait(seconds: float) -> None:
            shared.emit(QuotaWait(call.endpoint.name, seconds))

        reserve, paced, first = call.priority
        permit = await shared.gate.wait(
            reserve=reserve,
            max_wait=call.quota_wait(began),
            paced=paced,
            first=first,
            pair=self.pair,
            on_wait=on_wait if shared.watched else None,
        )
        call.waited_for_quota(shared.clock.time() - began)
        return permit

    def _answer(self, call: Call[T], response: Response, echo: Echo) -> T:
        try:
            value = answers.read(call.endpoint, response)
            if (
                echo
                and value is not None
                and (reason := mismatch(value, echo, call.request.body)) is not None
            ):
                stray = DecodeError(
                    f"the answer does not belong to this request: {reason}", body=response.body, garbled=True
                )
                stray.status, stray.request_id = response.status, answers.request_id(response)
                raise stray
            if call.endpoint.refuses_as and (refusal := answers.refusing_end(call.endpoint, value, response)):
                call.ended = True
                raise refusal
        except BalanceError as error:
            if judge(call.endpoint, error) in {Verdict.UNCLEAR, Verdict.BROKEN}:
                response.discard()  # the next answer on this connection may belong to another request too
            raise
        self.shared.budget.succeeded()
        return value

    # After a failure -----------------------------------------------------------------------------------------

    async def _applied_before(self, call: Call[Any], error: BalanceError) -> bool:
        """Raise the final error, or wait until the next attempt. True: an earlier attempt was applied (DELETE)."""
        shared = self.shared
        if isinstance(error, QuotaWaitError | ClientStateError):
            stopped = call.stopped(error)
            raise stopped from stopped.__cause__
        if call.deleted_before(error):
            return True
        verdict = call.verdict(error)
        if isinstance(error, AuthenticationError) and self._renews(call, verdict):
            return False
        delay = call.next_delay(error, verdict, shared.backoff.delay(call.tries), shared.clock.time())
        if delay is None or shared.transport.closed or not self._affords(error):
            raise call.final(error, verdict)
        if not call.queues(error):
            if shared.watched:
                shared.emit(RetryScheduled(call.endpoint.name, call.attempt, delay, error))
            await self._pause(delay)
        return False

    def _renews(self, call: Call[Any], verdict: Verdict) -> bool:
        """After a 401: mark the auth headers as refused. True if this call retries at once with new ones."""
        credentials = self.shared.credentials
        if call.headers is None or not credentials.renews:
            return False
        credentials.refused(call.headers)
        # A 401 without an explanation may come from a proxy, after the business code has run: no retry for a write.
        again = verdict is Verdict.REFUSED or call.endpoint.replay is not Replay.UNSAFE
        again, call.renewed = again and not call.renewed, True
        return again

    def _affords(self, error: BalanceError) -> bool:
        """Take a retry out of the budget. After a 429 none is taken: the quota gate already limits the retry."""
        return isinstance(error, RateLimitedError) or self.shared.budget.take(self.shared.gate.limit)

    async def _pause(self, delay: float) -> None:
        shared = self.shared
        sleeper = asyncio.get_running_loop().create_future()
        shared.sleepers.add(sleeper)
        try:
            await wait_for_timer(shared.clock, delay, sleeper)
        finally:
            shared.sleepers.discard(sleeper)
