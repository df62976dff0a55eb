"""An entry is checked, and has one form."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal, localcontext
from uuid import UUID

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brevo_balance_async import InvalidRequestError
from brevo_balance_async.importer import Entry

from .conftest import POINTS


def entry(**changes):
    return Entry(
        **{
            "reference": "order-42",
            "balance_definition_id": POINTS,
            "amount": "12.50",
            "contact_id": 42,
            **changes,
        }
    )


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("12.50", "12.5"),
        (Decimal(100), "100"),
        ("1e2", "100"),
        ("100.00", "100"),
        (0.1, "0.1"),
        (-7, "-7"),
        ("0.00", "0"),
        ("-0.00", "0"),
        ("1E22", "1" + "0" * 22),
        ("0.0000001", "1E-7"),
    ],
)
def test_equal_amounts_are_one_text(given, kept):
    assert str(entry(amount=given).amount) == kept


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=2))
def test_no_amount_changes_its_value(amount):
    with localcontext(prec=3):
        assert entry(amount=amount).amount == amount


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"reference": ""}, "reference: must not be empty"),
        ({"reference": "  "}, "reference: must not be empty"),
        ({"reference": " a"}, "reference: must have no white space around it: ' a'"),
        ({"reference": "a\u00a0"}, "reference: must have no white space around it: 'a\\xa0'"),
        ({"reference": "two\nlines"}, "reference: must have no control characters in it: 'two\\nlines'"),
        ({"reference": "\ufeffa"}, "reference: must have no control characters in it: '\\ufeffa'"),
        ({"reference": "x" * 401}, "reference: must have at most 400 characters, not 401"),
        ({"reference": 42}, "reference: must be text, not 42"),
        ({"balance_definition_id": "points"}, "balance_definition_id: must be a UUID, not 'points'"),
        ({"amount": "1_0.00"}, "amount: is no number: '1_0.00'"),
        ({"amount": "NaN"}, "amount: is no number: 'NaN'"),
        ({"amount": float("inf")}, "amount: must be finite, not inf"),
        ({"amount": True}, "amount: must be a Decimal, int, float or numeric text, not True"),
        ({"contact_id": 0}, "contact_id: must be a whole number at least 1, not 0"),
        ({"contact_id": "42"}, "contact_id: must be a whole number at least 1, not '42'"),
        ({"contact_id": 42.0}, "contact_id: must be a whole number at least 1, not 42.0"),
        ({"contact_id": True}, "contact_id: must be a whole number at least 1, not True"),
        ({"event_time": datetime(2026, 1, 1)}, "event_time: must carry a time zone"),  # noqa: DTZ001 - a naive one
        ({"meta": []}, "meta: must be a dict with text keys, not []"),
        ({"meta": {"a": float("nan")}}, "meta: Out of range float values are not JSON compliant"),
        ({"meta": {"a": object}}, "meta: <class 'object'> cannot be written as JSON exactly"),
        (
            {"balance_expiry_in_minutes": 0},
            "balance_expiry_in_minutes: must be a whole number at least 1, not 0",
        ),
    ],
)
def test_what_cannot_be_right_is_refused_by_name(changes, message):
    with pytest.raises(InvalidRequestError) as refused:
        entry(**changes)
    assert str(refused.value).startswith(message)
    assert refused.value.argument == next(iter(changes))


def test_one_form():
    made = entry(
        reference="Ka\u0308se",
        balance_definition_id=UUID(POINTS),
        event_time=datetime(2026, 1, 1, 14, tzinfo=timezone(timedelta(hours=2))),
        meta={"rate": 0.5, "parts": (1, 2)},
    )
    assert made.reference == "K\u00e4se"
    assert (
        made.balance_definition_id
        == entry(balance_definition_id=POINTS.upper()).balance_definition_id
        == POINTS
    )
    assert (made.event_time, made.event_time.tzinfo) == (datetime(2026, 1, 1, 12, tzinfo=UTC), UTC)
    assert made.meta == {"rate": Decimal("0.5"), "parts": [1, 2]}


def test_a_reference_that_grows_when_it_is_normalised_is_measured_afterwards():
    with pytest.raises(InvalidRequestError, match="at most 400 characters, not 402"):
        entry(reference="\u0958" * 201)


def test_an_entry_is_a_value():
    meta = {"list": [1]}
    made = entry(meta=meta, line=7)
    meta["list"].append(2)
    assert made.meta == {"list": [1]}
    assert made == entry(meta={"list": [1]}, line=8)
    assert hash(made) == hash(entry(meta={"list": [1]}))
    assert made != entry()
    assert pickle.loads(pickle.dumps(made)) == copy.copy(made) == made
    assert pickle.loads(pickle.dumps(made)).line == 7
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        made.amount = Decimal(1)
