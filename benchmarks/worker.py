"""Runs one contender in its own process: takes commands as JSON lines, gives measurements back.

Standard library only: it runs in each contender's environment. Workers of all contenders live side by side and
are asked in turn, so that each round compares like with like on a machine whose speed drifts.
"""

from __future__ import annotations

import asyncio
import json
import resource
import statistics
import sys
from importlib import import_module
from importlib.metadata import version
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any, Protocol

import workload

if TYPE_CHECKING:
    from collections.abc import Callable


class Contender(Protocol):
    """A way to call the API."""

    packages: tuple[str, ...]

    async def open(self, base_url: str) -> None: ...

    async def begin(self) -> None:
        """One small POST, its answer decoded as this client decodes it."""

    async def walk(self, rows: int) -> int:
        """Read a history of ``rows`` rows, and count what came."""

    def decoder(self) -> Callable[[bytes], Any]:
        """What turns a history page into what this client returns."""

    async def close(self) -> None: ...


async def posts(contender: Contender, concurrency: int, seconds: float) -> dict[str, float]:
    """As many POSTs as fit into ``seconds``, one each at least; those under way at the end are counted too."""
    run = getattr(contender, "posts", None)
    began, cpu = perf_counter(), process_time()
    end = began + seconds
    if run is not None:
        calls = await run(concurrency, end)
    else:

        async def one() -> int:
            done = 0
            while not done or perf_counter() < end:
                await contender.begin()
                done += 1
            return done

        calls = sum(await asyncio.gather(*[one() for _ in range(concurrency)]))
    spent = perf_counter() - began
    return {"per_second": calls / spent, "cpu_us": (process_time() - cpu) / calls * 1e6}


async def walk(contender: Contender, rows: int) -> dict[str, float]:
    """One walk; ``growth`` is by how much the process's peak memory rose."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = perf_counter()
    seen = await contender.walk(rows)
    spent = perf_counter() - began
    if seen != rows:
        raise RuntimeError(f"the walk gave {seen} rows of {rows}")
    growth = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak
    unit = 1 if sys.platform == "darwin" else 1024
    return {"per_second": rows / spent, "growth": growth * unit}


def decode(contender: Contender, repeat: int) -> dict[str, float]:
    """Milliseconds of CPU for one page of 500 rows, and for ``json.loads`` of the same bytes, taken in turn."""
    body = workload.history_page(100_000, 0, workload.PAGE)
    decoders = {"ms": contender.decoder(), "json_ms": json.loads}
    times: dict[str, list[float]] = {name: [] for name in decoders}
    for _ in range(repeat):
        for name, decoder in decoders.items():
            began = process_time()  # what else the machine does takes turns with it, and does not count
            decoder(body)
            times[name].append((process_time() - began) * 1e3)
    return {name: statistics.median(each) for name, each in times.items()}


async def serve(contender: Contender, base_url: str) -> None:
    await contender.open(base_url)
    versions = {name: version(name) for name in contender.packages}
    print(json.dumps({"python": sys.version.split()[0], "packages": versions}), flush=True)
    try:
        while line := await asyncio.to_thread(sys.stdin.readline):
            command = json.loads(line)
            match command.pop("do"):
                case "posts":
                    told = await posts(contender, **command)
                case "walk":
                    told = await walk(contender, **command)
                case "decode":
                    told = decode(contender, **command)
            print(json.dumps(told), flush=True)
    finally:
        await contender.close()


def main(contender: Contender) -> None:
    """``python contender_x.py BASE_URL [flavour ...]``."""
    fast = "uvloop" in sys.argv[2:]
    with asyncio.Runner(loop_factory=import_module("uvloop").new_event_loop if fast else None) as runner:
        runner.run(serve(contender, sys.argv[1]))
