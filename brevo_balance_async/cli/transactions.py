"""``brevo-balance transactions``."""

from __future__ import annotations

from typing import Annotated, Any, Final

from attrs import frozen
from cyclopts import App, Parameter

from brevo_balance_async import UNSET, Transaction, TransactionStatus

from .api import Api, Definition, Meta, Output, connected, json_object, moment
from .numbers import Whole
from .output import show_done
from .terminal import CommandError, UsageError

app: Final = App(
    name="transactions", help="Credit or debit a contact, at once or as a draft that is completed later."
)


@Parameter(name="*")
@frozen(kw_only=True)
class Booking:
    """Whose points are moved, and what is kept with it."""

    contact: Annotated[Whole, Parameter(help="Brevo's id of the contact.")] | None = None
    subscription: Annotated[
        str | None, Parameter(help="Its loyalty subscription id, instead of --contact.")
    ] = None
    expiry: Annotated[Whole, Parameter(help="Minutes until credited points expire.")] | None = None
    event_time: Annotated[
        str | None, Parameter(help="When it happened, as in 2026-01-31T12:00:00Z. Default: now.")
    ] = None
    meta: Meta = None

    def given(self) -> dict[str, Any]:
        """The arguments of the client."""
        if (self.contact is None) == (self.subscription is None):
            raise UsageError("give one of --contact and --subscription; nothing was sent")
        return {
            "contact_id": self.contact,
            "loyalty_subscription_id": self.subscription,
            "balance_expiry_in_minutes": UNSET if self.expiry is None else self.expiry,
            "event_time": UNSET if self.event_time is None else moment("--event-time", self.event_time),
            "meta": UNSET if self.meta is None else json_object("--meta", self.meta),
        }


@app.command
async def credit(
    *,
    api: Api,
    definition: Definition,
    amount: str,
    booking: Booking = Booking(),
    output: Output = "table",
) -> None:
    """Credit points, completed at once.

    It is sent once. If nobody can say whether it was applied, the exit code is 6: look at the history then. To credit
    many rows, each exactly once, use import.

    Example: brevo-balance transactions credit --contact 42 --amount 12.50

    :param amount: positive, as in 12.50.
    """
    given = booking.given()
    async with connected(api) as program:
        done = await program.transactions.credit(balance_definition_id=definition, amount=amount, **given)
    show_done(done, output)


@app.command
async def debit(
    *,
    api: Api,
    definition: Definition,
    amount: str,
    booking: Booking = Booking(),
    output: Output = "table",
) -> None:
    """Debit points, completed at once.

    It is sent once. If nobody can say whether it was applied, the exit code is 6: look at the history then.

    Example: brevo-balance transactions debit --contact 42 --amount 5 --meta '{"order": "A-1"}'

    :param amount: positive, as in 12.50.
    """
    given = booking.given()
    async with connected(api) as program:
        done = await program.transactions.debit(balance_definition_id=definition, amount=amount, **given)
    show_done(done, output)


@app.command
async def begin(
    *,
    api: Api,
    definition: Definition,
    amount: str,
    booking: Booking = Booking(),
    type: str | None = None,
    auto_complete: Annotated[bool, Parameter(negative=())] = False,
    ttl: Whole | None = None,
    output: Output = "table",
) -> None:
    """Begin a credit or debit: a draft, which moves no points until it is completed.

    Example: brevo-balance transactions begin --contact 42 --amount=-5 --ttl 600

    :param amount: positive credits, negative debits (--amount=-5).
    :param type: credit or debit; must agree with the sign.
    :param auto_complete: complete it at once.
    :param ttl: seconds until the draft expires, at least 10.
    """
    given = booking.given()
    async with connected(api) as program:
        begun = await program.transactions.begin(
            balance_definition_id=definition,
            amount=amount,
            transaction_type=type,
            auto_complete=auto_complete or UNSET,
            ttl=UNSET if ttl is None else ttl,
            **given,
        )
    _show_begun(begun, output)


@app.command
async def complete(transaction: str, *, api: Api, output: Output = "table") -> None:
    """Complete a draft: the points move.

    Example: brevo-balance transactions complete TRANSACTION

    :param transaction: UUID of the transaction, as begin shows it.
    """
    async with connected(api) as program:
        done = await program.transactions.complete(transaction)
    show_done(done, output)


@app.command
async def cancel(transaction: str, *, api: Api, output: Output = "table") -> None:
    """Cancel a draft: no points move.

    Example: brevo-balance transactions cancel TRANSACTION

    :param transaction: UUID of the transaction, as begin shows it.
    """
    async with connected(api) as program:
        done = await program.transactions.cancel(transaction)
    show_done(done, output)


def _show_begun(transaction: Transaction, output: Output) -> None:
    show_done(transaction, output)
    if transaction.status == TransactionStatus.REJECTED:
        reason = transaction.reject_reason or "no reason given"
        raise CommandError(f"the server rejected it: {reason}; no points moved")
