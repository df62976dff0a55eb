"""Control routes answer programs on this machine and no web page of another origin; no key is kept or shown.

Requests are written by hand, because a browser's are the ones that matter and no client would send them.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket

import aiohttp
import pytest
from multidict import CIMultiDict

from brevo_balance_async.sandbox import Sandbox
from brevo_balance_async.sandbox.http.guard import check_control
from brevo_balance_async.sandbox.rules.refusals import Refusal

JSON = "Content-Type: application/json"
REAL_KEY = "xkeysib-a-real-account-key-CANARY-9f3c"
MASKED_KEY = "***9f3c"


async def exchange(sandbox, request):
    """The status and the body of the answer to these very bytes; the connection is closed."""
    address = sandbox.origin.removeprefix("http://")
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    try:
        writer.write(request.replace("PORT", port).encode())
        answer = await asyncio.wait_for(reader.read(), 10)
    finally:
        writer.transport.abort()
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body.decode()


async def ask(sandbox, method, path, *headers, host="127.0.0.1:PORT", version="1.1", body=""):
    lines = [f"{method} {path} HTTP/{version}", *([f"Host: {host}"] if host is not None else [])]
    lines += ["Connection: close", f"Content-Length: {len(body)}", *headers]
    return await exchange(sandbox, "\r\n".join(lines) + "\r\n\r\n" + body)


def is_refused(answer, status, word):
    told = json.loads(answer[1])
    return answer[0] == status and set(told) == {"code", "message"} and word in told["message"]


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:PORT", "127.0.0.1", "127.8.9.1:PORT", "localhost:PORT", "LocalHost", "[::1]:PORT", "[::1]"],
)
async def test_this_machine_s_names_are_answered_on_any_port(api, host):
    assert (await ask(api.sandbox, "GET", "/_sandbox/state", host=host))[0] == 200
    # A tunnel or a container may publish another port.
    assert (await ask(api.sandbox, "GET", "/_sandbox/state", host=f"{host.removesuffix(':PORT')}:9"))[
        0
    ] == 200


@pytest.mark.parametrize(
    "host",
    [
        "attacker.example:PORT",
        "attacker.example",
        "127.0.0.1.attacker.example:PORT",
        "localhost.attacker.example",
        "attacker.localhost:PORT",
        "api.brevo.com",
        "attacker.example@127.0.0.1:PORT",
        "127.0.0.1:PORT@attacker.example",
        "127.0.0.1:PORT, attacker.example",
        "127.0.0.1:x",
        "192.0.2.1:PORT",
        "0.0.0.0:PORT",
        "[::]:PORT",
        "[2001:db8::1]:PORT",
        "::1",
        "[127.0.0.1",
        "",
    ],
)
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "requests"), ("HEAD", "requests"), ("POST", "reset"), ("DELETE", "faults")]
)
async def test_a_foreign_host_is_403(api, host, method, path):
    await api.definition()
    status, body = await ask(api.sandbox, method, f"/_sandbox/{path}", JSON, host=host)
    assert status == 403
    assert method == "HEAD" or is_refused((status, body), 403, "another host")
    assert len(api.sandbox.requests) == 1  # neither shown nor forgotten


async def test_a_request_without_a_host_is_refused(api):
    answer = await ask(api.sandbox, "GET", "/_sandbox/state", host=None, version="1.0")
    assert is_refused(answer, 403, "or none")
    # HTTP/1.1 requires the header: aiohttp 3.14 refuses by itself, 3.13 leaves it to us.
    assert (await ask(api.sandbox, "GET", "/_sandbox/state", host=None))[0] in {400, 403}


async def test_a_second_host_is_refused(api):
    for hosts in (("attacker.example", "localhost"), ("localhost", "attacker.example")):
        answer = await ask(api.sandbox, "GET", "/_sandbox/state", f"Host: {hosts[1]}", host=hosts[0])
        assert answer[0] in {400, 403}


async def test_the_host_of_the_request_line_counts_too(api):
    answer = await ask(api.sandbox, "GET", "http://attacker.example/_sandbox/state", host="localhost")
    assert is_refused(answer, 403, "another host")


@pytest.mark.parametrize("host", ["127.0.0.1:PORT", "localhost:PORT", "[::1]:PORT", "localhost"])
async def test_a_page_of_the_sandbox_itself_is_answered(api, host):
    origin = f"Origin: http://{host}"
    assert (await ask(api.sandbox, "POST", "/_sandbox/reset", JSON, origin, host=host))[0] == 200
    site = "Sec-Fetch-Site: same-origin"
    assert (await ask(api.sandbox, "POST", "/_sandbox/reset", JSON, origin, site, host=host))[0] == 200


@pytest.mark.parametrize(
    "origin",
    [
        "http://attacker.example",
        "null",
        "",
        "http://127.0.0.1",
        "http://127.0.0.1:1",
        "http://localhost:PORT",
        "https://127.0.0.1:PORT",
        "http://127.0.0.1:PORT.attacker.example",
        "http://attacker.example@127.0.0.1:PORT",
        "file://",
        "chrome-extension://abcdefgh",
    ],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "requests"),
        ("HEAD", "requests"),
        ("POST", "reset"),
        ("DELETE", "faults"),
        ("OPTIONS", "reset"),
    ],
)
async def test_a_foreign_origin_is_403(api, origin, method, path):
    await api.definition()
    status, body = await ask(api.sandbox, method, f"/_sandbox/{path}", JSON, f"Origin: {origin}")
    assert status == 403
    assert method == "HEAD" or is_refused((status, body), 403, "another origin")
    assert len(api.sandbox.requests) == 1


async def test_every_origin_must_be_the_sandbox_s(api):
    origins = ("Origin: http://127.0.0.1:PORT", "Origin: http://attacker.example")
    for pair in (origins, origins[::-1]):
        assert (await ask(api.sandbox, "GET", "/_sandbox/state", *pair))[0] == 403


@pytest.mark.parametrize(
    ("site", "mode", "dest", "method", "status"),
    [
        ("none", "navigate", "document", "GET", 200),  # typed into the address bar
        ("same-origin", "cors", "empty", "GET", 200),
        ("cross-site", "navigate", "document", "GET", 200),  # a link that was followed
        ("same-site", "navigate", "document", "GET", 200),  # from another port of localhost
        ("cross-site", "no-cors", "image", "GET", 403),
        ("cross-site", "no-cors", "script", "GET", 403),
        ("same-site", "no-cors", "script", "GET", 403),
        ("cross-site", "navigate", "iframe", "GET", 403),
        ("cross-site", "cors", "empty", "GET", 403),
        ("cross-site", "navigate", "document", "POST", 403),  # a form
        ("anything", "navigate", "iframe", "GET", 403),
    ],
)
async def test_what_browsers_say_of_a_request_s_cause(api, site, mode, dest, method, status):
    fetched = (f"Sec-Fetch-Site: {site}", f"Sec-Fetch-Mode: {mode}", f"Sec-Fetch-Dest: {dest}")
    path = "state" if method == "GET" else "reset"
    assert (await ask(api.sandbox, method, f"/_sandbox/{path}", JSON, *fetched))[0] == status


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/plain; application/json",
        "application/json+x",
        "application/jsonp",
        "text/json",
    ],
)
@pytest.mark.parametrize("body", ["", "{}", '{"program":"27aa1d7a-af67-4020-8a65-19d6b0f0a26e"}'])
@pytest.mark.parametrize("path", ["reset", "seed", "nothing"])
async def test_a_control_post_that_is_no_json_is_415(api, content_type, body, path):
    await api.definition()
    headers = () if content_type is None else (f"Content-Type: {content_type}",)
    assert is_refused(
        await ask(api.sandbox, "POST", f"/_sandbox/{path}", *headers, body=body), 415, "application/json"
    )
    assert len(api.sandbox.requests) == 1


@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON; charset=utf-8"])
async def test_json_is_json_however_it_is_spelt(api, content_type):
    answer = await ask(api.sandbox, "POST", "/_sandbox/reset", f"Content-Type: {content_type}")
    assert answer == (200, "{}")


@pytest.mark.parametrize("remote", ["192.0.2.7", "10.0.0.1", "2001:db8::1", ""])
def test_another_address_is_refused_before_its_headers_are_looked_at(remote):
    with pytest.raises(Refusal, match="another address"):
        check_control("GET", "/_sandbox/state", remote, CIMultiDict(host="localhost"))


async def test_another_machine_is_403_whatever_it_calls_itself():
    """A socket that is bound to an address of this machine which is not loopback stands for another machine."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: asks which address would be used
        except OSError:
            pytest.skip("this machine has no address but loopback")
        address = probe.getsockname()[0]
    async with Sandbox(host=address, allow_public=True) as sandbox:
        for host in ("localhost", "127.0.0.1:PORT", f"{address}:PORT"):
            answer = await ask(sandbox, "GET", "/_sandbox/state", host=host)
            assert is_refused(answer, 403, "another address")


def has_ipv6_loopback():
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


@pytest.mark.skipif(not has_ipv6_loopback(), reason="this machine has no IPv6")
async def test_ipv6_loopback_has_its_own_name_in_brackets():
    async with Sandbox(host="::1") as sandbox:
        assert (await ask(sandbox, "GET", "/_sandbox/state", host="[::1]:PORT"))[0] == 200
        origin = "Origin: http://[::1]:PORT"
        assert (await ask(sandbox, "POST", "/_sandbox/reset", JSON, origin, host="[::1]:PORT"))[0] == 200
        assert (await ask(sandbox, "GET", "/_sandbox/state", host="[::2]:PORT"))[0] == 403


async def test_no_answer_lets_another_origin_read_it(api):
    async with aiohttp.ClientSession() as session:
        for origin in ({}, {"origin": api.sandbox.origin}, {"origin": "http://attacker.example"}):
            for path in ("/_sandbox/requests", "/v3/nothing"):
                async with session.get(api.sandbox.origin + path, headers=origin) as response:
                    assert not [
                        name for name in response.headers if name.lower().startswith("access-control")
                    ]


# the API's own routes


@pytest.mark.parametrize("host", ["api.brevo.com", "sandbox:8080", "attacker.example"])
async def test_the_api_itself_takes_any_host_and_wants_the_key(api, host):
    """A container's name, a proxy, a hosts file: clients may know the sandbox by any name. A key lets them in."""
    path = f"/v3/loyalty/balance/programs/{api.program}/balance-definitions"
    key = f"api-key: {api.sandbox.api_key}"
    assert (await ask(api.sandbox, "GET", path, key, host=host))[0] == 200
    assert (await ask(api.sandbox, "GET", path, host=host))[0] == 401
    # No page may send that header across origins without a preflight, which is not answered with leave.
    asked = ("Origin: http://attacker.example", "Access-Control-Request-Headers: api-key")
    assert (await ask(api.sandbox, "OPTIONS", path, *asked, host=host))[0] in {401, 405}


# keys


def everything(sandbox):
    """All that is kept of the requests, the ways a test would print it."""
    return "\n".join([repr(list(sandbox.requests)), *(f"{record!r} {record}" for record in sandbox.requests)])


@pytest.mark.parametrize(
    ("header", "kept"),
    [
        (f"api-key: {REAL_KEY}", MASKED_KEY),
        (f"API-Key: {REAL_KEY}", MASKED_KEY),
        (f"x-api-key: {REAL_KEY}", MASKED_KEY),
        (f"partner-key: {REAL_KEY}", MASKED_KEY),
        (f"authorization: Bearer {REAL_KEY}", "Bearer " + MASKED_KEY),
        (f"authorization: {REAL_KEY}", MASKED_KEY),
        (f"authorization: Basic {REAL_KEY}", "Basic " + MASKED_KEY),
        (f"proxy-authorization: Basic {REAL_KEY}", "Basic " + MASKED_KEY),
        (f"authorization: {'Bearer ' * 1000}x", "Bearer ***er x"),
        (f"cookie: session={REAL_KEY}", MASKED_KEY),
        (f"x-access-token: {REAL_KEY}", MASKED_KEY),
        (f"x-client-secret: {REAL_KEY}", MASKED_KEY),
        ("api-key: tiny9f3c", "***"),
        (f"user-agent: tool/1 ({REAL_KEY})", f"tool/1 ({MASKED_KEY})"),
        (f"referer: http://x/?k={REAL_KEY}&b=1", f"http://x/?k={MASKED_KEY}&b=1"),
        ("x-smtp: xsmtpsib-0123456789-9f3c", MASKED_KEY),
        ("idempotency-key: order-42-of-today", "order-42-of-today"),
        ("user-agent: tool/1", "tool/1"),
    ],
)
async def test_of_a_credential_four_characters_are_kept(api, header, kept):
    name, _, value = header.partition(": ")
    await ask(api.sandbox, "GET", "/v3/nothing", header)
    assert api.sandbox.requests[-1].headers[name.lower()] == kept
    shown = (await api.control("GET", "requests")).text
    assert json.loads(shown)["requests"][-1]["headers"][name.lower()] == kept
    if kept != value:
        assert value not in everything(api.sandbox) + shown
    assert "CANARY" not in everything(api.sandbox) + shown


async def test_a_key_in_the_path_the_query_or_the_body_is_not_kept_either(api):
    body = json.dumps(
        {"client_id": "me", "client_secret": "s3cr3t-CANARY-0000", "key": REAL_KEY, "api_key": 7}
    )
    path = f"/v3/{REAL_KEY}/x?api-key=other-CANARY-key&a={REAL_KEY}&token=t&token=CANARY-CANARY&b=1"
    await ask(api.sandbox, "POST", path, JSON, body=body)
    await ask(api.sandbox, "POST", "/v3/nothing", JSON, body=json.dumps(REAL_KEY))
    first, second = api.sandbox.requests
    assert first.path == f"/v3/{MASKED_KEY}/x"
    assert {name: first.query.getall(name) for name in first.query} == {
        "api-key": ["***-key"],
        "a": [MASKED_KEY],
        "token": ["***", "***NARY"],
        "b": ["1"],
    }
    assert first.body == {"client_id": "me", "client_secret": "***0000", "key": MASKED_KEY, "api_key": "***"}
    assert second.body == MASKED_KEY
    first_kept = everything(api.sandbox) + (await api.control("GET", "requests")).text
    assert "CANARY-" not in first_kept


async def test_the_caller_is_let_in_and_served_by_what_it_sent_not_by_what_is_kept(api):
    definition = await api.definition()
    meta = {"token": "the shop's own", "note": REAL_KEY}
    begun = await api.credit(definition, 5, meta=meta)
    assert begun["meta"] == meta  # the caller's data, given back as Brevo does
    assert api.sandbox.requests[-1].body["meta"] == meta
    renamed = await api.ok(
        "PUT", f"balance-definitions/{definition}", {"name": f"Points {REAL_KEY}", "unit": "POINTS"}
    )
    assert renamed["name"] == f"Points {REAL_KEY}"
    assert api.sandbox.requests[-1].body["name"] == f"Points {MASKED_KEY}"


async def test_a_token_is_shown_nowhere(api):
    form = {
        "grant_type": "client_credentials",
        "client_id": api.sandbox.client_id,
        "client_secret": api.sandbox.client_secret,
    }
    token = (await api.send("POST", api.sandbox.token_url, data=form, headers={})).json["access_token"]
    await api.send("GET", f"{api.sandbox.base_url}/nothing", headers={"authorization": f"Bearer {token}"})
    kept = everything(api.sandbox) + (await api.control("GET", "requests")).text
    assert token not in kept
    assert f"Bearer ***{token[-4:]}" in kept
    assert token not in repr(vars(api.sandbox))


@pytest.mark.parametrize("line", [f"api-key: {REAL_KEY}\x01", f"api key: {REAL_KEY}", f"{REAL_KEY}"])
async def test_a_request_that_is_no_http_is_logged_without_its_bytes(api, line, caplog):
    with caplog.at_level(logging.DEBUG):
        status, _ = await ask(api.sandbox, "GET", "/v3/nothing", line)
    assert status == 400
    assert "no valid HTTP" in caplog.text
    assert "CANARY" not in caplog.text
    assert not [record for record in caplog.records if record.exc_info]


async def test_a_request_that_a_fault_keeps_waiting_shows_no_key_meanwhile(api):
    fault = await api.control("POST", "faults", {"effect": "stall"})
    assert fault.status == 200
    waiting = asyncio.create_task(ask(api.sandbox, "GET", "/v3/nothing", f"api-key: {REAL_KEY}"))
    try:
        while not api.sandbox.requests.hits():
            await asyncio.sleep(0)
        assert "CANARY" not in everything(api.sandbox)
        assert api.sandbox.requests[-1].headers["api-key"] == MASKED_KEY
    finally:
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


TOKEN = "Authorization: Bearer the-control-token"


@pytest.mark.parametrize("host", ["container.example:8080", "192.0.2.1", None])
async def test_the_control_token_lifts_the_host_check(serve, host):
    version = "1.0" if host is None else "1.1"
    async with serve(control_token="the-control-token") as api:
        for method, path in (("GET", "state"), ("POST", "reset")):
            told = (method, f"/_sandbox/{path}", JSON)
            assert (await ask(api.sandbox, *told, TOKEN, host=host, version=version))[0] == 200
            assert is_refused(await ask(api.sandbox, *told, host=host, version=version), 403, "control token")
            wrong = await ask(api.sandbox, *told, TOKEN + "x", host=host, version=version)
            assert is_refused(wrong, 401, "not the control token")


def test_the_control_token_lets_other_addresses_in():
    headers = CIMultiDict({"host": "container:8080", "authorization": "bearer t"})
    check_control("GET", "/_sandbox/state", "172.17.0.1", headers, token="t")
    for token in (None, "other"):
        with pytest.raises(Refusal):
            check_control("GET", "/_sandbox/state", "172.17.0.1", headers, token=token)


async def test_without_a_token_this_machine_is_still_answered(serve):
    async with serve(control_token="the-control-token") as api:
        assert (await ask(api.sandbox, "GET", "/_sandbox/state"))[0] == 200
        assert (await ask(api.sandbox, "GET", "/_sandbox/state", "Authorization: Basic dDp0"))[0] == 200
        assert (await ask(api.sandbox, "GET", "/_sandbox/state", "Authorization: Bearer x"))[0] == 401


async def test_a_token_is_no_pass_for_web_pages(serve):
    async with serve(control_token="the-control-token") as api:
        for header in ("Origin: http://attacker.example", "Origin: null", "Sec-Fetch-Site: cross-site"):
            assert (await ask(api.sandbox, "GET", "/_sandbox/state", TOKEN, header))[0] == 403
        own = "Origin: http://container.example:8080"
        assert (await ask(api.sandbox, "GET", "/_sandbox/state", TOKEN, own, host="container.example:8080"))[
            0
        ] == 200


async def test_the_control_token_is_not_the_api_s_and_is_shown_nowhere(serve):
    async with serve(control_token="the-control-token") as api:
        assert (await ask(api.sandbox, "GET", "/v3/nothing", TOKEN))[0] == 401
        assert "the-control-token" not in everything(api.sandbox)


def test_an_empty_token_is_refused():
    with pytest.raises(ValueError, match="control_token must not be empty"):
        Sandbox(control_token="")
