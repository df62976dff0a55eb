"""The quota gate against a simulated account, in virtual time: who is served, who sees a 429, how much is used.

Bulk workers with endless work and ``reserve=0.2`` run beside live traffic of 60 calls an hour and a burst of 30
calls in 10 s each hour, live calls wait 0.5 s at most. The processes know nothing of each other: each has the
package's own gate and sees the headers of its own answers. The account counts its hour by the clock (``fixed``),
from the first request after the last hour ended (``first``), or as a sliding log (``sliding``).

``simulate_client`` runs the same through whole clients, on a network that is made up: what the gate promises must
hold with the request loop around it, which charges, gives permits back, and waits.

``simulate(..., trouble=...)`` adds what goes wrong: ``outage`` (ten minutes of each hour every connection is reset),
``headerless`` (no quota headers, 429s without a word), ``epoch`` (the reset is a moment, not a duration), ``burst``
(more than ten requests in a second get a 429 with ``Retry-After: 1`` and most of the hour left), or ``bare`` (they get
a 429 without any header).

"used" is what the account accepted of what it could have: whole hours for ``first`` and ``sliding``, and for
``fixed`` the windows that lie wholly in the run.

    python benchmarks/quota.py            # the full table, some minutes
    python benchmarks/quota.py --quick    # one seed, limit 600
"""

from __future__ import annotations

import argparse
import asyncio
import math
import random
from collections import deque
from contextlib import suppress
from itertools import pairwise
from typing import Any, cast

from attrs import define, field
from network import MadeUpNetwork
from virtual_time import run

from brevo_balance_async import BalanceClient, BalanceError
from brevo_balance_async.core.clock import LoopClock
from brevo_balance_async.core.protocol import Progress, Request, Response
from brevo_balance_async.core.quota.gate import Gate
from brevo_balance_async.core.quota.headers import read
from brevo_balance_async.core.retry import Backoff
from brevo_balance_async.errors import ConnectFailedError, QuotaWaitError, TransportError

HOUR = 3600.0
KINDS = ("fixed", "first", "sliding")
LIMITS = (600, 3600)
RESERVE = 0.2
LIVE_MAX_WAIT = 0.5
WORKERS = 4
TROUBLES = ("outage", "headerless", "epoch", "burst", "bare")
OUTAGE = 600.0  # seconds of each hour
BURST = 10  # requests in a second
EPOCH = 1_790_000_000.0  # what the wall clock says when a run starts
CANCELLED = 0.2  # share of live calls with which, through whole clients, a bulk worker is cancelled


@define
class Account:
    """Counts requests as the server would; ``phase`` is where in a clock hour the run starts."""

    kind: str
    limit: int
    phase: float = 0.0
    window: float | None = None
    used: int = 0
    log: deque[float] = field(factory=deque)
    accepted: list[float] = field(factory=list)
    trouble: str = ""
    second: deque[float] = field(factory=deque)
    told: dict[str, str] = field(factory=dict)

    def hit(self, now: float) -> tuple[int, dict[str, str]]:
        """Count one request: status and quota headers."""
        if self.kind == "sliding":
            while self.log and self.log[0] <= now - HOUR:
                self.log.popleft()
            used, reset = len(self.log), math.ceil(self.log[0] + HOUR - now if self.log else HOUR)
        else:
            if self.kind == "fixed":
                start = math.floor((now + self.phase) / HOUR) * HOUR - self.phase
            else:
                start = now if self.window is None or now >= self.window + HOUR else self.window
            if start != self.window:
                self.window, self.used = start, 0
            used, reset = self.used, int(start + HOUR - now)
        status = 429 if used >= self.limit else 200
        if status == 200:
            used += 1
            self.used = used
            self.log.append(now)
            self.accepted.append(now)
        return status, {
            "x-sib-ratelimit-limit": str(self.limit),
            "x-sib-ratelimit-remaining": str(self.limit - used),
            "x-sib-ratelimit-reset": str(reset),
        }

    def out(self, now: float) -> bool:
        """Whether it cannot be reached."""
        return self.trouble == "outage" and now % HOUR < OUTAGE

    def answer(self, now: float) -> tuple[int | None, dict[str, str]]:
        """What comes back, with everything that goes wrong; None: the connection was reset, and nothing was counted."""
        if self.out(now):
            return None, {}
        if self.trouble in {"burst", "bare"}:
            while self.second and self.second[0] <= now - 1:
                self.second.popleft()
            if len(self.second) >= BURST:
                return 429, {**self.told, "retry-after": "1"} if self.trouble == "burst" else {}
            self.second.append(now)
        status, self.told = self.hit(now)
        if self.trouble == "headerless":
            return status, {}
        if self.trouble == "epoch":
            reset = "x-sib-ratelimit-reset"
            return status, {**self.told, reset: str(int(EPOCH + now + int(self.told[reset])))}
        return status, self.told

    def share_used(self, hours: float) -> float:
        """Accepted requests as a share of what could have been accepted."""
        begin, end = 0.0, hours * HOUR
        if self.kind == "fixed":
            begin = -self.phase % HOUR
            end = begin + (end - begin) // HOUR * HOUR
        return sum(begin <= moment < end for moment in self.accepted) / (self.limit * (end - begin) / HOUR)


@define
class Result:
    """What happened in one run."""

    account: Account
    hours: float
    live: int = 0
    live_served: int = 0
    live_429: int = 0
    live_refused: int = 0
    live_lost: int = 0
    """Live calls whose connection was reset, which is not the quota's doing."""
    bulk: int = 0
    bulk_429: int = 0
    others: int = 0
    """Requests to routes with a quota of their own."""
    left_behind: int = 0
    """Permits that were not given back, and requests still out."""

    @property
    def used(self) -> float:
        return self.account.share_used(self.hours)

    def line(self) -> str:
        return (
            f"{self.account.limit:5d}/h {self.account.kind:8s} live {self.live:4d}: served "
            f"{self.live_served / (self.live - self.live_lost):6.1%}, 429 {self.live_429:4d}, refused "
            f"{self.live_refused:4d} | "
            f"bulk {self.bulk / self.hours:7.1f}/h, 429s {self.bulk_429 / self.hours:8.1f}/h | used {self.used:6.1%}"
        )


def wall() -> float:
    """What our own wall clock says."""
    return EPOCH + asyncio.get_running_loop().time()


async def call(account: Account, dice: random.Random) -> tuple[int | None, dict[str, str]]:
    """One request over the network."""
    await asyncio.sleep(dice.uniform(0.03, 0.15))
    answer = account.answer(asyncio.get_running_loop().time())
    await asyncio.sleep(dice.uniform(0.03, 0.25))
    return answer


async def gated(
    gate: Gate, account: Account, dice: random.Random, *, reserve: float, max_wait: float | None
) -> int | None:
    """One request behind the gate."""
    permit = await gate.enter(reserve=reserve, max_wait=max_wait)
    status, headers = await call(account, dice)
    gate.leave(permit, None if status is None else read(status, headers, wall))
    return status


async def bulk_worker(gate: Gate | None, result: Result, dice: random.Random) -> None:
    """Endless work. Without a gate: what the official SDK does, 429 -> 1 s, 2 s, give up, next row."""
    failures = 0
    while True:
        if gate is not None:
            status = await gated(gate, result.account, dice, reserve=RESERVE, max_wait=None)
        else:
            status, _ = await call(result.account, dice)
        if status == 200:
            result.bulk += 1
            failures = 0
        elif status is None:
            await asyncio.sleep(dice.uniform(1, 8))  # as the request loop backs off
        else:
            result.bulk_429 += 1
            if gate is None:
                await asyncio.sleep((1, 2, 0.01)[failures % 3] * dice.uniform(0.9, 1.1))
                failures += 1


async def live_call(gate: Gate | None, result: Result, dice: random.Random) -> None:
    """One call of a web request."""
    result.live += 1
    try:
        if gate is not None:
            status = await gated(gate, result.account, dice, reserve=0.0, max_wait=LIVE_MAX_WAIT)
        else:
            status, _ = await call(result.account, dice)
    except QuotaWaitError:
        result.live_refused += 1
    else:
        result.live_served += status == 200
        result.live_429 += status == 429
        result.live_lost += status is None


def live_moments(hours: int, dice: random.Random, per_hour: float) -> list[float]:
    """When live calls come: at random, and a burst of 30 in 10 s each hour."""
    moments, now = [], 0.0
    while (now := now + dice.expovariate(per_hour / HOUR)) < hours * HOUR:
        moments.append(now)
    for hour in range(hours):
        begin = hour * HOUR + dice.uniform(300, HOUR - 300)
        moments += [begin + dice.uniform(0, 10) for _ in range(30)]
    return sorted(moments)


async def _simulate(
    kind: str, limit: int, processes: int, hours: int, seed: int, peer: bool, trouble: str
) -> Result:
    dice = random.Random(seed)
    result = Result(Account(kind, limit, phase=dice.uniform(0, HOUR), trouble=trouble), hours)
    gates = [None if peer else Gate(LoopClock(), random=dice.random) for _ in range(processes)]
    moments = live_moments(hours, dice, 60)
    async with asyncio.TaskGroup() as tasks:
        workers = [
            tasks.create_task(bulk_worker(gate, result, random.Random(dice.random())))
            for gate in gates
            for _ in range(WORKERS)
        ]
        for before, moment in pairwise([0.0, *moments]):
            await asyncio.sleep(moment - before)
            tasks.create_task(live_call(dice.choice(gates), result, dice))
        await asyncio.sleep(hours * HOUR - moments[-1])
        for worker in workers:
            worker.cancel()
    return result


def simulate(
    kind: str,
    limit: int,
    processes: int = 1,
    *,
    hours: int = 6,
    seed: int = 1,
    peer: bool = False,
    trouble: str = "",
) -> Result:
    """One cell of the table."""
    return run(_simulate(kind, limit, processes, hours, seed, peer, trouble))


# The same through whole clients ------------------------------------------------------------------------------

PROGRAM = "27aa1d7a-af67-4020-8a65-19d6b0f0a26e"
TRANSACTION = "0197e3c2-0000-7000-8000-00000000a001"
LOST = 0.01  # share of requests that find no connection, and of answers that get lost on the way back
ELSEWHERE = {
    "x-sib-ratelimit-limit": "10",
    "x-sib-ratelimit-remaining": "0",
    "x-sib-ratelimit-reset": "3600",
}  # of the contacts' quota: whoever takes it for the loyalty routes' stands still


@define(eq=False)
class Network(MadeUpNetwork):
    """Stands for the transport of one client: every request arrives at the account.

    What a client asks for tells who asks: live traffic reads, bulk completes, and neither asks for contacts, which
    are another quota's business.
    """

    result: Result
    dice: random.Random
    in_flight: int = 0

    async def answer(self, request: Request, progress: Progress) -> Response:
        await asyncio.sleep(self.dice.uniform(0.001, 0.02))
        if self.dice.random() < LOST:
            raise ConnectFailedError("no connection")
        progress.sent = True
        if "/contacts" in request.url:
            await asyncio.sleep(self.dice.uniform(0.05, 0.3))
            self.result.others += 1
            return Response(200, ELSEWHERE, b"{}")
        self.in_flight += 1
        try:
            status, headers = await call(self.result.account, self.dice)
        finally:
            self.in_flight -= 1
        assert status is not None
        live = request.method == "GET"
        if live:
            self.result.live_429 += status == 429
        elif status == 200:
            self.result.bulk += 1
        else:
            self.result.bulk_429 += 1
        if self.dice.random() < LOST:
            raise TransportError("the answer was lost", sent=True)
        body = b"{}" if live else b'{"id": "%s", "status": "completed"}' % TRANSACTION.encode()
        return Response(status, headers, body if status == 200 else b'{"message": "too many requests"}')


async def _client_bulk(client: BalanceClient) -> None:
    """Endless work, through a view that leaves a reserve and waits as long as it takes."""
    transactions = client.program(PROGRAM).transactions
    while True:
        with suppress(BalanceError):
            await transactions.complete(TRANSACTION)


async def _client_live(client: BalanceClient, result: Result) -> None:
    """One call of a web request, and one to another route, which costs nothing here."""
    result.live += 1
    try:
        await client.request("GET", "/loyalty/elsewhere")
    except QuotaWaitError:
        result.live_refused += 1
    except TransportError:  # three times lost, which is not the quota's doing
        result.live_served += 1
    else:
        result.live_served += 1
    with suppress(TransportError):
        await client.request("GET", "/contacts")


async def _simulate_client(kind: str, limit: int, processes: int, hours: int, seed: int) -> Result:
    dice = random.Random(seed)
    result = Result(Account(kind, limit, phase=dice.uniform(0, HOUR)), hours)
    clients = [BalanceClient("xkeysib-simulation", max_wait=LIVE_MAX_WAIT) for _ in range(processes)]
    networks = []
    for client in clients:
        network = Network(result, random.Random(dice.random()))
        shared = client._requester.shared  # noqa: SLF001  (the one seam there is)
        shared.transport = cast("Any", network)
        shared.gate = Gate(shared.clock, random=dice.random)
        shared.backoff = Backoff(random=dice.random)
        networks.append(network)
    moments = live_moments(hours, dice, 60)
    async with asyncio.TaskGroup() as tasks:
        workers = [
            tasks.create_task(_client_bulk(client.with_options(reserve=RESERVE, max_wait=None)))
            for client in clients
            for _ in range(WORKERS)
        ]
        for before, moment in pairwise([0.0, *moments]):
            await asyncio.sleep(moment - before)
            tasks.create_task(_client_live(dice.choice(clients), result))
            if dice.random() < CANCELLED:  # a worker is cancelled anywhere, and another one takes its place
                at = dice.randrange(len(workers))
                workers[at].cancel()
                client = clients[at // WORKERS].with_options(reserve=RESERVE, max_wait=None)
                workers[at] = tasks.create_task(_client_bulk(client))
        await asyncio.sleep(hours * HOUR - moments[-1])
        for worker in workers:
            worker.cancel()
    for client, network in zip(clients, networks, strict=True):
        gate = client._requester.shared.gate  # noqa: SLF001  (what must be back at nothing)
        result.left_behind += gate.in_flight + network.in_flight
    return result


def simulate_client(kind: str, limit: int, processes: int = 1, *, hours: int = 6, seed: int = 1) -> Result:
    """One cell, with the request loop of whole clients around the gate."""
    return run(_simulate_client(kind, limit, processes, hours, seed))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="one seed, limit 600")
    quick = parser.parse_args().quick
    for processes in (1, 4):
        print(
            f"gate, {processes} process(es), each with {WORKERS} bulk workers and its share of live calls, 6 hours"
        )
        for kind in KINDS:
            for limit in LIMITS[:1] if quick else LIMITS:
                for seed in range(1, 2 if quick else 6):
                    print(
                        "  ", simulate(kind, limit, processes, seed=seed).line(), f"seed {seed}", flush=True
                    )
    for trouble in TROUBLES:
        print(f"gate, {trouble}, 1 process and 4, 6 hours")
        for kind in KINDS:
            for processes in (1, 4):
                print("  ", simulate(kind, 600, processes, trouble=trouble).line(), flush=True)
    print("whole clients, 1 process and 4, 6 hours, 1 % of the answers lost, workers cancelled now and then")
    for kind in KINDS:
        for processes in (1, 4):
            print("  ", simulate_client(kind, 600, processes).line(), flush=True)
    print("peer policy (429: sleep 1 s, 2 s, give up), 4 processes")
    for kind in KINDS:
        for limit in LIMITS[:1] if quick else LIMITS:
            print("  ", simulate(kind, limit, 4, hours=2 if quick else 6, peer=True).line(), flush=True)


if __name__ == "__main__":
    main()
