"""A ledger on a frozen clock, a running sandbox, and plain aiohttp to talk to it."""

from __future__ import annotations

import json
import sys
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import aiohttp
import pytest

from brevo_balance_async.sandbox import Sandbox, SandboxClock, Switches
from brevo_balance_async.sandbox.rules.ledger import Ledger

from .declared import undeclared

TESTS = str(Path(__file__).parents[1])
if TESTS not in sys.path:
    sys.path.insert(0, TESTS)

PROGRAM = "27aa1d7a-af67-4020-8a65-19d6b0f0a26e"
DEFINITION = "7c1f0f0e-52a1-4c2e-9a55-0d3b7c9f1a10"
START = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


class Reply:
    """An answer: status, parsed body (amounts exact) and headers."""

    def __init__(self, status, text, headers):
        self.status = status
        self.text = text
        self.headers = headers

    @property
    def json(self):
        return json.loads(self.text, parse_float=Decimal)


class Api:
    """Requests to one program of a sandbox."""

    def __init__(self, sandbox, session):
        self.sandbox = sandbox
        self.session = session
        self.program = PROGRAM

    async def send(self, method, url, **arguments):
        arguments.setdefault("headers", {"api-key": self.sandbox.api_key})
        async with self.session.request(method, url, allow_redirects=False, **arguments) as response:
            reply = Reply(response.status, await response.text(), response.headers)
        if not len(self.sandbox.faults):  # a scripted answer is nobody's promise
            answer = (response.status, response.headers, reply.text)
            assert undeclared(self.sandbox.switches, method, response.url.path, *answer) == ""
        return reply

    async def __call__(self, method, path, body=None, /, **query):
        url = f"{self.sandbox.base_url}/loyalty/balance/programs/{self.program}/{path}"
        if body is None:
            return await self.send(method, url, params=query)
        return await self.send(method, url, params=query, json=body)

    async def ok(self, method, path, body=None, /, **query):
        reply = await self(method, path, body, **query)
        assert reply.status in (200, 204), reply.text
        return reply.json if reply.text else None

    async def definition(self, **terms):
        return (await self.ok("POST", "balance-definitions", {"name": "Points", "unit": "POINTS", **terms}))[
            "id"
        ]

    async def begin(self, definition, amount, contact=1, **terms):
        body = {"balanceDefinitionId": definition, "contactId": contact, "amount": amount, **terms}
        return await self.ok("POST", "transactions", body)

    async def credit(self, definition, amount, contact=1, **terms):
        return await self.begin(definition, amount, contact, autoComplete=True, **terms)

    async def history(self, definition, contact=1, **query):
        return await self.ok(
            "GET", "transaction-history", balanceDefinitionId=definition, contactId=str(contact), **query
        )

    async def control(self, method, path, body=None):
        headers = {"content-type": "application/json"} if method == "POST" else {}
        content = None if body is None else json.dumps(body).encode()
        url = f"{self.sandbox.origin}/_sandbox/{path}"
        return await self.send(method, url, data=content, headers=headers)


@asynccontextmanager
async def open_api(**arguments):
    """A fresh sandbox on a frozen clock, and an ``Api`` for it."""
    arguments.setdefault("clock", SandboxClock(START, frozen=True))
    async with Sandbox(**arguments) as sandbox, aiohttp.ClientSession() as session:
        yield Api(sandbox, session)


@pytest.fixture
def serve():
    return open_api


@pytest.fixture
async def api():
    async with open_api() as api:
        yield api


class Book:
    """A ledger with one definition, and short names for what tests do to it."""

    program = PROGRAM
    definition = DEFINITION

    def __init__(self, switches=None, strict=False, **terms):
        self.clock = SandboxClock(START, frozen=True)
        self.ledger = Ledger(self.clock, Switches(**(switches or {})), strict=strict)
        self.ledger.catalogue.add_program(PROGRAM)
        self.ledger.catalogue.create_definition(
            PROGRAM, {"name": "Points", "unit": "POINTS", **terms}, definition_id=DEFINITION
        )
        self.ledger.catalogue.publish(PROGRAM)

    def begin(self, amount, contact=1, **terms):
        return self.ledger.begin(
            PROGRAM, definition_id=DEFINITION, amount=Decimal(str(amount)), contact_id=contact, **terms
        )

    def move(self, amount, contact=1, **terms):
        return self.begin(amount, contact, auto_complete=True, **terms)

    def limit(self, **terms):
        terms = {
            "counts": "transaction",
            "kind": "credit",
            "duration_unit": "day",
            "duration_value": 1,
            **terms,
        }
        terms = {"sliding": False, **terms, "value": Decimal(terms["value"])}
        return self.ledger.catalogue.create_limit(PROGRAM, DEFINITION, terms)

    def complete(self, transaction):
        return self.ledger.complete(PROGRAM, transaction.id)

    def cancel(self, transaction):
        return self.ledger.cancel(PROGRAM, transaction.id)

    def balance(self, contact=1):
        return self.ledger.balance(PROGRAM, DEFINITION, contact)

    def lots(self, contact=1):
        return [lot.remaining for lot in self.ledger.active_lots(PROGRAM, DEFINITION, contact)]


@pytest.fixture
def book():
    return Book
