"""Values whose own methods raise are refused by the argument's name before anything is sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from uuid import UUID

import pytest

from brevo_balance_async import BalanceClient, InvalidRequestError
from brevo_balance_async.core import codec, validation

ID = "27aa1d7a-af67-4020-8a65-19d6b0f0a26e"
AWARE = datetime(2026, 1, 1, 12, tzinfo=UTC)


class BoomError(Exception):
    """What the caller's own code raises; it cannot even be printed."""

    def __str__(self):
        raise RuntimeError("no text")


def boom(*_, **__):
    raise BoomError


class NaT(datetime):
    """As pandas has it: a datetime by type whose every method raises."""

    utcoffset = astimezone = isoformat = __repr__ = boom


class BrokenZone(tzinfo):
    """A time zone that is no use."""

    utcoffset = dst = tzname = boom

    def __repr__(self):
        return "BrokenZone()"


class WrongZone(tzinfo):
    """One that says something absurd."""

    def utcoffset(self, _):
        return timedelta(days=3)


class Text(str):
    """A text of a class of its own."""

    __slots__ = ()
    __str__ = __repr__ = __eq__ = __hash__ = strip = encode = lower = __len__ = __iter__ = __format__ = boom


class Number(int):
    """A whole number that cannot be compared or printed."""

    __slots__ = ()
    __str__ = __repr__ = __le__ = __ge__ = __lt__ = __gt__ = __int__ = __index__ = __eq__ = __hash__ = boom


class Money(Decimal):
    """An amount whose arithmetic raises."""

    __slots__ = ()
    __str__ = __repr__ = is_finite = __float__ = __eq__ = __bool__ = __hash__ = boom


class Id(UUID):
    """An id that cannot be printed."""

    __str__ = __repr__ = boom


class Hidden:
    """Nothing may be asked of it, like a lazy object outside of its context."""

    __repr__ = __str__ = __bool__ = __eq__ = __hash__ = __len__ = __iter__ = boom

    @property
    def __class__(self):
        raise BoomError


class Bag(dict):
    """A dict that cannot be read."""

    __repr__ = __iter__ = items = keys = values = boom


def nat():
    return NaT(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def program():
    # Never entered: whatever gets past the checks fails with ClientStateError, not with InvalidRequestError.
    return BalanceClient("xkeysib-unit").program(ID)


BEGIN = {"balance_definition_id": ID, "contact_id": 1, "amount": 1}
SUBSCRIBED = {"balance_definition_id": ID, "amount": 1}


class Hold:
    """Keeps a value out of the sight of pytest, which would ask it for a name."""

    def __init__(self, value):
        self.value = value


CASES = [
    *(("event_time", value) for value in (nat(), AWARE.replace(tzinfo=BrokenZone()), Hidden())),
    ("event_time", AWARE.replace(tzinfo=WrongZone())),
    *(("balance_definition_id", value) for value in (Text("x"), Id(ID), Hidden(), Bag())),
    *(("contact_id", value) for value in (Number(0), Number(7), Hidden(), nat())),
    *(("amount", value) for value in (Decimal("sNaN"), Decimal("-sNaN123"), Text("x"), Hidden(), nat())),
    *(("ttl", value) for value in (Number(60), Hidden())),
    *(("auto_complete", value) for value in (Number(1), Hidden())),
    *(("transaction_type", value) for value in (Text("x"), Hidden())),
    *(("meta", value) for value in (Hidden(), Bag(a=1), [Hidden()])),
    *(("meta", {"v": value}) for value in (Hidden(), Bag(a=1), nat(), Id(ID), Decimal("sNaN"), [Hidden()])),
]


@pytest.mark.parametrize(
    ("argument", "value"), CASES, ids=[f"{name}-{type(v).__name__}" for name, v in CASES]
)
async def test_a_value_that_raises_is_refused_by_name(program, argument, value):
    calls = [
        program.transactions.begin(**{**BEGIN, argument: value}),
        program.transactions.credit(**{**BEGIN, argument: value})
        if argument not in {"ttl", "auto_complete", "transaction_type"}
        else None,
    ]
    for call in filter(None, calls):
        with pytest.raises(InvalidRequestError) as caught:
            await call
        assert caught.value.argument == argument
        assert caught.value.applied is False
        assert argument in str(caught.value)


@pytest.mark.parametrize(
    ("argument", "call"),
    [
        ("due_at", lambda p: p.transactions.create_order(**BEGIN, due_at=nat(), source="user")),
        (
            "expires_at",
            lambda p: p.transactions.create_order(**BEGIN, due_at=AWARE, source="user", expires_at=nat()),
        ),
        ("source", lambda p: p.transactions.create_order(**BEGIN, due_at=AWARE, source=Hidden())),
        (
            "loyalty_subscription_id",
            lambda p: p.transactions.begin(**SUBSCRIBED, loyalty_subscription_id=Hidden()),
        ),
        ("transaction", lambda p: p.transactions.complete(Id(ID))),
        ("name", lambda p: p.definitions.create(name=Hidden(), unit="POINTS")),
        ("unit", lambda p: p.definitions.create(name="x", unit=Hidden())),
        ("description", lambda p: p.definitions.create(name="x", unit="EUR", description=Hidden())),
        ("max_amount", lambda p: p.definitions.create(name="x", unit="EUR", max_amount=Hidden())),
        (
            "balance_expiration_date",
            lambda p: p.definitions.create(name="x", unit="EUR", balance_expiration_date=Hidden()),
        ),
        (
            "balance_availability_duration_unit",
            lambda p: p.definitions.create(name="x", unit="EUR", balance_availability_duration_unit=Hidden()),
        ),
        ("limit_id", lambda p: p.limits.delete(ID, Hidden())),
        (
            "since",
            lambda p: p.history.find(contact_id=1, balance_definition_id=ID, transaction_id=ID, since=nat()),
        ),
        ("meta", lambda p: p.history.find(contact_id=1, balance_definition_id=ID, meta=Bag(a=1))),
        ("meta", lambda p: p.history.find(contact_id=1, balance_definition_id=ID, meta={"a": Hidden()})),
    ],
)
async def test_and_so_it_is_in_every_other_call(program, argument, call):
    with pytest.raises(InvalidRequestError) as caught:
        await call(program)
    assert caught.value.argument == argument


@pytest.mark.parametrize(
    ("argument", "more"),
    [
        ("sort", lambda: {"sort": Hidden()}),
        ("sort_field", lambda: {"sort_field": Hidden()}),
        ("limit", lambda: {"limit": Hidden()}),
        ("offset", lambda: {"offset": Hidden()}),
        ("status", lambda: {"status": Hidden()}),
        ("filters", lambda: {"filters": Hidden()}),
        ("filters", lambda: {"filters": [Hidden()]}),
    ],
)
def test_and_in_listings(program, argument, more):
    with pytest.raises(InvalidRequestError) as caught:
        program.history.list(contact_id=1, balance_definition_id=ID, **more())
    assert caught.value.argument == argument


@pytest.mark.parametrize(
    ("argument", "more"),
    [
        ("params", lambda: {"params": {"a": Hidden()}}),
        ("params", lambda: {"params": Hidden()}),
        ("params", lambda: {"params": Bag(a=1)}),
        ("params", lambda: {"params": {"a": Text("x")}}),
        ("json", lambda: {"json": Hidden()}),
        ("json", lambda: {"json": {"a": Bag(b=1)}}),
    ],
)
async def test_and_in_any_other_route(argument, more):
    with pytest.raises(InvalidRequestError) as caught:
        await BalanceClient("xkeysib-unit").request("POST", "/x", **more())
    assert caught.value.argument == argument


def test_what_a_subclass_holds_is_taken_without_asking_it():
    class Loud(str):
        __slots__ = ()
        __str__ = __repr__ = __format__ = boom

    class Count(int):
        __slots__ = ()
        __str__ = __repr__ = __int__ = __index__ = boom

    assert type(validation.uuid("x", Loud(ID))) is str
    assert type(validation.text("x", Loud("text"))) is str
    assert type(validation.integer("x", Count(7), least=1)) is int
    assert type(validation.amount(Money("12.50"))) is Decimal
    assert validation.amount(Money("12.50")) == Decimal("12.50")
    assert validation.amount(Loud("12.50")) == Decimal("12.50")


def test_a_moment_is_taken_to_utc_and_is_a_plain_datetime():
    class Stamp(datetime):
        """As pandas has it: a datetime with more to it."""

    moment = validation.timestamp("x", Stamp(2026, 1, 1, 12, 30, 15, 123456, tzinfo=UTC))
    assert type(moment) is datetime
    assert moment == datetime(2026, 1, 1, 12, 30, 15, 123456, UTC)


@pytest.mark.parametrize("make", [Hidden, lambda: Bag(a=1), lambda: Text("x"), nat])
def test_every_value_has_a_text_for_an_error(make):
    value = make()
    assert validation.shown(value) == f"a {type(value).__name__}"


def test_an_error_without_a_text_is_told_by_its_kind():
    assert codec.reason(BoomError()) == "BoomError"
    assert codec.reason(ValueError()) == "ValueError"
    assert codec.reason(ValueError("why")) == "why"
