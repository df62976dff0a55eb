"""The importer on a sandbox: planned, loaded, delivered, reported, drained, resumed."""

from __future__ import annotations

import asyncio
from collections import Counter
from decimal import Decimal

import pytest

from brevo_balance_async import AuthenticationError, BalanceClient, InputFileError, JournalBusyError
from brevo_balance_async.importer import Entry, Importer, read_csv
from brevo_balance_async.journal import Journal
from brevo_balance_async.journal.batches import LeftOver
from brevo_balance_async.sandbox import Sandbox, effects

PROGRAM = "27aa1d7a-af67-4020-8a65-19d6b0f0a26e"
HEAD = "reference,contact_id,amount\n"


@pytest.fixture
async def sandbox():
    async with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
async def program(sandbox):
    async with BalanceClient(sandbox.api_key, base_url=sandbox.base_url, timeout=5) as client:
        yield client.program(PROGRAM)


@pytest.fixture
async def points(program):
    return (await program.definitions.create(name="Points", unit="POINTS")).id


@pytest.fixture
async def journal(tmp_path):
    async with Journal(tmp_path / "journal.db", lease=1) as journal:
        yield journal


@pytest.fixture
def importer(program, journal):
    return Importer(program, journal)


@pytest.fixture
def rows(tmp_path, points):
    """``rows("r-1,1,2.50\\n")`` writes a file and gives its entries."""

    def write(text, name="rows.csv"):
        path = tmp_path / name
        path.write_text(HEAD + text)
        return read_csv(path, balance_definition_id=points)

    return write


def completed(sandbox):
    """What was credited, by reference: (contact, amount)."""
    found = Counter()
    for transaction in sandbox.ledger.transactions(PROGRAM):
        if transaction.status == "completed":
            found[transaction.meta["reference"], transaction.contact_id, transaction.size] += 1
    return found


def numbered(count):
    return "".join(f"r-{n},{n % 7 + 1},{n}.50\n" for n in range(count))


def wanted(count):
    return Counter({(f"r-{n}", n % 7 + 1, Decimal(f"{n}.50")): 1 for n in range(count)})


async def test_each_row_is_credited_once_however_often_it_is_run(sandbox, importer, rows):
    file = rows(numbered(60))
    first = await importer.run(file)
    assert (first.applied, first.refused, first.unknown, first.open, first.repeated) == (60, 0, 0, 0, 0)
    assert first.requests == sandbox.hits("transactions.begin") + sandbox.hits("transactions.complete") == 120
    again = await importer.run(file)
    assert (again.applied, again.repeated, again.requests, again.total) == (60, 60, 0, 60)
    assert completed(sandbox) == wanted(60)


async def test_a_plan_writes_nothing_and_makes_one_request(tmp_path, program, points, rows):
    async with Sandbox(rph=600) as limited:
        limited.seed(PROGRAM, definitions=[{"id": points, "name": "Points", "unit": "POINTS"}])
        async with BalanceClient(limited.api_key, base_url=limited.base_url) as client:
            async with Journal(tmp_path / "other.db") as journal:
                importer = Importer(client.program(PROGRAM), journal)
                bad = await importer.plan(rows(numbered(100) + "zero,1,0\nr-3,4,3.5\nr-4,5,99\n", "bad.csv"))
                assert (bad.rows, bad.duplicates, bad.conflicts, bad.hours) == (103, 1, 1, None)
                (problem,) = bad.problems
                assert problem.line == 104
                assert "'r-4' stands on line 6 already, with amount 4.5, not 99" in problem.reason
                assert len(limited.requests) == 0
                plan = await importer.plan(rows(numbered(100) + "zero,1,0\nr-3,4,3.5\n"))
                assert (plan.rows, plan.new, plan.open, plan.done) == (102, 101, 0, 0)
                assert (plan.duplicates, plan.conflicts, plan.requests) == (1, 0, 200)
                # 600 less a fifth, one of them used for the question: 200 of the 479 that are left of the hour.
                assert plan.hours == pytest.approx(200 / 479 * client.quota.resets_in / 3600, rel=0.01)
                assert len(limited.requests) == 1
                assert (await journal.status()).scopes == ()


async def test_a_plan_tells_what_the_journal_has(importer, rows, sandbox):
    await importer.run(rows(numbered(10), "first.csv"))
    before = len(sandbox.requests)
    plan = await importer.plan(rows(numbered(15) + "zero,1,0\n", "second.csv"))
    assert (plan.rows, plan.new, plan.done, plan.requests) == (16, 6, 10, 10)
    changed = await importer.plan(rows("r-1,2,7\n", "third.csv"))
    assert changed.conflicts == 1
    assert "'r-1' is in the journal already, with amount 1.5, not 7" in changed.problems[0].reason
    assert len(sandbox.requests) <= before + 1
    assert plan.hours is None  # this server announces no quota


async def test_a_conflict_refuses_the_whole_file_before_the_first_request(sandbox, importer, journal, rows):
    before = len(sandbox.requests)
    with pytest.raises(InputFileError) as caught:
        await importer.run(rows(numbered(30) + "r-2,3,99\nr-3,9,3.5\n"))
    assert [problem.line for problem in caught.value.problems] == [32, 33]
    assert "line 4 already, with amount 2.5, not 99" in caught.value.problems[0].reason
    assert "line 5 already, with contact_id 4, not 9" in caught.value.problems[1].reason
    status = await journal.status()
    assert sum(status.scopes[0].counts.values()) == 0
    assert status.unfinished_loads == ()
    assert len(sandbox.requests) == before


async def test_a_bad_row_refuses_the_whole_file_and_tells_conflicts_before_it(sandbox, importer, rows):
    before = len(sandbox.requests)
    with pytest.raises(InputFileError) as caught:
        await importer.run(rows("r-1,1,1\nr-1,1,2\nr-2,0,1\n"))
    assert [problem.line for problem in caught.value.problems] == [3, 4]
    assert len(sandbox.requests) == before


async def test_zero_is_refused_without_a_request_and_stops_nobody(sandbox, importer, rows):
    async with importer.run(rows("r-1,1,1\nfree,1,0.00\nr-2,1,2\n")) as outcomes:
        told = {outcome.reference: outcome async for outcome in outcomes}
    assert (told["free"].state, told["free"].reason, told["free"].line) == ("refused", "zero", 3)
    assert not told["free"].repeated
    assert outcomes.report.applied == 2
    assert sandbox.hits("transactions.begin") == 2


async def test_rows_of_one_contact_go_in_their_order(sandbox, importer, rows):
    await importer.run(rows("".join(f"r-{n},{n % 2 + 1},{n + 1}\n" for n in range(40))))
    for contact in (1, 2):
        order = [
            int(t.meta["reference"][2:])
            for t in sandbox.ledger.transactions(PROGRAM)
            if t.contact_id == contact
        ]
        assert order == sorted(order)
        assert len(order) == 20


async def test_a_row_that_the_server_refuses_stops_nobody(sandbox, importer, rows):
    sandbox.faults.add(effects.status(422), operation="transactions.begin", nth=2)
    async with importer.run(rows(numbered(10))) as outcomes:
        told = [outcome async for outcome in outcomes]
    assert Counter(outcome.state for outcome in told) == {"applied": 9, "refused": 1}
    (refused,) = [outcome for outcome in told if outcome.state == "refused"]
    assert refused.line == int(refused.reference[2:]) + 2
    assert refused.reason


async def test_any_iterable_of_entries_will_do(sandbox, importer, points):
    def entries():
        for n in range(5):
            yield Entry(
                reference=f"r-{n}", balance_definition_id=points, amount=f"{n}.5", contact_id=n % 7 + 1
            )

    async def asynchronous():
        for entry in entries():
            yield entry

    assert (await importer.run(entries())).applied == 5
    again = await importer.run(asynchronous())
    assert (again.applied, again.repeated) == (5, 5)
    assert completed(sandbox) == wanted(5)


async def test_two_definitions_may_use_one_reference(sandbox, program, importer, points):
    other = (await program.definitions.create(name="Other", unit="POINTS")).id
    report = await importer.run(
        [Entry(reference="r", balance_definition_id=each, amount=1, contact_id=1) for each in (points, other)]
    )
    assert (report.applied, report.total) == (2, 2)


async def test_a_load_that_was_not_finished_is_never_delivered_and_is_replaced(
    sandbox, program, journal, importer, rows, points
):
    file = rows(numbered(20))
    killed = importer.run(file)
    batch = await journal.open_batch(killed._reading.source)
    scope = await journal.scope(program, points)
    async for _, intents in killed._reading.parts():
        await journal.load(scope, batch, intents)
    killed._reading.seen.close()
    assert (await journal.status()).unfinished_loads == (str(file.path.absolute()),)
    assert (await importer.resume()).total == 0
    assert not completed(sandbox)
    report = await importer.run(file)
    assert (report.applied, report.repeated) == (20, 0)
    assert (await journal.status()).unfinished_loads == ()


async def test_of_two_loads_of_one_source_at_once_the_first_gives_way(sandbox, importer, journal, rows):
    file = rows(numbered(5))

    class Slow:
        path = file.path

        async def __aiter__(self):
            entries = list(file)
            yield entries[0]
            assert (await importer.run(file)).applied == 5
            for entry in entries[1:]:
                yield entry

    with pytest.raises(JournalBusyError):
        await importer.run(Slow())
    assert completed(sandbox) == wanted(5)
    assert (await importer.run(file)).repeated == 5


async def test_a_key_that_is_revoked_stops_the_run_and_resume_finishes_it(sandbox, program, journal, rows):
    # One at a time: a complete in flight when the run stops would be in doubt, and left alone for some minutes.
    importer = Importer(program, journal, concurrency=1)
    sandbox.faults.add(effects.status(401), operation="transactions.begin", nth=10, times=1000)
    run = importer.run(rows(numbered(40)))
    with pytest.raises(AuthenticationError):
        await run
    assert run.report.open + run.report.unknown > 0
    sandbox.faults.clear()
    resumed = await importer.resume()
    assert resumed.open == resumed.unknown == 0
    assert completed(sandbox) == wanted(40)


async def test_leaving_early_stops_the_workers_and_leaves_the_rest_open(sandbox, program, journal, rows):
    importer = Importer(program, journal, grace=0.5)  # a draft in doubt is left alone for half of it
    file = rows(numbered(300))
    async with importer.run(file) as outcomes:
        async for _ in outcomes:
            break
    sent = len(sandbox.requests)
    await asyncio.sleep(0.1)
    assert len(sandbox.requests) == sent
    assert outcomes.report.open > 100
    report = await importer.run(file)  # what was under way when they were stopped is asked for again
    assert (report.applied, report.open, report.unknown) == (300, 0, 0)
    assert completed(sandbox) == wanted(300)


async def test_drain_lets_what_is_in_flight_finish(sandbox, importer, journal, rows):
    file = rows(numbered(300))
    async with importer.run(file) as outcomes:
        told = []
        async for outcome in outcomes:
            told.append(outcome)
            if len(told) == 5:
                importer.drain()
    report = outcomes.report
    assert report.unknown == 0
    assert report.applied == len(told) < 100
    assert report.open == 300 - report.applied
    assert sum(completed(sandbox).values()) == report.applied
    assert (await journal.left_over(importer._program, None)) == LeftOver(due=report.open)
    assert (await importer.run(file)).applied == 300
    assert completed(sandbox) == wanted(300)


@pytest.mark.parametrize("mode", ["strict", "lean"])
async def test_drain_does_not_wait_for_quota(tmp_path, points, rows, mode):
    async with Sandbox(rph=5) as limited:
        limited.seed(PROGRAM, definitions=[{"id": points, "name": "Points", "unit": "POINTS"}])
        async with BalanceClient(limited.api_key, base_url=limited.base_url) as client:
            async with Journal(tmp_path / "other.db") as journal:
                importer = Importer(client.program(PROGRAM), journal, mode=mode)
                async with importer.run(rows(numbered(40))) as outcomes:
                    asyncio.get_running_loop().call_later(0.5, importer.drain)
                    async with asyncio.timeout(20):  # the quota lets one go in a quarter of an hour
                        told = [outcome async for outcome in outcomes]
                report = outcomes.report
                assert report.applied + report.unknown == len(told) < 5
                assert report.unknown == 0 or mode == "strict"  # a draft whose complete would have to wait
                assert report.open == 40 - len(told)
                # Nothing of it is in doubt, and all of it is free.
                assert await journal.left_over(client.program(PROGRAM), None) == LeftOver(due=40 - len(told))


async def test_drain_while_loading_delivers_nothing(sandbox, importer, journal, points):
    before = len(sandbox.requests)

    async def entries():
        for n in range(3_000):
            if n == 1_500:
                importer.drain()
            yield Entry(reference=f"r-{n}", balance_definition_id=points, amount=1, contact_id=1)

    report = await importer.run(entries())
    assert report.applied == 0
    assert report.open > 0
    assert len(sandbox.requests) == before
    assert (await importer.resume()).total == 0
    assert (await journal.status()).unfinished_loads == ()


async def test_rows_in_the_hands_of_a_dead_process_are_waited_for(tmp_path, sandbox, program, rows, points):
    file = rows(numbered(10))
    async with (
        Journal(tmp_path / "journal.db", lease=1) as ours,
        Journal(tmp_path / "journal.db", lease=1) as dead,
    ):
        async with Importer(program, dead).run(file):
            scope = await dead.scope(program, points)
            assert len(await dead.take_due(scope, limit=4)) == 4
        dead._heart.cancel()  # it says nothing any more
        report = await Importer(program, ours).run(file)
    assert (report.applied, report.open, report.repeated) == (10, 0, 0)


async def test_a_row_in_doubt_is_waited_for_with_those_behind_it(sandbox, program, journal, rows):
    sandbox.faults.add(effects.drop(), operation="transactions.complete", nth=1)  # before it was applied
    importer = Importer(program, journal, concurrency=1, grace=3, patience=0.1)
    run = importer.run(rows("first,1,1\nsecond,1,2\nthird,2,3\n"))
    waited = asyncio.create_task(_waiting(run))
    async with asyncio.timeout(20):
        report = await run
    assert (report.applied, report.open, report.unknown) == (3, 0, 0)
    waiting = await waited
    assert (waiting.unsettled, waiting.behind, waiting.taken) == (1, 1, 0)
    assert 0 < waiting.seconds < 1.5
    assert run.waiting is None
    assert not run.drained
    assert Counter(reference for reference, *_ in completed(sandbox).elements()) == {
        "first": 1,
        "second": 1,
        "third": 1,
    }
    assert [t.meta["reference"] for t in sandbox.ledger.transactions(PROGRAM) if t.contact_id == 1] == [
        "first",
        "second",
    ]


async def _waiting(run):
    while run.waiting is None:
        await asyncio.sleep(0.01)
    return run.waiting


async def test_a_run_that_waits_is_drained_at_once(sandbox, program, journal, rows):
    sandbox.faults.add(effects.drop(), operation="transactions.complete", nth=1)
    importer = Importer(program, journal, patience=0.1)
    run = importer.run(rows("first,1,1\nsecond,1,2\n"))
    waited = asyncio.create_task(_waiting(run))
    waited.add_done_callback(lambda _: importer.drain())
    async with asyncio.timeout(20):  # the draft in doubt is left alone for five minutes
        report = await run
    assert (report.applied, report.unknown, report.open) == (0, 1, 1)
    assert run.drained


async def test_what_waits_for_a_person_is_told_and_not_waited_for(sandbox, program, journal, rows):
    importer = Importer(program, journal, mode="at_most_once")
    sandbox.faults.add(effects.apply_then_drop(), operation="transactions.begin", nth=1)
    file = rows("first,1,1\nsecond,1,2\n")
    first = await importer.run(file)
    assert (first.applied, first.unknown, first.open) == (1, 1, 0)
    async with importer.resume() as outcomes:
        (told,) = [outcome async for outcome in outcomes]
    assert (told.reference, told.state, told.retry_after) == ("first", "unknown", None)
    report = outcomes.report
    assert (report.applied, report.unknown, report.open, report.requests) == (0, 1, 0, 0)


async def test_rows_that_another_process_settles_are_not_of_a_resumed_run(tmp_path, program, rows, points):
    file = rows(numbered(6))
    async with (
        Journal(tmp_path / "journal.db", lease=5) as ours,
        Journal(tmp_path / "journal.db", lease=5) as theirs,
    ):
        async with Importer(program, theirs).run(file):  # loaded, and left
            pass
        scope = await theirs.scope(program, points)
        taken = await theirs.take_due(scope, limit=2)
        run = Importer(program, ours).resume()
        waited = asyncio.create_task(_waiting(run))
        resumed = asyncio.create_task(_through(run))
        assert (await waited).taken == 2
        for row in taken:
            await theirs.finish(row, "applied")
        report = await resumed
    assert (report.applied, report.open, report.total) == (4, 0, 4)


async def _through(run):
    return await run


async def test_what_the_server_credits_otherwise_is_counted(sandbox, program, importer):
    definition = await program.definitions.create(
        name="Capped", unit="POINTS", max_amount=10, balance_option_amount_overtaking_strategy="partial"
    )
    report = await importer.run(
        [
            Entry(reference=f"r-{n}", balance_definition_id=definition.id, amount=6, contact_id=1)
            for n in range(2)
        ]
    )
    assert (report.applied, report.differing) == (2, 1)


async def test_a_run_is_used_once(importer, rows):
    run = importer.run(rows("r-1,1,1\n"))
    assert (await run).applied == 1
    with pytest.raises(ValueError, match="is used once"):
        await run


async def test_what_is_no_entry_is_refused(importer):
    with pytest.raises(ValueError, match="must give Entry objects"):
        await importer.run([{"reference": "r"}])
