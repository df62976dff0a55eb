"""Never run: the sandbox's public names under mypy and pyright strict."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from brevo_balance_async import BalanceClient
from brevo_balance_async.sandbox import Sandbox, SandboxClock, StateError, ThreadedSandbox, effects

if TYPE_CHECKING:
    from decimal import Decimal

    from brevo_balance_async.sandbox import RequestRecord, Snapshot

PROGRAM = "27aa1d7a-af67-4020-8a65-19d6b0f0a26e"


async def asynchronous() -> None:
    clock = SandboxClock(datetime(2026, 11, 23, tzinfo=UTC), frozen=True)
    try:
        async with Sandbox(clock=clock, state="sandbox.db", control_token="t", rph=600) as sandbox:
            async with BalanceClient(
                sandbox.api_key, base_url=sandbox.base_url, clock=sandbox.clock
            ) as client:
                await client.program(PROGRAM).definitions.list()
            moment: datetime = sandbox.clock.advance(3600)
            sandbox.clock.set(moment)
            sandbox.clock.freeze()
            sandbox.clock.run()
            snapshot: Snapshot = sandbox.snapshot()
            sandbox.restore(snapshot)
            sandbox.expect({"definitions.list": 1}, applied={"definitions.list": 1}, only=True)
            await sandbox.drain(1.0)
    except StateError:
        pass


def synchronous() -> None:
    with ThreadedSandbox(rph=600) as sandbox:
        (definition,) = sandbox.seed(PROGRAM, definitions=[{"name": "Points", "unit": "POINTS"}])
        sandbox.faults.add(effects.apply_then_drop(), operation="transactions.begin", nth=1)
        balance: Decimal = sandbox.ledger.balance(PROGRAM, definition, 42)
        newest: RequestRecord = sandbox.requests[-1]
        hits: int = sandbox.hits("transactions.begin")
        print(balance, newest.status, hits, sandbox.clock.now())
        sandbox.restore(sandbox.snapshot())
        sandbox.reset()
