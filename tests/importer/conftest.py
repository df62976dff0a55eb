"""Files of entries, written as bytes, and what becomes of them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from brevo_balance_async import InputFileError
from brevo_balance_async.importer import read_csv, read_jsonl

HERE = Path(__file__).parent
for shared in (HERE.parent, HERE.parents[1] / "benchmarks"):
    if str(shared) not in sys.path:
        sys.path.insert(0, str(shared))

POINTS = "7c1f0f0e-52a1-4c2e-9a55-0d3b7c9f1a10"


def problems(rows):
    """What is wrong, as (line, argument, reason)."""
    with pytest.raises(InputFileError) as caught:
        for _ in rows:
            pass
    return [tuple(problem) for problem in caught.value.problems]


@pytest.fixture
def csv_file(tmp_path):
    """``csv_file("a,b\\n")`` writes a file and gives its entries."""

    def write(content, **options):
        path = tmp_path / "rows.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_csv(path, **{"balance_definition_id": POINTS, **options})

    return write


@pytest.fixture
def jsonl_file(tmp_path):
    def write(content, **options):
        path = tmp_path / "rows.jsonl"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_jsonl(path, **{"balance_definition_id": POINTS, **options})

    return write
