"""The purchases that the demo credits: read from a CSV, or made up."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from random import Random
from typing import TYPE_CHECKING

from attrs import frozen

from .numbers import whole
from .terminal import CommandError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

COLUMNS = ("reference", "contact_id", "event_time", "quantity", "amount")


@frozen
class Purchase:
    """One purchase of one contact."""

    reference: str
    contact_id: int
    event_time: datetime
    quantity: int
    amount: Decimal


def read_purchases(path: Path) -> list[Purchase]:
    """The rows of a CSV with ``COLUMNS``; a row that cannot be right is a ``CommandError`` that names its line."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
            if missing:
                raise CommandError(f"{path}: column missing: {', '.join(missing)}")
            found = [_purchase(row, f"{path}, line {rows.line_num}") for row in rows]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CommandError(f"{path}: {error}") from error
    if not found:
        raise CommandError(f"{path}: there are no rows")
    return found


def _purchase(row: Mapping[str, str], where: str) -> Purchase:
    try:
        purchase = Purchase(
            row["reference"],
            whole(row["contact_id"]),
            datetime.fromisoformat(row["event_time"]),
            whole(row["quantity"]),
            Decimal(row["amount"]),
        )
    except (ValueError, TypeError, InvalidOperation) as error:
        raise CommandError(f"{where}: {error!r}") from error
    if not purchase.amount.is_finite() or purchase.amount < 0:
        raise CommandError(f"{where}: the amount {purchase.amount} cannot be credited")
    if purchase.event_time.tzinfo is None:
        raise CommandError(f"{where}: event_time needs an offset, as in 1997-01-01T12:00:00Z")
    return purchase


def made_up_purchases(rows: int, contacts: int) -> Sequence[Purchase]:
    """The same ``rows`` purchases of ``contacts`` customers every time; each customer buys at least once."""
    random = Random(19970101)
    first = datetime(2026, 1, 1, 12, tzinfo=UTC)
    return [
        Purchase(
            reference=f"order-{number:06}",
            contact_id=number if number <= contacts else random.randint(1, contacts),
            event_time=first + timedelta(minutes=7 * number),
            quantity=random.randint(1, 5),
            amount=Decimal(random.randint(100, 9_999)) / 100,
        )
        for number in range(1, rows + 1)
    ]
