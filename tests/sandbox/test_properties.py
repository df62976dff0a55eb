"""Whatever is done in whatever order, the ledger's sums hold."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from brevo_balance_async.sandbox import SandboxClock, Switches
from brevo_balance_async.sandbox.rules.history import Wanted
from brevo_balance_async.sandbox.rules.ledger import Ledger
from brevo_balance_async.sandbox.rules.periods import LAST
from brevo_balance_async.sandbox.rules.refusals import Refusal

PROGRAM = "27aa1d7a-af67-4020-8a65-19d6b0f0a26e"
DEFINITION = "7c1f0f0e-52a1-4c2e-9a55-0d3b7c9f1a10"
MOST = Decimal(100)

sizes = st.decimals(min_value="0.01", max_value=80, places=2)
contacts = st.integers(1, 2)


class LedgerMachine(RuleBasedStateMachine):
    """Random credits, debits, ends, orders and hours; a model that only knows lots checks each balance."""

    @initialize(
        overtaking=st.sampled_from(["strict", "partial"]),
        reserve=st.booleans(),
        rejection=st.sampled_from(["status", "422"]),
        hours=st.sampled_from([None, 5]),
        consumed=st.sampled_from(["oldest_first", "soonest_first"]),
    )
    def open(self, overtaking, reserve, rejection, hours, consumed):
        self.clock = SandboxClock(frozen=True)
        switches = Switches(drafts_reserve=reserve, rejection=rejection, lots_consumed=consumed)
        self.ledger = Ledger(self.clock, switches)
        self.soonest_first = consumed == "soonest_first"
        self.lifetime = hours and hours * 60
        terms = {"name": "n", "unit": "POINTS", "max_amount": MOST, "overtaking": overtaking}
        self.ledger.catalogue.create_definition(PROGRAM, terms, definition_id=DEFINITION)
        self.seen = {}
        self.drafts = []
        self.refusals = set()

    def note(self, transaction):
        self.seen.setdefault(transaction.id, transaction)

    def begin(self, contact, amount, **terms):
        self.clock.advance(0.001)  # so that moments tell the order
        try:
            transaction = self.ledger.begin(
                PROGRAM, definition_id=DEFINITION, contact_id=contact, amount=amount, **terms
            )
        except Refusal as refusal:
            self.refusals.add(refusal.status)
            return None
        self.note(transaction)
        return transaction

    @rule(contact=contacts, size=sizes, extra=st.sampled_from([0, 0, 60, 600]))
    def credit(self, contact, size, extra):
        lifetime = self.lifetime and self.lifetime + extra
        self.begin(contact, size, auto_complete=True, points_lifetime=lifetime)

    @rule(contact=contacts, size=sizes)
    def debit(self, contact, size):
        self.begin(contact, -size, auto_complete=True)

    @rule(contact=contacts, size=sizes, sign=st.sampled_from([1, -1]), ttl=st.integers(10, 20000))
    def draft(self, contact, size, sign, ttl):
        transaction = self.begin(contact, sign * size, ttl=ttl)
        if transaction is not None:
            self.drafts.append(transaction)

    @precondition(lambda self: self.drafts)
    @rule(data=st.data(), end=st.sampled_from(["complete", "cancel"]))
    def finish(self, data, end):
        draft = data.draw(st.sampled_from(self.drafts))
        self.clock.advance(0.001)
        self.ledger.settle()
        before = draft.status
        try:
            getattr(self.ledger, end)(PROGRAM, draft.id)
        except Refusal as refusal:
            self.refusals.add(refusal.status)
        if before != "draft":
            assert draft.status == before

    @rule(contact=contacts, size=sizes, minutes=st.integers(1, 600))
    def order(self, contact, size, minutes):
        order = self.ledger.create_order(
            PROGRAM,
            definition_id=DEFINITION,
            contact_id=contact,
            amount=size,
            due_at=self.clock.now() + timedelta(minutes=minutes),
            source="engine",
        )
        self.note(order.transaction)

    @rule(minutes=st.integers(1, 400))
    def wait(self, minutes):
        self.clock.advance(minutes * 60)

    @invariant()
    def sums_hold(self):
        if not hasattr(self, "ledger"):
            return
        assert self.refusals <= {422}
        now = self.clock.now()
        # The listing first: it has to find by itself what has fallen due.
        ranking = self.ledger.contact_balances(PROGRAM, DEFINITION, by="value")
        listed = ranking.between(0, len(ranking), descending=True)
        assert {account.contact_id: account.balance for account in listed} == {
            account.contact_id: self.replayed(account.contact_id, now) for account in listed
        }
        assert [account.balance for account in listed] == sorted((a.balance for a in listed), reverse=True)
        for contact in (1, 2):
            balance = self.ledger.balance(PROGRAM, DEFINITION, contact)
            assert balance == self.replayed(contact, now)
            assert balance == sum(
                (lot.remaining for lot in self.ledger.active_lots(PROGRAM, DEFINITION, contact)), Decimal(0)
            )
            assert 0 <= balance <= MOST
            for status in ("draft", "completed", "expired", "cancelled", "rejected"):
                page = self.ledger.history(
                    PROGRAM,
                    DEFINITION,
                    contact,
                    wanted=Wanted(status=status),
                    start=0,
                    limit=10**6,
                    descending=False,
                )
                mine = [t for t in self.seen.values() if t.contact_id == contact and t.status == status]
                assert [row.id for row in page.rows] == [t.id for t in mine]

    def expiry(self, lot):
        return self.seen[lot].points_expire_at or LAST

    def replayed(self, contact, now):
        """The balance found again from the completed rows alone: credits expire, debits eat one after another."""
        completed = [t for t in self.seen.values() if t.contact_id == contact and t.status == "completed"]
        order = {t.id: at for at, t in enumerate(self.seen.values())}
        events = [(t.completed_at, 1, order[t.id], t) for t in completed]
        events += [
            (t.points_expire_at, 0, order[t.id], t)
            for t in completed
            if t.points_expire_at is not None and t.points_expire_at <= now
        ]
        lots = {}
        for _, is_move, _, transaction in sorted(events, key=lambda event: event[:3]):
            if not is_move:
                lots.pop(transaction.id, None)
            elif transaction.kind == "credit":
                lots[transaction.id] = transaction.size
            else:
                left = transaction.size
                for lot in sorted(lots, key=self.expiry) if self.soonest_first else list(lots):
                    taken = min(left, lots[lot])
                    lots[lot] -= taken
                    left -= taken
                assert left == 0
        return sum(lots.values(), Decimal(0))


LedgerMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestLedger = LedgerMachine.TestCase
