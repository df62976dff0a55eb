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
@pytest.mark.parametrize("trouble", ["outage", "epoch"])
def test_neither_outages_nor_resets_that_are_moments_keep_anybody_out(kind, processes, trouble):
    result = simulate(kind, 600, processes, hours=2, trouble=trouble)
    assert result.live_served == result.live - result.live_lost, result.line()
    assert (result.live_429, result.live_refused, result.bulk_429) == (0, 0, 0), result.line()
    assert result.used >= (0.80 if trouble == "epoch" else 0.70), result.line()


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_that_refuses_without_a_word_is_not_stormed(kind):
    result = simulate(kind, 600, 4, hours=2, trouble="headerless")
    assert result.bulk_429 + result.live_429 <= 2 * 4 * 30, result.line()
    assert result.used >= 0.95, result.line()


@pytest.mark.parametrize("trouble", ["burst", "bare"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_short_retry_after_or_none_costs_seconds_and_not_the_hour(kind, trouble):
    result = simulate(kind, 600, 1, hours=2, trouble=trouble)
    assert result.live_served == result.live, result.line()
    assert 0 < result.bulk_429 <= 2 * 20, result.line()
    assert result.used >= 0.80, result.line()


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
