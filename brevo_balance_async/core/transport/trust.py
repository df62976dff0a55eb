"""Whether this aiohttp calls an attempt before it writes. It is tested on connections that lead nowhere.

Not all methods that ``attempt`` overrides are public. If aiohttp renames one, a lost request would count as not sent,
or an answer as the answer to another request, and the request would be sent again.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler

from brevo_balance_async.core.protocol import Progress
from brevo_balance_async.core.timeouts import Timeouts
from brevo_balance_async.core.transport import attempt


class _Wire(asyncio.Transport):
    """A connection that hangs up when something is written, and records whether the attempt knew that it leaves."""

    def __init__(self, protocol: ResponseHandler, probe: attempt.Attempt) -> None:
        super().__init__()
        self._protocol = protocol
        self._probe = probe
        self.known: list[bool] = []

    def write(self, _: Any) -> None:
        self.known.append(self._probe.left)
        self.close()

    def is_closing(self) -> bool:
        return bool(self.known)

    def close(self) -> None:
        self._protocol.connection_lost(None)

    abort = close


class _Nowhere(aiohttp.BaseConnector):
    """A connector with one connection: it is lost already, or hangs up at the first byte."""

    wire: _Wire | None = None

    def __init__(self, probe: attempt.Attempt, *, lost: bool) -> None:
        super().__init__()
        self._probe = probe
        self._lost = lost

    async def _create_connection(self, *_: Any) -> ResponseHandler:
        protocol = ResponseHandler(asyncio.get_running_loop())
        if not self._lost:
            self.wire = _Wire(protocol, self._probe)
            protocol.connection_made(self.wire)
        return protocol


async def asks_first() -> bool:
    """True if it asks before anything is written, and writes nothing when it is stopped."""
    return all([await _asks(has_body, lost) for has_body in (True, False) for lost in (True, False)])


async def _asks(has_body: bool, lost: bool) -> bool:
    probe = attempt.Attempt(Progress(), Timeouts().within(None), trusted=True)
    connector = _Nowhere(probe, lost=lost)
    body, middlewares = (attempt.Body(b"{}", probe), ()) if has_body else (None, (probe,))
    async with aiohttp.ClientSession(
        connector=connector, request_class=attempt.Request, cookie_jar=aiohttp.DummyCookieJar()
    ) as session:
        session.trace_configs.clear()  # a telemetry library may have added its own; this is no real request
        with suppress(Exception):
            async with asyncio.timeout(1):
                await session.post("http://nowhere.invalid/", data=body, middlewares=middlewares)
    if lost:
        return probe.asked and probe.stopped is not None
    return connector.wire is not None and bool(connector.wire.known) and all(connector.wire.known)
