"""The attempt loop: gate, attempt, verdict, wait; once more or out.

What decides is elsewhere and pure (``call``, ``retry``, ``quota``, ``protocol``); this is the order of events.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from attrs import define, evolve, field, frozen

from brevo_balance_async.core import answers, protocol
from brevo_balance_async.core.call import Call
from brevo_balance_async.core.clock import wait_for_timer
from brevo_balance_async.core.echo import mismatch
from brevo_balance_async.core.inflight import InFlight
from brevo_balance_async.core.protocol import Progress, Replay
from brevo_balance_async.core.quota.window import Pair
from brevo_balance_async.core.retry import Backoff, Budget, Verdict, judge
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
    log,
    log_event,
)
from brevo_balance_async.models import UNSET, Unset

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence

    from brevo_balance_async.config import Clock, Options
    from brevo_balance_async.core.auth import AuthProvider
    from brevo_balance_async.core.echo import Echo
    from brevo_balance_async.core.protocol import Endpoint, Request, Response
    from brevo_balance_async.core.quota.gate import Gate
    from brevo_balance_async.core.quota.window import Permit
    from brevo_balance_async.core.transport import Transport
    from brevo_balance_async.hooks import Event, Hook

T = TypeVar("T")


class Caller(Protocol):
    """What a resource needs: one coroutine that makes a call."""

    def call(
        self,
        endpoint: Endpoint[T],
        ids: tuple[str | int, ...],
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        echo: Echo = (),
        timeout: float | Unset | None = UNSET,
        settle: Callable[[BalanceError], Awaitable[T]] | None = None,
    ) -> Awaitable[T]:
        """Send one request with all the care its endpoint asks for, and return the model of its answer.

        ``settle`` is awaited when the outcome stays unknown, and when the refusal of a guarded write may be the
        answer to a request that was applied, within what is left of ``timeout``: it returns what it found out, or
        raises the error it was given.
        """
        ...

    def for_hold(self) -> HoldCaller:
        """The same for one hold that begins now; see ``HoldCaller``."""
        ...


class HoldCaller(Caller, Protocol):
    """Makes the calls of one hold, which count as one call in flight: closing the client waits for its end.

    A hold never begins what the quota would not let it end. Its begin waits until the quota has two requests for it,
    or is unknown. The second counts as used for everybody else until its complete or cancel takes it, which then does
    not wait, or until ``release``.
    """

    def release(self) -> None:
        """The hold has ended, however it did; to be called once."""
        ...


@define(eq=False, repr=False)
class Shared:
    """What all views of one client have in common."""

    transport: Transport
    credentials: AuthProvider
    gate: Gate
    clock: Clock
    base_url: str
    hooks: Sequence[Hook] = ()
    backoff: Backoff = field(factory=Backoff)
    budget: Budget = field(factory=Budget)
    sleepers: set[asyncio.Future[None]] = field(factory=set)
    in_flight: InFlight = field(factory=InFlight)

    @property
    def is_open(self) -> bool:
        """Whether a call may begin."""
        return self.transport.is_open and not self.in_flight.closing

    async def close(self, grace: float) -> None:
        """Refuse new calls and end the waits for quota; after ``grace`` seconds, everything."""
        self.transport.check_loop()
        self.gate.close()
        try:
            await self.in_flight.finish(self.clock, grace)
        finally:
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
            except (Exception, asyncio.CancelledError):
                logging.getLogger("brevo_balance_async.hooks").exception(
                    "a hook raised on %s", type(event).__name__
                )

    @property
    def watched(self) -> bool:
        """Whether anybody would see an ordinary event."""
        return bool(self.hooks) or log.isEnabledFor(logging.DEBUG)


@frozen(eq=False, repr=False)
class Requester:
    """Makes calls with one set of options; views with other options share everything else."""

    shared: Shared
    options: Options
    pair: Pair | None = None
    ended: Callable[[], None] | None = None
    guard: Callable[[], None] | None = None
    """Asked when the quota lets an attempt go: what it raises ends the call, and this attempt was not sent."""

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
        in_flight = self.shared.in_flight
        ended = partial(in_flight.end, in_flight.begin("transactions.hold"))
        return evolve(self, pair=Pair(), ended=ended)

    def release(self) -> None:
        """See ``HoldCaller.release``."""
        if self.pair is not None and self.ended is not None:
            self.shared.gate.release(self.pair)
            self.ended()

    def call(
        self,
        endpoint: Endpoint[T],
        ids: tuple[str | int, ...],
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        echo: Echo = (),
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
        """Attempt ``request`` until there is an answer, a refusal, or nothing more to be spent."""
        shared = self.shared
        options = self.options if timeout is UNSET else evolve(self.options, timeout=timeout)
        call = Call(endpoint, request, options, shared.clock.time())
        task = shared.in_flight.begin(endpoint.name, admitted=self.pair is not None)
        try:
            return await self._answered(call, echo)
        except (OutcomeUnknownError, NotFoundError, UnprocessableError) as error:
            if isinstance(error, OutcomeUnknownError) or (settle is not None and call.may_be_replayed(error)):
                return await self._settled(call, error, settle)
            raise
        except BalanceError:
            raise
        except asyncio.CancelledError as error:
            # Nobody may be left to be told by an exception, so the hooks are.
            if call.doubts_a_write:
                call.cancelled(error)
                self._tell(call, call.doubt, cancelled=True)
            raise
        except Exception as error:
            # The user's own code, between two attempts. It must not hide what may have happened.
            if call.doubt is None or not call.doubts_a_write:
                raise
            doubt = call.unknown(call.doubt)
            doubt.__cause__ = error
            return await self._settled(call, doubt, settle)
        finally:
            shared.in_flight.end(task)

    async def _answered(self, call: Call[T], echo: Echo) -> T:
        """Attempt until there is an answer; raises what is to be told otherwise."""
        while True:
            try:
                self.shared.transport.check_usable()
                return self._answer(call, await self._attempt(call), echo)
            except Exception as error:
                failure = call.failure(error)
                if failure is None:
                    raise
            failure.endpoint, failure.attempts = failure.endpoint or call.endpoint.name, call.attempt
            if await self._applied_before(call, failure):
                return None  # type: ignore[return-value]  # T is None for a DELETE
            call.progress = Progress()

    async def _settled(
        self,
        call: Call[T],
        error: BalanceError,
        settle: Callable[[BalanceError], Awaitable[T]] | None,
    ) -> T:
        """What ``settle`` finds out within the call's time; else the unknown outcome is told, to the hooks too."""
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
            raise  # what it found out
        except asyncio.CancelledError as cancelled:
            call.cancelled(cancelled)
            self._tell(call, cause, cancelled=True)
            raise
        except Exception as failure:  # noqa: BLE001  (whoever raised it, the outcome is what has to be told)
            error.add_note(
                f"it could not be settled by reading the history: {type(failure).__name__}: {failure}"
            )
            error.__context__ = failure
        if isinstance(error, OutcomeUnknownError):
            self._tell(call, cause, cancelled=False)
        raise error

    def _tell(self, call: Call[Any], cause: BalanceError | None, *, cancelled: bool) -> None:
        self.shared.emit(OutcomeUnknown(call.endpoint.name, call.attempt, cancelled=cancelled, error=cause))

    # One attempt ---------------------------------------------------------------------------------------------

    async def _attempt(self, call: Call[Any]) -> Response:
        shared = self.shared
        name = call.endpoint.name
        call.tries += 1
        call.headers = None
        progress = call.progress
        headers = shared.credentials.ready
        if headers is None:
            headers = await self._authorize(call)
        call.headers = headers
        permit = None
        if call.endpoint.gated:
            options, first = call.options, call.endpoint.replay is Replay.GUARDED
            paced = options.max_wait is None and options.reserve > 0
            permit = shared.gate.try_enter(options.reserve, paced=paced, first=first, pair=self.pair)
            permit = permit or await self._enter(call)
        response: Response | None = None
        watched = shared.watched
        started = shared.clock.time()
        try:
            if self.guard is not None:
                self.guard()
            left = call.left(started)
            call.attempt += 1
            if watched:
                shared.emit(AttemptStarted(name, call.request.method, call.request.url, call.attempt))
                left = call.left(shared.clock.time())  # a hook may have taken its time
            response = await shared.transport.send(call.request, headers, left, progress)
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
            told = answers.request_id(response)
            shared.emit(AttemptFinished(name, call.attempt, response.status, spent, told))
        return response

    async def _authorize(self, call: Call[Any]) -> Mapping[str, str]:
        """The auth headers, within the call's time. Whatever fails here, nothing of this attempt was sent."""
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

        reserve, allowed = call.options.reserve, call.quota_wait(began)
        permit = await shared.gate.enter(
            reserve=reserve,
            max_wait=allowed,
            first=call.endpoint.replay is Replay.GUARDED,
            pair=self.pair,
            on_wait=on_wait,
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
                response.discard()  # what comes next on this connection may be anybody's too
            raise
        self.shared.budget.succeeded()
        return value

    # After a failure -----------------------------------------------------------------------------------------

    async def _applied_before(self, call: Call[Any], error: BalanceError) -> bool:
        """Raise what the failure means, or wait for the next attempt. True: an earlier attempt had done it."""
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
        """After a 401: have the auth headers renewed by whoever asks next. True: this call does, at once."""
        credentials = self.shared.credentials
        if call.headers is None or not credentials.renews:
            return False
        credentials.refused(call.headers)
        # A 401 that explains nothing may come from anywhere, after business code has run too.
        again = verdict is Verdict.REFUSED or call.endpoint.replay is not Replay.UNSAFE
        again, call.renewed = again and not call.renewed, True
        return again

    def _affords(self, error: BalanceError) -> bool:
        """Pay for one more attempt; the wait that follows a 429 is price enough."""
        return isinstance(error, RateLimitedError) or self.shared.budget.take(self.shared.gate.limit)

    async def _pause(self, delay: float) -> None:
        shared = self.shared
        sleeper = asyncio.get_running_loop().create_future()
        shared.sleepers.add(sleeper)
        try:
            await wait_for_timer(shared.clock, delay, sleeper)
        finally:
            shared.sleepers.discard(sleeper)
