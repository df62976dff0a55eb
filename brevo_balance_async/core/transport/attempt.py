"""One request on its way through aiohttp, and the record whether it may have left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NoReturn
from weakref import WeakKeyDictionary

import aiohttp

from brevo_balance_async.core.transport.late_chunk import MAY_HAVE_NO_CONTENT, tolerate_last_chunk
from brevo_balance_async.core.transport.sockets import unread

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Coroutine

    from aiohttp.abc import AbstractStreamWriter
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.connector import Connection

    from brevo_balance_async.core.protocol import Progress
    from brevo_balance_async.core.timeouts import TimeLimit

JSON: Final = "application/json"


class StaleConnectionError(aiohttp.ClientConnectionError):
    """The connection cannot be used: unread bytes wait on it, or it is closed. Nothing was sent on it."""


class HungUpError(aiohttp.ClientConnectionError):
    """A disconnect, as a type for which aiohttp does not send the request again by itself."""


_CONNECTING = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.ClientHttpProxyError)
"""What aiohttp raises while it connects. A trace callback may raise it too, so the type alone proves nothing."""

_used: WeakKeyDictionary[ResponseHandler, Callable[[], object]] = WeakKeyDictionary()
"""The protocols of connections on which a request was sent before, and for each how to ask for unread bytes."""


class Attempt:
    """One request. It records whether the request may have left.

    The record belongs to the request and not to the task, which may make other requests too. A request with a body
    has the attempt in its body; one without gets it as a client middleware. ``asked``: the request got a connection,
    so it may have left. ``fresh``: no request was sent on that connection before. ``wire``: its transport. ``left``:
    it was checked for the last time, and is written now. ``stopped``: the reason why it was stopped before that.
    """

    __slots__ = (
        "_connection",
        "_guard",
        "_limit",
        "_looks_last",
        "_progress",
        "_unread",
        "asked",
        "fresh",
        "left",
        "stopped",
        "wire",
    )

    def __init__(
        self,
        progress: Progress,
        limit: TimeLimit,
        *,
        trusted: bool,
        looks_last: bool = False,
        guard: Callable[[], None] | None = None,
    ) -> None:
        self._progress = progress
        self._guard = guard
        self._limit = limit
        self._looks_last = looks_last
        self._connection: Connection | None = None
        self.wire: asyncio.Transport | None = None
        self.fresh: bool = True
        self.asked: bool = False
        self.left: bool = False
        self.stopped: Exception | None = None
        progress.sent = not trusted

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """The client middleware."""
        if type(request) is aiohttp.ClientRequest:  # a borrowed session does not use our class
            request.__class__ = Request
        if isinstance(request, Request):
            request.attempt = self
        try:
            return await handler(request)
        except _CONNECTING:
            if not self.asked:
                self._progress.sent = False
            raise
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
            raise HungUpError(str(error) or type(error).__name__) from error

    def leaves_on(self, connection: Connection, *, looks: bool) -> None:
        """Record the connection. From now on the request counts as sent, unless ``look`` stops it."""
        self.asked = self._progress.sent = True
        self._connection, self.wire = connection, connection.transport
        protocol = connection.protocol
        if protocol is not None and (ask := _used.get(protocol)) is not None:
            self.fresh, self._unread = False, ask
        if self.fresh or not looks:
            self.look()
            self.left = not looks
        if self.fresh and protocol is not None:
            _used[protocol] = unread(self.wire)
            self._connection = None  # a new connection has no stray answers

    def look(self) -> None:
        """Raise if the request must not be sent: its time is over, its guard says so, or bytes wait on its connection.

        aiohttp takes a connection from the pool without checking it. Bytes that the server has sent on it would be
        taken for our answer: because of a 429 to another request, this one would be sent twice. So this check runs
        last, after all of the user's code, and asks the kernel for bytes that the loop has not read. A stray answer
        that arrives later can only be found by the echo check. The kernel is not asked about a new connection, because
        TLS session tickets may wait on it.
        """
        connection = self._connection
        if self._limit.over:
            self._stop(TimeoutError("the time was over before the request could leave"))
        elif connection is not None and (
            (protocol := connection.protocol) is None
            or protocol.should_close
            or (transport := protocol.transport) is None
            or (not self.fresh and (transport.is_closing() or self._unread()))
        ):
            self._stop(StaleConnectionError("the server had spoken, or hung up, on the connection"))
        if self._guard is not None:
            try:
                self._guard()
            except Exception as reason:  # noqa: BLE001  (whatever it is, it ends the call)
                self._stop(reason)

    def got_answer(self) -> None:
        """Raise if the answer that has come is the answer to another request, because this one had not left yet.

        That it had not left is believed only of an aiohttp that was seen to make the last check (module ``trust``).
        """
        if self.stopped is not None:
            raise self.stopped
        if self.asked and not self.left and self._looks_last:
            self._stop(StaleConnectionError("the server had spoken on the connection"))

    def _stop(self, reason: Exception) -> NoReturn:
        self.stopped = reason
        self._progress.sent = not self.asked
        raise reason


class Request(aiohttp.ClientRequest):
    """Tells its attempt the connection before it is sent."""

    attempt: Attempt | None = None

    def send(self, conn: Connection) -> Coroutine[Any, Any, aiohttp.ClientResponse]:
        """Called by aiohttp when the request has got a connection."""
        body: Any = self.body
        looks = type(body) is Body  # it makes the last check itself, when it is written
        attempt = body.attempt if looks else self.attempt
        if attempt is not None:
            attempt.leaves_on(conn, looks=looks)
        if self.method in MAY_HAVE_NO_CONTENT:
            tolerate_last_chunk(conn.protocol)
        return super().send(conn)


class Body(aiohttp.BytesPayload):
    """The body of an attempt. Writing it makes the last check, because headers and body are sent together.

    On Python 3.11 aiohttp writes it one iteration of the event loop after it has assigned the connection.
    """

    def __init__(self, data: bytes, attempt: Attempt) -> None:
        super().__init__(data, content_type=JSON)
        self.attempt = attempt

    def write_with_length(
        self, writer: AbstractStreamWriter, content_length: int | None
    ) -> Coroutine[Any, Any, None]:
        """Called by aiohttp right before it writes the headers and the body."""
        self.attempt.look()
        self.attempt.left = True
        return super().write_with_length(writer, content_length)


def _last_trace() -> aiohttp.TraceConfig:
    async def look(_: object, context: Any, __: object) -> None:
        context.trace_request_ctx.look()

    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(look)
    trace.on_request_chunk_sent.append(look)
    trace.freeze()
    return trace


LAST_TRACE: Final = _last_trace()
"""Checks once more after the user's trace callbacks, which run after the connection is assigned."""
