"""Bytes on the wire that no web framework would send: connections cut, answers truncated, answers without a request."""

from __future__ import annotations

import socket
import struct
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping

_LINGER_ZERO = struct.pack("ii", 1, 0)


def end(transport: asyncio.Transport, how: str) -> None:
    """End a connection: ``fin`` after what was written, ``rst`` at once."""
    if how == "fin":
        transport.close()
        return
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
    transport.abort()


def answer_bytes(status: int, headers: Mapping[str, str], body: bytes, length: int | None = None) -> bytes:
    """An HTTP/1.1 answer; ``length`` is what its head claims when that is not the truth."""
    phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else "Unknown"
    lines = [f"HTTP/1.1 {status} {phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines.append(f"content-length: {len(body) if length is None else length}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
