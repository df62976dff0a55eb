"""The purchases that the demo credits: read from a CSV, or generated."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING

from brevo_balance_async import InputFileError
from brevo_balance_async.errors import MOST_PROBLEMS, Problem
from brevo_balance_async.importer import Entry, read_csv

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_ANY = "00000000-0000-0000-0000-000000000000"
"""A placeholder: an entry must name a definition, and the demo creates its own later."""


def read_purchases(path: Path) -> list[Entry]:
    """The rows of a CSV as ``read_csv`` reads them; ``InputFileError`` for bad rows and for negative amounts."""
    purchases = list(read_csv(path, balance_definition_id=_ANY))
    debits = [
        Problem(each.line, "amount", f"{each.amount} cannot be credited")
        for each in purchases
        if each.amount < 0
    ]
    if debits:
        raise InputFileError(path, debits[:MOST_PROBLEMS])
    return purchases


def generated_purchases(rows: int, contacts: int) -> Sequence[Entry]:
    """``rows`` purchases of ``contacts`` customers, the same in every run; each customer buys at least once."""
    random = Random(19970101)
    first = datetime(2026, 1, 1, 12, tzinfo=UTC)
    return [
        Entry(
            reference=f"order-{number:06}",
            balance_definition_id=_ANY,
            contact_id=number if number <= contacts else random.randint(1, contacts),
            event_time=first + timedelta(minutes=7 * number),
            meta={"quantity": random.randint(1, 5)},
            amount=Decimal(random.randint(100, 9_999)) / 100,
        )
        for number in range(1, rows + 1)
    ]
