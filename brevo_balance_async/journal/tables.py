"""The journal's tables, and the way up from older ones.

All names begin with ``brevo_balance_``, so that the tables can stand in an application's own database, made by
``metadata.create_all`` or by a migration written from ``schema_sql``. Opening a journal makes what is missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
    and_,
    create_mock_engine,
    insert,
    literal_column,
    or_,
    select,
    update,
)

from brevo_balance_async.errors import JournalVersionError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from sqlalchemy import ColumnElement, Connection

VERSION: Final = 1

PARKED: Final = 1e12
"""In ``next_at``: not due before a person has looked."""

metadata: Final = MetaData()

JOURNAL = Table("brevo_balance_journal", metadata, Column("version", Integer, nullable=False))

# One a load of rows. Rows of a batch that is not closed are not delivered, and the next load of its source
# replaces them.
BATCH = Table(
    "brevo_balance_batch",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("source", Text, nullable=False),
    Column("closed_at", Double),
    sqlite_autoincrement=True,
)

# What a reference is unique in. The origin is the API's base URL: a journal filled on a sandbox says nothing about
# production.
SCOPE = Table(
    "brevo_balance_scope",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("program", String(36), nullable=False),
    Column("definition", String(36), nullable=False),
    Column("origin", Text, nullable=False),
    Index("brevo_balance_scope_key", "program", "definition", unique=True),
)

# One row for each start of a process. An id never comes again, so it can fence off who has lost his rows.
WORKER = Table(
    "brevo_balance_worker",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("lease_until", Double, nullable=False),
    sqlite_autoincrement=True,
)

INTENT = Table(
    "brevo_balance_intent",
    metadata,
    Column("scope", Integer, nullable=False),
    Column("reference", Text, nullable=False),
    Column("batch", Integer, nullable=False, server_default="0"),  # 0: of no batch
    Column("line", BigInteger),
    # The payload in canonical form. redact() leaves the amount, and a hash in place of contact and details.
    Column("contact", BigInteger),
    Column("amount", Text, nullable=False),
    Column("details", Text),
    Column("payload_hash", String(64)),
    Column("mode", String(12)),  # set by the first step that depends on it
    Column("state", String(8), nullable=False),
    Column("owner", Integer),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("tid", String(36)),  # the chosen transaction
    Column("tid_at", Double),  # when the server created it: ends the search in history
    Column("next_at", Double, nullable=False, server_default="0"),
    Column("looks", SmallInteger, nullable=False, server_default="0"),
    Column("pauses", SmallInteger, nullable=False, server_default="0"),  # in a row, each longer than the last
    Column("credited", Text),
    Column("reason", Text),
    Column("finished_at", Double),
    PrimaryKeyConstraint("scope", "reference"),
    sqlite_with_rowid=False,
)


def begun(columns: Any) -> ColumnElement[bool]:
    """Of a row: something was tried for it, it is not settled, and waits for no person.

    Without parameters, so that it is seen to be the condition of its index.
    """
    planned: ColumnElement[str] = literal_column("'planned'")
    parked: ColumnElement[float] = literal_column(f"{PARKED:.0f}.0")
    tried = or_(columns.state != planned, columns.reason.is_not(None))
    return and_(columns.finished_at.is_(None), tried, columns.next_at < parked)


_OPEN = INTENT.c.finished_at.is_(None)
_CHOSEN = INTENT.c.tid.is_not(None)
_OWNED = INTENT.c.owner.is_not(None)
# One answer of the server can never serve two references.
Index("brevo_balance_intent_tid", INTENT.c.tid, unique=True, sqlite_where=_CHOSEN, postgresql_where=_CHOSEN)
# SQLite uses a partial index only where the query repeats its condition, so every query on open rows does.
Index(
    "brevo_balance_intent_open",
    *(INTENT.c.scope, INTENT.c.batch, INTENT.c.next_at, INTENT.c.line),
    sqlite_where=_OPEN,
    postgresql_where=_OPEN,
)
Index(
    "brevo_balance_intent_owned",
    *(INTENT.c.owner, INTENT.c.scope, INTENT.c.contact),
    sqlite_where=_OWNED,
    postgresql_where=_OWNED,
)

# Rows that were begun and not settled hold back the later ones of their contact.
Index(
    "brevo_balance_intent_begun",
    *(INTENT.c.contact, INTENT.c.batch),
    sqlite_where=begun(INTENT.c),
    postgresql_where=begun(INTENT.c),
)

UPGRADES: Mapping[int, Callable[[Connection], None]] = {}
"""What leads from each older version to the next one."""


def make_or_upgrade(connection: Connection) -> None:
    """Bring the tables to this version, within the caller's transaction."""
    if connection.dialect.name == "postgresql":  # two processes may start at once
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('brevo_balance_schema'))")
    metadata.create_all(connection)
    version = connection.execute(select(JOURNAL.c.version)).scalar()
    if version is None:
        connection.execute(insert(JOURNAL).values(version=VERSION))
        return
    if version > VERSION:
        raise JournalVersionError(
            f"the journal has schema version {version}, this release knows {VERSION}: "
            "it was used by a newer release of brevo-balance-async; upgrade this one"
        )
    for old in range(version, VERSION):
        UPGRADES[old](connection)
        connection.execute(update(JOURNAL).values(version=old + 1))


def schema_sql(dialect: str) -> str:
    """The statements that make the tables, for a migration: ``"sqlite"`` or ``"postgresql"``."""
    statements: list[str] = []

    def collect(statement: Any, *_: object, **__: object) -> None:
        statements.append(str(statement.compile(dialect=engine.dialect)).strip() + ";")

    driver = {"postgresql": "postgresql+asyncpg"}.get(dialect, dialect)
    engine = create_mock_engine(f"{driver}://", collect)
    metadata.create_all(engine, checkfirst=False)
    statements.sort(key=lambda statement: (not statement.startswith("CREATE TABLE"), statement))
    return "\n\n".join(statements) + "\n"
