"""The hourly quota: three headers on every answer, 429 when it is used up, three kinds of window."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from brevo_balance_async.sandbox import SandboxClock, Switches
from brevo_balance_async.sandbox.http.quota import ServerQuota

START = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
LIMIT, REMAINING, RESET = (f"x-sib-ratelimit-{part}" for part in ("limit", "remaining", "reset"))


def told(reply):
    return tuple(int(reply.headers[name]) for name in (LIMIT, REMAINING, RESET))


async def test_every_answer_tells_the_quota(serve):
    async with serve(rph=10) as api:
        assert told(await api("GET", "balance-definitions")) == (10, 9, 1800)
        assert told(await api("GET", "nothing")) == (10, 8, 1800)
        assert told(await api("POST", "transactions", {"amount": 0})) == (10, 7, 1800)
        api.sandbox.clock.advance(0.5)
        definition = await api.definition()
        assert told(await api("DELETE", f"balance-definitions/{definition}")) == (10, 5, 1800)
        stranger = await api.send("GET", f"{api.sandbox.base_url}/nothing", headers={"api-key": "wrong"})
        assert stranger.status == 401
        assert told(stranger) == (10, 5, 1800)


async def test_a_used_up_quota_is_429_and_carries_nothing_out(serve):
    async with serve(rph=2) as api:
        definition = await api.definition()
        await api.credit(definition, 1)
        reply = await api(
            "POST", "transactions", {"balanceDefinitionId": definition, "contactId": 1, "amount": 1}
        )
        assert reply.status == 429
        assert told(reply) == (2, 0, 1800)
        assert set(reply.json) == {"code", "message"}
        assert api.sandbox.requests[-1].applied is False
        assert api.sandbox.ledger.balance(api.program, definition, 1) == 1
        api.sandbox.clock.advance(1799.999)
        assert (await api("GET", "balance-definitions")).status == 429
        api.sandbox.clock.advance(0.001)
        assert told(await api("GET", "balance-definitions")) == (2, 1, 3600)


async def test_without_a_quota_there_are_no_headers(api):
    reply = await api("GET", "balance-definitions")
    assert not [name for name in reply.headers if "ratelimit" in name.lower()]


@pytest.mark.parametrize("carries", [True, False])
async def test_headers_of_a_429_are_a_switch(serve, carries):
    async with serve(rph=1, quota_headers_on_429=carries) as api:
        replies = [await api("GET", "balance-definitions") for _ in range(2)]
        assert [reply.status for reply in replies] == [200, 429]
        assert (REMAINING in replies[1].headers) == carries


async def test_others_use_the_account_too_and_the_limit_may_change(serve):
    async with serve(rph=100) as api:
        assert api.sandbox.quota.spend(60)
        assert told(await api("GET", "balance-definitions"))[:2] == (100, 39)
        api.sandbox.quota.limit = 50
        reply = await api("GET", "balance-definitions")
        assert (reply.status, told(reply)[:2]) == (429, (50, 0))
        assert not api.sandbox.quota.spend()


def quota(limit=3, **switches):
    clock = SandboxClock(START, frozen=True)
    return clock, ServerQuota(limit, clock, Switches(**switches))


def left(quota):
    headers = quota.headers()
    return int(headers[REMAINING]), int(headers[RESET])


def test_a_fixed_window_starts_on_the_hour():
    clock, window = quota(quota_window="fixed")
    assert all(window.spend() for _ in range(3))
    assert not window.spend()
    assert left(window) == (0, 1800)
    clock.advance(1800)
    assert left(window) == (3, 3600)
    assert window.spend()


def test_a_window_from_the_first_request_starts_when_there_is_one():
    clock, window = quota(quota_window="from_first")
    assert left(window) == (3, 3600)
    clock.advance(100)
    assert window.spend()
    clock.advance(3599)
    assert (window.spend(2), left(window)) == (True, (0, 1))
    clock.advance(1)
    assert left(window) == (3, 3600)
    clock.advance(5000)
    assert (window.spend(), left(window)) == (True, (2, 3600))


def test_a_sliding_window_gives_back_one_by_one():
    clock, window = quota(quota_window="sliding")
    for _ in range(3):
        assert window.spend()
        clock.advance(600)
    assert (window.spend(), left(window)) == (False, (0, 1800))
    clock.advance(1800)
    assert left(window) == (1, 600)
    assert window.spend()
    assert not window.spend()


def test_the_window_s_length_is_a_switch():
    clock, window = quota(quota_window_seconds=10)
    assert (window.spend(3), left(window)) == (True, (0, 10))
    clock.advance(9.5)
    assert left(window) == (0, 1)
    clock.advance(0.5)
    assert window.spend()


def test_a_quota_allows_something():
    with pytest.raises(ValueError):
        quota(limit=0)
