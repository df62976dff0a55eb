"""The official SDK 5.x, over httpx or, with the word ``aiohttp``, over httpx-aiohttp."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

import httpx
import worker
import workload
from brevo import AsyncBrevo
from brevo.balance.types.get_loyalty_balance_programs_pid_transaction_history_response import (
    GetLoyaltyBalanceProgramsPidTransactionHistoryResponse as HistoryPage,
)
from brevo.core.unchecked_base_model import construct_type

if TYPE_CHECKING:
    from collections.abc import Callable


class Official:
    def __init__(self, *, aiohttp: bool) -> None:
        self.packages = ("brevo-python", "httpx-aiohttp" if aiohttp else "httpx")
        self._aiohttp = aiohttp

    async def open(self, base_url: str) -> None:
        made = import_module("httpx_aiohttp").HttpxAiohttpClient if self._aiohttp else httpx.AsyncClient
        self._transport = transport = made(timeout=60)
        self._balance = AsyncBrevo(
            api_key=workload.API_KEY, base_url=base_url, httpx_client=transport
        ).balance

    async def begin(self) -> None:
        await self._balance.begin_transaction(
            workload.PROGRAM,
            amount=workload.AMOUNT,
            balance_definition_id=workload.DEFINITION,
            contact_id=workload.CONTACT,
            meta=workload.META,
        )

    async def walk(self, rows: int) -> int:
        seen = 0
        while True:
            page = await self._balance.get_transaction_history_api(
                workload.PROGRAM,
                contact_id=rows,
                balance_definition_id=workload.DEFINITION,
                limit=workload.PAGE,
                offset=seen,
            )
            items = page.transaction_history or []
            for _ in items:
                seen += 1
            if len(items) < workload.PAGE:
                return seen

    def decoder(self) -> Callable[[bytes], Any]:
        def decode(body: bytes) -> Any:
            return construct_type(type_=HistoryPage, object_=httpx.Response(200, content=body).json())

        return decode

    async def close(self) -> None:
        await self._transport.aclose()


if __name__ == "__main__":
    worker.main(Official(aiohttp="aiohttp" in sys.argv[2:]))
