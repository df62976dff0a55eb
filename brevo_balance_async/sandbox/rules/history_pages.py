"""Reading history: a page of one contact's transactions, as the switches decide."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from .listing import Page, Rows, shuffled_ties, visible
from .periods import later
from .store import Store

if TYPE_CHECKING:
    from .history import Wanted

_PAGES_KEPT = 256


class HistoryPages(Store):
    """The operation on history."""

    def history(
        self,
        program_id: str,
        definition_id: str,
        contact_id: int,
        *,
        wanted: Wanted,
        start: int,
        limit: int,
        descending: bool,
    ) -> Page:
        """A page of a contact's transactions by ``createdAt``."""
        account = self._readable(program_id, definition_id, contact_id)
        if account is None:
            return Page(Rows(None, []), 0, 0, descending, 0)
        switches, pages = self.switches, account.history.pages
        name = (wanted, start, limit, descending, switches)
        if name in pages and not (switches.history_lag or switches.unstable_ties):
            return pages[name]
        rows = account.history.rows(wanted)
        total = len(rows)
        if switches.history_lag:
            total = visible(rows, later(self.clock.now(), timedelta(seconds=-switches.history_lag)))
        first, last = min(start, total), min(start + limit, total)
        if descending:
            first, last = total - last, total - first
        if switches.unstable_ties:
            rows = Rows(None, shuffled_ties(rows, first, last, self._random))
            first, last = 0, len(rows)
        if len(pages) >= _PAGES_KEPT:
            pages.clear()
        page = pages[name] = Page(rows, first, last, descending, total)
        return page
