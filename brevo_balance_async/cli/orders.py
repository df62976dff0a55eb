"""``brevo-balance orders``."""

from __future__ import annotations

from typing import Annotated, Final

from cyclopts import App, Parameter

from brevo_balance_async import UNSET

from .api import Api, Definition, Meta, Output, connected, json_object, moment
from .numbers import Whole
from .output import show_done

app: Final = App(
    name="orders",
    help="Credits and debits that are scheduled for later. Brevo cannot list them: keep the id.",
)


@app.command
async def create(
    *,
    api: Api,
    definition: Definition,
    contact: Annotated[Whole, Parameter(help="Brevo's id of the contact.")],
    amount: str,
    due: str,
    expires: str | None = None,
    source: str = "user",
    meta: Meta = None,
    output: Output = "table",
) -> None:
    """Schedule a credit or debit for a moment in the future.

    Example: brevo-balance orders create --contact 42 --amount 10 --due 2026-12-24T08:00:00+01:00

    :param amount: positive credits, negative debits (--amount=-5).
    :param due: when, as in 2026-12-24T08:00:00Z.
    :param expires: when the credited points expire.
    :param source: user or engine: who made it.
    """
    due_at = moment("--due", due)
    expires_at = UNSET if expires is None else moment("--expires", expires)
    given = UNSET if meta is None else json_object("--meta", meta)
    async with connected(api) as program:
        order = await program.transactions.create_order(
            balance_definition_id=definition,
            contact_id=contact,
            amount=amount,
            due_at=due_at,
            source=source,
            expires_at=expires_at,
            meta=given,
        )
    show_done(order, output)
