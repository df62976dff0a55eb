"""The real journal and ExactlyOnce in virtual time, between a model of the server and a machine that fails.

    python tests/once/simulation.py --references 300000                   # three modes, three climates each

Several processes share one journal in memory. They crash and freeze at any step, and lose their leases by it. Requests
are lost before or after they were applied, are applied an hour late, or take so long that a draft expires in between;
history lags. Everything is drawn from one seed. What is compared in the end is the server's ledger with the journal.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import heapq
import math
import os
import random
import sys
import time
from collections import Counter, defaultdict
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID

from attrs import define, field, frozen
from sqlalchemy import create_engine, event
from sqlalchemy.pool import StaticPool

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import virtual_time

from brevo_balance_async.errors import (
    ConnectFailedError,
    JournalError,
    OutcomeUnknownError,
    RateLimitedError,
    ServerError,
    TransportError,
    UnprocessableError,
)
from brevo_balance_async.exactly_once import ExactlyOnce
from brevo_balance_async.journal import PARKED, Journal, intent
from brevo_balance_async.journal.failures import explained

PROGRAM = "27aa1d7a-af67-4020-8a65-19d6b0f0a26e"
DEFINITION = "7c1f0f0e-52a1-4c2e-9a55-0d3b7c9f1a10"
EPOCH = 1_700_000_000.0
LEASE = 240.0
PAUSE, LONGEST_PAUSE = 120.0, 1_800.0
"""Seconds between two deliveries; longer while there is nothing to deliver."""


@frozen(kw_only=True)
class Climate:
    """How bad it is; the shares are of the requests (``crash`` and ``freeze`` of the steps) before ``factor``."""

    factor: float = 1.0
    lag: float = 20.0
    """Seconds that history may be behind."""
    crash: float = 0.0004
    freeze: float = 0.0002
    refused: float = 0.002
    limited: float = 0.002
    lost: float = 0.006
    failed: float = 0.004
    late: float = 0.004
    slow: float = 0.004
    unread: float = 0.01
    quota: float = 0.02
    ruled_out: float = 0.01
    """Share of the references that a rule of the server refuses."""


WRITES = ("refused", "limited", "lost", "failed", "late")
CLIMATES = {
    "ordinary": Climate(),
    "8 times the faults": Climate(factor=8),
    "8 times, history 10 minutes behind": Climate(factor=8, lag=600),
}


@define(eq=False)
class Transaction:
    """One on the server."""

    id: str
    contact: int
    meta: dict[str, str]
    amount: Decimal
    began: float
    ends: float
    completed: float | None = None
    cancelled: float | None = None

    def status(self, at: float) -> str:
        """As history shows it at a moment."""
        if self.completed is not None and self.completed <= at:
            return "completed"
        if self.cancelled is not None and self.cancelled <= at:
            return "cancelled"
        return "expired" if at >= self.ends else "draft"


class Server:
    """The rules that exactly-once rests on, and no HTTP."""

    def __init__(self, rng: random.Random, climate: Climate, ruled_out: set[str]) -> None:
        self.rng = rng
        self.climate = climate
        self.ruled_out = ruled_out
        self.transactions: dict[str, Transaction] = {}
        self.by_contact: defaultdict[int, list[Transaction]] = defaultdict(list)
        self.requests = 0

    def begin(
        self, contact: int, meta: dict[str, str], amount: str, ttl: int, *, complete: bool
    ) -> Transaction:
        """A draft, or the whole credit."""
        now = _now()
        if complete and meta["reference"] in self.ruled_out:
            raise _refusal("a rule")
        made = Transaction(
            str(UUID(int=self.rng.getrandbits(128))), contact, meta, Decimal(amount), now, now + ttl
        )
        if complete:
            made.completed = now
        self.transactions[made.id] = made
        self.by_contact[contact].append(made)
        return made

    def check(self, tid: str) -> Transaction:
        """The transaction, if it can be completed or cancelled."""
        found = self.transactions[tid]
        if (status := found.status(_now())) != "draft":
            raise _refusal(status)
        return found

    def complete(self, tid: str) -> Transaction:
        """Complete it, once."""
        found = self.check(tid)
        if found.meta["reference"] in self.ruled_out:
            raise _refusal("a rule")
        return self.commit(found)

    def commit(self, found: Transaction) -> Transaction:
        """A row lock, but expiry is not looked at again."""
        if found.cancelled is not None:
            raise _refusal("cancelled")
        if found.completed is None:
            found.completed = _now()
        return found

    def cancel(self, tid: str) -> Transaction:
        """Cancel it."""
        found = self.check(tid)
        found.cancelled = _now()
        return found

    def credits(self) -> Counter[str]:
        """How often each reference was credited."""
        return Counter(
            each.meta["reference"] for each in self.transactions.values() if each.completed is not None
        )


def _now() -> float:
    return EPOCH + asyncio.get_running_loop().time()


def _refusal(reason: str) -> UnprocessableError:
    return UnprocessableError(reason, status=422)


class DeadError(Exception):
    """The process does not live to see it."""


class Process:
    """What crashes and freezes: its clock, its way to the database and to the server."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.dead = False
        self.steps_left: int | None = None
        """None: as the climate has it."""
        self.frozen_until = 0.0
        self.tasks: list[asyncio.Task[None]] = []

    async def step(self, seconds: float) -> None:
        """Let time pass; it may freeze in it, or be gone."""
        climate, rng = self.world.climate, self.world.rng
        if rng.random() < climate.freeze * climate.factor:
            self.frozen_until = max(self.frozen_until, self.time() + rng.expovariate(1 / 300))
        if self.steps_left is not None:
            self.steps_left -= 1
        if self.steps_left == 0 or rng.random() < climate.crash * climate.factor:
            self.die()
        await asyncio.sleep(seconds)
        while self.frozen_until > self.time():
            await asyncio.sleep(self.frozen_until - self.time())
        if self.dead:
            raise DeadError

    def die(self) -> None:
        """SIGKILL: nothing that it does from now on reaches anybody."""
        if not self.dead:
            self.dead = True
            self.world.crashes += 1
            for task in self.tasks:
                task.cancel()

    # The clock of its journal

    def time(self) -> float:
        return _now()

    def call_later(self, delay, callback):
        return Timer(self, delay, callback)

    # Its database

    async def transact(self, work, *, durable=True):
        try:
            await self.step(0.001)
            with self.world.engine.begin() as connection:
                result = work(connection, self.time())
            await self.step(0.001)
        except DeadError:
            raise JournalError("dead") from None
        except JournalError:
            raise
        except Exception as error:
            raise explained(error, "simulated") from error
        return result

    place = "simulated"

    async def close(self):
        pass


class Timer:
    """A timer of a process, which does not run while it is frozen."""

    def __init__(self, process, delay, callback) -> None:
        self.process, self.callback = process, callback
        self.handle = asyncio.get_running_loop().call_later(max(0.0, delay), self.fire)

    def fire(self):
        left = self.process.frozen_until - self.process.time()
        if left > 0:
            self.handle = asyncio.get_running_loop().call_later(left, self.fire)
        elif not self.process.dead:
            self.callback()

    def cancel(self):
        self.handle.cancel()


class Handle:
    """A process's handle of the program: the calls that ExactlyOnce makes."""

    id = PROGRAM
    base_url = "http://simulated/v3"
    options = SimpleNamespace(timeout=None)

    def __init__(self, process: Process) -> None:
        self.process = process
        self.transactions = self.history = self.definitions = self
        self.guard = lambda: None

    def with_options(self, **_):
        return self

    def with_hook(self, _):
        return self

    def with_guard(self, guard):
        self.guard = guard
        return self

    async def begin(self, *, balance_definition_id, contact_id, amount, meta, ttl=7200, auto_complete=False):
        server = self.process.world.server
        made = await self._write(
            lambda: server.begin(contact_id, meta, amount, ttl, complete=auto_complete),
            self.process.world.fate("begin"),
        )
        return _shown(made, "completed" if auto_complete else "draft")

    async def complete(self, tid):
        server, fate = self.process.world.server, self.process.world.fate("complete")
        if fate == "slow":
            return _shown(await self._straddle(tid), "completed")
        return _shown(await self._write(lambda: server.complete(tid), fate), "completed")

    async def cancel(self, tid):
        server = self.process.world.server
        return _shown(
            await self._write(lambda: server.cancel(tid), self.process.world.fate("cancel")), "cancelled"
        )

    async def find(self, *, contact_id, balance_definition_id, transaction_id, since):
        return await self._read(lambda at: _at(self.process.world.server.transactions[transaction_id], at))

    async def list(self, *, contact_id, balance_definition_id, sort):
        known = self.process.world.server.by_contact[contact_id]
        rows = await self._read(lambda at: [_at(each, at) for each in reversed(known)])
        for row in rows:
            if row is not None:
                yield row

    async def get(self, _):
        return await self._read(lambda _: True)

    async def _read(self, look):
        world, fate = self.process.world, self.process.world.fate("read")
        await self._leave(1_000)
        if fate == "unread":
            await self.process.step(0.2)
            raise TransportError("no answer", sent=True)
        found = look(_now() - world.rng.uniform(0, world.climate.lag))
        await self.process.step(world.rng.uniform(0.02, 0.2))
        return found

    async def _write(self, act, fate):
        world = self.process.world
        await self._leave(9_000)
        await self.process.step(world.rng.uniform(0.02, 0.2))
        if fate == "refused":
            raise ConnectFailedError("refused")
        if fate == "limited":
            raise RateLimitedError("used up", status=429, retry_after=world.rng.uniform(1, 3_600))
        if fate == "failed":
            raise _unknown(ServerError("failed", status=502))
        if fate == "lost":
            _harmlessly(act)
        if fate == "late":
            asyncio.get_running_loop().call_later(world.rng.expovariate(1 / 900) + 5, _harmlessly, act)
        if fate in {"lost", "late"}:
            await self.process.step(30.0)
            raise _unknown(TransportError("no answer", sent=True))
        done = act()
        await self.process.step(world.rng.uniform(0.02, 0.2))
        return done

    async def _straddle(self, tid):
        """It is checked now, and committed later, whether the draft has expired in between or not."""
        world = self.process.world
        await self._leave(9_000)
        await self.process.step(0.1)
        found = world.server.check(tid)
        if found.meta["reference"] in world.server.ruled_out:
            raise _refusal("a rule")
        takes = world.rng.expovariate(1 / 30)
        asyncio.get_running_loop().call_later(takes, _harmlessly, lambda: world.server.commit(found))
        await self.process.step(min(takes + 0.001, 30.0))
        if takes >= 30.0:
            raise _unknown(TransportError("no answer", sent=True))
        return world.server.commit(found)

    async def _leave(self, longest):
        """Wait for quota, then go, unless the guard says no."""
        world = self.process.world
        if world.rng.random() < world.climate.quota:
            await self.process.step(world.rng.uniform(0, longest))
        self.guard()
        world.server.requests += 1


def _harmlessly(act):
    with contextlib.suppress(UnprocessableError):
        act()


def _unknown(cause):
    return OutcomeUnknownError("nobody can say", cause=cause, look_for="")


def _shown(transaction, status):
    created = datetime.fromtimestamp(transaction.began, UTC)
    return SimpleNamespace(
        id=transaction.id, status=status, amount=transaction.amount, created_at=created, reject_reason=None
    )


def _at(transaction, at):
    if transaction.began > at:
        return None
    shown = _shown(transaction, transaction.status(at))
    shown.meta = transaction.meta
    return shown


@define(eq=False)
class World:
    """One run."""

    rng: random.Random
    climate: Climate
    engine: object
    server: Server
    crashes: int = 0
    left: set[str] = field(factory=set)
    """References whose end nobody has heard of yet."""

    def fate(self, operation: str) -> str:
        """What becomes of a request."""
        climate = self.climate
        names = {"read": ["unread"], "complete": ["slow", *WRITES]}.get(operation, WRITES)
        drawn = self.rng.random()
        for name in names:
            drawn -= getattr(climate, name) * climate.factor
            if drawn < 0:
                return name
        return "fine"


@frozen
class Count:
    """What came of it."""

    references: int = 0
    doubled: int = 0
    lost: int = 0
    """Said to be applied, and not credited; or not settled."""
    untrue: int = 0
    """Said to be refused, and credited or refused by no rule."""
    parked: int = 0
    """For a person to look at: only in at_most_once."""
    requests: int = 0
    crashes: int = 0

    def __add__(self, other: Count) -> Count:
        names = self.__slots__[:7]
        return Count(*(getattr(self, name) + getattr(other, name) for name in names))


async def _simulate(references: int, mode: str, climate: Climate, seed: int, engine) -> Count:
    rng = random.Random(seed)
    names = [f"r{n}" for n in range(references)]
    server = Server(rng, climate, {name for name in names if rng.random() < climate.ruled_out})
    world = World(rng, climate, engine, server, left=set(names))
    half = references // 2
    wanted = {
        name: intent(reference=name, contact_id=n // 2 + 1, amount="1.5", line=n)
        for n, name in enumerate(names)
    }
    calm = Process(World(rng, Climate(factor=0, quota=0), world.engine, server))
    journal = await _open(calm)
    scope = await journal.scope(Handle(calm), DEFINITION)
    batch = await journal.open_batch("simulation")
    await journal.load(scope, batch, [wanted[name] for name in names[:half]])
    await journal.close_batch(batch, rows=half)
    done = asyncio.Event()
    lanes = [asyncio.create_task(_reborn(world, mode, wanted, names[half:], done)) for _ in range(3)]
    while world.left:
        await asyncio.wait(lanes, timeout=600, return_when=asyncio.FIRST_EXCEPTION)
        for lane in lanes:
            if lane.done():
                lane.result()
        rows = await journal.look(scope, sorted(world.left))
        world.left -= {row.reference for row in rows.values() if row.finished or _is_parked(row)}
        if asyncio.get_running_loop().time() > 90 * 86_400:
            break
    done.set()
    for lane in lanes:
        lane.cancel()
    await asyncio.wait(lanes)
    rows = await journal.look(scope, names)
    made = server.credits()
    ends = {name: rows[name].state for name in names}
    return Count(
        references,
        sum(times > 1 for times in made.values()),
        len(world.left) + sum(ends[name] == "applied" and not made[name] for name in names),
        sum(ends[name] == "refused" and (made[name] > 0 or name not in server.ruled_out) for name in names),
        sum(_is_parked(rows[name]) for name in names),
        server.requests,
        world.crashes,
    )


def _is_parked(row) -> bool:
    return not row.finished and row.next_at >= PARKED


def _engine():
    engine = create_engine("sqlite://", poolclass=StaticPool)

    def connected(raw, _):
        raw.isolation_level = None

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    return engine


async def _open(process: Process) -> Journal:
    journal = Journal("simulated.db", lease=LEASE, clock=process)
    journal._database = process
    await journal.open()
    process.tasks += [journal._open._task, journal._heart]
    return journal


async def _reborn(world: World, mode: str, wanted, names, done: asyncio.Event) -> None:
    """A process, started again whenever it dies."""
    while not done.is_set():
        process = Process(world)
        order = names[:]
        world.rng.shuffle(order)
        work = asyncio.create_task(_work(process, mode, wanted, order))
        process.tasks.append(work)
        try:
            await asyncio.wait([work])
        finally:
            process.dead = True
            for task in process.tasks:
                task.cancel()
        if (
            not work.cancelled()
            and work.exception() is not None
            and not isinstance(work.exception(), JournalError | DeadError)
        ):
            raise work.exception()
        await asyncio.sleep(20)


async def _work(process: Process, mode: str, wanted, names) -> None:
    journal = await _open(process)
    once = ExactlyOnce(Handle(process), journal, mode=mode)
    group = [
        asyncio.create_task(_deliver(process, once)),
        asyncio.create_task(_apply(process, once, wanted, names)),
    ]
    process.tasks += group
    await asyncio.gather(*group)


async def _deliver(process: Process, once: ExactlyOnce) -> None:
    pause = PAUSE
    while True:
        pause = min(2 * pause, LONGEST_PAUSE)
        async for _ in once.deliver(concurrency=10):
            pause = PAUSE
        await process.step(pause)


async def _apply(process: Process, once: ExactlyOnce, wanted, names) -> None:
    """A queue that delivers everything to everybody, until it is final."""
    waiting = [(0.0, name) for name in names]
    while waiting:
        due, name = heapq.heappop(waiting)
        await process.step(max(0.1, due - process.time()))
        if name not in process.world.left:
            continue
        each = wanted[name]
        outcome = await once.apply(
            reference=name,
            contact_id=each.contact,
            balance_definition_id=DEFINITION,
            amount=each.amount,
            timeout=60,
        )
        if outcome.final or outcome.retry_after is None:
            process.world.left.discard(name)
        else:
            heapq.heappush(waiting, (process.time() + max(60.0, outcome.retry_after or 0.0), name))


def simulate(references: int, mode: str, climate: Climate, seed: int) -> Count:
    """Run it in virtual time."""
    random.seed(seed)
    engine = _engine()
    try:
        return virtual_time.run(_simulate(references, mode, climate, seed, engine))
    finally:
        engine.dispose()


def at_most(times: int) -> float:
    """The largest expectation (95 %, one-sided, Poisson) that so few are compatible with."""
    low, high = float(times), times + 10.0 + 4.0 * times**0.5
    for _ in range(60):
        middle = (low + high) / 2
        fewer = sum(math.exp(n * math.log(middle) - middle - math.lgamma(n + 1)) for n in range(times + 1))
        low, high = (middle, high) if fewer > 0.05 else (low, middle)
    return high


def counted(pool: Executor, options: argparse.Namespace, mode: str, climate: Climate) -> Count:
    """Part after part, as many at once as there are workers; those under way when time is over count too."""
    parts = iter(range(max(1, options.references // len(CLIMATES) // options.part)))
    end = time.monotonic() + options.seconds

    def more(number: int) -> set[Future[Count]]:
        return {
            pool.submit(simulate, options.part, mode, climate, options.seed + part)
            for part in islice(parts, number)
        }

    total, running = Count(), more(options.workers)
    while running:
        done, running = wait(running, return_when=FIRST_COMPLETED)
        total = sum((each.result() for each in done), total)
        if time.monotonic() < end:
            running |= more(len(done))
    return total


def main() -> int:
    """Run part after part, print what came of each climate, and fail if strict has broken its promise."""
    parser = argparse.ArgumentParser(description="Exactly once in virtual time.")
    parser.add_argument(
        "--references", type=int, default=300_000, help="of each mode, shared out to the climates"
    )
    parser.add_argument("--part", type=int, default=1_000, help="references that share a journal")
    parser.add_argument("--modes", nargs="+", default=["strict", "lean", "at_most_once"])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1e9, help="of real time for each line, at most")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    broken = 0
    print(
        "mode         climate                              references  doubled  (95 %: at most)  lost  untrue  parked  "
        "requests a reference  crashes  seconds"
    )
    with ProcessPoolExecutor(options.workers) as pool:
        for mode in options.modes:
            for name, climate in CLIMATES.items():
                began = time.monotonic()
                total = counted(pool, options, mode, climate)
                bound = 1e6 * at_most(total.doubled) / total.references
                print(
                    f"{mode:12} {name:36} {total.references:10,} {total.doubled:8} {bound:12.1f} ppm {total.lost:5} "
                    f"{total.untrue:7} {total.parked:7} {total.requests / total.references:21.3f} {total.crashes:8} "
                    f"{time.monotonic() - began:8.0f}",
                    flush=True,
                )
                if mode == "strict":
                    broken += total.doubled + total.lost + total.untrue
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main())
