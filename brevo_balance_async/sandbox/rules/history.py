"""One contact's transactions in ``createdAt`` order, filtered and cut into pages without sorting them again."""

from __future__ import annotations

from decimal import Decimal
from heapq import merge
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from attrs import frozen

from .listing import Rows

if TYPE_CHECKING:
    from .listing import Page
    from .records import Transaction
    from .seeded import SeededRows

_created_at = attrgetter("created_at")


def meta_text(value: object) -> str:
    """A value of ``meta`` as the text that a filter compares: a text as it stands, others as JSON writes them."""
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    return str(value).lower() if isinstance(value, bool) else str(value)


@frozen
class Wanted:
    """A filter on history; None lets everything pass."""

    status: str | None = None
    kind: str | None = None
    subscription_id: str | None = None
    meta: tuple[tuple[str, str], ...] = ()
    """Names and values that a row's ``meta`` must have, compared as text."""
    drafts: bool = True
    """Whether drafts are listed at all."""

    def lets_pass(self, row: Transaction) -> bool:
        """Whether a row is wanted."""
        return (
            (self.status is None or self.status == row.status)
            and (self.kind is None or self.kind == row.kind)
            and (self.subscription_id is None or self.subscription_id == row.subscription_id)
            and (self.drafts or row.status != "draft")
            and (not self.meta or self._has(row.meta or {}))
        )

    def _has(self, meta: dict[str, Any]) -> bool:
        return all(name in meta and meta_text(meta[name]) == value for name, value in self.meta)


_EVERYTHING = Wanted()


class History:
    """The rows, oldest first. ``changed`` must be called when a row's status changes."""

    __slots__ = ("_filtered", "_rows", "pages")

    def __init__(self) -> None:
        self._rows = Rows(None, [])
        self._filtered: dict[Wanted, Rows] = {}
        self.pages: dict[object, Page] = {}
        """Pages read since the last change, by whatever names them."""

    def add(self, row: Transaction) -> None:
        """Append the newest row."""
        self._rows.recorded.append(row)
        self.changed()

    def seed(self, rows: SeededRows) -> None:
        """Put ``rows`` in front; they must all be older than what is there, so nothing may be there."""
        if len(self._rows):
            raise ValueError("only an empty history can be seeded")
        self._rows = Rows(rows, [])
        self.changed()

    def remove(self, row: Transaction) -> None:
        """Take a recorded row out."""
        self._rows.recorded.remove(row)
        self.changed()

    def absorb(self, other: History) -> None:
        """Take over the rows of another contact. Raises ``ValueError`` when one of the two is seeded."""
        if self.seeded or other.seeded:
            raise ValueError("a seeded history cannot be merged with another")
        rows = merge(self._rows.recorded, other.rows().recorded, key=_created_at)
        self._rows = Rows(None, list(rows))
        self.changed()

    @property
    def seeded(self) -> bool:
        """Whether there are rows that are made when they are looked at."""
        return self._rows.seeded is not None

    def changed(self) -> None:
        """Forget what filters found and the pages that were read."""
        if self._filtered:
            self._filtered.clear()
        if self.pages:
            self.pages.clear()

    def rows(self, wanted: Wanted = _EVERYTHING) -> Rows:
        """All rows that ``wanted`` lets pass, oldest first; found once, remembered until something changes."""
        if wanted == _EVERYTHING:
            return self._rows
        found = self._filtered.get(wanted)
        if found is None:
            seeded, recorded = self._rows.seeded, self._rows.recorded
            if (
                seeded is not None and wanted.meta
            ):  # each seeded row has a meta of its own, all else is the same
                recorded = [*seeded.with_meta(wanted.meta), *recorded]
                seeded = None
            elif seeded is not None and not wanted.lets_pass(seeded.row(0)):
                seeded = None
            recorded = [row for row in recorded if wanted.lets_pass(row)]
            found = self._filtered[wanted] = Rows(seeded, recorded)
        return found
