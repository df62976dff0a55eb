"""Values written as JSON: every amount exact, every timestamp RFC 3339, whoever writes it."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

import attrs
import pytest

from brevo_balance_async import (
    QuotaState,
    SubscriptionBalances,
    Transaction,
    TransactionStatus,
    models,
    to_plain,
)
from brevo_balance_async.core import codec
from brevo_balance_async.exactly_once import Outcome
from brevo_balance_async.importer import Report

WHEN = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
BODY = b"""{
  "id": "t1", "amount": 12.50, "balance": 1e3, "transactionType": "credit", "status": "pending",
  "contactId": 42, "createdAt": "2026-11-23T09:30:00.250Z", "updatedAt": "2026-11-23T11:30:00+02:00",
  "completedAt": "soon", "meta": {"rate": 0.10, "tags": ["a", null, {"deep": 1e3}]}, "newField": 7.70
}"""


def test_a_value_as_a_dict():
    written = codec.decode(BODY, Transaction).to_dict()
    assert {name: value for name, value in written.items() if value is not None} == {
        "id": "t1",
        "amount": "12.50",
        "balance": "1000",
        "transaction_type": "credit",
        "status": "draft",
        "contact_id": 42,
        "created_at": "2026-11-23T09:30:00.250000Z",
        "updated_at": "2026-11-23T11:30:00+02:00",
        "meta": {"rate": "0.10", "tags": ["a", None, {"deep": "1000"}]},
        "extra": {"newField": "7.70", "completedAt": "soon"},
    }
    assert list(written) == [each.name for each in attrs.fields(Transaction)]
    assert type(written["status"]) is str


def test_a_value_as_text():
    value = codec.decode(BODY, Transaction)
    assert json.loads(value.to_json()) == value.to_dict()
    assert "\n" not in value.to_json()
    text = Transaction(id="ü", meta={"n": float("nan")})
    with pytest.raises(ValueError, match="JSON"):
        text.to_json()
    assert '"ü"' in Transaction(id="ü").to_json()


def test_values_within_values():
    body = b'{"contactId": 1, "balance": [{"balanceDefinitionId": "d", "value": 0.1}, {"value": null}]}'
    written = codec.decode(body, SubscriptionBalances).to_dict()
    assert written["balance"] == [
        {"balance_definition_id": "d", "value": "0.1", "extra": {}},
        {"balance_definition_id": None, "value": None, "extra": {}},
    ]


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("12.50", "12.50"),
        ("-0.00000000000000000001", "-0.00000000000000000001"),
        ("1E+3", "1000"),
        ("0E+5", "0"),
        ("123456789012345678901234567890.5", "123456789012345678901234567890.5"),
        ("1E+999999", "1E+999999"),
        ("1E-999999", "1E-999999"),
        ("9" * 400, "9" * 400),
    ],
)
def test_an_amount_keeps_every_digit(amount, text):
    assert to_plain(Decimal(amount)) == text
    assert Decimal(text) == Decimal(amount)


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (WHEN, "2026-11-23T09:30:00Z"),
        (WHEN.replace(microsecond=1), "2026-11-23T09:30:00.000001Z"),
        (WHEN.astimezone(timezone(timedelta(hours=-3, minutes=-30))), "2026-11-23T06:00:00-03:30"),
        (datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=2))), "0001-01-01T00:00:00+02:00"),
        (WHEN.astimezone(timezone(timedelta(seconds=30))), "2026-11-23T09:30:30+00:00:30"),
    ],
)
def test_a_timestamp_keeps_its_offset(moment, text):
    assert to_plain(moment) == text
    assert datetime.fromisoformat(text) == moment


def test_what_json_libraries_ask_for():
    value = Transaction(id="t", amount=Decimal("0.10"))
    mixed = {"of": value, "ids": (UUID(int=1),), "at": WHEN, "status": TransactionStatus.DRAFT}
    assert json.loads(json.dumps(mixed, default=to_plain)) == {
        "of": value.to_dict(),
        "ids": ["00000000-0000-0000-0000-000000000001"],
        "at": "2026-11-23T09:30:00Z",
        "status": "draft",
    }
    assert to_plain([value, True, 1, None]) == [value.to_dict(), True, 1, None]
    for stranger in (object(), {1, 2}, Fraction(1, 2), b"x"):
        with pytest.raises(TypeError, match="cannot be written as JSON"):
            to_plain(stranger)


def test_the_quota_is_a_value():
    state = QuotaState(600, 599, 3599.5, WHEN)
    assert state.to_dict() == {
        "limit": 600,
        "remaining": 599,
        "resets_in": 3599.5,
        "observed_at": "2026-11-23T09:30:00Z",
    }
    assert state == QuotaState(600, 599, 3599.5, WHEN)
    assert state != QuotaState(600, 598, 3599.5, WHEN)
    assert pickle.loads(pickle.dumps(state)) == state
    assert repr(state).startswith(
        "QuotaState(limit=600, remaining=599, resets_in=3599.5, observed_at=datetime"
    )


def test_outcomes_and_reports_are_values():
    outcome = Outcome(reference="order-42", state="applied", amount=Decimal("1E+1"), credited=Decimal("9.90"))
    written = outcome.to_dict()
    assert (written["amount"], written["credited"], written["reference"]) == ("10", "9.90", "order-42")
    report = Report(applied=1, refused=0, unknown=0, open=0, repeated=0, requests=2, seconds=0.5, differing=0)
    assert json.loads(report.to_json())["applied"] == 1


def test_every_model_is_written_and_read_again():
    """Each class, with a value in every attribute that its annotation allows."""
    samples = {
        "Decimal": Decimal("0.10"),
        "datetime": WHEN,
        "int": 7,
        "bool": True,
        "dict": {"a": Decimal("0.10")},
        "str": "text",
    }
    kinds = [
        kind
        for kind in vars(models).values()
        if isinstance(kind, type) and attrs.has(kind) and "Page" not in kind.__name__
    ]
    assert len(kinds) == 11
    for kind in kinds:
        filled = {
            each.name: next(value for name, value in samples.items() if name in str(each.type))
            for each in attrs.fields(kind)
            if "tuple" not in str(each.type) and each.name != "resets_in"
        }
        if kind is QuotaState:
            filled["resets_in"] = 1.5
        value = kind(**filled)
        written = json.loads(value.to_json())
        assert {name for name, each in written.items() if each is None} == set()
        for name, given in filled.items():
            if isinstance(given, Decimal):
                assert written[name] == "0.10"
            if isinstance(given, datetime):
                assert written[name] == "2026-11-23T09:30:00Z"
