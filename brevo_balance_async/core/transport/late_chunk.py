"""Tolerates the last chunk of a chunked body after a 204, which has no body; some servers send it.

aiohttp parses it as the beginning of another answer, fails, and drops the complete answer too.
"""

from __future__ import annotations

from typing import Final

from aiohttp.client_proto import ResponseHandler

MAY_HAVE_NO_CONTENT: Final = frozenset({"PUT", "PATCH", "DELETE"})
"""The methods whose answer may be a 204."""
_NO_CONTENT: Final = (b"HTTP/1.1 204 ", b"HTTP/1.0 204 ")
_LAST_CHUNK: Final = b"\r\n\r\n0\r\n\r\n"


class _Protocol(ResponseHandler):
    __slots__ = ()

    def data_received(self, data: bytes) -> None:
        if data.endswith(_LAST_CHUNK) and data.startswith(_NO_CONTENT):
            head, _, rest = data.partition(b"\r\n\r\n")
            data = data if rest != _LAST_CHUNK[4:] else head + b"\r\n\r\n"
        super().data_received(data)


def tolerate_last_chunk(protocol: ResponseHandler | None) -> None:
    """Make it a ``_Protocol``. Connections with GET and POST only keep aiohttp's class, which is faster."""
    if type(protocol) is ResponseHandler and protocol.transport is not None:
        protocol.__class__ = _Protocol
        protocol.transport.set_protocol(protocol)  # uvloop has cached the method of the old class
