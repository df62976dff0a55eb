"""Credits from a taskiq broker, each order once, however often a task runs.

    await credit.kiq(order="order-42", contact_id=42, points="12.50")     # in the shop
    taskiq worker taskiq_task:broker & taskiq scheduler taskiq_task:scheduler

The reference is the order's, never the id of the task: one that was sent twice is the same order. While an outcome is
not known, the task is scheduled again for when it makes sense to ask.
"""

from __future__ import annotations

import os
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

from taskiq import InMemoryBroker, ScheduledTask, ScheduleSource, TaskiqEvents, TaskiqScheduler, TaskiqState

from brevo_balance_async import BalanceClient
from brevo_balance_async.exactly_once import ExactlyOnce
from brevo_balance_async.journal import Journal


class Later(ScheduleSource):
    """What is to run later; in earnest one that outlives the process, such as ``ListRedisScheduleSource``."""

    def __init__(self) -> None:
        self.tasks: dict[str, ScheduledTask] = {}

    async def get_schedules(self) -> list[ScheduledTask]:
        """All of them."""
        return list(self.tasks.values())

    async def add_schedule(self, schedule: ScheduledTask) -> None:
        """One more."""
        self.tasks[schedule.schedule_id] = schedule

    def post_send(self, task: ScheduledTask) -> None:
        """It was sent, so it is not sent again."""
        self.tasks.pop(task.schedule_id, None)


broker = InMemoryBroker()  # in earnest one that outlives the process
later = Later()
scheduler = TaskiqScheduler(broker, [later])


@broker.on_event(TaskiqEvents.WORKER_STARTUP)
async def begin(state: TaskiqState) -> None:
    """One client and one journal for all tasks of a worker."""
    state.open = stack = AsyncExitStack()
    client = await stack.enter_async_context(BalanceClient())
    journal = await stack.enter_async_context(Journal(os.environ.get("JOURNAL", "credits.db")))
    state.once = ExactlyOnce(client.program(os.environ["BREVO_PROGRAM_ID"]), journal)


@broker.on_event(TaskiqEvents.WORKER_SHUTDOWN)
async def end(state: TaskiqState) -> None:
    """Leave what is open to others."""
    await state.open.aclose()


@broker.task
async def credit(order: str, contact_id: int, points: str) -> str:
    """Credit one order; what became of it."""
    once: ExactlyOnce = broker.state.once
    outcome = await once.apply(
        reference=order,
        contact_id=contact_id,
        balance_definition_id=os.environ["BREVO_BALANCE_DEFINITION_ID"],
        amount=points,
    )
    if not outcome.final:  # without retry_after a person has to look
        moment = datetime.now(UTC) + timedelta(seconds=outcome.retry_after or 3600.0)
        await credit.kicker().schedule_by_time(
            later, moment, order=order, contact_id=contact_id, points=points
        )
    return outcome.state
