"""Issue 10, section A: what is said of a write stays true whatever the user's own code does around it."""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import datetime

import aiohttp
import anyio
import pytest
from clocks import AutoClock, ManualClock, turns
from hostile import (
    DEFINITION,
    PROGRAM,
    Hostile,
    hang_up,
    honest,
    plain_200,
    quota,
    refuse,
    stall,
    status,
)
from scenario import CALLS, KEY, at_rest, begin, record
from test_guarded import DRAFT

from brevo_balance_async import (
    BalanceClient,
    ClientStateError,
    InvalidRequestError,
    NotFoundError,
    OutcomeUnknownError,
    QuotaWaitError,
    RequestTimeoutError,
    TransportError,
)
from brevo_balance_async.core import timeouts
from brevo_balance_async.core.transport import attempt, sending, sockets, trust
from brevo_balance_async.hooks import AttemptStarted, OutcomeUnknown

SIGNALS = (
    "on_request_start",
    "on_connection_create_start",
    "on_request_headers_sent",
    "on_request_chunk_sent",
)
LATER = ("on_request_end", "on_response_chunk_received")


def traced(signal, does):
    """A trace that awaits ``does()`` on one signal."""

    async def tell(session, context, params):
        await does()

    trace = aiohttp.TraceConfig()
    getattr(trace, signal).append(tell)
    return trace


def hold_up(seconds=0.03):
    """User code that holds the loop."""
    time.sleep(seconds)


# 1: the mark belongs to the request ---------------------------------------------------------------------------


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize(
    "fault", [hang_up(commit=True), hang_up(commit=True, reset=True), status(502)], ids=["FIN", "RST", "502"]
)
async def test_a_nested_call_of_the_same_task_takes_no_mark(server, signal, fault, verdict):
    async with Hostile() as other, BalanceClient(KEY, base_url=other.base_url) as second:
        nested = traced(signal, lambda: CALLS["read"](second.program(PROGRAM)))
        async with BalanceClient(
            KEY, base_url=server.base_url, clock=AutoClock(), trace_configs=[nested]
        ) as client:
            server.then([fault] * 3)
            with pytest.raises(OutcomeUnknownError):
                await begin(client.program(PROGRAM))
            at_rest(client)
    assert server.asked == {"r1": 1}
    assert len(other.arrived) == 1
    verdict(
        f"A1 a trace makes a call ({signal}), then lost",
        "unsafe",
        "yes",
        server.writes,
        "unknown",
        "OutcomeUnknownError",
    )


@pytest.mark.parametrize("signal", SIGNALS[:3])
async def test_a_nested_call_that_was_sent_marks_only_itself(signal):
    # Its own request is lost; ours never left, and says so.
    async with Hostile(otherwise=hang_up(commit=True)) as other, Hostile() as server:
        async with BalanceClient(KEY, base_url=other.base_url, max_attempts=1) as second:

            async def nested():
                with pytest.raises(OutcomeUnknownError):
                    await begin(second.program(PROGRAM))
                raise LookupError

            async with BalanceClient(
                KEY, base_url=server.base_url, trace_configs=[traced(signal, nested)]
            ) as client:
                if signal == "on_request_headers_sent":  # aiohttp has a connection already
                    with pytest.raises(OutcomeUnknownError):
                        await begin(client.program(PROGRAM))
                else:
                    with pytest.raises(LookupError):
                        await begin(client.program(PROGRAM))
                at_rest(client)
        assert server.arrived == []


async def test_an_error_of_a_nested_call_is_no_answer_to_ours(server):
    # A 404 of the trace's own call, while a deletion is in doubt, is not the 404 that proves it deleted.
    async with Hostile(otherwise=refuse(404)) as other, BalanceClient(KEY, base_url=other.base_url) as second:
        turns = iter([False, True])

        async def nested():
            if next(turns):
                await CALLS["read"](second.program(PROGRAM))

        async with BalanceClient(
            KEY,
            base_url=server.base_url,
            clock=AutoClock(),
            trace_configs=[traced("on_request_start", nested)],
        ) as client:
            server.then([hang_up(commit=False)])
            with pytest.raises(TransportError, match="may have been applied") as caught:
                await CALLS["delete"](client.program(PROGRAM))
        assert type(caught.value.__cause__) is NotFoundError
        assert len(server.arrived) == 1


class Deaf(attempt.Request):
    """As if aiohttp had given the method another name: what is overridden is never called."""

    send = aiohttp.ClientRequest.send


@pytest.mark.parametrize("kind", ["unsafe", "guarded"])
async def test_an_aiohttp_that_does_not_ask_us_makes_every_loss_a_doubt(
    server, monkeypatch, caplog, kind, verdict
):
    monkeypatch.setattr(attempt, "Request", Deaf)
    with caplog.at_level(logging.WARNING, "brevo_balance_async"):
        async with BalanceClient(KEY, base_url=server.base_url, clock=AutoClock()) as client:
            assert "every lost request counts as sent" in caplog.text
            server.then([hang_up(commit=True)] * 3)
            with pytest.raises(OutcomeUnknownError):
                await CALLS[kind](client.program(PROGRAM))
            at_rest(client)
    assert server.writes == 1
    verdict("A1 aiohttp renames what marks it", kind, "yes", 1, "unknown", "OutcomeUnknownError")


class DeafBody(attempt.Body):
    """As if aiohttp wrote bodies by another method."""

    write_with_length = aiohttp.BytesPayload.write_with_length


@pytest.mark.parametrize("kind", ["unsafe", "guarded", "put"])
async def test_an_aiohttp_that_does_not_ask_the_body_sends_nothing_again(
    server, monkeypatch, caplog, kind, verdict
):
    for room in (attempt, sending):
        monkeypatch.setattr(room, "Body", DeafBody)
    with caplog.at_level(logging.WARNING, "brevo_balance_async"):
        async with BalanceClient(KEY, base_url=server.base_url, clock=AutoClock()) as client:
            assert "every lost request counts as sent" in caplog.text
            program = client.program(PROGRAM)
            await CALLS["read"](program)
            await CALLS[kind](program)  # on the same connection
            at_rest(client)
    assert (server.connections, len(server.arrived)) == (1, 2)
    verdict("A1 aiohttp renames what makes the last check", kind, "yes", 1, "the answer is ours", "-")


async def test_an_aiohttp_that_does_not_ask_us_still_proves_a_failed_connection(monkeypatch):
    monkeypatch.setattr(attempt, "Request", Deaf)
    async with BalanceClient(KEY, base_url="http://127.0.0.1:9/v3", clock=AutoClock()) as client:
        with pytest.raises(TransportError) as caught:
            await begin(client.program(PROGRAM))
    assert (caught.value.sent, caught.value.attempts) == (False, 3)


async def test_this_aiohttp_asks():
    assert await trust.asks_first()


# 2: bytes in the kernel ---------------------------------------------------------------------------------------


@pytest.fixture(params=["poll", "select"])
def kernel(request, monkeypatch):
    if request.param == "select":
        monkeypatch.setattr(sockets, "_asking", sockets._by_select)
    return request.param


@pytest.fixture(params=["plain", "TLS"])
async def pooled(request):
    """A server and a client with one connection, plain or TLS."""
    server_tls, client_tls = (
        (None, None) if request.param == "plain" else request.getfixturevalue("certificate")
    )
    async with Hostile(tls=server_tls) as server:
        connector = aiohttp.TCPConnector(limit=1, ssl=client_tls or True)
        async with (
            connector,
            BalanceClient(KEY, base_url=server.base_url, connector=connector, clock=AutoClock()) as client,
        ):
            yield server, client
            at_rest(client)


STRAY_429 = plain_200(b'{"message": "no"}', "retry-after: 0").replace(b"200 OK", b"429 No")


@pytest.mark.parametrize("kind", ["unsafe", "guarded", "put"])
@pytest.mark.parametrize(
    "says",
    [STRAY_429, STRAY_429.replace(b"429", b"422"), STRAY_429.replace(b"429", b"401"), b""],
    ids=["429", "422", "401", "FIN"],
)
async def test_what_the_loop_has_not_read_yet_is_seen(pooled, kernel, kind, says, verdict):
    server, client = pooled
    program = client.program(PROGRAM)
    await CALLS["read"](program)
    server.at_once(says)
    await CALLS[kind](program)
    assert set(server.asked.values()) == {1}
    assert (len(server.arrived), server.connections) == (2, 2)
    verdict(
        f"A2 {'a stray answer' if says else 'FIN'} in the kernel ({kernel})",
        kind,
        "yes",
        1,
        "another connection",
        "-",
    )


@pytest.mark.parametrize(
    "signal",
    ["on_request_start", "on_connection_reuseconn", "on_request_headers_sent", "on_request_chunk_sent"],
)
async def test_the_look_comes_after_the_users_own_traces(server, signal):
    async def nested():
        if server.connections == 1:
            server.at_once(STRAY_429)

    turns = traced(signal, nested)
    async with BalanceClient(KEY, base_url=server.base_url, max_connections=1) as client:
        await CALLS["read"](client.program(PROGRAM))
        turns.freeze()
        client._requester.shared.transport._session.trace_configs.append(turns)
        await begin(client.program(PROGRAM))
    assert server.asked == {"r1": 1}
    assert server.connections == 2


async def test_a_crowd_whose_pool_has_died_sends_all_on_new_connections():
    async with Hostile() as server:
        async with BalanceClient(KEY, base_url=server.base_url, max_connections=40) as client:
            program = client.program(PROGRAM)
            await asyncio.gather(*[begin(program, f"r{at}") for at in range(40)])
            server.at_once()
            made = await asyncio.gather(*[begin(program, f"s{at}") for at in range(40)])
            at_rest(client)
        assert len(made) == 40
        assert set(server.asked.values()) == {1}


async def test_a_fresh_connection_with_tls_tickets_is_used(certificate):
    server_tls, client_tls = certificate
    async with Hostile(tls=server_tls) as server:
        connector = aiohttp.TCPConnector(ssl=client_tls, force_close=True)
        async with connector, BalanceClient(KEY, base_url=server.base_url, connector=connector) as client:
            for at in range(5):
                await begin(client.program(PROGRAM), f"r{at}")
        assert server.connections == 5


async def test_tickets_do_not_cost_pooled_tls_connections(certificate):
    server_tls, client_tls = certificate
    async with Hostile(tls=server_tls) as server:
        connector = aiohttp.TCPConnector(ssl=client_tls)
        async with connector, BalanceClient(KEY, base_url=server.base_url, connector=connector) as client:
            for at in range(50):
                await begin(client.program(PROGRAM), f"r{at}")
        assert server.connections == 1


def test_no_socket_no_question():
    class Pipe:
        def get_extra_info(self, name):
            return None

    class Closed(Pipe):
        def get_extra_info(self, name):
            return self

        def fileno(self):
            return -1

    assert not sockets.unread(Pipe())()
    assert sockets.unread(Closed())()
    assert not sockets._by_select(10**6)()


# 4: one boundary ----------------------------------------------------------------------------------------------


RAISED = [
    LookupError("mine"),
    RuntimeError(),
    ValueError(),
    RecursionError(),
    MemoryError(),
    OverflowError(),
    TimeoutError(),
    aiohttp.ClientConnectorError(type("Key", (), {"host": "h", "port": 1, "ssl": True})(), OSError(1, "x")),
    NotFoundError("theirs", status=404, explained=True),
    ClientStateError("theirs"),
]


@pytest.mark.parametrize("raised", RAISED, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("signal", LATER)
@pytest.mark.parametrize("kind", ["unsafe", "guarded", "read"])
async def test_what_a_trace_raises_once_it_is_sent_is_doubt(server, kind, signal, raised, verdict):
    async def fails():
        raise raised

    server.history = [record("draft")]
    async with BalanceClient(
        KEY, base_url=server.base_url, clock=AutoClock(), trace_configs=[traced(signal, fails)]
    ) as client:
        wanted = TransportError if kind == "read" else OutcomeUnknownError
        with pytest.raises(wanted) as caught:
            await CALLS[kind](client.program(PROGRAM))
        at_rest(client)
    chain, error = [], caught.value
    while error is not None:
        chain.append(error)
        error = error.__cause__
    assert raised in chain
    if kind == "unsafe":
        assert server.asked == {"r1": 1}
    verdict(
        f"A4 a trace raises {type(raised).__name__} ({signal})",
        kind,
        "yes",
        server.writes,
        "unknown" if kind != "read" else "no answer",
        type(caught.value).__name__,
    )


@pytest.mark.parametrize("signal", ["on_request_start", *LATER])
async def test_a_chain_of_errors_that_is_a_ring_is_walked_once(server, signal):
    # Python ties rings of contexts apart, but not what is raised from itself or from its own consequence.
    async def fails():
        first, second = LookupError("first"), LookupError("second")
        first.__cause__, second.__cause__ = second, first
        raise first

    server.history = [record("draft")]
    async with BalanceClient(
        KEY, base_url=server.base_url, clock=AutoClock(), trace_configs=[traced(signal, fails)]
    ) as client:
        with pytest.raises(OutcomeUnknownError if signal in LATER else LookupError):
            await begin(client.program(PROGRAM))
        at_rest(client)


@pytest.mark.parametrize("raised", [KeyboardInterrupt, SystemExit])
def test_what_ends_the_program_passes(raised):
    async def main():
        async def fails():
            raise raised

        async with (
            Hostile() as server,
            BalanceClient(
                KEY, base_url=server.base_url, trace_configs=[traced("on_request_end", fails)]
            ) as client,
        ):
            await begin(client.program(PROGRAM))

    with pytest.raises(raised):
        asyncio.run(main())


class FailingClock(AutoClock):
    """Fails when it is asked for a timer, so between two attempts."""

    def call_later(self, delay, callback):
        raise OverflowError("timestamp out of range")


@pytest.mark.parametrize("kind", ["unsafe", "guarded", "put"])
async def test_what_fails_between_two_attempts_hides_no_doubt(server, kind):
    server.then([status(503)])
    async with BalanceClient(KEY, base_url=server.base_url, clock=FailingClock()) as client:
        with pytest.raises(OverflowError if kind == "put" else OutcomeUnknownError) as caught:
            await CALLS[kind](client.program(PROGRAM))
        at_rest(client)
    if kind == "guarded":
        assert type(caught.value.__cause__) is OverflowError
    assert server.writes == 1


async def test_credentials_that_fail_while_history_is_read_leave_the_doubt(server, events, verdict):
    class Vault:
        asked = 0

        async def headers(self):
            self.asked += 1
            if self.asked > 4:
                raise LookupError("the vault is sealed")
            return {"api-key": KEY}

    async with BalanceClient(
        credentials=Vault(), base_url=server.base_url, clock=AutoClock(), hooks=[events.append]
    ) as client:
        transactions = client.program(PROGRAM).transactions
        draft = await begin(client.program(PROGRAM))
        server.then([hang_up(commit=True)] * 3)
        with pytest.raises(OutcomeUnknownError) as caught:
            await transactions.complete(draft)
        at_rest(client)
    assert any("the vault is sealed" in note for note in caught.value.__notes__)
    assert type(caught.value.__context__) is LookupError
    assert [event.cancelled for event in events if isinstance(event, OutcomeUnknown)] == [False]
    verdict("A4 credentials raise while it is settled", "guarded", "yes", 1, "unknown", "OutcomeUnknownError")


async def test_an_answer_that_cannot_be_dealt_with_is_doubt(server, monkeypatch):
    # Whatever reading an answer may still raise: the boundary does not know it by name.
    from brevo_balance_async.core import answers

    def fails(*_):
        raise OverflowError

    monkeypatch.setattr(answers, "read", fails)
    async with BalanceClient(KEY, base_url=server.base_url, clock=AutoClock()) as client:
        with pytest.raises(OutcomeUnknownError):
            await begin(client.program(PROGRAM))
        with pytest.raises(TransportError):
            await CALLS["read"](client.program(PROGRAM))
        at_rest(client)
    assert server.writes == 1


# 9: replayable writes after doubt -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["put", "delete"])
async def test_a_replayable_write_that_stops_at_the_gate_tells_of_the_doubt(server, kind, verdict):
    server.then([status(503, headers=quota(600, 0, 900))])
    async with BalanceClient(KEY, base_url=server.base_url, clock=AutoClock(), max_wait=5) as client:
        with pytest.raises(
            QuotaWaitError, match="an earlier attempt of this call may have been applied"
        ) as caught:
            await CALLS[kind](client.program(PROGRAM))
    assert "nothing was sent" not in str(caught.value)
    assert caught.value.__notes__[1:]
    assert caught.value.retry_after > 800
    assert len(server.arrived) == server.writes == 1
    verdict("A9 doubt, then the gate is closed", kind, "yes", 1, "may be applied, harmless", "QuotaWaitError")


@pytest.mark.parametrize("kind", ["put", "delete"])
async def test_a_replayable_write_that_stops_at_closing_tells_of_the_doubt(server, kind, verdict):
    clock = ManualClock()
    server.then([status(503)])
    client = BalanceClient(KEY, base_url=server.base_url, clock=clock)
    async with client:
        call = asyncio.ensure_future(CALLS[kind](client.program(PROGRAM)))
        while not client._requester.shared.sleepers:
            await asyncio.sleep(0)
    with pytest.raises(ClientStateError, match="may have been applied") as caught:
        await call
    assert "nothing was sent" not in str(caught.value)
    assert caught.value.__notes__[1:]
    verdict(
        "A9 doubt, then the client is closed", kind, "yes", 1, "may be applied, harmless", "ClientStateError"
    )


# 10: late wake-ups --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", CALLS)
async def test_an_answer_that_lies_in_the_socket_is_read_although_the_time_is_over(server, kind, verdict):
    async def held(exchange):
        await honest(exchange)
        hold_up(0.2)  # the loop wakes up when the time of the call is long over

    server.then([held])
    async with BalanceClient(KEY, base_url=server.base_url, timeout=0.1) as client:
        await CALLS[kind](client.program(PROGRAM))
        at_rest(client)
    verdict("A10 the loop wakes up late, the answer is there", kind, "yes", server.writes, "applied", "-")


async def test_no_answer_is_waited_for_a_few_turns_only():
    async with Hostile(otherwise=stall()) as server:
        async with BalanceClient(KEY, base_url=server.base_url, timeout=0.05) as client:
            call = asyncio.ensure_future(begin(client.program(PROGRAM)))
            await server.until_arrived(1)
            hold_up(0.1)
            turns = 0
            while not call.done():
                await asyncio.sleep(0)
                turns += 1
            with pytest.raises(OutcomeUnknownError):
                await call
    assert turns <= timeouts.LAST_TURNS + 10


# 12: nothing leaves after its time ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", CALLS)
async def test_a_hook_that_takes_the_time_stops_the_request(server, kind, verdict):
    def slow(event):
        if isinstance(event, AttemptStarted):
            hold_up(0.06)

    async with BalanceClient(KEY, base_url=server.base_url, timeout=0.05, hooks=[slow]) as client:
        with pytest.raises(RequestTimeoutError) as caught:
            await CALLS[kind](client.program(PROGRAM))
        at_rest(client)
        await client.with_options(timeout=5).program(PROGRAM).definitions.get(DEFINITION)
    assert caught.value.sent is False
    assert len(server.arrived) == 1  # the read at the end
    verdict("A12 a hook takes all the time", kind, "no", 0, "not applied", "RequestTimeoutError")


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("kind", ["unsafe", "put"])
async def test_a_trace_that_takes_the_time_stops_the_request(server, signal, kind):
    async def slow():
        hold_up(0.06)

    async with BalanceClient(
        KEY, base_url=server.base_url, timeout=0.05, trace_configs=[traced(signal, slow)]
    ) as client:
        with pytest.raises(RequestTimeoutError) as caught:
            await CALLS[kind](client.program(PROGRAM))
        at_rest(client)
    assert caught.value.sent is False
    assert server.arrived == []


async def test_credentials_that_take_the_time_stop_the_request(server):
    class Slow:
        async def headers(self):
            hold_up(0.06)
            return {"api-key": KEY}

    async with BalanceClient(credentials=Slow(), base_url=server.base_url, timeout=0.05) as client:
        with pytest.raises(RequestTimeoutError) as caught:
            await begin(client.program(PROGRAM))
    assert caught.value.sent is False
    assert server.arrived == []


# 11, and what a cancellation tells ----------------------------------------------------------------------------


HOLD = {
    "balance_definition_id": DEFINITION,
    "contact_id": 42,
    "amount": "12.50",
    "meta": {"reference": "held"},
}


@pytest.mark.parametrize("idle", [True, False], ids=["pooled", "no idle connection"])
async def test_a_hold_cancelled_by_anyio_gives_its_draft_back(server, idle, verdict):
    async with BalanceClient(KEY, base_url=server.base_url) as client:
        with anyio.CancelScope() as scope:
            async with client.program(PROGRAM).transactions.hold(**HOLD):
                if not idle:
                    for task in server.open:
                        task.cancel()
                    await server.until_closed()
                    await anyio.sleep(0.02)  # the client has to hear of it
                scope.cancel()
                await anyio.sleep(60)
        assert scope.cancelled_caught
        at_rest(client)
    assert [request.path.rpartition("/")[2] for request in server.arrived] == ["transactions", "cancel"]
    verdict("A11 a hold is cancelled by anyio", "guarded", "yes", "once", "cancelled", "-")


@pytest.mark.parametrize("when", ["cancelled before", "cancelled while it cleans up"])
async def test_a_hold_whose_block_raises_something_else_under_anyio_gives_its_draft_back(
    server, when, verdict
):
    async with BalanceClient(KEY, base_url=server.base_url) as client:
        with anyio.CancelScope() as scope:

            async def slowly(exchange):
                scope.cancel()
                await turns()
                await honest(exchange)

            async with client.program(PROGRAM).transactions.hold(**HOLD):
                if when == "cancelled before":
                    scope.cancel()
                    for task in server.open:
                        task.cancel()  # so that the clean-up needs another connection
                    await asyncio.sleep(0)
                else:
                    server.then([slowly])
                raise LookupError
        assert scope.cancelled_caught or when == "cancelled before"
        at_rest(client)
    assert [request.path.rpartition("/")[2] for request in server.arrived] == ["transactions", "cancel"]
    assert server.applied[server.arrived[-1].reference] == 1
    verdict(f"A11 a block raises under anyio, {when}", "guarded", "yes", "once", "cancelled", "-")


async def test_a_clean_up_that_anyio_cancels_ends_by_its_bound(server, monkeypatch):
    monkeypatch.setattr(timeouts, "LONGEST_CLEAN_UP", 0.05)
    async with BalanceClient(KEY, base_url=server.base_url, timeout=None) as client:
        with anyio.CancelScope() as scope:
            async with client.program(PROGRAM).transactions.hold(**HOLD):
                server.then([stall()])
                scope.cancel()
                await anyio.sleep(60)
        assert scope.cancelled_caught
        at_rest(client)


@pytest.mark.parametrize("way", ["timeout", "wait_for"])
@pytest.mark.parametrize(
    "call",
    [begin, lambda program: program.transactions.complete(DRAFT)],
    ids=["unsafe", "guarded"],
)
async def test_an_outer_timeout_tells_of_the_doubt_and_what_to_look_for(server, call, way):
    server.then([stall()])
    async with BalanceClient(KEY, base_url=server.base_url) as client:
        with pytest.raises(TimeoutError) as caught:
            if way == "timeout":
                async with asyncio.timeout(0.1):
                    await call(client.program(PROGRAM))
            else:
                await asyncio.wait_for(call(client.program(PROGRAM)), 0.1)
        at_rest(client)
    cancelled = caught.value.__cause__
    assert type(cancelled) is asyncio.CancelledError
    assert type(cancelled.__cause__) is OutcomeUnknownError
    assert cancelled.__cause__.endpoint
    assert cancelled.__cause__.arguments["contact_id"] == 42
    assert any("it is unknown whether" in note for note in cancelled.__notes__)


async def test_a_cancellation_without_doubt_tells_of_none(server):
    server.then([stall()])
    async with BalanceClient(KEY, base_url=server.base_url) as client:
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(0.1):
                await CALLS["read"](client.program(PROGRAM))
    assert type(caught.value.__cause__.__cause__) is not OutcomeUnknownError


# 13 -----------------------------------------------------------------------------------------------------------


class NoTime(datetime):
    """As pandas' NaT: a datetime whose own methods raise."""

    def utcoffset(self):
        raise ValueError("NaTType does not support utcoffset")


async def test_a_time_that_raises_inside_is_refused_by_its_name(server, verdict):
    async with BalanceClient(KEY, base_url=server.base_url) as client:
        with pytest.raises(InvalidRequestError, match="event_time") as caught:
            await begin(client.program(PROGRAM), event_time=NoTime(2026, 1, 1))
    assert (caught.value.argument, caught.value.applied, server.arrived) == ("event_time", False, [])
    verdict("A13 a time that raises inside", "unsafe", "no", 0, "refused here", "InvalidRequestError")
