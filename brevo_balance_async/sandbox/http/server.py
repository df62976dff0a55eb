"""The socket side of a sandbox: it listens, reads requests, sends answers, and ends politely."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from aiohttp import web

from .inflight import InFlight
from .reading import read_content
from .redaction import quotes_no_request

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from brevo_balance_async.sandbox.rules.refusals import Refusal

    Respond = Callable[[web.BaseRequest, bytes, Refusal | None], Awaitable[web.StreamResponse]]
    """What answers a request, given its body, or why the body could not be read."""

_SHUTDOWN_SECONDS = 1.0
_LOGGER = logging.getLogger("brevo_balance_async.sandbox")
_LOGGER.addFilter(quotes_no_request)


class Server:
    """A listening socket and its connections. It may be started again, on the port that it had."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._runner: web.ServerRunner | None = None
        self._respond: Respond
        self._in_flight = InFlight()
        self._draining = False

    @property
    def origin(self) -> str:
        """``http://host:port`` of a running server."""
        if self._runner is None:
            raise RuntimeError("the sandbox is not running")
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    @property
    def running(self) -> bool:
        """Whether it listens, or still sees its last requests through."""
        return self._runner is not None

    async def start(self, respond: Respond) -> None:
        """Bind, and have requests answered by ``respond``."""
        self._respond = respond
        server = web.Server(self._handle, handler_cancellation=True, access_log=None, logger=_LOGGER)
        runner = web.ServerRunner(server, shutdown_timeout=_SHUTDOWN_SECONDS)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port).start()
        except BaseException:
            await runner.cleanup()
            raise
        self._runner, self._draining = runner, False
        self._port = runner.addresses[0][1]

    async def stop(self) -> None:
        """Close every connection and free the port."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def close_idle(self) -> None:
        """Take no more connections, close the idle ones, and let every answer from now on close its own."""
        if self._runner is None:
            return
        for site in list(self._runner.sites):
            await site.stop()
        self._draining = True
        if self._runner.server is not None:
            for connection in self._runner.server.connections:
                if connection not in self._in_flight:
                    connection.close()

    async def wait_idle(self, seconds: float) -> None:
        """Wait until no request is in flight, ``seconds`` at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._in_flight.none()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        with self._in_flight.on(request.protocol):
            content, unread = await read_content(request)
            answer = await self._respond(request, content, unread)
            if unread is not None or self._draining:
                answer.force_close()
            return answer
