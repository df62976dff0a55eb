"""The ledger: all that may be done to the money. No HTTP, an injected clock.

What falls due with time (a draft expires, points lapse, an order runs) is judged when an account is looked at, in the
order of time, as if it had happened at its moment.
"""

from __future__ import annotations

from .altering import Altering
from .balances import Balances
from .ending import Ending
from .history_pages import HistoryPages
from .opening import Opening


class Ledger(Opening, Ending, Balances, HistoryPages, Altering):
    """The state of a Brevo account's loyalty balances, and the operations on it.

    ``catalogue`` holds programs, definitions and limits. With ``strict`` programs and contacts must be seeded and edits
    be published; without it every program and contact exists. Methods raise ``Refusal`` where the API answers an error.
    """
