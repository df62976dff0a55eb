"""What the tests of exactly-once share: counting on the server, and reading outcomes."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

BOTH = pytest.mark.parametrize("journal_url", ["sqlite", "postgres"], indirect=True)
"""For tests that are worth a run on each database."""
PROGRAM = "27aa1d7a-af67-4020-8a65-19d6b0f0a26e"
BEGIN, COMPLETE, CANCEL, HISTORY = (
    "transactions.begin",
    "transactions.complete",
    "transactions.cancel",
    "history.list",
)


def credited(sandbox):
    """How often each reference was credited or debited, as the server has it."""
    return Counter(
        (transaction.meta or {}).get("reference")
        for transaction in sandbox.ledger.transactions(PROGRAM)
        if transaction.status == "completed"
    )


def sent(sandbox, *operations):
    """Requests to these operations, or to all."""
    if not operations:
        return len(sandbox.requests)
    return sum(sandbox.hits(operation) for operation in operations)


async def delivered(once, **options):
    """The outcomes of one delivery, by reference; each comes once."""
    found = {}
    async for outcome in once.deliver(**options):
        assert outcome.reference not in found
        found[outcome.reference] = outcome
    return found


async def settled(once, rounds=200):
    """Deliver until nothing is open."""
    journal = once._settler.journal
    found = {}
    for _ in range(rounds):
        found |= await delivered(once)
        if all(scope.next_in is None for scope in (await journal.status()).scopes):
            return found
        await journal_pause(journal)
    raise AssertionError("rows are open still")


async def journal_pause(journal):
    from brevo_balance_async.exactly_once.breaker import pause

    waits = [scope.next_in for scope in (await journal.status()).scopes if scope.next_in]
    await pause(journal.clock, min(waits, default=0.01) + 0.001)


async def by(clock, call, seconds):
    """The result of a call during which so many seconds may pass, a second whenever nothing else happens."""
    task = asyncio.ensure_future(call)
    for _ in range(seconds):
        done, _pending = await asyncio.wait([task], timeout=0.05)
        if done:
            break
        clock.advance(1)
    return await task
