"""pytest-asyncio, strict or auto: the marks say nothing new in auto."""

from __future__ import annotations

import async_tests
import pytest
import pytest_asyncio
from shop import PROGRAM

pytestmark = pytest.mark.asyncio


async def test_the_client_is_open(brevo_client, brevo_sandbox):
    await async_tests.check_open(brevo_client, brevo_sandbox)


class TestInAClass:
    async def test_the_client_is_open(self, brevo_client, brevo_sandbox):
        assert isinstance(self, TestInAClass)
        await async_tests.check_many(brevo_client, brevo_sandbox)


@pytest.mark.parametrize("turn", [1, 2])
@pytest.mark.brevo_fault("transactions.begin", "apply_then_drop", nth=1)
async def test_a_fault(turn, brevo_sandbox, brevo_client):
    await async_tests.check_unknown(brevo_client, brevo_sandbox)


@pytest_asyncio.fixture
async def program(brevo_client):
    async with brevo_client:
        yield brevo_client.program(PROGRAM)


async def test_a_fixture_opens_it(program):
    assert await program.definitions.list().collect()


async def test_a_fixture_and_the_test(program, brevo_client, brevo_sandbox):
    await async_tests.check_open(brevo_client, brevo_sandbox)
    assert program.base_url == brevo_client.base_url
