"""Each fault as it looks on the wire, to a client that is nothing but a socket."""

from __future__ import annotations

import asyncio
import json

import pytest

from brevo_balance_async.sandbox import effects
from brevo_balance_async.sandbox.faults.matching import Faults
from brevo_balance_async.sandbox.http.routes import OPERATIONS

BEGIN = "transactions.begin"


class Wire:
    """One raw connection to the sandbox."""

    def __init__(self, api, definition):
        self.api = api
        self.definition = definition

    async def __aenter__(self):
        host, port = self.api.sandbox.origin.removeprefix("http://").split(":")
        self.reader, self.writer = await asyncio.open_connection(host, int(port))
        return self

    async def __aexit__(self, *_):
        self.writer.transport.abort()
        await asyncio.sleep(0)

    def send(self, contact=1):
        body = json.dumps(
            {"balanceDefinitionId": self.definition, "contactId": contact, "amount": 1}
        ).encode()
        head = (
            f"POST /v3/loyalty/balance/programs/{self.api.program}/transactions HTTP/1.1\r\nhost: sandbox\r\n"
            f"api-key: {self.api.sandbox.api_key}\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        self.writer.write(head.encode() + body)

    async def answer(self):
        """One whole answer: status, headers, body."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        status, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        body = await self.reader.readexactly(int(headers.get("content-length", 0)))
        return int(status.split(" ")[1]), headers, body

    async def rest(self):
        """Everything until the connection ends."""
        return await asyncio.wait_for(self.reader.read(), 5)


async def until(condition):
    """Let the sandbox work until ``condition`` holds."""
    for _ in range(1_000_000):
        if condition():
            return
        await asyncio.sleep(0)
    pytest.fail("it never came true")


@pytest.fixture
async def wire(api):
    async with Wire(api, await api.definition()) as wire:
        yield wire


@pytest.fixture
def strike(wire):
    """Send one request with a fault waiting for it, and say what the log and the ledger know."""

    def strike(effect):
        wire.api.sandbox.faults.add(effect, operation=BEGIN, nth=1)
        wire.send()

    return strike


def record(wire):
    (found,) = wire.api.sandbox.requests.of(BEGIN)
    return found


def applied(wire):
    """Whether the request was carried out; the log and the ledger must agree."""
    in_ledger = len(wire.api.sandbox.ledger.transactions())
    assert in_ledger == int(record(wire).applied)
    return bool(in_ledger)


@pytest.mark.parametrize(
    ("effect", "status", "expected"),
    [
        (effects.status(503), 503, False),
        (effects.status(500, applied=True), 500, True),
        (effects.apply_then_status(502), 502, True),
        (effects.apply_then_status(599), 599, True),
    ],
)
async def test_a_status_of_its_own(wire, strike, effect, status, expected):
    strike(effect)
    code, headers, body = await wire.answer()
    assert code == status
    assert json.loads(body)["code"] == "sandbox_fault"
    assert headers["content-type"] == "application/json"
    assert applied(wire) is expected
    assert (record(wire).status, record(wire).fault) == (status, effect.name)
    wire.send()
    assert (await wire.answer())[0] == 200  # the connection lives on


@pytest.mark.parametrize(
    ("body", "sent"),
    [("plain", b"plain"), (b"\x00\xff", b"\x00\xff"), ([1, 0.5], b"[1,0.5]"), ({}, b"{}"), ("", b"")],
)
async def test_bodies_of_any_kind(wire, strike, body, sent):
    strike(effects.status(200, body, {"X-Extra": "1", "Content-Type": "text/odd"}))
    _, headers, received = await wire.answer()
    assert (received, headers["x-extra"], headers["content-type"]) == (sent, "1", "text/odd")


async def test_an_html_page(wire, strike):
    strike(effects.html_page(200))
    status, headers, body = await wire.answer()
    assert (status, headers["content-type"], body[:6]) == (200, "text/html", b"<html>")
    assert applied(wire) is False


@pytest.mark.parametrize("expected", [True, False])
async def test_a_redirect(wire, strike, expected):
    strike(effects.redirect("http://127.0.0.1:9/elsewhere", 308, applied=expected))
    status, headers, body = await wire.answer()
    assert (status, headers["location"], body) == (308, "http://127.0.0.1:9/elsewhere", b"")
    assert applied(wire) is expected


@pytest.mark.parametrize("told", [True, False])
async def test_too_many(wire, strike, told):
    strike(effects.too_many(reset=45, headers=told))
    status, headers, _ = await wire.answer()
    quota = {name: value for name, value in headers.items() if "ratelimit" in name}
    assert status == 429
    assert quota == (
        {"x-sib-ratelimit-limit": "600", "x-sib-ratelimit-remaining": "0", "x-sib-ratelimit-reset": "45"}
        if told
        else {}
    )
    assert applied(wire) is False


@pytest.mark.parametrize(
    ("effect", "expected"),
    [
        (effects.close_before_reading(), False),
        (effects.drop(), False),
        (effects.apply_then_drop(), True),
    ],
)
async def test_a_quiet_end(wire, strike, effect, expected):
    strike(effect)
    assert await wire.rest() == b""
    assert applied(wire) is expected
    assert (record(wire).status, record(wire).fault) == (None, effect.name)


@pytest.mark.parametrize(
    ("effect", "expected"),
    [
        (effects.close_before_reading("rst"), False),
        (effects.reset(), False),
        (effects.apply_then_drop("rst"), True),
    ],
)
async def test_a_reset(wire, strike, effect, expected):
    strike(effect)
    with pytest.raises(ConnectionResetError):
        await wire.rest()
    assert applied(wire) is expected


@pytest.mark.parametrize("keep", [0, 0.5, 0.99])
async def test_a_cut_body(wire, strike, keep):
    strike(effects.truncated_json(keep))
    head, _, body = (await wire.rest()).partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert len(body) == int(length * keep)
    assert applied(wire) is True


async def test_a_body_cut_by_a_reset(wire, strike):
    strike(effects.truncated_json(how="rst"))
    head = await wire.reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    with pytest.raises(ConnectionResetError):
        await wire.rest()
    assert applied(wire) is True


async def test_garbage(wire, strike):
    strike(effects.garbage())
    assert await wire.rest() == b"SSH-2.0-OpenSSH_9.0\r\n\r\n"
    assert applied(wire) is True


async def test_raw_bytes(wire, strike):
    data = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 6\r\n\r\nnotgz!"
    strike(effects.raw(data, applied=False))
    assert await wire.rest() == data
    assert applied(wire) is False


async def test_an_altered_answer(wire, strike):
    strike(effects.altered({"id": "other", "meta": {"reference": "r2"}}))
    _, _, body = await wire.answer()
    answer = json.loads(body)
    assert (answer["id"], answer["meta"], answer["contactId"]) == ("other", {"reference": "r2"}, 1)
    assert applied(wire) is True


async def test_an_answer_that_is_no_object_is_not_altered(serve):
    async with serve(subscription_balances="array") as api:
        definition = await api.definition()
        api.sandbox.faults.add(effects.altered({"contactId": 2}))
        (balance,) = await api.ok("GET", "subscriptions/1/balances")
        assert (balance["balanceDefinitionId"], balance["value"]) == (definition, 0)


async def test_a_stray_answer(wire, strike):
    strike(effects.stray({"id": "somebody-else"}, seconds=0.01))
    first, second = await wire.answer(), await wire.answer()
    assert json.loads(first[2])["contactId"] == 1
    assert (second[0], json.loads(second[2])) == (200, {"id": "somebody-else"})
    assert applied(wire) is True


async def test_a_slow_body_comes_in_pieces(wire, strike):
    strike(effects.slow_body(0.03, pieces=3))
    status, _, body = await wire.answer()
    assert (status, json.loads(body)["contactId"]) == (200, 1)
    assert applied(wire) is True


async def test_a_slow_body_has_sent_its_head_long_before_its_end(wire, strike):
    strike(effects.slow_body(3600, pieces=2))
    head = await wire.reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    await wire.reader.readexactly(-(-length // 2))
    assert applied(wire) is True
    await wire.api.sandbox.stop()
    await wire.rest()  # it ends


async def test_a_delayed_answer(wire, strike):
    strike(effects.delay(0.02))
    assert (await wire.answer())[0] == 200
    assert applied(wire) is True
    assert record(wire).fault == "delay"


async def test_a_delayed_request_is_carried_out_though_its_client_has_gone(wire, strike):
    strike(effects.delay(0.05))
    await until(lambda: wire.api.sandbox.hits(BEGIN))
    assert applied(wire) is False
    wire.writer.transport.abort()
    await until(lambda: record(wire).applied)
    assert applied(wire) is True


async def test_a_delayed_request_is_dropped_when_the_sandbox_stops(wire, strike):
    strike(effects.delay(3600))
    await until(lambda: wire.api.sandbox.hits(BEGIN))
    await wire.api.sandbox.stop()
    assert await wire.rest() == b""
    assert applied(wire) is False


@pytest.mark.parametrize("expected", [True, False])
async def test_a_stalled_request_waits_for_the_end_of_the_sandbox(wire, strike, expected):
    strike(effects.stall(applied=expected))
    await until(lambda: wire.api.sandbox.hits(BEGIN) and record(wire).fault)
    assert applied(wire) is expected
    assert record(wire).status is None
    await wire.api.sandbox.stop()
    assert await wire.rest() == b""


async def test_a_stalled_request_leaves_nothing_when_its_client_leaves(wire, strike):
    before = asyncio.all_tasks()
    strike(effects.stall())
    await until(lambda: wire.api.sandbox.hits(BEGIN))
    wire.writer.transport.abort()
    await until(lambda: not asyncio.all_tasks() - before)


async def test_an_unread_request_costs_no_quota_and_others_do(serve):
    async with serve(rph=10) as api:
        definition = await api.definition()
        for effect, spent in (
            (effects.close_before_reading(), 0),
            (effects.drop(), 1),
            (effects.status(503), 1),
        ):
            before = int(api.sandbox.quota.headers()["x-sib-ratelimit-remaining"])
            api.sandbox.faults.add(effect, times=1)
            async with Wire(api, definition) as wire:
                wire.send()
                await wire.reader.read(1)
            assert before - int(api.sandbox.quota.headers()["x-sib-ratelimit-remaining"]) == spent


async def test_quota_and_access_hold_for_requests_that_go_wrong(serve):
    async with serve(rph=1) as api:
        definition = await api.definition()
        api.sandbox.faults.add(effects.apply_then_drop())
        async with Wire(api, definition) as wire:
            wire.send()
            assert await wire.rest() == b""
        assert applied(wire) is False


# which requests are hit


def hits(count, operation=BEGIN, contact=1, **matching):
    faults = Faults(OPERATIONS)
    faults.add(effects.status(500), **matching)
    return [at for at in range(1, count + 1) if faults.strike(operation, contact) is not None]


def test_matching():
    assert hits(4) == [1, 2, 3, 4]
    assert hits(4, nth=3) == [3]
    assert hits(4, nth=(1, 4)) == [1, 4]
    assert hits(7, every=3) == [3, 6]
    assert hits(7, every=2, times=2) == [2, 4]
    assert hits(4, operation="history.list") == [1, 2, 3, 4]
    assert hits(4, contact_id=1, times=1) == [1]
    assert hits(4, contact_id=2) == []


def test_another_operation_is_not_hit():
    faults = Faults(OPERATIONS)
    faults.add(effects.status(500), operation=BEGIN, nth=2)
    assert [faults.strike(name, None) is not None for name in (BEGIN, "history.list", BEGIN)] == [
        False,
        False,
        True,
    ]


def test_odds_are_drawn_from_their_seed():
    drawn = hits(1000, probability=0.3, seed=7)
    assert drawn == hits(1000, probability=0.3, seed=7) != hits(1000, probability=0.3, seed=8)
    assert 230 < len(drawn) < 370


def test_the_first_fault_that_strikes_counts_and_every_fault_counts_requests():
    faults = Faults(OPERATIONS)
    first = faults.add(effects.status(500), nth=2)
    second = faults.add(effects.status(503), nth=(2, 3))
    struck = [faults.strike(BEGIN, None) for _ in range(3)]
    assert struck == [None, first.effect, second.effect]
    assert [(fault.matched, fault.fired) for fault in faults] == [(3, 1), (3, 1)]
    faults.remove(first)
    assert list(faults) == [second]
    faults.clear()
    assert len(faults) == 0


@pytest.mark.parametrize(
    "matching",
    [
        {"operation": "transactions.start"},
        {"nth": 0},
        {"nth": [1, 0]},
        {"every": 0},
        {"probability": 0},
        {"probability": 1.5},
        {"times": 0},
    ],
)
def test_matches_that_make_no_sense(matching):
    with pytest.raises(ValueError):
        Faults(OPERATIONS).add(effects.status(500), **matching)


@pytest.mark.parametrize(
    "make",
    [
        lambda: effects.delay(-1),
        lambda: effects.apply_then_drop("bye"),
        lambda: effects.truncated_json(1),
        lambda: effects.slow_body(1, pieces=0),
    ],
)
def test_effects_that_make_no_sense(make):
    with pytest.raises(ValueError):
        make()


async def test_a_contact_is_found_in_body_query_path_and_transaction(api):
    definition = await api.definition()
    draft = await api.begin(definition, 1, 5)
    fault = api.sandbox.faults.add(effects.status(503), contact_id=5)
    query = {"balanceDefinitionId": definition}
    await api("POST", "transactions", {**query, "contactId": 5, "amount": 1})
    await api("GET", "transaction-history", **query, contactId="5")
    await api("GET", "subscriptions/5/balances")
    await api("POST", f"transactions/{draft['id']}/complete")
    assert (fault.matched, fault.fired) == (4, 4)
    assert (await api("GET", "transaction-history", **query, contactId="²")).status == 422
    await api("POST", "transactions", {**query, "contactId": 6, "amount": 1})
    await api("GET", "subscriptions/x/balances")
    await api("GET", "contact-balances", **query)
    await api("POST", "transactions/00000000-0000-4000-8000-000000000000/cancel")
    assert fault.matched == 4


async def test_control_routes_and_tokens_are_never_hit(api):
    api.sandbox.faults.add(effects.status(503))
    assert (await api.control("GET", "state")).status == 200
    form = {"grant_type": "client_credentials", "client_id": api.sandbox.client_id}
    form["client_secret"] = api.sandbox.client_secret
    assert (await api.send("POST", api.sandbox.token_url, data=form)).status == 200
