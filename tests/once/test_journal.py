"""The journal by itself: rows, owners, groups, batches, and what a person does with it. On SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
import os
import pickle
import shutil
import sqlite3
import unicodedata
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from clocks import ManualClock
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, event, select, text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

import brevo_balance_async.journal.sqlite
from brevo_balance_async import (
    InvalidRequestError,
    JournalBusyError,
    JournalError,
    JournalFullError,
    JournalVersionError,
    ReferenceConflictError,
)
from brevo_balance_async.journal import Journal, intent, metadata, schema_sql, steps, tables
from brevo_balance_async.journal.batches import deliverable
from brevo_balance_async.journal.sqlite import network_file_system

DEFINITION = "11aa1d7a-af67-4020-8a65-19d6b0f0a26e"


class Program:
    id = "27AA1D7A-af67-4020-8a65-19d6b0f0a26e"
    base_url = "https://api.brevo.com/v3"


@pytest.fixture
async def scope(journal):
    return await journal.scope(Program(), DEFINITION)


def credit(reference="order-42", amount="12.50", **more):
    return intent(**{"reference": reference, "contact_id": 42, "amount": amount, **more})


async def chosen(journal, scope, reference="order-42"):
    row = await journal.enroll(scope, credit(reference))
    return await journal.move(row, state="chosen", tid=str(uuid4()), tid_at=1.0, mode="strict")


# Rows ----------------------------------------------------------------------------------------------------------


async def test_an_intent_goes_from_planned_to_applied_and_is_found_again(journal, scope):
    row = await journal.enroll(scope, credit())
    assert (row.state, row.amount, row.contact, row.finished) == ("planned", "12.5", 42, False)
    assert journal.holds(row)
    tid = str(uuid4())
    row = await journal.move(row, state="chosen", tid=tid, tid_at=17.5, mode="strict")
    row = await journal.finish(row, "applied", credited="12.5")
    again = await journal.enroll(scope, credit(amount=Decimal("12.500")))
    assert (again.state, again.tid, again.tid_at, again.credited) == ("applied", tid, 17.5, "12.5")
    assert again.finished
    assert not journal.holds(again)


async def test_what_an_insert_returns_is_what_is_stored(journal, scope):
    when = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2)))
    new = await journal.enroll(
        scope, credit(event_time=when, meta={"b": 1, "a": [True, None]}, balance_expiry_in_minutes=9, line=3)
    )
    stored = (await journal.look(scope, ["order-42"]))["order-42"]
    assert pickle.dumps(new)
    assert {**_dict(new), "now": 0} == {**_dict(stored), "now": 0}
    assert stored.extras == {
        "event_time": datetime(2026, 1, 2, 1, 4, 5, tzinfo=UTC),
        "meta": {"a": [True, None], "b": 1},
        "balance_expiry_in_minutes": 9,
    }


def _dict(row):
    from attrs import asdict

    return asdict(row)


@pytest.mark.parametrize(
    ("field", "change", "stored", "given_"),
    [
        ("contact_id", {"contact_id": 43}, 42, 43),
        ("amount", {"amount": "-12.5"}, "12.5", "-12.5"),
        ("meta", {"meta": {"a": 2}}, {"a": 1}, {"a": 2}),
        ("event_time", {"event_time": datetime(2026, 1, 1, tzinfo=UTC)}, None, "2026-01-01T00:00:00.000Z"),
    ],
)
async def test_another_payload_is_a_conflict_that_names_the_field(
    journal, scope, field, change, stored, given_
):
    whole = {"reference": "r", "contact_id": 42, "amount": "12.5", "meta": {"a": 1}}
    row = await journal.enroll(scope, intent(**whole))
    await journal.finish(row, "applied")
    with pytest.raises(ReferenceConflictError) as caught:
        await journal.enroll(scope, intent(**{**whole, **change}))
    error = pickle.loads(pickle.dumps(caught.value))
    assert (error.field, error.stored, error.given) == (field, stored, given_)


async def test_a_planned_row_that_nobody_is_at_takes_a_corrected_payload(journal, scope):
    await journal.enroll(scope, credit(amount="1"))
    with pytest.raises(ReferenceConflictError):  # it is ours, and so in use
        await journal.enroll(scope, credit(amount="2"))
    await journal.release(scope.id, "order-42")
    assert (await journal.enroll(scope, credit(amount="2"))).amount == "2"


async def test_a_step_is_refused_once_the_row_is_not_as_it_was_known(journal, scope):
    row = await journal.enroll(scope, credit())
    tid = str(uuid4())
    assert await journal.move(row, state="chosen", tid=tid)
    assert await journal.move(row, state="chosen", tid=str(uuid4())) is None
    assert (await journal.look(scope, ["order-42"]))["order-42"].tid == tid


async def test_one_transaction_is_never_chosen_for_two_references_and_harms_nobody_else(journal, scope):
    rows = [await journal.enroll(scope, credit(f"r{number}")) for number in range(6)]
    same, others = str(uuid4()), [str(uuid4()) for _ in range(4)]
    results = await asyncio.gather(
        *(
            journal.move(row, state="chosen", tid=tid)
            for row, tid in zip(rows, [same, *others, same], strict=True)
        )
    )
    assert [result is not None for result in results] == [True, True, True, True, True, False]


async def test_one_bad_operation_does_not_fail_its_group(journal, scope):
    rows = [await journal.enroll(scope, credit(f"r{number}")) for number in range(3)]

    def bad(turn):
        turn.connection.execute(text("INSERT INTO brevo_balance_scope (id) VALUES (1)"))

    results = await asyncio.gather(
        journal.finish(rows[0], "applied"),
        journal.run(bad),
        journal.finish(rows[1], "applied"),
        return_exceptions=True,
    )
    assert isinstance(results[1], JournalError)
    assert results[1].__cause__ is not None
    assert [row.state for row in (results[0], results[2])] == ["applied", "applied"]
    stored = await journal.look(scope, ["r0", "r1", "r2"])
    assert [row.state for row in stored.values()] == ["applied", "applied", "planned"]


# Owners --------------------------------------------------------------------------------------------------------


async def test_two_processes_never_own_one_row(url, journal, scope):
    async with Journal(url) as other:
        there = await other.scope(Program(), DEFINITION)
        row = await journal.enroll(scope, credit())
        theirs = await other.enroll(there, credit())
        assert journal.holds(row)
        assert not other.holds(theirs)
        assert await other.take_due(there, limit=9) == []
        await journal.release(scope.id, "order-42")
        assert other.holds(await other.reload(theirs))
        assert await journal.move(row, state="chosen", tid=str(uuid4())) is None


async def test_a_journal_that_is_closed_leaves_its_rows_to_others_at_once(url):
    async with Journal(url) as first:
        await first.enroll(await first.scope(Program(), DEFINITION), credit())
    async with Journal(url) as second:
        (row,) = await second.take_due(await second.scope(Program(), DEFINITION), limit=9)
        assert second.holds(row)


async def test_a_process_that_went_silent_is_taken_over_after_its_lease_and_notices(url):
    clock = ManualClock()
    frozen = ManualClock()
    async with Journal(url, lease=30, clock=frozen) as first, Journal(url, lease=30, clock=clock) as second:
        scope = await first.scope(Program(), DEFINITION)
        row = await first.enroll(scope, credit())
        await _pass(clock, 29)  # its own heartbeats go on
        assert await second.take_due(scope, limit=9) == []
        await _pass(clock, 2)
        (taken,) = await second.take_due(scope, limit=9)
        assert taken.inherited
        assert first.holds(row)  # it was frozen, and its own clock has not moved: it thinks so still
        frozen.now += 31  # it wakes up, and its heartbeat is late
        await _pass(frozen, 1)
        assert not first.holds(row)
        assert await first.move(row, state="chosen", tid=str(uuid4())) is None
        again = await first.reload(row)
        assert not first.holds(again)
        assert second.holds(taken)


async def test_a_late_heartbeat_does_not_hide_that_the_lease_was_lost(sqlite_url):
    clock = ManualClock()
    async with Journal(sqlite_url, lease=30, clock=clock) as journal:
        scope = await journal.scope(Program(), DEFINITION)
        row = await journal.enroll(scope, credit())
        before = journal.me
        clock.now += 31  # no timer runs: the process is frozen
        assert not journal.holds(row)
        await journal.now()  # whatever is written next
        assert journal.me != before
        assert not journal.holds(row)
        again = await journal.reload(row)
        assert journal.holds(again)
        assert again.owner != row.owner


async def test_a_lost_lease_is_noticed_although_the_databases_clock_was_set_back(sqlite_url):
    clock = ManualClock()
    async with Journal(sqlite_url, lease=30, clock=clock) as journal:
        row = await journal.enroll(await journal.scope(Program(), DEFINITION), credit())
        journal._database._wall = lambda: 1000.0
        clock.now += 31
        await journal.now()
        assert not journal.holds(row)


async def test_a_heartbeat_keeps_the_rows_of_one_who_waits_long(sqlite_url):
    clock = ManualClock()
    async with Journal(sqlite_url, lease=30, clock=clock) as journal:
        row = await journal.enroll(await journal.scope(Program(), DEFINITION), credit())
        await _pass(clock, 600)
        assert journal.holds(row)


async def _pass(clock, seconds):
    """Time passes; a heartbeat that falls due is written, and has set its timer again, before it goes on."""
    for _ in range(seconds):
        clock.advance(1)
        while not clock.pending:
            await asyncio.sleep(0.001)


async def test_a_commit_whose_end_nobody_knows_gives_up_all_rows(url, monkeypatch):
    async with Journal(url) as journal:
        scope = await journal.scope(Program(), DEFINITION)
        mine = await journal.enroll(scope, credit("mine"))
        transact = journal._database.transact

        async def lost(work, *, durable):
            await transact(work, durable=durable)
            raise JournalError("the connection was lost in the commit")

        monkeypatch.setattr(journal._database, "transact", lost)
        with pytest.raises(JournalError):
            await journal.enroll(scope, credit("other"))
        monkeypatch.undo()
        assert not journal.holds(mine)
        rows = await journal.take_due(scope, limit=9)
        assert {row.reference for row in rows} == {"mine", "other"}
        assert all(journal.holds(row) for row in rows)


# Due rows ------------------------------------------------------------------------------------------------------


async def test_rows_come_when_they_are_due_in_the_order_they_were_written(url):
    clock = ManualClock()
    async with Journal(url, clock=clock, lease=1000) as journal:
        scope = await journal.scope(Program(), DEFINITION)
        for number in (2, 0, 1):
            await journal.enroll(scope, credit(f"r{number}", contact_id=number + 1))
            await journal.release(scope.id, f"r{number}")
            clock.now += 1
        await journal.enroll(scope, credit("r2", contact_id=3))
        await journal.release(scope.id, "r2", after=60, reason="a reason")
        assert [row.reference for row in await journal.take_due(scope, limit=2)] == ["r0", "r1"]
        assert await journal.take_due(scope, limit=9) == []
        clock.now += 60
        (row,) = await journal.take_due(scope, limit=9)
        assert (row.reference, row.reason) == ("r2", "a reason")


async def test_a_contact_that_another_process_is_busy_with_is_left_to_it(url, journal, scope):
    for number in range(3):
        await journal.enroll(scope, credit(f"r{number}"))
        await journal.release(scope.id, f"r{number}")
    async with Journal(url) as other:
        there = await other.scope(Program(), DEFINITION)
        first = await journal.take_due(scope, limit=1)
        assert [row.reference for row in first] == ["r0"]
        assert await other.take_due(there, limit=9) == []
        await journal.finish(first[0], "applied")
        assert [row.reference for row in await other.take_due(there, limit=9)] == ["r1", "r2"]


async def test_several_workers_share_out_the_rows(url, journal, scope):
    batch = await journal.open_batch("file")
    wanted = [intent(reference=f"r{n}", contact_id=n + 1, amount="1", line=n) for n in range(60)]
    await journal.load(scope, batch, wanted)
    await journal.close_batch(batch, rows=60)

    async def work():
        async with Journal(url) as worker:
            there = await worker.scope(Program(), DEFINITION)
            done = []
            for _ in range(4):
                rows = await worker.take_due(there, limit=5)
                await asyncio.gather(*(worker.finish(row, "applied") for row in rows))
                done += [row.reference for row in rows]
            return done

    shares = await asyncio.gather(work(), work(), work())
    assert sorted(reference for share in shares for reference in share) == sorted(f"r{n}" for n in range(60))
    assert all(len(share) == 20 for share in shares)


async def test_open_rows_are_found_by_their_index(url, journal, scope):
    """SQLite ignores a partial index where the query does not repeat its condition, and reads a million rows."""
    plans = []

    def explain(connection, cursor, statement, parameters, context, many):
        if statement.startswith(("SELECT", "UPDATE")) and "brevo_balance_intent" in statement and not many:
            how = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
            plans.append([*connection.exec_driver_sql(f"{how} {statement}", parameters)])

    def take(turn):
        event.listen(turn.connection, "before_cursor_execute", explain)
        deliverable(turn, scope.id)
        steps.take_due(turn, scope.id, batch=0, due_by=turn.now, limit=9)
        event.remove(turn.connection, "before_cursor_execute", explain)

    await journal.enroll(scope, credit("r"))
    await journal.release(scope.id, "r")
    await journal.run(take)
    assert len(plans) >= 4
    told = "\n".join(str(row) for plan in plans for row in plan)
    assert "brevo_balance_intent_open" in told
    if "postgresql" not in url:  # its planner goes by how many rows there are, and here are none
        assert "brevo_balance_intent_owned" in told
        assert "brevo_balance_intent_begun (contact=? AND batch=?)" in told
        assert "SCAN brevo_balance_intent" not in told
        assert "PRIMARY KEY (scope=?)" not in told


# Batches -------------------------------------------------------------------------------------------------------


async def test_rows_of_a_load_are_delivered_once_it_is_whole(journal, scope):
    batch = await journal.open_batch("file")
    await journal.load(scope, batch, [credit(f"r{n}", line=n) for n in range(3)])
    assert await journal.take_due(scope, limit=9) == []
    await journal.close_batch(batch, rows=3)
    assert [row.line for row in await journal.take_due(scope, limit=9)] == [0, 1, 2]


async def test_a_load_that_was_killed_is_replaced_by_the_next_one_of_its_source(journal, scope):
    dead = await journal.open_batch("file")
    await journal.load(scope, dead, [credit("gone"), credit("kept", amount="1")])
    batch = await journal.open_batch("file")
    (row,) = await journal.load(scope, batch, [credit("kept", amount="2")])
    assert (row.batch, row.amount) == (batch, "2")
    await journal.close_batch(batch, rows=1)
    assert [row.reference for row in await journal.take_due(scope, limit=9)] == ["kept"]
    with pytest.raises(JournalBusyError):
        await journal.close_batch(dead, rows=2)


async def test_a_load_takes_over_rows_of_an_unfinished_one_of_another_source(journal, scope):
    """A file that was refused halfway is mended and loaded under another name."""
    left = await journal.open_batch("bad.csv")
    await journal.load(scope, left, [credit("r", amount="1")])
    batch = await journal.open_batch("good.csv")
    (row,) = await journal.load(scope, batch, [credit("r", amount="2", line=7)])
    assert (row.batch, row.amount, row.line) == (batch, "2", 7)
    with pytest.raises(JournalBusyError, match="another load"):
        await journal.close_batch(left, rows=1)
    await journal.close_batch(batch, rows=1)


async def test_a_load_again_finds_what_is_done_and_what_conflicts(journal, scope):
    row = await journal.enroll(scope, credit("done"))
    await journal.finish(row, "applied")
    batch = await journal.open_batch("file")
    await journal.load(scope, batch, [credit("open", amount="1")])
    await journal.close_batch(batch, rows=1)
    again = await journal.open_batch("file")
    done, conflict, corrected, new, twice = await journal.load(
        scope,
        again,
        [
            credit("done"),
            credit("done", amount="9"),
            credit("open", amount="2"),
            credit("new"),
            credit("new", "8"),
        ],
    )
    assert (done.state, done.batch) == ("applied", 0)
    assert isinstance(conflict, ReferenceConflictError)
    assert (corrected.amount, corrected.batch) == ("2", batch)
    assert new.batch == again
    assert isinstance(twice, ReferenceConflictError)  # twice in one source is no correction


async def test_a_row_that_is_settled_by_itself_leaves_the_unfinished_load(journal, scope):
    await journal.load(scope, await journal.open_batch("file"), [credit()])
    row = await journal.enroll(scope, credit())
    assert row.batch == 0
    await journal.open_batch("file")
    assert await journal.look(scope, ["order-42"])


async def test_an_amount_of_zero_is_refused_when_it_is_loaded(journal, scope):
    from attrs import evolve

    batch = await journal.open_batch("file")
    (row,) = await journal.load(scope, batch, [evolve(credit(), amount="0")])
    assert (row.state, row.reason, row.finished) == ("refused", "zero", True)
    batch = await journal.open_batch("file")
    (row,) = await journal.load(scope, batch, [credit(amount="3")])
    assert (row.state, row.amount, row.batch) == ("planned", "3", batch)


# Canonical forms -----------------------------------------------------------------------------------------------


@given(
    st.text(min_size=1, max_size=20).filter(lambda text: text == text.strip() and text.isprintable()),
    st.decimals(min_value="-1e6", max_value="1e6", places=3).filter(bool),
)
def test_two_spellings_of_one_wish_are_one_row(reference, amount):
    plain = intent(reference=unicodedata.normalize("NFD", reference), contact_id=1, amount=amount)
    other = intent(reference=unicodedata.normalize("NFC", reference), contact_id=1, amount=str(amount) + "0")
    assert plain == other
    assert Decimal(plain.amount) == amount
    assert "E" not in plain.amount


@pytest.mark.parametrize("reference", ["", " ", " a", "a\n", "a\x00b", "x" * 401, 42, "\ud800"])
def test_references_that_two_systems_would_read_differently_are_refused(reference):
    with pytest.raises(InvalidRequestError, match="reference"):
        credit(reference)


@pytest.mark.parametrize("meta", [{"reference": "x"}, {"attempt": 1}, {1: 2}, {"a": float("nan")}])
def test_meta_that_is_ours_or_no_json_is_refused(meta):
    with pytest.raises(InvalidRequestError, match="meta"):
        credit(meta=meta)


async def test_ids_are_one_scope_in_every_spelling(journal, scope):
    class Other(Program):
        id = Program.id.lower()

    assert await journal.scope(Other(), UUID(DEFINITION)) == scope
    assert await journal.scope(Other(), DEFINITION.upper()) == scope


async def test_a_journal_of_one_api_says_nothing_about_another(journal, scope):
    class Elsewhere(Program):
        base_url = "http://127.0.0.1:8000/v3"

    with pytest.raises(JournalError, match=r"were sent to https://api\.brevo\.com/v3"):
        await journal.scope(Elsewhere(), DEFINITION)
    with pytest.raises(JournalError, match="own for each API"):
        await journal.scopes(Elsewhere())


# By hand -------------------------------------------------------------------------------------------------------


async def test_status_counts(journal, scope):
    await chosen(journal, scope, "a")
    row = await journal.enroll(scope, credit("b"))
    await journal.finish(row, "refused", reason="no")
    await journal.enroll(scope, credit("c"))
    await journal.release(scope.id, "c", after=100, reason="not yet")
    await journal.open_batch("half.csv")
    status = await journal.status()
    (of,) = status.scopes
    assert of.counts == {"chosen": 1, "planned": 1, "refused": 1}
    assert (of.unknown, of.due, of.origin) == (1, 1, Program.base_url)
    assert of.next_in == 0
    assert status.workers[0].endswith(f":{os.getpid()}")
    assert status.unfinished_loads == ("half.csv",)


async def test_a_refused_row_can_be_reopened_and_an_applied_one_cannot(journal, scope):
    row = await chosen(journal, scope)
    with pytest.raises(JournalBusyError):
        await journal.reopen("order-42")
    await journal.finish(row, "refused", reason="no")
    row = await journal.reopen("order-42", program_id=Program.id, balance_definition_id=DEFINITION)
    assert (row.state, row.tid, row.finished_at, row.reason) == ("planned", None, None, None)
    (row,) = await journal.take_due(scope, limit=1)
    await journal.finish(row, "applied")
    with pytest.raises(JournalError, match="is applied"):
        await journal.reopen("order-42")
    with pytest.raises(JournalError, match="no row has"):
        await journal.reopen("order-43")


async def test_reopening_an_open_row_keeps_what_was_chosen(journal, scope):
    row = await chosen(journal, scope)
    await journal.release(scope.id, "order-42", after=1000)
    again = await journal.reopen("order-42")
    assert (again.state, again.tid) == ("chosen", row.tid)
    assert await journal.take_due(scope, limit=1)


async def test_what_was_sent_and_never_settled_must_be_resolved_first(journal, scope):
    row = await journal.enroll(scope, credit())
    await journal.move(row, state="sent", mode="at_most_once")
    await journal.release(scope.id, "order-42")
    with pytest.raises(JournalError, match="resolve"):
        await journal.reopen("order-42")
    row = await journal.resolve("order-42", applied=False, note="looked it up")
    assert (row.state, row.reason, row.finished) == ("refused", "looked it up", True)
    assert (await journal.reopen("order-42")).state == "planned"
    row = await journal.resolve("order-42", applied=True, note="found it")
    assert row.state == "applied"
    with pytest.raises(JournalError, match="not taken back"):
        await journal.resolve("order-42", applied=False, note="no")


async def test_a_reference_of_two_definitions_has_to_be_named_whole(journal, scope):
    other = str(uuid4())
    await journal.enroll(scope, credit())
    await journal.enroll(await journal.scope(Program(), other), credit())
    await journal.release(scope.id, "order-42")
    with pytest.raises(JournalError, match="2 rows have the reference"):
        await journal.resolve("order-42", applied=True, note="n")
    await journal.resolve("order-42", applied=True, note="n", balance_definition_id=DEFINITION)


async def test_redacting_forgets_the_person_and_never_the_reference(journal, scope):
    row = await journal.enroll(scope, credit(meta={"name": "Ada"}))
    await journal.finish(row, "applied", credited="12.5")
    await journal.enroll(scope, credit("open"))
    await journal.redact(datetime.now(UTC) - timedelta(hours=1))
    assert (await journal.look(scope, ["order-42"]))["order-42"].contact == 42
    await journal.redact(datetime.now(UTC) + timedelta(hours=1))
    row = (await journal.look(scope, ["order-42"]))["order-42"]
    assert (row.contact, row.details, row.amount, row.credited) == (None, None, "12.5", "12.5")
    assert (await journal.enroll(scope, credit(meta={"name": "Ada"}))).state == "applied"
    with pytest.raises(ReferenceConflictError) as caught:
        await journal.enroll(scope, credit(meta={"name": "Bob"}))
    assert caught.value.field == "payload"
    assert (await journal.look(scope, ["open"]))["open"].contact == 42


# The outbox ----------------------------------------------------------------------------------------------------


def _async_url(url):
    return (
        url.replace("postgresql://", "postgresql+asyncpg://")
        if "://" in url
        else f"sqlite+aiosqlite:///{url}"
    )


async def test_an_order_and_its_points_are_written_together_or_not_at_all(url, journal, scope):
    engine = create_async_engine(_async_url(url))
    add = {
        "reference": "order-42",
        "contact_id": 42,
        "balance_definition_id": DEFINITION,
        "amount": "12.50",
    }
    try:
        async with engine.begin() as connection:
            await connection.execute(text("CREATE TABLE shop_order (id INTEGER)"))
        with pytest.raises(ZeroDivisionError):
            async with engine.begin() as connection:
                await connection.execute(text("INSERT INTO shop_order VALUES (42)"))
                assert await journal.add(connection, Program(), **add)
                raise ZeroDivisionError
        assert await journal.take_due(scope, limit=9) == []
        async with AsyncSession(engine) as session, session.begin():
            await session.execute(text("INSERT INTO shop_order VALUES (42)"))
            assert await journal.add(session, Program(), **add)
            assert not await journal.add(session, Program(), **add)
        async with engine.begin() as connection:
            with pytest.raises(ReferenceConflictError):
                await journal.add(connection, Program(), **{**add, "amount": 13})
    finally:
        await engine.dispose()
    (row,) = await journal.take_due(scope, limit=9)
    assert (row.reference, row.amount, row.state) == ("order-42", "12.5", "planned")


def test_the_outbox_serves_programs_that_are_not_async(sqlite_url):
    engine = create_engine(f"sqlite:///{sqlite_url}")
    metadata.create_all(engine)
    journal = Journal(sqlite_url)  # never opened here
    add = {"contact_id": 42, "balance_definition_id": DEFINITION, "amount": 1}
    with engine.begin() as connection:
        assert journal.add_sync(connection, Program(), reference="a", **add)
    with Session(engine) as session:
        assert journal.add_sync(session, Program(), reference="b", **add)
        session.commit()
        session.add_all([])
        assert journal.add_sync(session, Program(), reference="c", **add)
        session.rollback()
    with engine.connect() as connection:
        rows = connection.execute(select(tables.INTENT.c.reference)).scalars().all()
    engine.dispose()
    assert sorted(rows) == ["a", "b"]


async def test_the_printed_schema_is_the_one_that_is_made(url):
    kind = "postgresql" if "://" in url else "sqlite"
    engine = create_async_engine(_async_url(url))
    async with engine.begin() as connection:
        for statement in schema_sql(kind).split(";"):
            if statement.strip():
                await connection.exec_driver_sql(statement)
    await engine.dispose()
    async with Journal(url) as journal:
        assert await journal.enroll(await journal.scope(Program(), DEFINITION), credit())


def test_a_version_means_one_schema():
    """Tables that were released are changed by a new version and what leads there, never under the same number."""
    printed = {dialect: " ".join(schema_sql(dialect).split()) for dialect in ("sqlite", "postgresql")}
    digests = {dialect: sha256(schema.encode()).hexdigest()[:16] for dialect, schema in printed.items()}
    assert tables.VERSION == 1
    assert digests == {"sqlite": "a39e050113785c8d", "postgresql": "d7576bcb182a56de"}


def test_adding_without_the_tables_says_so(sqlite_url):
    engine = create_engine(f"sqlite:///{sqlite_url}")
    with engine.begin() as connection, pytest.raises(JournalError, match="no such table"):
        Journal(sqlite_url).add_sync(
            connection, Program(), reference="r", contact_id=1, balance_definition_id=DEFINITION, amount=1
        )
    engine.dispose()


# Opening -------------------------------------------------------------------------------------------------------


async def test_several_processes_may_open_a_new_journal_at_once(url):
    async def start(number):
        async with Journal(url) as journal:
            scope = await journal.scope(Program(), DEFINITION)
            rows = [await journal.enroll(scope, credit(f"{number}-{each}")) for each in range(20)]
            return [row.owner for row in rows]

    owners = await asyncio.gather(*map(start, range(4)))
    assert len({owner for each in owners for owner in each}) == 4


async def test_every_new_start_has_an_id_of_its_own(url):
    seen = []
    for _ in range(3):
        async with Journal(url) as journal:
            seen.append(journal.me)
    assert len(set(seen)) == 3


async def test_a_newer_schema_is_refused_and_an_older_one_is_upgraded(url, monkeypatch):
    async with Journal(url):
        pass
    monkeypatch.setattr(tables, "VERSION", 2)
    done = []
    monkeypatch.setattr(tables, "UPGRADES", {1: lambda connection: done.append(connection.dialect.name)})
    async with Journal(url):
        pass
    async with Journal(url):
        assert len(done) == 1
    monkeypatch.undo()
    with pytest.raises(JournalVersionError, match="version 2, this release knows 1"):
        await Journal(url).open()


@pytest.mark.parametrize(
    ("mounts", "kind"),
    [
        ("/dev/sda / ext4 rw 0 0\n", None),
        ("/dev/sda / ext4 rw 0 0\nnas:/x /home nfs4 rw 0 0\n", "nfs4"),
        ("nas:/x /home nfs rw 0 0\n/dev/sdb /home/local ext4 rw 0 0\n", None),
        ("/dev/sda / ext4 rw 0 0\n//nas/x /home/my\\040files cifs rw 0 0\n", None),
    ],
)
def test_a_network_file_system_is_recognised(tmp_path, mounts, kind):
    table = tmp_path / "mounts"
    table.write_text(mounts)
    assert network_file_system(Path("/home/local/journal.db"), table) == kind
    assert network_file_system(Path("/home/local/journal.db"), tmp_path / "none") is None


async def test_a_journal_on_a_network_file_system_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(brevo_balance_async.journal.sqlite, "network_file_system", lambda _: "nfs4")
    with pytest.raises(JournalError, match=r"nfs4.*PostgreSQL"):
        await Journal(tmp_path / "journal.db").open()


@pytest.mark.parametrize(
    "url", ["", ":memory:", "sqlite://", "mysql://a/b", "file:x?mode=memory", "http://x"]
)
def test_urls_that_cannot_be_a_journal_are_refused(url):
    with pytest.raises(InvalidRequestError, match="url"):
        Journal(url)


async def test_files_that_are_no_journal_say_what_to_do(tmp_path):
    with pytest.raises(JournalError, match="its folder must exist"):
        await Journal(tmp_path / "none" / "journal.db").open()
    (tmp_path / "text.db").write_text(
        "something else altogether, and long enough to be a header of a file" * 20
    )
    with pytest.raises(JournalError, match="no SQLite database; name another file"):
        await Journal(tmp_path / "text.db").open()


async def test_a_damaged_journal_is_not_replaced(sqlite_url):
    async with Journal(sqlite_url) as journal:
        scope = await journal.scope(Program(), DEFINITION)
        await journal.load(scope, await journal.open_batch("f"), [credit(f"r{n}") for n in range(500)])
    _damage(Path(sqlite_url))
    with pytest.raises(JournalError, match=r"damaged\. Do not start with an empty one"):
        async with Journal(sqlite_url) as journal:
            await journal.status()


def _damage(file):
    whole = file.read_bytes()
    file.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))


async def test_a_journal_that_another_program_locks_says_so(sqlite_url, monkeypatch):
    monkeypatch.setattr(brevo_balance_async.journal.sqlite, "BUSY", 0.1)
    async with Journal(sqlite_url) as journal:
        holder = sqlite3.connect(sqlite_url, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalBusyError, match="another program holds it locked"):
            await journal.now()
        with pytest.raises(JournalBusyError):
            await Journal(sqlite_url).open()
        holder.execute("ROLLBACK")
        holder.close()
        assert await journal.now()


async def test_a_full_disk_is_told_and_nothing_is_half_written(sqlite_url):
    async with Journal(sqlite_url) as journal:
        scope = await journal.scope(Program(), DEFINITION)

        def bound(turn):
            pages = turn.connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            turn.connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")

        await journal.run(bound)
        with pytest.raises(JournalFullError, match="make room and run again"):
            for n in range(1000):
                await journal.enroll(scope, credit(f"r{n}", meta={"filler": "x" * 500}))


async def test_a_lost_server_is_told_and_the_next_call_connects_again(postgres_url):
    async with Journal(postgres_url) as journal:
        scope = await journal.scope(Program(), DEFINITION)

        def end_all_others(turn):
            turn.connection.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
                "AND datname = current_database()"
            )

        async with Journal(postgres_url) as other:
            await other.run(end_all_others)
        row = await journal.enroll(scope, credit())
        assert journal.holds(row)
    with pytest.raises(JournalError, match="check the address"):
        await Journal("postgresql://u:secret-password@127.0.0.1:1/x").open()
    assert "secret-password" not in repr(Journal("postgresql://u:secret-password@127.0.0.1:1/x"))


async def test_a_durable_commit_is_synced_and_only_that_one(sqlite_url, postgres_url):
    async with Journal(sqlite_url) as journal:
        seen = []
        await journal._database.transact(lambda c, _: seen.append(_pragma(c)), durable=False)
        await journal._database.transact(lambda c, _: seen.append(_pragma(c)), durable=True)
        assert seen == [1, 2]  # NORMAL, FULL
    async with Journal(postgres_url) as journal:
        await journal.run(lambda turn: turn.connection.exec_driver_sql("SET synchronous_commit = off"))
        seen = []
        await journal._database.transact(lambda c, _: seen.append(_synchronous(c)), durable=False)
        await journal._database.transact(lambda c, _: seen.append(_synchronous(c)), durable=True)
        assert seen == ["off", "on"]


async def test_a_choice_is_durable_and_what_the_server_tells_again_need_not_be(journal, scope, monkeypatch):
    commits = []
    transact = journal._database.transact

    async def noted(work, *, durable):
        commits.append(durable)
        return await transact(work, durable=durable)

    monkeypatch.setattr(journal._database, "transact", noted)
    row = await journal.enroll(scope, credit())
    row = await journal.move(row, state="chosen", tid=str(uuid4()))
    await journal.finish(row, "applied", durable=False)
    assert commits == [False, True, False]


def _pragma(connection):
    return connection.exec_driver_sql("PRAGMA synchronous").scalar_one()


def _synchronous(connection):
    return connection.exec_driver_sql("SHOW synchronous_commit").scalar_one()


async def test_a_closed_journal_writes_nothing(sqlite_url):
    journal = Journal(sqlite_url)
    with pytest.raises(JournalError, match="is not open"):
        await journal.status()
    async with journal:
        pass
    with pytest.raises(JournalError, match="is not open"):
        await journal.status()
    with pytest.raises(JournalError, match="opened once"):
        await journal.open()


async def test_what_was_asked_for_is_written_although_nobody_waits(url, journal, scope):
    row = await journal.enroll(scope, credit())
    task = asyncio.create_task(journal.move(row, state="chosen", tid=str(uuid4())))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await journal.look(scope, ["order-42"]))["order-42"].state == "chosen"


async def test_a_copy_of_the_file_and_its_log_holds_what_was_committed(sqlite_url, tmp_path):
    async with Journal(sqlite_url) as journal:
        scope = await journal.scope(Program(), DEFINITION)
        await chosen(journal, scope)
        for suffix in ("", "-wal"):
            shutil.copy(sqlite_url + suffix, str(tmp_path / "copy.db") + suffix)
    async with Journal(tmp_path / "copy.db") as copy:
        rows = await copy.look(await copy.scope(Program(), DEFINITION), ["order-42"])
        assert rows["order-42"].state == "chosen"
