"""Credits from a procrastinate queue, each order once, however often a job runs.

    await credit.defer_async(order="order-42", contact_id=42, points="12.50")     # in the shop
    DATABASE=postgresql://... BREVO_API_KEY=... python procrastinate_task.py      # a worker, as many as you like

The reference is the order's, never the id of the job: a job that was deferred twice is the same order. While an
outcome is not known, the job comes back when it makes sense to ask again.
"""

from __future__ import annotations

import asyncio
import os
from contextvars import ContextVar

from procrastinate import App, BaseRetryStrategy, PsycopgConnector, RetryDecision
from procrastinate.jobs import Job

from brevo_balance_async import BalanceClient
from brevo_balance_async.exactly_once import ExactlyOnce
from brevo_balance_async.journal import Journal

DATABASE = os.environ.get("DATABASE", "postgresql:///shop")
ONCE = ContextVar[ExactlyOnce]("ONCE")
app = App(connector=PsycopgConnector(conninfo=DATABASE))


class NotKnownYetError(Exception):
    """Ask again after ``wait`` seconds."""

    def __init__(self, reason: str | None, wait: float) -> None:
        super().__init__(reason)
        self.wait = wait


class WhenItMakesSense(BaseRetryStrategy):
    """Retry what is not known yet; for ever, because an order must not be forgotten."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        """When the job runs again; None: it has failed."""
        if isinstance(exception, NotKnownYetError):
            return RetryDecision(retry_in={"seconds": int(exception.wait) + 1})
        # The journal could not be written, or the key was refused: nothing was sent, or the order is open still.
        return RetryDecision(retry_in={"seconds": min(600, 5 * 2**job.attempts)})


@app.task(queue="credits", retry=WhenItMakesSense())
async def credit(order: str, contact_id: int, points: str) -> str:
    """Credit one order."""
    outcome = await ONCE.get().apply(
        reference=order,
        contact_id=contact_id,
        balance_definition_id=os.environ["BREVO_BALANCE_DEFINITION_ID"],
        amount=points,
    )
    if not outcome.final:  # without retry_after a person has to look
        raise NotKnownYetError(outcome.reason, outcome.retry_after or 3600.0)
    return outcome.state


async def work(*, journal: str, wait: bool = True) -> None:
    """A worker; without ``wait`` it ends when the queue is empty."""
    async with app.open_async(), BalanceClient() as client, Journal(journal) as opened:
        ONCE.set(ExactlyOnce(client.program(os.environ["BREVO_PROGRAM_ID"]), opened))
        await app.run_worker_async(queues=["credits"], concurrency=20, wait=wait)


if __name__ == "__main__":
    asyncio.run(work(journal=DATABASE))
