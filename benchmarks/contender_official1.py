"""The official SDK 1.x, which blocks, in a pool of threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

import brevo_python
import worker
import workload

MOST_THREADS = 100


class Official:
    packages = ("brevo-python", "urllib3")

    async def open(self, base_url: str) -> None:
        configuration = brevo_python.Configuration()
        configuration.host = base_url
        configuration.api_key["api-key"] = workload.API_KEY
        configuration.connection_pool_maxsize = MOST_THREADS
        self._api = brevo_python.BalanceApi(brevo_python.ApiClient(configuration))

    def _begin(self) -> None:
        self._api.begin_transaction(
            workload.PROGRAM,
            brevo_python.CreateTransactionPayload(
                amount=workload.AMOUNT,
                balance_definition_id=workload.DEFINITION,
                contact_id=workload.CONTACT,
                meta=workload.META,
            ),
        )

    async def posts(self, concurrency: int, end: float) -> int:
        """A thread for each of ``concurrency``, 100 at most: more only get in each other's way."""

        def one(_: int) -> int:
            done = 0
            while not done or perf_counter() < end:
                self._begin()
                done += 1
            return done

        threads = min(concurrency, MOST_THREADS)
        with ThreadPoolExecutor(threads) as pool:
            return sum(pool.map(one, range(threads)))

    async def close(self) -> None: ...


if __name__ == "__main__":
    worker.main(Official())
