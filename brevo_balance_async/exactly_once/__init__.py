"""Exactly once: one credit or debit per caller's reference, across crashes, processes and machines.

It needs a journal, and with it the extra ``brevo-balance-async[journal]``.
"""

from __future__ import annotations

from brevo_balance_async.exactly_once.audit import Doubled
from brevo_balance_async.exactly_once.engine import ExactlyOnce
from brevo_balance_async.exactly_once.outcome import Outcome

__all__ = ["Doubled", "ExactlyOnce", "Outcome"]
