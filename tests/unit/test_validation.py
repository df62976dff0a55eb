"""Bad input is refused before a request leaves, by an error that names the argument."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest

from brevo_balance_async import BalanceClient, ClientStateError, InvalidRequestError
from brevo_balance_async.core import validation

ID = "27aa1d7a-af67-4020-8a65-19d6b0f0a26e"
NAIVE = datetime(2026, 1, 1)  # noqa: DTZ001
AWARE = datetime(2026, 1, 1, tzinfo=UTC)
# Moments that exist where they are, and in no year of UTC.
TOO_EARLY = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=5)))
TOO_LATE = datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-5)))
HALF = "\ud800"  # of a surrogate pair: no text that UTF-8 can carry


@pytest.fixture
def program():
    # Never entered: whatever gets past the checks fails with ClientStateError, not with InvalidRequestError.
    return BalanceClient("xkeysib-unit").program(ID)


BEGIN = {"balance_definition_id": ID, "contact_id": 1, "amount": 1}
ORDER = {"balance_definition_id": ID, "contact_id": 1, "amount": 1, "due_at": AWARE, "source": "user"}
LIMIT = {
    "constraint_type": "amount",
    "transaction_type": "credit",
    "duration_unit": "day",
    "duration_value": 1,
    "value": 1,
}


@pytest.mark.parametrize(
    ("change", "argument"),
    [
        ({"amount": 0}, "amount"),
        ({"amount": "0.00"}, "amount"),
        ({"amount": float("nan")}, "amount"),
        ({"amount": "inf"}, "amount"),
        ({"amount": Decimal("-Infinity")}, "amount"),
        ({"amount": "ten"}, "amount"),
        ({"amount": None}, "amount"),
        ({"amount": True}, "amount"),
        ({"amount": "0.1234567890123456789"}, "amount"),
        ({"amount": 10**5000}, "amount"),
        ({"amount": Decimal("1e999999")}, "amount"),
        ({"amount": "1e99999999999999999999"}, "amount"),
        ({"amount": "1_000"}, "amount"),
        ({"amount": "\u0661\u0662"}, "amount"),
        ({"amount": "\uff11\uff12"}, "amount"),
        ({"amount": "1,5"}, "amount"),
        ({"amount": "0x10"}, "amount"),
        ({"amount": []}, "amount"),
        ({"contact_id": 10**5000}, "contact_id"),
        ({"contact_id": None, "loyalty_subscription_id": HALF}, "loyalty_subscription_id"),
        ({"event_time": TOO_EARLY}, "event_time"),
        ({"event_time": TOO_LATE}, "event_time"),
        ({"transaction_type": []}, "transaction_type"),
        ({"meta": {"x": HALF}}, "meta"),
        ({"meta": {"x": 10**5000}}, "meta"),
        ({"meta": {"x": TOO_LATE}}, "meta"),
        ({"meta": {"x": Decimal("1e999999999")}}, "meta"),
        ({"meta": {"x": float("inf")}}, "meta"),
        ({"contact_id": 0}, "contact_id"),
        ({"contact_id": "42"}, "contact_id"),
        ({"contact_id": True}, "contact_id"),
        ({"contact_id": None}, "contact_id"),
        ({"loyalty_subscription_id": "s"}, "loyalty_subscription_id"),
        ({"contact_id": None, "loyalty_subscription_id": ""}, "loyalty_subscription_id"),
        ({"balance_definition_id": "../x"}, "balance_definition_id"),
        ({"balance_definition_id": ""}, "balance_definition_id"),
        ({"ttl": 9}, "ttl"),
        ({"ttl": 10.5}, "ttl"),
        ({"balance_expiry_in_minutes": 5}, "balance_expiry_in_minutes"),
        ({"balance_expiry_in_minutes": 0, "auto_complete": True}, "balance_expiry_in_minutes"),
        ({"auto_complete": "yes"}, "auto_complete"),
        ({"event_time": NAIVE}, "event_time"),
        ({"event_time": "2026-01-01"}, "event_time"),
        ({"transaction_type": "refund"}, "transaction_type"),
        ({"meta": [1]}, "meta"),
        ({"meta": {1: 2}}, "meta"),
        ({"meta": {"x": object()}}, "meta"),
    ],
)
async def test_begin(program, change, argument):
    with pytest.raises(InvalidRequestError) as caught:
        await program.transactions.begin(**{**BEGIN, **change})
    assert caught.value.argument == argument
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    ("change", "argument"),
    [
        ({"due_at": NAIVE}, "due_at"),
        ({"due_at": TOO_EARLY}, "due_at"),
        ({"expires_at": TOO_LATE}, "expires_at"),
        ({"source": {}}, "source"),
        ({"expires_at": NAIVE}, "expires_at"),
        ({"source": "cron"}, "source"),
        ({"amount": 0}, "amount"),
        ({"contact_id": -1}, "contact_id"),
    ],
)
async def test_create_order(program, change, argument):
    with pytest.raises(InvalidRequestError) as caught:
        await program.transactions.create_order(**{**ORDER, **change})
    assert caught.value.argument == argument


@pytest.mark.parametrize(
    ("change", "argument"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 129}, "name"),
        ({"name": HALF}, "name"),
        ({"description": HALF, "meta": {}}, "description"),
        ({"image_ref": HALF}, "image_ref"),
        ({"unit": []}, "unit"),
        ({"min_amount": "1_0"}, "min_amount"),
        ({"description": "x" * 257}, "description"),
        ({"unit": "points"}, "unit"),
        ({"max_amount": "lots"}, "max_amount"),
        ({"balance_expiration_date": "31/02"}, "balance_expiration_date"),
        ({"balance_expiration_date": "12/31"}, "balance_expiration_date"),
        ({"balance_expiration_date": "2026-12-31"}, "balance_expiration_date"),
        (
            {"balance_expiration_date": "31/12", "balance_availability_duration_value": 1},
            "balance_expiration_date",
        ),
        (
            {"balance_expiration_date": "31/12", "balance_availability_duration_unit": "month"},
            "balance_expiration_date",
        ),
        (
            {"balance_expiration_date": "31/12", "balance_availability_duration_modifier": "endOfPeriod"},
            "balance_expiration_date",
        ),
        ({"balance_availability_duration_unit": "hour"}, "balance_availability_duration_unit"),
        ({"balance_availability_duration_unit": []}, "balance_availability_duration_unit"),
        ({"balance_option_credit_rounding": "floor"}, "balance_option_credit_rounding"),
    ],
)
async def test_definitions(program, change, argument):
    for call in (
        program.definitions.create(**{"name": "Points", "unit": "POINTS", **change}),
        program.definitions.update(ID, **{"name": "Points", "unit": "POINTS", **change}),
    ):
        with pytest.raises(InvalidRequestError) as caught:
            await call
        assert caught.value.argument == argument


@pytest.mark.parametrize(
    ("change", "argument"),
    [
        ({"constraint_type": "sum"}, "constraint_type"),
        ({"duration_unit": "hour"}, "duration_unit"),
        ({"duration_unit": ["day"]}, "duration_unit"),
        ({"duration_value": 0}, "duration_value"),
        ({"value": 1.5}, "value"),
        ({"sliding_schedule": 1}, "sliding_schedule"),
    ],
)
async def test_limits(program, change, argument):
    with pytest.raises(InvalidRequestError) as caught:
        await program.limits.create(ID, **{**LIMIT, **change})
    assert caught.value.argument == argument


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda p: p.history.list(contact_id=1, balance_definition_id=ID, limit=0), "limit"),
        (lambda p: p.history.list(contact_id=1, balance_definition_id=ID, limit=501), "limit"),
        (lambda p: p.history.list(contact_id=1, balance_definition_id=ID, offset=-1), "offset"),
        (lambda p: p.history.list(contact_id=1, balance_definition_id=ID, sort="up"), "sort"),
        (lambda p: p.history.list(contact_id=1, balance_definition_id=ID, sort_field="amount"), "sort_field"),
        (lambda p: p.history.list(contact_id=1, balance_definition_id=ID, status="done"), "status"),
        (lambda p: p.history.list(contact_id=0, balance_definition_id=ID), "contact_id"),
        (
            lambda p: p.history.list(contact_id=1, balance_definition_id=ID, loyalty_subscription_id=HALF),
            "loyalty_subscription_id",
        ),
        (lambda p: p.definitions.list(sort_field="createdAt"), "sort_field"),
        (lambda p: p.definitions.list(sort_field=["name"]), "sort_field"),
        (lambda p: p.definitions.list(sort=["asc"]), "sort"),
        (lambda p: p.definitions.list(version="live"), "version"),
        (lambda p: p.balances.list("x"), "balance_definition_id"),
        (lambda p: p.balances.list(ID, include_internal="true"), "include_internal"),
        (lambda p: p.balances.list_active(contact_id=1, balance_definition_id="x"), "balance_definition_id"),
    ],
)
def test_listings_refuse_when_they_are_called(program, call, argument):
    with pytest.raises(InvalidRequestError) as caught:
        call(program)
    assert caught.value.argument == argument


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        (("GET", 5), "path"),
        (("GET", "/\ud800"), "path"),
        (("GET", "/x?y"), "path"),
        ((5, "/x"), "method"),
        (("BREW", "/x"), "method"),
        (("GET", "/x", [("a", 1)]), "params"),
        (("GET", "/x", "a=1"), "params"),
        (("GET", "/x", {"a": HALF}), "params"),
        (("GET", "/x", {HALF: 1}), "params"),
        (("GET", "/x", {"a": 10**5000}), "params"),
        (("POST", "/x", None, object()), "json"),
        (("POST", "/x", None, float("nan")), "json"),
        (("POST", "/x", None, {"meta": float("nan")}), "json"),
        (("POST", "/x", None, {"a": HALF}), "json"),
        (("POST", "/x", None, NAIVE), "json"),
    ],
)
async def test_any_other_route(arguments, argument):
    method, path, params, json, *_ = (*arguments, None, None)
    with pytest.raises(InvalidRequestError) as caught:
        await BalanceClient("xkeysib-unit").request(method, path, params=params, json=json)
    assert caught.value.argument == argument


@pytest.mark.parametrize("filters", [["x", HALF], "x", [7], 7])
def test_filters_that_no_query_can_carry(program, filters):
    with pytest.raises(InvalidRequestError) as caught:
        program.history.list(contact_id=1, balance_definition_id=ID, filters=filters)
    assert caught.value.argument == "filters"


def test_a_value_is_shown_by_its_start():
    with pytest.raises(InvalidRequestError) as caught:
        validation.uuid("id", "x" * 1_000_000)
    assert str(caught.value).endswith(f"not '{'x' * 79}...")
    with pytest.raises(InvalidRequestError, match="not a huge int"):
        validation.contact_id(10**5000)


@pytest.mark.parametrize(
    "amount", ["1e400", "-1e400", "1e-400", Decimal("1e400"), pytest.param(10**5000, id="huge")]
)
def test_an_amount_beyond_a_double_is_said_to_be_out_of_range(amount):
    with pytest.raises(InvalidRequestError, match="out of the range"):
        validation.amount(amount)
    with pytest.raises(InvalidRequestError, match="more digits"):
        validation.amount("0.1234567890123456789")


async def test_a_duration_may_be_given_while_a_fixed_day_is_cleared(program):
    duration = {"balance_availability_duration_value": 1, "balance_availability_duration_unit": "year"}
    with pytest.raises(ClientStateError):  # past the checks
        await program.definitions.update(
            ID, name="Points", unit="POINTS", balance_expiration_date="", **duration
        )


def test_ids():
    assert validation.uuid("id", UUID(ID)) == ID
    assert validation.uuid("id", ID.upper()) == ID.upper()
    for bad in ("", ID + "/x", ID[:-1], "{" + ID + "}", ID.replace("-", ""), None, 7):
        with pytest.raises(InvalidRequestError):
            validation.uuid("id", bad)


def test_a_leap_day_comes_round():
    assert validation.day_of_year("d", "29/02") == "29/02"
    assert validation.day_of_year("d", "") == ""


def test_a_float_is_taken_by_its_shortest_text():
    assert validation.amount(0.1) == Decimal("0.1")
    assert validation.amount(" 12.50 ") == Decimal("12.50")
    for text in ("+1", "-.5", "5.", "1e3", "1E-2", "007"):
        assert validation.amount(text) == Decimal(text)
