"""Never run: what must be an error for mypy and pyright. An ignore that ignores nothing is an error itself."""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from brevo_balance_async import BalanceClient, BalanceOrder, Program


def lifecycle(client: BalanceClient, program: Program) -> None:
    with client:  # type: ignore[attr-defined]  # async with
        pass
    hold = program.transactions.hold(balance_definition_id="d", contact_id=1, amount=-5)
    with hold:  # type: ignore[attr-defined]  # async with
        pass
    for _ in program.definitions.list():  # type: ignore[attr-defined]  # async for
        pass


def old_names(client: BalanceClient, program: Program, order: BalanceOrder) -> None:
    print(client.balance)  # type: ignore[attr-defined]  # client.program(program_id)
    print(program.begin_transaction)  # type: ignore[attr-defined]  # program.transactions.begin
    print(program.history.list(contact_id=1, balance_definition_id="d").items)  # type: ignore[attr-defined]
    print(order.transactionid)  # type: ignore[attr-defined]  # order.transaction_id
