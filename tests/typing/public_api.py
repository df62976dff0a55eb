"""Never run: every public name in use, for mypy and pyright in strict mode."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from brevo_balance_async import (
    ApiKey,
    AttemptFinished,
    BalanceClient,
    BalanceError,
    ClientCredentials,
    InputFileError,
    OutcomeUnknownError,
    PartnerKey,
    QuotaError,
    QuotaWaitError,
    RateLimitedError,
    ReferenceConflictError,
    ResponseError,
    TransactionStatus,
    to_plain,
)
from brevo_balance_async.exactly_once import ExactlyOnce, Outcome
from brevo_balance_async.importer import Entry, read_csv, read_jsonl
from brevo_balance_async.journal import Journal, JournalStatus, metadata, schema_sql

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.ext.asyncio import AsyncEngine

    from brevo_balance_async import (
        ActiveBalance,
        Balance,
        BalanceDefinition,
        BalanceLimit,
        BalanceOrder,
        Balances,
        ContactBalance,
        Definitions,
        Event,
        History,
        Hold,
        Hook,
        Limits,
        Options,
        Page,
        Paginator,
        Program,
        QuotaState,
        SubscriptionBalances,
        Transaction,
        TransactionRecord,
        Transactions,
    )

PROGRAM = "27aa1d7a-af67-4020-8a65-19d6b0f0a26e"


def hook(event: Event) -> None:
    if isinstance(event, AttemptFinished):
        status: int = event.status
        print(event.endpoint, status)


def resources(program: Program) -> None:
    definitions: Definitions = program.definitions
    limits: Limits = program.limits
    transactions: Transactions = program.transactions
    balances: Balances = program.balances
    history: History = program.history
    hold: Hold = transactions.hold(balance_definition_id=PROGRAM, contact_id=1, amount=-5)
    options: Options = program.options
    print(definitions, limits, balances, history, hold, options.max_wait, program.id)


def written(transaction: Transaction, quota: QuotaState, outcome: Outcome) -> None:
    fields: dict[str, object] = transaction.to_dict()
    text: str = transaction.to_json() + quota.to_json() + outcome.to_json()
    print(fields, text, json.dumps({"of": transaction}, default=to_plain), dict(transaction))


async def clients() -> None:
    BalanceClient(credentials=ApiKey("key"))
    BalanceClient(credentials=PartnerKey("partner", api_key="key"))
    BalanceClient(credentials=ClientCredentials("id", "secret", scope="loyalty:read"))
    hooks: list[Hook] = [hook]
    client = BalanceClient("key", partner_key="p", timeout=None, max_wait=None, reserve=0.2, hooks=hooks)
    bulk: BalanceClient = client.with_options(max_wait=None, reserve=0.2)
    state: QuotaState | None = bulk.quota
    if state is not None:
        seconds: float = state.resets_in
        print(state.limit, state.remaining, seconds, state.observed_at)
    base_url: str = client.base_url
    await client.open()
    is_open: bool = client.is_open
    program = client.program(PROGRAM).with_options(timeout=5, max_attempts=1, max_wait=None, reserve=0.5)
    base_url = program.base_url
    print(base_url, is_open, program.id)
    await client.close(grace=10)
    await client.close()


async def calls() -> None:
    async with BalanceClient(api_key="...") as client:
        program = client.program(PROGRAM)
        definition: BalanceDefinition = await program.definitions.create(name="Points", unit="POINTS")
        definition = await program.definitions.get(definition.id, version="draft")
        definition = await program.definitions.update(
            definition.id, name="Points", unit="POINTS", description=None, max_amount=Decimal(10), timeout=5
        )
        await program.definitions.delete(definition.id)
        limit: BalanceLimit = await program.limits.create(
            definition.id,
            constraint_type="amount",
            transaction_type="credit",
            duration_unit="day",
            duration_value=1,
            value=500,
        )
        limit = await program.limits.get(definition.id, limit.id)
        await program.limits.delete(definition.id, limit.id)
        draft: Transaction = await program.transactions.begin(
            balance_definition_id=definition.id, contact_id=42, amount="12.50", meta={"order": 1}
        )
        done: Transaction = await program.transactions.complete(draft)
        done = await program.transactions.cancel(draft.id)
        if done.status is TransactionStatus.COMPLETED and done.amount is not None:
            print(done.amount + Decimal(1))
        order: BalanceOrder = await program.transactions.create_order(
            balance_definition_id=definition.id,
            contact_id=1,
            amount=5,
            due_at=datetime.now(UTC),
            source="user",
        )
        print(order.transaction_id)
        hold = program.transactions.hold(balance_definition_id=definition.id, contact_id=1, amount=-5)
        async with hold as held:
            early: Transaction = await hold.complete()
            print(held.id, early.status)
        result: Transaction | None = hold.result
        print(result)
        credited: Transaction = await program.transactions.credit(
            balance_definition_id=definition.id,
            contact_id=42,
            amount=5,
            balance_expiry_in_minutes=60,
            meta={"a": 1},
        )
        debited: Transaction = await program.transactions.debit(
            balance_definition_id=definition.id,
            loyalty_subscription_id="s",
            amount=5,
            event_time=datetime.now(UTC),
        )
        row: TransactionRecord | None = await program.history.find(
            contact_id=42,
            balance_definition_id=definition.id,
            meta={"a": 1},
            since=datetime.now(UTC),
            timeout=5,
        )
        row = await program.history.find(
            contact_id=42, balance_definition_id=definition.id, transaction_id=credited.id
        )
        print(row, debited)
        held_balances: SubscriptionBalances = await program.balances.get(42)
        created: Balance = await program.balances.create(42, balance_definition_id=definition.id)
        print(held_balances.balance[0].value, created.amount)
        answer = await client.request("GET", "/loyalty/config/programs", params={"limit": 1})
        print(answer)


async def walks() -> None:
    async with BalanceClient() as client:
        program = client.program(PROGRAM)
        walk: Paginator[TransactionRecord] = program.history.list(
            contact_id=42, balance_definition_id=PROGRAM
        )
        async for record in walk:
            print(record.created_at, record.amount, record.status)
        async for page in walk.pages():
            rows: Page[TransactionRecord] = page
            print(rows.items, rows.count, rows.offset, rows.limit, rows.has_more)
        first: Page[TransactionRecord] = await walk
        second: Page[TransactionRecord] = await first.next()
        everything: list[TransactionRecord] = await walk.prefetch(4).collect(max_items=10)
        latest: list[TransactionRecord] = await walk.take(5).collect()
        client.walk_memory.offset_counts["history.list"] = "records"
        print(walk.position, second, everything, latest)
        balances: list[ContactBalance] = await program.balances.list(PROGRAM).collect()
        lots: list[ActiveBalance] = await program.balances.list_active(
            contact_id=1, balance_definition_id=PROGRAM
        ).collect()
        print(balances, lots)


def entries() -> None:
    made = Entry(reference="order-42", balance_definition_id=PROGRAM, amount="12.50", contact_id=42)
    Entry(
        reference="order-43",
        balance_definition_id=UUID(PROGRAM),
        amount=-3,
        contact_id=42,
        event_time=datetime.now(UTC),
        meta={"shop": 7},
        balance_expiry_in_minutes=60,
        line=2,
    )
    amount: Decimal = made.amount
    when: datetime | None = made.event_time
    print(made.reference, made.balance_definition_id, amount, made.contact_id, when, made.meta, made.line)
    rows = read_csv(Path("credits.csv"), balance_definition_id=PROGRAM)
    try:
        read: list[Entry] = [*rows, *read_jsonl("credits.jsonl")]
        ignored: tuple[str, ...] = rows.ignored
        print(rows.path, ignored, read)
    except InputFileError as error:
        first: int | None = error.line
        print(error.path, first, error.argument, error.reason)
        for problem in error.problems:
            line: int | None = problem.line
            name: str | None = problem.argument
            print(line, name, problem.reason)


async def exactly_once(program: Program, engine: AsyncEngine, sync: Engine) -> None:
    async with Journal("credits.db", lease=30.0) as journal:
        once = ExactlyOnce(program, journal, mode="strict", ttl=7200, reserve=0.2, verify_first=True)
        outcome: Outcome = await once.apply(
            reference="order-42",
            contact_id=42,
            balance_definition_id=PROGRAM,
            amount="12.50",
            event_time=datetime.now(UTC),
            meta={"shop": 7},
            timeout=2.0,
        )
        credited: Decimal | None = outcome.credited
        wait: float | None = outcome.retry_after
        print(outcome.state, outcome.final, outcome.repeated, outcome.reference, outcome.transaction_id)
        print(credited, wait, outcome.reason, outcome.line, outcome.amount)
        async for each in once.deliver(forever=True, concurrency=10):
            print(each.state)
        async for doubled in once.audit(undo=True):
            print(doubled.reference, doubled.extra, doubled.undone)
        once.drain()
        async with engine.begin() as connection:
            new: bool = await journal.add(
                connection, program, reference="r", contact_id=1, balance_definition_id=PROGRAM, amount=1
            )
        with sync.begin() as within:
            journal.add_sync(
                within, program, reference="r", contact_id=1, balance_definition_id=PROGRAM, amount=1
            )
        status: JournalStatus = await journal.status()
        print(new, status.workers, [scope.counts for scope in status.scopes])
        await journal.reopen("r")
        await journal.resolve("r", applied=True, note="seen in the history")
        await journal.redact(datetime.now(UTC))
        metadata.create_all(sync)
        print(schema_sql("postgresql"))


async def errors() -> None:
    try:
        await calls()
    except RateLimitedError as error:
        print(error.retry_after)
    except ResponseError as error:
        print(error.status + 1, error.code, error.message, error.request_id, error.headers, error.body)
    except OutcomeUnknownError as error:
        cause: BalanceError | None = error.cause
        print(cause, error.look_for, error.arguments["contact_id"])
    except ReferenceConflictError as error:
        print(error.field, error.stored, error.given)
    except QuotaWaitError as error:
        print(error.retry_after, error.max_wait)
    except QuotaError as error:
        wait: float | None = error.retry_after
        print(wait)
    except BalanceError as error:
        applied: bool | None = error.applied
        print(error.endpoint, error.attempts, error.status, applied, error.draft)
