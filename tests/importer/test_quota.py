"""A reduced form of ``benchmarks/importing.py``: hours of an import in virtual time."""

from __future__ import annotations

import pytest
from importing import simulate


@pytest.mark.parametrize("kind", ["fixed", "sliding"])
def test_an_import_uses_its_share_of_the_quota_and_takes_as_long_as_planned(kind):
    alone = simulate(kind, 120, 300)
    assert alone.applied == 300
    assert alone.requests == 600
    assert alone.share >= (0.95 if kind == "fixed" else 0.85), alone.line()
    assert alone.planned == pytest.approx(alone.hours, rel=0.1), alone.line()
    assert alone.refused <= alone.hours, alone.line()
    assert alone.expired == 0


@pytest.mark.parametrize("kind", ["fixed", "sliding"])
def test_live_calls_beside_an_import_are_all_served(kind):
    beside = simulate(kind, 600, 300, live=True)
    assert beside.applied == 300
    assert beside.live_served == beside.live > 50, beside.line()
    assert beside.refused <= beside.hours + 1, beside.line()
    assert beside.expired == 0
