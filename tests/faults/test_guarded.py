"""complete and cancel when their own answers are unclear: what is seen in history counts, else unknown."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import pytest
from attrs import evolve
from clocks import AutoClock
from hostile import (
    DEFINITION,
    PROGRAM,
    TRANSACTION,
    hang_up,
    quota,
    refuse,
    stall,
    status,
    truth,
)
from scenario import KEY, at_rest, record

from brevo_balance_async import (
    BalanceClient,
    NotFoundError,
    OutcomeUnknownError,
    Transaction,
    UnprocessableError,
)
from brevo_balance_async.core.retry import Backoff
from brevo_balance_async.hooks import OutcomeUnknown

DRAFT = Transaction(id=TRANSACTION, contact_id=42, balance_definition_id=DEFINITION, status="draft")
OTHER_ROW = {
    "id": "0197e3c2-0000-7000-8000-00000000b002",
    "status": "completed",
    "createdAt": "2026-11-20T10:00:00Z",
}


@pytest.fixture
async def client(server, events):
    async with BalanceClient(
        KEY, base_url=server.base_url, max_connections=1, clock=AutoClock(), hooks=[events.append]
    ) as client:
        yield client
        at_rest(client)


@pytest.fixture(params=["complete", "cancel"])
def verb(request):
    return request.param


def unknown(events):
    return [event for event in events if isinstance(event, OutcomeUnknown)]


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
async def test_a_first_refusal_of_an_id_alone_is_raised_as_it_is(server, transactions, verb, code):
    server.then([refuse(code)])
    with pytest.raises(NotFoundError if code == 404 else UnprocessableError, match="no") as caught:
        await getattr(transactions, verb)(TRANSACTION)
    assert caught.value.applied is None  # it may be the second answer to our own request
    assert len(server.arrived) == 1


@pytest.mark.parametrize("code", [404, 422])
async def test_a_first_refusal_may_be_our_own_request_replayed(
    server, transactions, events, verb, code, verdict
):
    end = {"complete": "completed", "cancel": "cancelled"}[verb]
    server.history = [OTHER_ROW, record(end)]
    server.then([status(code, {"code": "refused", "message": "ended already"})])
    done = await getattr(transactions, verb)(DRAFT)
    assert (done.id, done.status) == (TRANSACTION, end)
    assert paths(server) == [f"POST {verb}", "GET transaction-history"]
    assert server.writes == 1
    assert unknown(events) == []
    verdict(f"A6 first {code}, replayed by a gateway", verb, "yes", 1, "applied, as history shows", "-")


@pytest.mark.parametrize(
    ("rows", "note"),
    [
        ([record("draft")], "a draft still"),
        ([OTHER_ROW], "not in the history yet"),
    ],
    ids=["draft", "absent"],
)
async def test_a_first_refusal_that_history_does_not_contradict_stands(
    server, transactions, events, verb, rows, note, verdict
):
    server.history = rows
    server.then([refuse(422, "not enough points")])
    with pytest.raises(UnprocessableError, match="not enough points") as caught:
        await getattr(transactions, verb)(DRAFT)
    assert caught.value.applied is None  # the history may be an old view, and the refusal that of a replay
    assert (caught.value.endpoint, caught.value.attempts) == (f"transactions.{verb}", 1)
    assert any(note in text for text in caught.value.__notes__)
    assert unknown(events) == []
    verdict(
        f"A6 first 422, history: {note}", verb, "yes", "?", "refused, applied is None", "UnprocessableError"
    )


async def test_a_first_refusal_whose_history_cannot_be_read_stands(server, transactions):
    server.then([refuse(422, "not enough points"), *[status(500)] * 3])
    with pytest.raises(UnprocessableError, match="not enough points") as caught:
        await transactions.complete(DRAFT)
    assert caught.value.applied is None
    assert any("could not be read" in text for text in caught.value.__notes__)


async def test_a_first_refusal_of_what_came_to_another_end_names_it(server, transactions, verb):
    server.history = [record("expired")]
    server.then([refuse(422)])
    with pytest.raises(UnprocessableError, match="is expired, as its history shows") as caught:
        await getattr(transactions, verb)(DRAFT)
    assert (caught.value.code, caught.value.applied) == ("expired", False)


async def test_a_draft_of_the_year_one_is_looked_for_without_a_bound(server, transactions):
    # How a server in Go writes that there is no time.
    server.history = [record("completed")]
    server.then([hang_up(commit=True)] * 3)
    draft = evolve(DRAFT, created_at=datetime(1, 1, 1, tzinfo=UTC))
    assert (await transactions.complete(draft)).status == "completed"


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


# The answer's own word -----------------------------------------------------------------------------------------


def says(word):
    """A 200 for the right transaction with this status; ``...`` leaves it out."""

    async def effect(exchange):
        exchange.commit()
        code, body = truth(exchange.request, exchange.server)
        body = {**body, "status": word, "rejectReason": "limit reached" if word == "rejected" else None}
        await exchange.answer(code, {k: v for k, v in body.items() if v is not ...})

    return effect


@pytest.mark.parametrize("word", ["rejected", "expired", "the opposite"])
@pytest.mark.parametrize("earlier", [[], [hang_up(commit=False)]], ids=["first", "after doubt"])
async def test_another_end_in_the_answer_is_a_refusal(
    server, transactions, events, verb, word, earlier, verdict
):
    word = {"complete": "cancelled", "cancel": "completed"}[verb] if word == "the opposite" else word
    server.then([*earlier, says(word)])
    with pytest.raises(UnprocessableError, match=f"is {word}, as the answer shows") as caught:
        await getattr(transactions, verb)(DRAFT)
    error = caught.value
    assert (error.code, error.status, error.applied) == (word, 422, False)
    assert (error.endpoint, error.attempts) == (f"transactions.{verb}", 1 + len(earlier))
    assert ("limit reached" in str(error)) is (word == "rejected")
    assert len(server.arrived) == 1 + len(earlier)  # an end is final, so history is not asked
    assert unknown(events) == []
    verdict(f"A3 200 with status {word}", verb, "yes", server.writes, "refused", "UnprocessableError")


@pytest.mark.parametrize("word", [..., None, "", "draft", "pending", "in progress", 7])
@pytest.mark.parametrize("known", [True, False], ids=["Transaction", "id"])
async def test_any_other_word_in_the_answer_is_doubt(server, transactions, verb, word, known, verdict):
    end = {"complete": "completed", "cancel": "cancelled"}[verb]
    server.then([says(word)] * 3)
    server.history = [record(end)]
    if known:
        assert (await getattr(transactions, verb)(DRAFT)).status == end
        assert paths(server) == [f"POST {verb}"] * 3 + ["GET transaction-history"]
    else:
        with pytest.raises(OutcomeUnknownError, match="status is") as caught:
            await getattr(transactions, verb)(TRANSACTION)
        assert caught.value.applied is None
        assert len(server.arrived) == 3
    told = "applied, as history shows" if known else "unknown, 3 attempts"
    verdict(f"A3 200 with status {word!r}", verb, "yes", 1, told, "-" if known else "OutcomeUnknownError")


# Within the call's time, and no further back than need be ----------------------------------------------------------


async def test_the_calls_time_is_over_before_history_is_asked(server, events, verb):
    server.otherwise = stall()
    async with BalanceClient(KEY, base_url=server.base_url, hooks=[events.append]) as client:
        transactions = client.program(PROGRAM).transactions
        with pytest.raises(OutcomeUnknownError) as caught:
            await asyncio.wait_for(getattr(transactions, verb)(DRAFT, timeout=0.1), 10)
        assert caught.value.__notes__[1:] == ["there was no time left to settle it by reading the history"]
        assert paths(server) == [f"POST {verb}"]
        assert [event.cancelled for event in unknown(events)] == [False]
        at_rest(client)


async def test_the_calls_time_ends_a_history_that_is_stalled(server, events, verb):
    server.then([hang_up(commit=True)] * 3)
    server.otherwise = stall()
    async with BalanceClient(KEY, base_url=server.base_url, hooks=[events.append]) as client:
        client._requester.shared.backoff = Backoff(random=lambda: 0.0)
        transactions = client.program(PROGRAM).transactions
        with pytest.raises(OutcomeUnknownError) as caught:
            await asyncio.wait_for(getattr(transactions, verb)(DRAFT, timeout=0.5), 10)
        assert caught.value.__notes__[1:] == ["there was no time left to settle it by reading the history"]
        assert paths(server) == [f"POST {verb}"] * 3 + ["GET transaction-history"]
        assert len(unknown(events)) == 1
        at_rest(client)


async def test_and_a_history_whose_every_page_takes_a_while(server, events):
    async def slow_page(exchange):
        await asyncio.sleep(0.05)
        await paged(exchange)

    server.then([hang_up(commit=True)] * 3)
    server.otherwise = slow_page
    server.history = [row(number) for number in range(10_000)]
    async with BalanceClient(KEY, base_url=server.base_url, hooks=[events.append]) as client:
        client._requester.shared.backoff = Backoff(random=lambda: 0.0)
        with pytest.raises(OutcomeUnknownError) as caught:
            await asyncio.wait_for(client.program(PROGRAM).transactions.complete(DRAFT, timeout=0.3), 10)
        assert caught.value.__notes__[1:] == ["there was no time left to settle it by reading the history"]
        # Each page took 0.05 s of the 0.3 s; a wait of one's own for each would have gone on for ever.
        assert len(server.arrived) - 3 <= 6
        at_rest(client)


NEWEST = datetime(2026, 11, 24, 12, tzinfo=UTC)


def row(number):
    """Somebody else's, ``number`` minutes before the newest."""
    created = NEWEST - timedelta(minutes=number)
    return {
        "id": f"0197e3c2-0000-7000-9000-{number:012x}",
        "status": "completed",
        "createdAt": created.isoformat().replace("+00:00", "Z"),
    }


async def paged(exchange):
    """History in pages of records, newest first, as it was asked for."""
    query = parse_qs(exchange.request.path.partition("?")[2])
    assert query["sort"] == ["desc"]
    start, size = int(query.get("offset", ["0"])[0]), int(query["limit"][0])
    page = exchange.server.history[start : start + size]
    await exchange.answer(200, {"count": len(exchange.server.history), "transactionHistory": page})


@pytest.mark.parametrize("rows", [1_500, 20_000])
async def test_history_is_read_no_further_back_than_the_draft(server, transactions, rows):
    # The draft is as old as row 30, so its place is on the first page, however long the history is.
    server.then([hang_up(commit=True)] * 3)
    server.otherwise = paged
    server.history = [row(number) for number in range(rows)]
    draft = evolve(DRAFT, created_at=NEWEST - timedelta(minutes=30))
    with pytest.raises(OutcomeUnknownError) as caught:
        await transactions.complete(draft)
    assert "its end is not in the history yet" in caught.value.__notes__
    assert len(server.arrived) == 3 + 1


async def test_it_is_found_among_rows_of_its_own_age(server, transactions):
    server.then([hang_up(commit=True)] * 3)
    server.otherwise = paged
    mine = {**row(31), "id": TRANSACTION}
    server.history = (
        [row(number) for number in range(32)] + [mine] + [row(number) for number in range(32, 2000)]
    )
    done = await transactions.complete(evolve(DRAFT, created_at=NEWEST - timedelta(minutes=30)))
    assert done.status == "completed"
    assert len(server.arrived) == 3 + 1


async def test_without_its_age_the_search_goes_on(server, transactions):
    server.then([hang_up(commit=True)] * 3)
    server.otherwise = paged
    server.history = [row(number) for number in range(1_200)] + [{**row(1_200), "id": TRANSACTION}]
    assert (await transactions.complete(DRAFT)).status == "completed"
    assert len(server.arrived) > 3 + 1


# What is told ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["completed", "expired"])
@pytest.mark.parametrize("effects", [[hang_up(commit=True)] * 3, [hang_up(commit=True), refuse(422)]])
async def test_an_outcome_that_history_settles_is_not_told_as_unknown(
    server, transactions, events, caplog, effects, word
):
    # An alarm for every gateway that hung up once would soon be heard by nobody.
    server.history = [record(word)]
    server.then(effects)
    with caplog.at_level(logging.WARNING, "brevo_balance_async"):
        if word == "completed":
            await transactions.complete(DRAFT)
        else:
            with pytest.raises(UnprocessableError):
                await transactions.complete(DRAFT)
    assert unknown(events) == []
    assert caplog.records == []


async def test_one_that_history_does_not_settle_is_told_once(server, transactions, events, caplog):
    server.history = [OTHER_ROW]
    server.then([hang_up(commit=True)] * 3)
    with (
        caplog.at_level(logging.WARNING, "brevo_balance_async"),
        pytest.raises(OutcomeUnknownError) as caught,
    ):
        await transactions.complete(DRAFT)
    (told,) = unknown(events)
    assert (told.endpoint, told.cancelled, told.attempt) == ("transactions.complete", False, 3)
    assert told.error is caught.value.cause
    assert len(caplog.records) == 1


async def test_one_whose_caller_is_cancelled_while_history_is_read_is_told(server, transactions, events):
    server.then([hang_up(commit=True)] * 3 + [stall()])
    task = asyncio.ensure_future(transactions.complete(DRAFT))
    await server.until_arrived(4)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [event.cancelled for event in unknown(events)] == [True]
