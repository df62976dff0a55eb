"""Reading what an update was answered without."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from brevo_balance_async.errors import BalanceError

if TYPE_CHECKING:
    from collections.abc import Generator


@contextmanager
def read_back() -> Generator[None]:
    """Say by whatever fails inside that the update before it was applied."""
    try:
        yield
    except BalanceError as error:
        error.applied = None
        error.add_note("the update was applied; only what it made could not be read back")
        raise
