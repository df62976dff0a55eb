"""What Brevo has and the sandbox has not is told as such, and is not taken for a misspelt path."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "contacts"),
        ("POST", "smtp/email"),
        ("GET", "loyalty/config/programs"),
        ("POST", "loyalty/config/programs/27aa1d7a-af67-4020-8a65-19d6b0f0a26e/subscriptions"),
        ("GET", "loyalty/tier/programs/27aa1d7a-af67-4020-8a65-19d6b0f0a26e/tiers"),
        ("GET", "loyalty"),
    ],
)
async def test_another_route_of_brevo_s_is_501(api, method, path):
    reply = await api.send(method, f"{api.sandbox.base_url}/{path}")
    assert (reply.status, reply.json["code"]) == (501, "not_imitated")
    assert f"{method} /v3/{path} is not part of it" in reply.json["message"]
    assert api.sandbox.requests[-1].applied is False


@pytest.mark.parametrize(
    "path", ["loyalty/balance/programs/27aa1d7a-af67-4020-8a65-19d6b0f0a26e/balances", "loyalty/balance/x"]
)
async def test_a_misspelt_route_is_404(api, path):
    reply = await api.send("GET", f"{api.sandbox.base_url}/{path}")
    assert (reply.status, reply.json["message"]) == (404, "route not found")
    assert (await api.send("GET", f"{api.sandbox.origin}/v4/contacts")).status == 404


async def test_a_stranger_is_told_nothing_of_it(api):
    assert (await api.send("GET", f"{api.sandbox.base_url}/contacts", headers={})).status == 401
