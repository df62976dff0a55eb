"""pytest-aiohttp: its test server, with an open client of ours inside."""

from __future__ import annotations

import pytest
from aiohttp import web
from shop import PROGRAM, credit


@pytest.mark.asyncio
async def test_a_handler(aiohttp_client, brevo_client):
    async def handler(request):
        done = await credit(brevo_client.program(PROGRAM), int(request.match_info["contact"]))
        return web.json_response(text=done.to_json())

    app = web.Application()
    app.router.add_post("/contacts/{contact}/points", handler)
    browser = await aiohttp_client(app)
    async with browser.post("/contacts/42/points") as answer:
        assert (await answer.json())["amount"] == "12.5"
