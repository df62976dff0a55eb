"""The floor: aiohttp and json as one writes them without any SDK."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import aiohttp
import worker
import workload

if TYPE_CHECKING:
    from collections.abc import Callable


class Raw:
    packages = ("aiohttp",)

    async def open(self, base_url: str) -> None:
        self._base_url = base_url
        self._session = aiohttp.ClientSession(headers={"api-key": workload.API_KEY})

    async def begin(self) -> None:
        async with self._session.post(
            self._base_url + workload.TRANSACTIONS, json=workload.BEGIN
        ) as response:
            response.raise_for_status()
            json.loads(await response.read())

    async def walk(self, rows: int) -> int:
        seen = 0
        query = {"contactId": rows, "balanceDefinitionId": workload.DEFINITION, "limit": workload.PAGE}
        while True:
            async with self._session.get(
                self._base_url + workload.HISTORY, params={**query, "offset": seen}
            ) as response:
                response.raise_for_status()
                items = json.loads(await response.read())["transactionHistory"]
            for _ in items:
                seen += 1
            if len(items) < workload.PAGE:
                return seen

    def decoder(self) -> Callable[[bytes], Any]:
        return json.loads

    async def close(self) -> None:
        await self._session.close()


if __name__ == "__main__":
    worker.main(Raw())
