"""The simulated listing is in ``tests/listings.py``; virtual time lives with the benchmarks."""

from __future__ import annotations

import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
for shared in (TESTS, TESTS.parent / "benchmarks"):
    sys.path.insert(0, str(shared))
