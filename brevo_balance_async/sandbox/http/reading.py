"""Reading a request's body off the socket, and what to answer when that fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from brevo_balance_async.sandbox.rules.refusals import Refusal, malformed, too_large

if TYPE_CHECKING:
    from aiohttp.web import BaseRequest


async def read_content(request: BaseRequest) -> tuple[bytes, Refusal | None]:
    """The body, or why there is none: 413 for too many bytes, 400 when they are not in the encoding they claim.

    After the latter nothing more can be read from the connection, so it has to be closed.
    """
    if request.headers.get("expect", "").lower() == "100-continue" and request.transport is not None:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")  # the client sends no body before
    try:
        return await request.read(), None
    except web.HTTPRequestEntityTooLarge:
        return b"", too_large()
    except (web.RequestPayloadError, HttpProcessingError):
        request.content.feed_eof()
        return b"", malformed("the body is not in the encoding that its headers name")
