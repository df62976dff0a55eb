"""A state file: what was answered is there after an end of any kind, and the same things happen again."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from uuid import UUID

import aiohttp
import pytest

from brevo_balance_async.sandbox import Sandbox, SandboxClock, StateError, effects

PROGRAM = "27aa1d7a-af67-4020-8a65-19d6b0f0a26e"
DEFINITION = "7c1f0f0e-52a1-4c2e-9a55-0d3b7c9f1a10"
START = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)

SEED = {
    "program": PROGRAM,
    "contacts": [1, {"contactId": 2, "loyaltySubscriptionId": "card-2"}],
    "definitions": [{"id": DEFINITION, "name": "Points", "unit": "POINTS"}],
    "credits": [{"contactId": 2, "amount": Decimal("99.5"), "meta": {"reference": "old"}}],
    "histories": [{"contactId": 1, "count": 1000}],
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "sandbox.db"


def shown(sandbox):
    """All that a ledger has, as far as anybody can see it."""
    sandbox.ledger.settle()
    return [
        (program.id, program.members, program.draft.definitions, program.active.limits, accounts(program))
        for program in sandbox.ledger.catalogue
    ]


def accounts(program):
    return {
        (definition_id, account.contact_id): (
            account.balance,
            account.updated_at,
            account.created,
            [(lot.id, lot.remaining, lot.expires_at) for lot in account.active_lots()],
            [(row.id, row.status, row.size, row.meta) for row in account.history.rows().recorded],
            len(account.history.rows()),
        )
        for definition_id, book in program.books_by_definition()
        for account in book
    }


async def a_bit_of_everything(api):
    """Every kind of change, refusals among them, on a clock that is moved now and then."""
    points = await api.definition(name="Crédits", meta={"é": [1.50, None]})
    await api.ok(
        "POST",
        f"balance-definitions/{points}/limits",
        {
            "constraintType": "transaction",
            "durationUnit": "day",
            "durationValue": 1,
            "transactionType": "credit",
            "value": 3,
        },
    )
    draft = await api.begin(points, 100, 7, meta={"reference": "é-1"})
    await api.ok("POST", f"transactions/{draft['id']}/complete")
    cancelled = await api.begin(points, 5, 7)
    await api.ok("POST", f"transactions/{cancelled['id']}/cancel")
    assert (await api.credit(points, -1000, 7))["status"] == "rejected"
    assert (await api("POST", "transactions", {"amount": "x"})).status == 422
    assert (await api("POST", f"transactions/{draft['id']}/complete")).status == 422
    await api.begin(points, 1, 9, ttl=60)
    due = (START + timedelta(hours=1)).isoformat()
    await api.ok(
        "POST",
        "create-order",
        {
            "balanceDefinitionId": points,
            "contactId": 8,
            "amount": 12.5,
            "dueAt": due,
            "source": "engine",
        },
    )
    await api.ok("POST", "subscriptions/8/balances", {"balanceDefinitionId": points})
    await api.control("POST", "clock/advance", {"seconds": 4000})
    await api.ok("GET", "contact-balances", balanceDefinitionId=DEFINITION)
    api.sandbox.set_switches(rejection="422", rounding_places=0, history_lag=0.5)
    await api.ok("PUT", f"balance-definitions/{points}", {"name": "Points", "unit": "EUR", "maxAmount": 110})
    assert await api("POST", "transactions", {"balanceDefinitionId": points, "contactId": 8, "amount": 100})
    await api.control("POST", "merge", {"program": PROGRAM, "contactId": 9, "into": 8})
    await api.ok("DELETE", f"balance-definitions/{await api.definition()}")
    api.sandbox.faults.add(effects.apply_then_drop(), times=1)
    with pytest.raises(aiohttp.ClientError):
        await api.credit(DEFINITION, 3, 2)
    return points


async def test_a_stopped_sandbox_starts_again_where_it_was(path, serve):
    async with serve(state=path, seed=SEED) as api:
        await a_bit_of_everything(api)
        before, now, switches = shown(api.sandbox), api.sandbox.clock.now(), api.sandbox.switches
        assert api.sandbox.ledger.balance(PROGRAM, DEFINITION, 2) == Decimal("102.5")
    clock = SandboxClock(START, frozen=True)
    async with serve(state=path, clock=clock, switches=switches) as api:
        assert (shown(api.sandbox), clock.now(), clock.frozen) == (before, now, True)
        assert api.sandbox.switches == switches


async def test_answers_after_a_restart_are_those_of_before(path, serve):
    async with serve(state=path) as api:
        definition = await api.definition()
        draft = await api.begin(definition, 5)
        page = await api.history(definition)
    async with serve(state=path) as api:
        assert await api.history(definition) == page
        done = await api.ok("POST", f"transactions/{draft['id']}/complete")
        assert (done["id"], done["balance"]) == (draft["id"], 5)


async def test_what_fell_due_while_nobody_looked_is_judged_as_of_its_moment(path, serve):
    order = {"balanceDefinitionId": DEFINITION, "contactId": 2, "amount": 10, "source": "user"}
    order["dueAt"] = (START + timedelta(minutes=1)).isoformat()
    async with serve(state=path, seed=SEED) as api:
        await api.ok("POST", "create-order", order)
        api.sandbox.clock.advance(120)
        # The order came before the edit, so the cap does not hold for it, whether or not somebody looked in between.
        terms = {"name": "Points", "unit": "POINTS", "maxCreditAmountLimit": 1}
        await api.ok("PUT", f"balance-definitions/{DEFINITION}", terms)
        balance = api.sandbox.ledger.balance(PROGRAM, DEFINITION, 2)
        lots = [lot.id for lot in api.sandbox.ledger.active_lots(PROGRAM, DEFINITION, 2)]
    assert balance == Decimal("109.5")
    async with serve(state=path) as api:
        assert api.sandbox.ledger.balance(PROGRAM, DEFINITION, 2) == balance
        assert [lot.id for lot in api.sandbox.ledger.active_lots(PROGRAM, DEFINITION, 2)] == lots


async def test_a_complete_that_takes_its_time_comes_out_the_same(path, serve):
    async with serve(state=path, seed=SEED) as api:
        api.sandbox.faults.add(effects.commit_later(30), operation="transactions.complete")
        draft = await api.begin(DEFINITION, 5, 2, ttl=10)
        completing = asyncio.create_task(api("POST", f"transactions/{draft['id']}/complete"))
        while api.sandbox._service.journal.file.next_number < 4:  # seed, begin, and the start of the complete
            await asyncio.sleep(0)
        api.sandbox.clock.advance(40)
        assert (await completing).json["status"] == "completed"
        before = shown(api.sandbox)
    async with serve(state=path) as api:
        assert shown(api.sandbox) == before


async def test_a_seed_is_for_a_new_file_and_comes_back_with_reset(path, serve):
    async with serve(state=path, seed=SEED) as api:
        await api.credit(DEFINITION, 5, 2)
    other = {"program": PROGRAM, "contacts": [77]}
    async with serve(state=path, seed=other) as api:
        assert api.sandbox.ledger.balance(PROGRAM, DEFINITION, 2) == Decimal("104.5")
        (program,) = api.sandbox.ledger.catalogue
        assert 77 not in program.members
        api.sandbox.clock.advance(1000)
        api.sandbox.reset()
        assert api.sandbox.clock.now() == START
    async with serve(state=path) as api:
        assert api.sandbox.ledger.balance(PROGRAM, DEFINITION, 2) == Decimal("99.5")
        assert api.sandbox.clock.now() == START


async def test_restore_goes_for_the_file_too(path, serve):
    async with serve(state=path, seed=SEED) as api:
        await api.credit(DEFINITION, 5, 2)
        snapshot, before = api.sandbox.snapshot(), shown(api.sandbox)
        await api.credit(DEFINITION, 50, 2)
        api.sandbox.clock.advance(1000)
        api.sandbox.restore(snapshot)
        await api.credit(DEFINITION, 1, 2)
        api.sandbox.restore(snapshot)
    async with serve(state=path) as api:
        assert (shown(api.sandbox), api.sandbox.clock.now()) == (before, START)


async def test_an_id_is_never_given_twice_whatever_was_forgotten(path, serve):
    """A client's journal may remember the id of what a reset or a restore has made undone."""

    async def made(api):
        definition = await api.definition()
        seeded = {"balanceDefinitionId": definition, "contactId": 5, "count": 2}
        await api.control("POST", "seed", {"program": PROGRAM, "histories": [seeded]})
        rows = (await api.history(definition, 5))["transactionHistory"]
        return {definition, (await api.credit(definition, 1))["id"], *(row["id"] for row in rows)}

    met, forgotten = set(), 0
    async with serve(state=path, seed=SEED) as api:
        snapshot = api.sandbox.snapshot()
        for forget in (lambda: None, api.sandbox.reset, lambda: api.sandbox.restore(snapshot)):
            forget()
            ids = await made(api)
            assert not ids & met
            met |= ids
        api.sandbox.reset()
        forgotten = len(met)
    for _ in range(2):  # what was given is known after a restart, and after one that made nothing
        async with serve(state=path) as api:
            pass
    async with serve(state=path) as api:
        ids = await made(api)
        assert not ids & met
        before = shown(api.sandbox)
    assert forgotten == 12
    async with serve(state=path) as api:
        assert shown(api.sandbox) == before


async def test_a_running_clock_goes_on_while_the_sandbox_is_down(path):
    async with Sandbox(state=path) as sandbox:
        sandbox.clock.advance(86400)
        ahead = sandbox.clock.now()
    async with Sandbox(state=path) as sandbox:
        assert ahead <= sandbox.clock.now() < ahead + timedelta(hours=1)
    # The wall clock may be wrong: the sandbox's does not go back for it.
    with sqlite3.connect(path) as database:
        wrong = datetime.now(UTC) + timedelta(days=30)
        noted = {"now": ahead.isoformat(), "frozen": False, "at": wrong.isoformat()}
        database.execute("UPDATE about SET value = ? WHERE name = 'clock'", [json.dumps(noted)])
    database.close()
    async with Sandbox(state=path) as sandbox:
        assert ahead <= sandbox.clock.now() < ahead + timedelta(hours=1)


async def test_switches_and_quota_are_those_of_the_start(path, serve):
    async with serve(state=path, rph=5, rejection="422") as api:
        await api.definition()
        api.sandbox.set_switches(ttl_unit="minutes")
    async with serve(state=path, count="absent") as api:
        assert api.sandbox.quota.limit is None
        assert (api.sandbox.switches.rejection, api.sandbox.switches.ttl_unit) == ("status", "seconds")
        assert api.sandbox.switches.count == "absent"


async def test_bytes_that_are_no_utf8_are_kept_as_they_came(path, serve):
    content = json.dumps({"name": "Points", "unit": "POINTS"}).encode("utf-16")
    async with serve(state=path) as api:
        url = f"{api.sandbox.base_url}/loyalty/balance/programs/{PROGRAM}/balance-definitions"
        assert (
            await api.send("POST", url, data=content, headers={"api-key": api.sandbox.api_key})
        ).status == 200
        before = shown(api.sandbox)
    async with serve(state=path) as api:
        assert shown(api.sandbox) == before


async def test_the_file_holds_no_credentials(path, serve):
    secrets = {"api_key": "another-CANARY", "password": "CANARY", "name": "Points", "unit": "POINTS"}
    async with serve(state=path, api_key="xkeysib-state-CANARY", control_token="token-CANARY") as api:
        await api.ok("POST", "balance-definitions", secrets, key="xkeysib-a-b-CANARY-0", token="CANARY")
        assert (await api("POST", "subscriptions/xkeysib-c-CANARY-0/balances", {})).status == 422
        assert (await api("POST", "transactions")).status == 422
        before = shown(api.sandbox)
        assert b"CANARY" not in path.read_bytes() + path.with_name("sandbox.db-wal").read_bytes()
    assert b"CANARY" not in path.read_bytes()
    async with serve(state=path) as api:
        assert shown(api.sandbox) == before


async def test_a_file_is_for_one_sandbox_at_a_time(path):
    async with Sandbox(state=path):
        second = Sandbox(state=path)
        with pytest.raises(StateError, match="in use by another sandbox"):
            await second.start()
    async with second:
        pass


async def test_a_port_that_is_taken_lets_go_of_the_file(path):
    async with Sandbox() as first:
        second = Sandbox(state=path, port=int(first.origin.rsplit(":", 1)[1]))
        with pytest.raises(OSError, match="address"):
            await second.start()
    async with Sandbox(state=path):
        pass


def a_text(path):
    path.write_text("contact_id,amount\n1,5\n" * 100)


def a_database_of_something_else(path):
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE customers (name TEXT)")
    database.close()


def a_newer_format(path):
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA application_id = 0x42425362")
        database.execute("PRAGMA user_version = 2")
        database.execute("CREATE TABLE customers (name TEXT)")
    database.close()


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (a_text, "is no state file of the sandbox"),
        (a_database_of_something_else, "is a database of something else"),
        (a_newer_format, "was written by a newer sandbox .format 2; this one knows 1."),
        (lambda path: path.mkdir(), "cannot be opened"),
    ],
)
async def test_a_file_that_is_none_is_refused_and_left_alone(path, made, reason):
    made(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(StateError, match=reason):
        await Sandbox(state=path).start()
    assert (path.read_bytes() if path.is_file() else None) == before


async def test_strict_is_for_the_life_of_a_file(path):
    async with Sandbox(state=path, strict=True):
        pass
    with pytest.raises(StateError, match="was made with strict"):
        await Sandbox(state=path).start()


async def test_other_rules_never_show_another_balance(path, serve):
    async with serve(state=path, seed=SEED) as api:
        await api.credit(DEFINITION, 5, 2)
    with sqlite3.connect(path) as database:
        database.execute("UPDATE changes SET body = replace(body, ': 5', ': 6') WHERE number = 2")
    database.close()
    with pytest.raises(
        StateError, match=r"change 2 .* was answered .*104\.5.* would now be answered .*105\.5"
    ):
        await Sandbox(state=path, clock=SandboxClock(START, frozen=True)).start()


async def test_it_is_changed_only_while_it_runs(path):
    sandbox = Sandbox(state=path)
    with pytest.raises(RuntimeError, match="only while it runs"):
        sandbox.seed(PROGRAM)


async def test_a_file_that_cannot_be_written_is_told_and_nothing_more_is_changed(path, serve):
    async with serve(state=path) as api:
        definition = await api.definition()
        journal = api.sandbox._service.journal
        journal.file._database.execute("PRAGMA query_only = ON")
        body = {"balanceDefinitionId": definition, "contactId": 1, "amount": 1}
        for _ in range(2):
            refused = await api("POST", "transactions", body)
            assert (refused.status, refused.json["code"]) == (507, "state_not_saved")
            assert "cannot be written" in refused.json["message"]
        assert (await api("GET", "balance-definitions")).status == 200
        journal.file._database.execute("PRAGMA query_only = OFF")
    async with serve(state=path) as api:
        assert api.sandbox.ledger.transactions() == []


async def test_without_a_state_file_sqlite_is_not_even_loaded():
    program = (
        "import sys, asyncio\nfrom brevo_balance_async.sandbox import Sandbox\n"
        "async def main():\n    async with Sandbox(): pass\nasyncio.run(main())\n"
        "assert 'sqlite3' not in sys.modules"
    )
    env = {
        name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")
    }  # it loads sqlite3
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, env=env)
    assert await process.wait() == 0


async def started(path):
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "brevo_balance_async.sandbox", "--state", str(path)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    line = (await process.stdout.readline()).decode()
    assert line.startswith("listening on "), line
    return process, line.split()[-1]


async def test_sigkill_amid_a_thousand_writes_loses_no_answered_one(path):
    process, base = await started(path)
    key = {"api-key": "xkeysib-sandbox-0123456789abcdef-LOCAL"}
    url = f"{base}/loyalty/balance/programs/{PROGRAM}"
    answered = {}
    async with aiohttp.ClientSession(headers=key, connector=aiohttp.TCPConnector(limit=0)) as session:
        async with session.post(
            f"{url}/balance-definitions", json={"name": "Points", "unit": "POINTS"}
        ) as answer:
            definition = (await answer.json())["id"]

        async def credit(number):
            body = {
                "balanceDefinitionId": definition,
                "contactId": 1 + number % 10,
                "amount": 1,
                "autoComplete": True,
                "meta": {"reference": f"order-{number}"},
            }
            async with session.post(f"{url}/transactions", json=body) as answer:
                answered[f"order-{number}"] = (await answer.json())["id"]
            if len(answered) == 300:
                process.send_signal(signal.SIGKILL)

        await asyncio.gather(*map(credit, range(1000)), return_exceptions=True)
        await process.wait()
    assert len(answered) >= 300
    process, base = await started(path)
    try:
        async with aiohttp.ClientSession(headers=key) as session:
            kept, balances = {}, []
            while True:
                page = f"{base.removesuffix('/v3')}/_sandbox/ledger?limit=1000&offset={len(kept)}"
                async with session.get(page) as answer:
                    ledger = await answer.json()
                assert answer.status == 200, ledger
                if not ledger["transactions"]["items"]:
                    break
                balances += ledger["balances"]["items"]
                kept.update({row["meta"]["reference"]: row["id"] for row in ledger["transactions"]["items"]})
    finally:
        process.send_signal(signal.SIGTERM)
        await process.wait()
    assert answered.items() <= kept.items()
    assert sum(row["value"] for row in balances) == len(kept)
    assert all(UUID(each) for each in kept.values())


LIFE = {
    "name": "Points",
    "unit": "POINTS",
    "maxAmount": 500,
    "balanceOptionAmountOvertakingStrategy": "partial",
}


def a_random_step(random, definitions, transactions):
    """A method, a path, a body and a query: mostly something sensible."""
    definition, contact = random.choice(definitions), random.randint(1, 4)
    transaction = random.choice(transactions or ["7c1f0f0e-52a1-4c2e-9a55-0d3b7c9f1a19"])
    due = (START + timedelta(seconds=random.randint(0, 90_000))).isoformat()
    begin = {
        "balanceDefinitionId": definition,
        "contactId": contact,
        "amount": random.choice((100, 7.25, -30, -500)),
    }
    limit = {
        "constraintType": "amount",
        "durationUnit": "day",
        "durationValue": 1,
        "value": random.randint(50, 900),
    }
    limit["transactionType"] = random.choice(("credit", "debit"))
    lived = LIFE | {"balanceAvailabilityDurationValue": 1, "balanceAvailabilityDurationUnit": "day"}
    return random.choice(
        [
            ("POST", "transactions", begin, {}),
            ("POST", "transactions", begin | {"autoComplete": True}, {}),
            ("POST", "transactions", begin | {"autoComplete": True, "balanceExpiryInMinutes": 30}, {}),
            ("POST", "transactions", begin | {"ttl": 600, "meta": {"row": contact}}, {}),
            ("POST", f"transactions/{transaction}/complete", None, {}),
            ("POST", f"transactions/{transaction}/complete", None, {}),
            ("POST", f"transactions/{transaction}/cancel", None, {}),
            ("POST", "create-order", begin | {"dueAt": due, "source": "user"}, {}),
            ("POST", f"subscriptions/{contact}/balances", {"balanceDefinitionId": definition}, {}),
            ("PUT", f"balance-definitions/{definition}", random.choice((LIFE, lived)), {}),
            ("POST", f"balance-definitions/{definition}/limits", limit, {}),
            ("POST", "balance-definitions", LIFE, {}),
            ("GET", "contact-balances", None, {"balanceDefinitionId": definition}),
            ("GET", f"subscriptions/{contact}/balances", None, {}),
        ]
    )


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_was_done_comes_out_the_same(path, serve, seed):
    random = Random(seed)
    definitions, transactions = [DEFINITION], []
    async with serve(state=path, seed={key: SEED[key] for key in ("program", "definitions")}) as api:
        for _ in range(250):
            method, where, body, query = a_random_step(random, definitions, transactions)
            told = (await api(method, where, body, **query)).json
            if method == "POST" and where == "balance-definitions":
                definitions.append(told["id"])
            if where == "transactions" and "id" in told:
                transactions.append(told["id"])
            if random.random() < 0.2:
                api.sandbox.clock.advance(random.choice((1, 600, 7200, 86_400)))
            if random.random() < 0.05:
                switch = random.choice(("rejection", "lots_consumed", "breach_at_complete"))
                positions = {
                    "rejection": ("status", "422"),
                    "lots_consumed": ("soonest_first", "oldest_first"),
                    "breach_at_complete": ("rejects", "keeps_draft"),
                }
                api.sandbox.set_switches(**{switch: random.choice(positions[switch])})
            if random.random() < 0.02:
                await api.control("POST", "merge", {"program": PROGRAM, "contactId": 4, "into": 3})
        before, switches = shown(api.sandbox), api.sandbox.switches
    async with serve(state=path, switches=switches) as api:
        assert shown(api.sandbox) == before


class TickingClock(SandboxClock):
    """Never shows the same moment twice, as on a slow machine."""

    def now(self):
        if self._held is None:
            self._elapsed += timedelta(milliseconds=7)
        return super().now()


async def test_a_change_has_one_moment_however_long_it_takes(path, serve):
    async with serve(state=path, seed=SEED, clock=TickingClock(START, frozen=True)) as api:
        draft = await api.begin(DEFINITION, 5, 2, ttl=600)
        await api.ok("POST", f"transactions/{draft['id']}/complete")
        await api.definition()
        before = shown(api.sandbox)
    async with serve(state=path) as api:
        assert shown(api.sandbox) == before


async def test_a_body_that_is_no_object_leaves_nothing_in_the_file(path, serve):
    key = "xkeysib-0123456789-CANARY-0000"
    async with serve(state=path) as api:
        definition = await api.definition()
        await api.credit(definition, 5)
        draft = await api.begin(definition, 2)
        url = f"{api.sandbox.base_url}/loyalty/balance/programs/{PROGRAM}"
        for text in (
            '{"api-key": "CANARY',
            "password=CANARY",
            f'["{key}"]',
            f'{{"amount": 1e999, "a": "{key}"}}',
        ):
            reply = await api.send(
                "POST", f"{url}/transactions", data=text, headers={"api-key": api.sandbox.api_key}
            )
            assert reply.status == 422
        assert (await api("POST", "transactions", {"x": [{"y": key}]}, **{key: key})).status == 422
        done = await api.send(
            "POST",
            f"{url}/transactions/{draft['id']}/complete",
            data="CANARY",
            headers={"api-key": api.sandbox.api_key},
        )
        assert done.json["balance"] == 7
        before = shown(api.sandbox)
    assert b"CANARY" not in path.read_bytes()
    async with serve(state=path) as api:
        assert shown(api.sandbox) == before


async def test_a_clock_that_ran_to_the_end_of_the_calendar_is_there_again(path):
    last = datetime(9999, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)
    for _ in range(2):
        async with Sandbox(state=path) as sandbox:
            if sandbox.clock.now() < last:
                sandbox.clock.set(last)
            while sandbox.clock.time() < 0.002:
                pass
            assert sandbox.clock.now() == last
