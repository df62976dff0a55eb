"""Several objects on one open journal, several modes at one row, a process that is held up for less than its lease."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest
from clocks import ManualClock
from helpers import BEGIN, COMPLETE, HISTORY, by, credited, sent

from brevo_balance_async.exactly_once import ExactlyOnce
from brevo_balance_async.journal import Journal, intent
from brevo_balance_async.sandbox import effects


@pytest.mark.parametrize("mode", ["strict", "lean", "at_most_once"])
async def test_two_calls_of_two_objects_on_one_journal_are_one_credit(
    sandbox, program, definition, url, mode
):
    async def one(n):
        once = ExactlyOnce(program, journal, mode=mode)  # one for each web request
        return await once.apply(
            reference=f"r{n}", contact_id=n + 1, balance_definition_id=definition, amount="5"
        )

    async with Journal(url) as journal:
        outcomes = await asyncio.gather(*(one(n) for n in range(20) for _ in range(2)))
    assert {outcome.state for outcome in outcomes} == {"applied"}
    assert credited(sandbox) == {f"r{n}": 1 for n in range(20)}
    assert sent(sandbox, BEGIN) == 20


async def test_of_two_moves_of_one_row_in_one_commit_one_is_told_that_it_came_too_late(
    program, definition, journal
):
    scope = await journal.scope(program, definition)
    rows = [await journal.enroll(scope, intent(reference=f"r{n}", contact_id=1, amount=1)) for n in range(5)]
    for changes in ({"state": "sent", "mode": "lean"}, {"looks": 1}):
        moved = await asyncio.gather(*(journal.move(row, **changes) for row in [*rows, *rows]))
        if "state" in changes:
            assert [row is not None for row in moved] == [True] * 5 + [False] * 5
            rows = moved[:5]


@pytest.mark.parametrize("held_up", [0, 75, 95])
async def test_lean_sends_nothing_again_before_settle_however_long_it_was_held_up(
    sandbox, program, definition, sqlite_url, held_up
):
    clock = ManualClock()
    args = {"contact_id": 1, "balance_definition_id": definition, "amount": "5", "timeout": 1000}
    async with Journal(sqlite_url, lease=90, clock=clock) as journal:
        once = ExactlyOnce(program, journal, mode="lean")
        await once.apply(reference="before", **args)  # proves that meta comes back
        sandbox.faults.add(effects.drop(), operation=BEGIN, nth=1)
        waiting = asyncio.create_task(once.apply(reference="r", **args))
        while sent(sandbox, BEGIN) < 2:
            await asyncio.sleep(0.001)
        clock.now += held_up
        assert (await by(clock, waiting, 60)).state == "unknown"
        clock.now += 61
        assert (await by(clock, once.apply(reference="r", **args), 60)).state == "unknown"
        assert sent(sandbox, BEGIN) == 2


@pytest.mark.parametrize("held_up", [0, 75])
async def test_strict_completes_nothing_again_before_it_is_quiet(
    sandbox, program, definition, sqlite_url, held_up
):
    clock = ManualClock()
    args = {"contact_id": 1, "balance_definition_id": definition, "amount": "5", "timeout": 1000}
    async with Journal(sqlite_url, lease=90, clock=clock) as journal:
        once = ExactlyOnce(program, journal)
        sandbox.faults.add(effects.drop(), operation=COMPLETE, nth=1)
        waiting = asyncio.create_task(once.apply(reference="r", **args))
        while not sent(sandbox, COMPLETE):
            await asyncio.sleep(0.001)
        clock.now += held_up
        outcome = await by(clock, waiting, 60)
        assert (outcome.state, sent(sandbox, COMPLETE)) == ("unknown", 1)
        assert outcome.retry_after > 100


async def test_strict_leaves_a_row_alone_that_lean_has_sent_meanwhile_on_the_same_journal(
    sandbox, program, definition, sqlite_url
):
    sandbox.set_switches(history_lag=600)
    args = {"contact_id": 1, "balance_definition_id": definition, "amount": "5"}
    async with Journal(sqlite_url) as journal:
        lean = ExactlyOnce(program, journal, mode="lean", patience=0)
        strict = ExactlyOnce(program, journal, patience=5)
        sandbox.faults.add(effects.delay(0.3), operation=BEGIN, nth=1)
        waiting = asyncio.create_task(strict.apply(reference="r", **args))
        while not sent(sandbox, BEGIN):
            await asyncio.sleep(0.001)
        sandbox.faults.add(effects.apply_then_drop(), operation=BEGIN, nth=1)
        await lean.apply(reference="r", **args)
        await waiting
    assert credited(sandbox) == {"r": 1}


async def test_strict_leaves_a_row_alone_that_lean_has_sent_after_a_lost_lease(
    sandbox, program, definition, sqlite_url
):
    clock = ManualClock()
    args = {"contact_id": 1, "balance_definition_id": definition, "amount": "5", "timeout": 1000}
    sandbox.set_switches(history_lag=600)
    async with Journal(sqlite_url, lease=30, clock=clock) as journal, Journal(sqlite_url, lease=30) as other:
        strict = ExactlyOnce(program, journal, patience=30)
        sandbox.faults.add(effects.status(502), operation=BEGIN, nth=1)
        waiting = asyncio.create_task(strict.apply(reference="r", **args))
        while not sent(sandbox, BEGIN):
            await asyncio.sleep(0.001)
        clock.now += 31  # the strict one is frozen while it rests
        with sqlite3.connect(sqlite_url) as database:
            database.execute("UPDATE brevo_balance_worker SET lease_until = 0 WHERE id = 1")
        database.close()
        lean = ExactlyOnce(program, other, mode="lean", patience=0)
        sandbox.faults.add(effects.apply_then_drop(), operation=BEGIN, nth=1)
        assert (await lean.apply(reference="r", **args)).state == "unknown"
        await by(clock, waiting, 60)
    assert credited(sandbox) == {"r": 1}


async def test_a_transaction_of_another_reference_is_not_asked_for_again_and_again(
    sandbox, program, definition, sqlite_url
):
    clock = ManualClock()
    args = {"contact_id": 1, "amount": "5"}
    theirs = await program.transactions.begin(
        balance_definition_id=definition, meta={"reference": "r"}, auto_complete=True, **args
    )
    async with Journal(sqlite_url, lease=90, clock=clock) as journal:
        scope = await journal.scope(program, definition)
        row, other = [await journal.enroll(scope, intent(reference=each, **args)) for each in ("r", "other")]
        await journal.finish(other, "applied", tid=theirs.id, credited="5")
        await journal.move(row, state="sent", mode="lean", attempts=1)
        await journal.release(scope.id, "r")
        once = ExactlyOnce(program, journal, mode="lean")
        call = once.apply(reference="r", balance_definition_id=definition, timeout=1000, **args)
        outcome = await by(clock, call, 60)
    assert outcome.state == "unknown"
    assert "another reference" in outcome.reason
    assert 1 <= sent(sandbox, HISTORY) < 10
    assert sent(sandbox, BEGIN) == 1
