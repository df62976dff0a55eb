"""An order and its points commit together, or neither does; a worker makes the credit.

    BREVO_API_KEY=... python outbox_worker.py PROGRAM DEFINITION order 42 12.50      # the shop, once an order
    BREVO_API_KEY=... python outbox_worker.py PROGRAM DEFINITION work                # a worker, as many as you like

The journal's tables stand in the shop's own database (shop.db), beside its orders. What was committed is credited once,
whoever dies when.
"""

from __future__ import annotations

import asyncio
import sys

from sqlalchemy import Integer, String
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from brevo_balance_async import BalanceClient, Program
from brevo_balance_async.exactly_once import ExactlyOnce
from brevo_balance_async.journal import Journal, metadata

FILE = "shop.db"  # in earnest a PostgreSQL database


class Base(DeclarativeBase):
    """The shop's tables."""


class Order(Base):
    """One order."""

    __tablename__ = "shop_order"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    contact_id: Mapped[int] = mapped_column(Integer)
    points: Mapped[str] = mapped_column(String)


async def order(program: Program, definition: str, contact_id: int, points: str) -> None:
    """Take an order, and have its points credited, in one transaction."""
    engine = create_async_engine(f"sqlite+aiosqlite:///{FILE}")
    async with engine.begin() as connection:  # in earnest migrations do this: see journal.schema_sql
        await connection.run_sync(Base.metadata.create_all)
        await connection.run_sync(metadata.create_all)
    async with AsyncSession(engine) as session, session.begin():
        taken = Order(contact_id=contact_id, points=points)
        session.add(taken)
        await session.flush()  # it has its id now
        await Journal(FILE).add(
            session,
            program,
            reference=f"order-{taken.id}",
            contact_id=contact_id,
            balance_definition_id=definition,
            amount=points,
        )
    await engine.dispose()


async def work(program: Program) -> None:
    """Credit what is committed; ``deliver(forever=True)`` goes on looking for more."""
    async with Journal(FILE) as journal:
        async for outcome in ExactlyOnce(program, journal).deliver():
            print(outcome.reference, outcome.state, flush=True)


async def main(program_id: str, definition: str, command: str, *rest: str) -> None:
    """See above."""
    async with BalanceClient() as client:
        program = client.program(program_id)
        if command == "order":
            await order(program, definition, int(rest[0]), rest[1])
        else:
            await work(program)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
