"""The walk as a state machine: hypothesis changes the listing between any two answers, and the answers too."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from listings import MEANINGS, Server, listing

from brevo_balance_async.core.paging.listing import Batch, WalkMemory
from brevo_balance_async.core.paging.walk import PATIENCE, Walk
from brevo_balance_async.errors import PaginationError

COUNTS = {
    "true": lambda total, _page: total,
    "absent": lambda _total, _page: None,
    "of the page": lambda _total, page: page,
    "too small": lambda total, _page: max(0, total - 9),
    "too big": lambda total, _page: total + 9,
    "always 0": lambda _total, _page: 0,
}


class WalkUnderChange(RuleBasedStateMachine):
    """Every row that exists throughout is given once, or the walk raises; in a bounded number of requests."""

    @initialize(
        rows=st.integers(0, 150),
        meaning=st.sampled_from(MEANINGS),
        descending=st.booleans(),
        ties=st.integers(1, 5),
        shuffled=st.booleans(),
        limit=st.none() | st.integers(1, 30),
        largest=st.sampled_from([30, 50]),
        cap=st.sampled_from([None, None, 20]),
        count=st.sampled_from(sorted(COUNTS)),
        seed=st.integers(0, 1000),
        disputed=st.booleans(),
    )
    def begin(self, rows, meaning, descending, ties, shuffled, limit, largest, cap, count, seed, disputed):
        # A capped page whose stated total is its own length cannot be told from a listing that ends there.
        self.believable = cap is None or count not in ("of the page", "too small", "always 0")
        self.server = Server(
            rows=rows,
            meaning=meaning,
            descending=descending,
            ties=ties,
            shuffled=shuffled,
            cap=cap,
            count=COUNTS[count],
            seed=seed,
        )
        self.memory = WalkMemory()
        self.walk = Walk(listing(disputed=disputed, largest=largest), self.memory, limit, 0)
        self.given = []
        self.raised = False
        self.requests = 0
        self.kept = None

    def live(self):
        return sorted(self.server.live)

    @rule(number=st.integers(1, 8))
    def insert(self, number):
        for _ in range(number):
            self.server.insert()

    @precondition(lambda self: self.server.live)
    @rule(data=st.data(), number=st.integers(1, 8))
    def delete(self, data, number):
        for _ in range(min(number, len(self.server.live))):
            self.server.delete(data.draw(st.sampled_from(self.live())))

    @precondition(lambda self: self.server.live)
    @rule(share=st.floats(0, 1))
    def expire(self, share):
        for ident in self.live()[: int(share * len(self.server.live))]:
            self.server.delete(ident)

    @precondition(lambda self: not self.walk.done and not self.raised)
    @rule(answers=st.integers(1, 6))
    def go_on(self, answers):
        for _ in range(answers):
            if not self.walk.done and not self.raised:
                self.answer()

    @precondition(lambda self: not self.walk.done and not self.raised)
    @rule()
    def an_answer_that_comes_late(self):
        """A page is asked for, the listing changes, and the page is fed after another one."""
        try:
            window = self.walk.after(None)
            if window is not None:
                late = self.server.answer(window.limit, window.offset)
                self.insert(1)
                self.answer()
                if not self.walk.done and not self.raised and self.walk.knows_offsets:
                    self.take(self.walk.feed(window, late))
        except PaginationError:
            self.raised = True

    def answer(self):
        self.requests += 1
        try:
            window = self.walk.next()
            assert window.limit >= 1
            assert window.offset >= 0
            batch = self.server.answer(window.limit, window.offset)
            self.take(self.walk.feed(window, Batch(batch.items, batch.count)))
            if self.walk.done:
                self.walk.verify()
        except PaginationError as error:
            self.raised = True
            assert error.seen == len(self.given)

    def take(self, step):
        if step is not None:
            self.given += [row.id for row in step.rows]

    @invariant()
    def nothing_twice(self):
        if hasattr(self, "given"):
            assert len(self.given) == len(set(self.given))

    def teardown(self):
        if not hasattr(self, "walk"):
            return
        while not self.walk.done and not self.raised:
            self.answer()
        assert self.requests <= (len(self.given) + 2) * PATIENCE
        if not self.raised and self.believable:
            assert self.server.throughout <= set(self.given)


WalkUnderChange.TestCase.settings = settings(
    max_examples=300, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
)
TestWalkUnderChange = WalkUnderChange.TestCase
