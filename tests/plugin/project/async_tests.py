"""What a coroutine test does with the fixtures, whichever plugin runs it."""

from __future__ import annotations

import asyncio

import pytest
from shop import POINTS, PROGRAM, credit

from brevo_balance_async import OutcomeUnknownError


async def check_open(brevo_client, brevo_sandbox):
    assert brevo_client.is_open
    done = await credit(brevo_client.program(PROGRAM), 42)
    assert done.status == "completed"
    assert brevo_sandbox.ledger.balance(PROGRAM, POINTS, 42) == 12.5


async def check_many(brevo_client, brevo_sandbox):
    program = brevo_client.program(PROGRAM)
    await asyncio.gather(*(credit(program, contact) for contact in range(1, 21)))
    assert brevo_sandbox.hits("transactions.begin") == 20


async def check_unknown(brevo_client, brevo_sandbox):
    with pytest.raises(OutcomeUnknownError):
        await credit(brevo_client.program(PROGRAM), 42)
    assert brevo_sandbox.ledger.balance(PROGRAM, POINTS, 42) == 12.5
