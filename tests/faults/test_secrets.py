"""A canary key, through all kinds of failure: it appears in no log, repr, traceback, pickle, event or URL."""

from __future__ import annotations

import asyncio
import json
import logging
import pickle
import re
import traceback
from urllib.parse import unquote

import aiohttp
import pytest
from clocks import AutoClock, ManualClock, turns
from hostile import PROGRAM, Hostile, cut_body, plain_200, quota, refuse, stall, status
from scenario import CALLS, FAULTS, no_tasks_but, stage
from test_oauth import OAuth

from brevo_balance_async import (
    ApiKey,
    BalanceClient,
    BalanceError,
    ClientCredentials,
    ConnectFailedError,
    InvalidRequestError,
    PartnerKey,
)
from brevo_balance_async.core import auth
from brevo_balance_async.core.transport import session as transport_session

API_KEY = "xkeysib-5f1d-APIKEYCANARY-0123456789abcdef-Zz9"
SLASHED = "xkeysib/APIKEYCANARY/0123456789abcdef"
PARTNER_KEY = "partner-PARTNERCANARY-0123456789abcdef"
SECRET = "oauth-SECRETCANARY-/+=0123456789abcdef"
TOKEN = "TOKENCANARY-0123456789abcdef"
CANARIES = ("APIKEYCANARY", "PARTNERCANARY", "SECRETCANARY", "TOKENCANARY")


class Evidence:
    """Everything that a program could print, log or send elsewhere."""

    def __init__(self):
        self.texts = []

    def event(self, event):
        self.texts += [repr(event), str(event)]

    def error(self, error):
        self.texts.append(
            "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
        )
        seen = []
        chain = [error]
        while chain:
            one = chain.pop()
            if one is None or one in seen:
                continue
            seen.append(one)
            self.texts += [repr(one), str(one), repr(vars(one)), *getattr(one, "__notes__", ())]
            # Also what is suppressed: a collector of errors may follow it all the same.
            limits = {"capture_locals": True}
            frames = traceback.StackSummary.extract(traceback.walk_tb(one.__traceback__), **limits)
            self.texts += frames.format()
            chain += [one.__cause__, one.__context__, getattr(one, "cause", None)]
            if one.__class__.__module__.startswith("brevo_balance_async"):
                self.texts.append(repr(pickle.dumps(one)))

    def check(self):
        assert self.texts
        for text in self.texts:
            for canary in CANARIES:
                assert canary not in text, text[max(0, text.find(canary) - 600) : text.find(canary) + 100]


@pytest.fixture
def evidence():
    found = Evidence()

    class Keep(logging.Handler):
        def emit(self, record):
            found.texts.append(logging.Formatter("%(name)s %(message)s").format(record))
            found.texts.append(repr(record.__dict__))

    root = logging.getLogger()
    handler, level = Keep(), root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    loggers = [logging.getLogger(name) for name in ("asyncio", "aiohttp.client", "aiohttp.internal")]
    levels = [each.level for each in loggers]
    for each in loggers:
        each.setLevel(logging.DEBUG)
    yield found
    for each, before in zip(loggers, levels, strict=True):
        each.setLevel(before)
    root.removeHandler(handler)
    root.setLevel(level)
    found.check()


@pytest.fixture(autouse=True)
async def debug_mode():
    asyncio.get_running_loop().set_debug(True)


@pytest.mark.parametrize("fault", FAULTS, ids=str)
async def test_no_fault_shows_it(fault, evidence, request, monkeypatch):
    if fault.place == "deaf":
        monkeypatch.setattr(transport_session, "CONNECT_TIMEOUT", 0.1)
    certificate = request.getfixturevalue("certificate") if fault.place in {"tls", "distrusted"} else None
    credentials = PartnerKey(PARTNER_KEY, API_KEY)
    async with stage(fault, certificate, hooks=[evidence.event]) as (server, client):
        # The stage makes its client with a key of its own; this one takes the place.
        client._requester.shared.credentials = auth.provider(credentials, None, None, "")
        for kind in ("read", "put", "guarded", "unsafe"):
            if fault.effect is not None:
                server.script.clear()
                server.then([fault.effect] * 3)
            try:
                await CALLS[kind](client.program(PROGRAM))
            except Exception as error:
                evidence.error(error)
        evidence.texts += [repr(client), str(client), repr(credentials), repr(client.program(PROGRAM))]
        if fault.effect is not None:
            assert server.arrived[0].headers["api-key"] == API_KEY
            assert server.arrived[0].headers["partner-key"] == PARTNER_KEY
            assert all(API_KEY not in request.path for request in server.arrived)


def echo(code, *, as_json=True):
    """A gateway's debug page: it repeats the request's headers in body and headers."""

    async def effect(exchange):
        page = json.dumps({"message": f"bad request: {exchange.request.headers} {exchange.request.body}"})
        body = page.encode() if as_json else f"<html>{page}</html>".encode()
        kept = {
            f"x-echo-{name}": value
            for name, value in exchange.request.headers.items()
            if name in {"api-key", "authorization"}
        }
        await exchange.answer(code, body, kept if code >= 300 else None)

    return effect


@pytest.mark.parametrize("as_json", [True, False], ids=["json", "html"])
@pytest.mark.parametrize("code", [200, 302, 400, 401, 404, 422, 429, 500])
@pytest.mark.parametrize("kind", CALLS)
async def test_an_answer_that_repeats_it_does_not_show_it(evidence, kind, code, as_json):
    async with Hostile(otherwise=echo(code, as_json=as_json)) as server:
        async with BalanceClient(
            API_KEY, base_url=server.base_url, clock=AutoClock(), hooks=[evidence.event]
        ) as client:
            try:
                await CALLS[kind](client.program(PROGRAM))
            except Exception as error:
                evidence.error(error)
            else:
                assert code == 200
            assert server.arrived[0].headers["api-key"] == API_KEY


def spelled(code, spell, encoding="utf-8"):
    """An answer that repeats the key in other letters, in its members and in its headers."""

    async def effect(exchange):
        secret = exchange.request.headers.get("api-key") or exchange.request.headers.get("authorization")
        text = spell(secret or exchange.request.body.decode())
        body = f'{{"id": "1", "code": "{text}", "message": "no {text}", "meta": {{"k": "{text}"}}, "x": "{text}"}}'
        await exchange.answer(code, body.encode(encoding), {"x-request-id": spell(secret or "none")})

    return effect


SPELLINGS = {
    "JSON escapes": (lambda text: "".join(f"\\u{ord(c):04x}" for c in text), "utf-8"),
    "percent": (lambda text: "".join(f"%{ord(c):02x}" for c in text), "utf-8"),
    "slashes": (lambda text: text.replace("/", "\\/"), "utf-8"),
    "UTF-16": (str, "utf-16"),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("code", [200, 302, 400, 401, 429, 500])
@pytest.mark.parametrize("kind", ["read", "delete", "guarded", "unsafe"])
async def test_an_answer_that_spells_it_otherwise_does_not_show_it(evidence, kind, code, spelling, verdict):
    seen = []

    def hook(event):
        evidence.event(event)
        seen.append(getattr(event, "request_id", None))

    async with Hostile(otherwise=spelled(code, *SPELLINGS[spelling])) as server:
        async with BalanceClient(
            SLASHED, base_url=server.base_url, clock=AutoClock(), max_attempts=2, hooks=[hook]
        ) as client:
            try:
                value = await CALLS[kind](client.program(PROGRAM))
            except Exception as error:
                evidence.error(error)
                evidence.texts += [unescaped(text) for text in evidence.texts]
                assert getattr(error, "request_id", "[key]") == "[key]"
            else:
                evidence.texts += [repr(value), unescaped(repr(value))]
            assert server.arrived[0].headers["api-key"] == SLASHED
    assert set(seen) == {None, "[key]"}
    verdict(f"B15 {code} with the key in another spelling", kind, "yes", "-", "blotted out", "-")


def unescaped(text):
    """What a reader who undoes the escapes would see."""
    plain = unquote(text.replace("\0", "").replace("\\\\", "\\"))
    return re.sub(r"\\u00([0-9a-f]{2})", lambda match: chr(int(match[1], 16)), plain).replace("\\", "")


QUOTED = {
    "status line": b"GET /v3 HTTP/1.1\r\napi-key: %b\r\n\r\n",
    "status": b"HTTP/1.1 %b OK\r\n\r\n",
    "header name": b"HTTP/1.1 200 OK\r\nx-%b\x01: 1\r\n\r\n",
    "header value": b"HTTP/1.1 200 OK\r\nx: %b\x00\r\n\r\n",
    "length": b"HTTP/1.1 200 OK\r\ncontent-length: %b\r\n\r\n",
    "chunk": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n%b\r\nx",
    "encoding": b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n%b",
}


@pytest.mark.parametrize("oauth", [False, True], ids=["key", "oauth"])
@pytest.mark.parametrize("late", [False, True], ids=["at once", "in two parts"])
@pytest.mark.parametrize("place", QUOTED)
async def test_what_aiohttp_quotes_of_an_answer_it_cannot_read_does_not_show_it(evidence, place, late, oauth):
    async def effect(exchange):
        sent = exchange.request.headers.get("api-key", "").encode() or exchange.request.body
        answer = QUOTED[place].replace(b"%d", str(len(sent)).encode()).replace(b"%b", sent)
        head, end, rest = answer.partition(b"\r\n\r\n")
        await exchange.raw(head + end)
        if late:
            await turns()
        await exchange.raw(rest)
        exchange.fin()

    credentials = ClientCredentials("app", SECRET) if oauth else ApiKey(API_KEY)
    async with Hostile(otherwise=effect) as server:
        async with BalanceClient(
            credentials=credentials,
            base_url=server.base_url,
            clock=AutoClock(),
            max_attempts=2,
            timeout=0.3,  # aiohttp waits for more after a bad chunk that comes late
            hooks=[evidence.event],
        ) as client:
            for kind in CALLS.values():
                try:
                    await kind(client.program(PROGRAM))
                except BalanceError as error:
                    evidence.error(error)
                else:
                    assert place == "header value"  # aiohttp 3.13 reads it


@pytest.mark.parametrize("own", [True, False], ids=["own session", "borrowed session"])
async def test_cancelled_calls_do_not_show_it(evidence, own):
    async def stubborn(exchange):
        await asyncio.Event().wait()

    before = asyncio.all_tasks()
    async with Hostile(otherwise=stubborn) as server, aiohttp.ClientSession() as session:
        async with BalanceClient(
            API_KEY, base_url=server.base_url, session=None if own else session, hooks=[evidence.event]
        ) as client:
            for kind in CALLS.values():
                server.arrived.clear()
                task = asyncio.ensure_future(kind(client.program(PROGRAM)))
                await server.until_arrived(1)
                evidence.texts.append(repr(task))
                evidence.texts += [repr(frame.f_locals) for frame in task.get_stack()]
                task.cancel()
                try:
                    await task
                except asyncio.CancelledError as error:
                    evidence.error(error)
    await no_tasks_but(before)


@pytest.mark.parametrize("answer", [stall(), stall(after=cut_body())], ids=["headers", "body"])
@pytest.mark.parametrize("own", [True, False], ids=["own session", "borrowed session"])
async def test_closing_with_calls_in_flight_does_not_show_it(evidence, own, answer):
    before = asyncio.all_tasks()
    async with Hostile(otherwise=answer) as server, aiohttp.ClientSession() as session:
        async with BalanceClient(
            credentials=PartnerKey(PARTNER_KEY, API_KEY),
            base_url=server.base_url,
            session=None if own else session,
            max_connections=len(CALLS),
            hooks=[evidence.event],
        ) as client:
            client._requester.shared.gate._window.no_headers = True  # or the fifth would wait for an answer
            # Two of each: on its own session one of them waits for a connection.
            calls = [asyncio.ensure_future(kind(client.program(PROGRAM))) for kind in [*CALLS.values()] * 2]
            await server.until_arrived(len(CALLS) * (1 if own else 2))
            evidence.texts += [repr(task) for task in calls]
        for call in calls:
            with pytest.raises(BalanceError, match="closed") as caught:
                await call
            evidence.error(caught.value)
        assert server.arrived[0].headers["api-key"] == API_KEY
    await no_tasks_but(before)


@pytest.mark.parametrize("place", ["headers", "renewal", "quota", "backoff"])
async def test_closing_with_calls_that_wait_does_not_show_it(evidence, place):
    class Slow:
        async def headers(self):
            if place == "headers":
                await asyncio.Event().wait()
            return {"api-key": API_KEY}

        async def renew(self):
            await asyncio.Event().wait()

    effects = {
        "headers": [],
        "renewal": [refuse(401)],
        "quota": [refuse(429, headers=quota(600, 0, 5))],
        "backoff": [status(500)],
    }
    async with Hostile(effects[place]) as server:
        async with BalanceClient(
            credentials=Slow(), base_url=server.base_url, clock=ManualClock(), hooks=[evidence.event]
        ) as client:
            call = asyncio.ensure_future(CALLS["guarded"](client.program(PROGRAM)))
            await turns()
            evidence.texts.append(repr(call))
        with pytest.raises(BalanceError) as caught:
            await call
        evidence.error(caught.value)


async def test_a_connection_that_dies_under_a_write_does_not_show_it(evidence):
    # The frames of aiohttp's writer hold the bytes of the whole request.
    async def slam(exchange):
        await exchange.answer(200, {"id": "x"})
        exchange.rst()

    async with Hostile(otherwise=slam) as server:
        async with BalanceClient(
            API_KEY, base_url=server.base_url, max_connections=1, clock=AutoClock(), hooks=[evidence.event]
        ) as client:

            async def closing(session, context, params):
                # The moment between the head's signal and its write.
                for connection in list(session.connector._acquired):
                    connection.transport.abort()

            trace = aiohttp.TraceConfig()
            trace.on_request_headers_sent.append(closing)
            trace.freeze()
            client._requester.shared.transport._session.trace_configs.append(trace)
            for kind in CALLS.values():
                try:
                    await kind(client.program(PROGRAM))
                except Exception as error:
                    evidence.error(error)
                else:
                    pytest.fail("written to a dead connection")


class _Tokens(OAuth):
    async def route(self, exchange):
        if exchange.request.path.endswith("/token") and not self.token_script:
            await exchange.answer(200, {"access_token": TOKEN, "expires_in": 3600})
        else:
            await super().route(exchange)


@pytest.mark.parametrize(
    "effect",
    [
        echo(400),
        echo(401),
        echo(500),
        echo(500, as_json=False),
        echo(302),
        echo(200),
        echo(200, as_json=False),
        refuse(401),
        status(200, {"access_token": TOKEN + "\n"}),
        status(200, [TOKEN]),
    ],
)
async def test_oauth_shows_neither_secret_nor_token(evidence, effect):
    async def cut(exchange):
        await exchange.raw(plain_200(f'{{"access_token": "{TOKEN}'.encode()))

    credentials = ClientCredentials("app", SECRET)
    async with _Tokens() as server:
        async with BalanceClient(
            credentials=credentials, base_url=server.base_url, clock=AutoClock(), hooks=[evidence.event]
        ) as client:
            for script in ([effect] * 3, [cut] * 3):
                client._requester.shared.clock.advance(60)  # the pause after a failure
                server.token_script = list(script)
                with pytest.raises(Exception, match="token") as caught:
                    await CALLS["unsafe"](client.program(PROGRAM))
                evidence.error(caught.value)
            server.token_script = []
            client._requester.shared.clock.advance(60)
            await CALLS["unsafe"](client.program(PROGRAM))
            assert server.arrived[-1].headers["authorization"] == f"Bearer {TOKEN}"
            server.then([echo(500)])
            with pytest.raises(Exception, match="unknown whether this was applied") as caught:
                await CALLS["unsafe"](client.program(PROGRAM))
            evidence.error(caught.value)
            evidence.texts += [
                repr(credentials),
                repr(client),
                repr(vars(client._requester.shared.credentials)),
            ]


def test_reprs_and_pickles_of_what_holds_it(evidence):
    holders = [ApiKey(API_KEY), PartnerKey(PARTNER_KEY, API_KEY), ClientCredentials("app", SECRET)]
    for holder in holders:
        evidence.texts += [repr(holder), str(holder), f"{holder}", f"{holder!r:>20}"]
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(holder)
    client = BalanceClient(API_KEY)
    evidence.texts += [repr(client), repr(client._requester), repr(client._requester.shared)]
    assert "Zz9" in repr(holders[0])  # the last four characters, to tell keys apart


def test_a_refused_key_is_not_shown(evidence):
    for key in (API_KEY + "\n", API_KEY + " x", "ü" + API_KEY):
        with pytest.raises(Exception, match="api_key") as caught:
            BalanceClient(key)
        evidence.texts += [str(caught.value), repr(caught.value), repr(vars(caught.value))]


async def test_a_proxy_that_refuses_has_not_seen_the_key(evidence):
    # To an https:// address a proxy is asked for a tunnel first; nothing of the request leaves before it stands.
    async with Hostile(otherwise=status(502, commit=False)) as proxy:
        async with BalanceClient(
            API_KEY,
            base_url="https://api.example.com/v3",
            proxy=f"http://user:PARTNERCANARY@127.0.0.1:{proxy.port}",
            clock=AutoClock(),
            hooks=[evidence.event],
        ) as client:
            with pytest.raises(ConnectFailedError) as caught:
                await CALLS["unsafe"](client.program(PROGRAM))
            evidence.error(caught.value)
            evidence.texts.append(repr(client._requester.shared))
        assert caught.value.sent is False
        assert [request.method for request in proxy.arrived] == ["CONNECT"] * 3
        assert "api-key" not in proxy.arrived[0].headers
        assert proxy.arrived[0].headers["proxy-authorization"] == "Basic dXNlcjpQQVJUTkVSQ0FOQVJZ"


async def test_a_proxy_is_told_its_password_and_the_server_is_not():
    async with Hostile() as proxy:  # to an http:// address a proxy is simply asked for the whole address
        async with BalanceClient(
            API_KEY,
            base_url="http://127.0.0.1:9/v3",
            proxy=f"http://user:pass@127.0.0.1:{proxy.port}",
        ) as client:
            await CALLS["unsafe"](client.program(PROGRAM))
    (request,) = proxy.arrived
    assert request.path.startswith("http://127.0.0.1:9/v3/")
    assert request.headers["proxy-authorization"] == "Basic dXNlcjpwYXNz"
    assert "authorization" not in request.headers


def test_a_proxy_that_is_no_address():
    with pytest.raises(InvalidRequestError, match="proxy"):
        BalanceClient(API_KEY, proxy="http://[PARTNERCANARY")


@pytest.mark.parametrize("host", ["api.example.com", "10.0.0.1", "[2001:db8::1]", "127.0.0.1.example.com"])
def test_plain_http_is_refused_unless_it_is_allowed_by_name(host):
    with pytest.raises(InvalidRequestError, match="would send the key unencrypted"):
        BalanceClient(API_KEY, base_url=f"http://{host}/v3")
    BalanceClient(API_KEY, base_url=f"http://{host}/v3", allow_http=True)
