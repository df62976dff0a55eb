"""This package, with its defaults."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import worker
import workload

from brevo_balance_async import BalanceClient
from brevo_balance_async.core import codec
from brevo_balance_async.models import TransactionHistoryPage

if TYPE_CHECKING:
    from collections.abc import Callable


class Ours:
    packages = ("aiohttp", "attrs", "cattrs", "yarl")

    async def open(self, base_url: str) -> None:
        self._client = await BalanceClient(workload.API_KEY, base_url=base_url).__aenter__()
        self._program = self._client.program(workload.PROGRAM)

    async def begin(self) -> None:
        await self._program.transactions.begin(
            balance_definition_id=workload.DEFINITION,
            contact_id=workload.CONTACT,
            amount=workload.AMOUNT,
            meta=workload.META,
        )

    async def walk(self, rows: int) -> int:
        seen = 0
        async for _ in self._program.history.list(
            contact_id=rows, balance_definition_id=workload.DEFINITION, timeout=None
        ):
            seen += 1
        return seen

    def decoder(self) -> Callable[[bytes], Any]:
        return partial(codec.decode, kind=TransactionHistoryPage)

    async def close(self) -> None:
        await self._client.close()


if __name__ == "__main__":
    worker.main(Ours())
