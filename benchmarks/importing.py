"""An import against a simulated account, in virtual time: how much of its share it uses, and how true its plan is.

A strict import with the package's own importer, journal (SQLite, run inline) and client, on a network that is made up.
``fixed`` counts clock hours, ``sliding`` is a log of the last hour. Each cell runs twice: alone, and beside live calls,
60 an hour and a burst of 30 in 10 s each hour.

"share" is what was used of the limit less the reserve, by the import and by the live calls, which count against it
too: of whole windows, without the first and the last, for ``fixed``, and of all hours for ``sliding``. "plan" is the
estimate before the first row, by what it took; it assumes that nobody else calls, so beside live calls it is too small
by what they use.

    python benchmarks/importing.py                 # 10,000 rows at 600, 1,200 and 3,600 an hour: some minutes
    python benchmarks/importing.py --rows 1000     # a short form
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import random
import tempfile
from collections import Counter
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast
from uuid import UUID

from attrs import define, field
from network import MadeUpNetwork
from quota import HOUR, LIVE_MAX_WAIT, PROGRAM, Account, live_moments
from virtual_time import run

from brevo_balance_async import BalanceClient, BalanceError
from brevo_balance_async.core.clock import LoopClock
from brevo_balance_async.core.protocol import Progress, Request, Response
from brevo_balance_async.core.quota.gate import Gate
from brevo_balance_async.importer import Entry, Importer
from brevo_balance_async.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

DEFINITION = "7c1f0f0e-52a1-4c2e-9a55-0d3b7c9f1a10"
RESERVE = 0.2
TTL = 7_200.0


@define
class Result:
    """One cell."""

    kind: str
    limit: int
    rows: int
    beside: bool
    """Whether live calls came beside it."""
    applied: int = 0
    requests: int = 0
    hours: float = 0.0
    planned: float = 0.0
    share: float = 0.0
    refused: int = 0
    """Bulk requests that got a 429."""
    expired: int = 0
    """Drafts that were completed too late."""
    live: int = 0
    live_served: int = 0

    def line(self) -> str:
        """For the table."""
        kind = f"{self.kind} + live" if self.beside else self.kind
        return (
            f"| {kind} | {self.limit:,} | {self.rows:,} | {self.requests / self.rows:.2f} | {self.hours:.1f} "
            f"| {self.planned / self.hours - 1:+.1%} | {self.share:.1%} | {self.refused / self.hours:.2f} "
            f"| {self.expired} | {self.live_served} of {self.live} |"
        )


@define(eq=False)
class Network(MadeUpNetwork):
    """Stands for the transport: every request arrives at the account, is counted, and is answered at once."""

    account: Account
    dice: random.Random
    result: Result
    drafts: dict[str, float] = field(factory=dict)
    _ids: count[int] = field(factory=count)

    async def answer(self, request: Request, progress: Progress) -> Response:
        progress.sent = True
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self.dice.uniform(0.02, 0.2))
        status, headers = self.account.hit(loop.time())
        await asyncio.sleep(self.dice.uniform(0.02, 0.2))
        live = "/elsewhere" in request.url
        if status == 429:
            self.result.refused += not live
            return Response(429, headers, b'{"message": "too many requests"}')
        return Response(200, headers, json.dumps(self._answer(request, loop.time())).encode())

    def _answer(self, request: Request, now: float) -> dict[str, Any]:
        if request.url.endswith("/complete"):
            tid = request.url.split("/")[-2]
            self.result.expired += now > self.drafts.pop(tid) + TTL
            return {"id": tid, "status": "completed"}
        if request.url.endswith("/transactions"):
            tid = str(UUID(int=next(self._ids)))
            self.drafts[tid] = now
            return {"id": tid, "status": "draft"}
        return {"id": DEFINITION}


class Inline:
    """A database of a journal without its thread, which virtual time would not wait for."""

    def __init__(self, database: Any) -> None:
        self._database = database
        self.place = database.place

    async def transact(self, work: Callable[..., T], *, durable: bool = True) -> T:
        found: T = self._database._transact(work, durable)  # noqa: SLF001  (the one seam there is)
        return found

    async def close(self) -> None:
        self._database._close()  # noqa: SLF001  (see above)


async def _live(client: BalanceClient, result: Result) -> None:
    result.live += 1
    try:
        await client.request("GET", "/loyalty/elsewhere")
        result.live_served += 1
    except BalanceError:
        pass


async def _shop(client: BalanceClient, result: Result, moments: list[float]) -> None:
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as calls:
        for moment in moments:
            await asyncio.sleep(moment - loop.time())
            calls.create_task(_live(client, result))


def _rows(number: int) -> Iterator[Entry]:
    for n in range(number):
        yield Entry(reference=f"r-{n}", balance_definition_id=DEFINITION, amount=1, contact_id=n + 1)


async def _simulate(kind: str, limit: int, rows: int, folder: Path, seed: int, *, live: bool) -> Result:
    dice = random.Random(seed)
    result = Result(kind, limit, rows, live)
    account = Account(kind, limit, phase=dice.uniform(0, HOUR))
    network = Network(account, dice, result)
    client = BalanceClient("xkeysib-simulation", max_wait=LIVE_MAX_WAIT)
    shared = client._requester.shared  # noqa: SLF001  (the one seam there is)
    shared.transport = cast("Any", network)
    shared.gate = Gate(shared.clock, random=dice.random)
    # A lease of hours, because each heartbeat in all those hours would be a transaction.
    journal = Journal(folder / f"{kind}-{limit}.db", clock=LoopClock(), lease=10 * HOUR)
    journal._database = Inline(journal._database)  # noqa: SLF001  (see above)
    async with journal:
        importer = Importer(client.program(PROGRAM), journal, reserve=RESERVE)
        plan = await importer.plan(list(_rows(rows)))
        result.planned = plan.hours or math.nan
        hours = math.ceil(2 * rows / limit / (1 - RESERVE) * 1.5) + 2
        moments = live_moments(hours, dice, 60) if live else []
        shop = asyncio.create_task(_shop(client, result, moments))
        began = asyncio.get_running_loop().time()
        report = await importer.run(_rows(rows))
        ended = asyncio.get_running_loop().time()
        shop.cancel()
        await asyncio.wait([shop])
    result.applied, result.requests = report.applied, report.requests
    result.hours = (ended - began) / HOUR
    result.share = _share(account, began, ended)
    return result


def _share(account: Account, began: float, ended: float) -> float:
    share = account.limit - math.ceil(RESERVE * account.limit)
    accepted = [moment for moment in account.accepted if began <= moment <= ended]
    if account.kind == "sliding":
        return len(accepted) / (share * (ended - began) / HOUR)
    windows = Counter(math.floor((moment + account.phase) / HOUR) for moment in accepted)
    whole = sorted(windows)[1:-1]
    return sum(windows[each] for each in whole) / (share * len(whole)) if whole else math.nan


def simulate(kind: str, limit: int, rows: int, *, live: bool = False, seed: int = 1) -> Result:
    """One cell."""
    with tempfile.TemporaryDirectory() as folder:
        return run(_simulate(kind, limit, rows, Path(folder), seed, live=live))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--kinds", nargs="+", default=["fixed", "sliding"])
    parser.add_argument("--limits", type=int, nargs="+", default=[600, 1_200, 3_600])
    options = parser.parse_args()
    print(
        "| window | limit | rows | requests a row | hours | plan | share | 429s an hour | expired | live served |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for kind in options.kinds:
        for limit in options.limits:
            for live in (False, True):
                print(simulate(kind, limit, options.rows, live=live).line(), flush=True)


if __name__ == "__main__":
    main()
