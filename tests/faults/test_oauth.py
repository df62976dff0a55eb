"""OAuth client credentials: the token is cached, renewed early, by one call at a time, and once after a 401."""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qs

import pytest
from clocks import AutoClock, ManualClock
from hostile import (
    DEFINITION,
    PROGRAM,
    TRANSACTION,
    Hostile,
    hang_up,
    honest,
    plain_200,
    quota,
    refuse,
    stall,
    status,
)
from scenario import CALLS, at_rest, begin

from brevo_balance_async import (
    AuthenticationError,
    BalanceClient,
    BalanceError,
    ClientCredentials,
    ClientStateError,
    ConnectFailedError,
    DecodeError,
    InvalidRequestError,
    OutcomeUnknownError,
    RequestTimeoutError,
    ServerError,
)
from brevo_balance_async.hooks import OutcomeUnknown

SECRET = "oauth-secret-canary/0123456789+="
TOKEN_PATH = "/realms/partner/oauth/token"


class OAuth(Hostile):
    """A server that gives tokens, and lets only the newest in."""

    def __init__(self, **options):
        super().__init__(otherwise=self.route, **options)
        self.tokens = 0
        self.life = 3600
        self.token_script = []
        self.stale = set()

    @property
    def fetched(self):
        return sum(request.path == TOKEN_PATH for request in self.arrived)

    @property
    def calls(self):
        return [request for request in self.arrived if request.path != TOKEN_PATH]

    async def route(self, exchange):
        if exchange.request.path == TOKEN_PATH:
            if self.token_script:
                await self.token_script.pop(0)(exchange)
                return
            self.tokens += 1
            body = {
                "access_token": f"token-canary-{self.tokens:04d}",
                "expires_in": self.life,
                "token_type": "Bearer",
            }
            await exchange.answer(200, body)
        elif exchange.request.headers.get("authorization") in self.stale:
            await refuse(401, "token expired")(exchange)
        else:
            await honest(exchange)


@pytest.fixture
async def server():
    async with OAuth() as server:
        yield server


def connect(server, **options):
    return BalanceClient(
        credentials=ClientCredentials("app", SECRET, scope="loyalty"),
        base_url=server.base_url,
        **{"clock": AutoClock(), **options},
    )


async def test_the_token_is_fetched_once_for_many_calls(server):
    async with connect(server) as client:
        program = client.program(PROGRAM)
        assert server.arrived == []
        await asyncio.gather(*[begin(program, f"r{number}") for number in range(4)])
        assert server.fetched == 1
        assert {call.headers["authorization"] for call in server.calls} == {"Bearer token-canary-0001"}
        assert all("api-key" not in call.headers for call in server.calls)
        form = server.arrived[0]
        assert form.headers["content-type"] == "application/x-www-form-urlencoded"
        assert parse_qs(form.body.decode()) == {
            "grant_type": ["client_credentials"],
            "client_id": ["app"],
            "client_secret": [SECRET],
            "scope": ["loyalty"],
        }


@pytest.mark.parametrize(("life", "early"), [(3600, 120), (100, 50)])
async def test_it_is_renewed_shortly_before_it_ends(server, life, early):
    clock = ManualClock()
    server.life = life
    async with connect(server, clock=clock) as client:
        program = client.program(PROGRAM)
        await CALLS["read"](program)
        clock.advance(life - early - 1)
        await CALLS["read"](program)
        assert server.fetched == 1
        clock.advance(1)
        await asyncio.gather(*[CALLS["read"](program) for _ in range(4)])
        assert server.fetched == 2
        assert server.calls[-1].headers["authorization"] == "Bearer token-canary-0002"


@pytest.mark.parametrize("kind", CALLS)
async def test_a_401_renews_it_once(server, kind):
    async with connect(server) as client:
        program = client.program(PROGRAM)
        await CALLS["read"](program)
        server.stale.add("Bearer token-canary-0001")
        await CALLS[kind](program)
        assert server.fetched == 2
        assert server.writes == (kind != "read")
        server.stale |= {"Bearer token-canary-0002", "Bearer token-canary-0003"}
        with pytest.raises(AuthenticationError) as caught:
            await begin(program, "r9")
        assert caught.value.attempts == 2
        assert server.fetched == 3
        at_rest(client)


async def test_a_late_401_does_not_renew_a_token_that_is_new_already(server):
    async with connect(server) as client:
        program = client.program(PROGRAM)
        await CALLS["read"](program)
        server.stale.add("Bearer token-canary-0001")
        release = asyncio.Event()
        route = server.otherwise

        async def late(exchange):
            await release.wait()
            await route(exchange)

        server.then([late])
        slow = asyncio.ensure_future(begin(program, "slow"))
        await server.until_arrived(3)
        await begin(program, "fast")
        assert server.fetched == 2
        release.set()
        await slow
        assert server.fetched == 2
        assert server.applied == {"fast": 1, "slow": 1}


@pytest.mark.parametrize("code", [400, 401])
async def test_refused_client_credentials_say_so_and_send_nothing_else(server, code):
    server.token_script = [refuse(code, "invalid_client")] * 3
    async with connect(server) as client:
        with pytest.raises(AuthenticationError, match="refused the client credentials") as caught:
            await begin(client.program(PROGRAM))
        assert (caught.value.endpoint, caught.value.attempts, caught.value.status) == ("oauth.token", 0, code)
        assert server.fetched == 1
        assert server.calls == []


@pytest.mark.parametrize("kind", ["read", "unsafe", "guarded"])
@pytest.mark.parametrize(
    ("effect", "error"),
    [
        (status(500), ServerError),
        (status(503, headers={"retry-after": "1"}), ServerError),
        (hang_up(commit=False), ConnectFailedError),
        (refuse(429, headers=quota(600, 0, 1)), BalanceError),
    ],
    ids=["500", "503", "FIN", "429"],
)
async def test_no_token_means_not_sent_so_anything_is_tried_again(server, kind, effect, error, verdict):
    server.token_script = [effect] * 2
    events = []
    async with connect(server, hooks=[events.append]) as client:
        await CALLS[kind](client.program(PROGRAM))
        assert server.fetched == 3
        assert len(server.calls) == 1
    async with connect(server, hooks=[events.append], max_attempts=1, timeout=20, max_wait=5) as client:
        server.token_script = [effect] * 30
        with pytest.raises(error) as caught:
            await CALLS[kind](client.program(PROGRAM))
        assert not isinstance(caught.value, OutcomeUnknownError)
        assert getattr(caught.value, "sent", False) is False
        assert caught.value.endpoint == "oauth.token"
        assert caught.value.attempts == 0
        assert not any(isinstance(event, OutcomeUnknown) for event in events)
        assert len(server.calls) == 1
        at_rest(client)


@pytest.mark.parametrize("known", [False, True], ids=["quota unknown", "quota known"])
async def test_a_token_endpoint_that_limits_for_ever_is_not_hammered(server, known):
    clock = AutoClock()
    async with connect(server, clock=clock, max_wait=None) as client:
        if known:
            server.headers = quota(600, 500, 3000)
            await begin(client.program(PROGRAM), "before")
            clock.now += server.life  # the token is too old, the window is over
        server.token_script = [refuse(429, headers=quota(600, 0, 60))] * 5
        started = clock.now
        await begin(client.program(PROGRAM))
    assert clock.now - started >= 5 * 60


@pytest.mark.parametrize(
    "answer",
    [
        b'{"access_token": "token-canary-cut',
        b'{"access_token": 7}',
        b"{}",
        b"[]",
        b"null",
        b"<html>token-canary</html>",
        b'{"access_token": "token-canary\\n"}',
    ],
)
async def test_an_answer_without_a_token_is_an_error_of_ours_that_shows_nothing(server, answer):
    async def effect(exchange):
        await exchange.raw(plain_200(answer))

    server.token_script = [effect]
    async with connect(server) as client:
        with pytest.raises(DecodeError, match="no usable access_token") as caught:
            await begin(client.program(PROGRAM))
        assert caught.value.endpoint == "oauth.token"
        assert "canary" not in repr(caught.value) + str(caught.value.__dict__)
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None
        client._requester.shared.clock.advance(caught.value.retry_after)
        await begin(client.program(PROGRAM))


async def test_the_calls_own_time_ends_a_slow_token(server):
    go = asyncio.Event()

    async def slow(exchange):
        await go.wait()
        await server.route(exchange)

    server.token_script = [slow]
    async with connect(server, clock=None) as client:
        for _ in range(5):
            with pytest.raises(RequestTimeoutError, match="credentials did not come in time") as caught:
                await client.program(PROGRAM).definitions.get(DEFINITION, timeout=0.05)
            assert caught.value.sent is False
        go.set()
        await CALLS["read"](client.program(PROGRAM))
        assert server.fetched == 1


async def test_cancelling_the_one_who_came_first_takes_nothing_from_the_others(server):
    async with connect(server) as client:
        program = client.program(PROGRAM)
        first = asyncio.ensure_future(begin(program, "first"))
        await server.until_arrived(1)
        second = asyncio.ensure_future(begin(program, "second"))
        await asyncio.sleep(0)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        await second
        assert server.applied == {"second": 1}
        assert server.fetched == 1
        at_rest(client)


async def test_closing_while_the_token_is_fetched(server):
    server.token_script = [stall()]
    async with connect(server) as client:
        task = asyncio.ensure_future(begin(client.program(PROGRAM)))
        await server.until_arrived(1)
    with pytest.raises((ClientStateError, ConnectFailedError), match="closed") as caught:
        await task
    assert caught.value.attempts == 0


async def test_a_401_whose_renewal_fails_keeps_the_doubt_of_a_guarded_write(server):
    async with connect(server) as client:
        program = client.program(PROGRAM)
        await CALLS["read"](program)
        server.then([hang_up(commit=True), refuse(401)])
        server.token_script = [refuse(401)]
        with pytest.raises(OutcomeUnknownError):
            await program.transactions.complete(TRANSACTION)


@pytest.mark.parametrize("url", ["http://login.example.com/token", "ftp://127.0.0.1/token", "nonsense"])
def test_a_token_url_that_would_show_the_secret_is_refused(url):
    with pytest.raises(InvalidRequestError, match=r"^token_url"):
        BalanceClient(credentials=ClientCredentials("app", SECRET, token_url=url))


class Custom:
    """Credentials of a user's own."""

    def __init__(self, headers):
        self.given = headers
        self.renewed = 0

    async def headers(self):
        if isinstance(self.given, Exception):
            raise self.given
        return self.given

    async def renew(self):
        self.renewed += 1
        self.given = {"api-key": "fresh"}


async def test_custom_credentials_may_renew_themselves_after_a_401():
    async with Hostile([refuse(401)]) as server:
        mine = Custom({"api-key": "stale"})
        async with BalanceClient(credentials=mine, base_url=server.base_url) as client:
            await begin(client.program(PROGRAM))
        assert mine.renewed == 1
        assert [request.headers["api-key"] for request in server.arrived] == ["stale", "fresh"]


@pytest.mark.parametrize("value", ["line\r\nbreak", b"bytes", None, "ümlaut"])
async def test_a_header_that_cannot_be_sent_is_refused_before_anything_is(value):
    async with Hostile() as server:
        async with BalanceClient(credentials=Custom({"api-key": value}), base_url=server.base_url) as client:
            with pytest.raises(InvalidRequestError, match=r"^transactions\.begin: credentials"):
                await begin(client.program(PROGRAM))
            at_rest(client)
        assert server.arrived == []


async def test_what_custom_credentials_raise_is_theirs():
    async with Hostile() as server:
        error = LookupError("vault is sealed")
        async with BalanceClient(credentials=Custom(error), base_url=server.base_url) as client:
            with pytest.raises(LookupError) as caught:
                await begin(client.program(PROGRAM))
            assert caught.value is error
            at_rest(client)
