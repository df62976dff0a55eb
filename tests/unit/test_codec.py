"""Reading what the wire may send, writing what the wire wants."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brevo_balance_async import (
    UNSET,
    BalanceDefinition,
    BalanceLimit,
    BalanceOrder,
    DecodeError,
    InvalidRequestError,
    SubscriptionBalances,
    Transaction,
    TransactionStatus,
    Unit,
    models,
)
from brevo_balance_async.core import codec

NAIVE = datetime(2026, 1, 1)  # noqa: DTZ001  (what is refused)
ANSWERS = [kind for kind in vars(models).values() if isinstance(kind, type) and attrs.has(kind)]


def wire(kind):
    return [
        str(a.metadata.get("wire") or codec.camel(a.name)) for a in attrs.fields(kind) if a.name != "extra"
    ]


@pytest.mark.parametrize("kind", ANSWERS)
def test_every_field_may_be_null_or_absent(kind):
    nulls = dict.fromkeys(wire(kind))
    assert codec.decode(b"{}", kind) == kind()
    read = codec.decode(json.dumps(nulls).encode(), kind)
    for a in attrs.fields(kind):
        if a.name != "extra":
            assert getattr(read, a.name) in {None, "", ()}, a.name


@pytest.mark.parametrize("kind", [kind for kind in ANSWERS if hasattr(kind(), "extra")])
def test_unknown_members_are_kept(kind):
    read = codec.decode(b'{"loyaltyMood": {"a": [1.5, null]}, "id": "x"}', kind)
    assert read.extra["loyaltyMood"] == {"a": [Decimal("1.5"), None]}
    assert kind().extra == {}
    assert kind().extra is not kind().extra


def test_amounts_are_exact():
    body = b'{"amount": 0.1, "balance": 12345678901234567890.123456789, "id": "t"}'
    read = codec.decode(body, Transaction)
    assert read.amount == Decimal("0.1")
    assert read.balance == Decimal("12345678901234567890.123456789")
    assert codec.decode(b'{"amount": "50.50"}', Transaction).amount == Decimal("50.50")
    assert codec.decode(b'{"amount": 7}', Transaction).amount == Decimal(7)


def test_old_status_words_read_as_the_new_ones():
    assert codec.decode(b'{"status": "pending"}', Transaction).status is TransactionStatus.DRAFT
    assert codec.decode(b'{"status": "complete"}', Transaction).status is TransactionStatus.COMPLETED
    assert codec.decode(b'{"status": "evaporated"}', Transaction).status == "evaporated"
    assert codec.decode(b'{"unit": "BTC"}', BalanceDefinition).unit == "BTC"
    assert codec.decode(b'{"unit": "EUR"}', BalanceDefinition).unit is Unit.EUR


def test_timestamps_are_aware():
    read = codec.decode(
        b'{"createdAt":"2025-03-01T10:00:00.000Z","updatedAt":"2025-03-01T10:00:00","eventTime":"2025-03-01T11:00:00+01:00",'
        b'"completedAt":"2025-03-01T10:00:00.123456789Z","cancelledAt":""}',
        Transaction,
    )
    assert read.created_at == read.updated_at == read.event_time == datetime(2025, 3, 1, 10, tzinfo=UTC)
    assert read.completed_at == datetime(2025, 3, 1, 10, 0, 0, 123456, tzinfo=UTC)
    assert read.cancelled_at is None


def test_both_shapes_of_subscription_balances():
    row = {"balanceDefinitionId": "d", "value": 3.5}
    as_object = codec.decode(json.dumps({"contactId": 4, "balance": [row]}).encode(), SubscriptionBalances)
    as_list = codec.decode(json.dumps([{**row, "name": "Points"}]).encode(), SubscriptionBalances)
    assert as_object.balance[0].value == as_list.balance[0].value == Decimal("3.5")
    assert as_list.balance[0].extra == {"name": "Points"}


def test_limits_may_carry_hours_and_fractions():
    read = codec.decode(b'{"durationUnit": "hour", "value": 1.5, "durationValue": 2}', BalanceLimit)
    assert (read.duration_unit, read.value, read.duration_value) == ("hour", Decimal("1.5"), 2)


def test_the_order_names_its_transaction_in_lower_case():
    assert codec.decode(b'{"transactionid": "t"}', BalanceOrder).transaction_id == "t"


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b'{"transactionHistory": [{"id": "a"}, {"amount": {}}]}', "$.items"),
        (b'{"count": "many"}', "$.count"),
        (b"[]", "$"),
        (b'"text"', "$"),
        (b"null", "$"),
    ],
)
def test_a_wrong_shape_says_where(body, path):
    with pytest.raises(DecodeError) as caught:
        codec.decode(body, models.TransactionHistoryPage)
    assert not caught.value.garbled
    assert path in " ".join(caught.value.problems)
    assert caught.value.body == body


@pytest.mark.parametrize(
    "body", [b"", b"<html>Bad gateway</html>", b'{"id":', b"NaN", b"\xff\xfe", b"[" * 100_000]
)
def test_what_is_no_json_is_garbled(body):
    with pytest.raises(DecodeError) as caught:
        codec.decode(body, Transaction)
    assert caught.value.garbled


def test_bodies_leave_out_what_is_unset_and_keep_what_is_null():
    body = {
        "amount": Decimal("12.50"),
        "balance_definition_id": "d",
        "loyalty_subscription_id": "s",
        "meta": None,
        "ttl": UNSET,
    }
    assert json.loads(codec.encode_body(body)) == {
        "amount": 12.5,
        "balanceDefinitionId": "d",
        "LoyaltySubscriptionId": "s",
        "meta": None,
    }


def test_moments_go_out_in_utc():
    east = timezone(timedelta(hours=2))
    assert codec.wire_time(datetime(2026, 1, 1, 2, tzinfo=east)) == "2026-01-01T00:00:00.000Z"
    assert codec.wire_time(datetime(2026, 1, 1, 2, 0, 0, 1, tzinfo=east)) == "2026-01-01T00:00:00.000001Z"


@pytest.mark.parametrize("value", [float("nan"), object(), Decimal("0.1234567890123456789"), NAIVE])
def test_what_json_cannot_carry_is_refused(value):
    with pytest.raises(InvalidRequestError, match="meta"):
        codec.encode({"meta": {"value": value}})


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=4))
def test_amounts_survive_the_round_trip(amount):
    assert codec.parse(codec.encode_body({"amount": amount}))["amount"] == amount
