"""The journal: durable intents and outcomes in SQL, and the outbox.

``Journal`` is the door. ``metadata`` and ``schema_sql`` are for those who keep its tables in their own database. It
needs the extra ``brevo-balance-async[journal]``, and ``[postgres]`` for PostgreSQL.
"""

from __future__ import annotations

try:
    from brevo_balance_async.journal.intents import Intent, Row, canonical_amount, details, intent
    from brevo_balance_async.journal.scopes import Scope
    from brevo_balance_async.journal.store import Journal
    from brevo_balance_async.journal.tables import PARKED, metadata, schema_sql
    from brevo_balance_async.journal.upkeep import JournalStatus, ScopeStatus
except ImportError as _error:  # no public name of the module
    if _error.name != "sqlalchemy" and "greenlet" not in str(_error):  # SQLAlchemy without its own extra
        raise
    raise ModuleNotFoundError(
        f"{__name__} needs sqlalchemy[asyncio], which is not installed: "
        "pip install 'brevo-balance-async[journal]'",
        name="sqlalchemy",
    ) from _error

__all__ = [
    "PARKED",
    "Intent",
    "Journal",
    "JournalStatus",
    "Row",
    "Scope",
    "ScopeStatus",
    "canonical_amount",
    "details",
    "intent",
    "metadata",
    "schema_sql",
]
