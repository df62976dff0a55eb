"""The token endpoint is asked in good manners: a wait or a growing pause for all callers, one fetch per token."""

from __future__ import annotations

import asyncio
import json

import pytest
from clocks import ManualClock, until
from hostile import PROGRAM, hang_up, plain_200, refuse, stall, status
from scenario import CALLS, at_rest, no_tasks_but
from test_oauth import OAuth, connect

from brevo_balance_async import (
    AuthenticationError,
    BalanceError,
    ConnectFailedError,
    DecodeError,
    RateLimitedError,
    ServerError,
)
from brevo_balance_async.core import oauth
from brevo_balance_async.core.oauth import FIRST_PAUSE, LONGEST_PAUSE, LONGEST_WAIT, USUAL_LIFE

MINUTE = refuse(429, "slow down", headers={"retry-after": "30"})


@pytest.fixture
async def server():
    async with OAuth() as server:
        yield server


@pytest.fixture
def clock():
    return ManualClock()


async def errors_of(client, number, kind="read"):
    """So many calls at once, each of which must fail."""
    calls = [CALLS[kind](client.program(PROGRAM)) for _ in range(number)]
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(result, BalanceError) for result in results)
    return results


async def test_200_calls_are_told_the_wait_after_one_request(server, clock, verdict):
    server.token_script = [MINUTE]
    async with connect(server, clock=clock) as client:
        errors = await errors_of(client, 200)
        assert server.fetched == 1
        assert {type(error) for error in errors} == {RateLimitedError}
        assert {(error.retry_after, error.endpoint, error.attempts) for error in errors} == {
            (30, "oauth.token", 0)
        }
        assert len({id(error) for error in errors}) == 200
        clock.advance(12.5)
        (later,) = await errors_of(client, 1, "unsafe")
        assert (later.retry_after, later.status, server.fetched) == (17.5, 429, 1)
        assert "asked again in 17.5 s, nothing was sent" in str(later)
        assert str(later).count("asked again") == 1
        assert server.calls == []
        clock.advance(17.5)
        await asyncio.gather(*[CALLS["read"](client.program(PROGRAM)) for _ in range(4)])
        assert server.fetched == 2
        at_rest(client)
    verdict(
        "B16 429 of the token endpoint, 200 calls",
        "all",
        "no",
        0,
        "one request, told the wait",
        "RateLimitedError",
    )


async def test_200_calls_that_may_wait_wait_and_one_of_them_asks(server, clock):
    server.token_script = [MINUTE]
    async with connect(server, clock=clock, max_wait=None) as client:
        client._requester.shared.gate._window.no_headers = True
        calls = [asyncio.ensure_future(CALLS["read"](client.program(PROGRAM))) for _ in range(200)]
        await until(lambda: len(client._requester.shared.sleepers) == 200)
        clock.advance(29.9)
        assert server.fetched == 1
        clock.advance(1)  # the wait and the jitter after it
        await asyncio.gather(*calls)
    assert server.fetched == 2
    assert len(server.calls) == 200


@pytest.mark.parametrize(
    ("effect", "kind"),
    [
        (status(500), ServerError),
        (status(503, headers={"retry-after": "0"}), ServerError),
        (hang_up(commit=False), ConnectFailedError),
        (refuse(401, "invalid_client"), AuthenticationError),
        (status(200, {}), DecodeError),
        (refuse(429), RateLimitedError),
        (refuse(429, headers={"retry-after": "0"}), RateLimitedError),
    ],
    ids=["500", "503", "FIN", "401", "no token", "429 without a wait", "429 with no wait"],
)
async def test_the_pause_after_failures_grows_and_is_told(server, clock, effect, kind):
    async with connect(server, clock=clock, max_attempts=1) as client:
        pause = FIRST_PAUSE
        for fetched in range(1, 10):
            server.token_script = [effect]
            errors = await errors_of(client, 20)
            assert {type(error) for error in errors} == {kind}
            assert {(error.retry_after, error.endpoint) for error in errors} == {(pause, "oauth.token")}
            clock.advance(pause / 2)
            (early,) = await errors_of(client, 1, "unsafe")
            assert (type(early), early.retry_after) == (kind, pause / 2)
            assert server.fetched == fetched
            clock.advance(pause / 2)
            pause = min(LONGEST_PAUSE, pause * 2)
        await CALLS["read"](client.program(PROGRAM))
        # What went well is the end of it: the next failure is a first one.
        clock.advance(server.life)
        server.token_script = [effect]
        (error,) = await errors_of(client, 1)
        assert error.retry_after == FIRST_PAUSE
        assert len(server.calls) == 1


async def test_a_503_is_obeyed_too(server, clock):
    server.token_script = [status(503, headers={"retry-after": "40"})]
    async with connect(server, clock=clock) as client:
        assert {error.retry_after for error in await errors_of(client, 5)} == {40}
        assert server.fetched == 1


async def test_an_absurd_wait_does_not_last_for_ever(server, clock):
    server.token_script = [refuse(429, headers={"retry-after": "31000000"})]
    async with connect(server, clock=clock) as client:
        assert {error.retry_after for error in await errors_of(client, 5)} == {LONGEST_WAIT}
        clock.advance(LONGEST_WAIT)
        await CALLS["read"](client.program(PROGRAM))
    assert server.fetched == 2


async def test_a_token_that_could_not_be_renewed_early_serves_to_its_end(server, clock):
    async with connect(server, clock=clock) as client:
        await CALLS["read"](client.program(PROGRAM))
        clock.advance(server.life - 100)
        server.token_script = [MINUTE]
        await asyncio.gather(*[CALLS["read"](client.program(PROGRAM)) for _ in range(4)])
        assert server.fetched == 2
        assert {call.headers["authorization"] for call in server.calls} == {"Bearer token-canary-0001"}
        clock.advance(30)
        await CALLS["read"](client.program(PROGRAM))
        assert server.calls[-1].headers["authorization"] == "Bearer token-canary-0002"
        server.token_script = [MINUTE]
        clock.advance(server.life)
        assert {error.retry_after for error in await errors_of(client, 3)} == {30}


async def test_a_refused_token_does_not_serve_to_its_end(server, clock):
    async with connect(server, clock=clock) as client:
        await CALLS["read"](client.program(PROGRAM))
        server.stale.add("Bearer token-canary-0001")
        server.token_script = [MINUTE]
        assert {error.retry_after for error in await errors_of(client, 3)} == {30}
        assert len(server.calls) == 1 + 3


async def test_an_error_told_again_is_nobody_elses(server, clock):
    server.token_script = [status(500)]
    async with connect(server, clock=clock, max_attempts=1) as client:
        first, second = await errors_of(client, 2)
        first.add_note("the first caller's own")
        (third,) = await errors_of(client, 1)
    for error in (second, third):
        assert "the first caller's own" not in error.__notes__
        assert error.__traceback__ is not None


LIVES = {
    "zero": "0",
    "negative": "-3600",
    "less than a second": "0.001",
    "a negative text": '"-1"',
    "words": '"an hour"',
    "no text": '""',
    "NaN": "NaN",
    "NaN as text": '"nan"',
    "null": "null",
    "true": "true",
    "a list": "[3600]",
    "minus infinity": "-Infinity",
    "nothing": None,
}
LONG = {
    "huge": "1" + "0" * 400,
    "more digits than Python reads": "9" * 5000,
    "a huge exponent": "1e999999999",
    "Infinity": "Infinity",
    "infinity as text": '"inf"',
    "a year": "31536000",
}


def token(life):
    told = "" if life is None else f', "expires_in": {life}'

    async def effect(exchange):
        exchange.server.tokens += 1
        body = f'{{"access_token": "token-canary-{exchange.server.tokens:04d}"{told}}}'
        await exchange.raw(plain_200(body.encode()))

    return effect


@pytest.mark.parametrize("life", [*LIVES, *LONG])
async def test_a_life_that_cannot_be_is_one_fetch_per_token(server, clock, life):
    server.token_script = [token({**LIVES, **LONG}[life]) for _ in range(30)]
    async with connect(server, clock=clock) as client:
        program = client.program(PROGRAM)
        await asyncio.gather(*[CALLS["unsafe"](program, f"r{number}") for number in range(4)])
        for _ in range(20):
            await CALLS["read"](program)
        assert server.fetched == 1
        clock.advance(USUAL_LIFE)
        await CALLS["read"](program)
        assert server.fetched == (1 if life in LONG else 2)
        clock.advance(24 * 3600)
        await CALLS["read"](program)
        assert server.fetched == (2 if life in LONG else 3)


@pytest.mark.parametrize(("told", "life"), [("7200", 7200), ('"7200"', 7200), ("7200.0", 7200), ("1", 1)])
async def test_a_life_that_can_be_is_believed(server, clock, told, life):
    server.token_script = [token(told) for _ in range(3)]
    async with connect(server, clock=clock) as client:
        await CALLS["read"](client.program(PROGRAM))
        clock.advance(life - min(120, life / 2) - 0.01)
        await CALLS["read"](client.program(PROGRAM))
        assert server.fetched == 1
        clock.advance(0.02)
        await CALLS["read"](client.program(PROGRAM))
        assert server.fetched == 2


async def test_the_endpoints_own_words_are_told(server, clock):
    body = {"error": "invalid_scope", "error_description": "loyalty:fly is not granted"}
    server.token_script = [status(400, json.dumps(body).encode(), commit=False)]
    async with connect(server, clock=clock) as client:
        (error,) = await errors_of(client, 1)
    assert (type(error), error.code, error.status) == (AuthenticationError, "invalid_scope", 400)
    assert "loyalty:fly is not granted" in str(error)


async def test_callers_who_give_up_or_close_leave_no_task_and_no_second_request(clock):
    before = asyncio.all_tasks()
    async with OAuth() as server:
        server.token_script = [stall()]
        async with connect(server, clock=clock) as client:
            for _ in range(20):
                call = asyncio.ensure_future(CALLS["read"](client.program(PROGRAM)))
                await server.until_arrived(1)
                call.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await call
            assert server.fetched == 1
    await no_tasks_but(before)


async def test_a_fetch_has_a_time_of_its_own(server, clock, monkeypatch):
    monkeypatch.setattr(oauth, "TIMEOUT", 0.05)
    server.token_script = [stall()]
    async with connect(server, clock=clock, timeout=None, max_attempts=1) as client:
        errors = await errors_of(client, 20)
        assert {type(error) for error in errors} == {ConnectFailedError}
        assert {(error.sent, error.retry_after) for error in errors} == {(False, FIRST_PAUSE)}
        assert server.fetched == 1
        clock.advance(FIRST_PAUSE)
        await CALLS["unsafe"](client.program(PROGRAM))
    assert server.fetched == 2
