"""Strict: one reference is one credit, whatever happens on the way. Credits are counted on the server."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import aiohttp
import pytest
from clocks import ManualClock
from helpers import BEGIN, BOTH, CANCEL, COMPLETE, HISTORY, PROGRAM, by, credited, delivered, sent, settled

from brevo_balance_async import (
    AuthenticationError,
    BalanceClient,
    InvalidRequestError,
    JournalError,
    JournalFullError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    ReferenceConflictError,
)
from brevo_balance_async.exactly_once import ExactlyOnce
from brevo_balance_async.hooks import AttemptStarted, QuotaWait
from brevo_balance_async.journal import Journal
from brevo_balance_async.sandbox import Sandbox, effects

# Seconds instead of minutes: waits are short, and what is tested is what happens after them.
QUICK = {"grace": 0.3, "patience": 20.0}


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
            reference=reference,
            balance_definition_id=definition,
            amount=amount,
            **{"contact_id": 42, **more},
        )

    return apply


# The plain way -------------------------------------------------------------------------------------------------


@BOTH
async def test_one_reference_is_one_credit_in_two_requests(sandbox, apply):
    first = await apply(meta={"shop": 7}, event_time=datetime(2026, 1, 2, tzinfo=UTC))
    assert (first.state, first.final, first.repeated, first.credited) == (
        "applied",
        True,
        False,
        Decimal("12.5"),
    )
    again = await apply(
        amount=Decimal("12.5000"), meta={"shop": 7}, event_time=datetime(2026, 1, 2, tzinfo=UTC)
    )
    assert (again.state, again.repeated, again.transaction_id) == ("applied", True, first.transaction_id)
    assert credited(sandbox) == {"order-42": 1}
    assert (sent(sandbox, BEGIN), sent(sandbox, COMPLETE), sent(sandbox, HISTORY)) == (1, 1, 0)
    (stored,) = sandbox.ledger.transactions(PROGRAM)
    assert stored.meta["shop"] == 7
    assert stored.event_time == datetime(2026, 1, 2, tzinfo=UTC)


async def test_a_debit_is_a_negative_amount(sandbox, apply):
    await apply("credit", "20")
    outcome = await apply("debit", "-5.25")
    assert (outcome.state, outcome.credited) == ("applied", Decimal("-5.25"))
    assert (await apply("more", "-100")).state == "refused"


@pytest.mark.parametrize("sign", ["as_sent", "negative", "positive"])
async def test_a_debit_counts_as_debited_whichever_sign_the_server_writes(sandbox, apply, sign):
    sandbox.set_switches(debit_sign=sign)
    await apply("credit", "20")
    assert (await apply("debit", "-5.25")).credited == Decimal("-5.25")


async def test_another_payload_is_a_conflict_and_nothing_is_sent(sandbox, apply):
    await apply()
    before = sent(sandbox)
    with pytest.raises(ReferenceConflictError) as caught:
        await apply(amount="13")
    assert (caught.value.field, caught.value.stored, caught.value.given) == ("amount", "12.5", "13")
    assert sent(sandbox) == before


async def test_what_strict_cannot_carry_is_refused_with_the_mode_that_can(sandbox, apply):
    with pytest.raises(InvalidRequestError, match="mode='lean'"):
        await apply(balance_expiry_in_minutes=60)


@BOTH
async def test_tasks_and_processes_with_one_reference_at_once_make_one_credit(
    sandbox, program, definition, journal_url, apply
):
    async with Journal(journal_url) as other:
        there = ExactlyOnce(program, other, **QUICK)
        # Longer than the client's 5 seconds: a machine that pauses must not end one of them as unknown.
        order = {
            "reference": "order-42",
            "contact_id": 42,
            "balance_definition_id": definition,
            "timeout": 60,
        }
        theirs = [there.apply(amount="12.5", **order) for _ in range(5)]
        outcomes = await asyncio.gather(*(apply(timeout=60) for _ in range(5)), *theirs)
    assert {outcome.state for outcome in outcomes} == {"applied"}
    assert sum(not outcome.repeated for outcome in outcomes) == 1
    assert credited(sandbox) == {"order-42": 1}
    assert sent(sandbox, BEGIN, COMPLETE) == 2


async def test_a_rejection_by_a_rule_is_final(sandbox, apply):
    for rejection in ("status", "422"):
        sandbox.set_switches(rejection=rejection)
        outcome = await apply(rejection, "-5")
        assert (outcome.state, outcome.final) == ("refused", True)
        assert outcome.reason
    assert not credited(sandbox)
    assert sent(sandbox, BEGIN) == 2


async def test_old_status_words_are_read(sandbox, apply):
    sandbox.set_switches(status_words="old")
    sandbox.faults.add(effects.apply_then_drop(), operation=COMPLETE, nth=1)
    assert (await apply()).state == "applied"
    assert credited(sandbox) == {"order-42": 1}


async def test_a_rounded_credit_says_what_was_credited(sandbox, program, once):
    definition = await program.definitions.create(
        name="Small",
        unit="POINTS",
        max_amount=Decimal("1.01"),
        balance_option_amount_overtaking_strategy="partial",
    )
    outcome = await once.apply(reference="r", contact_id=1, balance_definition_id=definition.id, amount="5")
    assert (outcome.state, outcome.amount, outcome.credited) == ("applied", Decimal(5), Decimal("1.01"))


# Faults --------------------------------------------------------------------------------------------------------

_FAULTS = {
    "applied, dropped": effects.apply_then_drop(),
    "applied, reset": effects.apply_then_drop("rst"),
    "applied, 502": effects.apply_then_status(502),
    "applied, 408": effects.apply_then_status(408),
    "applied, 409": effects.apply_then_status(409),
    "applied, cut": effects.truncated_json(),
    "applied, page": effects.html_page(200, applied=True),
    "applied, garbage": effects.garbage(),
    "applied, another's": effects.altered(
        {"id": "5b1f5a3e-0000-4000-8000-000000000000", "meta": {"reference": "x"}}
    ),
    "dropped": effects.drop(),
    "unread": effects.close_before_reading(),
    "500": effects.status(500),
    "503": effects.status(503, headers={"retry-after": "1"}),
}


@pytest.mark.parametrize("operation", [BEGIN, COMPLETE, HISTORY])
@pytest.mark.parametrize("fault", _FAULTS)
async def test_one_credit_whatever_goes_wrong_with_one_answer(sandbox, apply, operation, fault):
    if operation == HISTORY:
        sandbox.faults.add(effects.drop(), operation=COMPLETE, nth=1)
    struck = sandbox.faults.add(_FAULTS[fault], operation=operation, nth=1)
    outcome = await apply()
    assert struck.fired == 1
    assert outcome.state == "applied"
    assert credited(sandbox) == {"order-42": 1}
    assert sent(sandbox) <= 8


async def test_complete_is_not_asked_for_again_before_history_was_read(sandbox, program, journal, definition):
    """On a server that does not serialise completes, asking at once makes two credits."""
    once = ExactlyOnce(program, journal, grace=600, patience=5)
    sandbox.faults.add(effects.drop(), operation=COMPLETE)
    outcome = await once.apply(reference="r", contact_id=1, balance_definition_id=definition, amount="5")
    assert outcome.state == "unknown"
    assert 200 < outcome.retry_after <= 300
    assert sent(sandbox, COMPLETE) == 1
    sandbox.faults.clear()
    before = sent(sandbox)
    again = await once.apply(reference="r", contact_id=1, balance_definition_id=definition, amount="5")
    assert (again.state, sent(sandbox)) == ("unknown", before)  # it is not due yet
    assert 200 < again.retry_after <= outcome.retry_after


async def test_a_422_that_never_ends_is_bounded_and_true(sandbox, apply):
    """The draft is there and cannot be completed: a cancel proves that nothing will come of it."""
    sandbox.faults.add(effects.status(422, {"code": "no", "message": "not enrolled"}), operation=COMPLETE)
    outcome = await apply()
    assert (outcome.state, outcome.reason) == ("refused", "not enrolled")
    assert (sent(sandbox, COMPLETE), sent(sandbox, CANCEL)) == (1, 1)
    assert [t.status for t in sandbox.ledger.transactions(PROGRAM)] == ["cancelled"]


async def test_a_refusal_needs_no_history_that_is_up_to_date(sandbox, apply):
    """The cancel proves it. Else a refused reference costs hundreds of requests on a history 10 minutes behind."""
    sandbox.set_switches(history_lag=600)
    sandbox.faults.add(effects.status(422, {"code": "no", "message": "not enrolled"}), operation=COMPLETE)
    outcome = await apply(timeout=5)
    assert (outcome.state, outcome.reason) == ("refused", "not enrolled")
    assert sent(sandbox, BEGIN, COMPLETE, HISTORY, CANCEL) == 4


async def test_a_422_that_no_cancel_proves_is_no_refusal(sandbox, program, journal, definition):
    once = ExactlyOnce(program, journal, grace=0.2, patience=1.0)
    refusing = sandbox.faults.add(effects.status(422, {"code": "no", "message": "no"}), operation=COMPLETE)
    sandbox.faults.add(effects.status(500), operation=CANCEL)
    outcome = await once.apply(reference="r", contact_id=1, balance_definition_id=definition, amount="5")
    assert outcome.state == "unknown"
    assert sent(sandbox) < 60
    sandbox.faults.remove(refusing)
    assert (await settled(once))["r"].state == "applied"
    assert credited(sandbox) == {"r": 1}


@BOTH
async def test_a_422_after_a_complete_that_was_unclear_is_no_refusal(sandbox, program, journal, definition):
    """The first complete may be under way still: nothing is cancelled, and nobody is told that he was refused."""
    once = ExactlyOnce(program.with_options(timeout=0.3), journal, grace=0.8, patience=20.0)
    sandbox.faults.add(effects.delay(30), operation=COMPLETE, nth=1)
    refused = sandbox.faults.add(
        effects.status(422, {"code": "no", "message": "no"}), operation=COMPLETE, nth=2
    )
    outcome = await once.apply(
        reference="r", contact_id=1, balance_definition_id=definition, amount="5", timeout=20
    )
    assert refused.fired == 1
    assert outcome.state == "applied"
    assert sent(sandbox, CANCEL) == 0
    assert credited(sandbox) == {"r": 1}


async def test_a_draft_that_expired_is_no_refusal(sandbox, definition, sqlite_url):
    """It waited longer for quota than it lives; the 422 is not a rule's."""
    expire = [True]

    def hook(event):
        if isinstance(event, AttemptStarted) and event.endpoint == COMPLETE and expire.pop():
            sandbox.clock.advance(30)
            expire.append(False)

    async with (
        BalanceClient(sandbox.api_key, base_url=sandbox.base_url, hooks=[hook]) as client,
        Journal(sqlite_url) as journal,
    ):
        once = ExactlyOnce(client.program(PROGRAM), journal, ttl=20, **QUICK)
        outcome = await once.apply(reference="r", contact_id=1, balance_definition_id=definition, amount="5")
    assert outcome.state == "applied"
    assert credited(sandbox) == {"r": 1}
    assert sorted(t.status for t in sandbox.ledger.transactions(PROGRAM)) == ["completed", "expired"]


@BOTH
async def test_expired_is_believed_only_after_a_while(sandbox, program, definition, journal_url):
    """A complete that was accepted in time may be committing still."""
    clock = ManualClock()
    async with Journal(journal_url, clock=clock, lease=10_000) as journal:
        once = ExactlyOnce(program, journal, ttl=10, grace=600, patience=5)
        sandbox.faults.add(effects.drop(), operation=COMPLETE, nth=1)
        args = {"reference": "r", "contact_id": 1, "balance_definition_id": definition, "amount": "5"}
        assert (await by(clock, once.apply(**args), 10)).state == "unknown"
        sandbox.clock.advance(20)
        clock.now += 300
        outcome = await by(clock, once.apply(**args), 0)
        assert outcome.state == "unknown"
        assert outcome.retry_after == pytest.approx(600)
        assert sent(sandbox, BEGIN) == 1
        clock.now += 599
        assert (await by(clock, once.apply(**args), 0)).state == "unknown"
        assert sent(sandbox, BEGIN) == 1
        clock.now += 2
        assert (await by(clock, once.apply(**args), 0)).state == "applied"
        assert sent(sandbox, BEGIN) == 2


async def test_a_draft_that_somebody_cancelled_is_refused(sandbox, apply, program):
    sandbox.faults.add(effects.drop(), operation=COMPLETE, nth=1)
    task = asyncio.create_task(apply())
    while not sandbox.hits(COMPLETE):
        await asyncio.sleep(0.001)
    (draft,) = sandbox.ledger.transactions(PROGRAM)
    sandbox.ledger.cancel(PROGRAM, draft.id)
    outcome = await task
    assert (outcome.state, outcome.reason) == ("refused", "somebody else has cancelled the draft")


async def test_what_history_does_not_show_is_never_concluded_from(sandbox, program, journal, definition):
    sandbox.set_switches(history_lag=600)
    sandbox.faults.add(effects.apply_then_drop(), operation=COMPLETE, nth=1)
    once = ExactlyOnce(program, journal, grace=0.3, patience=0.5)
    args = {"reference": "r", "contact_id": 1, "balance_definition_id": definition, "amount": "5"}
    outcome = await once.apply(**args)
    assert (outcome.state, outcome.reason) == ("unknown", "it is not in the contact's history yet")
    assert sent(sandbox, BEGIN, COMPLETE) == 2
    sandbox.clock.advance(700)
    assert (await settled(once))["r"].state == "applied"
    assert credited(sandbox) == {"r": 1}
    assert sent(sandbox, BEGIN, COMPLETE) == 2


async def test_pauses_go_on_growing_from_call_to_call(sandbox, program, definition, sqlite_url):
    """Each look costs quota: a history that is hours behind is not read every few seconds."""
    clock = ManualClock()
    sandbox.set_switches(history_lag=36_000)
    sandbox.faults.add(effects.apply_then_drop(), operation=COMPLETE, nth=1)
    async with Journal(sqlite_url, clock=clock, lease=10_000) as journal:
        once = ExactlyOnce(program, journal, patience=5)
        args = {"reference": "r", "contact_id": 1, "balance_definition_id": definition, "amount": "5"}
        end = clock.now + 3_600
        while clock.now < end:
            outcome = await by(clock, once.apply(**args), 10)
            assert outcome.state == "unknown"
            clock.now += outcome.retry_after
    assert 5 < sent(sandbox, HISTORY) <= 25


# Who stops, and who goes on ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "error"), [(401, AuthenticationError), (403, PermissionDeniedError)])
@pytest.mark.parametrize("operation", [BEGIN, COMPLETE])
async def test_a_key_that_is_revoked_stops_the_run_and_the_next_one_finishes(
    sandbox, once, apply, journal, definition, status, error, operation
):
    revoked = sandbox.faults.add(
        effects.status(status, {"code": "unauthorized", "message": "Key not found"}), operation=operation
    )
    with pytest.raises(error):
        await apply()
    (of,) = (await journal.status()).scopes
    assert sum(of.counts.values()) == of.due == 1
    sandbox.faults.remove(revoked)
    outcomes = await delivered(once)
    assert outcomes["order-42"].state == "applied"
    assert credited(sandbox) == {"order-42": 1}


async def test_what_is_unknown_to_the_server_is_the_runs_own_if_the_definition_cannot_be_read(
    sandbox, once, apply, program, journal
):
    unknown = effects.status(404, {"code": "document_not_found", "message": "no such contact"})
    sandbox.faults.add(unknown, operation=BEGIN, times=2)
    outcome = await apply("row")
    assert (outcome.state, outcome.reason) == ("refused", "no such contact")
    assert sent(sandbox, "definitions.get") == 1
    assert (await apply("row2")).state == "refused"
    assert sent(sandbox, "definitions.get") == 1  # remembered
    other = ExactlyOnce(program, journal, **QUICK)
    with pytest.raises(NotFoundError):
        await other.apply(
            reference="r",
            contact_id=1,
            balance_definition_id="00000000-0000-4000-8000-000000000000",
            amount=1,
        )
    assert (await journal.status()).scopes[1].counts == {"planned": 1}


async def test_a_journal_of_a_sandbox_never_speaks_for_another_api(sandbox, definition, journal_url, apply):
    await apply()
    async with (
        Sandbox() as production,
        BalanceClient(production.api_key, base_url=production.base_url) as client,
        Journal(journal_url) as journal,
    ):
        once = ExactlyOnce(client.program(PROGRAM), journal)
        with pytest.raises(JournalError, match="own for each API"):
            await once.apply(
                reference="order-42", contact_id=42, balance_definition_id=definition, amount="12.5"
            )
        with pytest.raises(JournalError, match="own for each API"):
            await delivered(once)
        assert sent(production) == 0


async def test_what_cannot_be_written_is_not_sent(sandbox, apply, journal, definition):
    before = sent(sandbox)

    def fill(turn):
        pages = turn.connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        turn.connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")

    await journal.run(fill)
    filler = {"filler": "x" * 20_000}
    with pytest.raises(JournalFullError):
        await apply(meta=filler)
    assert sent(sandbox) == before + sent(sandbox, "definitions.create") - 1


async def test_an_end_that_cannot_be_written_is_nobodys_verdict(
    sandbox, program, journal, definition, monkeypatch
):
    """The points have moved; the error must not say that nothing changed, and asking again finds it."""
    args = {"reference": "r", "contact_id": 1, "balance_definition_id": definition, "amount": "5"}
    transact = journal._database.transact

    async def full(work, *, durable):
        if sandbox.hits(COMPLETE):
            raise JournalFullError("the disk is full")
        return await transact(work, durable=durable)

    monkeypatch.setattr(journal._database, "transact", full)
    with pytest.raises(JournalFullError) as caught:
        await ExactlyOnce(program, journal, **QUICK).apply(**args)
    assert caught.value.applied is None
    monkeypatch.undo()
    with pytest.raises(ReferenceConflictError) as refused:
        await ExactlyOnce(program, journal, **QUICK).apply(**{**args, "amount": 6})
    assert refused.value.applied is False
    async with Journal(journal._database.place) as other:
        await journal.close()
        outcome = await ExactlyOnce(program, other, **QUICK).apply(**args)
    assert outcome.state == "applied", outcome
    assert credited(sandbox) == {"r": 1}


async def test_a_choice_that_was_lost_with_a_copy_of_the_journal_is_found_in_the_copy(
    sandbox, definition, sqlite_url, tmp_path
):
    """A copy taken when complete is first sent holds the choice: put back, the reference is still credited once."""
    copy, clock = str(tmp_path / "copy.db"), ManualClock()

    def hook(event):
        if isinstance(event, AttemptStarted) and event.endpoint == COMPLETE and not Path(copy).exists():
            for suffix in ("", "-wal"):
                shutil.copy(sqlite_url + suffix, copy + suffix)

    args = {"reference": "r", "contact_id": 1, "balance_definition_id": definition, "amount": "5"}
    async with BalanceClient(sandbox.api_key, base_url=sandbox.base_url, hooks=[hook]) as client:
        async with Journal(sqlite_url, clock=clock) as journal:
            await ExactlyOnce(client.program(PROGRAM), journal, **QUICK).apply(**args)
        clock.now += 31  # the lease of the process that was copied
        async with Journal(copy, clock=clock) as journal:
            outcome = await ExactlyOnce(client.program(PROGRAM), journal, **QUICK).apply(**args)
    assert outcome.state == "applied"
    assert credited(sandbox) == {"r": 1}
    assert sent(sandbox, BEGIN) == 1


@pytest.mark.parametrize("operation", [BEGIN, COMPLETE])
@BOTH
async def test_a_cancelled_apply_gives_its_row_back(
    sandbox, program, definition, journal_url, apply, operation
):
    stalling = sandbox.faults.add(effects.stall(), operation=operation)
    task = asyncio.create_task(apply())
    while not stalling.fired:
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    sandbox.faults.remove(stalling)
    async with Journal(journal_url) as other:
        outcome = (await settled(ExactlyOnce(program, other, **QUICK)))["order-42"]
    assert outcome.state == "applied"
    assert credited(sandbox) == {"order-42": 1}


async def test_an_apply_that_is_cancelled_anywhere_gives_its_row_back(sandbox, program, journal, definition):
    once = ExactlyOnce(program, journal, **QUICK)
    for steps in range(60):
        task = asyncio.create_task(
            once.apply(reference=f"r{steps}", contact_id=1, balance_definition_id=definition, amount=1)
        )
        for _ in range(steps):
            await asyncio.sleep(0.0003)  # wherever that leads to: what is asserted holds everywhere
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    await settled(once)
    assert (await journal.status()).scopes[0].counts.keys() == {"applied"}
    assert set(credited(sandbox).values()) == {1}
    assert not once._settler.busy._at


async def test_time_that_is_over_is_unknown_and_asking_again_finishes(sandbox, apply, once):
    stalling = sandbox.faults.add(effects.stall(), operation=BEGIN)
    outcome = await apply(timeout=0.3)
    assert (outcome.state, outcome.final) == ("unknown", False)
    assert outcome.retry_after is not None
    sandbox.faults.remove(stalling)
    assert (await apply()).state == "applied"
    assert credited(sandbox) == {"order-42": 1}


async def test_time_that_is_over_at_once_leaves_the_wish_in_the_journal(sandbox, apply, once, journal):
    for number in range(20):
        outcome = await apply(f"r{number}", timeout=0)
        assert outcome.state == "unknown"
    await settled(once)
    assert credited(sandbox) == {f"r{number}": 1 for number in range(20)}


async def test_a_quota_that_is_used_up_is_unknown_with_the_wait(sandbox, apply):
    await apply("first")
    sandbox.faults.add(effects.too_many(900), operation=BEGIN, nth=1)
    outcome = await apply()
    assert outcome.state == "unknown"
    assert 890 < outcome.retry_after <= 900
    before = sent(sandbox)
    again = await apply()
    assert again.state == "unknown"
    assert 890 < again.retry_after <= 900
    assert sent(sandbox) == before


@BOTH
async def test_a_process_that_was_frozen_sends_nothing_for_rows_that_were_taken_over(
    sandbox, program, definition, journal_url
):
    """It wakes from a pause with rows of its own in hand, after another one has settled them."""
    frozen, clock = ManualClock(), ManualClock()
    args = {"reference": "r", "contact_id": 1, "balance_definition_id": definition, "amount": "5"}
    async with (
        Journal(journal_url, lease=30, clock=frozen) as mine,
        Journal(journal_url, lease=30, clock=clock) as theirs,
    ):
        sandbox.faults.add(effects.status(500), operation=BEGIN, nth=1)
        waiting = asyncio.create_task(ExactlyOnce(program, mine, patience=500).apply(**args, timeout=1000))
        while not frozen.pending or not sandbox.hits(BEGIN):
            await asyncio.sleep(0.001)
        clock.now += 31
        assert (await ExactlyOnce(program, theirs).apply(**args)).state == "applied"
        before = sent(sandbox)
        frozen.now += 31
        frozen.advance(2)
        outcome = await by(frozen, waiting, 30)
        assert (outcome.state, sent(sandbox)) == ("applied", before)
    assert credited(sandbox) == {"r": 1}


async def test_a_process_that_was_frozen_in_the_quota_gate_sends_nothing_when_it_wakes(
    sandbox, definition, sqlite_url
):
    """The wait for quota ends after its lease did, and another process has settled the row."""
    waits = asyncio.Event()

    def hook(event):
        if isinstance(event, QuotaWait) and event.endpoint == BEGIN:
            waits.set()

    frozen, clock = ManualClock(), ManualClock()
    args = {"reference": "r", "contact_id": 1, "balance_definition_id": definition, "amount": "5"}
    async with (
        BalanceClient(sandbox.api_key, base_url=sandbox.base_url, hooks=[hook]) as client,
        BalanceClient(sandbox.api_key, base_url=sandbox.base_url) as other,
        Journal(sqlite_url, lease=30, clock=frozen) as mine,
        Journal(sqlite_url, lease=30, clock=clock) as theirs,
    ):
        program = client.program(PROGRAM)
        sandbox.faults.add(effects.too_many(2), operation="definitions.get", nth=1)
        with pytest.raises(RateLimitedError):
            await program.with_options(max_wait=0).definitions.get(definition)
        waiting = asyncio.create_task(ExactlyOnce(program, mine, patience=500).apply(**args, timeout=1000))
        await waits.wait()
        clock.now += 31
        await theirs.now()
        assert (await ExactlyOnce(other.program(PROGRAM), theirs).apply(**args)).state == "applied"
        frozen.now += 31
        outcome = await by(frozen, waiting, 100)
        assert (outcome.state, sent(sandbox, BEGIN)) == ("applied", 1)
    assert credited(sandbox) == {"r": 1}


async def test_a_process_that_was_frozen_right_before_a_request_leaves_sends_nothing_when_it_wakes(
    sandbox, definition, sqlite_url
):
    """Its lease was checked, and another process settles the row before the request is written."""
    frozen, clock = ManualClock(), ManualClock()
    args = {"reference": "r", "contact_id": 1, "balance_definition_id": definition, "amount": "5"}

    async def freeze(_session, _context, request):
        if request.url.path.endswith("/transactions") and not sent(sandbox, BEGIN):
            clock.now += 31
            await theirs.now()
            assert (await ExactlyOnce(other.program(PROGRAM), theirs).apply(**args)).state == "applied"
            frozen.now += 31

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(freeze)
    async with (
        BalanceClient(sandbox.api_key, base_url=sandbox.base_url, trace_configs=[trace]) as client,
        BalanceClient(sandbox.api_key, base_url=sandbox.base_url) as other,
        Journal(sqlite_url, lease=30, clock=frozen) as mine,
        Journal(sqlite_url, lease=30, clock=clock) as theirs,
    ):
        once = ExactlyOnce(client.program(PROGRAM), mine, patience=500)
        outcome = await by(frozen, asyncio.create_task(once.apply(**args, timeout=1000)), 100)
        assert (outcome.state, sent(sandbox, BEGIN)) == ("applied", 1)
    assert credited(sandbox) == {"r": 1}


@BOTH
async def test_a_row_that_was_chosen_by_a_dead_process_is_looked_up_first(
    sandbox, program, definition, journal_url
):
    clock = ManualClock()
    args = {"reference": "r", "contact_id": 1, "balance_definition_id": definition, "amount": "5"}
    async with (
        Journal(journal_url, lease=30, clock=clock) as dead,
        Journal(journal_url, lease=30, clock=clock) as journal,
    ):
        stalling = sandbox.faults.add(effects.stall(applied=True), operation=COMPLETE)
        task = asyncio.create_task(ExactlyOnce(program, dead).apply(**args))
        while not stalling.fired:
            await asyncio.sleep(0.001)
        dead._heart.cancel()  # it is killed
        clock.now += 31
        await journal.now()
        outcome = await ExactlyOnce(program, journal).apply(**args)
        assert outcome.state == "applied"
        assert (sent(sandbox, COMPLETE), sent(sandbox, HISTORY)) == (1, 1)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    assert credited(sandbox) == {"r": 1}
