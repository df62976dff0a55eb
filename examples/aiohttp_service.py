"""Points of a member, as a service with aiohttp.web: read them, and credit them once for each order.

BREVO_API_KEY=... BREVO_PROGRAM_ID=... BREVO_BALANCE_DEFINITION_ID=... python aiohttp_service.py
"""

from __future__ import annotations

import os
from math import ceil
from typing import TYPE_CHECKING

from aiohttp import web

from brevo_balance_async import BalanceClient, BalanceError, InvalidRequestError, Program, QuotaError
from brevo_balance_async.exactly_once import ExactlyOnce
from brevo_balance_async.journal import Journal

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from aiohttp.typedefs import Handler

PROGRAM = web.AppKey("PROGRAM", Program)
ONCE = web.AppKey("ONCE", ExactlyOnce)
routes = web.RouteTableDef()


async def points(app: web.Application) -> AsyncGenerator[None, None]:
    """One client and one journal for all requests."""
    async with BalanceClient() as client, Journal(os.environ.get("JOURNAL", "credits.db")) as journal:
        app[PROGRAM] = client.program(os.environ["BREVO_PROGRAM_ID"])
        app[ONCE] = ExactlyOnce(app[PROGRAM], journal)
        yield


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Say with a status what went wrong."""
    try:
        return await handler(request)
    except InvalidRequestError as error:
        return web.json_response({"detail": str(error)}, status=400)
    except QuotaError as error:
        wait = {"Retry-After": str(ceil(error.retry_after or 60))}
        return web.json_response({"detail": "try later"}, status=503, headers=wait)
    except BalanceError as error:
        return web.json_response({"detail": str(error)}, status=502)


@routes.get(r"/members/{contact_id:\d+}/points")
async def read(request: web.Request) -> web.Response:
    """What the member holds; amounts travel as text, so that nobody rounds them."""
    found = await request.app[PROGRAM].balances.get(int(request.match_info["contact_id"]))
    return web.json_response({each.balance_definition_id: str(each.value) for each in found.balance})


@routes.post(r"/members/{contact_id:\d+}/points")
async def credit(request: web.Request) -> web.Response:
    """Credit once for an order, however often the request is repeated."""
    wanted = await request.json()
    outcome = await request.app[ONCE].apply(
        reference=wanted["order"],
        contact_id=int(request.match_info["contact_id"]),
        balance_definition_id=os.environ["BREVO_BALANCE_DEFINITION_ID"],
        amount=wanted["points"],
        timeout=10,
    )
    if not outcome.final:
        wait = {"Retry-After": str(ceil(outcome.retry_after or 60))}
        return web.json_response({"detail": "not known yet"}, status=503, headers=wait)
    if outcome.state == "refused":
        return web.json_response({"detail": outcome.reason}, status=422)
    return web.json_response({"credited": str(outcome.credited), "repeated": outcome.repeated})


app = web.Application(middlewares=[errors])
app.add_routes(routes)
app.cleanup_ctx.append(points)

if __name__ == "__main__":
    web.run_app(app)
