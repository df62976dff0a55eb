"""Whatever happens in whatever order: the books balance, and nobody waits for an answer that cannot come."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from brevo_balance_async.core.quota.headers import read
from brevo_balance_async.core.quota.pause import HOUR
from brevo_balance_async.core.quota.window import PROBE_AFTER, UNTIL_ANSWER, Pair, Window

NUMBERS = st.sampled_from(["0", "1", "3", "40", "600", "3600", "86400", "1790000000", "-1", "abc", ""])
RESERVES = (0.0, 0.2, 0.9)


class Machine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.window = Window(lambda: 0.5, wall=lambda: 1_790_000_000.0)
        self.flying = []
        self.pairs = []

    @rule(reserve=st.sampled_from(RESERVES), count=st.integers(1, 5), paced=st.booleans())
    def send(self, reserve, count, paced):
        for _ in range(count):
            if self.window.wait(self.now, reserve, paced=paced) > 0:
                break
            self.flying.append(self.window.send(self.now, reserve, paced=paced))

    @rule()
    def begin_a_hold(self):
        if self.window.wait(self.now, 0.0, 2) == 0:
            self.flying.append(self.window.send(self.now, 0.0))
            self.pairs.append(Pair())
            self.window.keep(self.pairs[-1])

    @precondition(lambda self: self.pairs)
    @rule(released=st.booleans())
    def end_a_hold(self, released):
        pair = self.pairs.pop(0)
        if not released and self.window.wait(self.now, 0.0, 0) == 0:
            permit = self.window.send(self.now, 0.0)
            permit.pair = pair
            self.pairs.append(pair)
            self.flying.append(permit)
        self.window.take(pair)
        pair.ended = pair not in self.pairs

    @rule(seconds=st.floats(0, 4000))
    def pass_time(self, seconds):
        self.now += seconds

    @precondition(lambda self: self.flying)
    @rule(
        data=st.data(),
        status=st.sampled_from([200, 200, 404, 429, 503, None]),
        numbers=st.none() | st.tuples(NUMBERS, NUMBERS, NUMBERS),
        retry_after=st.none() | NUMBERS,
    )
    def answer(self, data, status, numbers, retry_after):
        permit = self.flying.pop(data.draw(st.integers(0, len(self.flying) - 1)))
        names = ("limit", "remaining", "reset")
        headers = {
            f"x-sib-ratelimit-{name}": number for name, number in zip(names, numbers or (), strict=False)
        }
        if retry_after is not None:
            headers["retry-after"] = retry_after
        reading = None if status is None else read(status, headers, lambda: 1_790_000_000.0)
        self.window.answer(self.now, permit, reading)

    @precondition(lambda self: self.flying)
    @rule(data=st.data())
    def cancel(self, data):
        self.window.cancel(self.flying.pop(data.draw(st.integers(0, len(self.flying) - 1))))

    @invariant()
    def the_books_balance(self):
        window = self.window
        assert window.in_flight == len(self.flying)
        assert window.bulk_in_flight == sum(permit.reserve > 0 for permit in self.flying)
        assert window.maybe_counted == sum(permit.number <= window.sent_before for permit in self.flying)
        assert window.held == sum(pair.held for pair in self.pairs)
        assert window.unconfirmed >= 0
        assert window.available <= window.remaining

    @invariant()
    def every_wait_ends(self):
        for reserve in RESERVES:
            for need in (0, 1, 2):
                wait = self.window.wait(self.now, reserve, need)
                expected = self.window.expected(self.now, reserve, need)
                assert wait >= 0
                assert 0 <= expected < 86_400 * 3600
                if wait == UNTIL_ANSWER:
                    assert self.flying
                    assert need == 2  # a hold does not go to look

    @invariant()
    def somebody_looks_after_five_minutes(self):
        # Whoever only headers keep waiting, and not a reserve or holds of our own. These may keep more permits than the
        # limit has; of a sliding window each one more costs up to an hour, unless a hold ends before.
        window = self.window
        hours = 1 + window.held
        if not self.flying:
            for reserve in RESERVES:
                kept_back = window.available + window.held > 0
                most = (HOUR + 2) * (hours if reserve == 0 else 3601) if kept_back else PROBE_AFTER
                assert window.wait(self.now, reserve) <= most + 1e-6
            assert window.wait(self.now, 0.0) <= (hours * (HOUR + 2) if window.held else PROBE_AFTER) + 1e-6

    @invariant()
    def bulk_never_goes_where_live_waits(self):
        live, *bulk = [self.window.wait(self.now, reserve) for reserve in RESERVES]
        assert live == 0 or min(bulk) > 0

    def teardown(self):
        """Once everybody has landed, patience is enough for a request with a reserve."""
        for permit in self.flying:
            self.window.answer(self.now, permit, None)
        for pair in self.pairs:
            self.window.take(pair)
        for _ in range(20):
            wait = self.window.wait(self.now, 0.2)
            if wait == 0:
                return
            self.now += wait
        raise AssertionError(f"still waiting: {self.window}")


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=75, stateful_step_count=30, deadline=None)
