"""What is shown to people: tables that fit their terminal, sums that can be seen, text that stays text."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
import unicodedata
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace

import pytest

from brevo_balance_async import TransactionRecord
from brevo_balance_async.cli.cells import csv_line
from brevo_balance_async.cli.history import history
from brevo_balance_async.cli.output import export
from brevo_balance_async.cli.sparkline import Sparkline

COLUMNS = ("id", "created_at", "amount", "status", "transaction_type", "meta")
STYLE = re.compile("\x1b\\[[0-9;]*m")


class Screen(io.StringIO):
    """A terminal for stdout."""

    encoding = "utf-8"

    def isatty(self):
        return True


@pytest.fixture
def table(monkeypatch):
    """Lines of a table of records on a terminal so many columns wide."""

    async def lines(records, columns, names=COLUMNS):
        screen = Screen()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", screen)
            patch.setenv("COLUMNS", str(columns))
            patch.setenv("TERM", "xterm")
            await export(pages(records), TransactionRecord, names, "table")
        return STYLE.sub("", screen.getvalue()).splitlines()

    return lines


def pages(*records):
    class Pages:
        async def pages(self):
            for page in records:
                yield SimpleNamespace(items=page, count=sum(map(len, records)))

    return Pages()


def record(number, **changes):
    return TransactionRecord(
        **{
            "id": f"00000000-5eed-4000-8000-{number:012x}",
            "created_at": datetime(2026, 11, 26, 20, 22, 56, 123456, UTC),
            "amount": Decimal("12.34"),
            "status": "completed",
            "transaction_type": "credit",
            "meta": {"row": number},
            **changes,
        }
    )


def columns_of(text):
    """Columns of a terminal, counted in another way than the command does it."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.combining(c) > 0 for c in text)


async def test_a_wide_terminal_shows_everything(table, capsys):
    head, row = await table([record(1)], 200)
    assert head.split("  ")[0] == "id"
    assert row.endswith('12.34  completed  credit            {"row": 1}')
    assert "2026-11-26 20:22:56Z" in row
    assert capsys.readouterr().err == ""


async def test_at_80_columns_the_last_columns_are_left_out_and_named(table, capsys):
    lines = await table([record(1), record(2, amount=Decimal(-1234567))], 80)
    assert [columns_of(line) <= 80 for line in lines] == [True] * 3
    assert lines[1].split() == [record(1).id, "2026-11-26", "20:22:56Z", "12.34", "completed"]
    assert lines[2].split()[3] == "-1234567"
    assert capsys.readouterr().err == (
        "brevo-balance: no room for meta, transaction type; --output json shows all\n"
    )


@pytest.mark.parametrize("columns", [30, 40, 60, 79, 80, 81, 100, 120])
async def test_no_line_is_wider_than_the_terminal(table, columns):
    records = [record(1, meta={"name": "日本語のポイント" * 9}), record(2, status="é" * 50)]
    lines = await table(records, columns)
    assert len(lines) == 3
    assert all(columns_of(line) <= columns for line in lines)
    assert all("12.34" in line for line in lines[1:])  # a number is never cut


async def test_wide_and_combining_characters_align(table):
    names = ["ascii", "日本語", "e\u0301te\u0301", "日e\u0301", "🎁 gift"]
    _, *lines = await table([record(1, status=name) for name in names], 200)
    starts = {columns_of(line[: line.index("credit")]) for line in lines}
    assert len(starts) == 1


async def test_a_wider_number_of_a_later_page_shifts_its_own_row_only(capsys):
    big = Decimal("12345678901234567890.12")
    await export(pages([record(1)], [record(2, amount=big)]), TransactionRecord, ("amount", "id"), "table")
    first, second = capsys.readouterr().out.splitlines()[1:]
    assert first == f" 12.34  {record(1).id}"
    assert second == f"{big}  {record(2).id}"


@pytest.mark.parametrize("output", ["table", "json", "jsonl", "csv"])
async def test_a_lone_surrogate_does_not_end_an_export(capsysbinary, output):
    records = [record(1, meta={"name": "\ud800"}, reject_reason="\udfff"), record(2)]
    await export(pages(records), TransactionRecord, COLUMNS, output)
    sys.stdout.flush()
    out = capsysbinary.readouterr().out.decode("utf-8")
    assert record(2).id in out
    match output:
        case "json":
            assert json.loads(out)[0]["reject_reason"] == "\udfff"
        case "jsonl":
            assert json.loads(out.splitlines()[0])["meta"] == {"name": "\ud800"}
        case "csv":
            assert next(csv.DictReader(io.StringIO(out)))["reject_reason"] == "\\udfff"


@pytest.mark.parametrize(
    "values",
    [
        ["plain", "with, comma", 'with "quotes"', ""],
        ["\r", "\n", "\r\n", "a\rb"],
        ["\r", '"', '"\r"', ","],
        ["tab\t", " space ", "é", "\x0b\x0c\x1c\x85\u2028"],
    ],
)
def test_a_line_of_csv_is_read_back_as_it_was(values):
    (row,) = csv.reader(io.StringIO(csv_line(values), newline=""), strict=True)
    assert row == values


def test_a_bare_carriage_return_is_quoted():
    assert csv_line(["a\rb", "c"]) == '"a\rb",c\n'


MARKUP = "[red]x[/red] [/] :smile: [link=file:///]y[/link]"


async def test_markup_in_a_record_is_text(table, capsys):
    (_, row) = await table([record(1, status=MARKUP)], 200)
    assert MARKUP in row


@pytest.mark.parametrize("arguments", [(MARKUP,), ("definitions", MARKUP), ("doctor", "--output", MARKUP)])
def test_markup_in_an_argument_is_text(cli, arguments):
    done = cli(*arguments)
    assert done.code == 2
    assert MARKUP in done.err
    assert "Traceback" not in done.err


# Sparklines.


def test_a_sparkline_goes_up_and_down_with_the_sum():
    line = Sparkline(backwards=False)
    for amount in (10, 10, -20, 40, -5):
        line.add(Decimal(amount))
    assert line.total == 35
    assert line.text(40) == "▁▂▄▁█▇"


def test_newest_first_it_is_the_same_line():
    line = Sparkline(backwards=True)
    for amount in (-5, 40, -20, 10, 10):
        line.add(Decimal(amount))
    assert line.text(40) == "▁▂▄▁█▇"


@pytest.mark.parametrize("amounts", [[], [0], [0, 0]])
def test_nothing_is_a_flat_line(amounts):
    line = Sparkline(backwards=True)
    for amount in amounts:
        line.add(Decimal(amount))
    assert line.text(40) == "▁" * (len(amounts) + 1)


@pytest.mark.parametrize("backwards", [False, True])
def test_a_long_history_takes_little_memory_and_one_line(backwards):
    line = Sparkline(backwards=backwards)
    for _ in range(10_000):
        line.add(Decimal(1))
    shown = line.text(30)
    assert len(line._points) <= 128
    assert len(shown) == 30
    assert shown == "".join(sorted(shown))
    assert (shown[0], shown[-1]) == ("▁", "█")


def test_history_on_a_terminal_ends_with_the_sum(cli, api, monkeypatch):
    screen = Screen()
    monkeypatch.setattr(sys, "stdout", screen)
    from .conftest import POINTS, PROGRAM

    done = cli("history", "--program", PROGRAM, "--definition", POINTS, "--contact=7", "--limit=3")
    assert done.code == 0
    assert screen.getvalue().endswith("\n\ncompleted rows add up to 37.02  ▁▃▅█\n")


def test_its_docstring_says_so():
    assert "sum of its completed rows" in history.__doc__
