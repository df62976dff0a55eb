"""``hold``: begin on entering, complete or cancel on leaving; the block's own exception always goes through."""

from __future__ import annotations

import asyncio

import pytest
from clocks import AutoClock
from hostile import DEFINITION, PROGRAM, hang_up, honest, quota, refuse, stall, status, truth
from scenario import CALLS, KEY, at_rest, record

from brevo_balance_async import (
    BalanceClient,
    BalanceError,
    ClientStateError,
    InvalidRequestError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    QuotaWaitError,
    RateLimitedError,
    UnprocessableError,
)
from brevo_balance_async.hooks import OutcomeUnknown

HOLD = {"balance_definition_id": DEFINITION, "contact_id": 42, "amount": "12.50"}


class Vault:
    """Credentials that can be broken."""

    broken = None

    async def headers(self):
        if self.broken is not None:
            raise self.broken
        return {"api-key": KEY}


@pytest.fixture
def vault():
    return Vault()


@pytest.fixture
async def client(server, events, vault):
    async with BalanceClient(
        credentials=vault,
        base_url=server.base_url,
        max_connections=1,
        clock=AutoClock(),
        hooks=[events.append],
    ) as client:
        yield client
        at_rest(client)


def paths(server):
    return [f"{request.method} {request.path.split('?')[0].rsplit('/', 1)[1]}" for request in server.arrived]


class BlockError(Exception):
    """What goes wrong in the block."""


async def test_hold_completes(server, transactions):
    hold = transactions.hold(**HOLD)
    async with hold as draft:
        assert draft.status == "draft"
        assert paths(server) == ["POST transactions"]
    assert hold.result.status == "completed"
    assert paths(server) == ["POST transactions", "POST complete"]


async def test_hold_cancels_on_an_exception(server, transactions):
    hold = transactions.hold(**HOLD)
    with pytest.raises(BlockError) as caught:
        async with hold:
            raise BlockError
    assert not hasattr(caught.value, "__notes__")
    assert hold.result.status == "cancelled"
    assert paths(server) == ["POST transactions", "POST cancel"]


async def test_hold_is_not_entered_when_it_is_rejected(server, transactions):
    async def rejected(exchange):
        _, body = truth(exchange.request, exchange.server)
        await exchange.answer(200, {**body, "status": "rejected", "rejectReason": "limit reached"})

    server.then([rejected])
    with pytest.raises(UnprocessableError, match="limit reached"):
        async with transactions.hold(**HOLD):
            pytest.fail("entered")
    assert len(server.arrived) == 1


async def test_a_rejected_begin_is_a_definite_answer(server, transactions, verdict):
    async def rejected(exchange):
        _, body = truth(exchange.request, exchange.server)
        await exchange.answer(200, {**body, "status": "rejected", "rejectReason": "limit reached"})

    server.then([rejected])
    made = await transactions.begin(**HOLD)
    assert (made.status, made.reject_reason) == ("rejected", "limit reached")
    assert len(server.arrived) == 1
    verdict("31 200 with status rejected", "unsafe", "yes", 0, "refused, not applied", "-")


async def test_hold_is_not_entered_when_its_begin_is_unclear(server, transactions):
    server.then([hang_up(commit=True)])
    with pytest.raises(OutcomeUnknownError):
        async with transactions.hold(**HOLD):
            pytest.fail("entered")
    assert len(server.arrived) == 1


async def test_hold_completing_unclear_is_settled_by_history(server, transactions):
    hold = transactions.hold(**HOLD)
    async with hold as draft:
        server.history = [record("completed", draft.id)]
        server.then([hang_up(commit=True)] * 3)
    assert hold.result.status == "completed"
    assert server.writes == 2


async def test_hold_completing_unclear_and_unsettled_is_unknown(server, transactions):
    with pytest.raises(OutcomeUnknownError) as caught:
        async with transactions.hold(**HOLD) as draft:
            server.history = [record("draft", draft.id)]
            server.then([hang_up(commit=True)] * 3)
    assert caught.value.endpoint == "transactions.complete"
    assert any("a draft still" in note for note in caught.value.__notes__)


async def test_hold_rejected_on_completing(server, transactions):
    async def rejected(exchange):
        code, body = truth(exchange.request, exchange.server)
        await exchange.answer(code, {**body, "status": "rejected", "rejectReason": "expired balance"})

    with pytest.raises(UnprocessableError, match=r"is rejected, as the answer shows \(expired balance\)"):
        async with transactions.hold(**HOLD):
            server.then([rejected])


async def test_hold_cancelling_unclear_is_settled_by_history(server, transactions):
    hold = transactions.hold(**HOLD)
    with pytest.raises(BlockError) as caught:
        async with hold as draft:
            server.history = [record("cancelled", draft.id)]
            server.then([hang_up(commit=True)] * 3)
            raise BlockError
    assert not hasattr(caught.value, "__notes__")
    assert hold.result.status == "cancelled"


@pytest.mark.parametrize(
    "effects", [[hang_up(commit=True)] * 3, [refuse(422)], [refuse(404)]], ids=["FIN", "422", "404"]
)
async def test_hold_that_may_be_left_behind_says_so_on_the_blocks_exception(server, transactions, effects):
    with pytest.raises(BlockError) as caught:
        async with transactions.hold(**HOLD) as draft:
            server.history = []
            server.then(effects)
            raise BlockError
    (note,) = caught.value.__notes__
    assert draft.id in note
    assert "could not be cancelled" in note


async def entered(transactions):
    """A task that waits inside of a hold's block."""
    inside = asyncio.Event()

    async def block():
        async with transactions.hold(**HOLD):
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.ensure_future(block())
    await inside.wait()
    return task


async def test_hold_cancelled_in_its_block_cancels_the_draft(server, transactions):
    task = await entered(transactions)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert paths(server) == ["POST transactions", "POST cancel"]


async def test_hold_cancelled_while_completing_is_seen_by_the_hook(server, transactions, events):
    server.then([honest, stall()])

    async def block():
        async with transactions.hold(**HOLD):
            pass

    task = asyncio.ensure_future(block())
    await server.until_arrived(2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (unknown,) = [event for event in events if isinstance(event, OutcomeUnknown)]
    assert unknown.cancelled
    assert unknown.endpoint == "transactions.complete"


async def test_hold_refused_for_quota_on_completing_says_that(server, transactions):
    with pytest.raises(RateLimitedError):
        async with transactions.hold(**HOLD):
            server.then([refuse(429, headers=quota(600, 0, 300))])
    assert server.writes == 1


# What goes through, and what is said of the draft ------------------------------------------------------------------

LEFT = "if it is a draft still, it expires"


@pytest.mark.parametrize(
    "effects",
    [
        [hang_up(commit=True)] * 3,
        [refuse(401)],
        [refuse(403)],
        [refuse(404)],
        [refuse(422)],
        [refuse(429, headers=quota(600, 0, 300))],
        [status(200, [])] * 3,
        [status(500)] * 3,
    ],
    ids=["FIN", "401", "403", "404", "422", "429", "a list", "500"],
)
async def test_the_blocks_exception_goes_through_whatever_becomes_of_the_cancelling(
    server, transactions, effects
):
    mine = BlockError("mine")
    hold = transactions.hold(**HOLD)
    with pytest.raises(BlockError) as caught:
        async with hold as draft:
            server.then(effects)
            raise mine
    assert caught.value is mine
    (note,) = mine.__notes__
    assert f"the hold {draft.id} could not be cancelled" in note
    assert (LEFT in note) is ("another end" not in note)
    assert hold.result is None
    assert not server.script


async def test_even_when_the_cancelling_fails_with_an_exception_that_is_not_ours(server, transactions, vault):
    mine = BlockError("mine")
    with pytest.raises(BlockError) as caught:
        async with transactions.hold(**HOLD) as draft:
            vault.broken = LookupError("vault is sealed")
            raise mine
    assert caught.value is mine
    (note,) = mine.__notes__
    assert draft.id in note
    assert "vault is sealed" in note
    assert LEFT in note
    assert paths(server) == ["POST transactions"]


async def test_an_exception_of_the_interpreter_goes_through_too(server, transactions):
    # asyncio lets SystemExit out of the loop at once, so a base exception of our own stands for it.
    class Stop(BaseException):
        pass

    with pytest.raises(Stop) as caught:
        async with transactions.hold(**HOLD) as draft:
            server.then([refuse(403)])
            raise Stop
    assert draft.id in caught.value.__notes__[0]


async def test_a_closed_client_leaves_the_draft_and_says_so(server, transactions, client):
    with pytest.raises(BlockError) as caught:
        async with transactions.hold(**HOLD) as draft:
            await client.close()
            raise BlockError
    (note,) = caught.value.__notes__
    assert draft.id in note
    assert "closed" in note
    assert LEFT in note
    with pytest.raises(ClientStateError):
        async with transactions.hold(**HOLD):
            pytest.fail("entered")
    assert paths(server) == ["POST transactions"]


@pytest.mark.parametrize("settled", [False, True], ids=["422", "history"])
async def test_cancelling_what_was_completed_meanwhile_says_so(server, transactions, settled):
    with pytest.raises(BlockError) as caught:
        async with transactions.hold(**HOLD) as draft:
            server.history = [record("completed", draft.id)]
            server.then([hang_up(commit=True)] * 3 if settled else [refuse(422, "already completed")])
            raise BlockError
    (note,) = caught.value.__notes__
    assert draft.id in note
    assert "is completed, as its history shows" in note
    assert "it has come to another end" in note
    assert LEFT not in note


FAILURES = {
    "401": (refuse(401), Exception),
    "403": (refuse(403), Exception),
    "404": (refuse(404), NotFoundError),
    "422": (refuse(422), UnprocessableError),
    "429": (refuse(429, headers=quota(600, 0, 300)), RateLimitedError),
}


@pytest.mark.parametrize("failure", FAILURES)
async def test_a_completing_that_certainly_failed_names_the_draft(server, transactions, failure):
    effect, kind = FAILURES[failure]
    hold = transactions.hold(**HOLD)
    with pytest.raises(kind) as caught:
        async with hold as draft:
            server.then([effect])
    assert not isinstance(caught.value, OutcomeUnknownError)
    assert caught.value.endpoint == "transactions.complete"
    note = caught.value.__notes__[-1]
    assert f"the hold {draft.id} was to be completed" in note
    assert LEFT in note
    assert caught.value.draft == draft
    assert hold.result is None
    history = ["GET transaction-history"] if failure in {"404", "422"} else []
    assert paths(server) == ["POST transactions", "POST complete", *history]


async def test_a_hold_completes_with_the_request_that_it_kept(server, transactions, client):
    server.headers = quota(600, 2, 300)
    await CALLS["read"](client.program(PROGRAM))
    server.headers = {}
    async with transactions.hold(**HOLD):
        assert client.quota.remaining == 0
        for kind in ("read", "guarded", "unsafe"):
            with pytest.raises(QuotaWaitError):
                await CALLS[kind](client.program(PROGRAM))
        with pytest.raises(QuotaWaitError):
            await transactions.hold(**HOLD).__aenter__()
    assert paths(server)[1:] == ["POST transactions", "POST complete"]
    assert client._requester.shared.gate._window.held == 0


@pytest.mark.parametrize("left", [0, 1])
async def test_a_hold_begins_nothing_that_the_quota_would_not_let_it_end(server, transactions, client, left):
    server.headers = quota(600, left, 300)
    await CALLS["read"](client.program(PROGRAM))
    with pytest.raises(QuotaWaitError, match="nothing was sent"):
        async with transactions.hold(**HOLD):
            raise AssertionError
    assert len(server.arrived) == 1
    assert client._requester.shared.gate._window.held == 0


@pytest.mark.parametrize(
    "ends", ["begin refused", "begin unknown", "block failed", "complete unknown", "cancelled"]
)
async def test_however_a_hold_ends_it_keeps_nothing(server, transactions, client, ends):
    server.headers = quota(600, 500, 300)
    await CALLS["read"](client.program(PROGRAM))
    if ends == "begin refused":
        server.then([refuse(422)])
    elif ends == "begin unknown":
        server.then([hang_up(commit=True)])

    async def work():
        async with transactions.hold(**HOLD):
            assert client._requester.shared.gate._window.held == 1
            if ends == "complete unknown":
                server.otherwise = hang_up(commit=False)
            elif ends == "block failed":
                raise LookupError
            else:
                raise asyncio.CancelledError

    with pytest.raises((BalanceError, LookupError, asyncio.CancelledError)):
        await work()
    assert client._requester.shared.gate._window.held == 0


async def test_a_completing_that_is_refused_for_quota_names_the_draft(server, transactions):
    server.headers = quota(600, 0, 300)
    with pytest.raises(RateLimitedError) as caught:
        async with transactions.hold(**HOLD) as draft:
            server.then([refuse(429, headers=quota(600, 0, 300))])
    assert draft.id in caught.value.__notes__[-1]
    assert paths(server) == ["POST transactions", "POST complete"]


@pytest.mark.parametrize("broken", [LookupError("sealed"), None], ids=["foreign", "None"])
async def test_a_completing_that_fails_in_the_credentials_names_the_draft(
    server, transactions, vault, broken
):
    class NoHeaders:
        async def headers(self):
            return None

    with pytest.raises(LookupError if broken else InvalidRequestError) as caught:
        async with transactions.hold(**HOLD) as draft:
            vault.broken = broken
            if broken is None:
                vault.headers = NoHeaders().headers
    assert draft.id in caught.value.__notes__[-1]
    assert paths(server) == ["POST transactions"]


async def test_a_draft_tells_when_it_ends(server, transactions):
    async def dated(exchange):
        exchange.commit()
        code, body = truth(exchange.request, exchange.server)
        await exchange.answer(code, {**body, "expirationDate": "2026-11-24T12:30:00Z"})

    server.then([dated, refuse(403)])
    with pytest.raises(BlockError) as caught:
        async with transactions.hold(**HOLD):
            raise BlockError
    assert "expires at 2026-11-24T12:30:00+00:00" in caught.value.__notes__[0]


# One block each ----------------------------------------------------------------------------------------------------


async def test_a_second_entry_is_refused_and_sends_nothing(server, transactions):
    hold = transactions.hold(**HOLD)
    async with hold as draft:
        with pytest.raises(ClientStateError, match="one block"):
            async with hold:
                pytest.fail("entered")
    assert hold.result.id == draft.id
    with pytest.raises(ClientStateError, match="one block"):
        async with hold:
            pytest.fail("entered")
    assert paths(server) == ["POST transactions", "POST complete"]


async def test_two_tasks_cannot_enter_one_hold(server, transactions):
    hold = transactions.hold(**HOLD)

    async def enter():
        async with hold:
            pass

    results = await asyncio.gather(*[enter() for _ in range(5)], return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["ClientStateError"] * 4 + ["NoneType"]
    assert paths(server) == ["POST transactions", "POST complete"]


@pytest.mark.parametrize("effect", [refuse(422), status(500, commit=True)], ids=["422", "500"])
async def test_one_whose_begin_failed_is_not_entered_again(server, transactions, effect):
    hold = transactions.hold(**HOLD)
    server.then([effect])
    with pytest.raises((UnprocessableError, OutcomeUnknownError)):
        async with hold:
            pytest.fail("entered")
    with pytest.raises(ClientStateError):
        async with hold:
            pytest.fail("entered")
    assert len(server.arrived) == 1


async def test_cancelled_twice_the_second_time_while_it_cancels(server, transactions, events):
    task = await entered(transactions)
    server.then([stall()])
    task.cancel()
    await server.until_arrived(2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (told,) = [event for event in events if isinstance(event, OutcomeUnknown)]
    assert (told.endpoint, told.cancelled) == ("transactions.cancel", True)


async def test_a_generator_that_is_closed_cancels_its_hold(server, transactions):
    async def rows():
        async with transactions.hold(**HOLD):
            yield 1

    generator = rows()
    await anext(generator)
    await generator.aclose()
    assert paths(server) == ["POST transactions", "POST cancel"]


# Completed early, and what is left to be told ----------------------------------------------------------------------


async def test_completed_inside_its_block_it_is_completed_once(server, transactions):
    hold = transactions.hold(**HOLD)
    async with hold as draft:
        done = await hold.complete()
        assert (done.id, done.status) == (draft.id, "completed")
        assert await hold.complete() is done
        assert hold.result is done
    assert await hold.complete() is done
    assert paths(server) == ["POST transactions", "POST complete"]


async def test_many_that_complete_one_hold_at_once_ask_once(server, transactions):
    hold = transactions.hold(**HOLD)
    async with hold:
        first, *others = await asyncio.gather(*[hold.complete() for _ in range(5)])
    assert all(other is first for other in others)
    assert paths(server) == ["POST transactions", "POST complete"]


async def test_what_goes_wrong_after_completing_cancels_nothing(server, transactions):
    hold = transactions.hold(**HOLD)
    with pytest.raises(BlockError) as caught:
        async with hold:
            await hold.complete()
            raise BlockError
    assert not hasattr(caught.value, "__notes__")
    assert hold.result.status == "completed"
    assert paths(server) == ["POST transactions", "POST complete"]


async def test_a_hold_is_completed_inside_its_block_only(server, transactions):
    hold = transactions.hold(**HOLD)
    with pytest.raises(ClientStateError, match="inside its block"):
        await hold.complete()
    with pytest.raises(BlockError):
        async with hold:
            raise BlockError
    assert hold.result.status == "cancelled"
    with pytest.raises(ClientStateError, match="inside its block"):
        await hold.complete()
    assert paths(server) == ["POST transactions", "POST cancel"]


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("wrapped", [False, True], ids=["as it is", "as another exception"])
async def test_a_completing_that_failed_early_leaves_the_draft_to_its_caller(
    server, transactions, failure, wrapped
):
    effect, kind = FAILURES[failure]
    hold = transactions.hold(**HOLD)
    with pytest.raises(BlockError if wrapped else kind) as caught:
        async with hold as draft:
            server.then([effect])
            try:
                await hold.complete()
            except BalanceError as error:
                if wrapped:
                    raise BlockError from error
                raise
    error = caught.value.__cause__ if wrapped else caught.value
    assert error.draft == draft
    assert len([note for note in error.__notes__ if "was to be completed" in note]) == 1
    assert "POST cancel" not in paths(server)
    server.headers = {}
    if failure == "422":
        assert (await transactions.complete(error.draft)).status == "completed"


async def test_a_completing_that_failed_and_was_swallowed_is_not_made_up_for(server, transactions):
    # The block may have told its customer no.
    hold = transactions.hold(**HOLD)
    async with hold:
        server.then([refuse(422)])
        with pytest.raises(UnprocessableError):
            await hold.complete()
    assert hold.result is None
    assert "POST cancel" not in paths(server)
    assert paths(server).count("POST complete") == 1


@pytest.mark.parametrize("way", ["inside", "at the end"])
@pytest.mark.parametrize("again", [False, True], ids=["once", "again while it cleans up"])
async def test_a_completing_that_is_cancelled_before_it_leaves_gives_the_draft_back(
    server, transactions, vault, client, way, again
):
    waiting: asyncio.Queue[None] = asyncio.Queue()
    willing = asyncio.Event()

    async def slowly():
        waiting.put_nowait(None)
        await willing.wait()
        return {"api-key": KEY}

    hold = transactions.hold(**HOLD)

    async def block():
        async with hold:
            vault.headers = slowly
            if way == "inside":
                await hold.complete()

    task = asyncio.ensure_future(block())
    await waiting.get()
    task.cancel()
    await waiting.get()
    if again:
        task.cancel()
    else:
        willing.set()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    willing.set()
    if again:
        notes, error = [], caught.value
        while error is not None:
            notes += getattr(error, "__notes__", [])
            error = error.__context__
        assert any("could not be cancelled" in note and LEFT in note for note in notes)
        assert paths(server) == ["POST transactions"]
    else:
        assert not hasattr(caught.value, "__notes__")
        assert hold.result.status == "cancelled"
        assert paths(server) == ["POST transactions", "POST cancel"]
    assert client._requester.shared.gate._window.held == 0


async def test_a_completing_that_is_cancelled_after_it_left_names_the_draft(server, transactions):
    drafts = []

    async def block():
        async with transactions.hold(**HOLD) as draft:
            drafts.append(draft)
            server.then([stall()])

    task = asyncio.ensure_future(block())
    await server.until_arrived(2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    assert f"the hold {drafts[0].id} was to be completed" in caught.value.__notes__[-1]
    assert caught.value.__cause__.arguments["transaction_id"] == drafts[0].id
    assert paths(server) == ["POST transactions", "POST complete"]


@pytest.mark.parametrize("word", ["completed", "rejected"])
async def test_a_block_does_not_end_before_the_completing_that_is_under_way(server, transactions, word):
    answer = asyncio.Event()

    async def slowly(exchange):
        code, body = truth(exchange.request, exchange.server)
        await answer.wait()
        await exchange.answer(code, {**body, "status": word})

    hold = transactions.hold(**HOLD)

    async def block():
        async with hold:
            server.then([slowly] * 2)
            completing.append(asyncio.ensure_future(hold.complete()))
            await server.until_arrived(2)

    completing: list[asyncio.Future] = []
    task = asyncio.ensure_future(block())
    await server.until_arrived(2)
    for _ in range(20):
        await asyncio.sleep(0)
    assert not task.done()
    answer.set()
    if word == "completed":
        await task
        assert hold.result is await completing[0]
        assert paths(server) == ["POST transactions", "POST complete"]
    else:
        with pytest.raises(UnprocessableError):
            await task
        with pytest.raises(UnprocessableError):
            await completing[0]
        assert hold.result is None


async def test_a_completing_may_be_tried_again_inside_the_block(server, transactions):
    hold = transactions.hold(**HOLD)
    async with hold:
        server.then([refuse(403)])
        with pytest.raises(PermissionDeniedError):
            await hold.complete()
        assert (await hold.complete()).status == "completed"
    assert paths(server) == ["POST transactions", "POST complete", "POST complete"]


@pytest.mark.parametrize("word", [None, "", "draft", "expired", "cancelled"])
async def test_a_hold_ends_well_only_when_it_is_completed(server, transactions, word):
    async def other(exchange):
        code, body = truth(exchange.request, exchange.server)
        await exchange.answer(code, {**body, "status": word})

    ended = word in {"expired", "cancelled"}
    hold = transactions.hold(**HOLD)
    with pytest.raises(UnprocessableError if ended else OutcomeUnknownError) as caught:
        async with hold as draft:
            server.then([other] * 3)
    assert hold.result is None
    assert caught.value.draft == (None if ended else draft)


async def test_a_foreign_exception_has_a_note_and_one_of_ours_has_the_draft(server, transactions):
    for kind in (BlockError, InvalidRequestError):
        with pytest.raises(kind) as caught:
            async with transactions.hold(**HOLD) as draft:
                server.then([refuse(403)])
                raise kind(*(["row", "is bad"] if kind is InvalidRequestError else []))
        assert draft.id in caught.value.__notes__[-1]
        assert getattr(caught.value, "draft", "no such thing") == (
            draft if kind is InvalidRequestError else "no such thing"
        )


async def test_what_is_left_to_nobody_is_on_no_error(server, transactions):
    with pytest.raises(InvalidRequestError) as caught:
        async with transactions.hold(**HOLD):
            raise InvalidRequestError("row", "is bad")
    assert caught.value.draft is None
    with pytest.raises(UnprocessableError) as caught:
        async with transactions.hold(**HOLD) as draft:
            server.history = [record("expired", draft.id)]
            server.then([refuse(422)])
    assert (caught.value.code, caught.value.draft, caught.value.applied) == ("expired", None, False)


async def test_a_hold_refuses_its_arguments_when_it_is_entered_or_made(server, transactions):
    for change in ({"amount": 0}, {"meta": [1]}, {"transaction_type": "debit"}, {"ttl": 1}):
        with pytest.raises(InvalidRequestError):
            async with transactions.hold(**{**HOLD, **change}):
                pytest.fail("entered")
    assert server.arrived == []
