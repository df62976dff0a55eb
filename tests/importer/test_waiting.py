"""When a run looks again: what is due, what others are at, what time does not settle."""

from __future__ import annotations

from brevo_balance_async.importer.waiting import Looks
from brevo_balance_async.journal.batches import LeftOver


def looks():
    return Looks(lease=30.0, slowest=7_800.0)


def test_nothing_is_waited_for_where_nothing_is_open_or_only_a_person_can_help():
    assert looks().wait(LeftOver(), settled=True) is None
    assert looks().wait(LeftOver(parked=3), settled=True) is None


def test_what_has_fallen_due_meanwhile_goes_at_once():
    assert looks().wait(LeftOver(due=1, later=1, next_in=300.0), settled=True) == 0.0


def test_the_next_row_that_falls_due_is_waited_for():
    assert looks().wait(LeftOver(later=2, next_in=290.0), settled=True) == 290.0
    assert looks().wait(LeftOver(due=5, later=2, next_in=290.0), settled=False) == 290.0


def test_looks_that_settle_nothing_come_at_growing_pauses():
    waits = looks()
    row = LeftOver(later=1, next_in=0.5)
    assert [waits.wait(row, settled=False) for _ in range(12)] == [*(2.0**n for n in range(10)), 600.0, 600.0]
    assert waits.wait(row, settled=True) == 0.5
    assert waits.wait(row, settled=False) == 1.0


def test_another_process_is_looked_after_three_times_a_lease():
    waits = looks()
    taken = LeftOver(taken=1, later=1, next_in=3.0)
    assert [waits.wait(taken, settled=False) for _ in range(4)] == [1.0, 2.0, 3.0, 3.0]
    assert [waits.wait(LeftOver(taken=1), settled=False) for _ in range(3)] == [10.0, 10.0, 10.0]


def test_what_time_does_not_settle_is_given_up_after_twice_the_slowest_way():
    waits, seconds = looks(), 0.0
    while (wait := waits.wait(LeftOver(due=4, later=1, next_in=25.0), settled=False)) is not None:
        seconds += wait
    assert 2 * 7_800 < seconds <= 2 * 7_800 + 600
    assert waits.wait(LeftOver(later=1, next_in=25.0), settled=False) is None


def test_a_process_that_is_alive_is_never_given_up():
    waits = looks()
    assert all(waits.wait(LeftOver(taken=1), settled=False) for _ in range(10_000))
    assert waits.wait(LeftOver(later=1, next_in=1.0), settled=False) is not None
