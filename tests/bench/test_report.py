"""The benchmark report from made-up figures: every promise judged, every file whole. No time is measured here."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def bench(monkeypatch):
    """The modules of the harness, and the figures of a run in which everything was measured as 2.0, twice."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    cases, report, chart = (importlib.import_module(name) for name in ("cases", "report", "chart"))
    everyone = list(cases.CONTENDERS)
    names = {
        **{f"posts, concurrency {each}": everyone for each in cases.CONCURRENCIES},
        **{f"CPU us a post, concurrency {each}": everyone for each in cases.CONCURRENCIES},
        report.DECODE: [cases.OURS, cases.HTTPX],
        report.JSON_LOADS: [cases.OURS, cases.HTTPX],
        report.WALK: cases.WALKERS,
        report.IMPORT: cases.IMPORTS,
        report.MEMORY: [cases.OURS],
    }
    results = {case: {name: cases.Series([2.0, 2.0]) for name in who} for case, who in names.items()}
    about = {name: {"python": "3.11", "packages": {"aiohttp": "3"}} for name in everyone}
    return cases, report, chart, results, about


def test_promises_are_judged_by_their_bounds(bench):
    cases, report, _, results, _ = bench
    met = {each.what: each.met for each in report.targets(results)}
    assert len(met) == 11
    assert met["POST, concurrency 50, against raw aiohttp + json"]
    assert not met["POST against the official SDK over httpx"]
    results[report.POSTS_50][cases.OURS] = cases.Series([1.0, 1.0])
    results[report.POSTS_50][cases.HTTPX] = cases.Series([0.1, 0.1])
    judged = {each.what: each for each in report.targets(results)}
    floor = judged["POST, concurrency 50, against raw aiohttp + json"]
    assert (floor.value, floor.met) == (0.5, False)
    assert "**missed**" in floor.row
    assert judged["POST against the official SDK over httpx"].met


def test_a_ratio_is_taken_round_by_round(bench):
    cases, *_ = bench
    # The machine was half as fast in the second round: the ratio does not see it.
    assert cases.Series([8.0, 4.0, 8.0]).against(cases.Series([4.0, 2.0, 4.0])) == 2.0


def test_rounds_alternate(bench):
    cases, *_ = bench
    assert "".join(cases.in_turn("abc", 3)) == "abccbaabc"


def test_files_are_whole(bench):
    cases, report, chart, results, about = bench
    told = json.loads(report.as_json(results, about, cases.FULL))
    assert told["results"]["posts, concurrency 50"][cases.OURS] == {"median": 2.0, "rounds": [2.0, 2.0]}
    assert len(told["targets"]) == 11
    table = report.as_markdown(results, about, cases.FULL)
    assert all(name in table for name in cases.CONTENDERS)
    svg = ET.fromstring(chart.as_svg(results))
    shown = {text.text for text in svg.iter("{http://www.w3.org/2000/svg}text")}
    assert {"Credits begun per second", "Import time", "ours", "official 5.1"} <= shown


@pytest.mark.skipif(
    not {"BREVO5_PYTHON", "BREVO1_PYTHON"} <= os.environ.keys(),
    reason="BREVO5_PYTHON and BREVO1_PYTHON name no interpreters with the official SDKs",
)
def test_the_quick_run_writes_all_files(tmp_path):
    run = [sys.executable, BENCHMARKS / "run.py", "--quick", "--out", tmp_path]
    # The scripts find each other beside themselves.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    subprocess.run(run, check=True, capture_output=True, env=env)
    assert {each.name for each in tmp_path.iterdir()} == {"results.md", "results.json", "chart.svg"}
