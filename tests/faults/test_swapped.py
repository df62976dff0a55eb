"""Whose answer is it? A proxy that gives two calls each other's answers, and what each can tell by."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta

import pytest
from clocks import AutoClock
from hostile import DEFINITION, PROGRAM, TRANSACTION, truth
from scenario import KEY, at_rest

from brevo_balance_async import BalanceClient, OutcomeUnknownError

DUE = datetime(2026, 12, 1, 10, 0, 0, 250_000, tzinfo=UTC)
OTHER = "0197e3c2-0000-7000-8000-00000000ffff"
WHOM = {"balance_definition_id": DEFINITION, "contact_id": 42}


class Swap:
    """Holds the first answer back until the second request has come, and gives each the other's."""

    def __init__(self, **adds):
        self.adds = adds
        self.answers = []
        self.both = asyncio.Event()

    async def __call__(self, exchange):
        exchange.commit()
        mine = len(self.answers)
        code, body = truth(exchange.request, exchange.server)
        kind = "credit" if body.get("amount", 0) > 0 else "debit"
        self.answers.append((code, {**body, **({"transactionType": kind} if self.adds else {})}))
        if len(self.answers) == 2:
            self.both.set()
        await self.both.wait()
        await exchange.answer(*self.answers[1 - mine])


@pytest.fixture
async def client(server):
    async with BalanceClient(KEY, base_url=server.base_url, clock=AutoClock()) as client:
        yield client
        at_rest(client)


async def outcomes(*calls):
    return [
        "unknown" if type(result) is OutcomeUnknownError else result
        for result in await asyncio.gather(*calls, return_exceptions=True)
    ]


async def held(transactions, **arguments):
    async with transactions.hold(**WHOM, **arguments):
        pass


@pytest.mark.parametrize("amounts", [(-100, -7), (-7, -7), (5, 100)])
@pytest.mark.parametrize(
    "metas", [({}, {}), ({"meta": {"cart": 1}}, {"meta": {"cart": 1}})], ids=["bare", "same"]
)
async def test_two_holds_do_not_take_each_others_draft(server, transactions, amounts, metas, verdict):
    server.then([swap := Swap(), swap])
    got = await outcomes(
        *(held(transactions, amount=each, **meta) for each, meta in zip(amounts, metas, strict=True))
    )
    assert got == ["unknown", "unknown"]
    assert len(server.arrived) == 2  # nothing was completed, nothing cancelled
    verdict(
        f"A5 answers of two holds swapped {amounts}", "unsafe", "yes", 2, "unknown", "OutcomeUnknownError"
    )


async def test_a_hold_marks_its_own_meta_and_begin_does_not(server, transactions):
    mine = {"cart": 1}
    async with transactions.hold(**WHOM, amount=1, meta=mine) as draft:
        assert re.fullmatch(r"[0-9a-f]{16}", draft.meta["hold"])
        assert draft.meta["cart"] == 1
    assert mine == {"cart": 1}
    async with transactions.hold(**WHOM, amount=1) as other:
        assert set(other.meta) == {"hold"}
        assert other.meta != {"hold": draft.meta["hold"]}
    async with transactions.hold(**WHOM, amount=1, meta=None):
        assert server.arrived[-1].json["meta"] is None
    async with transactions.hold(**WHOM, amount=1, meta={"hold": "my own"}) as own:
        assert own.meta == {"hold": "my own"}
    await transactions.begin(**WHOM, amount=1)
    assert "meta" not in server.arrived[-1].json


async def test_a_credit_is_not_told_that_it_was_larger(server, transactions):
    server.then([swap := Swap(), swap])
    small, large = await outcomes(
        transactions.credit(**WHOM, amount=5), transactions.credit(**WHOM, amount=100)
    )
    assert small == "unknown"
    assert large.status == "completed"  # less may be credited than was asked for; both were applied
    assert server.writes == 2


async def test_two_credits_with_references_do_not_take_each_others(server, transactions):
    server.then([swap := Swap(), swap])
    assert await outcomes(
        transactions.credit(**WHOM, amount=5, meta={"reference": "a"}),
        transactions.credit(**WHOM, amount=5, meta={"reference": "b"}),
    ) == ["unknown", "unknown"]


async def test_a_credit_and_a_debit_do_not_take_each_others(server, transactions):
    server.then([swap := Swap(types=True), swap])
    assert await outcomes(transactions.credit(**WHOM, amount=5), transactions.debit(**WHOM, amount=5)) == [
        "unknown",
        "unknown",
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"due_at": DUE + timedelta(days=1)},
        {"source": "engine"},
        {"contact_id": 7},
        {"meta": {"cart": 2}},
    ],
)
async def test_two_orders_do_not_take_each_others(server, transactions, change):
    server.then([swap := Swap(), swap])
    order = {**WHOM, "amount": 5, "due_at": DUE, "source": "user", "meta": {"cart": 1}}
    assert await outcomes(
        transactions.create_order(**order), transactions.create_order(**{**order, **change})
    ) == ["unknown", "unknown"]


def answering(**changes):
    async def effect(exchange):
        exchange.commit()
        code, body = truth(exchange.request, exchange.server)
        await exchange.answer(code, {**body, **changes})

    return effect


CREATED = {
    "begin": lambda transactions, amount: transactions.begin(**WHOM, amount=amount),
    "order": lambda transactions, amount: transactions.create_order(
        **WHOM, amount=amount, due_at=DUE, source="user"
    ),
}


@pytest.mark.parametrize("call", CREATED)
@pytest.mark.parametrize(
    ("asked", "got", "ours"),
    [
        ("12.5", 13, True),
        ("12.0001", 13, True),
        ("12.5", 12, True),
        ("12.5", 0, True),
        ("12.5", 13.5, False),
        ("12.5", "13", True),
        ("12.5", -12.5, False),
        ("0.1", 0.100000001, True),
        ("123456789.5", 123456792, True),  # as single precision has it
        ("123456789.5", 123456999, False),
        ("12.5", None, True),
        ("-12.5", -12.5, True),
        ("-12.5", 12.5, True),  # how debits are signed in answers is not documented
        ("-12.5", -13, True),
        ("-12.5", 20, False),
        ("-12.5", -20, False),
    ],
)
async def test_an_amount_may_be_rounded_and_no_more_than_that(server, transactions, call, asked, got, ours):
    server.then([answering(amount=got)])
    if ours:
        assert (await CREATED[call](transactions, asked)).id
    else:
        with pytest.raises(OutcomeUnknownError, match="amount is"):
            await CREATED[call](transactions, asked)


@pytest.mark.parametrize("exponent", [50_000_000, -50_000_000, 10**12, -(10**12), 10**25, -(10**25)])
@pytest.mark.parametrize("sign", ["", "-"])
async def test_an_absurd_exponent_in_the_answer_is_compared_and_never_written_out(
    server, transactions, exponent, sign
):
    async def effect(exchange):
        exchange.commit()
        number = f"{sign}1e{exponent}"
        body = (
            f'{{"id": "{TRANSACTION}", "amount": {number}, "balance": {number}, '
            f'"meta": {{"v": {number}}}, "new": {number}}}'
        )
        await exchange.answer(200, body.encode())

    server.otherwise = effect
    with pytest.raises(OutcomeUnknownError) as caught:
        await transactions.begin(**WHOM, amount=1, meta={"v": "text"})
    assert len(repr(caught.value)) + len(str(caught.value)) + len(str(caught.value.__cause__)) < 2_000
    if sign == "" and -(10**18) < exponent < 0:
        made = await transactions.begin(**WHOM, amount=1)
        assert len(repr(made)) + len(str(made.amount)) < 2_000
        assert made == made.__class__(
            **{each: getattr(made, each) for each in made.__slots__ if each != "__weakref__"}
        )


@pytest.mark.parametrize(
    ("changes", "ours"),
    [
        ({"dueAt": "2026-12-01T10:00:00Z"}, True),  # a server that keeps seconds
        ({"dueAt": "2026-12-01T12:00:00.250+02:00"}, True),
        ({"dueAt": None}, True),
        ({"dueAt": "2026-12-01T10:00:02Z"}, False),
        ({"source": "batch"}, True),  # a new word
        ({"source": None}, True),
        ({"source": "engine"}, False),
        ({"loyaltyProgramId": OTHER}, False),
        ({"loyaltyProgramId": PROGRAM.upper()}, True),
        ({"balanceDefinitionId": OTHER}, False),
        ({"contactId": 7}, False),
        ({"contactId": "42"}, True),
    ],
)
async def test_what_an_order_shows(server, transactions, changes, ours):
    server.then([answering(**changes)])
    order = transactions.create_order(**WHOM, amount=1, due_at=DUE, source="user")
    assert await outcomes(order) == ["unknown"] if not ours else (await order).id


@pytest.mark.parametrize(
    ("changes", "ours"),
    [
        ({"transactionType": "debit"}, False),
        ({"transactionType": "credit"}, True),
        ({"transactionType": "bonus"}, True),
        ({"loyaltyProgramId": OTHER}, False),
        ({"meta": []}, True),
    ],
)
async def test_what_a_begin_shows(server, transactions, changes, ours):
    server.then([answering(**changes)])
    call = transactions.begin(**WHOM, amount=1, meta={"a": 1})
    assert await outcomes(call) == ["unknown"] if not ours else (await call).id


@pytest.mark.parametrize("verb", ["complete", "cancel"])
async def test_an_end_in_another_program_is_not_ours(server, transactions, verb):
    server.then([answering(loyaltyProgramId=OTHER)] * 3)
    assert await outcomes(getattr(transactions, verb)(TRANSACTION)) == ["unknown"]


# What was sent, and not what the caller's dict has become -------------------------------------------------------


@pytest.mark.parametrize("call", ["begin", "credit", "hold"])
async def test_meta_that_changes_in_flight_is_compared_as_it_was_sent(server, transactions, call):
    meta = {"reference": "a", "lines": [1, 2]}

    async def meddling(exchange):
        exchange.commit()
        meta.update(reference=object(), lines=float("nan"))
        await exchange.answer(*truth(exchange.request, exchange.server))

    server.then([meddling])
    if call == "hold":
        async with transactions.hold(**WHOM, amount=1, meta=meta) as made:
            pass
    else:
        made = await getattr(transactions, call)(**WHOM, amount=1, meta=meta)
    assert (made.meta["reference"], made.meta["lines"]) == ("a", [1, 2])


async def test_meta_that_changes_in_flight_to_what_a_stranger_sent_is_still_a_strangers(server, transactions):
    meta = {"reference": "a", "lines": [1]}

    async def meddling(exchange):
        exchange.commit()
        meta["lines"].append(2)
        code, body = truth(exchange.request, exchange.server)
        await exchange.answer(code, {**body, "meta": meta})

    server.then([meddling])
    with pytest.raises(OutcomeUnknownError, match="another 'lines'") as caught:
        await transactions.begin(**WHOM, amount=1, meta=meta)
    assert caught.value.arguments["meta"] == {"reference": "a", "lines": [1]}


def deep(levels):
    value = 1
    for at in range(levels):
        value = [value] if at % 2 else {"x": value}
    return {"deep": value}


@pytest.mark.parametrize("levels", [50, 350, 700])
async def test_meta_of_many_levels_comes_back_or_is_doubted_or_is_never_sent(server, transactions, levels):
    try:
        made = await transactions.begin(**WHOM, amount=1, meta=deep(levels))
    except Exception as error:  # the depth that Python's own recursion bears differs
        assert levels == 700
        assert type(error).__name__ in {"InvalidRequestError", "OutcomeUnknownError"}
        assert server.writes == (type(error) is OutcomeUnknownError)
    else:
        assert made.meta == deep(levels)


async def test_meta_that_no_json_writer_bears_is_refused(server, transactions):
    endless = {}
    endless["x"] = endless
    for meta in (deep(100_000), endless):
        with pytest.raises(ValueError, match="meta"):
            await transactions.begin(**WHOM, amount=1, meta=meta)
    assert server.arrived == []


async def test_an_answer_too_deep_to_read_is_doubt(server, transactions):
    async def effect(exchange):
        exchange.commit()
        nested = b"[" * 90_000 + b"]" * 90_000
        await exchange.answer(200, b'{"id": "%s", "meta": {"v": %s}}' % (TRANSACTION.encode(), nested))

    server.then([effect])
    assert await outcomes(transactions.begin(**WHOM, amount=1, meta={"v": 1})) == ["unknown"]
