"""Every switch, both ways, over HTTP; and that a switch which does not exist, or has no such position, is refused."""

from __future__ import annotations

import inspect
import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from attrs import fields

from brevo_balance_async.sandbox import Sandbox, SandboxClock, Switches
from brevo_balance_async.sandbox.rules.switch_table import described, table
from brevo_balance_async.sandbox.rules.switches import read_assignments

UNKNOWN = "00000000-0000-4000-8000-000000000000"
LIMIT = {
    "constraintType": "transaction",
    "durationUnit": "day",
    "durationValue": 1,
    "transactionType": "credit",
    "value": 1,
}


async def seeded(api, count, **more):
    (definition,) = api.sandbox.seed(
        api.program,
        definitions=[{"name": "Points", "unit": "POINTS"}],
        histories=[{"contactId": 1, "count": count, **more}],
    )
    return definition


async def rows(api, definition, **query):
    history = await api.history(definition, sort="asc", **query)
    return [row["meta"]["row"] for row in history["transactionHistory"]]


@pytest.mark.parametrize(
    ("meaning", "offset", "first"),
    [
        ("records", 0, 0),
        ("records", 3, 3),
        ("pages0", 0, 0),
        ("pages0", 3, 30),
        ("pages1", 0, 0),
        ("pages1", 1, 0),
        ("pages1", 3, 20),
        ("ignored", 3, 0),
    ],
)
async def test_history_offset(serve, meaning, offset, first):
    async with serve(history_offset=meaning) as api:
        definition = await seeded(api, 100)
        assert await rows(api, definition, limit="10", offset=str(offset)) == list(range(first, first + 10))


@pytest.mark.parametrize(("meaning", "name"), [("records", "b"), ("ignored", "a")])
async def test_listing_offset(serve, meaning, name):
    async with serve(listing_offset=meaning) as api:
        for each in "ab":
            definition = await api.definition(name=each)
            await api.credit(definition, 1, 1)
            await api.credit(definition, 1, 2)
        listing = await api.ok(
            "GET", "balance-definitions", sortField="name", sort="asc", limit="1", offset="1"
        )
        assert listing["items"][0]["name"] == name
        balances = await api.ok(
            "GET", "contact-balances", balanceDefinitionId=definition, offset="1", sort="asc"
        )
        assert len(balances["balances"]) == (1 if meaning == "records" else 2)
        active = await api.ok(
            "GET", "active-balance", balanceDefinitionId=definition, contactId="1", offset="1"
        )
        assert len(active["activeBalances"]) == (0 if meaning == "records" else 1)


async def test_default_limits(serve):
    async with serve(history_default_limit=3, balances_default_limit=2, definitions_default_limit=1) as api:
        definition = await seeded(api, 100)
        await api.definition()
        assert len(await rows(api, definition)) == 3
        for contact in (1, 2, 3):
            await api.credit(definition, 1, contact)
        balances = await api.ok("GET", "contact-balances", balanceDefinitionId=definition)
        assert (len(balances["balances"]), balances["count"]) == (2, 3)
        assert len((await api.ok("GET", "balance-definitions"))["items"]) == 1


async def test_default_limits_as_they_come(api):
    definition = await seeded(api, 100)
    assert len(await rows(api, definition)) == 20


@pytest.mark.parametrize("above", ["422", "cap"])
async def test_above_max_limit(serve, above):
    async with serve(
        above_max_limit=above, history_max_limit=5, balances_max_limit=5, definitions_max_limit=5
    ) as api:
        definition = await seeded(api, 100)
        query = {"contactId": "1", "balanceDefinitionId": definition}
        for path in ("transaction-history", "active-balance", "contact-balances", "balance-definitions"):
            assert (await api("GET", path, **query, limit="5")).status == 200
            reply = await api("GET", path, **query, limit="6")
            assert reply.status == (422 if above == "422" else 200)
        if above == "cap":
            assert len(await rows(api, definition, limit="6")) == 5


@pytest.mark.parametrize(
    ("switches", "expected"),
    [({}, 100), ({"count": "absent"}, None), ({"count_error": 7}, 107), ({"count_error": -101}, 0)],
)
async def test_count(serve, switches, expected):
    async with serve(**switches) as api:
        definition = await seeded(api, 100)
        assert (await api.history(definition)).get("count") == expected
        listing = await api.ok("GET", "contact-balances", balanceDefinitionId=definition)
        assert ("count" in listing) == (expected is not None)


async def test_history_lag(serve):
    async with serve(history_lag=60) as api:
        definition = await api.definition()
        await api.credit(definition, 1)
        api.sandbox.clock.advance(59.999)
        assert (await api.history(definition))["count"] == 0
        api.sandbox.clock.advance(0.001)
        assert (await api.history(definition))["count"] == 1


@pytest.mark.parametrize("unstable", [False, True])
async def test_unstable_ties(serve, unstable):
    async with serve(unstable_ties=unstable) as api:
        definition = await seeded(api, 60, ties=10)
        pages = [await rows(api, definition, limit="15", offset="5") for _ in range(5)]
        for page in pages:
            assert [row // 10 for row in page] == [0] * 5 + [1] * 10
            assert len(set(page)) == 15
        assert (len({tuple(page) for page in pages}) > 1) == unstable


@pytest.mark.parametrize(("answer", "status"), [("200", 200), ("204", 204)])
async def test_empty_definitions(serve, answer, status):
    async with serve(empty_definitions=answer) as api:
        reply = await api("GET", "balance-definitions")
        assert (reply.status, reply.text) == (status, '{"items":[]}' if status == 200 else "")
        await api.definition()
        assert (await api("GET", "balance-definitions")).status == 200


@pytest.mark.parametrize(("choice", "status"), [("ignored", 422), ("accepted", 200), ("422", 422)])
async def test_snake_case_query(serve, choice, status):
    async with serve(snake_case_query=choice) as api:
        definition = await api.definition()
        old = {"contact_id": "1", "balance_definition_id": definition, "sort_field": "createdAt"}
        for path in ("transaction-history", "active-balance"):
            assert (await api("GET", path, **old)).status == status
            for value in ("created_at", "updated_at", "name"):
                assert (await api("GET", path, **{**old, "sort_field": value})).status == status
        new = {"contactId": "1", "balanceDefinitionId": definition}
        beside = await api("GET", "transaction-history", **new, sort_field="odd")
        assert beside.status == (200 if choice == "ignored" else 422)
        today = await api("GET", "transaction-history", **new, sortField="created_at")
        assert today.status == (200 if choice == "accepted" else 422)
        filtered = await api("GET", "transaction-history", **new, filters="status=draft")
        assert filtered.status == 200


@pytest.mark.parametrize(("choice", "status"), [("ignored", 422), ("accepted", 200), ("422", 422)])
async def test_contact_balances_of_2025_named_no_definition(serve, choice, status):
    async with serve(snake_case_query=choice) as api:
        nothing = await api("GET", "contact-balances")
        assert nothing.status == (404 if choice == "accepted" else 422)
        definition = await api.definition()
        await api.definition(name="Second")
        await api.credit(definition, 3)
        reply = await api("GET", "contact-balances")
        assert reply.status == status
        if status == 200:
            assert reply.json["balanceDefinitionId"] == definition
            assert [row["value"] for row in reply.json["balances"]] == [3]


@pytest.mark.parametrize(("choice", "status"), [("ignored", 200), ("422", 422)])
async def test_unknown_fields(serve, choice, status):
    async with serve(unknown_fields=choice) as api:
        body = {"name": "n", "unit": "POINTS", "maxBalance": 5}
        assert (await api("POST", "balance-definitions", body)).status == status


@pytest.mark.parametrize(("form", "as_written"), [("number", "12.5"), ("string", '"12.5"')])
async def test_amounts_are_text_where_the_exported_schema_says_so_and_nowhere_else(serve, form, as_written):
    async with serve(amounts=form) as api:
        definition = await api.definition(maxAmount=99.5)
        body = {"balanceDefinitionId": definition, "contactId": 1, "amount": 12.5}
        done = await api("POST", "transactions", {**body, "autoComplete": True})
        assert f'"amount":{as_written}' in done.text
        assert '"balance":12.5' in done.text
        query = {"contactId": "1", "balanceDefinitionId": definition}
        for path in ("transaction-history", "active-balance"):
            assert f'"amount":{as_written}' in (await api("GET", path, **query)).text
        assert f'"value":{as_written}' in (await api("GET", "subscriptions/1/balances")).text
        opened = await api("POST", "subscriptions/1/balances", {"balanceDefinitionId": definition})
        assert f'"amount":{as_written}' in opened.text
        assert '"value":12.5' in (await api("GET", "contact-balances", **query)).text
        order = await api("POST", "create-order", {**body, "dueAt": "2027-01-01T00:00:00Z", "source": "user"})
        assert '"amount":12.5' in order.text
        assert '"maxAmount":99.5' in (await api("GET", f"balance-definitions/{definition}")).text


@pytest.mark.parametrize(
    ("choice", "expected"), [("as_sent", [-1, 1]), ("negative", [-1, -1]), ("positive", [1, 1])]
)
async def test_debit_sign(serve, choice, expected):
    async with serve(debit_sign=choice, default_floor="none") as api:
        definition = await api.definition()
        answers = [await api.credit(definition, -1), await api.credit(definition, 1, transactionType="debit")]
        assert [answer["amount"] for answer in answers] == expected
        history = await api.history(definition, sort="asc")
        assert [row["amount"] for row in history["transactionHistory"]] == expected
        assert (await api.credit(definition, -3, transactionType="credit"))["amount"] == 3


@pytest.mark.parametrize(
    ("words", "draft", "done"), [("new", "draft", "completed"), ("old", "pending", "complete")]
)
async def test_status_words(serve, words, draft, done):
    async with serve(status_words=words) as api:
        definition = await api.definition()
        begun = await api.begin(definition, 1)
        assert begun["status"] == draft
        assert (await api.ok("POST", f"transactions/{begun['id']}/complete"))["status"] == done
        (row,) = (await api.history(definition, status="completed"))["transactionHistory"]
        assert row["status"] == done
        query = {"contactId": "1", "balanceDefinitionId": definition}
        for word in ("pending", "complete"):  # the filter never had the old words
            assert (await api("GET", "transaction-history", **query, status=word)).status == 422


async def test_subscription_balances(serve):
    async with serve(subscription_balances="array") as api:
        definition = await api.definition()
        await api.credit(definition, 5)
        assert await api.ok("GET", "subscriptions/1/balances") == [
            {
                "balanceDefinitionId": definition,
                "name": "Points",
                "unit": "points",
                "value": 5,
                "expiresAt": None,
            }
        ]


@pytest.mark.parametrize(
    ("form", "taken"), [("both", ["31/12", "2026-12-31"]), ("ddmm", ["31/12"]), ("iso", ["2026-12-31"])]
)
async def test_expiration_date_form(serve, form, taken):
    async with serve(expiration_date_form=form) as api:
        for text in ("31/12", "2026-12-31", "31/02", "12/31", "2026-02-30", "soon", "²1/01", "1\u0661/01"):
            body = {"name": "n", "unit": "POINTS", "balanceExpirationDate": text}
            reply = await api("POST", "balance-definitions", body)
            assert reply.status == (200 if text in taken else 422), text
            if reply.status == 200:
                assert reply.json["balanceExpirationDate"] == "31/12"
        assert await api.definition(balanceExpirationDate="")


@pytest.mark.parametrize(("unit", "expires"), [("seconds", "09:30:15"), ("minutes", "09:45:00")])
async def test_ttl_unit(serve, unit, expires):
    async with serve(ttl_unit=unit) as api:
        draft = await api.begin(await api.definition(), 1, ttl=15)
        assert draft["expirationDate"] == f"2026-11-23T{expires}.000Z"


@pytest.mark.parametrize(("choice", "status"), [("status", 200), ("422", 422)])
async def test_rejection(serve, choice, status):
    async with serve(rejection=choice) as api:
        definition = await api.definition(maxAmount=10)
        body = {"balanceDefinitionId": definition, "contactId": 1, "amount": 11}
        reply = await api("POST", "transactions", body)
        assert reply.status == status
        begun = [await api.begin(definition, 8) for _ in range(2)]
        completed = [await api("POST", f"transactions/{draft['id']}/complete") for draft in begun]
        assert [reply.status for reply in completed] == [200, status]
        rejected = (await api.history(definition, status="rejected"))["count"]
        assert rejected == (2 if choice == "status" else 1)
        assert api.sandbox.ledger.balance(api.program, definition, 1) == 8


@pytest.mark.parametrize(("places", "amount"), [(0, 1), (2, Decimal("1.23"))])
async def test_rounding_places(serve, places, amount):
    async with serve(rounding_places=places) as api:
        definition = await api.definition(balanceOptionCreditRounding="lower")
        assert (await api.credit(definition, 1.2399))["amount"] == amount


@pytest.mark.parametrize(("floor", "status"), [("zero", "rejected"), ("none", "completed")])
async def test_default_floor(serve, floor, status):
    async with serve(default_floor=floor) as api:
        assert (await api.credit(await api.definition(), -1))["status"] == status


@pytest.mark.parametrize(("reserve", "second"), [(False, "draft"), (True, "rejected")])
async def test_drafts_reserve(serve, reserve, second):
    async with serve(drafts_reserve=reserve) as api:
        definition = await api.definition()
        await api.credit(definition, 10)
        first = await api.begin(definition, -7, ttl=60)
        assert (await api.begin(definition, -7, ttl=60))["status"] == second
        api.sandbox.clock.advance(60)
        assert (await api.begin(definition, -7))["status"] == "draft"
        assert first["status"] == "draft"


@pytest.mark.parametrize(("counts", "second"), [(False, "draft"), (True, "rejected")])
async def test_drafts_count_in_limits(serve, counts, second):
    async with serve(drafts_count_in_limits=counts) as api:
        definition = await api.definition()
        await api.ok("POST", f"balance-definitions/{definition}/limits", LIMIT)
        draft = await api.begin(definition, 1)
        assert (await api.begin(definition, 1))["status"] == second
        assert (await api.ok("POST", f"transactions/{draft['id']}/complete"))["status"] == "completed"


@pytest.mark.parametrize(("seconds", "expires"), [(15, "2026-11-23T09:30:15.000Z"), (None, None)])
async def test_draft_lifetime(serve, seconds, expires):
    async with serve(draft_lifetime=seconds) as api:
        assert (await api.begin(await api.definition(), 1))["expirationDate"] == expires


@pytest.mark.parametrize(("runs", "balance"), [(True, 5), (False, 0)])
async def test_orders_run_at_due(serve, runs, balance):
    async with serve(orders_run_at_due=runs) as api:
        definition = await api.definition()
        body = {"balanceDefinitionId": definition, "contactId": 1, "amount": 5, "source": "user"}
        await api.ok("POST", "create-order", {**body, "dueAt": "2026-11-24T00:00:00Z"})
        api.sandbox.clock.advance(86400)
        assert api.sandbox.ledger.balance(api.program, definition, 1) == balance


@pytest.mark.parametrize(("choice", "status"), [("422", 422), ("accepted", 200)])
async def test_unsubscribed_contact(serve, choice, status):
    async with serve(strict=True, unsubscribed_contact=choice) as api:
        (definition,) = api.sandbox.seed(api.program, definitions=[{"name": "n", "unit": "POINTS"}])
        body = {"balanceDefinitionId": definition, "contactId": 1, "amount": 1}
        assert (await api("POST", "transactions", body)).status == status


@pytest.mark.parametrize(("choice", "status"), [("same", 200), ("422", 422)])
async def test_repeated_balance(serve, choice, status):
    async with serve(repeated_balance=choice) as api:
        body = {"balanceDefinitionId": await api.definition()}
        first = await api.ok("POST", "subscriptions/1/balances", body)
        again = await api("POST", "subscriptions/1/balances", body)
        assert again.status == status
        if status == 200:
            assert again.json == first


@pytest.mark.parametrize("choice", ["424", "404"])
async def test_limit_without_definition(serve, choice):
    async with serve(limit_without_definition=choice) as api:
        reply = await api("POST", f"balance-definitions/{UNKNOWN}/limits", LIMIT)
        assert reply.status == int(choice)


META = {"order": "7", "count": 7, "rate": 1.5, "gift": True, "parts": [1, "a"], "none": None}


@pytest.mark.parametrize("shown", ["shown", "text", "absent"])
async def test_history_meta(serve, shown):
    async with serve(history_meta=shown) as api:
        definition = await api.definition()
        await api.credit(definition, 1, meta=META)
        await api.credit(definition, 1)
        without, having = (await api.history(definition))["transactionHistory"]
        if shown == "absent":
            assert "meta" not in having
            assert "meta" not in without
            assert len(having) == 10
            return
        assert without["meta"] is None
        assert having["meta"] == (
            META | {"rate": Decimal("1.5")}
            if shown == "shown"
            else {
                "order": "7",
                "count": "7",
                "rate": "1.5",
                "gift": "true",
                "parts": '[1,"a"]',
                "none": "null",
            }
        )


@pytest.mark.parametrize("shown", ["text", "absent"])
async def test_history_meta_of_seeded_rows(serve, shown):
    async with serve(history_meta=shown) as api:
        definition = await seeded(api, 30)
        found = (await api.history(definition, sort="asc", limit="30"))["transactionHistory"]
        metas = [{"row": str(row)} for row in range(30)] if shown == "text" else [None] * 30
        assert [row.get("meta") for row in found] == metas
        assert len({row["id"] for row in found}) == 30


@pytest.mark.parametrize("listed", [True, False])
async def test_history_drafts(serve, listed):
    async with serve(history_drafts=listed) as api:
        definition = await api.definition()
        draft = await api.begin(definition, 1)
        done = await api.credit(definition, 1)

        async def listing(**query):
            history = await api.history(definition, sort="asc", **query)
            assert history["count"] == len(history["transactionHistory"])
            return [row["id"] for row in history["transactionHistory"]]

        drafts = [draft["id"]] if listed else []
        assert await listing() == [*drafts, done["id"]]
        assert await listing(status="draft") == drafts
        await api.ok("POST", f"transactions/{draft['id']}/complete")
        assert await listing() == [draft["id"], done["id"]]


@pytest.mark.parametrize("filters", ["ignored", "honoured"])
async def test_history_metadata_filter(serve, filters):
    async with serve(history_metadata_filter=filters) as api:
        definition = await seeded(api, 10)
        for order, part in (("a", 1), ("b", 2), ("a", 2)):
            await api.credit(definition, 1, meta={"order": order, "part": part})

        async def found(**wanted):
            query = {f"metadata[{name}]": value for name, value in wanted.items()}
            history = await api.history(definition, sort="asc", **query)
            rows = history["transactionHistory"]
            assert history["count"] == len(rows)
            return [row["meta"] for row in rows]

        if filters == "ignored":
            assert len(await found(order="nothing")) == 13
            return
        assert await found(order="a") == [{"order": "a", "part": 1}, {"order": "a", "part": 2}]
        assert await found(order="a", part="2") == [{"order": "a", "part": 2}]
        assert await found(row="7") == [{"row": 7}]
        for wanted in ({"row": "10"}, {"row": "7", "order": "a"}, {"order": "c"}, {"row": "²"}):
            assert await found(**wanted) == []


@pytest.mark.parametrize(("choice", "then"), [("rejects", "rejected"), ("keeps_draft", "draft")])
@pytest.mark.parametrize("rejection", ["status", "422"])
async def test_breach_at_complete(serve, choice, then, rejection):
    async with serve(breach_at_complete=choice, rejection=rejection) as api:
        definition = await api.definition(maxAmount=10)
        draft = await api.begin(definition, 8)
        await api.credit(definition, 8)
        reply = await api("POST", f"transactions/{draft['id']}/complete")
        as_status = choice == "rejects" and rejection == "status"
        assert reply.status == (200 if as_status else 422)
        row = (await api.history(definition, sort="asc"))["transactionHistory"][0]
        assert (row["status"], row["rejectReason"]) == (
            then,
            "maximum balance reached" if then == "rejected" else None,
        )
        await api.credit(definition, -8)
        again = await api("POST", f"transactions/{draft['id']}/complete")
        assert again.status == (200 if then == "draft" else 422)
        assert api.sandbox.ledger.balance(api.program, definition, 1) == (8 if then == "draft" else 0)


@pytest.mark.parametrize(("choice", "status", "balance"), [("422", 422, 5), ("credits_again", 200, 10)])
async def test_repeated_complete(serve, choice, status, balance):
    async with serve(repeated_complete=choice) as api:
        definition = await api.definition(maxAmount=12)
        draft = await api.begin(definition, 5)
        path = f"transactions/{draft['id']}/complete"
        await api.ok("POST", path)
        again = await api("POST", path)
        assert again.status == status
        assert api.sandbox.ledger.balance(api.program, definition, 1) == balance
        (row,) = (await api.history(definition))["transactionHistory"]
        assert (row["id"], row["amount"], row["status"]) == (draft["id"], 5, "completed")
        if status == 200:
            assert again.json["balance"] == 10
            assert (
                await api("POST", path)
            ).status == 422  # no third time: the balance would pass its maximum
            assert (await api.history(definition, status="completed"))["count"] == 1
        other = await api.begin(definition, 1)
        await api.ok("POST", f"transactions/{other['id']}/cancel")
        assert (await api("POST", f"transactions/{other['id']}/complete")).status == 422


@pytest.mark.parametrize(("choice", "left"), [("oldest_first", [1, 3, 4]), ("soonest_first", [4, 2, 2])])
async def test_lots_consumed(serve, choice, left):
    async with serve(lots_consumed=choice) as api:
        definition = await api.definition()
        for amount, minutes in ((4, None), (2, 300), (3, 100), (4, 200)):
            terms = {} if minutes is None else {"balanceExpiryInMinutes": minutes}
            await api.credit(definition, amount, **terms)
            api.sandbox.clock.advance(1)
        await api.credit(definition, -5)
        query = {"contactId": "1", "balanceDefinitionId": definition, "sort": "asc"}
        lots = (await api.ok("GET", "active-balance", **query))["activeBalances"]
        assert [lot["amount"] for lot in lots] == left


@pytest.mark.parametrize(("choice", "status"), [("422", 422), ("accepted", 200)])
async def test_past_due_at(serve, choice, status):
    async with serve(past_due_at=choice) as api:
        definition = await api.definition()
        body = {"balanceDefinitionId": definition, "contactId": 1, "amount": 5, "source": "user"}
        past = await api("POST", "create-order", {**body, "dueAt": "2026-11-23T09:29:59.999Z"})
        assert past.status == status
        assert api.sandbox.ledger.balance(api.program, definition, 1) == (5 if status == 200 else 0)
        assert (await api("POST", "create-order", {**body, "dueAt": "2026-11-23T09:30:00Z"})).status == 200


def test_the_table_tells_each_switch_its_positions_and_its_doubt():
    rows = table().splitlines()[2:]
    assert len(rows) == len(fields(Switches))
    assert rows[0] == (
        "| `history_offset` | `records`, `pages0`, `pages1`, `ignored` | Does history's `offset` count records, "
        "pages from 0 or pages from 1? The text changed in March 2026. |"
    )
    (row,) = [row for row in rows if "`draft_lifetime`" in row]
    assert "| `3600`; a whole number of seconds from 1 to 1000000000, or None (null) |" in row
    assert all(each.doubt for each in described())


@pytest.mark.parametrize("switch", [switch.name for switch in fields(Switches)])
def test_every_switch_tells_its_doubt_and_is_tested(switch):
    text = inspect.getsource(Switches).split(f"\n    {switch}: ", 1)[1].split("\n", 1)[1]
    assert text.lstrip().startswith('"""')
    tests = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    assert re.search(rf'\b{switch}=|"{switch}": ', tests)


@pytest.mark.parametrize(
    "changes",
    [
        {"history_offset": "rows"},
        {"amounts": 5},
        {"drafts_reserve": "yes"},
        {"history_max_limit": 0},
        {"history_max_limit": True},
        {"history_max_limit": 1.5},
        {"count_error": "5"},
        {"history_lag": -1},
        {"draft_lifetime": 0},
        {"quota_window_seconds": 0},
        {"no_such_switch": True},
    ],
)
def test_positions_that_a_switch_does_not_have(changes):
    with pytest.raises((ValueError, TypeError)) as error:
        Sandbox(**changes)
    assert next(iter(changes)) in str(error.value)


def test_switches_are_frozen_and_may_be_given_whole():
    switches = Switches(ttl_unit="minutes")
    with pytest.raises(AttributeError):
        switches.ttl_unit = "seconds"
    sandbox = Sandbox(switches=switches, count="absent", clock=SandboxClock(datetime.now(UTC)))
    assert sandbox.switches == Switches(ttl_unit="minutes", count="absent")


def test_assignments_of_a_command_line():
    assert read_assignments(
        ["above_max_limit=422", "history_lag=1.5", "draft_lifetime=null", "unstable_ties=true"]
    ) == {
        "above_max_limit": "422",
        "history_lag": 1.5,
        "draft_lifetime": None,
        "unstable_ties": True,
    }
    with pytest.raises(ValueError):
        read_assignments(["history_lag"])
