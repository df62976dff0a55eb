"""What follows from a failed attempt, as tables: every status, every kind of failure, every replay class."""

from __future__ import annotations

import pytest

from brevo_balance_async import (
    ConnectFailedError,
    DecodeError,
    InvalidRequestError,
    RateLimitedError,
    RequestTimeoutError,
    ResponseError,
    TransportError,
)
from brevo_balance_async.core.protocol import Endpoint, Replay
from brevo_balance_async.core.retry import Backoff, Budget, Verdict, judge, leaves_doubt, may_try_again

PLAIN = Endpoint("plain", "POST", "/loyalty/plain", Replay.UNSAFE, dict)
DOCUMENTS_424 = Endpoint("limit", "POST", "/loyalty/limit", Replay.UNSAFE, dict, refuses=frozenset({424}))

REFUSALS = {400, 401, 403, 404, 405, 406, 413, 415, 422}


def expected(status: int, explained: bool, refusals: set[int]) -> Verdict:
    if status in {425, 429}:
        return Verdict.NOT_SENT
    if status in refusals and explained:
        return Verdict.REFUSED
    return Verdict.UNCLEAR if status == 408 or status in range(500, 600) else Verdict.BROKEN


@pytest.mark.parametrize("endpoint", [PLAIN, DOCUMENTS_424], ids=lambda endpoint: endpoint.name)
@pytest.mark.parametrize("explained", [True, False], ids=["explained", "bare"])
def test_every_status(endpoint, explained):
    refusals = REFUSALS | endpoint.refuses
    for status in range(300, 600):
        kind = RateLimitedError if status == 429 else ResponseError
        verdict = judge(endpoint, kind("no", status=status, explained=explained))
        assert verdict is expected(status, explained, refusals), status


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (ConnectFailedError("no"), Verdict.NOT_SENT),
        (ConnectFailedError("no", retryable=False), Verdict.REFUSED),
        (TransportError("no", sent=False), Verdict.NOT_SENT),
        (TransportError("no", sent=True), Verdict.UNCLEAR),
        (RequestTimeoutError("no", phase="pool", sent=False), Verdict.NOT_SENT),
        (RequestTimeoutError("no", phase="answer", sent=True), Verdict.UNCLEAR),
        (DecodeError("no", garbled=True), Verdict.UNCLEAR),
        (DecodeError("no", garbled=False), Verdict.BROKEN),
        (InvalidRequestError("body", "no"), Verdict.REFUSED),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, Exception) else each.value,
)
def test_every_other_failure(error, verdict):
    assert judge(PLAIN, error) is verdict


AGAIN = {
    Verdict.NOT_SENT: set(Replay),
    Verdict.REFUSED: set(),
    Verdict.UNCLEAR: {Replay.READ, Replay.REPLAYABLE, Replay.GUARDED},
    Verdict.BROKEN: {Replay.GUARDED},
}
DOUBT = {
    Verdict.NOT_SENT: set(),
    Verdict.REFUSED: set(),
    Verdict.UNCLEAR: {Replay.UNSAFE, Replay.GUARDED},
    Verdict.BROKEN: {Replay.UNSAFE, Replay.GUARDED},
}


@pytest.mark.parametrize("verdict", Verdict)
def test_who_may_be_sent_again_and_who_is_left_in_doubt(verdict):
    assert {replay for replay in Replay if may_try_again(replay, verdict)} == AGAIN[verdict]
    assert {replay for replay in Replay if leaves_doubt(replay, verdict)} == DOUBT[verdict]


def test_the_backoff_doubles_up_to_its_bound_and_no_count_is_too_large():
    most = Backoff(random=lambda: 1.0)
    assert [most.delay(attempt) for attempt in range(1, 8)] == [0.5, 1, 2, 4, 8, 8, 8]
    assert most.delay(10**6) == 8
    half = Backoff(random=lambda: 0.5)
    assert [half.delay(attempt) for attempt in range(1, 8)] == [0.25, 0.5, 1, 2, 4, 4, 4]
    drawn = {Backoff().delay(5) for _ in range(100)}
    assert len(drawn) > 90
    assert all(0 <= delay < 8 for delay in drawn)


def taken(budget: Budget, limit: int | None) -> int:
    """How many retries there are, all of them taken."""
    number = 0
    while budget.take(limit):
        number += 1
        assert number < 10_000
    return number


@pytest.mark.parametrize(
    ("limit", "retries"), [(None, 10), (0, 10), (100, 10), (500, 10), (549, 10), (550, 11), (3600, 72)]
)
def test_the_budget_is_ten_or_two_percent_of_the_limit(limit, retries):
    assert taken(Budget(), limit) == retries


def test_ten_successes_give_one_retry_back_and_nine_none():
    budget = Budget()
    taken(budget, None)
    for _ in range(9):
        budget.succeeded()
    assert not budget.take(None)
    budget.succeeded()
    assert budget.take(None)
    assert not budget.take(None)


@pytest.mark.parametrize("spent", [0, 1])
def test_successes_save_up_no_more_than_the_whole_budget(spent):
    # A client that was well for a day has ten retries in an outage, not thousands.
    budget = Budget()
    for _ in range(spent):
        assert budget.take(None)
    for _ in range(10_000):
        budget.succeeded()
    assert taken(budget, None) == 10
