"""``brevo-balance definitions``."""

from __future__ import annotations

from typing import Final

from cyclopts import App

from brevo_balance_async import UNSET, BalanceDefinition

from .api import Api, connected
from .output import Format, export, show

app: Final = App(
    name="definitions", help="List the balance definitions of a program; get, create or delete one."
)


@app.default
async def list_definitions(*, api: Api, version: str | None = None, output: Format = "table") -> None:
    """List the balance definitions of a program.

    :param version: draft (Brevo's default) or active.
    :param output: table shows the main fields, the others show all.
    """
    async with connected(api) as program:
        walk = program.definitions.list(version=version)
        columns = ("id", "name", "unit", "min_amount", "max_amount", "updated_at")
        await export(walk, BalanceDefinition, columns, output)


@app.command
async def get(definition: str, /, *, api: Api, version: str | None = None, output: Format = "table") -> None:
    """Show one definition.

    :param definition: UUID of the definition.
    :param version: draft (Brevo's default) or active.
    """
    async with connected(api) as program:
        show(await program.definitions.get(definition, version=version), output)


@app.command
async def create(
    *,
    api: Api,
    name: str,
    unit: str = "POINTS",
    description: str | None = None,
    min_amount: str | None = None,
    max_amount: str | None = None,
    output: Format = "table",
) -> None:
    """Create a definition, as a draft until the program is published.

    :param unit: POINTS or a currency.
    :param min_amount: minimum of a balance.
    :param max_amount: maximum of a balance.
    """
    async with connected(api) as program:
        created = await program.definitions.create(
            name=name,
            unit=unit,
            description=UNSET if description is None else description,
            min_amount=UNSET if min_amount is None else min_amount,
            max_amount=UNSET if max_amount is None else max_amount,
        )
    show(created, output)


@app.command
async def delete(definition: str, /, *, api: Api) -> None:
    """Delete a definition.

    :param definition: UUID of the definition.
    """
    async with connected(api) as program:
        await program.definitions.delete(definition)
