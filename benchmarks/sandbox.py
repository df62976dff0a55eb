"""What the sandbox costs: memory per 100,000 transactions, a begin under a daily limit, contact balances after a write.

Memory is measured over real HTTP with the request log on, as what the process holds resident
before, after, and after a reset. The times are of whole requests against a sandbox in this process, one at a time;
each is the median of many.

    python benchmarks/sandbox.py                        # about two minutes
    python benchmarks/sandbox.py --transactions 10000
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Self

from brevo_balance_async.sandbox import Sandbox

PROGRAM = "27aa1d7a-af67-4020-8a65-19d6b0f0a26e"
DEFINITION = "7c1f0f0e-52a1-4c2e-9a55-0d3b7c9f1a10"
POINTS = {"id": DEFINITION, "name": "Points", "unit": "POINTS"}
DAILY = {
    "constraintType": "amount",
    "durationUnit": "day",
    "durationValue": 1,
    "transactionType": "credit",
    "value": 10**9,
}
_MEGABYTE = 1e6
_IMPORT = (
    "import time; t = time.process_time(); import brevo_balance_async.sandbox; print(time.process_time() - t)"
)


class Caller:
    """One connection of a client that sends the headers ours sends."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._head = (
            f"host: {sandbox.origin.removeprefix('http://')}\r\napi-key: {sandbox.api_key}\r\n"
            "accept: application/json\r\naccept-encoding: gzip, deflate\r\n"
            "user-agent: brevo-balance-async/0 (benchmark)\r\ncontent-type: application/json\r\n"
        )

    async def __aenter__(self) -> Self:
        host, port = self._sandbox.origin.removeprefix("http://").split(":")
        self._reader, self._writer = await asyncio.open_connection(host, int(port))
        return self

    async def __aexit__(self, *error: object) -> None:
        self._writer.close()

    async def send(self, method: str, path: str, body: object = None) -> bytes:
        content = b"" if body is None else json.dumps(body).encode()
        line = f"{method} /v3/loyalty/balance/programs/{PROGRAM}/{path} HTTP/1.1\r\n"
        self._writer.write(f"{line}{self._head}content-length: {len(content)}\r\n\r\n".encode() + content)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r")[0])
        answer = await self._reader.readexactly(length)
        assert head.startswith(b"HTTP/1.1 200"), answer
        return answer


def credit(contact: int, number: int, *, at_once: bool = True) -> dict[str, object]:
    return {
        "balanceDefinitionId": DEFINITION,
        "contactId": contact,
        "amount": round(1 + number % 100 / 100, 2),
        "autoComplete": at_once,
        "meta": {"reference": f"order-{number}"},
    }


def resident() -> float:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / _MEGABYTE


async def memory(transactions: int) -> dict[str, float]:
    async with Sandbox(seed={"program": PROGRAM, "definitions": [POINTS]}) as sandbox:

        async def work(numbers: range) -> None:
            async with Caller(sandbox) as caller:
                for number in numbers:
                    await caller.send("POST", "transactions", credit(1 + number % 5000, number))

        await work(range(200))
        sandbox.reset()
        before, blocks = resident(), sys.getallocatedblocks()
        began = perf_counter()
        await asyncio.gather(*(work(range(start, transactions, 10)) for start in range(10)))
        seconds = perf_counter() - began
        full = resident()
        sandbox.reset()
        await asyncio.sleep(0.1)  # the connections go
        empty, left = resident(), sys.getallocatedblocks() - blocks
    scale = 100_000 / transactions
    return {
        "MB for 100,000 transactions": (full - before) * scale,
        "MB of them resident after a reset": (empty - before) * scale,
        "blocks of Python's allocator in use after it, more than before": left,
        "requests a second": transactions / seconds,
    }


async def timed(caller: Caller, times: int, method: str, path: str, body: object = None) -> float:
    async def once() -> float:
        began = perf_counter()
        await caller.send(method, path, body)
        return (perf_counter() - began) * 1000

    return median([await once() for _ in range(times)])


async def daily_limit(rows: int, times: int) -> dict[str, float]:
    """A begin of a contact that has ``rows`` transactions of today, with a limit on the day's sum."""
    found = {}
    for name, limits in (("no limit", []), ("a daily limit", [DAILY])):
        seed = {"program": PROGRAM, "definitions": [{**POINTS, "limits": limits}]}
        async with Sandbox(seed=seed) as sandbox, Caller(sandbox) as caller:
            fill(sandbox, rows)
            milliseconds = await timed(caller, times, "POST", "transactions", credit(1, 0, at_once=False))
            found[f"ms a begin, {rows:,} rows of today, {name}"] = milliseconds
    return found


def fill(sandbox: Sandbox, rows: int) -> None:
    """``rows`` completed credits of contact 1 by the rules alone, begun before the limit is looked at."""
    catalogue = sandbox.ledger.catalogue
    limits = catalogue.program(PROGRAM).active.limits[DEFINITION]
    kept = dict(limits)
    limits.clear()
    for _ in range(rows):
        sandbox.ledger.begin(
            PROGRAM, definition_id=DEFINITION, contact_id=1, amount=Decimal(1), auto_complete=True
        )
    limits.update(kept)


async def balances(members: int, times: int) -> dict[str, float]:
    """A page of contact balances right after a write, and once more without one."""
    seed = {"program": PROGRAM, "definitions": [POINTS], "contacts": range(1, members + 1)}
    query = f"contact-balances?balanceDefinitionId={DEFINITION}&limit=100&sortField="
    found = {}
    async with Sandbox(seed=seed) as sandbox, Caller(sandbox) as caller:
        began = perf_counter()
        await caller.send("GET", query + "value")
        found[f"ms the first contact balances of {members:,} members"] = (perf_counter() - began) * 1000
        for field in ("updatedAt", "value"):
            await caller.send("GET", query + field)
            after = []
            for number in range(times):
                await caller.send("POST", "transactions", credit(1 + number * 37 % members, number))
                after.append(await timed(caller, 1, "GET", query + field))
            found[f"ms after a write, by {field}"] = median(after)
            found[f"ms unchanged, by {field}"] = await timed(caller, times, "GET", query + field)
    return found


def start_up(times: int = 9) -> dict[str, float]:
    def once() -> float:
        run = subprocess.run([sys.executable, "-c", _IMPORT], capture_output=True, check=True)
        return float(run.stdout) * 1000

    once()
    return {"ms of CPU to import the sandbox": median([once() for _ in range(times)])}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--transactions", type=int, default=100_000)
    parser.add_argument("--members", type=int, default=50_000)
    parser.add_argument("--times", type=int, default=40)
    options = parser.parse_args()
    found = start_up()
    found |= asyncio.run(balances(options.members, options.times))
    found |= asyncio.run(daily_limit(options.transactions, options.times))
    found |= asyncio.run(memory(options.transactions))
    for name, value in found.items():
        print(f"{name:66} {value:10,.2f}")


if __name__ == "__main__":
    main()
