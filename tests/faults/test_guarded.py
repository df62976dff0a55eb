"""complete, cancel and hold when their own answers are unclear: what is seen in history counts, else unknown."""

from __future__ import annotations

import pytest
from clocks import AutoClock
from hostile import (
    DEFINITION,
    PROGRAM,
    TRANSACTION,
    Hostile,
    hang_up,
    quota,
    refuse,
    status,
)
from scenario import KEY, at_rest

from brevo_balance_async import (
    BalanceClient,
    OutcomeUnknownError,
    Transaction,
    UnprocessableError,
)
from brevo_balance_async.hooks import OutcomeUnknown

DRAFT = Transaction(id=TRANSACTION, contact_id=42, balance_definition_id=DEFINITION, status="draft")
HOLD = {"balance_definition_id": DEFINITION, "contact_id": 42, "amount": "12.50"}
OTHER_ROW = {
    "id": "0197e3c2-0000-7000-8000-00000000b002",
    "status": "completed",
    "createdAt": "2026-11-20T10:00:00Z",
}


def record(status_word, transaction=TRANSACTION):
    return {
        "id": transaction,
        "status": status_word,
        "amount": 12.5,
        "contactId": 42,
        "createdAt": "2026-11-20T10:00:00Z",
        "completedAt": "2026-11-20T10:01:00Z" if status_word.startswith("complete") else None,
    }


@pytest.fixture
async def server():
    async with Hostile() as server:
        yield server


@pytest.fixture
def events():
    return []


@pytest.fixture
async def client(server, events):
    async with BalanceClient(
        KEY, base_url=server.base_url, max_connections=1, clock=AutoClock(), hooks=[events.append]
    ) as client:
        yield client
        at_rest(client)


@pytest.fixture
def transactions(client):
    return client.program(PROGRAM).transactions


@pytest.fixture(params=["complete", "cancel"])
def verb(request):
    return request.param


def paths(server):
    return [f"{request.method} {request.path.split('?')[0].rsplit('/', 1)[1]}" for request in server.arrived]


async def test_unclear_once_is_asked_for_again(server, transactions, verb):
    server.then([hang_up(commit=False)])
    done = await getattr(transactions, verb)(TRANSACTION)
    assert done.status == {"complete": "completed", "cancel": "cancelled"}[verb]
    assert len(server.arrived) == 2
    assert server.writes == 1


@pytest.mark.parametrize("second", [404, 422])
async def test_an_id_alone_cannot_be_settled(server, transactions, events, verb, second, verdict):
    server.then([hang_up(commit=True), refuse(second)])
    with pytest.raises(OutcomeUnknownError, match=f"read the contact's history for {TRANSACTION}") as caught:
        await getattr(transactions, verb)(TRANSACTION)
    assert caught.value.attempts == 2
    assert caught.value.status == second
    assert [event.cancelled for event in events if isinstance(event, OutcomeUnknown)] == [False]
    assert paths(server) == [f"POST {verb}"] * 2
    verdict(
        f"FIN after commit, then {second}",
        verb,
        "yes",
        server.writes,
        "unknown, 2 attempts",
        "OutcomeUnknownError",
    )


@pytest.mark.parametrize("words", [("completed", "cancelled"), ("complete", "cancelled")], ids=["new", "old"])
@pytest.mark.parametrize("effects", ["then 422", "always FIN"])
async def test_history_settles_it(server, transactions, verb, effects, words, verdict):
    server.history = [OTHER_ROW, record(words[verb == "cancel"])]
    server.then([hang_up(commit=True), refuse(422)] if effects == "then 422" else [hang_up(commit=True)] * 3)
    done = await getattr(transactions, verb)(DRAFT)
    assert done.id == TRANSACTION
    assert done.status == {"complete": "completed", "cancel": "cancelled"}[verb]
    assert str(done.amount) == "12.5"
    assert paths(server)[-1] == "GET transaction-history"
    assert server.writes == 1
    verdict(f"FIN after commit, {effects}, history", verb, "yes", 1, "applied, as history shows", "-")


@pytest.mark.parametrize("word", ["expired", "rejected", "cancelled"])
async def test_history_may_show_another_end(server, transactions, word):
    server.history = [record(word)]
    server.then([hang_up(commit=False), refuse(422)])
    with pytest.raises(UnprocessableError, match=f"is {word}, as its history shows") as caught:
        await transactions.complete(DRAFT)
    assert caught.value.endpoint == "transactions.complete"
    assert type(caught.value.__cause__) is OutcomeUnknownError


@pytest.mark.parametrize(
    ("rows", "note"),
    [
        ([OTHER_ROW], "not in the history yet"),
        ([record("draft")], "a draft still"),
        ([record("pending")], "a draft still"),
    ],
    ids=["absent", "draft", "old word for draft"],
)
async def test_nothing_is_concluded_from_absence(server, transactions, rows, note):
    server.history = rows
    server.then([hang_up(commit=True)] * 3)
    with pytest.raises(OutcomeUnknownError) as caught:
        await transactions.complete(DRAFT)
    assert any(note in text for text in caught.value.__notes__)


async def test_a_history_that_cannot_be_read_settles_nothing(server, transactions):
    server.then([hang_up(commit=True)] * 3 + [status(500)] * 3)
    with pytest.raises(OutcomeUnknownError) as caught:
        await transactions.complete(DRAFT)
    assert any("could not be read" in text for text in caught.value.__notes__)


@pytest.mark.parametrize("code", [404, 422])
async def test_a_first_refusal_is_clear_and_costs_one_request(server, transactions, verb, code):
    server.then([refuse(code)])
    with pytest.raises(Exception, match="no") as caught:
        await getattr(transactions, verb)(DRAFT)
    assert caught.value.status == code
    assert type(caught.value) is not OutcomeUnknownError
    assert len(server.arrived) == 1


@pytest.mark.parametrize("code", [400, 401, 403])
async def test_a_refusal_after_doubt_does_not_take_the_doubt_away(server, transactions, code):
    server.then([hang_up(commit=True), refuse(code)])
    with pytest.raises(OutcomeUnknownError):
        await transactions.complete(TRANSACTION)


async def test_a_quota_wait_after_doubt_does_not_take_the_doubt_away(server, transactions):
    server.then([hang_up(commit=True), refuse(429, headers=quota(600, 0, 300))])
    with pytest.raises(OutcomeUnknownError) as caught:
        await transactions.complete(TRANSACTION)
    assert len(server.arrived) == 2
    assert caught.value.attempts == 2


async def test_the_answer_to_the_opposite_request_is_not_believed(server, transactions):
    async def cancelled(exchange):
        await exchange.answer(200, {"id": TRANSACTION, "status": "cancelled"})

    server.then([cancelled] * 3)
    with pytest.raises(OutcomeUnknownError, match="status is"):
        await transactions.complete(TRANSACTION)
