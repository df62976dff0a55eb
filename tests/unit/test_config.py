"""What the constructor takes, and what it refuses before any request."""

from __future__ import annotations

import pickle

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
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(ApiKey(KEY))


def test_a_plain_with_is_answered():
    with pytest.raises(TypeError, match="async with"), BalanceClient(KEY):
        pass
