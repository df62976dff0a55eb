"""One JSON object a line."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from brevo_balance_async.importer import Entry

from .conftest import POINTS, problems

OTHER = "7c1f0f0e-52a1-4c2e-9a55-0d3b7c9f1a11"
GOOD = '{"reference": "good", "contact_id": 1, "amount": 1}\n'


def test_every_key(jsonl_file):
    full = {
        "reference": "order-1",
        "contact_id": 42,
        "balance_definition_id": OTHER,
        "event_time": "2026-01-01T12:00:00Z",
        "balance_expiry_in_minutes": 60,
        "line": 99,
        "note": None,
    }
    bare = {
        "reference": "order-2",
        "contact_id": 43,
        "amount": "-3.10",
        "note": 1,
        "event_time": None,
        "meta": None,
        "balance_definition_id": None,
        "balance_expiry_in_minutes": None,
    }
    rows = jsonl_file(
        f'\ufeff{json.dumps(full)[:-1]}, "amount": 1.10, "meta": {{"rate": 0.30}}}}\r\n\n{json.dumps(bare)}'
    )
    assert list(rows) == [
        Entry(
            reference="order-1",
            contact_id=42,
            amount=Decimal("1.1"),
            balance_definition_id=OTHER,
            event_time=datetime(2026, 1, 1, 12, tzinfo=UTC),
            meta={"rate": Decimal("0.3")},
            balance_expiry_in_minutes=60,
        ),
        Entry(reference="order-2", contact_id=43, amount="-3.1", balance_definition_id=POINTS),
    ]
    assert [row.line for row in rows] == [1, 3]
    assert rows.ignored == ("line", "note")


def row(**changes):
    return json.dumps({"reference": "r", "contact_id": 1, "amount": 1, **changes})


@pytest.mark.parametrize(
    ("text", "argument", "reason"),
    [
        ('{"reference": "r", "contact_id": 1}', "amount", "is missing"),
        ('{"contact_id": 1, "amount": 1}', "reference", "is missing"),
        (row(contact_id="1"), "contact_id", "must be a whole number at least 1, not '1'"),
        (row(contact_id=0), "contact_id", "must be a whole number at least 1, not 0"),
        (row(contact_id=None), "contact_id", "must be a whole number at least 1, not None"),
        (row(contact_id=True), "contact_id", "must be a whole number at least 1, not True"),
        (row(contact_id=42.0), "contact_id", "must be a whole number at least 1, not Decimal('42.0')"),
        (row(reference=1), "reference", "must be text, not 1"),
        (row(reference=None), "reference", "must be text, not None"),
        (row(reference="\ud800"), "reference", "holds half a surrogate pair"),
        (row(amount=None), "amount", "must be a Decimal, int, float or numeric text, not None"),
        (row(amount=True), "amount", "must be a Decimal, int, float or numeric text, not True"),
        (row(amount="1_0.00"), "amount", "is no number: '1_0.00'"),
        (row(amount=float("nan")), None, "must be one JSON object on one line: NaN is not a number in JSON"),
        (
            row(amount=float("-inf")),
            None,
            "must be one JSON object on one line: -Infinity is not a number in JSON",
        ),
        (
            row().replace("1}", "1e99999999999999999999}"),
            None,
            "must be one JSON object on one line: expected a",
        ),
        (
            row().replace("1}", "0.1234567890123456789}"),
            "amount",
            "Decimal('0.1234567890123456789') has more digits",
        ),
        (
            row().replace("1}", "9" * 5_000 + "}"),
            None,
            "must be one JSON object on one line: Exceeds the limit",
        ),
        (
            row(event_time=0),
            "event_time",
            "must be ISO 8601 with an offset, as in 2026-01-31T12:00:00Z, not 0",
        ),
        (
            row(event_time=""),
            "event_time",
            "must be ISO 8601 with an offset, as in 2026-01-31T12:00:00Z, not ''",
        ),
        (row(event_time="2026-01-01"), "event_time", "must be ISO 8601 with an offset"),
        (row(event_time="soon"), "event_time", "must be ISO 8601 with an offset"),
        (row(meta=[1]), "meta", "must be a dict with text keys, not [1]"),
        (row(meta="{}"), "meta", "must be a dict with text keys, not '{}'"),
        (row(meta={"a": "\ud800"}), "meta", "'utf-8' codec can't encode"),
        (row(balance_definition_id="x"), "balance_definition_id", "must be a UUID, not 'x'"),
        (
            row(balance_expiry_in_minutes="5"),
            "balance_expiry_in_minutes",
            "must be a whole number at least 1, not '5'",
        ),
        (row(eventTime="soon"), "eventTime", "is not a known name: write event_time"),
        (
            row()[:-1] + ', "amount": 2}',
            None,
            "must be one JSON object on one line: the key 'amount' stands twice",
        ),
        (
            row()[:-1] + ', "meta": {"a": 1, "a": 1}}',
            None,
            "must be one JSON object on one line: the key 'a' stands",
        ),
        ("[]", None, "must be a JSON object, not []"),
        ("{", None, "must be one JSON object on one line: "),
        (row() + row(), None, "must be one JSON object on one line: Extra data"),
        ("[" * 60_000, None, "must be one JSON object on one line: maximum recursion depth"),
    ],
)
def test_a_bad_row_is_told_with_its_line(jsonl_file, text, argument, reason):
    [(line, name, why)] = problems(jsonl_file(f"{GOOD}{text}\n{GOOD}"))
    assert (line, name) == (2, argument)
    assert why.startswith(reason)


def test_the_definition_may_come_from_the_file_alone(jsonl_file):
    text = row(balance_definition_id=OTHER)
    assert [each.balance_definition_id for each in jsonl_file(text, balance_definition_id=None)] == [OTHER]
    assert problems(jsonl_file(GOOD, balance_definition_id=None)) == [
        (1, "balance_definition_id", "is missing, and none was given for the file")
    ]


def test_names_that_are_not_read_do_not_fill_the_memory(jsonl_file):
    rows = jsonl_file("".join(row(**{f"key{n}": n}) + "\n" for n in range(300)))
    assert len(list(rows)) == 300
    assert rows.ignored == tuple(f"key{n}" for n in range(100))
