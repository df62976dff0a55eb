"""``brevo-balance balances``."""

from __future__ import annotations

from typing import Annotated, Final

from cyclopts import App, Parameter

from brevo_balance_async import ActiveBalance, ContactBalance

from .api import Api, Definition, Internal, Limit, Output, connected
from .numbers import Whole
from .output import export, show, show_done

app: Final = App(name="balances", help="What the contacts hold.")


@app.command(name="list")
async def list_balances(
    *,
    api: Api,
    definition: Definition,
    include_internal: Internal = False,
    limit: Limit = None,
    output: Output = "table",
) -> None:
    """List every contact's balance of one definition.

    Example: brevo-balance balances list --output csv > balances.csv
    """
    async with connected(api) as program:
        walk = program.balances.list(definition, include_internal=include_internal or None)
        columns = ("contact_id", "value", "updated_at", "loyalty_subscription_id")
        await export(walk, ContactBalance, columns, output, limit=limit)


@app.command
async def active(
    *,
    api: Api,
    definition: Definition,
    contact: Annotated[Whole, Parameter(help="Brevo's id of the contact.")],
    include_internal: Internal = False,
    limit: Limit = None,
    output: Output = "table",
) -> None:
    """List the lots of points that one contact still holds, each with its expiry.

    Example: brevo-balance balances active --contact 42
    """
    async with connected(api) as program:
        walk = program.balances.list_active(
            contact_id=contact, balance_definition_id=definition, include_internal=include_internal or None
        )
        columns = ("id", "amount", "expires_at", "created_at")
        await export(walk, ActiveBalance, columns, output, limit=limit)


@app.command
async def get(
    contact: Whole, *, api: Api, include_internal: Internal = False, output: Output = "table"
) -> None:
    """Show one contact's balance of each definition.

    Example: brevo-balance balances get 42

    :param contact: Brevo's id of the contact.
    """
    async with connected(api) as program:
        show(await program.balances.get(contact, include_internal=include_internal or None), output)


@app.command
async def create(contact: Whole, *, api: Api, definition: Definition, output: Output = "table") -> None:
    """Give a contact a balance of a definition, which begins at zero.

    Example: brevo-balance balances create 42

    :param contact: Brevo's id of the contact.
    """
    async with connected(api) as program:
        created = await program.balances.create(contact, balance_definition_id=definition)
    show_done(created, output)
