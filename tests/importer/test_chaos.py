"""The short form of ``importer_chaos``: made-up rows, some kills, each mode."""

from __future__ import annotations

import random

import pytest
from importer_chaos import Cell, run


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("mode", "processes"), [("strict", 2), ("lean", 1)])
async def test_an_import_that_is_killed_credits_every_row_once(tmp_path, mode, processes):
    rng = random.Random(5)
    rows = [f"order-{n},{rng.randint(1, 40)},{rng.randint(0, 9_999) / 100:.2f}" for n in range(150)]
    file = tmp_path / "rows.csv"
    file.write_text("\n".join(["reference,contact_id,amount", *rows, "free,1,0.00"]) + "\n")
    journal = str(tmp_path / "journal.db")
    cell = Cell(file=file, journal=journal, mode=mode, kills=4, processes=processes, seed=1, settle=3.0)
    count = await run(cell)
    assert (count.doubled, count.lost, count.unknown, count.wrong_balances) == (0, 0, 0, 0)
    assert count.kills > 0
    assert count.requests < (4.0 if mode == "strict" else 3.0)
