"""A hostile server: does to each request what a script says, and keeps its own ledger of what it did.

``arrived`` has every request that was read whole, ``asked`` counts by reference the writes that reached the business
code, ``applied`` those that it committed (a write without a reference counts under its method and path; complete and
cancel are committed once at most, so only ``asked`` can show that one was sent too often). Effects are coroutines
that get an ``Exchange``; the script is consumed one effect for each request, in the order of arrival, and
``otherwise`` serves what comes after.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import struct
import time
from collections import Counter, deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from attrs import define, field

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable, Mapping

PROGRAM = "27aa1d7a-af67-4020-8a65-19d6b0f0a26e"
DEFINITION = "0197e3c2-0000-7000-8000-000000000001"
TRANSACTION = "0197e3c2-0000-7000-8000-00000000a001"
REASONS = {200: "OK", 204: "No Content", 307: "Temporary Redirect", 429: "Too Many Requests"}


@define(eq=False, repr=False)
class Arrived:
    """One request as it came."""

    connection: int
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def json(self) -> Any:
        return json.loads(self.body) if self.body else None

    @property
    def reference(self) -> str:
        """The caller's reference, or the path of what is guarded by its id."""
        meta = (self.json or {}).get("meta") if self.body[:1] == b"{" else None
        return (meta or {}).get("reference") or f"{self.method} {self.path}"


@define(eq=False, repr=False)
class Exchange:
    """One request and the means to mistreat it."""

    server: Hostile
    request: Arrived
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    number: int
    """Which request of this connection it is, from 1."""

    def commit(self) -> bool:
        """Apply it; complete and cancel are applied once by nature, False says that they were before."""
        key = self.request.reference
        if self.request.method != "GET":
            self.server.asked[key] += 1
        if key.endswith(("/complete", "/cancel")):
            if self.server.applied[key]:
                return False
            self.server.ended[key.split("/")[-2]] = key.rsplit("/", maxsplit=1)[-1]
        if self.request.method != "GET":
            self.server.applied[key] += 1
        return True

    async def raw(self, data: bytes) -> None:
        self.writer.write(data)
        with suppress(ConnectionError):
            await self.writer.drain()

    async def answer(
        self, status: int = 200, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> None:
        """A whole answer; ``body`` is JSON unless it is bytes or None."""
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        lines = {
            "content-type": "application/json",
            "content-length": str(len(data)),
            **self.server.headers,
            **(headers or {}),
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        reason = REASONS.get(status, "Status")
        await self.raw(f"HTTP/1.1 {status} {reason}\r\n{head}\r\n".encode() + data)

    def fin(self) -> None:
        self.writer.close()

    def rst(self) -> None:
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


def truth(request: Arrived, server: Hostile) -> tuple[int, Any]:
    """What an honest server would answer to a request that it has just applied."""
    path, body = request.path.split("?")[0], request.json or {}
    if request.method == "DELETE":
        return 204, None
    if (match := re.search(r"/transactions/([^/]+)/(complete|cancel)$", path)) is not None:
        status = {"complete": "completed", "cancel": "cancelled"}[match[2]]
        return 200, {"id": match[1], "status": status, "loyaltyProgramId": PROGRAM}
    if path.endswith("/transaction-history"):
        return 200, {
            "count": len(server.history),
            "contactId": 42,
            "balanceDefinitionId": DEFINITION,
            "transactionHistory": server.history,
        }
    made = {**body, "loyaltyProgramId": PROGRAM}
    if request.method == "POST":
        server.made += 1
        made["id"] = f"0197e3c2-0000-7000-8000-{server.made:012x}"
        if path.endswith("/transactions"):
            made["status"] = "completed" if body.get("autoComplete") else "draft"
    else:
        made["id"] = path.rsplit("/", maxsplit=1)[-1]
    return 200, made


async def honest(exchange: Exchange) -> None:
    """Apply and answer."""
    if not exchange.commit():
        await exchange.answer(
            422, {"code": "invalid_state", "message": "the transaction is completed already"}
        )
        return
    await exchange.answer(*truth(exchange.request, exchange.server))


@define(eq=False, repr=False)
class Hostile:
    """``async with Hostile(effect, effect, otherwise=honest) as server``; ``server.base_url`` ends in /v3."""

    script: deque[Any] = field(converter=deque, factory=deque)
    otherwise: Any = honest
    headers: dict[str, str] = field(factory=dict)
    tls: ssl.SSLContext | None = None
    on_connect: Any = None
    """An effect on the connection itself, before anything is read; returns True to go on."""
    arrived: list[Arrived] = field(factory=list)
    asked: Counter[str] = field(factory=Counter)
    applied: Counter[str] = field(factory=Counter)
    ended: dict[str, str] = field(factory=dict)
    said: asyncio.Event = field(factory=asyncio.Event)
    """For an effect to tell that it has done something."""
    history: list[dict[str, Any]] = field(factory=list)
    made: int = 0
    connections: int = 0
    open: set[asyncio.Task[None]] = field(factory=set)
    port: int = 0
    last: asyncio.StreamWriter | None = None
    """The connection that came last."""
    writers: set[asyncio.StreamWriter] = field(factory=set)
    """Those of all open connections."""
    _server: asyncio.Server | None = None
    _news: asyncio.Event = field(factory=asyncio.Event)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", 0, ssl=self.tls, backlog=20_000, limit=2**22
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self.open:
            task.cancel()
        await asyncio.gather(*self.open, return_exceptions=True)

    @property
    def origin(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        return self.origin + "/v3"

    @property
    def writes(self) -> int:
        """Everything that was ever applied."""
        return self.applied.total()

    async def until(self, ready: Callable[[], bool]) -> None:
        """Wait for what the server will see; it is checked on every arrival and every end of a connection."""
        while not ready():
            self._news.clear()
            await self._news.wait()

    async def until_arrived(self, number: int) -> None:
        await self.until(lambda: len(self.arrived) >= number)

    async def until_closed(self) -> None:
        """Every connection is gone."""
        await self.until(lambda: not self.open)

    async def whisper(self, data: bytes) -> None:
        """Write bytes that nobody asked for to the connection that came last, while it idles."""
        assert self.last is not None
        self.last.write(data)
        await self.last.drain()
        for _ in range(10):  # whether they are read now or with the next request, they come before its answer
            await asyncio.sleep(0)

    def at_once(self, data: bytes = b"") -> None:
        """Write bytes to every connection, or end it, and give the loop no turn: no client has read it yet."""
        for writer in self.writers:
            if data:
                writer.write(data)
            else:
                with socket.socket(fileno=os.dup(writer.get_extra_info("socket").fileno())) as twin:
                    twin.shutdown(socket.SHUT_WR)
        time.sleep(0.01)  # the loopback is quick, but not a part of this thread

    def then(self, effects: Iterable[Any]) -> None:
        self.script.extend(effects)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.open.add(task)
        self.connections += 1
        number = self.connections
        self.last = writer
        self.writers.add(writer)
        self._news.set()
        try:
            if self.on_connect is None or await self.on_connect(reader, writer):
                await self._talk(number, reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self.writers.discard(writer)
            writer.close()
            with suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()
            self.open.discard(task)
            self._news.set()

    async def _talk(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served = 0
        while not writer.is_closing():
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            request_line, *lines = head.rstrip().split("\r\n")
            method, path, _ = request_line.split(" ")
            headers = {
                name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
            }
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            served += 1
            at = asyncio.get_running_loop().time()
            request = Arrived(number, method, path, headers, body, at)
            self.arrived.append(request)
            self._news.set()
            effect = self.script.popleft() if self.script else self.otherwise
            await effect(Exchange(self, request, reader, writer, served))


# Effects -----------------------------------------------------------------------------------------------------


def status(
    code: int, body: Any = None, *, commit: bool = True, headers: Mapping[str, str] | None = None
) -> Any:
    """Commit (unless told not to), then answer this status."""

    async def effect(exchange: Exchange) -> None:
        if commit:
            exchange.commit()
        await exchange.answer(code, body, headers)

    return effect


def refuse(code: int, message: str = "no", headers: Mapping[str, str] | None = None) -> Any:
    """Brevo's own refusal: nothing is applied."""
    return status(code, {"code": "refused", "message": message}, commit=False, headers=headers)


def raw(data: bytes, *, commit: bool = True, then: str = "keep") -> Any:
    """Commit, write these bytes, then ``keep`` the connection, or end it by ``fin`` or ``rst``."""

    async def effect(exchange: Exchange) -> None:
        if commit:
            exchange.commit()
        await exchange.raw(data)
        if then == "rst":
            # The bytes must be on their way before the reset throws them away.
            await asyncio.sleep(0.02)
            exchange.rst()
        elif then == "fin":
            exchange.fin()

    return effect


def hang_up(*, commit: bool, reset: bool = False) -> Any:
    """End the connection without a word, after committing or not."""

    async def effect(exchange: Exchange) -> None:
        if commit:
            exchange.commit()
        exchange.rst() if reset else exchange.fin()

    return effect


def stall(*, commit: bool = True, after: bytes = b"") -> Any:
    """Commit, write ``after``, and say no more until the client goes away."""

    async def effect(exchange: Exchange) -> None:
        if commit:
            exchange.commit()
        await exchange.raw(after)
        await exchange.reader.read()
        exchange.fin()

    return effect


def drip(pause: float = 0.01) -> Any:
    """Commit, then write an answer byte by byte that never ends: no silence is ever long."""

    async def effect(exchange: Exchange) -> None:
        exchange.commit()
        await exchange.raw(cut_body(10**6))
        while not exchange.writer.is_closing() and not exchange.reader.at_eof():
            await exchange.raw(b" ")
            await asyncio.sleep(pause)
        exchange.fin()

    return effect


def again(effect: Any, after: float = 0.02) -> Any:
    """Be honest, and then, a moment later, give the same request a second answer that nobody asked for."""

    async def twice(exchange: Exchange) -> None:
        await honest(exchange)
        await asyncio.sleep(after)
        await effect(exchange)
        exchange.server.said.set()

    return twice


def cut_body(length: int = 500) -> bytes:
    """The head and the first bytes of an answer that promises more."""
    return f'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{{"id":'.encode()


def plain_200(body: bytes, *headers: str) -> bytes:
    """A 200 with any body."""
    lines = [*(headers or ("content-type: application/json",)), f"content-length: {len(body)}"]
    return ("HTTP/1.1 200 OK\r\n" + "\r\n".join(lines) + "\r\n\r\n").encode() + body


def quota(limit: int, remaining: int, reset: float | str) -> dict[str, str]:
    """Brevo's quota headers."""
    return {
        "x-sib-ratelimit-limit": str(limit),
        "x-sib-ratelimit-remaining": str(remaining),
        "x-sib-ratelimit-reset": str(reset),
    }
