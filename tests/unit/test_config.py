"""What the constructor takes, and what it refuses before any request."""

from __future__ import annotations

import pickle

import aiohttp
import pytest

from brevo_balance_async import ApiKey, BalanceClient, ClientCredentials, InvalidRequestError, PartnerKey
from brevo_balance_async.config import HeaderSecret, Secret

KEY = "xkeysib-0123456789abcdef"


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch):
    monkeypatch.delenv("BREVO_API_KEY", raising=False)
    monkeypatch.delenv("BREVO_BASE_URL", raising=False)


def test_a_missing_key_is_an_error_at_once():
    with pytest.raises(InvalidRequestError, match="BREVO_API_KEY"):
        BalanceClient()


def test_the_environment_is_read_at_construction(monkeypatch):
    monkeypatch.setenv("BREVO_API_KEY", KEY)
    monkeypatch.setenv("BREVO_BASE_URL", "http://127.0.0.1:1/v3/")
    client = BalanceClient()
    monkeypatch.setenv("BREVO_BASE_URL", "http://127.0.0.1:2/v3")
    assert "127.0.0.1:1/v3>" in repr(client)


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("BREVO_BASE_URL", "ftp://api.brevo.com/v3", "must begin with https:// and name a host"),
        (
            "BREVO_BASE_URL",
            "http://api.brevo.com/v3",
            "plain http:// to api.brevo.com would send the key unencr",
        ),
        ("BREVO_BASE_URL", "http://[x", "is not a URL"),
        ("BREVO_API_KEY", "two words", "holds a blank"),
        ("BREVO_API_KEY", "", "is empty"),
    ],
)
def test_what_is_wrong_with_the_environment_is_told_of_the_environment(monkeypatch, variable, value, reason):
    monkeypatch.setenv("BREVO_API_KEY", KEY)
    monkeypatch.setenv(variable, value)
    for more in ({}, {"partner_key": KEY}):
        with pytest.raises(InvalidRequestError) as caught:
            BalanceClient(**more)
        assert str(caught.value).startswith(f"{variable}: {reason}")
        assert caught.value.argument == variable
        assert caught.value.__cause__ is None
    given = {"BREVO_BASE_URL": "base_url", "BREVO_API_KEY": "api_key"}[variable]
    with pytest.raises(InvalidRequestError, match=f"^{given}: "):
        BalanceClient(**{given: value})


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ({"api_key": ""}, "api_key"),
        ({"api_key": "two words"}, "api_key"),
        ({"api_key": "line\nbreak"}, "api_key"),
        ({"api_key": KEY, "credentials": ApiKey(KEY)}, "credentials"),
        ({"credentials": object()}, "credentials"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": float("nan")}, "timeout"),
        ({"max_attempts": 0}, "max_attempts"),
        ({"max_wait": -1}, "max_wait"),
        ({"reserve": 1}, "reserve"),
        ({"reserve": -0.1}, "reserve"),
        ({"max_connections": 0}, "max_connections"),
        ({"base_url": "api.brevo.com"}, "base_url"),
        ({"base_url": "http://api.brevo.com/v3"}, "base_url"),
        ({"base_url": "https://user:pw@api.brevo.com/v3"}, "base_url"),
        ({"base_url": "https://api.brevo.com/v3?x=1"}, "base_url"),
        ({"base_url": "ftp://127.0.0.1/"}, "base_url"),
    ],
)
def test_what_cannot_be_right_is_refused(arguments, argument):
    with pytest.raises(InvalidRequestError) as caught:
        BalanceClient(**{"api_key": KEY} | arguments if "credentials" not in arguments else arguments)
    assert caught.value.argument == argument
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"api_key": KEY.encode()}, "api_key: must be text (str), not bytes"),
        ({"api_key": 7}, "api_key: must be text (str), not int"),
        ({"api_key": ""}, "api_key: is empty; give the key as text"),
        ({"partner_key": b"partner"}, "partner_key: must be text (str), not bytes"),
        ({"session": object()}, "session: must be an aiohttp.ClientSession, not an object of type object"),
        ({"session": "http://x"}, "session: must be an aiohttp.ClientSession, not an object of type str"),
        (
            {"connector": object()},
            "connector: must be an aiohttp.BaseConnector, not an object of type object",
        ),
        ({"trace_configs": [print]}, "trace_configs: must be an aiohttp.TraceConfig, not an object of type "),
        (
            {"trace_configs": aiohttp.TraceConfig()},
            "trace_configs: must be a sequence of aiohttp.TraceConfig, even for one",
        ),
        ({"hooks": print}, "hooks: must be a sequence of callables, even for one"),
        ({"hooks": 7}, "hooks: must be a sequence of callables, even for one"),
        ({"hooks": [print, 7]}, "hooks: must be callables, and one is 7"),
        (
            {"timeout": 0},
            "timeout: must be a finite number of seconds, more than 0, or None for no limit, not 0",
        ),
        (
            {"timeout": -1.5},
            "timeout: must be a finite number of seconds, more than 0, or None for no limit, not -1.5",
        ),
        (
            {"timeout": float("inf")},
            "timeout: must be a finite number of seconds, more than 0, or None for no limit, not inf",
        ),
        ({"timeout": "5"}, "timeout: must be a number of seconds, or None for no limit, not '5'"),
        ({"timeout": True}, "timeout: must be a number of seconds, or None for no limit, not True"),
        (
            {"timeout": 10**5000},
            "timeout: must be a finite number of seconds, more than 0, or None for no limit, not this int",
        ),
        (
            {"max_wait": -1},
            "max_wait: must be a finite number of seconds, at least 0, or None to wait as long as it takes, not -1",
        ),
        (
            {"max_wait": float("nan")},
            "max_wait: must be a finite number of seconds, at least 0, or None to wait as long as it takes, not nan",
        ),
        ({"max_attempts": -(10**5000)}, "max_attempts: must be a whole number of at least 1, not this int"),
        ({"max_attempts": 2.0}, "max_attempts: must be a whole number of at least 1, not 2.0"),
        ({"reserve": 10**5000}, "reserve: must be a share from 0 up to but not including 1, not this int"),
        ({"base_url": b"https://x"}, "base_url: is not a URL"),
    ],
)
async def test_what_the_constructor_says_is_true(arguments, text):
    with pytest.raises(InvalidRequestError) as caught:
        BalanceClient(**{"api_key": KEY} | arguments)
    assert str(caught.value).startswith(text)
    assert len(str(caught.value)) < 200
    assert caught.value.argument == next(iter(arguments))
    assert KEY not in str(caught.value)


def test_a_key_that_is_a_secret_already_is_taken_beside_a_partners():
    BalanceClient(Secret(KEY), partner_key=Secret("partner-0123456789"))
    assert PartnerKey(Secret("partner-0123456789"), Secret(KEY)).fixed()["api-key"] == KEY


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((None, KEY), "client_id: is missing"),
        (("", KEY), "client_id: is empty"),
        ((7, KEY), "client_id: must be text (str), not int"),
        (("app", KEY.encode()), "client_secret: must be text (str), not bytes"),
        (("app", KEY, ["loyalty:read"]), "scope: must be text (str), not list"),
        (("app", KEY, ""), "scope: is empty"),
    ],
)
def test_what_client_credentials_say_is_true(arguments, text):
    with pytest.raises(InvalidRequestError) as caught:
        ClientCredentials(*arguments)
    assert str(caught.value) == text


def test_plain_http_needs_a_word():
    BalanceClient(KEY, base_url="http://gateway.internal/v3", allow_http=True)
    BalanceClient(KEY, base_url="http://[::1]:8080/v3")
    BalanceClient(KEY, base_url="http://localhost:8080/v3")


async def test_headers_of_the_shipped_credentials():
    assert await ApiKey(KEY).headers() == {"api-key": KEY}
    assert await PartnerKey("partner", api_key=KEY).headers() == {"partner-key": "partner", "api-key": KEY}
    assert await PartnerKey("partner").headers() == {"partner-key": "partner"}


def test_secrets_do_not_show():
    for thing in (
        Secret(KEY),
        ApiKey(KEY),
        PartnerKey(KEY, KEY),
        ClientCredentials("id", KEY),
        HeaderSecret(KEY),
    ):
        assert KEY not in repr(thing)
        assert KEY[-4:] in repr(thing)
    assert KEY not in str(Secret(KEY))
    assert "secret" not in repr(Secret("short"))
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(ApiKey(KEY))


def test_a_plain_with_is_answered():
    with pytest.raises(TypeError, match="async with"), BalanceClient(KEY):
        pass
