"""``BalanceClient``, the async session manager, and ``Program``, the handle with the five resources."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NoReturn, Self, cast

from yarl import URL

from brevo_balance_async._renamed import CLIENT, PROGRAM, no_attribute
from brevo_balance_async.config import (
    BASE_URL,
    MAX_BODY,
    ApiKey,
    ClientCredentials,
    Clock,
    Credentials,
    Options,
    PartnerKey,
    check_seconds,
    checked_base_url,
)
from brevo_balance_async.core import codec, protocol, validation
from brevo_balance_async.core.auth import provider
from brevo_balance_async.core.clock import LoopClock
from brevo_balance_async.core.echo import NO_ECHO
from brevo_balance_async.core.protocol import Endpoint, Replay
from brevo_balance_async.core.quota.gate import Gate
from brevo_balance_async.core.requester import Requester
from brevo_balance_async.core.shared import Shared
from brevo_balance_async.errors import InvalidRequestError
from brevo_balance_async.models import UNSET, Unset
from brevo_balance_async.pagination import WalkMemory
from brevo_balance_async.resources._hold import Hold
from brevo_balance_async.resources.balances import Balances
from brevo_balance_async.resources.definitions import Definitions
from brevo_balance_async.resources.history import History
from brevo_balance_async.resources.limits import Limits
from brevo_balance_async.resources.transactions import Transactions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType
    from uuid import UUID

    import aiohttp

    from brevo_balance_async.hooks import Hook
    from brevo_balance_async.models import QuotaState

__all__ = [
    "BalanceClient",
    "Balances",
    "Definitions",
    "History",
    "Hold",
    "Limits",
    "Program",
    "Transactions",
]

_REPLAY = {"GET": Replay.READ, "PUT": Replay.REPLAYABLE, "DELETE": Replay.REPLAYABLE}


class BalanceClient:
    """A session with Brevo's Loyalty Balance API (https://developers.brevo.com/docs/loyalty-overview).

    Use it as ``async with BalanceClient(...) as client``, or call ``open()`` and ``close()`` yourself; one client
    serves any number of concurrent calls on one event loop.

    - ``api_key``: Brevo's ``xkeysib-...`` key. Without any credentials the constructor reads ``BREVO_API_KEY``.
    - ``partner_key``: sent as the header ``partner-key``, together with the API key if there is one.
    - ``credentials``: ``ApiKey``, ``PartnerKey``, ``ClientCredentials``, or any object with a coroutine
      ``headers()`` that gives the headers to send. It excludes the two arguments above.
    - ``base_url``: default ``BREVO_BASE_URL``, else ``https://api.brevo.com/v3``. Plain ``http://`` is refused for
      any host but this machine, unless ``allow_http=True``.
    - ``session``: a borrowed ``aiohttp.ClientSession``; it is never closed and gets no headers stored on it.
      It has no trace signal of ours, so every failed attempt counts as sent unless no connection could be made.
      Its own client middlewares do not run for our requests, because one of them could send a write twice.
    - ``connector``: an aiohttp connector for the session that is made on entering; closing it is up to you.
    - ``timeout``: seconds for one call with all its attempts and waits (30; None: no limit).
    - ``max_attempts``: requests for one call at most (3; 1: no retries). Beyond that number a 401 is retried once
      if the credentials can be renewed, and with ``max_wait=None`` a 429 is retried unless the number is 1.
    - ``max_wait``: the longest wait for quota in seconds (10). If a longer one is needed, a call fails at once with
      ``QuotaWaitError`` or ``RateLimitedError``. None waits as long as needed, outside ``timeout``; with a
      ``reserve`` its requests are then spread over the hour.
    - ``reserve``: share of the account's quota that this client leaves to others, from 0 up to but not including 1
      (0). What lies above the reserve may be used in a burst.
    - ``max_connections``: connections of the session made here (100).
    - ``user_agent``: put in front of this package's own. ``hooks``: called with every event (module ``hooks``).
    - ``trace_configs``: handed to aiohttp. ``max_body``: bytes of one answer (64 MiB).
    - ``proxy``: address of an HTTP proxy. ``trust_env``: without ``proxy``, use the proxy of the environment
      (``HTTPS_PROXY``, ``HTTP_PROXY``, ``NO_PROXY``), read by the constructor. Passwords of netrc are never sent.
    - ``clock``: what retries, waits and quota are timed by; for tests.

    Raises ``InvalidRequestError`` for a missing key or an invalid argument.
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        partner_key: str | None = None,
        credentials: Credentials | ClientCredentials | None = None,
        base_url: str | None = None,
        session: aiohttp.ClientSession | None = None,
        connector: aiohttp.BaseConnector | None = None,
        timeout: float | None = 30.0,
        max_attempts: int = 3,
        max_wait: float | None = 10.0,
        reserve: float = 0.0,
        max_connections: int = 100,
        user_agent: str | None = None,
        hooks: Sequence[Hook] = (),
        trace_configs: Sequence[aiohttp.TraceConfig] = (),
        trust_env: bool = False,
        proxy: str | None = None,
        max_body: int = MAX_BODY,
        allow_http: bool = False,
        clock: Clock | None = None,
    ) -> None:
        options = Options(timeout=timeout, max_attempts=max_attempts, max_wait=max_wait, reserve=reserve)
        validation.not_both("session", session, "connector", connector)
        validation.integer("max_connections", max_connections, least=1)
        validation.integer("max_body", max_body, least=1)
        if user_agent is not None:
            validation.header("user_agent", user_agent)
        base = _base_url(base_url, allow_http=allow_http)
        from brevo_balance_async.core.transport import Transport  # noqa: PLC0415  (aiohttp loads slowly; only a client needs it)

        clock = clock or LoopClock()
        transport = Transport(
            session=session,
            connector=connector,
            trace_configs=trace_configs,
            max_connections=max_connections,
            user_agent=user_agent,
            trust_env=trust_env,
            proxy=proxy,
            max_body=max_body,
        )
        shown = _credentials(api_key, partner_key, credentials)
        shared = Shared(
            transport=transport,
            credentials=provider(shown, transport, clock, str(URL(base).origin())),
            gate=Gate(clock),
            clock=clock,
            base_url=base,
            hooks=_hooks(hooks),
        )
        self._requester = Requester(shared, options)
        self._memory = WalkMemory()

    if not TYPE_CHECKING:  # a type checker says it before the program runs

        def __enter__(self) -> NoReturn:
            raise TypeError("BalanceClient is asynchronous: use 'async with', not 'with'")

        def __exit__(self, *_: object) -> None: ...

        def __getattr__(self, name: str) -> NoReturn:
            raise no_attribute(self, name, CLIENT)

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def open(self) -> None:
        """Bind to the running event loop and make the session. ``async with`` does this on entering.

        Raises ``ClientStateError`` if the client is open already or was closed: a client is opened once.
        """
        await self._requester.shared.transport.open()

    async def close(self, grace: float = 0) -> None:
        """Let calls in flight finish for up to ``grace`` seconds (0), end the rest, and close the session made here.

        As soon as closing begins, ``is_open`` is false. New calls, the next page of a walk and calls that wait for
        quota fail with ``ClientStateError``. A call in flight may still be retried if the retry needs no wait for
        quota. A ``hold`` counts as one call until its block ends, together with the calls of the block's task.
        After ``grace`` (at once if nothing is in flight) a waiting call fails with ``ClientStateError``, and a write
        that may have been applied with ``OutcomeUnknownError``. ``async with`` closes without grace.

        Closing twice is harmless. If several tasks close at once, the shortest ``grace`` counts and all of them
        return when the client is closed. Cancelling ``close`` ends the grace: the rest is ended at once, then
        ``CancelledError`` is raised. From another event loop it raises ``ClientStateError`` and changes nothing.
        """
        await self._requester.shared.close(check_seconds("grace", grace))

    @property
    def is_open(self) -> bool:
        """True from ``open`` until ``close`` begins, as long as a borrowed session is open too."""
        return self._requester.shared.is_open

    @property
    def base_url(self) -> str:
        """The URL that paths are appended to, without a slash at its end."""
        return self._requester.shared.base_url

    def __repr__(self) -> str:
        return f"<BalanceClient {self.base_url}>"

    @property
    def quota(self) -> QuotaState | None:
        """The last known state of the account's quota.

        None before the first answer with quota headers, and again after a whole window without an answer.
        """
        return self._requester.shared.gate.state

    @property
    def walk_memory(self) -> WalkMemory:
        """What walks of this client and its views have learned about listings; you may write into it.

        ``walk_memory.offset_counts["history.list"] = "records"`` saves the requests that find it out.
        """
        return self._memory

    def with_options(
        self,
        *,
        timeout: float | Unset | None = UNSET,
        max_attempts: int | Unset = UNSET,
        max_wait: float | Unset | None = UNSET,
        reserve: float | Unset = UNSET,
    ) -> BalanceClient:
        """A view of this client with other options; what is left out stays as it is.

        It shares the connections, the quota and what walks have learned. Raises ``InvalidRequestError``.
        """
        view = object.__new__(BalanceClient)
        view._requester = self._requester.with_options(
            timeout=timeout, max_attempts=max_attempts, max_wait=max_wait, reserve=reserve
        )
        view._memory = self._memory
        return view

    def program(self, program_id: str | UUID) -> Program:
        """A handle on one loyalty program; no request is made. Raises ``InvalidRequestError`` if it is no UUID."""
        return Program(self._requester, validation.uuid("program_id", program_id), self._memory)

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        timeout: float | Unset | None = UNSET,
    ) -> Any:
        """Send a request to any other route below the base URL; returns the parsed JSON.

        ``path`` begins with a slash (``"/contacts"``). A number with a fraction is a ``Decimal``, an answer without
        a body None. GET, PUT and DELETE are retried; any other method is sent again only if it was certainly not
        processed. Retries, quota and errors are those of the calls of ``Program``; only routes below ``/loyalty/``
        wait for the loyalty quota, because Brevo counts its other routes separately
        (https://developers.brevo.com/docs/api-limits).
        """
        request = protocol.build_free(self._requester.shared.base_url, method, path, params, json)
        replay = _REPLAY.get(request.method, Replay.UNSAFE)
        endpoint = Endpoint(request.endpoint, request.method, path, replay, codec.Json)
        answer = await self._requester.run(endpoint, request, NO_ECHO, timeout)
        return None if answer is None else answer.value


class Program:
    """One loyalty program: ``definitions``, ``limits``, ``transactions``, ``balances``, ``history``.

    Every call takes ``timeout`` in seconds (default: the client's; None: no limit); for a listing it is the timeout of
    each request. Beside what its own docstring names, every call may raise

    - ``InvalidRequestError`` for an invalid argument and ``ClientStateError`` for a client that is not open: nothing
      was sent;
    - ``QuotaWaitError`` or ``RateLimitedError`` if a wait for quota would be longer than ``max_wait``;
    - ``AuthenticationError`` (401), ``PermissionDeniedError`` (403), ``NotFoundError`` (404), ``UnprocessableError``
      (422) or another ``ResponseError``;
    - ``TransportError`` (``ConnectFailedError``, ``RequestTimeoutError``), ``ServerError`` (5xx) or ``DecodeError``
      if no usable answer came;
    - ``OutcomeUnknownError`` instead of these if a write that is not idempotent may have been applied. Updates and
      deletions are idempotent: they raise the error itself, with ``applied`` None.

    Brevo documents 401, 403, 422 and 500 for all its operations, and 404 for most
    (https://developers.brevo.com/reference/begin-transaction).
    """

    id: str = ""
    """The program's UUID."""
    # On the class these are for create_autospec, which looks there; every program has its own.
    definitions: Definitions = cast("Definitions", Definitions)
    limits: Limits = cast("Limits", Limits)
    history: History = cast("History", History)
    balances: Balances = cast("Balances", Balances)
    transactions: Transactions = cast("Transactions", Transactions)

    def __init__(self, requester: Requester, program_id: str, memory: WalkMemory) -> None:
        self.id = program_id
        self._requester = requester
        self._memory = memory
        self.definitions = Definitions(requester, program_id, memory)
        self.limits = Limits(requester, program_id)
        self.history = History(requester, program_id, memory)
        self.balances = Balances(requester, program_id, memory)
        self.transactions = Transactions(requester, program_id, self.history)

    @property
    def base_url(self) -> str:
        """The client's ``base_url``."""
        return self._requester.shared.base_url

    def with_options(
        self,
        *,
        timeout: float | Unset | None = UNSET,
        max_attempts: int | Unset = UNSET,
        max_wait: float | Unset | None = UNSET,
        reserve: float | Unset = UNSET,
    ) -> Program:
        """A view of this program with other options; see ``BalanceClient.with_options``."""
        requester = self._requester.with_options(
            timeout=timeout, max_attempts=max_attempts, max_wait=max_wait, reserve=reserve
        )
        return Program(requester, self.id, self._memory)

    def with_hook(self, hook: Hook) -> Program:
        """The same program, whose events are told to one more hook."""
        return Program(self._requester.with_hook(hook), self.id, self._memory)

    def with_guard(self, guard: Callable[[], None]) -> Program:
        """The same program, which asks ``guard`` right before each request leaves; what that raises ends the call."""
        return Program(self._requester.with_guard(guard), self.id, self._memory)

    @property
    def quota(self) -> QuotaState | None:
        """The client's: what the account's quota headers last said."""
        return self._requester.shared.gate.state

    @property
    def options(self) -> Options:
        """What one call may spend: ``timeout``, ``max_attempts``, ``max_wait``, ``reserve``."""
        return self._requester.options

    def __repr__(self) -> str:
        return f"<Program {self.id}>"

    if not TYPE_CHECKING:  # to a type checker it would mean that every attribute exists

        def __getattr__(self, name: str) -> NoReturn:
            raise no_attribute(self, name, PROGRAM)


def _hooks(hooks: Sequence[Hook]) -> tuple[Hook, ...]:
    if callable(hooks) or not isinstance(hooks, Iterable):
        raise InvalidRequestError("hooks", "must be a sequence of callables, even for one")
    given = tuple(hooks)
    for hook in given:
        if not callable(hook):
            raise InvalidRequestError("hooks", f"must be callables, and one is {validation.shown(hook)}")
    return given


def _base_url(given: str | None, *, allow_http: bool) -> str:
    if given is None and (found := os.environ.get("BREVO_BASE_URL")):
        return checked_base_url(found, allow_http=allow_http, argument="BREVO_BASE_URL")
    return checked_base_url(BASE_URL if given is None else given, allow_http=allow_http)


def _credentials(
    api_key: str | None, partner_key: str | None, credentials: Credentials | ClientCredentials | None
) -> Credentials | ClientCredentials:
    if credentials is not None:
        validation.not_both("api_key", api_key, "credentials", credentials)
        validation.not_both("partner_key", partner_key, "credentials", credentials)
        if not isinstance(credentials, ClientCredentials | Credentials):
            raise InvalidRequestError(
                "credentials", "must have a coroutine headers() that gives the auth headers"
            )
        return credentials
    key = api_key if api_key is not None else os.environ.get("BREVO_API_KEY")
    if key is None and partner_key is None:
        raise InvalidRequestError(
            "api_key", "is missing: pass api_key=, credentials=, or set BREVO_API_KEY; nothing was sent"
        )
    try:
        return ApiKey(key or "") if partner_key is None else PartnerKey(partner_key, key)
    except InvalidRequestError as error:
        if api_key is None and error.argument == "api_key":
            raise InvalidRequestError("BREVO_API_KEY", error.reason) from None
        raise
