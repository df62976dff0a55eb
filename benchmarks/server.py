"""A server that answers from memory, as fast as Python can: the clients are measured, not it.

It knows two routes, POST transactions and GET transaction-history, and sends the quota headers that Brevo sends on
every answer. Prints its base URL once it listens, and ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import sys
from functools import lru_cache
from urllib.parse import parse_qs, urlsplit

import workload

_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nx-sib-ratelimit-limit: 1000000\r\n"
    b"x-sib-ratelimit-remaining: 999999\r\nx-sib-ratelimit-reset: 1800\r\nContent-Length: %d\r\n\r\n"
)


def answer(body: bytes) -> bytes:
    return _HEAD % len(body) + body


BEGIN_ANSWER = answer(workload.BEGIN_ANSWER)


@lru_cache(maxsize=1024)  # the pages of all contenders' walks: each asks by other URLs
def page(target: str) -> bytes:
    query = {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}
    offset, limit = int(query.get("offset", 0)), int(query.get("limit", 20))
    ascending = query.get("sort") == "asc"
    return answer(workload.history_page(int(query["contactId"]), offset, limit, ascending=ascending))


class Answering(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self._waiting = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        data = self._waiting + data
        while (end := data.find(b"\r\n\r\n")) >= 0:
            head = data[:end]
            length = 0
            if head.startswith(b"POST"):
                length = int(head.lower().partition(b"content-length:")[2].partition(b"\r")[0])
            if len(data) < end + 4 + length:
                break
            data = data[end + 4 + length :]
            target = head.split(b" ", 2)[1].decode()
            self._transport.write(page(target) if head.startswith(b"GET") else BEGIN_ANSWER)
        self._waiting = data


async def main() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Answering, "127.0.0.1", 0, backlog=2048)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v3", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    try:
        import uvloop
    except ImportError:
        asyncio.run(main())
    else:
        uvloop.run(main())
