"""Errors of the read that follows an update which was answered without a body."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from brevo_balance_async.errors import BalanceError

if TYPE_CHECKING:
    from collections.abc import Generator


@contextmanager
def read_back() -> Generator[None]:
    """Mark errors raised inside: the update before it was applied, only reading the result failed."""
    try:
        yield
    except BalanceError as error:
        error.applied = None
        error.add_note("the update was applied; only what it made could not be read back")
        raise
