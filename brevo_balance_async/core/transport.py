"""One attempt through aiohttp. Owns or borrows the ``ClientSession``, and translates aiohttp's exceptions.

Whether bytes of a request may have left is recorded on the attempt, when aiohttp assigns a connection and before the
first byte is written. The type of an exception does not tell: timeouts and disconnects look alike before and after,
and the user's trace callbacks may raise anything. The record is trusted only for a session for which it was tested, on
opening, that aiohttp calls our code before it writes. For any other (a borrowed session, an aiohttp with other
internals) every failure but a failure to connect counts as sent.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import warnings
from base64 import b64encode
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.request import getproxies, proxy_bypass
from weakref import WeakSet

import aiohttp
from aiohttp.client_proto import ResponseHandler
from yarl import URL

from brevo_balance_async._version import __version__
from brevo_balance_async.config import MAX_BODY, HeaderSecret
from brevo_balance_async.core.protocol import Progress, Response
from brevo_balance_async.core.redaction import forget_secrets, without_secrets
from brevo_balance_async.core.sockets import unread
from brevo_balance_async.core.timeouts import Timeouts
from brevo_balance_async.errors import (
    BalanceError,
    ClientStateError,
    ConnectFailedError,
    DecodeError,
    InvalidRequestError,
    RequestTimeoutError,
    TransportError,
)

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping, Sequence

    from aiohttp.abc import AbstractStreamWriter
    from aiohttp.connector import Connection

    from brevo_balance_async.core.protocol import Request
    from brevo_balance_async.core.timeouts import TimeLimit

CONNECT_TIMEOUT: Final = 10.0
"""Seconds for one TCP and TLS handshake, within the call's own timeout."""
IDLE_TIMEOUT: Final = 15.0
"""Seconds that an idle connection is kept. The longer it is idle, the likelier a stray answer waits on it."""
MOST_STALE: Final = 10
"""New connections that one attempt may find unusable before it fails as not sent. Those of the pool are not counted:
their number is finite."""

_JSON: Final = "application/json"
_NO_GUESSES: Final = ("content-type",)
"""aiohttp would send ``application/octet-stream`` with a POST without a body; Brevo documents no type for it."""

_NO_CONTENT: Final = (b"HTTP/1.1 204 ", b"HTTP/1.0 204 ")
_MAY_HAVE_NO_CONTENT: Final = frozenset({"PUT", "PATCH", "DELETE"})
_LAST_CHUNK: Final = b"\r\n\r\n0\r\n\r\n"


class _StaleConnectionError(aiohttp.ClientConnectionError):
    """The connection cannot be used: unread bytes wait on it, or it is closed. Nothing was sent on it."""


class _Protocol(ResponseHandler):
    """Tolerates the last chunk of a chunked body after a 204, which has no body; some servers send it.

    aiohttp parses it as the beginning of another answer, fails, and drops the complete answer too.
    """

    __slots__ = ()

    def data_received(self, data: bytes) -> None:
        if data.endswith(_LAST_CHUNK) and data.startswith(_NO_CONTENT):
            head, _, rest = data.partition(b"\r\n\r\n")
            data = data if rest != _LAST_CHUNK[4:] else head + b"\r\n\r\n"
        super().data_received(data)


def _tolerate_last_chunk(protocol: ResponseHandler | None) -> None:
    """Make it a ``_Protocol``. Connections with GET and POST only keep aiohttp's class, which is faster."""
    if type(protocol) is ResponseHandler and protocol.transport is not None:
        protocol.__class__ = _Protocol
        protocol.transport.set_protocol(protocol)  # uvloop has cached the method of the old class


class _HungUpError(aiohttp.ClientConnectionError):
    """A disconnect, as a type for which aiohttp does not send the request again by itself."""


class _TooLargeError(aiohttp.ClientError):
    """The answer has more bytes than are allowed."""


_CONNECTING = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.ClientHttpProxyError)
"""What aiohttp raises while it connects. A trace callback may raise it too, so the type alone proves nothing."""

_used: WeakSet[ResponseHandler] = WeakSet()
"""The protocols of connections on which a request was sent before."""


class _Attempt:
    """One request on its way through aiohttp. It records whether the request may have left.

    The record belongs to the request and not to the task, which may make other requests too. A request with a body
    has the attempt in its body; one without gets it as a client middleware. ``asked``: the request got a connection,
    so it may have left. ``stopped``: the reason why it was stopped before that.
    """

    __slots__ = ("_connection", "_limit", "_progress", "asked", "fresh", "stopped")

    def __init__(self, progress: Progress, limit: TimeLimit, *, trusted: bool) -> None:
        self._progress = progress
        self._limit = limit
        self._connection: Connection | None = None
        self.fresh = True
        self.asked = False
        self.stopped: Exception | None = None
        progress.sent = not trusted

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        if type(request) is aiohttp.ClientRequest:  # a borrowed session does not use our classes
            request.__class__, request.response_class = _Request, _Response
        if isinstance(request, _Request):
            request.attempt = self
        try:
            return await handler(request)
        except _CONNECTING:
            if not self.asked:
                self._progress.sent = False
            raise
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
            raise _HungUpError(str(error) or type(error).__name__) from error

    def leaves_on(self, connection: Connection, *, looks: bool) -> None:
        """Record the connection. From now on the request counts as sent, unless ``look`` stops it."""
        self.asked = self._progress.sent = True
        self._connection = connection
        protocol = connection.protocol
        self.fresh = protocol is not None and protocol not in _used
        if protocol is not None and self.fresh:
            _used.add(protocol)
        self.look(last=not looks)  # before aiohttp reads bytes that wait there as the answer
        if self.fresh:
            self._connection = None  # a new connection has no stray answers

    def look(self, *, last: bool = True) -> None:
        """Raise if the request must not be sent: its time is over, or bytes wait on its connection.

        aiohttp takes a connection from the pool without checking it. Bytes that the server has sent on it would be
        taken for our answer: because of a 429 to another request, this one would be sent twice. So this check runs
        last, after all of the user's code, and asks the kernel for bytes that the loop has not read. A stray answer
        that arrives later can only be found by the echo check. The kernel is not asked about a new connection, because
        TLS session tickets may wait on it.
        """
        connection = self._connection
        if last and self._limit.over:
            self.stopped = TimeoutError("the time was over before the request could leave")
        elif connection is not None and (
            (protocol := connection.protocol) is None
            or protocol.should_close
            or (transport := protocol.transport) is None
            or (not self.fresh and (transport.is_closing() or (last and unread(transport))))
        ):
            self.stopped = _StaleConnectionError(
                "the server had spoken, or hung up, on the connection that was to be used"
            )
        if self.stopped is not None:
            self._progress.sent = not self.asked
            raise self.stopped


class _Request(aiohttp.ClientRequest):
    """Tells its attempt the connection before it is sent."""

    attempt: _Attempt | None = None

    def send(self, conn: Connection) -> Coroutine[Any, Any, aiohttp.ClientResponse]:
        body: Any = self.body
        looks = type(body) is _Body  # it makes the last check itself, when it is written
        attempt = body.attempt if looks else self.attempt
        if attempt is not None:
            attempt.leaves_on(conn, looks=looks)
        if self.method in _MAY_HAVE_NO_CONTENT:
            _tolerate_last_chunk(conn.protocol)
        return super().send(conn)


class _Body(aiohttp.BytesPayload):
    """The body of an attempt. Writing it makes the last check, because headers and body are sent together.

    On Python 3.11 aiohttp writes it one iteration of the event loop after it has assigned the connection.
    """

    def __init__(self, data: bytes, attempt: _Attempt) -> None:
        super().__init__(data)
        self.attempt = attempt

    def write_with_length(
        self, writer: AbstractStreamWriter, content_length: int | None
    ) -> Coroutine[Any, Any, None]:
        self.attempt.look()
        return super().write_with_length(writer, content_length)


def _last_trace() -> aiohttp.TraceConfig:
    """Checks once more after the user's trace callbacks, which run after the connection is assigned."""

    async def look(_: object, context: Any, __: object) -> None:
        context.trace_request_ctx.look()

    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(look)
    trace.on_request_chunk_sent.append(look)
    trace.freeze()
    return trace


_LAST_TRACE: Final = _last_trace()


class _Response(aiohttp.ClientResponse):
    """Remembers its connection, which aiohttp releases when the body has been read."""

    def start(self, connection: Connection) -> Coroutine[Any, Any, aiohttp.ClientResponse]:
        self.wire = connection.transport
        return super().start(connection)


class _Nowhere(aiohttp.BaseConnector):
    """A connector whose connections lead nowhere."""

    async def _create_connection(self, *_: Any) -> ResponseHandler:
        return ResponseHandler(asyncio.get_running_loop())


async def _asks_first() -> bool:
    """True if this aiohttp calls the attempt before it writes. It is tested on a connection that leads nowhere.

    Not all methods that are overridden here are public. If aiohttp renames one, a lost request would count as not
    sent, and be sent again.
    """
    session = aiohttp.ClientSession(
        connector=_Nowhere(), request_class=_Request, cookie_jar=aiohttp.DummyCookieJar()
    )
    asks = True
    async with session:
        session.trace_configs.clear()  # a telemetry library may have added its own; this is no real request
        for has_body in (True, False):
            attempt = _Attempt(Progress(), Timeouts().within(None), trusted=True)
            body, middlewares = (_Body(b"{}", attempt), ()) if has_body else (None, (attempt,))
            with suppress(Exception):
                async with asyncio.timeout(1):
                    await session.post("http://nowhere.invalid/", data=body, middlewares=middlewares)
            asks = asks and attempt.asked and attempt.stopped is not None
    return asks


class _NoNetrc:
    """Replaces the authorization header that a borrowed session takes from netrc by ours, or removes it."""

    def __init__(self, headers: dict[str, str]) -> None:
        self._own = [headers.pop(name) for name in [*headers] if name.lower() == "authorization"]

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        request.headers.popall("authorization", None)
        for value in self._own:
            request.headers["authorization"] = value
        return await handler(request)


_Proxy: TypeAlias = "tuple[URL | None, dict[str, str] | None]"
"""A proxy's address and headers. The password is not in the address, because aiohttp's errors show it."""


def _proxy(proxy: str) -> _Proxy:
    try:
        url = URL(proxy)
    except (TypeError, ValueError):
        raise InvalidRequestError("proxy", "is not a URL") from None
    if url.scheme not in {"http", "https"} or not url.host:
        raise InvalidRequestError("proxy", "must begin with http:// or https:// and name a host")
    if url.user is None:
        return url, None
    pair = b64encode(f"{url.user}:{url.password or ''}".encode()).decode()
    return url.with_user(None), {"authorization": HeaderSecret(f"Basic {pair}")}  # aiohttp renames it


class _Proxies:
    """The proxy for each address: the one that was given, or those of the environment.

    The environment is read here and not by aiohttp, because aiohttp would also read netrc. It would send the password
    from there to the token endpoint, and to Brevo in place of our header or beside it.
    """

    def __init__(self, proxy: str | None, *, trust_env: bool) -> None:
        self._named: _Proxy = (None, None) if proxy is None else _proxy(proxy)
        self._by_origin: dict[tuple[str, str | None], _Proxy] = {}
        self._by_scheme: dict[str, _Proxy] = {}
        found = getproxies() if trust_env and proxy is None else {}
        for scheme in found.keys() & {"http", "https"}:
            try:
                self._by_scheme[scheme] = _proxy(found[scheme])
            except InvalidRequestError as error:
                variable = f"{scheme.upper()}_PROXY of the environment"
                raise InvalidRequestError("trust_env", f"{variable} {error.reason}") from None

    def of(self, url: URL) -> _Proxy:
        """The proxy for a request to ``url``."""
        if not self._by_scheme:
            return self._named
        origin = url.scheme, url.host
        if origin not in self._by_origin:
            direct = url.host is not None and proxy_bypass(url.host)
            self._by_origin[origin] = self._named if direct else self._by_scheme.get(url.scheme, self._named)
        return self._by_origin[origin]


def _must_be(argument: str, value: object, kind: type) -> None:
    if value is not None and not isinstance(value, kind):
        raise InvalidRequestError(
            argument, f"must be an aiohttp.{kind.__name__}, not an object of type {type(value).__name__}"
        )


class Transport:
    """Makes attempts; any number of them may run concurrently."""

    def __init__(
        self,
        *,
        session: aiohttp.ClientSession | None = None,
        connector: aiohttp.BaseConnector | None = None,
        trace_configs: Sequence[aiohttp.TraceConfig] = (),
        max_connections: int = 100,
        user_agent: str | None = None,
        trust_env: bool = False,
        proxy: str | None = None,
        max_body: int = MAX_BODY,
    ) -> None:
        _must_be("session", session, aiohttp.ClientSession)
        _must_be("connector", connector, aiohttp.BaseConnector)
        if not isinstance(trace_configs, Iterable):
            raise InvalidRequestError(
                "trace_configs", "must be a sequence of aiohttp.TraceConfig, even for one"
            )
        self._borrowed = session
        self._session = session
        self._connector = connector
        self._trace_configs = tuple(trace_configs)
        for config in self._trace_configs:
            _must_be("trace_configs", config, aiohttp.TraceConfig)
        self._max_connections = max_connections
        self._proxies = _Proxies(proxy, trust_env=trust_env)
        self._max_body = max_body
        ours = f"brevo-balance-async/{__version__}"
        agent = f"{user_agent} {ours}" if user_agent else ours
        self._headers = {"accept": _JSON, "user-agent": agent}
        self._auth: Mapping[str, str] | None = None
        self._kept: tuple[dict[str, str], dict[str, str]] = ({}, {})
        # Only the timeout of connecting is aiohttp's; ``timeouts`` has all others.
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pool: asyncio.Semaphore | None = None
        self._trusted = False
        self.timeouts: Timeouts = Timeouts()
        self.closed: bool = False
        self._closing = asyncio.Lock()

    @property
    def is_open(self) -> bool:
        """True if a request may be sent. A borrowed session may have been closed by its owner."""
        return not (self.closed or self._loop is None or self._session is None or self._session.closed)

    async def open(self) -> None:
        """Bind to the running event loop and make the session, unless one was handed in."""
        if self._loop is not None or self.closed:
            state = "closed" if self.closed else "open already"
            raise ClientStateError(f"the client is {state}; make a new one")
        self._loop = asyncio.get_running_loop()
        if self._borrowed is not None:
            connector = self._borrowed.connector
        else:
            connector = self._connector or aiohttp.TCPConnector(
                limit=self._max_connections, keepalive_timeout=IDLE_TIMEOUT
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                connector_owner=self._connector is None,
                cookie_jar=aiohttp.DummyCookieJar(),
                request_class=_Request,
                response_class=_Response,
                trace_configs=list(self._trace_configs),
            )
        with warnings.catch_warnings(action="ignore"):  # reading ``session.loop`` emits a DeprecationWarning
            elsewhere = self._session is not None and self._session.loop is not self._loop
        if elsewhere:  # a session uses the loop of its connector, even if another loop is running
            what = "session" if self._borrowed is not None else "connector"
            if self._borrowed is None and self._session is not None:
                self._session.detach()
            raise ClientStateError(f"the {what} handed in belongs to another event loop")
        # Calls wait for a connection here and not in aiohttp, which is slower and does not show that a call waits.
        limits = [] if connector is None else [connector.limit, connector.limit_per_host]
        if any(limits):
            self._pool = asyncio.Semaphore(min(limit for limit in limits if limit))
        if self._borrowed is None:  # last, because it awaits: until it has returned, ``_trusted`` is false
            try:
                self._trusted = await _asks_first()
            except BaseException:  # cancelled: nobody else will close the session
                await self.close()
                raise
            if not self._trusted:
                logging.getLogger("brevo_balance_async").warning(
                    "aiohttp %s works in a way that this package does not know: every lost request counts as sent",
                    aiohttp.__version__,
                )

    async def close(self) -> None:
        """End the calls in flight and close the session that was made here. Closing twice is harmless."""
        self.closed = True
        # Closing the session would not end calls that are connecting, and a borrowed session stays open.
        self.timeouts.end_all()
        if self._session is not None and self._borrowed is None:
            async with self._closing:  # another task that closes returns only when it is done
                await self._session.close()

    def check_loop(self) -> None:
        """Raise ``ClientStateError`` on any other event loop than the one it was opened on."""
        if self._loop not in (None, asyncio.get_running_loop()):
            raise ClientStateError("the client belongs to another event loop; make one for each loop")

    def check_usable(self) -> None:
        """Raise ``ClientStateError`` unless a request may be sent now and here."""
        if self.closed:
            raise ClientStateError("the client is closed; make a new one")
        if self._loop is None:
            raise ClientStateError(
                "the client is not open yet: use 'async with BalanceClient(...) as client'"
            )
        self.check_loop()

    async def send(
        self, request: Request, headers: Mapping[str, str], timeout: float | None, progress: Progress
    ) -> Response:
        """Make one attempt: returns the complete answer, whatever its status, or raises one of our errors.

        ``progress`` is updated meanwhile, so that it can be read after a cancellation.
        """
        session = self._session
        if session is None or session.closed or self.closed:
            raise ClientStateError("the client, or the session handed to it, is closed; nothing was sent")
        handled = sys.exception()
        attempt = None
        try:
            with self.timeouts.within(timeout) as limit:
                if self._pool is not None:
                    await self._pool.acquire()
                progress.connecting = True
                try:
                    stale = 0
                    while True:
                        attempt = _Attempt(progress, limit, trusted=self._trusted)
                        try:
                            return await self._exchange(session, request, headers, attempt)
                        except Exception:  # an unusable connection was closed; another one may be usable
                            stale += attempt.fresh
                            if stale > MOST_STALE or not isinstance(attempt.stopped, _StaleConnectionError):
                                raise
                finally:
                    if self._pool is not None:
                        self._pool.release()
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if session.closed and (task is None or not task.cancelling()):
                # aiohttp cancels calls that wait for a connection when the session is closed.
                raise self._ended(progress) from None
            raise
        except Exception as error:
            if self.closed or session.closed:
                raise self._ended(progress) from error
            forget_secrets(error, handled, (*headers.values(), *request.secrets))
            failure = self._translated((attempt and attempt.stopped) or error, progress)
            if failure is None:
                raise
            raise failure from error

    async def _exchange(
        self,
        session: aiohttp.ClientSession,
        request: Request,
        headers: Mapping[str, str],
        attempt: _Attempt,
    ) -> Response:
        traces = session.trace_configs
        if traces and traces[-1] is not _LAST_TRACE and self._borrowed is None:
            traces.append(_LAST_TRACE)
        data = None if request.body is None else _Body(request.body, attempt)
        posts = request.method == "POST"  # aiohttp sends other methods again by itself after a disconnect
        fields = self._headers_for(headers, body=data is not None)
        middlewares: tuple[aiohttp.ClientMiddlewareType, ...] = ()
        if not posts or data is None or not self._trusted:
            middlewares = (attempt,)
            if session.trust_env and session.auth is None and "authorization" not in session.headers:
                fields = {**fields}
                middlewares = (_NoNetrc(fields), attempt)
        url = URL(request.url, encoded=True)
        proxy, proxy_headers = self._proxies.of(url)
        answer = await session.request(
            request.method,
            url,
            data=data,
            headers=fields,
            timeout=self._timeout,
            allow_redirects=False,
            raise_for_status=False,
            auto_decompress=True,
            proxy=proxy,
            proxy_headers=proxy_headers,
            skip_auto_headers=_NO_GUESSES if posts and data is None else None,
            middlewares=middlewares,
            trace_request_ctx=attempt if self._borrowed is None else None,
        )
        try:
            if attempt.stopped is not None:  # the request was not sent, so this is the answer to another one
                raise attempt.stopped
            length = answer.content_length
            if length is not None and length <= self._max_body and "content-encoding" not in answer.headers:
                # A complete body is taken without a wait, unless trace callbacks expect an event for it.
                whole = answer.connection is None and answer.content.is_eof() and not traces
                body = answer.content.read_nowait() if whole else await answer.read()
            else:
                body = await self._read(answer, length)
        except BaseException:
            answer.close()
            raise
        # The whole body was read, so the connection is back in the pool.
        wire = getattr(answer, "wire", None)
        discard = wire.abort if wire else answer.close
        empty = length == 0 or answer.status == 204
        secrets = (*headers.values(), *request.secrets)
        response = Response(answer.status, answer.headers, body, discard, empty, secrets)
        return without_secrets(response)

    def _headers_for(self, auth: Mapping[str, str], *, body: bool) -> dict[str, str]:
        """All headers of a request. They are cached for the last auth headers, which seldom change."""
        if auth is not self._auth:
            plain = {**self._headers, **auth}
            self._auth, self._kept = auth, (plain, {"content-type": _JSON, **plain})
        return self._kept[body]

    async def _read(self, answer: aiohttp.ClientResponse, length: int | None) -> bytes:
        """Read a body of unknown length, or of a length that is not allowed."""
        if length is not None and length > self._max_body:
            raise _TooLargeError
        body = bytearray()
        async for chunk in answer.content.iter_any():
            body += chunk
            if len(body) > self._max_body:
                raise _TooLargeError
        return bytes(body)

    @staticmethod
    def _ended(progress: Progress) -> BalanceError:
        if progress.sent:
            return TransportError("the client was closed while the answer was awaited", sent=True)
        return ClientStateError("the client was closed before the request was sent")

    def _translated(self, error: Exception, progress: Progress) -> BalanceError | None:
        """Our error for what came out of aiohttp; None: the user's own code failed, and nothing was sent."""
        what = f"{type(error).__name__}: {error}".rstrip(": ")
        match error:
            case _TooLargeError():
                return DecodeError(
                    f"the answer is larger than {self._max_body:,} bytes; ask for a smaller page"
                )
            case TimeoutError():
                return self._timed_out(progress)
            case _ if progress.sent:
                return TransportError(f"the answer was lost, the request may have arrived: {what}", sent=True)
            case (
                aiohttp.ClientConnectorCertificateError()
                | aiohttp.ClientConnectorSSLError()
                | aiohttp.ServerFingerprintMismatch()
            ):
                return ConnectFailedError(
                    f"TLS could not be set up, nothing was sent: {what}", retryable=False
                )
            case aiohttp.ClientConnectorError() | aiohttp.ClientHttpProxyError() | _StaleConnectionError():
                return ConnectFailedError(f"no connection, nothing was sent: {what}")
            case BalanceError():  # a trace callback made a call of its own; its error says nothing about this one
                return ConnectFailedError(f"a trace failed, nothing was sent: {what}", retryable=False)
            case RuntimeError():
                return ClientStateError(f"aiohttp cannot work here, nothing was sent: {what}")
            case TypeError() | ValueError():
                return InvalidRequestError(
                    "request",
                    f"aiohttp cannot send it ({type(error).__name__}): look at base_url, proxy and credentials",
                )
            case aiohttp.ClientError() | OSError():
                return ConnectFailedError(f"the request was not sent: {what}")
        return None

    @staticmethod
    def _timed_out(progress: Progress) -> RequestTimeoutError:
        if progress.sent:
            text, phase = "no whole answer in time; the request may have arrived", "answer"
        elif progress.connecting:
            text, phase = "no connection in time; nothing was sent", "connect"
        else:
            text, phase = "no connection of the pool became free in time; nothing was sent", "pool"
        return RequestTimeoutError(text, phase=phase, sent=progress.sent)
