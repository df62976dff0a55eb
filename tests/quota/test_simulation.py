"""A reduced form of the simulation in ``benchmarks/quota.py``, with the numbers it must reach."""

from __future__ import annotations

import pytest
from quota import KINDS, simulate, simulate_client


def hold(result):
    assert result.live > 100
    assert (result.live_served, result.live_429, result.live_refused) == (result.live, 0, 0), result.line()
    assert result.bulk_429 <= result.hours, result.line()
    assert result.used >= 0.80, result.line()


@pytest.mark.parametrize("processes", [1, 4, 10])
@pytest.mark.parametrize("kind", KINDS)
def test_live_is_served_bulk_is_quiet_and_the_account_is_used(kind, processes):
    hold(simulate(kind, 600, processes, seed=processes))


@pytest.mark.parametrize("processes", [1, 4])
@pytest.mark.parametrize("kind", KINDS)
def test_the_largest_plan(kind, processes):
    hold(simulate(kind, 3600, processes, hours=2))


@pytest.mark.parametrize("processes", [1, 4])
@pytest.mark.parametrize("kind", KINDS)
def test_the_same_through_whole_clients(kind, processes):
    # With a request loop around the gate that loses answers and is cancelled anywhere.
    result = simulate_client(kind, 600, processes, hours=3)
    hold(result)
    assert result.left_behind == 0
    assert result.others == pytest.approx(result.live, abs=3)  # other routes were not held by this quota


def test_the_simulation_shows_what_goes_wrong_without_the_gate():
    peer = simulate("first", 600, 1, hours=1, peer=True)
    assert peer.live_served / peer.live < 0.2
    assert peer.bulk_429 > 5_000
