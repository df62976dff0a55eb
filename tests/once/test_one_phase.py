"""Lean and at_most_once: one request a credit, and what is done about unclear answers."""

from __future__ import annotations

import asyncio

import pytest
from clocks import ManualClock
from helpers import BEGIN, BOTH, COMPLETE, HISTORY, by, credited, delivered, sent, settled

from brevo_balance_async import AuthenticationError
from brevo_balance_async.exactly_once import ExactlyOnce
from brevo_balance_async.journal import Journal
from brevo_balance_async.sandbox import effects

QUICK = {"mode": "lean", "grace": 0.6, "settle": 0.4, "lag": 0.2, "patience": 5.0}


@pytest.fixture
async def journal(journal_url):
    async with Journal(journal_url) as journal:
        yield journal


@pytest.fixture
def once(program, journal):
    return ExactlyOnce(program, journal, **QUICK)


@pytest.fixture
def apply(once, definition):
    def apply(reference="order-42", amount="12.50", **more):
        return once.apply(
            reference=reference, contact_id=42, balance_definition_id=definition, amount=amount, **more
        )

    return apply


async def test_lean_is_one_request_and_carries_how_long_points_live(sandbox, apply):
    outcome = await apply(balance_expiry_in_minutes=60)
    assert (outcome.state, str(outcome.credited)) == ("applied", "12.5")
    assert (await apply(balance_expiry_in_minutes=60)).repeated
    assert credited(sandbox) == {"order-42": 1}
    assert (sent(sandbox, BEGIN), sent(sandbox, COMPLETE), sent(sandbox, HISTORY)) == (1, 0, 0)


async def test_lean_finds_in_history_what_was_applied_and_not_answered(sandbox, apply):
    sandbox.faults.add(effects.apply_then_drop(), operation=BEGIN, nth=1)
    outcome = await apply()
    assert outcome.state == "applied"
    assert (sent(sandbox, BEGIN), sent(sandbox, HISTORY)) == (1, 1)
    assert credited(sandbox) == {"order-42": 1}


@BOTH
async def test_lean_sends_again_only_what_was_missing_twice_after_it_had_time_to_settle(sandbox, apply, once):
    await apply("before")  # its meta is what proves that history shows meta
    sandbox.faults.add(effects.drop(), operation=BEGIN, nth=1)
    outcome = await apply()
    outcome = outcome if outcome.final else (await settled(once))["order-42"]
    assert outcome.state == "applied"
    assert credited(sandbox) == {"before": 1, "order-42": 1}
    assert sent(sandbox, BEGIN) == 3
    assert sent(sandbox, HISTORY) >= 3  # the proof that meta comes back, and two that miss it


async def test_lean_believes_what_is_missing_only_the_second_time(sandbox, program, definition, sqlite_url):
    clock = ManualClock()
    args = {"contact_id": 1, "balance_definition_id": definition, "amount": "5", "timeout": 1000}
    async with Journal(sqlite_url, lease=100_000, clock=clock) as journal:
        once = ExactlyOnce(program, journal, mode="lean", settle=100, lag=60, patience=5)
        await once.apply(reference="before", **args)
        sandbox.set_switches(history_lag=600)
        sandbox.clock.advance(601)
        sandbox.faults.add(effects.apply_then_drop(), operation=BEGIN, nth=1)
        assert (await by(clock, once.apply(reference="r", **args), 30)).state == "unknown"
        clock.now += 101  # it had time to settle, and history does not show it yet
        missed = await by(clock, once.apply(reference="r", **args), 30)
        assert missed.state == "unknown"
        assert 30 < missed.retry_after <= 60
        clock.now += 61
        sandbox.clock.advance(601)
        assert (await by(clock, once.apply(reference="r", **args), 30)).state == "applied"
    assert credited(sandbox) == {"before": 1, "r": 1}
    assert sent(sandbox, BEGIN) == 2


async def test_lean_does_not_believe_absence_before_history_has_shown_meta(sandbox, apply, once, journal):
    sandbox.faults.add(effects.drop(), operation=BEGIN, nth=1)
    for _ in range(4):
        outcome = await apply()
        assert outcome.state == "unknown"
        await asyncio.sleep(min(outcome.retry_after, 0.5))
    assert sent(sandbox, BEGIN) == 1
    assert "no history has shown" in outcome.reason


@pytest.mark.parametrize("effect", [effects.status(502), effects.drop(), effects.too_many(1)])
async def test_lean_asks_again_where_the_proof_that_meta_comes_back_cannot_be_read(
    sandbox, program, journal, definition, effect
):
    once = ExactlyOnce(program.with_options(max_wait=0), journal, **{**QUICK, "settle": 0.0})
    args = {"balance_definition_id": definition, "amount": "5"}
    await once.apply(reference="before", contact_id=1, **args)
    sandbox.faults.add(effects.drop(), operation=BEGIN, nth=1)
    unread = sandbox.faults.add(
        effect, operation=HISTORY, nth=2
    )  # the first one misses it, the second is the proof
    outcome = await once.apply(reference="r", contact_id=2, **args)
    outcome = outcome if outcome.final else (await settled(once))["r"]
    assert unread.fired == 1
    assert outcome.state == "applied"
    assert credited(sandbox) == {"before": 1, "r": 1}


async def test_a_clear_refusal_stays_clear_where_the_definition_cannot_be_read(
    sandbox, program, journal, definition
):
    """Nothing was applied, so nothing is parked for a person."""
    once = ExactlyOnce(program, journal, mode="at_most_once", grace=0.6)
    unknown = effects.status(404, {"code": "document_not_found", "message": "no such contact"})
    sandbox.faults.add(unknown, operation=BEGIN, times=2)
    sandbox.faults.add(effects.status(502), operation="definitions.get", nth=1)
    outcome = await once.apply(reference="r", contact_id=1, balance_definition_id=definition, amount="5")
    assert (outcome.state, outcome.reason) == ("refused", "no such contact")
    assert (sent(sandbox, BEGIN), sent(sandbox, "definitions.get")) == (2, 2)


async def test_lean_waits_for_what_history_does_not_show_yet(sandbox, program, journal, definition):
    once = ExactlyOnce(program, journal, **{**QUICK, "settle": 100.0, "patience": 0.5})
    sandbox.set_switches(history_lag=600)
    sandbox.faults.add(effects.apply_then_drop(), operation=BEGIN, nth=1)
    args = {"reference": "r", "contact_id": 1, "balance_definition_id": definition, "amount": "5"}
    outcome = await once.apply(**args)
    assert outcome.state == "unknown"
    assert 90 < outcome.retry_after <= 100
    before = sent(sandbox)
    assert (await once.apply(**args)).retry_after <= 100
    assert sent(sandbox) == before


async def test_lean_that_is_rejected_is_refused(sandbox, apply):
    outcome = await apply(amount="-5")
    assert (outcome.state, outcome.transaction_id is not None) == ("refused", True)
    sandbox.faults.add(
        effects.status(422, {"code": "invalid_parameter", "message": "no"}), operation=BEGIN, nth=1
    )
    assert (await apply("r2")).reason == "no"


async def test_lean_stops_on_a_revoked_key_and_sends_the_row_again_later(sandbox, apply, once, journal):
    revoked = sandbox.faults.add(
        effects.status(401, {"code": "unauthorized", "message": "no"}), operation=BEGIN
    )
    with pytest.raises(AuthenticationError):
        await apply()
    assert (await journal.status()).scopes[0].counts == {"planned": 1}
    sandbox.faults.remove(revoked)
    assert (await delivered(once))["order-42"].state == "applied"


async def test_lean_waits_for_quota_without_having_sent(sandbox, apply, journal):
    await apply("first")
    sandbox.faults.add(effects.too_many(900), operation=BEGIN, nth=1)
    outcome = await apply()
    assert outcome.state == "unknown"
    assert 890 < outcome.retry_after <= 900
    assert (await journal.status()).scopes[0].counts == {"applied": 1, "planned": 1}


@BOTH
async def test_a_lean_row_of_a_dead_process_is_not_missed_before_it_had_time_to_settle(
    sandbox, program, definition, journal_url
):
    clock = ManualClock()
    args = {"reference": "r", "contact_id": 1, "balance_definition_id": definition, "amount": "5"}
    settings = {"mode": "lean", "settle": 7200, "patience": 5}
    async with (
        Journal(journal_url, lease=30, clock=clock) as dead,
        Journal(journal_url, lease=30, clock=clock) as journal,
    ):
        stalling = sandbox.faults.add(effects.stall(), operation=BEGIN, nth=1)
        task = asyncio.create_task(ExactlyOnce(program, dead, **settings).apply(**args))
        while not stalling.fired:
            await asyncio.sleep(0.001)
        dead._heart.cancel()  # it is killed
        clock.now += 7300
        await journal.now()
        outcome = await by(clock, ExactlyOnce(program, journal, **settings).apply(**args, timeout=1000), 30)
        assert outcome.state == "unknown"
        assert outcome.retry_after > 7100
        assert sent(sandbox, BEGIN) == 1
        task.cancel()
        await asyncio.wait([task])


async def test_what_a_dead_process_has_sent_at_most_once_waits_for_a_person(
    sandbox, program, definition, sqlite_url
):
    clock = ManualClock()
    args = {"reference": "r", "contact_id": 1, "balance_definition_id": definition, "amount": "5"}
    async with (
        Journal(sqlite_url, lease=30, clock=clock) as dead,
        Journal(sqlite_url, lease=30, clock=clock) as journal,
    ):
        stalling = sandbox.faults.add(effects.stall(), operation=BEGIN, nth=1)
        task = asyncio.create_task(ExactlyOnce(program, dead, mode="at_most_once").apply(**args))
        while not stalling.fired:
            await asyncio.sleep(0.001)
        dead._heart.cancel()  # it is killed
        clock.now += 31
        once = ExactlyOnce(program, journal, mode="at_most_once")
        assert await delivered(once) == {}
        (scope,) = (await journal.status()).scopes
        assert (scope.unknown, scope.due, scope.next_in) == (1, 0, None)
        outcome = await once.apply(**args)
        assert (outcome.state, outcome.retry_after) == ("unknown", None)
        assert sent(sandbox) == 1 + sandbox.hits("definitions.create")
        task.cancel()
        await asyncio.wait([task])


@BOTH
async def test_at_most_once_parks_what_is_unclear_for_a_person(sandbox, program, journal, definition):
    once = ExactlyOnce(program, journal, mode="at_most_once")
    args = {"contact_id": 1, "balance_definition_id": definition, "amount": "5"}
    assert (await once.apply(reference="a", **args)).state == "applied"
    sandbox.faults.add(effects.apply_then_drop(), operation=BEGIN, nth=1)
    outcome = await once.apply(reference="b", **args)
    assert (outcome.state, outcome.retry_after) == ("unknown", None)
    assert "journal.resolve()" in outcome.reason
    before = sent(sandbox)
    again = await once.apply(reference="b", **args)
    assert (again.state, again.retry_after, again.reason) == ("unknown", None, outcome.reason)
    assert await delivered(once) == {}
    assert sent(sandbox) == before
    await journal.resolve("b", applied=True, note="seen in the history")
    again = await once.apply(reference="b", **args)
    assert (again.state, again.reason) == ("applied", "seen in the history")
    assert credited(sandbox) == {"a": 1, "b": 1}


async def test_a_row_keeps_the_way_it_was_sent_whatever_the_next_run_is(
    sandbox, program, journal, definition
):
    args = {"reference": "r", "contact_id": 1, "balance_definition_id": definition, "amount": "5"}
    lean = ExactlyOnce(program, journal, **QUICK)
    strict = ExactlyOnce(program, journal, grace=0.6, patience=5.0, lag=0.2, settle=0.4)
    await lean.apply(**{**args, "reference": "before"})
    sandbox.faults.add(effects.drop(), operation=BEGIN, nth=1)
    task = asyncio.create_task(lean.apply(**args))
    while (await journal.status()).scopes[0].counts.get("sent") != 1:
        await asyncio.sleep(0.001)
    task.cancel()
    await asyncio.wait([task])
    assert (await settled(strict))["r"].state == "applied"
    assert credited(sandbox) == {"before": 1, "r": 1}
    assert sent(sandbox, COMPLETE) == 1  # missing twice, it was planned again, and settled by the strict run
