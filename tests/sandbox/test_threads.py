"""A sandbox for tests that are not async: every handle is worked on the sandbox's own loop."""

from __future__ import annotations

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from clocks import until

from brevo_balance_async import BalanceClient
from brevo_balance_async.sandbox import Sandbox, SandboxClock, ThreadedSandbox, effects

PROGRAM = "27aa1d7a-af67-4020-8a65-19d6b0f0a26e"
DEFINITION = "7c1f0f0e-52a1-4c2e-9a55-0d3b7c9f1a10"
START = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
POINTS = [{"id": DEFINITION, "name": "Points", "unit": "POINTS"}]


@pytest.fixture
def sandbox():
    clock = SandboxClock(START, frozen=True)
    with ThreadedSandbox(
        clock=clock, rph=100_000, seed={"program": PROGRAM, "definitions": POINTS}
    ) as sandbox:
        yield sandbox


def credit(sandbox, amount=1, contact=1):
    url = f"{sandbox.base_url}/loyalty/balance/programs/{PROGRAM}/transactions"
    body = {"balanceDefinitionId": DEFINITION, "contactId": contact, "amount": amount, "autoComplete": True}
    headers = {"api-key": sandbox.api_key, "content-type": "application/json"}
    try:
        with urlopen(Request(url, json.dumps(body).encode(), headers)) as answer:
            return answer.status
    except HTTPError as error:
        with error:
            return error.code


def test_its_handles_are_those_of_a_sandbox(sandbox):
    assert credit(sandbox, 12) == 200
    assert sandbox.ledger.balance(PROGRAM, DEFINITION, 1) == 12
    assert [row.size for row in sandbox.ledger.transactions()] == [12]
    assert len(list(sandbox.ledger.accounts())) == 1
    assert (len(sandbox.requests), sandbox.requests[-1].status, sandbox.hits("transactions.begin")) == (
        1,
        200,
        1,
    )
    assert [record.seq for record in sandbox.requests] == [1]
    fault = sandbox.faults.add(effects.status(503), operation="transactions.begin", times=1)
    assert (credit(sandbox), credit(sandbox)) == (503, 200)
    assert (fault.fired, len(sandbox.faults), list(sandbox.faults)) == (1, 1, [fault])
    sandbox.expect({"transactions.begin": 3}, applied={"transactions.begin": 2})
    with pytest.raises(AssertionError, match=r"expected 1 requests, got 3"):
        sandbox.expect({"transactions.begin": 1})
    assert sandbox.quota.headers()["x-sib-ratelimit-remaining"] == "99997"
    sandbox.quota.limit = 3
    assert credit(sandbox) == 429
    snapshot = sandbox.snapshot()
    sandbox.set_switches(rejection="422")
    sandbox.clock.advance(3600)
    sandbox.restore(snapshot)
    assert (sandbox.clock.now(), sandbox.switches.rejection) == (START, "status")
    sandbox.seed(PROGRAM, contacts=[7, 8])
    sandbox.merge_contacts(PROGRAM, 7, 8)
    sandbox.publish(PROGRAM)
    sandbox.reset()
    assert (sandbox.hits(), len(sandbox.faults)) == (0, 0)


def test_it_has_all_that_a_sandbox_has():
    with ThreadedSandbox() as sandbox:
        missing = {name for name in dir(Sandbox()) if not name.startswith("_")} - set(dir(sandbox))
        assert missing == {"start", "stop", "drain"}
        assert sandbox.token_url.startswith(sandbox.origin)
        assert (sandbox.client_id, sandbox.client_secret) == ("sandbox-client", "sandbox-client-secret")
        assert sandbox.access.api_key == sandbox.api_key


def test_the_handles_work_before_and_after_it_serves():
    threads = threading.active_count()
    sandbox = ThreadedSandbox()
    sandbox.seed(PROGRAM, definitions=POINTS)
    with sandbox:
        credit(sandbox)
        assert threading.active_count() == threads + 1
    assert threading.active_count() == threads
    assert sandbox.hits() == 1
    with sandbox:
        assert credit(sandbox) == 200
    assert sandbox.ledger.balance(PROGRAM, DEFINITION, 1) == 2
    with pytest.raises(RuntimeError, match="not running"):
        _ = sandbox.base_url


def test_what_a_handle_raises_is_raised_here(sandbox):
    with pytest.raises(ValueError, match="no such operation"):
        sandbox.faults.add(effects.stall(), operation="nothing")
    with pytest.raises(AttributeError):
        _ = sandbox.ledger.nothing
    with pytest.raises(RuntimeError, match="running already"), sandbox:
        pass


def test_a_sandbox_that_cannot_start_leaves_no_thread():
    with ThreadedSandbox() as first:
        threads = threading.active_count()
        with (
            pytest.raises(OSError, match="address"),
            ThreadedSandbox(port=int(first.origin.rsplit(":", 1)[1])),
        ):
            pass
        assert threading.active_count() == threads


def test_nobody_sees_a_request_half_done(sandbox):
    """What is read from another thread while requests come is a state between two of them."""
    done = threading.Event()

    def look():
        seen = 0
        while not done.is_set():
            rows = sandbox.ledger.transactions()
            assert all(row.status == "completed" for row in rows)
            assert sandbox.ledger.balance(PROGRAM, DEFINITION, 1) >= len(rows)
            assert all(record.operation for record in sandbox.requests)
            seen += 1
        return seen

    with ThreadPoolExecutor(6) as pool:
        looks = [pool.submit(look) for _ in range(2)]
        writes = list(pool.map(lambda _: credit(sandbox), range(200)))
        done.set()
        assert writes == [200] * 200
        assert all(each.result() > 0 for each in looks)
    assert sandbox.ledger.balance(PROGRAM, DEFINITION, 1) == 200


def test_a_client_in_another_loop_waits_on_its_clock():
    async def read(sandbox, started):
        async with BalanceClient(
            sandbox.api_key, base_url=sandbox.base_url, clock=sandbox.clock, max_wait=None
        ) as client:
            definitions = client.program(PROGRAM).definitions
            await definitions.list()
            waiting = asyncio.create_task(definitions.list().collect())
            await until(lambda: client._requester.shared.gate._waiting)
            started.set()
            return await asyncio.wait_for(waiting, 30)

    clock = SandboxClock(START, frozen=True)
    with ThreadedSandbox(clock=clock, rph=1) as sandbox, ThreadPoolExecutor(1) as pool:
        started = threading.Event()
        reading = pool.submit(asyncio.run, read(sandbox, started))
        assert started.wait(30)
        sandbox.clock.advance(1802)
        assert reading.result() == []
        assert sandbox.hits() == 2


def test_it_takes_the_same_arguments():
    with pytest.raises(TypeError):
        ThreadedSandbox(nothing=1)
    assert ThreadedSandbox(switches=Sandbox(ttl_unit="minutes").switches).switches.ttl_unit == "minutes"


def test_ending_it_twice_is_harmless():
    sandbox = ThreadedSandbox()
    with sandbox:
        pass
    sandbox.__exit__(None, None, None)
    with pytest.raises(ZeroDivisionError), sandbox:
        _ = 1 / 0
    assert sandbox.hits() == 0


def test_a_thread_that_uses_a_handle_while_it_ends_is_answered():
    for _ in range(20):
        sandbox, ended = ThreadedSandbox(), threading.Event()

        def use(sandbox=sandbox, ended=ended):
            while not ended.is_set():
                assert sandbox.hits() == len(sandbox.requests) == 0

        with ThreadPoolExecutor(4) as pool:
            with sandbox:
                using = [pool.submit(use) for _ in range(4)]
            ended.set()
            for each in using:
                each.result(60)
