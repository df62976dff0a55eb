"""The demo's shop: the steps of a program that uses the API. Each sum is kept here and compared with the server's."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from decimal import ROUND_DOWN, Decimal
from time import perf_counter
from typing import TYPE_CHECKING, TypeVar
from uuid import uuid4

from brevo_balance_async import UNSET, BalanceError, TransactionStatus, TransactionType
from brevo_balance_async.cli.terminal import CommandError

from .story import counted

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from brevo_balance_async import BalanceClient
    from brevo_balance_async.importer import Entry

    from .story import Story

T = TypeVar("T")

_CENT = Decimal("0.01")
_SPENDER = 5
"""Every fifth contact spends half of what it has."""
_CANCELLER = 7
"""Every seventh contact begins a transaction and cancels it."""


class Shop:
    """One program with two definitions: points for purchases, and a welcome gift with a limit.

    ``expected`` is the balance that each contact must have, computed here. At the end the server's is compared.
    """

    def __init__(
        self, client: BalanceClient, story: Story, requests: Callable[[], int], concurrency: int
    ) -> None:
        self._program = client.program(uuid4())
        self._story = story
        self._requests = requests
        self._concurrency = concurrency
        self._points = ""
        self._gift = ""
        self.expected: defaultdict[int, Decimal] = defaultdict(Decimal)

    async def open(self) -> None:
        """Create the program's definitions and the limit of one gift a year."""
        points = await self._program.definitions.create(
            name="Points", unit="POINTS", description="1 for each 1.00 spent"
        )
        gift = await self._program.definitions.create(name="Welcome gift", unit="POINTS", max_amount=100)
        await self._program.limits.create(
            gift.id,
            constraint_type="transaction",
            transaction_type="credit",
            duration_unit="year",
            duration_value=1,
            value=1,
            sliding_schedule=True,
        )
        self._points, self._gift = points.id, gift.id
        self._story.step("program", "2 balance definitions and 1 limit created")

    async def credit(self, purchases: Sequence[Entry]) -> None:
        """Begin and complete a credit for each purchase, then compare every balance with the purchases' sum."""
        for purchase in purchases:
            self.expected[purchase.contact_id] += purchase.amount
        total = sum(self.expected.values(), Decimal())
        self._story.step(
            "purchases",
            f"{counted(len(purchases), 'purchase')} of {counted(len(self.expected), 'customer')}, {total:,f} in all",
        )
        worth = [purchase for purchase in purchases if purchase.amount]
        started, requests = perf_counter(), self._requests()
        await self._each("crediting", worth, self._credit_one)
        # A contact with free purchases only gets no credit, so its balance is created instead.
        await self._each("opening", [c for c, amount in self.expected.items() if not amount], self._open_one)
        seconds, requests = perf_counter() - started, self._requests() - requests
        free = len(purchases) - len(worth)
        self._story.step(
            "credits",
            f"{len(worth):,} begun and completed"
            + (f", {free:,} of 0.00 have nothing to credit" if free else ""),
            f"{counted(requests, 'request')}, {requests / seconds:,.0f} a second",
        )
        held = await self._balances()
        wrong = [
            f"contact {contact}: {held.get(contact)} instead of {amount}"
            for contact, amount in self.expected.items()
            if held.get(contact) != amount
        ]
        self._story.check(f"{_equal(held)} purchases, {sum(held.values()):,f} in all", wrong)

    async def spend(self) -> None:
        """Debit some contacts by ``transactions.hold``, which completes at the end of its block."""
        spenders = [
            (contact, (amount / 2).quantize(_CENT, ROUND_DOWN))
            for contact, amount in sorted(self.expected.items())[::_SPENDER]
            if amount >= 1
        ]
        await self._each("spending", spenders, self._spend_one)
        spent = sum((amount for _, amount in spenders), Decimal())
        self._story.step("debits", f"{counted(len(spenders), 'contact')} spent half, {spent:,f} in all")

    async def cancel(self) -> None:
        """Begin drafts and cancel them: no points move."""
        contacts = sorted(self.expected)[::_CANCELLER]
        await self._each("cancelling", contacts, self._cancel_one)
        self._story.step("cancelled", f"{counted(len(contacts), 'draft')} begun and cancelled")

    async def reach_limit(self) -> None:
        """Give one contact its welcome gift twice; the limit allows one."""
        contact = min(self.expected)
        gifts = [
            await self._program.transactions.begin(
                balance_definition_id=self._gift, contact_id=contact, amount=100, auto_complete=True
            )
            for _ in range(2)
        ]
        ends = [gift.status for gift in gifts]
        wrong = [] if ends == ["completed", "rejected"] else [f"gifts that ended {ends}"]
        self._story.check("the limit of one gift a year held: the second was rejected", wrong)

    async def walk(self) -> None:
        """Read all listings through the paginators, and compare the sums."""
        started, requests = perf_counter(), self._requests()
        definitions = [definition.id async for definition in self._program.definitions.list()]
        held = await self._balances()
        booked: dict[int, Decimal] = {}
        lots: dict[int, Decimal] = {}
        counts = {"rows": 0, "lots": 0}

        async def read(contact: int) -> None:
            booked[contact] = lots[contact] = Decimal()
            async for row in self._program.history.list(
                contact_id=contact, balance_definition_id=self._points
            ):
                counts["rows"] += 1
                if row.status == TransactionStatus.COMPLETED:
                    booked[contact] += _signed(row.amount, row.transaction_type)
            active = self._program.balances.list_active(
                contact_id=contact, balance_definition_id=self._points
            )
            async for lot in active:
                counts["lots"] += 1
                lots[contact] += lot.amount or 0

        await self._each("reading back", list(held), read)
        seconds, requests = perf_counter() - started, self._requests() - requests
        self._story.step(
            "walks",
            f"{counted(len(definitions), 'definition')}, {counted(len(held), 'balance')}, "
            f"{counted(counts['rows'], 'history row')}, {counted(counts['lots'], 'active balance')}",
            f"{requests:,} requests, {requests / seconds:,.0f} a second",
        )
        wrong = [
            f"contact {c}: balance {held.get(c)}, rows {booked.get(c)}, active {lots.get(c)}, our books {amount}"
            for c, amount in self.expected.items()
            if not held.get(c) == booked.get(c) == lots.get(c) == amount
        ]
        self._story.check(
            f"{_equal(held)} rows, of {'its' if len(held) == 1 else 'their'} active balances, and our own books",
            wrong,
        )

    async def _balances(self) -> dict[int, Decimal]:
        held: dict[int, Decimal] = {}
        async for balance in self._program.balances.list(self._points):
            held[balance.contact_id or 0] = balance.value or Decimal()
        return held

    async def _credit_one(self, purchase: Entry) -> None:
        draft = await self._program.transactions.begin(
            balance_definition_id=self._points,
            contact_id=purchase.contact_id,
            amount=purchase.amount,
            event_time=purchase.event_time or UNSET,
            meta={**(purchase.meta or {}), "reference": purchase.reference},
        )
        done = await self._program.transactions.complete(draft)
        if done.status != TransactionStatus.COMPLETED:
            raise CommandError(f"{purchase.reference} is {done.status}: {done.reject_reason}")

    async def _open_one(self, contact: int) -> None:
        await self._program.balances.create(contact, balance_definition_id=self._points)

    async def _spend_one(self, debit: tuple[int, Decimal]) -> None:
        contact, amount = debit
        async with self._program.transactions.hold(
            balance_definition_id=self._points, contact_id=contact, amount=-amount, meta={"reason": "voucher"}
        ):
            pass  # a shop would create the voucher here; an exception would cancel the debit
        self.expected[contact] -= amount

    async def _cancel_one(self, contact: int) -> None:
        draft = await self._program.transactions.begin(
            balance_definition_id=self._points, contact_id=contact, amount="10.00"
        )
        await self._program.transactions.cancel(draft)

    async def _each(self, description: str, items: Sequence[T], work: Callable[[T], Awaitable[None]]) -> None:
        """Do ``work`` for every item concurrently; the first failure ends it."""
        if not items:
            return
        with self._story.bar(description, len(items)) as advance:
            await _concurrently(items, work, advance, self._concurrency)


async def _concurrently(
    items: Iterable[T], work: Callable[[T], Awaitable[None]], advance: Callable[[], None], workers: int
) -> None:
    queue = iter(items)

    async def worker() -> None:
        for item in queue:
            await work(item)
            advance()

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(worker())
    except* (BalanceError, CommandError) as failures:
        raise failures.exceptions[0] from None


def _equal(held: Mapping[int, Decimal]) -> str:
    """The beginning of the sentence that compares these balances."""
    if len(held) == 1:
        return "1 balance equals the sum of its"
    return f"{len(held):,} balances equal the sum of their"


def _signed(amount: Decimal | None, kind: TransactionType | str | None) -> Decimal:
    """A credit as a positive and a debit as a negative amount. Brevo does not document the sign of debits."""
    size = abs(amount or Decimal())
    return -size if kind == TransactionType.DEBIT else size
