"""A complete that checks its draft, works, and commits later: what its caller and others see in the meantime."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from brevo_balance_async.sandbox import effects

COMPLETE = "transactions.complete"


async def until(condition):
    while not condition():
        await asyncio.sleep(0.001)


@pytest.fixture
async def draft(api):
    """A draft of 5 that lives a minute, and a complete of it that takes two."""
    api.definition_id = await api.definition()
    begun = await api.begin(api.definition_id, 5, ttl=60)
    api.sandbox.faults.add(effects.commit_later(120), operation=COMPLETE, nth=1)
    return begun


async def statuses(api):
    return [row["status"] for row in (await api.history(api.definition_id))["transactionHistory"]]


async def test_expired_becomes_completed(api, draft):
    complete = asyncio.create_task(api("POST", f"transactions/{draft['id']}/complete"))
    await until(lambda: api.sandbox.hits(COMPLETE))
    assert await statuses(api) == ["draft"]
    api.sandbox.clock.advance(60)
    assert await statuses(api) == ["expired"]
    again = await api("POST", f"transactions/{draft['id']}/complete")
    assert (again.status, again.json["message"]) == (422, "transaction is already expired")
    api.sandbox.clock.advance(60)
    reply = await complete
    assert (reply.status, reply.json["status"], reply.json["balance"]) == (200, "completed", 5)
    assert reply.json["completedAt"] == "2026-11-23T09:32:00.000Z"
    assert await statuses(api) == ["completed"]
    first = api.sandbox.requests.of(COMPLETE)[0]
    assert (first.status, first.applied, first.fault) == (200, True, "commit_later")


async def test_it_commits_though_its_client_has_gone(api, draft):
    complete = asyncio.create_task(api("POST", f"transactions/{draft['id']}/complete"))
    await until(lambda: api.sandbox.hits(COMPLETE))
    complete.cancel()
    api.sandbox.clock.advance(119)
    assert await statuses(api) == ["expired"]
    api.sandbox.clock.advance(1)
    assert await statuses(api) == ["completed"]
    assert api.sandbox.ledger.balance(api.program, api.definition_id, 1) == 5
    await until(lambda: api.sandbox.requests.of(COMPLETE)[0].applied)


async def test_a_cancel_in_between_wins(api, draft):
    complete = asyncio.create_task(api("POST", f"transactions/{draft['id']}/complete"))
    await until(lambda: api.sandbox.hits(COMPLETE))
    assert (await api("POST", f"transactions/{draft['id']}/cancel")).status == 200
    api.sandbox.clock.advance(120)
    reply = await complete
    assert (reply.status, reply.json["message"]) == (422, "transaction is already cancelled")
    assert api.sandbox.ledger.balance(api.program, api.definition_id, 1) == 0


async def test_nothing_comes_of_it_after_a_reset(api, draft):
    complete = asyncio.create_task(api("POST", f"transactions/{draft['id']}/complete"))
    await until(lambda: api.sandbox.hits(COMPLETE))
    api.sandbox.reset()
    api.sandbox.clock.advance(120)
    assert (await complete).status == 404
    assert list(api.sandbox.ledger.accounts()) == []


async def test_a_sandbox_that_stops_waits_for_no_clock(api, draft):
    complete = asyncio.create_task(api("POST", f"transactions/{draft['id']}/complete"))
    await until(lambda: api.sandbox.hits(COMPLETE))
    await api.sandbox.stop()
    with pytest.raises(aiohttp.ClientError):
        await complete
    await api.sandbox.start()
    assert await statuses(api) == ["draft"]
    api.sandbox.clock.advance(120)
    assert await statuses(api) == ["completed"]


async def test_what_is_refused_at_once_is_answered_at_once_and_counted_once(serve):
    async with serve(rph=10) as api:
        draft = await api.begin(await api.definition(), 5, ttl=60)
        await api.ok("POST", f"transactions/{draft['id']}/cancel")
        api.sandbox.faults.add(effects.commit_later(120))
        reply = await api("POST", f"transactions/{draft['id']}/complete")
        assert (reply.status, reply.headers["x-sib-ratelimit-remaining"]) == (422, "6")
        assert (await api("GET", "balance-definitions")).headers["x-sib-ratelimit-remaining"] == "5"
        unknown = await api.send("POST", f"{api.sandbox.base_url}/nothing", headers={})
        assert unknown.status == 401


async def test_it_is_added_over_http(api, draft):
    api.sandbox.faults.clear()
    body = {"effect": "commit_later", "arguments": {"seconds": 0}, "operation": COMPLETE}
    assert (await api.control("POST", "faults", body)).status == 200
    assert (await api.ok("POST", f"transactions/{draft['id']}/complete"))["status"] == "completed"


async def test_a_422_that_keeps_the_draft(api, draft):
    api.sandbox.faults.clear()
    api.sandbox.faults.add(effects.status(422), operation=COMPLETE, times=1)
    assert (await api("POST", f"transactions/{draft['id']}/complete")).status == 422
    assert await statuses(api) == ["draft"]
    assert (await api("POST", f"transactions/{draft['id']}/complete")).status == 200
