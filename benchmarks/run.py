"""All benchmarks in one run: table, JSON and chart.

    python benchmarks/run.py            # some minutes, into benchmarks/results
    python benchmarks/run.py --quick    # a smoke test, into build/benchmarks; its figures mean nothing

Peers run in environments of their own: the interpreters that BREVO5_PYTHON and BREVO1_PYTHON name, else
environments made under build/.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cases
import chart
import environments
import report

HERE = Path(__file__).resolve().parent
BUILD = HERE.parent / "build"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a smoke test of some seconds")
    parser.add_argument("--out", type=Path, help="where the files go")
    arguments = parser.parse_args()
    size = cases.QUICK if arguments.quick else cases.FULL
    out = arguments.out or (BUILD / "benchmarks" if arguments.quick else HERE / "results")
    out.mkdir(parents=True, exist_ok=True)
    results, about = cases.measure(size, environments.interpreters(BUILD / "environments"))
    table = report.as_markdown(results, about, size)
    (out / "results.md").write_text(table, encoding="utf-8")
    (out / "results.json").write_text(report.as_json(results, about, size), encoding="utf-8")
    (out / "chart.svg").write_text(chart.as_svg(results), encoding="utf-8")
    print(f"\n{table}\nwritten to {out}")


if __name__ == "__main__":
    main()
