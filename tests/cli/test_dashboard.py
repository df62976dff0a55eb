"""The two lines that are shown of a run, at every width, and what happens to them when the terminal is resized."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from attrs import evolve
from rich.console import Console

from brevo_balance_async import QuotaState
from brevo_balance_async.cli.dashboard import Dashboard
from brevo_balance_async.importer import Report, Waiting

SETTLED = {"applied": 1_200_000, "refused": 20_000, "unknown": 300, "open": 2_000_000, "repeated": 0}


def dashboard(waiting=None, *, known=True):
    report = Report(**SETTLED, requests=2_400_000, seconds=90_000.0, differing=0)
    run = SimpleNamespace(loaded=True, report=report, waiting=waiting)
    quota = QuotaState(limit=100_000, remaining=90_000, resets_in=1_800.0, observed_at=datetime.now(UTC))
    return Dashboard(run, SimpleNamespace(quota=quota if known else None), 2, 0.2, lambda _: None)


def later(shown, seconds, settled):
    """What it shows ``seconds`` later, when ``settled`` more rows are settled."""
    report = shown._run.report
    shown._run.report = evolve(
        report, seconds=report.seconds + seconds, applied=report.applied + settled, open=report.open - settled
    )
    return shown.values()


def drawn(shown, width):
    out = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None, highlight=False)
    out.print(shown)
    return out.file.getvalue()


@pytest.mark.parametrize("width", [1, 10, 40, 80, 200])
def test_two_lines_fit_the_terminal(width):
    lines = drawn(dashboard(), width).splitlines()
    assert len(lines) == 2
    assert max(map(len, lines)) < max(width, 2)


def test_what_it_waits_for_stands_in_the_second_line():
    waiting = Waiting(seconds=240.0, unsettled=3, behind=12, taken=0)
    first, second = drawn(dashboard(waiting), 200).splitlines()
    assert first == "  1,220,000 of 3,220,300 done, 20,000 refused, 300 unknown"
    assert second == "  next look in 4 min: 3 not settled yet, 12 behind those"


@pytest.mark.parametrize(("width", "rows"), [(200, 0), (79, 0), (50, 2), (30, 3)])
def test_lines_that_a_narrower_terminal_has_wrapped_are_erased(width, rows):
    shown = dashboard()
    widths = [len(line) for line in drawn(shown, 80).splitlines()]
    assert sum((each - 1) // width for each in widths) == rows
    terminal = Console(file=io.StringIO(), width=width, force_terminal=True)
    shown._resized(terminal)
    assert terminal.file.getvalue() == "\x1b[2K\x1b[1A" * rows


def test_the_end_is_estimated_from_the_quota_until_an_hour_was_measured():
    shown = dashboard()
    # 4,000,600 requests: 70,000 before the reset in half an hour, the others at 80,000 an hour.
    assert shown.values()["eta"] == pytest.approx(1_800 + 3_930_600 / 80_000 * 3_600)
    half = later(shown, 1_800, 1_000)
    assert half["rate"] == pytest.approx(2_000)
    assert half["eta"] == pytest.approx(1_800 + 3_928_600 / 80_000 * 3_600)
    # Others use most of the quota: 2,000 rows in the last 1,801 seconds; what was before is no longer in the sample.
    hour = later(shown, 1_801, 2_000)
    assert hour["rate"] == pytest.approx(2_000 / 1_801 * 3_600)
    assert hour["eta"] == pytest.approx(1_997_300 / 2_000 * 1_801)


def test_the_end_is_estimated_from_the_rate_where_no_quota_is_known():
    shown = dashboard(known=False)
    assert (shown.values()["rate"], shown.values()["eta"]) == (None, None)
    assert later(shown, 0.0, 0)["eta"] is None
    assert later(shown, 60, 50)["eta"] == pytest.approx(2_000_250 / 50 * 60)


def test_rows_that_were_settled_before_this_run_are_no_rate():
    shown = dashboard(known=False)
    shown.values()
    shown._run.report = evolve(shown._run.report, repeated=500)
    assert later(shown, 60, 500)["rate"] == 0
