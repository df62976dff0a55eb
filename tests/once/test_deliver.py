"""Delivery: loads and the outbox, several workers, outages, and who is left with what when it ends."""

from __future__ import annotations

import asyncio
from collections import defaultdict

import pytest
from clocks import ManualClock
from helpers import BEGIN, COMPLETE, PROGRAM, by, credited, delivered, sent, settled

from brevo_balance_async import AuthenticationError, BalanceClient, JournalError
from brevo_balance_async.exactly_once import ExactlyOnce
from brevo_balance_async.hooks import AttemptStarted
from brevo_balance_async.journal import Journal, intent
from brevo_balance_async.sandbox import effects

QUICK = {"grace": 0.3, "patience": 20.0}


async def load(journal, program, definition, rows, source="file"):
    scope = await journal.scope(program, definition)
    batch = await journal.open_batch(source)
    await journal.load(scope, batch, rows)
    await journal.close_batch(batch, rows=len(rows))
    return batch


def many(number, contacts=7, **more):
    return [
        intent(reference=f"r{n}", contact_id=n % contacts + 1, amount="1.5", line=n, **more)
        for n in range(number)
    ]


async def test_what_is_in_the_journal_is_credited_once_and_given_once(sandbox, program, journal, definition):
    await load(journal, program, definition, many(50))
    once = ExactlyOnce(program, journal, **QUICK)
    outcomes = await delivered(once)
    assert {outcome.state for outcome in outcomes.values()} == {"applied"}
    assert [outcomes[f"r{n}"].line for n in range(50)] == list(range(50))
    assert credited(sandbox) == {f"r{n}": 1 for n in range(50)}
    assert sent(sandbox, BEGIN, COMPLETE) == 100
    assert await delivered(once) == {}


async def test_unknown_rows_are_given_once_too(sandbox, program, journal, definition):
    await load(journal, program, definition, many(10, contacts=10))
    sandbox.faults.add(effects.apply_then_status(409), operation=COMPLETE)
    sandbox.set_switches(history_lag=600)
    outcomes = await delivered(ExactlyOnce(program, journal, grace=0.3, patience=0.2), concurrency=2)
    assert len(outcomes) == 10
    assert {outcome.state for outcome in outcomes.values()} == {"unknown"}
    assert all(outcome.retry_after > 0 for outcome in outcomes.values())
    sandbox.clock.advance(700)
    outcomes = await settled(ExactlyOnce(program, journal, **QUICK))
    assert {outcome.state for outcome in outcomes.values()} == {"applied"}
    assert credited(sandbox) == {f"r{n}": 1 for n in range(10)}


async def test_rows_of_one_contact_go_one_at_a_time_in_their_order(sandbox, program, journal, definition):
    """Each debit spends what the credit before it has brought."""
    rows = [
        intent(reference=f"{contact}-{n:02}", contact_id=contact, amount=amount, line=n)
        for n, amount in enumerate(["5", "-5"] * 6)
        for contact in (1, 2, 3)
    ]
    await load(journal, program, definition, rows)
    outcomes = await delivered(ExactlyOnce(program, journal, **QUICK))
    assert {outcome.state for outcome in outcomes.values()} == {"applied"}
    order = defaultdict(list)
    for transaction in sorted(sandbox.ledger.transactions(PROGRAM), key=lambda each: each.completed_at):
        order[transaction.contact_id].append(transaction.meta["reference"])
    assert all(references == sorted(references) for references in order.values())


async def test_a_row_that_is_not_settled_holds_back_the_later_ones_of_its_contact(
    sandbox, program, journal, definition
):
    """The debit would be refused for ever, although the credit before it is only late."""
    rows = [
        intent(reference=f"{contact}-{n}", contact_id=contact, amount=amount, line=n)
        for n, amount in enumerate(["5", "-5", "5", "-5"])
        for contact in (1, 2)
    ]
    await load(journal, program, definition, rows)
    failing = sandbox.faults.add(effects.status(500), operation=BEGIN, nth=1)
    once = ExactlyOnce(program, journal, grace=600_000, patience=0.1)
    first = await delivered(once, concurrency=1)
    assert failing.fired == 1
    assert {reference: outcome.state for reference, outcome in first.items()} == {
        "1-0": "unknown",
        **{f"2-{n}": "applied" for n in range(4)},
    }
    assert await delivered(once) == {}  # not due, and the others are held back in every run
    await journal.reopen("1-0")  # it is due now
    again = await settled(once)
    assert {reference: outcome.state for reference, outcome in again.items()} == {
        f"1-{n}": "applied" for n in range(4)
    }


async def test_what_waits_for_a_person_holds_nobody_back(sandbox, program, journal, definition):
    await load(journal, program, definition, many(3, contacts=1))
    sandbox.faults.add(effects.drop(), operation=BEGIN, nth=1)
    outcomes = await delivered(ExactlyOnce(program, journal, mode="at_most_once"))
    assert [outcomes[f"r{n}"].state for n in range(3)] == ["unknown", "applied", "applied"]


async def test_several_workers_on_one_journal_make_one_credit_each(
    sandbox, program, journal, definition, url
):
    await load(journal, program, definition, many(90))

    async def work():
        async with Journal(url) as mine:
            return await delivered(ExactlyOnce(program, mine, **QUICK), concurrency=5)

    shares = await asyncio.gather(work(), work(), work())
    assert sum(map(len, shares)) == 90
    assert credited(sandbox) == {f"r{n}": 1 for n in range(90)}
    assert sent(sandbox, BEGIN, COMPLETE) == 180


async def test_with_faults_on_everything_nothing_is_doubled_or_lost(sandbox, program, journal, definition):
    await load(journal, program, definition, many(120, contacts=30))
    kinds = (effects.apply_then_drop(), effects.apply_then_status(502), effects.status(500), effects.drop())
    for operation in (BEGIN, COMPLETE, "history.list"):
        for seed, effect in enumerate(kinds):
            sandbox.faults.add(effect, operation=operation, probability=0.03, seed=seed)
    outcomes = await settled(ExactlyOnce(program, journal, grace=0.2, patience=3.0))
    assert {outcome.state for outcome in outcomes.values()} == {"applied"}
    assert credited(sandbox) == {f"r{n}": 1 for n in range(120)}


async def test_an_order_and_its_points_come_through_the_outbox_or_neither(
    sandbox, program, journal, definition, url
):
    from sqlalchemy import text
    from sqlalchemy.ext.asyncio import create_async_engine
    from test_journal import _async_url

    engine = create_async_engine(_async_url(url))
    add = {"contact_id": 42, "balance_definition_id": definition, "amount": "12.50"}
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE shop_order (id INTEGER)"))
    with pytest.raises(ZeroDivisionError):
        async with engine.begin() as connection:
            await connection.execute(text("INSERT INTO shop_order VALUES (1)"))
            await journal.add(connection, program, reference="rolled back", **add)
            raise ZeroDivisionError
    async with engine.begin() as connection:
        await connection.execute(text("INSERT INTO shop_order VALUES (2)"))
        await journal.add(connection, program, reference="committed", **add)
    await engine.dispose()
    async with Journal(url) as worker:
        assert (await delivered(ExactlyOnce(program, worker)))["committed"].state == "applied"
    assert credited(sandbox) == {"committed": 1}


async def test_a_worker_finds_what_comes_later_until_it_is_drained(sandbox, program, journal, definition):
    once = ExactlyOnce(program, journal, **QUICK)
    found = []

    async def work():
        async for outcome in once.deliver(forever=True):
            found.append(outcome.reference)  # noqa: PERF401  (it is read while it grows)

    task = asyncio.create_task(work())
    await load(journal, program, definition, many(3), "one")
    while len(found) < 3:
        await asyncio.sleep(0.01)
    await load(journal, program, definition, [intent(reference="late", contact_id=1, amount=1)], "two")
    while len(found) < 4:
        await asyncio.sleep(0.01)
    once.drain()
    await asyncio.wait_for(task, 5)
    assert found[-1] == "late"


async def test_who_leaves_early_leaves_the_rest_to_others_at_once(sandbox, program, journal, definition, url):
    await load(journal, program, definition, many(40))
    once = ExactlyOnce(program, journal, **QUICK)
    outcomes = once.deliver(concurrency=3)
    async for _ in outcomes:
        break
    await outcomes.aclose()
    assert not once._settler.busy._at
    async with Journal(url) as other:
        assert await settled(ExactlyOnce(program, other, **QUICK))
    assert credited(sandbox) == {f"r{n}": 1 for n in range(40)}


async def test_a_journal_that_is_closed_under_a_worker_ends_it(sandbox, program, definition, url):
    async with Journal(url) as journal:
        await load(journal, program, definition, many(40))
        sandbox.faults.add(effects.delay(0.05))
        task = asyncio.create_task(_all(ExactlyOnce(program, journal, **QUICK), forever=True))
        while not sent(sandbox, COMPLETE):
            await asyncio.sleep(0.001)
    with pytest.raises(JournalError, match="the journal is"):
        await task
    async with Journal(url) as journal:
        await settled(ExactlyOnce(program, journal, **QUICK))
    assert credited(sandbox) == {f"r{n}": 1 for n in range(40)}


async def test_a_key_that_is_revoked_in_the_middle_stops_it_and_the_next_run_finishes(
    sandbox, program, journal, definition
):
    await load(journal, program, definition, many(30, contacts=30))
    revoked = sandbox.faults.add(
        effects.status(401, {"code": "unauthorized", "message": "Key not found"}), nth=range(21, 1000)
    )
    once = ExactlyOnce(program, journal, **QUICK)
    with pytest.raises(AuthenticationError):
        await delivered(once, concurrency=4)
    assert sent(sandbox) <= 30
    (of,) = (await journal.status()).scopes
    assert set(of.counts) <= {"planned", "chosen", "applied"}
    sandbox.faults.remove(revoked)
    await settled(once)
    assert credited(sandbox) == {f"r{n}": 1 for n in range(30)}


async def test_an_outage_does_not_eat_the_hour(sandbox, program, definition, sqlite_url):
    clock = ManualClock()
    async with Journal(sqlite_url, lease=100_000, clock=clock) as journal:
        await load(journal, program, definition, many(200, contacts=200))
        sandbox.faults.add(effects.html_page(502))
        before = sent(sandbox)
        once = ExactlyOnce(program, journal)
        task = asyncio.create_task(_all(once, forever=True))
        start = clock.now
        while clock.now < start + 3600:
            await asyncio.sleep(0.02)  # what is under way gets its 502
            soonest = min(clock.pending, default=1.0)
            clock.advance(min(max(soonest, 0.01), 60.0))
        spent = sent(sandbox) - before
        assert spent <= 60
        sandbox.faults.clear()
        while len(credited(sandbox)) < 200:
            await asyncio.sleep(0.02)
            clock.advance(min(max(min(clock.pending, default=1.0), 0.01), 60.0))
        once.drain()
        clock.advance(5)
        await task
    assert credited(sandbox) == {f"r{n}": 1 for n in range(200)}


async def test_a_process_that_has_lost_its_lease_gives_each_outcome_once(sandbox, definition, sqlite_url):
    """It takes the rows again that it has in hand."""
    clock = ManualClock()
    freezes = [31]

    def hook(event):
        if isinstance(event, AttemptStarted) and freezes:
            clock.now += freezes.pop()

    async with (
        BalanceClient(sandbox.api_key, base_url=sandbox.base_url, hooks=[hook]) as client,
        Journal(sqlite_url, lease=30, clock=clock) as journal,
    ):
        program = client.program(PROGRAM)
        await load(journal, program, definition, many(8, contacts=8))
        outcomes = await by(clock, _all(ExactlyOnce(program, journal, patience=100), concurrency=1), 1_000)
    assert sorted(outcome.reference for outcome in outcomes) == [f"r{n}" for n in range(8)]
    assert credited(sandbox) == {f"r{n}": 1 for n in range(8)}


async def _all(once, **options):
    return [outcome async for outcome in once.deliver(**options)]


async def test_a_row_that_needs_no_request_is_no_probe_of_an_outage(sandbox, program, definition, sqlite_url):
    clock = ManualClock()
    async with Journal(sqlite_url, clock=clock, lease=10_000) as journal:
        once = ExactlyOnce(program, journal)
        for _ in range(5):
            once._settler.calls.breaker.failed()
        rows = [
            intent(reference="a", contact_id=1, amount="5", balance_expiry_in_minutes=60, line=1),
            intent(reference="b", contact_id=2, amount="5", line=2),
        ]
        await load(journal, program, definition, rows)
        outcomes = await asyncio.wait_for(by(clock, delivered(once, concurrency=1), 10), 20)
    assert {name: outcome.state for name, outcome in outcomes.items()} == {"a": "refused", "b": "applied"}


async def test_a_strict_run_costs_two_requests_a_credit_and_a_lean_one_one(
    sandbox, program, journal, definition
):
    await load(journal, program, definition, many(100, contacts=20))
    await delivered(ExactlyOnce(program, journal))
    assert sent(sandbox, BEGIN, COMPLETE, "history.list") == 200
    rows = [intent(reference=f"l{n}", contact_id=n % 20 + 1, amount=1) for n in range(100)]
    await load(journal, program, definition, rows, "lean")
    await delivered(ExactlyOnce(program, journal, mode="lean"))
    assert sent(sandbox, BEGIN, COMPLETE, "history.list") == 300


async def test_the_quota_is_kept_and_rows_wait_for_it(sandbox, definition, sqlite_url):
    """A window of 20 requests a second: delivery with max_wait=None waits, and is never refused."""
    sandbox.set_switches(quota_window_seconds=1.0)
    sandbox.quota.limit = 20
    async with (
        BalanceClient(sandbox.api_key, base_url=sandbox.base_url, max_wait=None) as client,
        Journal(sqlite_url) as journal,
    ):
        program = client.program(PROGRAM)
        await load(journal, program, definition, many(40, contacts=40))
        outcomes = await delivered(ExactlyOnce(program, journal, **QUICK))
    assert {outcome.state for outcome in outcomes.values()} == {"applied"}
    assert credited(sandbox) == {f"r{n}": 1 for n in range(40)}
