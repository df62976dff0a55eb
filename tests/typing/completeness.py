"""Every public symbol has a declared type: ``pyright --verifytypes`` with all that it finds printed.

Run by ``nox -s types``. pyright looks for the libraries of the ``python`` that is first in the path.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

PACKAGE = "brevo_balance_async"
LEAST = 3_000  # symbols; far fewer mean that pyright did not see the package


def report() -> dict[str, Any]:
    """What pyright says about the package."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    run = subprocess.run(
        [sys.executable, "-m", "pyright", "--verifytypes", PACKAGE, "--ignoreexternal", "--outputjson"],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        found: dict[str, Any] = json.loads(run.stdout)["typeCompleteness"]
    except (ValueError, KeyError):
        sys.exit(f"pyright did not see the package:\n{run.stdout}{run.stderr}")
    return found


def problems(found: dict[str, Any]) -> list[str]:
    """One line for each symbol without a declared type; those that others only follow from come first."""
    lines = [
        f"{symbol['name']}: {' '.join(each['message'].split())}"
        for symbol in found["symbols"]
        if symbol["isExported"] and not symbol["isTypeKnown"]
        for each in symbol["diagnostics"]
        if each["severity"] == "error"
    ]
    return sorted(lines, key=lambda line: "partially unknown" in line)


def main() -> None:
    """Exit with 1 unless pyright saw the package and the score is 100 %."""
    found = report()
    counts = found["exportedSymbolCounts"]
    symbols = sum(counts.values())
    print(f"{symbols} symbols, {counts['withKnownType']} with a known type")
    for problem in problems(found):
        print(problem)
    if symbols < LEAST or found["completenessScore"] < 1:
        sys.exit(1)


if __name__ == "__main__":
    main()
