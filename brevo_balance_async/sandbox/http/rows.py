"""A page of history as JSON text, written fast: seeded rows from one pattern, the others one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .wire import rfc3339

if TYPE_CHECKING:
    from collections.abc import Callable

    from brevo_balance_async.sandbox.rules.listing import Page
    from brevo_balance_async.sandbox.rules.records import Transaction
    from brevo_balance_async.sandbox.rules.seeded import SeededRows


def written(page: Page, write: Callable[[Transaction], str]) -> list[str]:
    """``write(row)`` of each row of ``page``, in the order of the listing."""
    seeded = page.listing.seeded
    ahead = seeded.count if seeded else 0
    texts = [
        write(row) for row in page.listing.recorded[max(0, page.first - ahead) : max(0, page.last - ahead)]
    ]
    if seeded and page.first < ahead:
        texts[:0] = _from_pattern(seeded, page.first, min(page.last, ahead), write)
    return texts[::-1] if page.descending else texts


def _from_pattern(rows: SeededRows, start: int, stop: int, write: Callable[[Transaction], str]) -> list[str]:
    """``write(row)`` of the rows from ``start`` up to ``stop``, which is left out.

    One row is written and is the pattern of the others, or a hundred thousand would take over a second.
    """
    one = rows.row(start)
    moment = rfc3339(one.created_at)
    pattern = write(one).replace("%", "%%").replace(one.id, f"{one.id[:24]}%(index)012x")
    for quote in ("", '"'):  # as a number, or as text where a switch says so
        pattern = pattern.replace(f'{{"row":{quote}{start}{quote}}}', f'{{"row":{quote}%(index)d{quote}}}')
    pattern = pattern.replace(moment, "%(moment)s")
    return [pattern % {"index": index, "moment": rfc3339(rows.moment(index))} for index in range(start, stop)]
