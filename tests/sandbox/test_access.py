"""Keys, bearer tokens, scopes."""

from __future__ import annotations

from base64 import b64encode

import pytest

UNAUTHORIZED = {"message": "authentication not found in headers", "code": "unauthorized"}


async def definitions(api, headers, method="GET"):
    url = f"{api.sandbox.base_url}/loyalty/balance/programs/{api.program}/balance-definitions"
    return await api.send(
        method, url, headers=headers, json={"name": "n", "unit": "EUR"} if method == "POST" else None
    )


@pytest.mark.parametrize(
    "headers", [{}, {"api-key": "wrong"}, {"partner-key": "p"}, {"authorization": "Bearer no"}]
)
async def test_strangers_are_401(api, headers):
    reply = await definitions(api, headers, "POST")
    assert (reply.status, reply.json) == (401, UNAUTHORIZED)
    assert api.sandbox.requests[-1].applied is False


async def test_a_partner_key_may_stand_beside_the_key(api):
    reply = await definitions(api, {"api-key": api.sandbox.api_key, "partner-key": "p"})
    assert reply.status == 200
    assert api.sandbox.requests[-1].headers["partner-key"] == "***"


async def test_the_key_can_be_chosen(serve):
    async with serve(api_key="xkeysib-mine") as api:
        assert api.sandbox.api_key == "xkeysib-mine"
        assert (await definitions(api, {"api-key": "xkeysib-mine"})).status == 200


async def token(api, form=None, **arguments):
    form = {"grant_type": "client_credentials", **(form or {})}
    return await api.send(
        "POST", api.sandbox.token_url, data=form, headers=arguments.pop("headers", {}), **arguments
    )


def client(api):
    return {"client_id": api.sandbox.client_id, "client_secret": api.sandbox.client_secret}


async def test_client_credentials_make_a_token_that_lives_an_hour(api):
    reply = await token(api, client(api))
    assert reply.status == 200
    assert reply.json == {
        "access_token": reply.json["access_token"],
        "token_type": "Bearer",
        "expires_in": 3600,
    }
    assert "/v3" not in api.sandbox.token_url
    bearer = {"authorization": f"Bearer {reply.json['access_token']}"}
    assert (await definitions(api, bearer, "POST")).status == 200
    api.sandbox.clock.advance(3599.999)
    assert (await definitions(api, bearer)).status == 200
    api.sandbox.clock.advance(0.001)
    assert (await definitions(api, bearer)).json == UNAUTHORIZED


async def test_basic_credentials_do_too(api):
    pair = b64encode(f"{api.sandbox.client_id}:{api.sandbox.client_secret}".encode()).decode()
    assert (await token(api, headers={"authorization": f"Basic {pair}"})).status == 200


@pytest.mark.parametrize(
    ("change", "status", "error"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "wrong"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"scope": "loyalty:read mail:write"}, 400, "invalid_scope"),
    ],
)
async def test_refused_tokens(api, change, status, error):
    reply = await token(api, {**client(api), **change})
    assert (reply.status, reply.json) == (status, {"error": error})


@pytest.mark.parametrize("header", ["Basic !!!", "Basic /w==", "Digest abc", ""])
async def test_broken_basic_headers(api, header):
    assert (await token(api, headers={"authorization": header})).status == 401


@pytest.mark.parametrize(
    ("scope", "reads", "writes"), [("loyalty:read", 200, 403), ("loyalty:write", 403, 200)]
)
async def test_writing_does_not_include_reading(api, scope, reads, writes):
    issued = (await token(api, {**client(api), "scope": scope})).json
    bearer = {"authorization": f"Bearer {issued['access_token']}"}
    assert (await definitions(api, bearer)).status == reads
    assert (await definitions(api, bearer, "POST")).status == writes


async def test_tokens_can_be_revoked(api):
    bearer = {"authorization": f"Bearer {(await token(api, client(api))).json['access_token']}"}
    assert (await definitions(api, bearer)).status == 200
    api.sandbox.access.revoke_tokens()
    assert (await definitions(api, bearer)).status == 401


async def test_the_token_endpoint_takes_posts_only(api):
    reply = await api.send("GET", api.sandbox.token_url)
    assert (reply.status, reply.json["code"], reply.headers["allow"]) == (405, "method_not_allowed", "POST")
