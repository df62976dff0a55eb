"""``trust_env``: the environment's proxy is used, and no password of netrc leaves with our requests."""

from __future__ import annotations

import warnings

import aiohttp
import pytest
from clocks import AutoClock
from hostile import PROGRAM, Hostile, status
from scenario import CALLS, KEY
from test_oauth import OAuth

from brevo_balance_async import BalanceClient, ClientCredentials, InvalidRequestError

PASSWORD = "netrc-canary-password"
SECRET = "oauth-secret-0123456789"
PROXIES = ("http_proxy", "https_proxy", "no_proxy", "all_proxy")


@pytest.fixture(autouse=True)
def _environment(monkeypatch, tmp_path):
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    netrc = tmp_path / "netrc"
    netrc.write_text(
        f"machine 127.0.0.1 login me password {PASSWORD}\ndefault login me password {PASSWORD}\n"
    )
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))


async def test_aiohttp_alone_would_send_it():
    # If this fails aiohttp has changed, and the tests below may prove nothing.
    async with Hostile() as server, aiohttp.ClientSession(trust_env=True) as session:
        async with session.get(server.base_url) as answer:
            await answer.read()
    assert server.arrived[0].headers["authorization"].startswith("Basic ")


@pytest.mark.parametrize("lent", [False, True], ids=["own session", "borrowed session"])
@pytest.mark.parametrize("kind", CALLS)
async def test_nothing_of_netrc_goes_beside_a_key(kind, lent, verdict):
    async with Hostile() as server, aiohttp.ClientSession(trust_env=True) as session:
        async with BalanceClient(
            KEY, base_url=server.base_url, trust_env=True, session=session if lent else None
        ) as client:
            await CALLS[kind](client.program(PROGRAM))
    (request,) = server.arrived
    assert request.headers["api-key"] == KEY
    assert "authorization" not in request.headers
    verdict("B15 trust_env with a netrc", kind, "yes", server.writes, "our own headers alone", "-")


@pytest.mark.parametrize("lent", [False, True], ids=["own session", "borrowed session"])
@pytest.mark.parametrize("kind", CALLS)
async def test_nor_to_the_token_endpoint_nor_in_the_place_of_the_token(kind, lent):
    async with OAuth() as server, aiohttp.ClientSession(trust_env=True) as session:
        async with BalanceClient(
            credentials=ClientCredentials("app", SECRET),
            base_url=server.base_url,
            trust_env=True,
            session=session if lent else None,
        ) as client:
            await CALLS[kind](client.program(PROGRAM))
    token, call = server.arrived
    assert "authorization" not in token.headers
    assert call.headers["authorization"] == "Bearer token-canary-0001"


class Named:
    """Credentials of a user's own, spelled their way."""

    async def headers(self):
        return {"AUTHORIZATION": "Bearer mine-0123456789"}


async def test_a_users_own_authorization_stays_however_it_is_spelled():
    async with Hostile() as server, aiohttp.ClientSession(trust_env=True) as session:
        async with BalanceClient(credentials=Named(), base_url=server.base_url, session=session) as client:
            await CALLS["unsafe"](client.program(PROGRAM))
    assert server.arrived[0].headers["authorization"] == "Bearer mine-0123456789"


@pytest.mark.parametrize("way", ["auth", "headers"])
async def test_what_the_owner_of_a_borrowed_session_put_on_it_stays(monkeypatch, tmp_path, way):
    basic = "Basic Z2F0ZXdheTpwYXNzd29yZA=="
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))  # or aiohttp itself refuses the header beside it
    with warnings.catch_warnings(action="ignore"):  # BasicAuth goes with aiohttp 4
        theirs = {"auth": aiohttp.BasicAuth("gateway", "password"), "headers": {"Authorization": basic}}
        lent = aiohttp.ClientSession(trust_env=True, **{way: theirs[way]})
    async with Hostile() as server, lent as session:
        async with BalanceClient(KEY, base_url=server.base_url, session=session) as client:
            await CALLS["unsafe"](client.program(PROGRAM))
    assert server.arrived[0].headers["authorization"] == basic


@pytest.mark.parametrize("oauth", [False, True], ids=["key", "oauth"])
async def test_the_environments_proxy_is_asked_and_told_its_own_password_only(monkeypatch, oauth):
    class Proxy(OAuth):
        async def route(self, exchange):
            origin, path = "http://127.0.0.1:9", exchange.request.path
            assert path.startswith(f"{origin}/")
            exchange.request.path = path.removeprefix(origin)
            await super().route(exchange)

    async with Proxy() as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://user:pass@127.0.0.1:{proxy.port}")
        keys = {"credentials": ClientCredentials("app", SECRET)} if oauth else {"api_key": KEY}
        async with BalanceClient(base_url="http://127.0.0.1:9/v3", trust_env=True, **keys) as client:
            for kind in CALLS.values():
                await kind(client.program(PROGRAM))
    assert len(proxy.arrived) == len(CALLS) + oauth
    for request in proxy.arrived:
        assert request.headers["proxy-authorization"] == "Basic dXNlcjpwYXNz"
        sent = request.headers.get("authorization")
        assert sent == ("Bearer token-canary-0001" if oauth and not request.path.endswith("/token") else None)


async def test_netrc_is_no_proxys_password_either(monkeypatch):
    async with Hostile() as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        async with BalanceClient(KEY, base_url="http://127.0.0.1:9/v3", trust_env=True) as client:
            await CALLS["unsafe"](client.program(PROGRAM))
    assert {"authorization", "proxy-authorization"}.isdisjoint(proxy.arrived[0].headers)


@pytest.mark.parametrize("trusted", [False, True])
async def test_no_proxy_and_no_trust_go_straight(monkeypatch, trusted):
    async with Hostile() as server, Hostile() as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        if trusted:
            monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        async with BalanceClient(KEY, base_url=server.base_url, trust_env=trusted) as client:
            await CALLS["unsafe"](client.program(PROGRAM))
        assert (len(server.arrived), len(proxy.arrived)) == (1, 0)


async def test_a_named_proxy_comes_before_the_environments(monkeypatch):
    async with Hostile() as named, Hostile() as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        address = f"http://127.0.0.1:{named.port}"
        async with BalanceClient(
            KEY, base_url="http://127.0.0.1:9/v3", trust_env=True, proxy=address
        ) as client:
            await CALLS["unsafe"](client.program(PROGRAM))
        assert (len(named.arrived), len(proxy.arrived)) == (1, 0)


async def test_https_asks_the_environments_proxy_for_a_tunnel_without_a_key(monkeypatch):
    async with Hostile(otherwise=status(502, commit=False)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        async with BalanceClient(
            KEY, base_url="https://api.example.com/v3", trust_env=True, clock=AutoClock(), max_attempts=1
        ) as client:
            with pytest.raises(Exception, match="nothing was sent"):
                await CALLS["unsafe"](client.program(PROGRAM))
    (request,) = proxy.arrived
    assert (request.method, request.path) == ("CONNECT", "api.example.com:443")
    assert {"authorization", "api-key", "proxy-authorization"}.isdisjoint(request.headers)


@pytest.mark.parametrize("address", ["socks5://127.0.0.1:1", "http://[x", "nonsense"])
def test_an_environment_that_names_no_proxy_anybody_can_use_is_told_at_once(monkeypatch, address):
    monkeypatch.setenv("HTTPS_PROXY", address)
    with pytest.raises(InvalidRequestError, match=r"^HTTPS_PROXY: ") as caught:
        BalanceClient(KEY, trust_env=True)
    assert caught.value.argument == "HTTPS_PROXY"
    BalanceClient(KEY)
    BalanceClient(KEY, trust_env=True, proxy="http://127.0.0.1:9")
