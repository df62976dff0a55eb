"""Whatever happens in whatever order: the books balance, and nobody waits for an answer that cannot come."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from brevo_balance_async.core.window import LONGEST_RESET, UNTIL_ANSWER, Lane, Window

NUMBERS = st.sampled_from(["0", "1", "3", "40", "600", "3600", "-1", "abc", ""])


class Machine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.window = Window(lambda: 0.5)
        self.lanes = [Lane(0.0), Lane(0.2), Lane(0.9)]
        self.flying = []

    @rule(lane=st.integers(0, 2), count=st.integers(1, 5))
    def send(self, lane, count):
        for _ in range(count):
            if self.window.wait(self.now, self.lanes[lane]) > 0:
                break
            if self.window.silent:
                self.flying.append(self.window.pass_by(self.lanes[lane]))
            else:
                self.flying.append(self.window.send(self.now, self.lanes[lane]))

    @rule(seconds=st.floats(0, 4000))
    def pass_time(self, seconds):
        self.now += seconds

    @precondition(lambda self: self.flying)
    @rule(
        data=st.data(),
        status=st.sampled_from([200, 200, 404, 429, 503, None]),
        numbers=st.none() | st.tuples(NUMBERS, NUMBERS, NUMBERS),
    )
    def answer(self, data, status, numbers):
        permit = self.flying.pop(data.draw(st.integers(0, len(self.flying) - 1)))
        names = ("limit", "remaining", "reset")
        headers = {
            f"x-sib-ratelimit-{name}": number for name, number in zip(names, numbers or (), strict=False)
        }
        self.window.answer(self.now, permit, status, headers)

    @precondition(lambda self: self.flying)
    @rule(data=st.data())
    def cancel(self, data):
        self.window.cancel(self.flying.pop(data.draw(st.integers(0, len(self.flying) - 1))))

    @invariant()
    def the_books_balance(self):
        window = self.window
        assert window.in_flight == len(self.flying)
        assert window.bulk_in_flight == sum(permit.lane.reserve > 0 for permit in self.flying)
        if window.limit is not None:
            assert window.left <= 3600

    @invariant()
    def every_wait_ends(self):
        for lane in self.lanes:
            wait = self.window.wait(self.now, lane)
            assert wait >= 0
            if wait == UNTIL_ANSWER:
                assert self.flying
            else:
                assert wait < 2 * LONGEST_RESET

    @invariant()
    def bulk_never_goes_where_live_waits(self):
        live, *bulk = [self.window.wait(self.now, lane) for lane in self.lanes]
        assert live == 0 or min(bulk) > 0

    def teardown(self):
        """Once everybody has landed, patience is enough for the strictest lane that can ever be served."""
        for permit in self.flying:
            self.window.answer(self.now, permit, None, None)
        for _ in range(20):
            wait = self.window.wait(self.now, self.lanes[1])
            if wait == 0:
                return
            self.now += wait
        raise AssertionError(f"still waiting: {self.window}")


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=75, stateful_step_count=30, deadline=None)
