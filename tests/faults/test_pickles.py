"""Every error survives pickling and copying with all it carries."""

from __future__ import annotations

import copy
import pickle
from concurrent.futures import ProcessPoolExecutor
from decimal import Decimal
from multiprocessing import get_context

import pytest

import brevo_balance_async
from brevo_balance_async import (
    BalanceError,
    ConnectFailedError,
    DecodeError,
    InputFileError,
    InvalidRequestError,
    OutcomeUnknownError,
    PaginationError,
    QuotaWaitError,
    RateLimitedError,
    ReferenceConflictError,
    RequestTimeoutError,
    ResponseError,
    ServerError,
    Transaction,
    TransportError,
)
from brevo_balance_async.errors import Problem


def everything(kind=BalanceError):
    yield kind
    for child in kind.__subclasses__():
        if child.__module__ == "brevo_balance_async.errors":
            yield from everything(child)


def example(kind):
    """One of each, with every attribute set to something that is not its default."""
    if issubclass(kind, ResponseError):
        more = {"retry_after": 7.5} if issubclass(kind, RateLimitedError) else {}
        error = kind(
            "no",
            status=418,
            code="teapot",
            request_id="r-1",
            headers={"x": "y"},
            body='{"code":"teapot"}',
            explained=True,
            **more,
        )
    elif kind is InvalidRequestError:
        error = kind("amount", "is zero")
    elif kind is InputFileError:
        error = kind("rows.csv", [Problem(3, "amount", "is no number"), Problem(None, None, "changed")])
    elif kind is ReferenceConflictError:
        error = kind("order-42", "amount", "12.5", "13")
    elif kind is ConnectFailedError:
        error = kind("refused", retryable=False)
    elif kind is RequestTimeoutError:
        error = kind("late", phase="answer", sent=True)
    elif kind is TransportError:
        error = kind("lost", sent=True)
    elif kind is QuotaWaitError:
        error = kind(12.5, 10.0)
    elif kind is OutcomeUnknownError:
        error = kind(
            "may be applied",
            cause=ServerError("bad gateway", status=502),
            look_for="its reference",
            arguments={"amount": Decimal("12.5"), "meta": {"order": 7}},
        )
    elif kind is DecodeError:
        error = kind("odd", problems=["$.id: expected text"], body=b'{"id": {}}', garbled=True)
        error.status = 200
    elif kind is PaginationError:
        error = kind("not whole", position=40, seen=17)
    else:
        error = kind("went wrong")
    error.endpoint, error.attempts, error.applied = "transactions.begin", 3, None
    error.draft = Transaction(id="t-1", amount=Decimal("12.5"))
    error.add_note("a note")
    return error


def facts(error):
    """All that an error carries, with errors in it told by their own facts."""
    attributes = {
        name: facts(value) if isinstance(value, BalanceError) else value
        for name, value in vars(error).items()
    }
    return type(error), error.args, attributes, str(error), repr(error)


ALL = sorted(set(everything()), key=lambda kind: kind.__name__)


def test_every_public_error_is_among_them():
    public = {
        value
        for value in (getattr(brevo_balance_async, name) for name in brevo_balance_async.__all__)
        if isinstance(value, type) and issubclass(value, BalanceError)
    }
    assert public == set(ALL)


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickle(kind, protocol):
    error = example(kind)
    back = pickle.loads(pickle.dumps(error, protocol))
    assert facts(back) == facts(error)
    assert back.__notes__ == error.__notes__


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("copier", [copy.copy, copy.deepcopy])
def test_copy(kind, copier):
    error = example(kind)
    copied = copier(error)
    assert facts(copied) == facts(error)
    copied.add_note("the copy's own")
    assert "the copy's own" not in error.__notes__


def fail(name):
    raise example(next(kind for kind in ALL if kind.__name__ == name))


def test_a_process_pool_shows_the_real_failure():
    with ProcessPoolExecutor(1, mp_context=get_context("fork")) as pool:
        for name in ("OutcomeUnknownError", "RateLimitedError", "DecodeError"):
            error = pool.submit(fail, name).exception()
            assert facts(error) == facts(example(type(error)))
            assert type(error).__name__ == name
