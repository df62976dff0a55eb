"""Reading what the wire may send, writing what the wire wants."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import get_type_hints

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brevo_balance_async import (
    UNSET,
    BalanceDefinition,
    BalanceLimit,
    BalanceOrder,
    ContactBalance,
    DecodeError,
    DurationModifier,
    InvalidRequestError,
    SubscriptionBalances,
    Transaction,
    TransactionRecord,
    TransactionStatus,
    TransactionType,
    Unit,
    models,
)
from brevo_balance_async.core import codec

NAIVE = datetime(2026, 1, 1)  # noqa: DTZ001  (what is refused)
ANSWERS = [
    kind
    for kind in vars(models).values()
    if isinstance(kind, type) and attrs.has(kind) and kind is not models.QuotaState
]


def wire(kind):
    return [
        str(a.metadata.get("wire") or codec.camel(a.name)) for a in attrs.fields(kind) if a.name != "extra"
    ]


def rows(kind):
    """The models of the fields that hold rows, by wire name."""
    hints = get_type_hints(kind)
    models_of = {
        name: codec._row_of(hints[a.name]) for a, name in zip(attrs.fields(kind), wire(kind), strict=False)
    }
    return {name: model for name, model in models_of.items() if model is not None}


def scalars(kind):
    return [name for name in wire(kind) if name not in rows(kind)]


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


def test_words_in_other_capitals_are_read_and_unknown_ones_kept_as_they_are():
    read = codec.decode(b'{"status": "PENDING", "transactionType": "Credit"}', Transaction)
    assert (read.status, read.transaction_type) == (TransactionStatus.DRAFT, TransactionType.CREDIT)
    assert codec.decode(b'{"status": "COMPLETED"}', Transaction).status is TransactionStatus.COMPLETED
    assert codec.decode(b'{"status": "EVAPORATED"}', Transaction).status == "EVAPORATED"
    assert codec.decode(b'{"unit": "points"}', BalanceDefinition).unit is Unit.POINTS
    answer = b'{"balanceAvailabilityDurationModifier": "ENDOFPERIOD"}'
    read = codec.decode(answer, BalanceDefinition)
    assert read.balance_availability_duration_modifier is DurationModifier.END_OF_PERIOD


def test_timestamps_are_aware():
    read = codec.decode(
        b'{"createdAt":"2025-03-01T10:00:00.000Z","updatedAt":"2025-03-01T10:00:00","eventTime":"2025-03-01T11:00:00+01:00",'
        b'"completedAt":"2025-03-01T10:00:00.123456789Z","cancelledAt":""}',
        Transaction,
    )
    assert read.created_at == read.updated_at == read.event_time == datetime(2025, 3, 1, 10, tzinfo=UTC)
    assert read.completed_at == datetime(2025, 3, 1, 10, 0, 0, 123456, tzinfo=UTC)
    assert read.cancelled_at is None


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-20t17:03:58z", datetime(2026, 11, 20, 17, 3, 58, tzinfo=UTC)),
        ("2026-11-20 17:03:58z", datetime(2026, 11, 20, 17, 3, 58, tzinfo=UTC)),
        ("2026-12-31T24:00:00Z", datetime(2027, 1, 1, tzinfo=UTC)),
        ("2026-12-31t24:00:00.000z", datetime(2027, 1, 1, tzinfo=UTC)),
        ("2026-12-31T24:00:00+01:00", datetime(2026, 12, 31, 23, tzinfo=UTC)),
        ("2026-12-31T24:00", datetime(2027, 1, 1, tzinfo=UTC)),
        ("2026-11-20", datetime(2026, 11, 20, tzinfo=UTC)),
    ],
)
def test_timestamps_that_python_alone_does_not_read(text, moment):
    read = codec.decode(json.dumps({"createdAt": text}).encode(), Transaction)
    assert (read.created_at, read.extra) == (moment, {})


@pytest.mark.parametrize(
    "text", ["20 Nov 2026", "31/12", "T24:00", "2026-11-20T24:00:01Z", "9999-12-31T24:00:00Z", "0000-00-00"]
)
def test_a_timestamp_that_cannot_be_read_is_kept_as_text_and_spoils_nothing(text):
    rows = [{"id": "a", "createdAt": text, "completedAt": text, "mood": 1}, {"id": "b"}]
    page = codec.decode(json.dumps({"transactionHistory": rows}).encode(), models.TransactionHistoryPage)
    odd, fine = page.items
    assert (odd.id, odd.created_at, odd.completed_at) == ("a", None, None)
    assert odd.extra == {"createdAt": text, "completedAt": text, "mood": 1}
    assert (fine.id, fine.extra) == ("b", {})
    read = codec.decode(json.dumps({"updatedAt": text}).encode(), ContactBalance)
    assert (read.updated_at, read.extra) == (None, {"updatedAt": text})


def test_a_timestamp_of_another_kind_is_a_wrong_shape():
    for value in (1763658238, 0, False, {}, 1.5):
        with pytest.raises(DecodeError, match="expected a timestamp") as caught:
            codec.decode(json.dumps({"createdAt": value, "updatedAt": "odd"}).encode(), Transaction)
        assert len(caught.value.problems) == 1  # the odd text beside it is none


def test_an_expiry_is_a_timestamp_or_text():
    def expiry(value):
        body = json.dumps({"balanceExpirationDate": value}).encode()
        return codec.decode(body, TransactionRecord).balance_expiration_date

    assert expiry("2027-11-30T23:59:59.000Z") == datetime(2027, 11, 30, 23, 59, 59, tzinfo=UTC)
    assert expiry("31/12/2026") == "31/12/2026"
    assert expiry("") is None


def test_empty_text_is_null():
    for kind in ANSWERS:
        read = codec.decode(json.dumps(dict.fromkeys(scalars(kind), "")).encode(), kind)
        for a in attrs.fields(kind):
            if a.name not in {"extra", "items", "balance"}:
                assert getattr(read, a.name) in {None, ""}, a.name
    read = codec.decode(b'{"contactId": "", "amount": "", "status": "", "meta": ""}', Transaction)
    assert (read.contact_id, read.amount, read.status, read.meta) == (None, None, None, None)


def test_numbers_may_come_as_text():
    body = b'{"contactId": "42", "amount": "12.50", "balance": " 1e2 "}'
    read = codec.decode(body, Transaction)
    assert (read.contact_id, read.amount, read.balance) == (42, Decimal("12.50"), 100)
    assert codec.decode(b'{"contactId": 42.0, "id": 5}', Transaction) == Transaction(contact_id=42, id="5")
    assert codec.decode(b'{"durationValue": "3.0"}', BalanceLimit).duration_value == 3


@pytest.mark.parametrize(
    "text", ["NaN", "Infinity", "1_000", "\u0661", "\uff11", "1,5", "0x1", "abc", "1e" + "9" * 30]
)
def test_text_that_is_no_number_is_refused(text):
    for name in ("amount", "contactId"):
        with pytest.raises(DecodeError) as caught:
            codec.decode(json.dumps({name: text}).encode(), Transaction)
        assert "number" in caught.value.problems[0]


@pytest.mark.parametrize("number", ['"1.5"', "1.5", "true", "1e999999999", '"1e999999999"'])
def test_what_is_no_whole_number_is_refused(number):
    with pytest.raises(DecodeError, match="whole number"):
        codec.decode(b'{"contactId": %s}' % number.encode(), Transaction)


def test_rows_may_be_null():
    assert codec.decode(b'{"activeBalances": null, "count": null}', models.ActiveBalancePage).items == ()
    assert codec.decode(b'{"balance": null}', SubscriptionBalances).balance == ()
    assert codec.decode(b'{"items": null}', models.DefinitionPage).items is None


# Values of every JSON kind, and the odd texts that some reader has an opinion about.
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from(["", "NaN", "1_0", "42", "4.0", "PENDING", "31/12", "2026-01-01T24:00:00z", "T24:00"]),
)
VALUES = st.one_of(
    SCALARS, st.lists(SCALARS, max_size=2), st.dictionaries(st.text(max_size=3), SCALARS, max_size=2)
)


def answers(kind):
    """Answers of a model, and what is none, with values of any kind in any field."""
    fields = dict.fromkeys(scalars(kind), VALUES)
    fields |= {name: VALUES | st.lists(answers(row), max_size=2) for name, row in rows(kind).items()}
    return VALUES | st.fixed_dictionaries({}, optional=fields)


@settings(max_examples=60)  # the explaining reader is made anew each time, which is slow
@given(st.data())
def test_the_fast_reader_and_the_explaining_one_accept_the_same(data):
    kind = data.draw(st.sampled_from(ANSWERS))
    value = data.draw(answers(kind))
    try:
        codec._reader_of(kind)(value)
    except Exception:
        problems = codec._explain(value, kind)
        assert problems
        assert all(" @ $" in problem for problem in problems)
    else:
        assert codec._explain(value, kind) == ()


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
        codec.encode_body({"meta": {"value": value}})
    with pytest.raises(InvalidRequestError, match="json"):
        codec.encode(value)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=4))
def test_amounts_survive_the_round_trip(amount):
    assert codec.parse(codec.encode_body({"amount": amount}))["amount"] == amount
