"""Every fault by every replay class: which error, sent or not, how many requests, how often applied."""

from __future__ import annotations

import pytest
from clocks import AutoClock
from hostile import PROGRAM, hang_up, refuse, status
from scenario import CALLS, FAULTS, GUARDED, HARMLESS, KEY, UNSAFE, at_rest, play

from brevo_balance_async import BalanceClient, FailedDependencyError, OutcomeUnknownError, TransportError


@pytest.mark.parametrize("kind", CALLS)
@pytest.mark.parametrize("fault", FAULTS, ids=str)
async def test_fault(fault, kind, request, verdict):
    certificate = request.getfixturevalue("certificate") if fault.place in {"tls", "distrusted"} else None
    row = await play(fault, kind, certificate)
    verdict(fault.name, kind, row.sent, row.applied, row.verdict, row.error)


@pytest.fixture
async def client(server):
    async with BalanceClient(KEY, base_url=server.base_url, clock=AutoClock()) as client:
        yield client
        at_rest(client)


@pytest.mark.parametrize("operation", UNSAFE)
@pytest.mark.parametrize("effect", [hang_up(commit=True), status(502)], ids=["FIN", "502"])
async def test_what_happens_twice_is_sent_once(server, client, operation, effect):
    server.then([effect])
    with pytest.raises(OutcomeUnknownError) as caught:
        await UNSAFE[operation](client.program(PROGRAM))
    assert caught.value.endpoint == operation
    assert len(server.arrived) == server.writes == 1


@pytest.mark.parametrize("operation", [*HARMLESS, *GUARDED])
@pytest.mark.parametrize("effect", [hang_up(commit=True), status(502)], ids=["FIN", "502"])
async def test_everything_else_is_asked_three_times(server, client, operation, effect):
    server.then([effect] * 3)
    wanted = OutcomeUnknownError if operation in GUARDED else Exception
    with pytest.raises(wanted) as caught:
        await {**HARMLESS, **GUARDED}[operation](client.program(PROGRAM))
    assert caught.value.endpoint == operation
    assert caught.value.attempts == len(server.arrived) == 3


def test_every_operation_is_among_them():
    assert len(UNSAFE) + len(HARMLESS) + len(GUARDED) == 18


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST", "PATCH"])
async def test_free_requests_take_the_class_of_their_method(server, client, method):
    server.then([hang_up(commit=True)] * 3)
    unsafe = method in {"POST", "PATCH"}
    with pytest.raises(OutcomeUnknownError if unsafe else TransportError):
        await client.request(method, "/loyalty/elsewhere", json={"a": 1})
    assert len(server.arrived) == (1 if unsafe else 3)


async def test_424_on_creating_a_limit_is_a_refusal(server, client, verdict):
    server.then([refuse(424)])
    with pytest.raises(FailedDependencyError) as caught:
        await UNSAFE["limits.create"](client.program(PROGRAM))
    assert caught.value.attempts == 1
    verdict("18 424 on creating a limit", "unsafe", "yes", 0, "not applied", "FailedDependencyError")
