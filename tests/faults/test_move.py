"""credit and debit: completed at once or an error; and what begin and hold refuse to be told twice."""

from __future__ import annotations

import pytest
from clocks import AutoClock
from hostile import DEFINITION, TRANSACTION, hang_up, quota, refuse, status, truth
from scenario import GUARDED, HARMLESS, KEY, LIMIT, UNSAFE, at_rest

from brevo_balance_async import (
    BalanceClient,
    InvalidRequestError,
    OutcomeUnknownError,
    QuotaError,
    QuotaWaitError,
    RateLimitedError,
    ResponseError,
    Transaction,
    UnprocessableError,
)
from brevo_balance_async.errors import BalanceError

WHOM = {"balance_definition_id": DEFINITION, "contact_id": 42}
PROGRAM = "27aa1d7a-af67-4020-8a65-19d6b0f0a26e"


@pytest.fixture
async def client(server):
    async with BalanceClient(KEY, base_url=server.base_url, clock=AutoClock()) as client:
        yield client
        at_rest(client)


@pytest.fixture(params=["credit", "debit"])
def move(request, transactions):
    return getattr(transactions, request.param)


def says(**changes):
    async def effect(exchange):
        exchange.commit()
        code, body = truth(exchange.request, exchange.server)
        await exchange.answer(code, {**body, **changes})

    return effect


async def test_points_move_at_once(server, transactions):
    credited = await transactions.credit(**WHOM, amount="12.50", balance_expiry_in_minutes=60, meta={"a": 1})
    assert (credited.status, str(credited.amount)) == ("completed", "12.5")
    assert server.arrived[-1].json == {
        "amount": 12.5,
        "balanceDefinitionId": DEFINITION,
        "contactId": 42,
        "autoComplete": True,
        "balanceExpiryInMinutes": 60,
        "meta": {"a": 1},
    }
    debited = await transactions.debit(
        balance_definition_id=DEFINITION, loyalty_subscription_id="member-7", amount="12.50"
    )
    assert debited.status == "completed"
    assert server.arrived[-1].json == {
        "amount": -12.5,
        "balanceDefinitionId": DEFINITION,
        "LoyaltySubscriptionId": "member-7",
        "autoComplete": True,
    }
    assert len(server.arrived) == 2


@pytest.mark.parametrize("amount", [-1, "-0.5", 0, float("nan"), True])
async def test_the_amount_is_positive(server, move, amount):
    with pytest.raises(InvalidRequestError) as caught:
        await move(**WHOM, amount=amount)
    assert caught.value.argument == "amount"
    assert server.arrived == []


@pytest.mark.parametrize("word", ["rejected", "cancelled", "expired"])
async def test_a_rejection_is_an_error(server, move, word):
    server.then([says(status=word, rejectReason="over the limit" if word == "rejected" else None)])
    with pytest.raises(UnprocessableError, match=f"is {word}") as caught:
        await move(**WHOM, amount=5)
    assert (caught.value.code, caught.value.applied, caught.value.attempts) == (word, False, 1)
    assert ("over the limit" in str(caught.value)) is (word == "rejected")
    assert len(server.arrived) == 1


@pytest.mark.parametrize("word", ["draft", None, "", "in progress"])
async def test_what_is_not_completed_is_not_returned_as_if_it_were(server, move, word, verdict):
    server.then([says(status=word)])
    with pytest.raises(OutcomeUnknownError, match="status is"):
        await move(**WHOM, amount=5)
    assert len(server.arrived) == 1
    verdict(f"200 with status {word!r}", "unsafe", "yes", 1, "unknown", "OutcomeUnknownError")


async def test_an_unclear_one_is_sent_once(server, move):
    server.then([hang_up(commit=True)])
    with pytest.raises(OutcomeUnknownError):
        await move(**WHOM, amount=5)
    assert server.writes == len(server.arrived) == 1


@pytest.mark.parametrize("call", ["begin", "hold"])
@pytest.mark.parametrize(("kind", "amount"), [("debit", 5), ("debit", "0.01"), ("credit", -5)])
async def test_a_type_that_contradicts_the_sign_is_refused(server, transactions, call, kind, amount):
    with pytest.raises(InvalidRequestError, match="contradicts") as caught:
        if call == "begin":
            await transactions.begin(**WHOM, amount=amount, transaction_type=kind)
        else:
            async with transactions.hold(**WHOM, amount=amount, transaction_type=kind):
                pytest.fail("entered")
    assert caught.value.argument == "amount"
    assert server.arrived == []
    await transactions.begin(
        **WHOM, amount=abs(float(amount)) * (-1 if kind == "debit" else 1), transaction_type=kind
    )
    assert server.arrived[-1].json["transactionType"] == kind


# What an unknown outcome carries -----------------------------------------------------------------------------------

ASKED = {
    "transactions.begin": {
        **WHOM,
        "program_id": PROGRAM,
        "amount": 12.5,
        "meta": {"reference": "r1"},
    },
    "definitions.create": {"program_id": PROGRAM, "name": "Points", "unit": "POINTS"},
    "limits.create": {"program_id": PROGRAM, "definition_id": DEFINITION, **LIMIT},
    "balances.create": {"program_id": PROGRAM, **WHOM},
}


@pytest.mark.parametrize("operation", ASKED)
async def test_an_unknown_outcome_tells_what_was_asked(server, client, operation):
    server.then([hang_up(commit=True)])
    with pytest.raises(OutcomeUnknownError) as caught:
        await UNSAFE[operation](client.program(PROGRAM))
    assert caught.value.arguments == ASKED[operation]
    assert caught.value.applied is None


async def test_meta_is_told_as_it_was_sent(server, transactions):
    meta = {"reference": "a"}

    async def meddling(exchange):
        meta["reference"] = "b"
        exchange.fin()

    server.then([meddling])
    with pytest.raises(OutcomeUnknownError) as caught:
        await transactions.begin(**WHOM, amount=1, meta=meta)
    assert caught.value.arguments["meta"] == {"reference": "a"}


@pytest.mark.parametrize("verb", ["complete", "cancel"])
async def test_of_a_transaction_it_tells_where_to_look(server, transactions, verb):
    server.otherwise = hang_up(commit=True)
    with pytest.raises(OutcomeUnknownError) as caught:
        await getattr(transactions, verb)(TRANSACTION)
    assert caught.value.arguments == {"program_id": PROGRAM, "transaction_id": TRANSACTION}
    known = Transaction(id=TRANSACTION, contact_id=42, balance_definition_id=DEFINITION)
    with pytest.raises(OutcomeUnknownError) as caught:
        await getattr(transactions, verb)(known)
    assert caught.value.arguments == {"program_id": PROGRAM, "transaction_id": TRANSACTION, **WHOM}


async def test_of_any_other_route_it_tells_the_request(server, client):
    server.then([hang_up(commit=True)])
    with pytest.raises(OutcomeUnknownError) as caught:
        await client.request("POST", "/loyalty/{x}", params={"a": 1}, json={"b": [1]})
    assert caught.value.arguments == {
        "method": "POST",
        "path": "/loyalty/{x}",
        "params": {"a": 1},
        "json": {"b": [1]},
    }


# Whether anything was applied, and whether the quota is in the way -----------------------------------------------

ALL = {**UNSAFE, **HARMLESS, **GUARDED}


@pytest.mark.parametrize("operation", ALL)
async def test_a_clear_refusal_changed_nothing(server, client, operation):
    server.then([refuse(403)])
    with pytest.raises(ResponseError) as caught:
        await ALL[operation](client.program(PROGRAM))
    assert caught.value.applied is False


@pytest.mark.parametrize("operation", ALL)
async def test_a_lost_answer_says_nothing_of_a_write(server, client, operation):
    server.then([status(502)] * 3)
    with pytest.raises(BalanceError) as caught:
        await ALL[operation](client.program(PROGRAM))
    reads = operation.endswith((".get", ".list", ".list_active"))
    assert caught.value.applied is (False if reads else None)


@pytest.mark.parametrize("last", [refuse(422), refuse(403), refuse(429, headers=quota(600, 0, 300))])
async def test_a_refusal_after_doubt_does_not_say_that_nothing_changed(server, client, last):
    server.then([hang_up(commit=True), last])
    with pytest.raises(ResponseError) as caught:
        await HARMLESS["definitions.update"](client.program(PROGRAM))
    assert caught.value.applied is None


async def test_nor_does_a_wait_that_is_not_begun(server, client):
    server.then([status(502, headers=quota(600, 0, 3000))])
    with pytest.raises(QuotaWaitError) as caught:
        await HARMLESS["definitions.update"](client.program(PROGRAM))
    assert caught.value.applied is None


async def test_one_handler_serves_both_quota_errors(server, client):
    program = client.program(PROGRAM)
    waits = []
    server.then([refuse(429, headers=quota(600, 0, 300))])
    for kind in (RateLimitedError, QuotaWaitError):
        try:
            await UNSAFE["transactions.begin"](program)
        except QuotaError as error:
            assert type(error) is kind
            assert error.applied is False
            waits.append(error.retry_after)
    assert all(299 <= wait <= 302 for wait in waits)
    assert issubclass(RateLimitedError, ResponseError)
    assert len(server.arrived) == 1


async def test_a_429_that_names_no_wait_has_none(server, client):
    server.then([refuse(429)] * 3)
    with pytest.raises(QuotaError) as caught:
        await UNSAFE["transactions.begin"](client.program(PROGRAM))
    assert caught.value.retry_after is None
