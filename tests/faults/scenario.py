"""One call of each replay class, and the faults it may meet with what must follow for each class."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
from attrs import evolve, field, frozen
from clocks import AutoClock
from hostile import (
    DEFINITION,
    PROGRAM,
    TRANSACTION,
    Hostile,
    cut_body,
    drip,
    hang_up,
    plain_200,
    raw,
    refuse,
    stall,
    status,
)

from brevo_balance_async import (
    AuthenticationError,
    BadRequestError,
    BalanceClient,
    ConflictError,
    ConnectFailedError,
    DecodeError,
    FailedDependencyError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    RateLimitedError,
    RequestTimeoutError,
    ResponseError,
    ServerError,
    TransportError,
    UnprocessableError,
)
from brevo_balance_async.core.transport import session as transport_session

KEY = "xkeysib-0123456789abcdef-canary"


def begin(program, reference="r1", **changes):
    """A credit that the server can tell by its reference."""
    arguments = {
        "balance_definition_id": DEFINITION,
        "contact_id": 42,
        "amount": "12.50",
        "meta": {"reference": reference},
        **changes,
    }
    return program.transactions.begin(**arguments)


CALLS: dict[str, Any] = {
    "read": lambda program: program.definitions.get(DEFINITION),
    "put": lambda program: program.definitions.update(DEFINITION, name="Points", unit="POINTS"),
    "delete": lambda program: program.definitions.delete(DEFINITION),
    "guarded": lambda program: program.transactions.complete(TRANSACTION),
    "unsafe": begin,
}

LIMIT = {
    "constraint_type": "transaction",
    "transaction_type": "credit",
    "duration_unit": "day",
    "duration_value": 1,
    "value": 5,
}
UNSAFE = {
    "transactions.begin": begin,
    "transactions.create_order": lambda program: program.transactions.create_order(
        balance_definition_id=DEFINITION,
        contact_id=42,
        amount=1,
        due_at=datetime.now(UTC) + timedelta(days=1),
        source="user",
    ),
    "definitions.create": lambda program: program.definitions.create(name="Points", unit="POINTS"),
    "limits.create": lambda program: program.limits.create(DEFINITION, **LIMIT),
    "balances.create": lambda program: program.balances.create(42, balance_definition_id=DEFINITION),
}
HARMLESS = {
    "definitions.update": lambda program: program.definitions.update(
        DEFINITION, name="Points", unit="POINTS"
    ),
    "definitions.delete": lambda program: program.definitions.delete(DEFINITION),
    "limits.update": lambda program: program.limits.update(DEFINITION, TRANSACTION, **LIMIT),
    "limits.delete": lambda program: program.limits.delete(DEFINITION, TRANSACTION),
    "definitions.get": lambda program: program.definitions.get(DEFINITION),
    "limits.get": lambda program: program.limits.get(DEFINITION, TRANSACTION),
    "definitions.list": lambda program: program.definitions.list().collect(),
    "balances.get": lambda program: program.balances.get(42),
    "balances.list": lambda program: program.balances.list(DEFINITION).collect(),
    "balances.list_active": lambda program: program.balances.list_active(
        contact_id=42, balance_definition_id=DEFINITION
    ).collect(),
    "history.list": lambda program: program.history.list(
        contact_id=42, balance_definition_id=DEFINITION
    ).collect(),
}
GUARDED = {
    "transactions.complete": lambda program: program.transactions.complete(TRANSACTION),
    "transactions.cancel": lambda program: program.transactions.cancel(TRANSACTION),
}


@frozen
class Outcome:
    """What one call must come to under one fault."""

    attempts: int
    unknown: bool = False
    """``OutcomeUnknownError`` around the error."""


def _same(attempts: int) -> dict[str, Outcome]:
    return dict.fromkeys(CALLS, Outcome(attempts))


THREE = Outcome(3)
ONE = Outcome(1)
NOT_SENT = _same(3)
"""Certainly not sent: anything may be sent again."""
HOPELESS = _same(1)
"""Certainly not applied, and asking again cannot help."""
UNCLEAR = {
    "read": THREE,
    "put": THREE,
    "delete": THREE,
    "guarded": Outcome(3, unknown=True),
    "unsafe": Outcome(1, unknown=True),
}
BROKEN = {**UNCLEAR, "read": ONE, "put": ONE, "delete": ONE}
"""An answer nobody understands: only what the server guards is asked for again."""
TOO_LATE = {
    "read": ONE,
    "put": ONE,
    "delete": ONE,
    "guarded": Outcome(1, unknown=True),
    "unsafe": Outcome(1, unknown=True),
}
"""The call's own time is over after sending."""


@frozen
class Fault:
    """A way to fail. ``effect`` is done to every request of the call."""

    name: str
    error: type[Exception]
    follows: dict[str, Outcome]
    effect: Any = None
    commits: bool = True
    sent: bool | None = None
    """What ``.sent`` must say, where the error has it."""
    client: dict[str, Any] = field(factory=dict)
    place: str = "http"
    """Where: ``http``, ``tls``, ``distrusted``, ``not tls``, ``nobody``, ``no name``, ``deaf``."""
    warm: bool = False
    on_connect: Any = None
    says: str = ""
    deletes: bool = False
    """An object or nothing is the answer to a DELETE, so this one is a success to it."""
    acknowledges: bool = False
    """It says no more than that it is done: a success to a DELETE, and to a PUT, which is read back."""

    def __str__(self) -> str:
        return self.name

    def succeeds(self, kind: str) -> bool:
        return (kind == "delete" and (self.deletes or self.acknowledges)) or (
            kind == "put" and self.acknowledges
        )


async def _close_at_once(reader, writer) -> bool:
    writer.close()
    return False


async def _plain_refusal(reader, writer) -> bool:
    await reader.read(10)
    writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
    await writer.drain()
    writer.close()
    return False


async def _broken_record(exchange) -> None:
    """Commit, then write a TLS record that nobody can decrypt."""
    exchange.commit()
    twin = os.dup(exchange.writer.get_extra_info("socket").fileno())
    try:
        os.write(twin, b"\x17\x03\x03\x00\x20" + bytes(32))
    finally:
        os.close(twin)
    await exchange.reader.read()


def _lost(name: str, effect: Any, **more: Any) -> Fault:
    return Fault(name, TransportError, UNCLEAR, effect, sent=True, **more)


def _garbled(name: str, answer: bytes, **more: Any) -> Fault:
    return Fault(name, DecodeError, UNCLEAR, raw(answer), **more)


def _misshapen(name: str, answer: bytes, **more: Any) -> Fault:
    """JSON of another shape; to a DELETE that is no object it is as good as no JSON."""
    return Fault(name, DecodeError, {**BROKEN, "delete": THREE}, raw(answer), **more)


SHORT = {"timeout": 0.5, "clock": None}
"""The call's own time is aiohttp's timer, so the clock is the real one."""
_REFUSALS = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    405: ResponseError,
    406: ResponseError,
    413: ResponseError,
    415: ResponseError,
    422: UnprocessableError,
}
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n"
_OTHER = plain_200(b'{"id": "0197e3c2-0000-7000-8000-00000000ffff", "status": "completed", "contactId": 7}')

FAULTS = [
    Fault("01 connection refused", ConnectFailedError, NOT_SENT, commits=False, sent=False, place="nobody"),
    Fault("02 DNS failure", ConnectFailedError, NOT_SENT, commits=False, sent=False, place="no name"),
    Fault(
        "03 SYN dropped, connect timeout",
        RequestTimeoutError,
        NOT_SENT,
        commits=False,
        sent=False,
        place="deaf",
        says="no connection in time",
    ),
    Fault(
        "04 timeout ends the connecting",
        RequestTimeoutError,
        HOPELESS,
        commits=False,
        sent=False,
        place="deaf",
        client=SHORT,
        says="nothing was sent",
    ),
    Fault(
        "07 TLS, unknown CA",
        ConnectFailedError,
        HOPELESS,
        commits=False,
        sent=False,
        place="distrusted",
        says="TLS",
    ),
    Fault(
        "08 TLS, plain HTTP on the port",
        ConnectFailedError,
        HOPELESS,
        commits=False,
        sent=False,
        place="not tls",
        on_connect=_plain_refusal,
        says="TLS",
    ),
    Fault(
        "08b TLS, closed in the handshake",
        ConnectFailedError,
        NOT_SENT,
        commits=False,
        sent=False,
        place="not tls",
        on_connect=_close_at_once,
    ),
    _lost("09 TLS, broken record after commit", _broken_record, place="tls"),
    _lost("10 TLS, FIN after commit", hang_up(commit=True), place="tls"),
    _lost("11 accepted, closed, nothing read", None, on_connect=_close_at_once, commits=False),
    _lost("12 FIN after commit", hang_up(commit=True)),
    _lost("13 FIN, read, not committed", hang_up(commit=False), commits=False),
    _lost("14 RST after commit", hang_up(commit=True, reset=True)),
    _lost("15 RST, not committed", hang_up(commit=False, reset=True), commits=False),
    _lost("17 pooled connection, FIN after commit", hang_up(commit=True), warm=True),
    Fault(
        "18 stall after commit",
        RequestTimeoutError,
        TOO_LATE,
        stall(),
        sent=True,
        client=SHORT,
        says="may have arrived",
    ),
    *(
        # A wait for the next byte and a limit for the whole answer end differently; ours is the second.
        Fault(name, RequestTimeoutError, TOO_LATE, effect, sent=True, client=SHORT, says="no whole answer")
        for name, effect in (
            ("19 stall after the head", stall(after=HEAD)),
            ("20 stall inside the body", stall(after=cut_body())),
            ("20b a body that comes byte by byte for ever", drip()),
        )
    ),
    _lost("21 cut status line", raw(b"HTTP/1.1 200 O", then="fin")),
    _lost("22 garbage instead of HTTP", raw(b"SSH-2.0-OpenSSH_9.0\r\n\r\n", then="fin")),
    _lost("23 200 with a 20 kB header", raw(b"HTTP/1.1 200 OK\r\nx: " + b"a" * 20_000 + b"\r\n\r\n")),
    _lost("24 200, body cut by FIN", raw(cut_body(), then="fin")),
    _lost("25 200, body cut by RST", raw(cut_body(), then="rst")),
    _lost("26 200, corrupt gzip", raw(plain_200(b"notgz!", "content-encoding: gzip"))),
    _lost("26b 200, corrupt brotli", raw(plain_200(b"\xff" * 30, "content-encoding: br"))),
    _lost(
        "26c 200, corrupt chunks",
        raw(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", then="fin"),
    ),
    _garbled("27 200 HTML", plain_200(b"<html>maintenance</html>", "content-type: text/html")),
    _garbled("27b 200 without a body", plain_200(b""), acknowledges=True),
    _garbled("27j 204", b"HTTP/1.1 204 No Content\r\n\r\n", acknowledges=True),
    _garbled("27k 200 OK", plain_200(b"OK", "content-type: text/plain"), acknowledges=True),
    _garbled("27l 200 a word", plain_200(b"maintenance", "content-type: text/plain")),
    _misshapen("27m 200 true", plain_200(b"true"), acknowledges=True),
    Fault(
        "27n 200, no length, no body, FIN",
        DecodeError,
        UNCLEAR,
        raw(b"HTTP/1.1 200 OK\r\n\r\n", then="fin"),
        acknowledges=True,
    ),
    _garbled("27c 200 cut JSON, whole body", plain_200(b'{"id": "01')),
    _garbled("27d 200 not UTF-8", plain_200(b'{"id": "\xff\xfe"}')),
    _garbled("27e 200 NaN", plain_200(b'{"id": NaN}')),
    _garbled("27f 200 nested without end", plain_200(b"[" * 100_000)),
    _misshapen("27g 200 null", plain_200(b"null"), acknowledges=True),
    _misshapen("27h 200 a list", plain_200(b"[]"), acknowledges=True),
    _misshapen("27o 200 a list of rows", plain_200(b"[1, 2]")),
    _misshapen("27i 200 wrong types", plain_200(b'{"id": {}, "createdAt": 7, "meta": 1}'), deletes=True),
    Fault("28 200 of somebody else", DecodeError, UNCLEAR, raw(_OTHER), deletes=True),
    Fault("33 302 elsewhere", ResponseError, BROKEN, status(302, headers={"location": "/v3/elsewhere"})),
    Fault("32 307 to itself", ResponseError, BROKEN, status(307, headers={"location": "/v3/again"})),
    Fault("408 after commit", ResponseError, UNCLEAR, status(408)),
    Fault(
        "409 after commit",
        ConflictError,
        BROKEN,
        status(409, {"code": "duplicate_request", "message": "dup"}),
    ),
    Fault("424", FailedDependencyError, {**BROKEN, "put": ONE}, status(424, {"message": "in use"})),
    Fault("425", ResponseError, NOT_SENT, refuse(425), commits=False),
    Fault("429 without headers", RateLimitedError, NOT_SENT, refuse(429), commits=False),
    Fault("418 with Brevo's body", ResponseError, BROKEN, status(418, {"code": "x", "message": "y"})),
    *(
        Fault(f"{code} refusal", error, HOPELESS, refuse(code), commits=False)
        for code, error in _REFUSALS.items()
    ),
    *(
        Fault(
            f"{code} without Brevo's body",
            error,
            # The second 404 or 422 may be the answer to a first asking that was applied.
            {**BROKEN, "guarded": Outcome(2, unknown=True)} if code in {404, 422} else BROKEN,
            status(code, b"<html>no</html>"),
        )
        for code, error in _REFUSALS.items()
    ),
    *(
        Fault(f"{code} after commit", ServerError, UNCLEAR, status(code, {"message": "gateway"}))
        for code in (500, 501, 502, 503, 504, *range(520, 528), 599)
    ),
    Fault("503 + Retry-After after commit", ServerError, UNCLEAR, status(503, headers={"retry-after": "1"})),
]
BY_NAME = {fault.name: fault for fault in FAULTS}


class NoName(aiohttp.abc.AbstractResolver):
    """A resolver that knows nobody."""

    async def resolve(self, host, port=0, family=socket.AF_INET):
        raise OSError(-2, "Name or service not known")

    async def close(self):
        pass


@asynccontextmanager
async def deaf_port():
    """A port whose backlog is full, so that the kernel drops every SYN."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        stuck = []
        for _ in range(4):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(full.getsockname())
            stuck.append(one)
        try:
            yield full.getsockname()[1]
        finally:
            for one in stuck:
                one.close()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@asynccontextmanager
async def stage(fault: Fault, certificate: Any = None, **options: Any):
    """A client in front of a server (or none) that is as hostile as the fault says."""
    async with AsyncExitStack() as stack:
        server_tls, client_tls = certificate if fault.place in {"tls", "distrusted"} else (None, None)
        server = await stack.enter_async_context(Hostile(tls=server_tls, on_connect=fault.on_connect))
        base_url = server.base_url
        options = {"max_connections": 1, "clock": AutoClock(), **fault.client, **options}
        if fault.place == "tls":
            connector = aiohttp.TCPConnector(ssl=client_tls, limit=1)
        elif fault.place == "no name":
            connector = aiohttp.TCPConnector(resolver=NoName(), limit=1)
            base_url, options = "http://nowhere.invalid/v3", {**options, "allow_http": True}
        else:
            connector = None
        if connector is not None:
            stack.push_async_callback(connector.close)
            options["connector"] = connector
        if fault.place == "not tls":
            base_url = base_url.replace("http:", "https:")
        elif fault.place == "nobody":
            base_url = f"http://127.0.0.1:{free_port()}/v3"
        elif fault.place == "deaf":
            base_url = f"http://127.0.0.1:{await stack.enter_async_context(deaf_port())}/v3"
        client = await stack.enter_async_context(BalanceClient(KEY, base_url=base_url, **options))
        yield server, client


def at_rest(client: BalanceClient) -> None:
    """No permit, no connection and no task is left behind by any call."""
    shared = client._requester.shared
    assert shared.gate.in_flight == 0
    assert not shared.sleepers
    assert len(shared.transport.timeouts) == 0
    session = shared.transport._session
    assert session is not None
    assert session.connector is None or not session.connector._acquired  # None: it is closed


@frozen
class Row:
    """What was seen."""

    sent: str
    applied: int
    verdict: str
    error: str


async def play(fault: Fault, kind: str, certificate: Any = None) -> Row:
    """Run one call under one fault and check everything that must follow; gives the row of the table."""
    expected = fault.follows[kind]
    if fault.succeeds(kind):
        expected = evolve(expected, attempts=1)
    before = asyncio.all_tasks()
    connect_timeout = transport_session.CONNECT_TIMEOUT
    if fault.place == "deaf" and not fault.client:
        transport_session.CONNECT_TIMEOUT = 0.1
    try:
        async with stage(fault, certificate) as (server, client):
            program = client.program(PROGRAM)
            if fault.warm:
                await CALLS["read"](program)
                server.arrived.clear()
            if fault.effect is not None:
                server.then([fault.effect] * expected.attempts)
            error: Any = None
            try:
                await CALLS[kind](program)
            except Exception as caught:  # the test says which
                error = caught
            row = _check(fault, kind, expected, error, server)
            at_rest(client)
            if fault.place in {"http", "tls"} and fault.on_connect is None:
                # The one connection there may be is free again. A 429 may have closed the gate for longer than 10 s.
                await CALLS["read"](client.with_options(max_wait=None).program(PROGRAM))
        await no_tasks_but(before)
    finally:
        transport_session.CONNECT_TIMEOUT = connect_timeout
    return row


async def no_tasks_but(before: set[asyncio.Task[Any]]) -> None:
    """Whatever was started since has ended, but for some turns of the loop that asyncio's servers need."""
    for _ in range(50):
        left = asyncio.all_tasks() - before
        if not left:
            return
        await asyncio.sleep(0)
    raise AssertionError(left)


def _check(fault: Fault, kind: str, expected: Outcome, error: Any, server: Hostile) -> Row:
    assert not server.script, "fewer requests came than expected"
    reached = fault.effect is not None
    read_back = fault.succeeds(kind) and kind == "put"
    assert len(server.arrived) == (expected.attempts + read_back if reached else 0)
    once = 1 if kind in {"guarded", "unsafe"} else expected.attempts
    commits = kind != "read" and fault.commits
    assert server.writes == (once if commits else 0)
    # What is applied once by nature would not show that it was asked for too often.
    assert server.asked.total() == (expected.attempts if commits else 0)
    left = "yes" if reached else "no" if fault.sent is False else "perhaps"
    if fault.succeeds(kind):
        assert error is None
        return Row(left, server.writes, "applied", "-")
    assert error is not None, "the call succeeded"
    assert error.attempts == expected.attempts
    assert error.endpoint
    # Nothing is said of a write that is more certain than it is; a 404 or 422 may be our own, replayed by a gateway.
    replayed = kind == "guarded" and error.status in {404, 422}
    certain = (
        kind == "read" or fault.follows in (NOT_SENT, HOPELESS) or (fault.name == "424" and kind == "put")
    )
    assert error.applied is (False if certain and not replayed else None)
    if expected.unknown:
        assert type(error) is OutcomeUnknownError
        assert error.sent is True
        assert error.look_for
        cause = error.cause
        assert error.__cause__ is cause
        assert error.status == cause.status
        seen = f"{type(error).__name__} <- {type(cause).__name__}"
    else:
        cause = error
        seen = type(error).__name__
    assert type(cause) is fault.error, cause
    if fault.sent is not None:
        assert cause.sent is fault.sent
    if isinstance(cause, TransportError):
        assert cause.__cause__ is not None, "the foreign error is kept"
    assert fault.says in str(cause)
    return Row(left, server.writes, _verdict(fault, kind, expected), seen)


def _verdict(fault: Fault, kind: str, expected: Outcome) -> str:
    again = "" if expected.attempts == 1 else f", {expected.attempts} attempts"
    if fault.follows in (NOT_SENT, HOPELESS):
        return "not applied" + again
    if expected.unknown:
        return "unknown" + again
    return ("no answer" if kind == "read" else "may be applied, harmless") + again


def record(status_word, transaction=TRANSACTION):
    """A row of history, as the server writes it."""
    return {
        "id": transaction,
        "status": status_word,
        "amount": 12.5,
        "contactId": 42,
        "createdAt": "2026-11-20T10:00:00Z",
        "completedAt": "2026-11-20T10:01:00Z" if status_word.startswith("complete") else None,
    }
