"""The two lines that are shown of a run, at every width, and what happens to them when the terminal is resized."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from rich.console import Console

from brevo_balance_async import QuotaState
from brevo_balance_async.cli.dashboard import Dashboard
from brevo_balance_async.importer import Report, Waiting

SETTLED = {"applied": 1_200_000, "refused": 20_000, "unknown": 300, "open": 2_000_000, "repeated": 0}


def dashboard(waiting=None):
    report = Report(**SETTLED, requests=2_400_000, seconds=90_000.0, differing=0)
    run = SimpleNamespace(loaded=True, report=report, waiting=waiting)
    quota = QuotaState(limit=100_000, remaining=90_000, resets_in=1_800.0, observed_at=datetime.now(UTC))
    return Dashboard(run, SimpleNamespace(quota=quota), 2, 0.2, lambda _: None)


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
