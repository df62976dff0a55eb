"""Tests that are not async: a web framework's own test client, and the sandbox's handles."""

from __future__ import annotations

import asyncio
import os

import pytest
from fastapi.testclient import TestClient
from shop import POINTS, PROGRAM, app, credit

from brevo_balance_async import OutcomeUnknownError
from brevo_balance_async.sandbox import effects


def test_an_endpoint_credits(brevo_sandbox):
    with TestClient(app) as browser:
        answer = browser.post("/contacts/42/points")
    assert answer.json()["amount"] == "12.5"
    assert brevo_sandbox.ledger.balance(PROGRAM, POINTS, 42) == 12.5
    brevo_sandbox.expect({"transactions.begin": 1}, applied={"transactions.begin": 1}, only=True)


@pytest.mark.parametrize("turn", [1, 2, 3])
def test_each_test_has_a_sandbox_of_its_own(brevo_sandbox, turn):
    assert brevo_sandbox.ledger.balance(PROGRAM, POINTS, 42) == 0
    with TestClient(app) as browser:
        browser.post("/contacts/42/points")
    assert len(brevo_sandbox.ledger.transactions()) == 1


def test_the_environment_points_to_it(brevo_sandbox):
    assert os.environ["BREVO_BASE_URL"] == brevo_sandbox.base_url
    assert os.environ["BREVO_API_KEY"] == brevo_sandbox.api_key


@pytest.mark.brevo_fault("transactions.begin", effects.status(503), nth=2)
@pytest.mark.brevo_fault("transactions.begin", "apply_then_drop", nth=1)
def test_what_goes_wrong(brevo_sandbox, brevo_client):
    """A test that is not async opens the client itself."""

    async def twice():
        async with brevo_client:
            for _ in range(2):
                with pytest.raises(OutcomeUnknownError):
                    await credit(brevo_client.program(PROGRAM), 42)

    asyncio.run(twice())
    assert brevo_sandbox.ledger.balance(PROGRAM, POINTS, 42) == 12.5


@pytest.mark.brevo_sandbox_options(rph=7)
class TestOptions:
    def test_of_the_class(self, brevo_sandbox):
        assert brevo_sandbox.quota.limit == 7

    @pytest.mark.brevo_sandbox_options(rph=8)
    def test_nearer_ones_win(self, brevo_sandbox):
        assert brevo_sandbox.quota.limit == 8


def test_a_second_account(brevo_sandbox, brevo_sandbox_factory):
    other = brevo_sandbox_factory(rph=9)
    assert (other.quota.limit, other.base_url != brevo_sandbox.base_url) == (9, True)
    assert os.environ["BREVO_BASE_URL"] == brevo_sandbox.base_url
