"""A journal in PostgreSQL: shared by the processes of several machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from brevo_balance_async.errors import JournalError
from brevo_balance_async.journal.failures import explained

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import URL, Connection

T = TypeVar("T")

_CLOCK: Final = "extract(epoch FROM clock_timestamp())::float8"
# A durable commit is on the server's disk when it returns, whatever the server's default is.
_DURABLE: Final = text(
    "SELECT set_config('synchronous_commit', CASE current_setting('synchronous_commit') "
    f"WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, true), {_CLOCK}"
)
_RELAXED: Final = text(f"SELECT set_config('synchronous_commit', 'off', true), {_CLOCK}")


class Postgres:
    """See ``Database``. One connection, made anew when it is lost."""

    def __init__(self, url: URL, wall: Callable[[], float] | None) -> None:
        self.place: str = url.render_as_string(hide_password=True)
        self._url = url
        self._wall = wall
        self._made: AsyncEngine | None = None

    def _engine(self) -> AsyncEngine:
        if self._made is None:
            self._made = create_async_engine(
                self._url, pool_size=1, max_overflow=0, isolation_level="READ COMMITTED", hide_parameters=True
            )
        return self._made

    async def transact(self, work: Callable[[Connection, float], T], *, durable: bool = True) -> T:
        """Run ``work`` in one transaction."""

        def prepared(connection: Connection) -> T:
            now = float(connection.execute(_DURABLE if durable else _RELAXED).one()[1])
            return work(connection, now if self._wall is None else self._wall())

        try:
            async with self._engine().begin() as connection:
                return await connection.run_sync(prepared)
        except JournalError:
            raise
        except Exception as error:
            raise explained(error, self.place) from error

    async def close(self) -> None:
        """Close the connection."""
        if self._made is not None:
            await self._made.dispose()
