"""CSV: what is read, and each way in which a file can be wrong."""

from __future__ import annotations

import csv
import os
from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brevo_balance_async.importer import Entry, read_csv

from .conftest import POINTS, problems

OTHER = "7c1f0f0e-52a1-4c2e-9a55-0d3b7c9f1a11"
HEAD = "reference,contact_id,amount\n"
REAL = Path(
    os.environ.get("BREVO_TEST_PURCHASES")
    or Path(__file__).parents[3] / "shared" / "data" / "cdnow_sample.csv"
)


def test_every_column(csv_file):
    rows = csv_file(
        "note,balance_expiry_in_minutes,meta,event_time,balance_definition_id,amount,contact_id,reference,\n"
        f'"a, ""b""",60,"{{""a"": [1.50, {{}}]}}",2026-01-01T14:00:00+02:00,{OTHER},12.50,42,order-1,\n'
        ",,,,,-3,43,order-2,\n"
    )
    assert list(rows) == [
        Entry(
            reference="order-1",
            contact_id=42,
            amount="12.5",
            balance_definition_id=OTHER,
            event_time=datetime(2026, 1, 1, 12, tzinfo=UTC),
            meta={"a": [Decimal("1.5"), {}]},
            balance_expiry_in_minutes=60,
        ),
        Entry(reference="order-2", contact_id=43, amount=-3, balance_definition_id=POINTS),
    ]
    assert [row.line for row in rows] == [2, 3]
    assert rows.ignored == ("note", "")


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_spellings_of_one_file(csv_file, start, end):
    text = f'{end}"reference",contact_id,amount{end}{end}Käse,1,0.00{end}  {end}"b",2,"1.5"'
    rows = csv_file(start + text.encode())
    assert [(row.reference, row.amount, row.line) for row in rows] == [
        ("Käse", 0, 4),
        ("b", Decimal("1.5"), 6),
    ]
    assert list(rows) == list(rows)
    assert rows.ignored == ()


def test_two_readings_at_once_do_not_mix(csv_file):
    rows = csv_file(HEAD + "a,1,1\nb,2,2\n")
    assert [(one.reference, other.reference) for one, other in zip(rows, rows, strict=True)] == [
        ("a", "a"),
        ("b", "b"),
    ]


@pytest.mark.parametrize(
    ("row", "argument", "reason"),
    [
        ("r,1", None, "the record has 2 fields, its header (line 1) has 3"),
        ("r,1,1,50", None, "the record has 4 fields, its header (line 1) has 3"),
        ("r,1,x", "amount", "is no number: 'x'"),
        ("r,1,", "amount", "is no number: ''"),
        ("r,1,1_0.00", "amount", "is no number: '1_0.00'"),
        ('r,1,"1,50"', "amount", "is no number: '1,50'"),
        ("r,1,NaN", "amount", "is no number: 'NaN'"),
        ("r,1,Infinity", "amount", "is no number: 'Infinity'"),
        ("r,1,1e999", "amount", "'1e999' is out of the range of a JSON number"),
        ("r,1,1e99999999999999999999", "amount", "is no number: '1e99999999999999999999'"),
        ("r,1,\u0661", "amount", "is no number: '\u0661'"),
        (",1,1", "reference", "must not be empty"),
        (" r,1,1", "reference", "must have no white space around it: ' r'"),
        *(
            (f"r,{text},1", "contact_id", f"must be a whole number at least 1, not {text!r}")
            for text in ("", "0", "-1", "+1", " 1", "01", "42.0", "1_2", "1e3", "\u0661", "x", "9" * 30)
        ),
        (f"r,{2**63},1", "contact_id", f"must be a whole number at least 1, not {2**63}"),
    ],
)
def test_a_bad_row_is_told_with_its_line(csv_file, row, argument, reason):
    assert problems(csv_file(f"{HEAD}good,1,1\n{row}\ngood too,1,1\n")) == [(3, argument, reason)]


STRAY = (
    "a stray quote: a quoted field is quoted as a whole, ends on its line, and doubles the quotes inside it"
)


@pytest.mark.parametrize(
    "row",
    [
        'r,1,"1',  # never closed: every other row would be a part of it
        'r,1,"1\nsecond,2,2\nthird,3,"3"',
        'r,"1\nsecond,2,2',
        'r"1,1,1',
        'r, "1",1',
        '"r"x,1,1',
        '"r""',
        '"',
    ],
)
def test_a_stray_quote_swallows_no_row(csv_file, row):
    found = problems(csv_file(f"{HEAD}good,1,1\n{row}\nbad,1,x\n"))
    assert found[0] == (3, None, STRAY)
    assert found[-1] == (3 + row.count("\n") + 1, "amount", "is no number: 'x'")


def test_a_pair_of_stray_quotes_does_not_mix_two_rows(csv_file):
    """To ``csv`` this is one good record: the first reference with the second amount."""
    text = 'reference,contact_id,note,amount\na,1,"x,5.00\nb,2,",6.00\n'
    assert len(list(csv.reader(text.splitlines(keepends=True), strict=True))) == 2
    assert problems(csv_file(text)) == [(2, None, STRAY), (3, None, STRAY)]


@given(
    st.lists(
        st.lists(st.text(st.characters(exclude_characters="\r\n\0", codec="utf-8")), min_size=3, max_size=3)
    )
)
def test_whatever_the_csv_module_writes_on_one_line_is_read(tmp_path_factory, notes):
    path = tmp_path_factory.getbasetemp() / "written.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["reference", "contact_id", "amount", "x", "y", "z"])
        writer.writerow(["first", 1, 1, "", "", ""])
        writer.writerows(["r", 1, 1, *each] for each in notes)
    assert len(list(read_csv(path, balance_definition_id=POINTS))) == 1 + len(notes)


@pytest.mark.parametrize(
    ("head", "argument", "reason"),
    [
        ("reference,contact_id\n", "amount", "column missing: amount; the header has reference, contact_id"),
        (
            "r-1,1,5.00\n",
            "reference",
            "column missing: reference, contact_id, amount; the header has r-1, 1, 5.00",
        ),
        ("reference,contact_id,amount,amount\n", "amount", "the column stands twice in the header: 'amount'"),
        ("reference,contact_id,amount,x,y,x\n", "x", "the column stands twice in the header: 'x'"),
        (
            "reference;contact_id;amount\n",
            None,
            "the columns are separated by semicolons: save it with commas",
        ),
        ("reference\tcontact_id\tamount\n", None, "the columns are separated by tabs: save it with commas"),
        ("reference|contact_id|amount\n", None, "the columns are separated by bars: save it with commas"),
        ("reference,contact_id,amount,eventTime\n", "eventTime", "is not a known name: write event_time"),
        ("reference,contact_id,amount, meta\n", " meta", "is not a known name: write meta"),
        ("Reference,contact_id,amount\n", "Reference", "is not a known name: write reference"),
        ('reference,contact_id,"amount\n', None, STRAY),
    ],
)
def test_a_bad_header(csv_file, head, argument, reason):
    assert problems(csv_file(f"{head}r,1,1,1\n")) == [(1, argument, reason)]


def test_the_definition_may_come_from_the_file_alone(csv_file):
    assert problems(csv_file(HEAD + "r,1,1\n", balance_definition_id=None)) == [
        (
            1,
            "balance_definition_id",
            (
                "column missing: balance_definition_id (or is given for the whole file); "
                "the header has reference, contact_id, amount"
            ),
        )
    ]
    own = f"reference,contact_id,amount,balance_definition_id\na,1,1,{OTHER}\n"
    assert [row.balance_definition_id for row in csv_file(own, balance_definition_id=None)] == [OTHER]
    assert problems(csv_file(own + "b,1,1,\n", balance_definition_id=None)) == [
        (3, "balance_definition_id", "is missing, and none was given for the file")
    ]
    assert problems(csv_file(own + "b,1,1,points\n")) == [
        (3, "balance_definition_id", "must be a UUID, not 'points'")
    ]


@pytest.mark.parametrize(
    ("column", "text", "reason"),
    [
        (
            "event_time",
            "yesterday",
            "must be ISO 8601 with an offset, as in 2026-01-31T12:00:00Z, not 'yesterday'",
        ),
        ("event_time", "2026-01-01T12:00:00", "must be ISO 8601 with an offset, as in 2026-01-31T12:00:00Z"),
        ("event_time", "0001-01-01T00:00:00+01:00", "must be in the years 1 to 9999 of UTC"),
        ("meta", "[1]", "must be a JSON object, not [1]"),
        ("meta", '"{""a"": 1"', "must be one JSON object on one line: Expecting ',' delimiter"),
        ("meta", '"{""a"": 1, ""a"": 2}"', "must be one JSON object on one line: the key 'a' stands twice"),
        ("meta", '"{""a"": NaN}"', "must be one JSON object on one line: NaN is not a number in JSON"),
        ("meta", "[" * 60_000, "must be one JSON object on one line: maximum recursion depth"),
        ("balance_expiry_in_minutes", "0", "must be a whole number at least 1, not '0'"),
        ("balance_expiry_in_minutes", "1.5", "must be a whole number at least 1, not '1.5'"),
    ],
)
def test_bad_optional_values(csv_file, column, text, reason):
    [(line, argument, why)] = problems(csv_file(f"reference,contact_id,amount,{column}\nr,1,1,{text}\n"))
    assert (line, argument) == (2, column)
    assert why.startswith(reason)


def test_a_program_that_lowers_the_limit_of_the_csv_module(csv_file):
    before = csv.field_size_limit(20)
    try:
        found = problems(csv_file(HEAD + "r,1,1\n" + "r" * 21 + ",1,1\nr,x,1\n"))
    finally:
        csv.field_size_limit(before)
    assert found == [
        (3, None, "field larger than field limit (20)"),
        (4, "contact_id", "must be a whole number at least 1, not 'x'"),
    ]


@pytest.mark.skipif(not REAL.exists(), reason="the real purchases are not on this machine")
def test_real_purchases():
    rows = read_csv(REAL, balance_definition_id=POINTS)
    total = defaultdict(Decimal)
    for row in rows:
        total[row.contact_id] += row.amount
    with REAL.open(newline="") as file:
        plain = list(csv.DictReader(file))
    expected = defaultdict(Decimal)
    for each in plain:
        expected[int(each["contact_id"])] += Decimal(each["amount"])
    assert total == expected
    assert [row.line for row in rows] == list(range(2, len(plain) + 2))
    assert sum(not row.amount for row in rows) == 8
    assert rows.ignored == ("quantity",)
