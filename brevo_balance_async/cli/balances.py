"""``brevo-balance balances``."""

from __future__ import annotations

from typing import Final

from cyclopts import App

from brevo_balance_async import ActiveBalance, ContactBalance

from .api import Api, connected
from .numbers import Whole
from .output import Format, export, show

app: Final = App(name="balances", help="List the balances of all contacts, or show what one contact holds.")


@app.default
async def list_balances(
    *, api: Api, definition: str, include_internal: bool = False, output: Format = "table"
) -> None:
    """List every contact's balance of one definition.

    :param definition: UUID of the balance definition.
    :param include_internal: also balances that are hidden from members.
    :param output: table shows the main fields, the others show all.
    """
    async with connected(api) as program:
        walk = program.balances.list(definition, include_internal=include_internal or None)
        columns = ("contact_id", "loyalty_subscription_id", "value", "updated_at")
        await export(walk, ContactBalance, columns, output)


@app.command
async def active(
    *, api: Api, definition: str, contact: Whole, include_internal: bool = False, output: Format = "table"
) -> None:
    """List the lots of points that one contact still holds, each with its expiry.

    :param definition: UUID of the balance definition.
    :param include_internal: also balances that are hidden from members.
    """
    async with connected(api) as program:
        walk = program.balances.list_active(
            contact_id=contact, balance_definition_id=definition, include_internal=include_internal or None
        )
        await export(walk, ActiveBalance, ("id", "amount", "created_at", "expires_at"), output)


@app.command
async def get(
    contact: Whole, /, *, api: Api, include_internal: bool = False, output: Format = "table"
) -> None:
    """Show one contact's balance of each definition.

    :param contact: Brevo's id of the contact.
    :param include_internal: also balances that are hidden from members.
    """
    async with connected(api) as program:
        show(await program.balances.get(contact, include_internal=include_internal or None), output)
