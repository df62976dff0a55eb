"""Whether this aiohttp calls an attempt before it writes. It is tested on a connection that leads nowhere.

Not all methods that ``attempt`` overrides are public. If aiohttp renames one, a lost request would count as not sent,
and be sent again.
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


class _Nowhere(aiohttp.BaseConnector):
    """A connector whose connections lead nowhere."""

    async def _create_connection(self, *_: Any) -> ResponseHandler:
        return ResponseHandler(asyncio.get_running_loop())


async def asks_first() -> bool:
    """True if it does."""
    session = aiohttp.ClientSession(
        connector=_Nowhere(), request_class=attempt.Request, cookie_jar=aiohttp.DummyCookieJar()
    )
    asks = True
    async with session:
        session.trace_configs.clear()  # a telemetry library may have added its own; this is no real request
        for has_body in (True, False):
            probe = attempt.Attempt(Progress(), Timeouts().within(None), trusted=True)
            body, middlewares = (attempt.Body(b"{}", probe), ()) if has_body else (None, (probe,))
            with suppress(Exception):
                async with asyncio.timeout(1):
                    await session.post("http://nowhere.invalid/", data=body, middlewares=middlewares)
            asks = asks and probe.asked and probe.stopped is not None
    return asks
