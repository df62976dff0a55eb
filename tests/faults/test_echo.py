"""The echo of what was sent: which answers are ours though they look another way, and which are somebody else's."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest
from clocks import AutoClock
from hostile import DEFINITION, PROGRAM, TRANSACTION, hang_up, plain_200, raw, refuse, truth
from scenario import KEY, UNSAFE, at_rest

from brevo_balance_async import BalanceClient, DecodeError, OutcomeUnknownError
from brevo_balance_async.hooks import OutcomeUnknown

MOMENT = datetime(2026, 11, 24, 10, 30, 15, 123456, tzinfo=timezone(timedelta(hours=2)))
VALUES = [
    UUID(int=7),
    MOMENT,
    MOMENT.astimezone(UTC).replace(microsecond=0),
    1.0,
    100.0,
    1e22,
    0.1,
    -0.0,
    0,
    10**15,
    Decimal("12.00"),
    Decimal("12.50"),
    True,
    False,
    None,
    "",
    "text",
    "007",
    "1.0",
    "null",
    (1, 2.0, "x"),
    [],
    {},
    [UUID(int=3), None, [MOMENT]],
    {"deep": {"deeper": [1.0, {"at": MOMENT, "by": UUID(int=9), "none": None}]}},
]


def number_to_text(value):
    if isinstance(value, dict):
        return {name: number_to_text(each) for name, each in value.items()}
    if isinstance(value, list):
        return [number_to_text(each) for each in value]
    return str(value) if type(value) in {int, float} else value


def text_to_number(value):
    if isinstance(value, dict):
        return {name: text_to_number(each) for name, each in value.items()}
    if isinstance(value, list):
        return [text_to_number(each) for each in value]
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def whole_without_fraction(value):
    """As a server in Go or JavaScript writes a whole number, whatever it was read from."""
    if isinstance(value, dict):
        return {name: whole_without_fraction(each) for name, each in value.items()}
    if isinstance(value, list):
        return [whole_without_fraction(each) for each in value]
    return int(value) if type(value) is float and value.is_integer() else value


def without_none(value):
    if isinstance(value, dict):
        return {name: without_none(each) for name, each in value.items() if each is not None}
    return value


def with_more(value):
    if isinstance(value, dict):
        return {**{name: with_more(each) for name, each in value.items()}, "addedByServer": 1}
    return value


SERVERS = {
    "as it came": lambda meta: meta,
    "number to text": number_to_text,
    "text to number": text_to_number,
    "whole numbers": whole_without_fraction,
    "whole numbers as text": lambda meta: number_to_text(whole_without_fraction(meta)),
    "adds keys": with_more,
    "leaves None out": without_none,
    "no meta": lambda meta: None,
    "other order": lambda meta: dict(reversed(meta.items())),
}


def echoing(change):
    async def effect(exchange):
        exchange.commit()
        code, body = truth(exchange.request, exchange.server)
        await exchange.answer(code, {**body, "meta": change(body["meta"])})

    return effect


@pytest.fixture
async def client(server):
    async with BalanceClient(KEY, base_url=server.base_url, clock=AutoClock()) as client:
        yield client
        at_rest(client)


def begin(client, meta):
    return client.program(PROGRAM).transactions.begin(
        balance_definition_id=DEFINITION, contact_id=42, amount=1, meta=meta
    )


@pytest.mark.parametrize("change", SERVERS)
async def test_what_comes_back_in_another_dress_is_ours(server, client, change):
    # Taken for somebody else's, a credit that was made would be reported as unknown every single time.
    server.otherwise = echoing(SERVERS[change])
    for value in VALUES:
        made = await begin(client, {"v": value, "reference": "r1"})
        assert made.id, value
    assert len(server.arrived) == len(VALUES)


@pytest.mark.parametrize(
    ("sent", "back"),
    [
        ({"v": "r1"}, {"v": "r2"}),
        ({"v": "r1"}, {}),
        ({"v": "r1"}, {"w": "r1"}),
        ({"v": "r1"}, {"v": None}),
        ({"v": "r1"}, {"v": 1}),
        ({"v": 1}, {"v": 2}),
        ({"v": 1}, {"v": "2"}),
        ({"v": 1}, {"v": "one"}),
        ({"v": 1}, {"v": "sNaN"}),
        ({"v": 1.5}, {"v": 1}),
        ({"v": "007"}, {"v": "7"}),
        ({"v": "7"}, {"v": 8}),
        ({"v": UUID(int=1)}, {"v": str(UUID(int=2))}),
        ({"v": MOMENT}, {"v": "2026-11-24T08:30:16Z"}),
        ({"v": [1, 2]}, {"v": [2, 1]}),
        ({"v": [1, 2]}, {"v": [1]}),
        ({"v": {"a": {"b": 1}}}, {"v": {"a": {"b": 2}}}),
        ({"v": {"a": {"b": 1}}}, {"v": {"a": {}}}),
        ({"v": {"a": 1}}, {"v": [1]}),
        ({"v": None}, {"v": 0}),
        ({"v": "1.00000000000000000000000000000000001"}, {"v": 1}),
    ],
)
async def test_another_meta_is_somebody_elses(server, client, sent, back):
    server.otherwise = echoing(lambda _: {**back, "theirs": 1})
    with pytest.raises(OutcomeUnknownError, match="meta has"):
        await begin(client, sent)
    assert (len(server.arrived), server.writes) == (1, 1)


async def test_a_number_too_fine_for_json_of_ours_is_no_claim_that_nothing_was_sent(server, client):
    server.then(
        [raw(plain_200(b'{"id": "%s", "meta": {"v": 1.%s1}}' % (TRANSACTION.encode(), b"0" * 40)))],
    )
    with pytest.raises(OutcomeUnknownError, match="meta has another 'v'"):
        await begin(client, {"v": "text"})
    assert server.writes == 1


STRANGER = (
    b'{"id": "0197e3c2-0000-7000-8000-00000000ffff", "contactId": 7, "name": "Else", '
    b'"balanceDefinitionId": "0197e3c2-0000-7000-8000-00000000eeee", "constraintType": "amount"}'
)


@pytest.mark.parametrize("operation", [*UNSAFE, "transactions.complete", "definitions.get"])
@pytest.mark.parametrize("answer", [STRANGER, b'{"id": {}}', b"<html>"], ids=["stranger", "shape", "HTML"])
async def test_an_answer_that_is_not_believed_names_itself_for_a_support_ticket(
    server, client, operation, answer
):
    program = client.program(PROGRAM)
    calls = {
        **UNSAFE,
        "transactions.complete": lambda program: program.transactions.complete(TRANSACTION),
        "definitions.get": lambda program: program.definitions.get(DEFINITION),
    }
    server.otherwise = raw(plain_200(answer, "x-request-id: ticket-77").replace(b"200 OK", b"201 Created"))
    with pytest.raises((OutcomeUnknownError, DecodeError)) as caught:
        await calls[operation](program)
    error = caught.value
    assert (error.status, error.request_id) == (201, "ticket-77")
    if operation != "definitions.get":
        assert type(error) is OutcomeUnknownError
        assert (error.cause.status, error.cause.request_id) == (201, "ticket-77")


DELETIONS = {
    "definitions.delete": lambda program: program.definitions.delete(DEFINITION),
    "limits.delete": lambda program: program.limits.delete(DEFINITION, TRANSACTION),
}


@pytest.mark.parametrize("deletion", DELETIONS)
@pytest.mark.parametrize(
    "body",
    [
        b"<html>login</html>",
        b"[1]",
        b"false",
        b"0",
        b"maintenance",
        b"\xff\xfe\x00",
        b'{"cut": ',
        b"{}x",
        b"ok" * 50,
    ],
)
async def test_a_deletion_does_not_believe_any_2xx(server, client, deletion, body):
    server.then([raw(plain_200(body, "content-type: text/html", "x-request-id: t-1"), commit=False)])
    await DELETIONS[deletion](client.program(PROGRAM))  # asked once more, it is done
    assert (len(server.arrived), server.writes) == (2, 1)
    server.then([raw(plain_200(body, "x-request-id: t-1"), commit=False)] * 3)
    with pytest.raises(DecodeError) as caught:
        await DELETIONS[deletion](client.program(PROGRAM))
    error = caught.value
    assert (error.garbled, error.status, error.request_id, error.attempts) == (True, 200, "t-1", 3)
    assert error.body == body
    assert server.writes == 1


@pytest.mark.parametrize("deletion", DELETIONS)
@pytest.mark.parametrize(
    ("code", "body"),
    [
        (204, b""),
        *((code, body) for code in (200, 202, 206) for body in (b"", b"{}", b'{"deleted": true}')),
        *((200, body) for body in (b"OK", b"true", b"null", b"[]", b"1", b'"deleted"', b" Success.\r\n")),
    ],
)
async def test_a_deletion_is_done_by_an_acknowledgement_or_an_object(server, client, deletion, code, body):
    server.then([raw(plain_200(body).replace(b"200 OK", b"%d Done" % code))])
    assert await DELETIONS[deletion](client.program(PROGRAM)) is None
    assert (len(server.arrived), server.writes) == (1, 1)


# PUT and DELETE after doubt, and what is told of an outcome that history settles ------------------------------------


async def _put(program):
    await program.definitions.update(DEFINITION, name="Points", unit="POINTS")


@pytest.mark.parametrize("call", [_put, DELETIONS["definitions.delete"]], ids=["put", "delete"])
@pytest.mark.parametrize("last", [refuse(422), refuse(401), refuse(429), hang_up(commit=True)])
async def test_a_replayable_write_that_fails_after_doubt_says_what_may_have_happened(
    server, client, call, last
):
    events = []
    client._requester.shared.hooks = [events.append]
    server.then([hang_up(commit=True), last, last])
    with pytest.raises(Exception, match=r"no|lost") as caught:
        await call(client.program(PROGRAM))
    _, note = caught.value.__notes__
    assert "an earlier attempt of this call may have been applied" in note
    assert not any(isinstance(event, OutcomeUnknown) for event in events)


@pytest.mark.parametrize("call", [_put, DELETIONS["definitions.delete"]], ids=["put", "delete"])
@pytest.mark.parametrize("last", [refuse(422), refuse(403)])
async def test_one_that_is_refused_at_once_has_nothing_to_add(server, client, call, last):
    server.then([last])
    with pytest.raises(Exception, match="no") as caught:
        await call(client.program(PROGRAM))
    assert len(caught.value.__notes__) == 1


async def test_one_that_fails_the_same_way_each_time_says_it_once(server, client):
    server.then([hang_up(commit=True)])
    client = client.with_options(max_attempts=1)
    with pytest.raises(Exception, match="may have arrived") as caught:
        await _put(client.program(PROGRAM))
    assert len(caught.value.__notes__) == 1
    await asyncio.sleep(0)
