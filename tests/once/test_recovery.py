"""A journal that was lost, and the audit of lean."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from helpers import BEGIN, BOTH, HISTORY, PROGRAM, credited, sent

from brevo_balance_async import ServerError
from brevo_balance_async.exactly_once import ExactlyOnce
from brevo_balance_async.journal import Journal
from brevo_balance_async.sandbox import effects

QUICK = {"grace": 0.3, "settle": 0.3, "lag": 0.1, "patience": 5.0}


async def test_a_lost_journal_is_rebuilt_from_history(sandbox, program, definition, tmp_path):
    args = {"balance_definition_id": definition, "amount": "5"}
    async with Journal(tmp_path / "lost.db") as journal:
        once = ExactlyOnce(program, journal, **QUICK)
        for n in range(6):
            await once.apply(reference=f"r{n}", contact_id=n % 2 + 1, **args)
    async with Journal(tmp_path / "new.db") as journal:
        once = ExactlyOnce(program, journal, verify_first=True, **QUICK)
        for n in range(8):
            outcome = await once.apply(reference=f"r{n}", contact_id=n % 2 + 1, **args)
            assert (outcome.state, outcome.credited) == ("applied", Decimal(5))
    assert credited(sandbox) == {f"r{n}": 1 for n in range(8)}
    assert sent(sandbox, HISTORY) == 2  # one for each contact
    assert sent(sandbox, BEGIN) == 8


@BOTH
async def test_a_draft_of_a_lost_journal_is_completed_and_several_are_left_to_expire(
    sandbox, program, definition, journal_url
):
    async def draft(reference):
        return await program.transactions.begin(
            balance_definition_id=definition, contact_id=1, amount=5, meta={"reference": reference}, ttl=60
        )

    one = await draft("one")
    await draft("two")
    await draft("two")
    async with Journal(journal_url) as journal:
        once = ExactlyOnce(program, journal, verify_first=True, **{**QUICK, "patience": 0.1})
        args = {"contact_id": 1, "balance_definition_id": definition, "amount": "5"}
        assert (await once.apply(reference="one", **args)).transaction_id == one.id
        assert (await once.apply(reference="two", **args)).state == "unknown"
        sandbox.clock.advance(100)
        await journal.reopen("two")
        assert (await once.apply(reference="two", **args)).state == "applied"
    assert credited(sandbox) == {"one": 1, "two": 1}


async def late(sandbox, program, definition, once):
    """A reference of which a request that was given up is applied in the end."""
    args = {"contact_id": 1, "balance_definition_id": definition}
    await once.apply(reference="before", amount="1", **args)
    sandbox.faults.add(effects.drop(), operation=BEGIN, nth=1)
    for _ in range(50):
        if (await once.apply(reference="r", amount="5", **args)).final:
            break
        await asyncio.sleep(0.05)
    await program.transactions.begin(
        **args, amount="5", auto_complete=True, meta={"reference": "r", "attempt": "1"}
    )


@BOTH
async def test_the_audit_finds_what_was_applied_late_and_undoes_it_when_asked(
    sandbox, program, definition, journal_url
):
    async with Journal(journal_url) as journal:
        once = ExactlyOnce(program, journal, mode="lean", **QUICK)
        await late(sandbox, program, definition, once)
        assert credited(sandbox) == {"before": 1, "r": 2}
        (found,) = [each async for each in once.audit()]
        assert (found.reference, found.contact_id, list(found.extra.values())) == ("r", 1, [Decimal(5)])
        (found,) = [each async for each in once.audit(undo=True)]
        assert [outcome.state for outcome in found.undone] == ["applied"]
        (found,) = [each async for each in once.audit(undo=True)]
        assert [outcome.repeated for outcome in found.undone] == [True]
    completed = [each for each in sandbox.ledger.transactions(PROGRAM) if each.status == "completed"]
    assert sum(each.size if each.kind == "credit" else -each.size for each in completed) == Decimal(6)


async def test_an_audit_that_cannot_read_says_so(sandbox, program, definition, sqlite_url):
    async with Journal(sqlite_url) as journal:
        once = ExactlyOnce(program, journal, mode="lean", **QUICK)
        await late(sandbox, program, definition, once)
        sandbox.faults.add(effects.status(500), operation=HISTORY)
        with pytest.raises(ServerError):
            [each async for each in once.audit()]
