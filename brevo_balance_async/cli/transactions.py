"""``brevo-balance transactions``."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, Final

from cyclopts import App

from brevo_balance_async import UNSET, Transaction, TransactionStatus

from .api import Api, Definition, connected
from .numbers import Whole
from .output import Format, show
from .terminal import CommandError

app: Final = App(name="transactions", help="Begin, complete or cancel a credit or debit.")


@app.command
async def begin(
    *,
    api: Api,
    definition: Definition,
    contact: Whole,
    amount: str,
    type: str | None = None,
    auto_complete: bool = False,
    ttl: Whole | None = None,
    meta: str | None = None,
    output: Format = "table",
) -> None:
    """Begin a credit or debit; a draft moves no points until it is completed.

    :param definition: UUID of the balance definition.
    :param amount: positive credits, negative debits (--amount=-5).
    :param type: credit or debit; must agree with the sign.
    :param auto_complete: complete it at once.
    :param ttl: seconds until the draft expires, at least 10.
    :param meta: a JSON object that is stored with it and shown in history.
    """
    async with connected(api) as program:
        begun = await program.transactions.begin(
            balance_definition_id=definition,
            contact_id=contact,
            amount=amount,
            transaction_type=type,
            auto_complete=auto_complete or UNSET,
            ttl=UNSET if ttl is None else ttl,
            meta=UNSET if meta is None else _object(meta),
        )
    _show_result(begun, output)


@app.command
async def complete(transaction: str, /, *, api: Api, output: Format = "table") -> None:
    """Complete a draft: the points move.

    :param transaction: UUID of the transaction.
    """
    async with connected(api) as program:
        _show_result(await program.transactions.complete(transaction), output)


@app.command
async def cancel(transaction: str, /, *, api: Api, output: Format = "table") -> None:
    """Cancel a draft: no points move.

    :param transaction: UUID of the transaction.
    """
    async with connected(api) as program:
        _show_result(await program.transactions.cancel(transaction), output)


def _show_result(transaction: Transaction, output: Format) -> None:
    show(transaction, output)
    if transaction.status == TransactionStatus.REJECTED:
        raise CommandError(f"the server rejected it: {transaction.reject_reason or 'no reason given'}")


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text, parse_float=Decimal)
    except ValueError as error:
        raise CommandError(f"--meta is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise CommandError("--meta must be a JSON object")
    return value
