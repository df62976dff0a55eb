"""What a program sees of the client: its names, its texts, and what happens to those that do not exist."""

from __future__ import annotations

import asyncio
import copy
from unittest.mock import AsyncMock, create_autospec

import aiohttp
import pytest

import brevo_balance_async
from brevo_balance_async import (
    BalanceClient,
    BalanceOrder,
    Hold,
    Page,
    Paginator,
    Program,
    Transaction,
    UnprocessableError,
    hooks,
)
from brevo_balance_async._renamed import CALLS
from brevo_balance_async.sandbox import Sandbox

PROGRAM = "27aa1d7a-af67-4020-8a65-19d6b0f0a26e"
DEFINITION = "7c1f0f0e-52a1-4c2e-9a55-0d3b7c9f1a10"
WHO = {"contact_id": 42, "balance_definition_id": DEFINITION}


@pytest.fixture
def client():
    return BalanceClient("xkeysib-unit")


@pytest.fixture
def program(client):
    return client.program(PROGRAM)


# Lifecycle


def test_a_sync_with_says_what_to_write(client, program):
    with (
        pytest.raises(TypeError, match="BalanceClient is asynchronous: use 'async with', not 'with'"),
        client,
    ):
        pass
    hold = program.transactions.hold(**WHO, amount=-1)
    with pytest.raises(TypeError, match="a hold is asynchronous: use 'async with', not 'with'"), hold:
        pass


def test_a_sync_loop_says_what_to_write(program):
    for walk in (list, tuple, iter, sorted):
        with pytest.raises(TypeError, match=r"use 'async for', or await paginator\.collect\(\)"):
            walk(program.history.list(**WHO))


async def test_open_and_close_are_the_same_as_async_with():
    async with Sandbox() as sandbox:
        client = BalanceClient(sandbox.api_key, base_url=sandbox.base_url)
        await client.open()
        assert client.is_open
        assert await client.program(PROGRAM).definitions.list().collect() == []
        await client.close()
        assert not client.is_open


async def test_a_borrowed_sessions_middlewares_do_not_run():
    """One that sends again what failed would credit twice; the docstring of the client says that none runs."""
    seen = []

    async def twice(request, handler):
        seen.append(request.method)
        await handler(request)
        return await handler(request)

    async with (
        Sandbox(
            seed={"program": PROGRAM, "definitions": [{"id": DEFINITION, "name": "P", "unit": "POINTS"}]}
        ) as sandbox,
        aiohttp.ClientSession(middlewares=[twice]) as session,
        BalanceClient(sandbox.api_key, base_url=sandbox.base_url, session=session) as client,
    ):
        program = client.program(PROGRAM)
        await program.transactions.credit(**WHO, amount=5)
        await program.balances.get(42)
        await program.definitions.update(DEFINITION, name="P", unit="POINTS")
        sandbox.expect({"transactions.begin": 1, "balances.get": 1, "definitions.update": 1}, only=True)
    assert seen == []


# Texts


def test_a_paginator_says_what_it_walks(program):
    walk = program.history.list(**WHO)
    assert repr(walk) == "<Paginator history.list()>"
    walk = program.balances.list(DEFINITION, limit=50, offset=100)
    assert repr(walk) == "<Paginator balances.list(limit=50, offset=100)>"
    assert (
        repr(walk.take(5).prefetch(2))
        == "<Paginator balances.list(limit=50, offset=100).take(5).prefetch(2)>"
    )


async def test_a_hold_says_how_far_it_is():
    points = {"id": DEFINITION, "name": "P", "unit": "POINTS", "minAmount": 0}
    async with (
        Sandbox(seed={"program": PROGRAM, "definitions": [points]}) as sandbox,
        BalanceClient(sandbox.api_key, base_url=sandbox.base_url) as client,
    ):
        program = client.program(PROGRAM)
        hold = program.transactions.hold(**WHO, amount=5)
        assert repr(hold) == "<Hold, not entered yet>"
        async with hold as draft:
            assert repr(hold) == f"<Hold of the draft {draft.id}>"
        assert repr(hold) == f"<Hold of {draft.id}, completed>"
        refused = program.transactions.hold(**WHO, amount=-500)
        with pytest.raises(UnprocessableError):
            async with refused:
                pass
        assert repr(refused) == "<Hold, ended or entering>"


def test_clients_and_programs_say_where_they_lead(client, program):
    assert repr(client) == "<BalanceClient https://api.brevo.com/v3>"
    assert repr(program) == f"<Program {PROGRAM}>"


# Old names


@pytest.mark.parametrize("old", CALLS)
def test_an_old_call_names_the_new_one(client, program, old):
    new = CALLS[old]
    expected = f"has no attribute '{old}'; here it is client.program(program_id).{new}(...)"
    with pytest.raises(AttributeError) as caught:
        getattr(client, old)
    assert str(caught.value) == f"'BalanceClient' object {expected}"
    for name in (old, f"{old}_with_http_info"):
        with pytest.raises(AttributeError) as caught:
            getattr(program, name)
        assert (
            str(caught.value) == f"'Program' object has no attribute '{name}'; here it is program.{new}(...)"
        )
    resource, call = new.split(".")
    assert callable(getattr(getattr(program, resource), call))


@pytest.mark.parametrize("name", ["balance", "balances", "definitions", "history", "limits", "transactions"])
def test_what_stands_on_the_program_is_not_on_the_client(client, name):
    with pytest.raises(AttributeError, match=r"here it is client\.program\(program_id\)"):
        getattr(client, name)


def test_old_members_of_answers_name_the_new_ones(program):
    for old in ("items", "balances", "active_balances", "transaction_history"):
        with pytest.raises(AttributeError, match=r"\(await paginator\)\.items"):
            getattr(program.history.list(**WHO), old)
    with pytest.raises(AttributeError, match=r"here it is order\.transaction_id"):
        _ = BalanceOrder().transactionid


async def test_old_members_of_pages_name_the_new_one():
    async with Sandbox() as sandbox, BalanceClient(sandbox.api_key, base_url=sandbox.base_url) as client:
        page = await client.program(PROGRAM).definitions.list()
        assert isinstance(page, Page)
        for old in ("balances", "active_balances", "transaction_history"):
            with pytest.raises(AttributeError, match=r"here it is page\.items"):
                getattr(page, old)


def test_a_name_that_never_was_is_a_plain_error(client, program):
    for thing in (client, program, program.history.list(**WHO), BalanceOrder()):
        with pytest.raises(AttributeError) as caught:
            _ = thing.nothing_like_it
        assert str(caught.value) == f"{type(thing).__name__!r} object has no attribute 'nothing_like_it'"
        assert (caught.value.name, caught.value.obj is thing) == ("nothing_like_it", True)
        assert not hasattr(thing, "begin_transaction")
        assert getattr(thing, "balance", "default") == "default"
    order = BalanceOrder(id="o")
    assert copy.deepcopy(order) == copy.copy(order) == order


# Mocks


@pytest.mark.parametrize("arguments", [{}, {"instance": True}])
def test_a_program_can_be_mocked(arguments):
    mock = create_autospec(Program, **arguments)
    assert isinstance(mock.transactions.begin, AsyncMock)
    mock.transactions.begin.return_value = Transaction(id="t")
    mock.history.list.return_value.__aiter__.return_value = ["row"]

    async def use():
        done = await mock.transactions.begin(**WHO, amount=1)
        return done.id, [row async for row in mock.history.list(**WHO)]

    assert asyncio.run(use()) == ("t", ["row"])
    mock.transactions.begin.assert_awaited_once_with(**WHO, amount=1)
    with pytest.raises(TypeError, match="balance_definition_id"):
        asyncio.run(mock.transactions.begin(amount=1))
    with pytest.raises(TypeError, match="contact_id"):
        mock.history.list()
    for name in ("nothing", "begin_transaction"):
        with pytest.raises(AttributeError):
            getattr(mock, name)
    with pytest.raises(AttributeError):
        _ = mock.transactions.nothing
    assert hasattr(mock, "id")


def test_a_client_and_a_paginator_can_be_mocked():
    client = create_autospec(BalanceClient, instance=True)
    client.program.return_value = create_autospec(Program, instance=True)
    assert isinstance(client.program("p").limits.get, AsyncMock)
    assert isinstance(create_autospec(Paginator).collect, AsyncMock)
    assert isinstance(create_autospec(Hold).complete, AsyncMock)
    with pytest.raises(AttributeError):
        _ = client.begin_transaction


# What can be imported


def test_everything_a_program_needs_is_at_the_top(program):
    public = set(brevo_balance_async.__all__)
    assert {
        type(each).__name__ for each in vars(program).values() if "resources" in type(each).__module__
    } <= public
    assert {
        "Definitions",
        "Limits",
        "Transactions",
        "Balances",
        "History",
        "Hold",
        "Page",
        "Paginator",
    } <= public
    events = {each.__name__ for each in hooks.Event.__args__}
    assert len(events) == 6
    assert (
        events | {"Event", "Hook", "Clock", "Options", "Problem", "Unset", "UNSET", "Amount", "to_plain"}
        <= public
    )
    assert brevo_balance_async.models.__all__
    assert {name for name in brevo_balance_async.models.__all__ if not name.endswith("Page")} - public == {
        "Value"
    }
