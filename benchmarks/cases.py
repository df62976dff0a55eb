"""The cases: each asks all its contenders in turn, round after round, in alternating order."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

HERE = Path(__file__).parent
CONCURRENCIES = (1, 50, 1000)

FLOOR, OURS = "aiohttp + json", "brevo_balance_async"
HTTPX, HTTPX_AIOHTTP, THREADS = (
    "official 5.1.0, httpx",
    "official 5.1.0, httpx-aiohttp",
    "official 1.2.0, threads",
)
FLOOR_UVLOOP, OURS_UVLOOP = "aiohttp + json, uvloop", "brevo_balance_async, uvloop"
# Where each contender runs, its script, and its flavour.
CONTENDERS = {
    FLOOR: ("ours", "contender_aiohttp.py"),
    OURS: ("ours", "contender_ours.py"),
    FLOOR_UVLOOP: ("ours", "contender_aiohttp.py", "uvloop"),
    OURS_UVLOOP: ("ours", "contender_ours.py", "uvloop"),
    HTTPX: ("BREVO5_PYTHON", "contender_official5.py"),
    HTTPX_AIOHTTP: ("BREVO5_PYTHON", "contender_official5.py", "aiohttp"),
    THREADS: ("BREVO1_PYTHON", "contender_official1.py"),
}
WALKERS = (FLOOR, OURS, HTTPX, HTTPX_AIOHTTP)

REQUIREMENTS, OURS_IMPORT, OFFICIAL_IMPORT = "aiohttp, attrs, cattrs, yarl", OURS, "official 5.1.0"
IMPORTS = {
    REQUIREMENTS: ("ours", "import aiohttp, attrs, cattrs, yarl"),
    OURS_IMPORT: ("ours", "from brevo_balance_async import BalanceClient"),
    OFFICIAL_IMPORT: ("BREVO5_PYTHON", "from brevo import AsyncBrevo; import brevo.balance.client"),
    # Both load some of what they need only when it is needed first.
    f"{OURS_IMPORT}, with a client made": (
        "ours",
        "from brevo_balance_async import BalanceClient; BalanceClient('key')",
    ),
    f"{OFFICIAL_IMPORT}, with a client made": (
        "BREVO5_PYTHON",
        "from brevo import AsyncBrevo; AsyncBrevo(api_key='key').balance",
    ),
}
_TIMED = "from time import process_time; t = process_time(); {}; print(process_time() - t)"


@frozen
class Size:
    """How much is done."""

    rounds: int
    seconds: float
    """Of one round of POSTs."""
    pages: int
    """Decoded in one round."""
    rows: int
    """Of one walk."""
    imports: int
    memory_rows: int


FULL = Size(rounds=15, seconds=0.5, pages=20, rows=100_000, imports=31, memory_rows=1_000_000)
QUICK = Size(rounds=1, seconds=0.05, pages=2, rows=2_000, imports=1, memory_rows=5_000)


@frozen
class Series:
    """One figure of one contender, round by round."""

    rounds: list[float] = field(factory=list)

    @property
    def median(self) -> float:
        return median(self.rounds)

    def against(self, other: Series) -> float:
        """The median of the ratios round by round: what slows a whole round down cancels out."""
        return median(mine / theirs for mine, theirs in zip(self.rounds, other.rounds, strict=True))


Results = dict[str, dict[str, Series]]
"""Series by case, then by contender."""


class Worker:
    """A contender in its own process."""

    def __init__(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.about = self._read()

    def _read(self) -> Any:
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._process.args} ended with {self._process.wait()}")
        return json.loads(line)

    def ask(self, do: str, **how: float) -> dict[str, float]:
        """One measurement."""
        self._process.stdin.write(json.dumps({"do": do, **how}) + "\n")
        self._process.stdin.flush()
        return self._read()

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


@contextmanager
def server() -> Iterator[str]:
    """The server in its own process; gives its base URL."""
    process = subprocess.Popen(
        [sys.executable, str(HERE / "server.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()


def start(stack: ExitStack, name: str, pythons: dict[str, str], base_url: str) -> Worker:
    """Start one contender."""
    where, script, *flavour = CONTENDERS[name]
    worker = Worker([pythons[where], str(HERE / script), base_url, *flavour])
    stack.callback(worker.close)
    return worker


def in_turn(names: Iterable[str], rounds: int) -> Iterator[str]:
    """Each name once a round, every other round backwards."""
    order = list(names)
    for number in range(rounds):
        yield from order if number % 2 == 0 else reversed(order)


def endures(name: str, concurrency: int) -> bool:
    """Whether a contender gets through: over httpx, 1,000 callers end in a PoolTimeout after the SDK's 60 s."""
    return name != HTTPX or concurrency < 1000


def measure(size: Size, pythons: dict[str, str]) -> tuple[Results, dict[str, Any]]:
    """All cases; also what each contender says of itself."""
    results: Results = {}

    def note(case: str, name: str, value: float) -> None:
        results.setdefault(case, {}).setdefault(name, Series()).rounds.append(value)
        print(f"  {case}: {name}: {value:,.1f}", flush=True)

    with ExitStack() as stack:
        base_url = stack.enter_context(server())
        workers = {name: start(stack, name, pythons, base_url) for name in CONTENDERS}
        for worker in workers.values():  # connections, caches, lazy imports
            worker.ask("posts", concurrency=50, seconds=size.seconds)
        for name in in_turn(workers, size.rounds):
            # All in one turn: they are held against each other too.
            for concurrency in [each for each in CONCURRENCIES if endures(name, each)]:
                told = workers[name].ask("posts", concurrency=concurrency, seconds=size.seconds)
                note(f"posts, concurrency {concurrency}", name, told["per_second"])
                note(f"CPU us a post, concurrency {concurrency}", name, told["cpu_us"])
        for name in in_turn((OURS, HTTPX), size.rounds):
            told = workers[name].ask("decode", repeat=size.pages)
            note("ms to decode a page", name, told["ms"])
            note("ms of json.loads of a page", name, told["json_ms"])
        for name in WALKERS:
            workers[name].ask("walk", rows=size.rows)
        for name in in_turn(WALKERS, size.rounds):
            note("walk, rows a second", name, workers[name].ask("walk", rows=size.rows)["per_second"])
        # In a process of its own: what earlier cases took is not given back.
        fresh = start(stack, OURS, pythons, base_url)
        fresh.ask("walk", rows=1000)
        note("MB of growth in a long walk", OURS, fresh.ask("walk", rows=size.memory_rows)["growth"] / 2**20)
        about = {name: worker.about for name, worker in workers.items()}
    # The first import of each writes its bytecode, as an installed package has it.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    fresh_imports = set(IMPORTS)
    for name in in_turn(IMPORTS, size.imports + 1):
        where, statement = IMPORTS[name]
        run = subprocess.run(
            [pythons[where], "-c", _TIMED.format(statement)],
            check=True,
            capture_output=True,
            text=True,
            env=env,
        )
        if name in fresh_imports:
            fresh_imports.remove(name)
        else:
            note("ms to import", name, float(run.stdout) * 1e3)
    return results, about
