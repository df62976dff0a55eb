"""``brevo-balance limits``."""

from __future__ import annotations

from typing import Final

from cyclopts import App

from .api import Api, connected
from .numbers import Whole
from .output import Format, show

app: Final = App(
    name="limits",
    help="Create, get or delete a limit of a balance definition. Brevo cannot list limits: keep the id.",
)


@app.command
async def create(
    *,
    api: Api,
    definition: str,
    constraint: str,
    type: str,
    value: Whole,
    every: Whole = 1,
    unit: str,
    sliding: bool = False,
    output: Format = "table",
) -> None:
    """Limit the credits or debits of each contact within a time window.

    :param definition: UUID of the definition.
    :param constraint: transaction counts operations, amount sums their points.
    :param type: credit or debit.
    :param value: operations or points allowed in the window.
    :param every: length of the window, in units.
    :param unit: day, week, month or year.
    :param sliding: a rolling window instead of a fixed one.
    """
    async with connected(api) as program:
        created = await program.limits.create(
            definition,
            constraint_type=constraint,
            transaction_type=type,
            duration_unit=unit,
            duration_value=every,
            value=value,
            sliding_schedule=sliding,
        )
    show(created, output)


@app.command
async def get(
    definition: str, limit: str, /, *, api: Api, version: str | None = None, output: Format = "table"
) -> None:
    """Show one limit.

    :param definition: UUID of the definition.
    :param limit: UUID of the limit.
    :param version: draft (Brevo's default) or active.
    """
    async with connected(api) as program:
        show(await program.limits.get(definition, limit, version=version), output)


@app.command
async def delete(definition: str, limit: str, /, *, api: Api) -> None:
    """Delete a limit.

    :param definition: UUID of the definition.
    :param limit: UUID of the limit.
    """
    async with connected(api) as program:
        await program.limits.delete(definition, limit)
