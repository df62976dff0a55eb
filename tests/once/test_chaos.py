"""The short form of ``chaos``: some kills on each database, in each mode."""

from __future__ import annotations

import pytest
from chaos import Chaos, Count, run


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("url", "mode", "processes"), [("postgres", "strict", 3), ("sqlite", "lean", 2)], indirect=["url"]
)
async def test_killed_processes_double_nothing_and_lose_nothing(url, mode, processes):
    count = await run(
        Chaos(journal=url, mode=mode, references=60, kills=5, processes=processes, faults=0.1, seed=1)
    )
    assert count == Count(doubled=0, lost=0, unknown=0, requests=count.requests)
    assert count.requests < (4.0 if mode == "strict" else 3.0)
