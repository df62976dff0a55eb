"""How often is somebody credited twice? 20,000 ``begin`` calls, 64 at a time, and one request in 20 goes wrong.

A server in a process of its own commits credits and misbehaves: it answers 5xx after the commit, drops the
connection before or after it, resets it, says nothing until the client's timeout, cuts the body, or answers 429.
It also ends connections that idle, and says something on them that nobody asked for.
It has no idempotency key, like the real one, and keeps a ledger by ``meta.reference``. At the end each client's
claims are held against that ledger. Our client also has to bear user code that holds the loop at random, and traces
that make calls of their own in the task of the call. The official SDK runs the same load if ``BREVO5_PYTHON`` names an
interpreter that has ``brevo-python==5.1.0``.

    python benchmarks/doubles.py            # 20,000 calls each
    python benchmarks/doubles.py --quick    # 2,000 calls each
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import socket
import struct
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any
from urllib.request import ProxyHandler, build_opener

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    import aiohttp

    from brevo_balance_async import BalanceClient

PROGRAM = "27aa1d7a-af67-4020-8a65-19d6b0f0a26e"
DEFINITION = "0197e3c2-0000-7000-8000-000000000001"
CALLS, QUICK = 20_000, 2_000
CONCURRENCY = 64
TIMEOUT = 3.0
TROUBLE = 0.05
HOLDS_UP, LONGEST_HOLD = 0.005, 0.05
"""How often user code holds the loop after one of our events, and for how many seconds at most."""
NESTS = 0.02
"""How often a trace makes a call of its own, at each of three signals."""
FAULTS = ("5xx", "drop before", "drop after", "reset", "stall", "cut body", "429", "stray", "idle end")

STRAY = b"HTTP/1.1 429 Status\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n"

RETURNED, UNKNOWN, NOT_APPLIED = "returned", "unknown", "not applied"


# The server --------------------------------------------------------------------------------------------------


class Server:
    """Commits and misbehaves; standard library only, so that any interpreter runs it."""

    def __init__(self, seed: int, trouble: float) -> None:
        self.random = random.Random(seed)
        self.trouble = trouble
        self.credited: Counter[str] = Counter()
        self.requests: Counter[str] = Counter()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            while not writer.is_closing():
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                lengths = [line for line in head.lower().split("\r\n") if line.startswith("content-length:")]
                body = await reader.readexactly(int(lengths[0].split(":")[1]) if lengths else 0)
                if head.startswith("GET /ledger "):
                    ledger = {"credited": self.credited, "requests": self.requests}
                    await _answer(writer, 200, ledger)
                else:
                    await self._begin(json.loads(body), reader, writer)
        writer.close()

    async def _begin(
        self, body: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        reference = body["meta"]["reference"]
        self.requests[reference] += 1
        fault = self.random.choice(FAULTS) if self.random.random() < self.trouble else None
        if fault == "429":
            await _answer(writer, 429, {"message": "too many requests"}, "retry-after: 0\r\n")
            return
        if fault == "drop before":
            writer.close()
            return
        self.credited[reference] += 1
        done = {**body, "id": f"0197e3c2-0000-7000-8000-{self.credited.total():012x}", "status": "completed"}
        match fault:
            case None:
                await _answer(writer, 200, done)
            case "5xx":
                await _answer(writer, self.random.choice((500, 502, 503, 504)), {"message": "bad gateway"})
            case "drop after":
                writer.close()
            case "reset":
                sock = writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
            case "stall":
                await reader.read()  # until the client has had enough
                writer.close()
            case "stray":  # a second answer that nobody asked for, in one piece with the first
                await _answer(writer, 200, done, after=STRAY)
            case "idle end":
                await _answer(writer, 200, done)
                await asyncio.sleep(self.random.uniform(0, 0.01))
                writer.close()
            case "cut body":
                await _answer(writer, 200, done, cut=True)


async def _answer(
    writer: asyncio.StreamWriter,
    status: int,
    body: object,
    more: str = "",
    *,
    cut: bool = False,
    after: bytes = b"",
) -> None:
    data = json.dumps(body).encode()
    head = f"HTTP/1.1 {status} Status\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n{more}\r\n"
    writer.write(head.encode() + (data[: len(data) // 2] if cut else data) + after)
    await writer.drain()
    if cut:
        writer.close()


async def serve_forever(seed: int, trouble: float) -> None:
    """Serve on a free port, which is printed."""
    server = await asyncio.start_server(Server(seed, trouble).serve, "127.0.0.1", 0, backlog=1_000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def running_server(seed: int = 20, trouble: float = TROUBLE) -> Iterator[str]:
    """The server in a process of its own; gives its origin."""
    command = [sys.executable, __file__, "--serve", str(seed), "--trouble", str(trouble)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


def ledger(origin: str) -> dict[str, Counter[str]]:
    """What the server has applied, and how often it was asked, by reference."""
    with build_opener(ProxyHandler({})).open(f"{origin}/ledger") as answer:
        return {name: Counter(counts) for name, counts in json.load(answer).items()}


# The clients: each gives its claim by reference --------------------------------------------------------------


async def crowd(prefix: str, calls: int, one: Callable[[str], Awaitable[str]]) -> dict[str, str]:
    """Make the calls, ``CONCURRENCY`` at a time."""
    claims: dict[str, str] = {}
    references = iter([f"{prefix}-{number}" for number in range(calls)])

    async def worker() -> None:
        for reference in references:
            claims[reference] = await one(reference)

    await asyncio.gather(*[worker() for _ in range(CONCURRENCY)])
    return claims


async def ours(origin: str, calls: int, prefix: str = "ours", seed: int = 10) -> dict[str, str]:
    """This package. An error it raises says what it claims: unknown, or certainly not applied."""
    from brevo_balance_async import BalanceClient, BalanceError, OutcomeUnknownError  # noqa: PLC0415  (peer)

    dice = random.Random(seed)

    def hold_up(_: object) -> None:
        if dice.random() < HOLDS_UP:
            time.sleep(dice.uniform(0, LONGEST_HOLD))

    async with (
        BalanceClient("xkeysib-nested", base_url=f"{origin}/v3", timeout=TIMEOUT, max_attempts=1) as second,
        BalanceClient(
            "xkeysib-benchmark",
            base_url=f"{origin}/v3",
            timeout=TIMEOUT,
            hooks=[hold_up],
            trace_configs=_nesting(second, dice),
        ) as client,
    ):
        transactions = client.program(PROGRAM).transactions

        async def one(reference: str) -> str:
            try:
                await transactions.begin(
                    balance_definition_id=DEFINITION,
                    contact_id=42,
                    amount=1,
                    auto_complete=True,
                    meta={"reference": reference},
                )
            except OutcomeUnknownError:
                return UNKNOWN
            except BalanceError as error:
                # Whatever else a write raises says that nothing was applied.
                return "lie" if getattr(error, "sent", False) else NOT_APPLIED
            return RETURNED

        return await crowd(prefix, calls, one)


def _nesting(client: BalanceClient, dice: random.Random) -> list[aiohttp.TraceConfig]:
    """Traces that now and then make a call of their own, which may go wrong as well."""
    import aiohttp  # noqa: PLC0415  (the peer need not have it)

    from brevo_balance_async import BalanceError  # noqa: PLC0415

    async def nested(_: object, __: object, ___: object) -> None:
        if dice.random() < NESTS:
            with suppress(BalanceError):
                await client.request("POST", "/nested", json={"meta": {"reference": "nested"}})

    trace = aiohttp.TraceConfig()
    for signal in (trace.on_request_start, trace.on_request_headers_sent, trace.on_request_end):
        signal.append(nested)
    return [trace]


async def official(origin: str, calls: int) -> dict[str, str]:
    """The official SDK as it comes. Its errors claim nothing about what was applied."""
    import httpx  # noqa: PLC0415  (only the peer's environment has these)
    from brevo import AsyncBrevo  # noqa: PLC0415

    limits = httpx.Limits(max_connections=100, max_keepalive_connections=100)
    async with httpx.AsyncClient(timeout=TIMEOUT, limits=limits, follow_redirects=True) as connections:
        client = AsyncBrevo(api_key="xkeysib-benchmark", base_url=f"{origin}/v3", httpx_client=connections)

        async def one(reference: str) -> str:
            try:
                await client.balance.begin_transaction(
                    PROGRAM,
                    balance_definition_id=DEFINITION,
                    contact_id=42,
                    amount=1,
                    auto_complete=True,
                    meta={"reference": reference},
                )
            except Exception:  # noqa: BLE001  (it leaks the errors of its HTTP library too)
                return UNKNOWN
            return RETURNED

        return await crowd("official", calls, one)


# The verdict -------------------------------------------------------------------------------------------------


def score(claims: Mapping[str, str], seen: Mapping[str, Counter[str]]) -> dict[str, int]:
    """Hold every claim against the ledger."""
    credited = {reference: seen["credited"][reference] for reference in claims}
    told = Counter(claims.values())
    true = {RETURNED: {1}, NOT_APPLIED: {0}, UNKNOWN: {0, 1}}
    return {
        "calls": len(claims),
        "requests": sum(seen["requests"][reference] for reference in claims),
        "sent again": sum(seen["requests"][reference] > 1 for reference in claims),
        "credited": sum(credited.values()),
        "twice or more": sum(count > 1 for count in credited.values()),
        "returned": told[RETURNED],
        "not applied": told[NOT_APPLIED],
        "unknown": told[UNKNOWN],
        "raised, credited": sum(claims[each] != RETURNED and count > 0 for each, count in credited.items()),
        "false claims": sum(credited[each] not in true.get(claim, set()) for each, claim in claims.items()),
    }


def report(rows: Mapping[str, Mapping[str, int | float]]) -> None:
    """A table."""
    names = ["client", *next(iter(rows.values()))]
    table = [names, *([name, *[f"{value:,}" for value in row.values()]] for name, row in rows.items())]
    widths = [max(len(row[at]) for row in table) for at in range(len(names))]
    for row in table:
        print("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)))


def main(calls: int) -> int:
    """Run both; 1 if ours doubled or lied."""
    rows = {}
    with running_server() as origin:
        started = time.perf_counter()
        claims = asyncio.run(ours(origin, calls))
        rows["brevo_balance_async"] = {
            **score(claims, ledger(origin)),
            "seconds": round(time.perf_counter() - started, 1),
        }
    peer = os.environ.get("BREVO5_PYTHON")
    if peer is None:
        print("BREVO5_PYTHON is not set: the official SDK is left out")
    else:
        with running_server() as origin:
            started = time.perf_counter()
            command = [peer, "-W", "ignore", __file__, "--official", origin, str(calls)]
            output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            rows["brevo-python 5.1.0"] = {
                **score(json.loads(output), ledger(origin)),
                "seconds": round(time.perf_counter() - started, 1),
            }
    print(
        f"{calls:,} begin calls, {CONCURRENCY} at a time, {TROUBLE:.0%} of requests go wrong: {', '.join(FAULTS)};"
        f" user code holds the loop {HOLDS_UP:.1%} of the time for up to {LONGEST_HOLD} s,"
        f" {NESTS:.0%} of the traces make a call of their own"
    )
    report(rows)
    ours_row = rows["brevo_balance_async"]
    return 1 if ours_row["twice or more"] or ours_row["false claims"] else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help=f"{QUICK:,} calls")
    parser.add_argument("--serve", metavar="SEED", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--trouble", metavar="SHARE", type=float, default=TROUBLE, help=argparse.SUPPRESS)
    parser.add_argument("--official", nargs=2, metavar=("ORIGIN", "CALLS"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve is not None:
        asyncio.run(serve_forever(given.serve, given.trouble))
    elif given.official:
        json.dump(asyncio.run(official(given.official[0], int(given.official[1]))), sys.stdout)
    else:
        sys.exit(main(QUICK if given.quick else CALLS))
