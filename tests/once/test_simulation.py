"""The short form of ``simulation``, and a state machine that hypothesis drives through the same model.

``ONCE_EXAMPLES=200 pytest tests/once/test_simulation.py`` is its long form.
"""

from __future__ import annotations

import asyncio
import os
import random

import pytest
import simulation
import virtual_time
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from simulation import CLIMATES, DEFINITION, WRITES, Climate, Handle, Process, Server, World, simulate

from brevo_balance_async.errors import JournalError
from brevo_balance_async.exactly_once import ExactlyOnce

EXAMPLES = int(os.environ.get("ONCE_EXAMPLES", "15"))


@pytest.mark.parametrize("climate", CLIMATES.values(), ids=CLIMATES)
def test_strict_doubles_nothing_loses_nothing_and_refuses_nothing_untruly(climate):
    count = simulate(60, "strict", climate, seed=7)
    assert (count.doubled, count.lost, count.untrue) == (0, 0, 0)
    assert count.requests > 120


def test_lean_without_late_requests_keeps_the_same_promise():
    count = simulate(60, "lean", Climate(factor=8, late=0.0), seed=7)
    assert (count.doubled, count.lost, count.untrue) == (0, 0, 0)


class Scripted(World):
    """Requests meet the fates that hypothesis has chosen, then none."""

    def __init__(self) -> None:
        rng = random.Random(1)
        super().__init__(
            rng, Climate(factor=0, quota=0, lag=60), simulation._engine(), Server(rng, None, {"ruled out"})
        )
        self.script = []

    def fate(self, operation):
        fate = self.script.pop(0) if self.script else "fine"
        known = {"read": {"unread"}, "complete": {"slow", *WRITES}}.get(operation, set(WRITES))
        return fate if fate in known else "fine"


REFERENCES = ("a", "b", "c", "ruled out")


class Machine(RuleBasedStateMachine):
    """Two processes that settle, freeze and die; whatever they say has to be so on the server."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner(loop_factory=virtual_time.VirtualLoop)
        self.world = Scripted()
        self.said = {}
        self.processes = [None, None]

    async def _once(self, at):
        if self.processes[at] is None or self.processes[at][0].dead:
            process = Process(self.world)
            journal = await simulation._open(process)
            self.processes[at] = process, ExactlyOnce(Handle(process), journal)
        return self.processes[at]

    async def _settle(self, at, work, dies_after):
        process, once = await self._once(at)
        process.steps_left = dies_after
        task = asyncio.ensure_future(work(once))
        process.tasks.append(task)
        await asyncio.wait([task])
        process.tasks.remove(task)
        process.steps_left = None
        if not process.dead:
            task.result()
        elif not task.cancelled():
            assert task.exception() is None or isinstance(
                task.exception(), JournalError | simulation.DeadError
            )

    def _hear(self, outcome):
        if outcome.final:
            assert self.said.setdefault(outcome.reference, outcome.state) == outcome.state

    @rule(
        reference=st.sampled_from(REFERENCES),
        at=st.sampled_from([0, 1]),
        script=st.lists(st.sampled_from(["fine", "slow", "unread", *WRITES]), max_size=6),
        dies_after=st.none() | st.integers(1, 30),
    )
    def apply(self, reference, at, script, dies_after):
        self.world.script = script

        async def work(once):
            self._hear(
                await once.apply(
                    reference=reference,
                    contact_id=1,
                    balance_definition_id=DEFINITION,
                    amount="5",
                    timeout=60,
                )
            )

        self.runner.run(self._settle(at, work, dies_after))

    @rule(
        at=st.sampled_from([0, 1]),
        script=st.lists(st.sampled_from(["fine", "slow", "unread", *WRITES]), max_size=10),
        dies_after=st.none() | st.integers(1, 60),
    )
    def deliver(self, at, script, dies_after):
        self.world.script = script
        self.runner.run(self._settle(at, self._deliver, dies_after))

    async def _deliver(self, once):
        async for outcome in once.deliver():
            self._hear(outcome)

    @rule(seconds=st.sampled_from([1, 60, 300, 700, 7_300]))
    def time_passes(self, seconds):
        self.runner.run(asyncio.sleep(seconds))

    @rule(at=st.sampled_from([0, 1]), seconds=st.sampled_from([100, 1_000]))
    def freeze(self, at, seconds):
        async def freeze():
            process, _ = await self._once(at)
            process.frozen_until = process.time() + seconds

        self.runner.run(freeze())

    @invariant()
    def what_was_said_is_so(self):
        made = self.world.server.credits()
        assert all(times == 1 for times in made.values())
        for reference, state in self.said.items():
            assert made[reference] == (state == "applied")
            assert (state == "refused") == (reference == "ruled out")

    def teardown(self):
        async def finish():
            for _ in range(400):
                await self._settle(0, self._deliver, None)
                _, once = await self._once(0)
                if all(scope.next_in is None for scope in (await once._settler.journal.status()).scopes):
                    return
                await asyncio.sleep(1_000)
            journal = (await self._once(0))[1]._settler.journal
            rows = await journal.look(
                await journal.scope(Handle(self.processes[0][0]), DEFINITION), REFERENCES
            )
            raise AssertionError([row for row in rows.values() if not row.finished])

        self.world.script = []
        try:
            self.runner.run(finish())
            self.what_was_said_is_so()
        finally:
            self.runner.close()
            self.world.engine.dispose()


def test_whatever_hypothesis_does_what_is_said_is_so():
    run_state_machine_as_test(
        Machine,
        settings=settings(max_examples=EXAMPLES, stateful_step_count=12, deadline=None, derandomize=True),
    )
