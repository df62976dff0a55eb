"""The state of one call, without a server: what time is left, what a failure means, which error is raised in the end.

What follows over the network is in ``tests/faults``; here are the exact bounds.
"""

from __future__ import annotations

import asyncio

import pytest

from brevo_balance_async import (
    BalanceError,
    ClientStateError,
    ConflictError,
    ConnectFailedError,
    DecodeError,
    InvalidRequestError,
    NotFoundError,
    OutcomeUnknownError,
    QuotaWaitError,
    RateLimitedError,
    RequestTimeoutError,
    ServerError,
    TransportError,
    UnprocessableError,
)
from brevo_balance_async.config import Options
from brevo_balance_async.core.call import Call
from brevo_balance_async.core.protocol import Endpoint, Progress, Replay, build
from brevo_balance_async.core.retry import Verdict

START = 2.0
"""What the clock shows when the call begins. Small, so that a remainder is no difference."""
METHODS = {Replay.READ: "GET", Replay.REPLAYABLE: "PUT", Replay.GUARDED: "POST", Replay.UNSAFE: "POST"}
ONCE = {Replay.UNSAFE, Replay.GUARDED}


def make(
    replay: Replay = Replay.READ, *, path: str = "/loyalty/it/{it_id}", method: str = "", **options: object
) -> Call[dict]:
    """A call whose first attempt has its credentials."""
    endpoint = Endpoint("it", method or METHODS[replay], path, replay, dict, look_for="look at it")
    ids = ("7",) if "{" in path else ()
    call = Call(endpoint, build("http://127.0.0.1/v3", endpoint, ids, None, None), Options(**options), START)
    call.headers = {"api-key": "key"}
    call.attempt = call.tries = 1
    return call


def lost() -> TransportError:
    return TransportError("the answer was lost", sent=True)


def not_sent() -> ConnectFailedError:
    return ConnectFailedError("no connection; nothing was sent")


def answered(kind=ServerError, status=503, *, wait: str | None = None, explained: bool = False):
    headers = {} if wait is None else {"retry-after": wait}
    return kind("no", status=status, headers=headers, explained=explained)


def limited(wait: float | None = None) -> RateLimitedError:
    return RateLimitedError("slow down", status=429, retry_after=wait)


def test_a_call_begins_with_nothing_made_nothing_sent_and_nothing_in_doubt():
    endpoint = Endpoint("it", "GET", "/loyalty/it", Replay.READ, dict)
    call = Call(endpoint, build("http://127.0.0.1/v3", endpoint, (), None, None), Options(), START)
    assert (call.attempt, call.tries, call.waited) == (0, 0, 0)
    assert (call.headers, call.doubt, call.refused) == (None, None, None)
    assert (call.renewed, call.ended, call.progress.sent) == (False, False, False)


# Time ----------------------------------------------------------------------------------------------------------------


def test_time_is_left_until_the_deadline_and_none_at_it():
    call = make(timeout=5)
    assert [call.left(START), call.left(START + 3), call.left(START + 4.75)] == [5.0, 2.0, 0.25]
    for late in (5, 6, 100):
        with pytest.raises(RequestTimeoutError, match="nothing was sent") as caught:
            call.left(START + late)
        assert (caught.value.phase, caught.value.sent, caught.value.applied) == ("pool", False, False)


def test_without_a_timeout_there_is_always_time():
    assert make(timeout=None).left(START + 10**9) is None


def test_quota_may_be_waited_for_until_max_wait_is_used_up_in_all():
    call = make(timeout=None, max_wait=10)
    assert call.quota_wait(START) == 10
    call.waited_for_quota(4)
    assert call.quota_wait(START + 4) == 6
    call.waited_for_quota(5)
    assert call.quota_wait(START + 9) == 1
    call.waited_for_quota(3)  # a timer that came late
    assert call.quota_wait(START + 12) == 0
    assert call.left(START + 12) is None


def test_and_until_the_deadline():
    call = make(timeout=5, max_wait=10)
    assert [call.quota_wait(START + passed) for passed in (0, 3, 5, 7)] == [5, 2, 0, 0]
    call.waited_for_quota(3)
    assert call.left(START + 3) == 2  # the wait counts against the timeout
    call.waited_for_quota(6)
    assert call.quota_wait(START) == 1


def test_who_waits_as_long_as_it_takes_does_not_pay_with_the_timeout():
    call = make(timeout=5, max_wait=None)
    for number in (1, 2):
        assert call.quota_wait(START + 100 * number) is None
        call.waited_for_quota(100)
        assert call.left(START + 100 * number) == 5
    patient = make(timeout=None, max_wait=None)
    patient.waited_for_quota(100)
    assert patient.left(START + 100) is None


@pytest.mark.parametrize(
    ("max_wait", "reserve", "paced"),
    [(None, 0.0, False), (None, 0.001, True), (None, 0.5, True), (10, 0.0, False), (10, 0.5, False)],
)
@pytest.mark.parametrize("replay", Replay)
def test_bulk_is_paced_and_completes_go_first(replay, max_wait, reserve, paced):
    call = make(replay, max_wait=max_wait, reserve=reserve)
    assert call.priority == (reserve, paced, replay is Replay.GUARDED)


# The next attempt ----------------------------------------------------------------------------------------------------


def test_there_are_as_many_attempts_as_allowed():
    call = make(max_attempts=3)
    for call.tries, delay in ((1, 0.5), (2, 0.5), (3, None), (4, None)):
        assert call.next_delay(lost(), Verdict.UNCLEAR, 0.5, START) == delay


@pytest.mark.parametrize("replay", Replay)
def test_what_must_not_be_sent_again_has_no_next_attempt(replay):
    call = make(replay)
    assert call.next_delay(not_sent(), Verdict.NOT_SENT, 0.5, START) == 0.5
    again = None if replay is Replay.UNSAFE else 0.5
    assert call.next_delay(lost(), Verdict.UNCLEAR, 0.5, START) == again
    again = 0.5 if replay is Replay.GUARDED else None
    assert call.next_delay(answered(ConflictError, 409), Verdict.BROKEN, 0.5, START) == again
    refused = answered(UnprocessableError, 422, explained=True)
    assert call.next_delay(refused, Verdict.REFUSED, 0.5, START) is None


@pytest.mark.parametrize(("max_attempts", "goes_on"), [(1, False), (2, True), (3, True)])
def test_who_waits_as_long_as_it_takes_is_not_counted_out_by_429s(max_attempts, goes_on):
    for path in ("/loyalty/it", "/contacts"):
        call = make(path=path, max_wait=None, max_attempts=max_attempts)
        call.tries = 50
        assert (call.next_delay(limited(), Verdict.NOT_SENT, 0.5, START) is not None) is goes_on
        assert call.next_delay(not_sent(), Verdict.NOT_SENT, 0.5, START) is None  # only by 429s
        hasty = make(path=path, max_wait=10, max_attempts=max_attempts)
        hasty.tries = 50
        assert hasty.next_delay(limited(), Verdict.NOT_SENT, 0.5, START) is None


def test_after_a_429_the_gate_decides_how_long_where_the_quota_counts_the_call():
    here, elsewhere = make(timeout=5, max_wait=1), make(timeout=5, max_wait=1, path="/contacts")
    assert here.queues(limited(100))
    assert here.next_delay(limited(100), Verdict.NOT_SENT, 0.5, START) == 0.0
    assert not here.queues(answered())
    assert not elsewhere.queues(limited(100))
    assert elsewhere.next_delay(limited(100), Verdict.NOT_SENT, 0.5, START) is None
    here.headers = None  # the token endpoint said it, which has no gate
    assert not here.queues(limited(100))
    assert here.next_delay(limited(100), Verdict.NOT_SENT, 0.5, START) is None


@pytest.mark.parametrize("error", [answered(wait="4"), limited(4)], ids=["503", "429"])
def test_what_the_server_asks_to_wait_adds_up_to_max_wait_and_no_further(error):
    call = make(path="/contacts", timeout=None, max_wait=12, max_attempts=9)
    verdict = Verdict.NOT_SENT if isinstance(error, RateLimitedError) else Verdict.UNCLEAR
    delays = [call.next_delay(error, verdict, 0.5, START) for _ in range(4)]
    assert delays == [4.5, 4.5, 4.5, None]  # twelve seconds are just allowed
    assert call.quota_wait(START) == 0


def test_a_wait_at_the_gate_and_one_after_an_answer_are_counted_together():
    call = make(timeout=None, max_wait=10)
    call.waited_for_quota(7)
    assert call.next_delay(answered(wait="3.25"), Verdict.UNCLEAR, 0.5, START) is None
    assert call.next_delay(answered(wait="3"), Verdict.UNCLEAR, 0.5, START) == 3.5


def test_a_wait_that_would_end_at_the_deadline_is_not_begun():
    call = make(timeout=5)
    assert call.next_delay(lost(), Verdict.UNCLEAR, 5.25, START) is None
    assert call.next_delay(lost(), Verdict.UNCLEAR, 5.0, START) is None
    assert call.next_delay(lost(), Verdict.UNCLEAR, 4.75, START) == 4.75
    assert call.next_delay(lost(), Verdict.UNCLEAR, 3.0, START + 2) is None
    assert call.next_delay(lost(), Verdict.UNCLEAR, 2.75, START + 2) == 2.75
    asked = make(timeout=5)
    assert asked.next_delay(answered(wait="4.5"), Verdict.UNCLEAR, 0.5, START) is None  # never shortened
    assert make(timeout=5).next_delay(answered(wait="4"), Verdict.UNCLEAR, 0.5, START) == 4.5
    assert make(timeout=None).next_delay(lost(), Verdict.UNCLEAR, 10.0**6, START) == 10.0**6


def test_who_waits_as_long_as_it_takes_has_as_much_time_after_a_wait_that_was_asked_for():
    call = make(timeout=5, max_wait=None)
    assert call.next_delay(answered(wait="100"), Verdict.UNCLEAR, 0.5, START) == 100.5
    assert call.left(START + 100.5) == 5
    # The backoff is ours, so it counts.
    assert call.next_delay(lost(), Verdict.UNCLEAR, 5.0, START + 100.5) is None


# After doubt ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [NotFoundError, UnprocessableError])
def test_a_refusal_without_explanation_ends_a_guarded_write_that_is_in_doubt(kind):
    bare = answered(kind, 404)
    call = make(Replay.GUARDED)
    call.verdict(bare)
    assert call.doubt is bare
    assert call.next_delay(bare, Verdict.BROKEN, 0.5, START) == 0.5  # it is the doubt itself
    call = make(Replay.GUARDED)
    call.verdict(lost())
    assert call.next_delay(bare, Verdict.BROKEN, 0.5, START) is None
    assert call.next_delay(answered(ConflictError, 409), Verdict.BROKEN, 0.5, START) == 0.5


CLEAR_ONCE_SENT = [
    answered(),
    answered(NotFoundError, 404, explained=True),
    limited(),
    DecodeError("no JSON"),
    lost(),
    RequestTimeoutError("too late", phase="answer", sent=True),
]
NO_CLAIM_ONCE_SENT = [
    not_sent(),
    RequestTimeoutError("no place", phase="pool", sent=False),
    ClientStateError("theirs"),
    InvalidRequestError("body", "theirs"),
    QuotaWaitError(5, 1),
    LookupError("theirs"),
]


def name(error: object) -> str:
    return type(error).__name__


@pytest.mark.parametrize("error", CLEAR_ONCE_SENT + NO_CLAIM_ONCE_SENT, ids=name)
def test_what_an_exception_means_depends_on_whether_bytes_left(error):
    call = make(Replay.UNSAFE)
    assert call.failure(error) is (error if isinstance(error, BalanceError) else None)
    call.progress = Progress(connecting=True, sent=True)
    failure = call.failure(error)
    if error in CLEAR_ONCE_SENT:
        assert failure is error
    else:
        assert type(failure) is TransportError
        assert failure.sent is True
        assert failure.__cause__ is error
        assert name(error) in str(failure)


@pytest.mark.parametrize("replay", Replay)
def test_the_first_attempt_that_may_have_been_applied_is_remembered(replay):
    call, first = make(replay), lost()
    for clear in (limited(3), answered(UnprocessableError, 422, explained=True), not_sent()):
        assert call.verdict(clear) in {Verdict.NOT_SENT, Verdict.REFUSED}
        assert call.doubt is None
    assert call.verdict(first) is Verdict.UNCLEAR
    assert call.verdict(answered()) is Verdict.UNCLEAR
    assert call.doubt is (None if replay is Replay.READ else first)
    assert call.doubts_a_write is (replay in ONCE)
    broken = make(replay)
    assert not broken.doubts_a_write
    assert broken.verdict(answered(ConflictError, 409)) is Verdict.BROKEN
    assert (broken.doubt is None) is (replay is Replay.READ)


def test_the_last_429_is_remembered():
    call, last = make(Replay.UNSAFE), limited(9)
    call.verdict(limited(3))
    call.verdict(last)
    call.verdict(not_sent())
    assert call.refused is last


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (lost(), Verdict.NOT_SENT),
        (answered(), Verdict.NOT_SENT),
        (limited(), Verdict.NOT_SENT),
        (DecodeError("no JSON", garbled=True), Verdict.NOT_SENT),
        (answered(UnprocessableError, 400, explained=True), Verdict.REFUSED),
        (answered(ConflictError, 409), Verdict.REFUSED),
        (InvalidRequestError("credentials", "no"), Verdict.REFUSED),
    ],
    ids=name,
)
@pytest.mark.parametrize("replay", Replay)
def test_what_fails_while_getting_credentials_sent_nothing_of_the_call(replay, error, verdict):
    call = make(replay)
    call.headers = None
    assert call.verdict(error) is verdict
    assert (call.doubt, call.refused) == (None, None)


def test_a_404_proves_a_deletion_only_after_one_that_may_have_been_applied():
    absent = answered(NotFoundError, 404, explained=True)

    def doubted(method="DELETE", error=None):
        call = make(Replay.REPLAYABLE, method=method)
        call.verdict(error or lost())
        return call

    assert doubted().deleted_before(absent)
    assert not make(Replay.REPLAYABLE, method="DELETE").deleted_before(absent)
    assert not doubted("PUT").deleted_before(absent)
    assert not doubted(error=not_sent()).deleted_before(absent)
    assert not doubted().deleted_before(answered(UnprocessableError, 422, explained=True))
    by_the_token_endpoint = doubted()
    by_the_token_endpoint.headers = None
    assert not by_the_token_endpoint.deleted_before(absent)


# The error in the end ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verdict", Verdict)
@pytest.mark.parametrize("replay", Replay)
def test_a_write_that_may_have_been_applied_ends_as_unknown_and_nothing_else_does(replay, verdict):
    error = ServerError("no", status=500)
    final = make(replay).final(error, verdict)
    if replay in ONCE and verdict in {Verdict.UNCLEAR, Verdict.BROKEN}:
        assert type(final) is OutcomeUnknownError
        assert (final.cause, final.__cause__, final.applied) == (error, error, None)
    else:
        assert final is error
        assert error.applied is False


@pytest.mark.parametrize("verdict", Verdict)
def test_a_guarded_write_stays_in_doubt_whatever_comes_last(verdict):
    call, last = make(Replay.GUARDED), answered()
    call.verdict(lost())
    final = call.final(last, verdict)
    assert type(final) is OutcomeUnknownError
    assert final.cause is last


@pytest.mark.parametrize("replay", Replay)
@pytest.mark.parametrize(("kind", "status"), [(NotFoundError, 404), (UnprocessableError, 422)])
def test_a_refusal_of_a_guarded_write_may_answer_a_copy_of_it(replay, kind, status):
    call, refusal = make(replay), answered(kind, status, explained=True)
    copy = replay is Replay.GUARDED
    assert call.may_be_replayed(refusal) is copy
    assert call.final(refusal, Verdict.REFUSED) is refusal
    assert refusal.applied is (None if copy else False)
    assert not call.may_be_replayed(answered(ConflictError, 409))


def test_another_end_in_the_answer_is_final_whatever_was_in_doubt():
    call, refusal = make(Replay.GUARDED), answered(UnprocessableError, 422, explained=True)
    call.verdict(lost())
    call.ended = True
    assert call.final(refusal, Verdict.REFUSED) is refusal
    assert refusal.applied is False
    assert not call.may_be_replayed(refusal)


def test_a_replayable_write_tells_of_the_attempt_that_may_have_been_applied():
    call, doubt, last = make(Replay.REPLAYABLE), lost(), not_sent()
    call.verdict(doubt)
    assert call.final(last, Verdict.NOT_SENT) is last
    assert last.applied is None
    note = "an earlier attempt of this call may have been applied: the answer was lost"
    assert last.args == (f"no connection; nothing more was sent; {note}",)
    assert last.__notes__[1:] == [note]  # the first one names the documentation
    assert call.final(doubt, Verdict.UNCLEAR) is doubt  # the doubt itself says it all
    assert (str(doubt), doubt.applied) == ("the answer was lost", None)
    assert not doubt.__notes__[1:]


@pytest.mark.parametrize("replay", Replay)
def test_a_call_that_stops_between_two_attempts_hides_no_doubt(replay):
    wait = QuotaWaitError(5, 1)
    assert make(replay).stopped(wait) is wait
    assert wait.applied is False
    call, doubt = make(replay), lost()
    call.verdict(doubt)
    stopped = call.stopped(wait)
    if replay is Replay.GUARDED:
        assert type(stopped) is OutcomeUnknownError
        assert stopped.cause is doubt
    else:
        assert stopped is wait
        assert wait.applied is (False if call.doubt is None else None)


@pytest.mark.parametrize(("said", "needed", "told"), [(3, 5, 5), (9, 5, 9), (None, 5, 5), (None, 0.5, 0.5)])
def test_who_was_refused_and_cannot_wait_gets_the_429_with_the_longer_wait(said, needed, told):
    call, refusal = make(Replay.UNSAFE), limited(said)
    call.verdict(refusal)
    assert call.stopped(QuotaWaitError(needed, 1)) is refusal
    assert (refusal.retry_after, refusal.applied) == (told, False)
    closed = ClientStateError("closed")
    assert call.stopped(closed) is closed


@pytest.mark.parametrize("replay", Replay)
def test_a_cancellation_carries_the_doubt(replay):
    clear = asyncio.CancelledError()
    make(replay).cancelled(clear)
    assert clear.__cause__ is None
    assert not hasattr(clear, "__notes__")
    for theirs in (None, LookupError()):
        call, doubt, error = make(replay), lost(), asyncio.CancelledError()
        call.doubt, error.__cause__ = doubt, theirs
        call.cancelled(error)
        assert "it is unknown whether this was applied" in error.__notes__[0]
        if theirs is None:
            assert type(error.__cause__) is OutcomeUnknownError
            assert error.__cause__.cause is doubt
        else:
            assert error.__cause__ is theirs


@pytest.mark.parametrize("replay", Replay)
def test_the_unknown_outcome_says_what_to_look_for_and_whether_it_was_sent_again(replay):
    call, doubt = make(replay), lost()
    call.attempt = 2
    unknown = call.unknown(doubt)
    assert (unknown.endpoint, unknown.attempts, unknown.look_for) == ("it", 2, "look at it")
    assert unknown.arguments == {"it_id": "7"}
    assert unknown.__cause__ is doubt
    assert ("it was not sent again" in str(unknown)) is (replay is Replay.UNSAFE)
