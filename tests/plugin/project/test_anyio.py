"""The plugin of anyio, without pytest-asyncio."""

from __future__ import annotations

import async_tests
import pytest
from shop import PROGRAM

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend():
    return "asyncio"


async def test_the_client_is_open(brevo_client, brevo_sandbox):
    await async_tests.check_open(brevo_client, brevo_sandbox)


@pytest.mark.brevo_fault("transactions.begin", "apply_then_drop", nth=1)
async def test_a_fault(brevo_client, brevo_sandbox):
    await async_tests.check_unknown(brevo_client, brevo_sandbox)


@pytest.fixture
async def program(brevo_client):
    async with brevo_client:
        yield brevo_client.program(PROGRAM)


async def test_a_fixture_opens_it(program):
    assert await program.definitions.list().collect()
