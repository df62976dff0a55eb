"""Each trap of exactly once, built in by hand, and the test that has to notice it.

    python tests/once/mutants.py [--only breaker]

A mutant is one textual change, made in a copy of the checkout. A test that passes all the same is a hole: the script
prints it and ends with 1. The checkout itself is not touched.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from attrs import frozen

ROOT = Path(__file__).parents[2]
PACKAGE = "brevo_balance_async"


@frozen
class Mutant:
    """``old`` occurs once in the module and becomes ``new``; ``test`` is a file here, and which of its tests."""

    trap: str
    module: str
    old: str
    new: str
    test: str


MUTANTS = (
    Mutant(
        "an expired draft is taken for a rule's refusal",
        "exactly_once/strict.py",
        "await self._expired()",
        'await claim.finish("refused", reason=self._said or "expired")',
        "test_strict.py -k a_draft_that_expired_is_no_refusal",
    ),
    Mutant(
        "expired is believed at once",
        "exactly_once/strict.py",
        "if claim.row.looks == _EXPIRED_ONCE and claim.row.wait <= 0:",
        "if True:",
        "test_strict.py -k expired_is_believed_only_after_a_while",
    ),
    Mutant(
        "a 422 to complete is asked about for ever",
        "exactly_once/strict.py",
        "if self._said is not None and far_from_its_end:",
        "if False:",
        "test_strict.py -k a_422_that_never_ends",
    ),
    Mutant(
        "any 422 with a draft is a refusal",
        "exactly_once/strict.py",
        "if refusal.rule and self._clear:",
        "if refusal.rule:",
        "test_strict.py -k a_422_after_a_complete_that_was_unclear",
    ),
    Mutant(
        "a cancel without an answer proves a refusal",
        "exactly_once/answers.py",
        "return False\n        return gone.status",
        "return True\n        return gone.status",
        "test_strict.py -k a_422_that_no_cancel_proves",
    ),
    Mutant(
        "a refusal waits for a history that is behind",
        "exactly_once/strict.py",
        "if record is None and self._said is None:",
        "if record is None:",
        "test_strict.py -k a_refusal_needs_no_history",
    ),
    Mutant(
        "complete is sent again at once",
        "exactly_once/strict.py",
        "return max(0.0, self._quiet_until - self._clock.time())",
        "return 0.0",
        "test_strict.py -k complete_is_not_asked_for_again",
    ),
    Mutant(
        "what is not in history did not happen",
        "exactly_once/strict.py",
        """return await self._rest("it is not in the contact's history yet")""",
        'await claim.move(state="planned", tid=None)\n            return self._begin_anew()',
        "test_strict.py -k what_history_does_not_show",
    ),
    Mutant(
        "a row of a dead process is completed without a look",
        "exactly_once/strict.py",
        "self._look_first = True\n        self._clear = False",
        "self._look_first = False\n        self._clear = False",
        "test_strict.py -k chosen_by_a_dead_process",
    ),
    Mutant(
        "complete is sent before the choice is written",
        "exactly_once/strict.py",
        "        chosen = await claim.move(",
        "        await self._calls.complete(draft.id)\n        chosen = await claim.move(",
        "test_strict.py -k a_choice_that_was_lost_with_a_copy",
    ),
    Mutant(
        "a durable commit does not wait for the disk",
        "journal/sqlite.py",
        "'FULL' if self._durable else 'NORMAL'",
        "'NORMAL'",
        "test_journal.py -k a_durable_commit_is_synced",
    ),
    Mutant(
        "a choice is not durable",
        "journal/rows.py",
        "return await self._writer.join(move, Move(row, changes, due_in))",
        "return await self._writer.join(move, Move(row, changes, due_in), durable=False)",
        "test_journal.py -k a_choice_is_durable",
    ),
    Mutant(
        "a revoked key refuses the row",
        "exactly_once/answers.py",
        "except (AuthenticationError, PermissionDeniedError, ClientStateError):\n            raise",
        "except AuthenticationError as error:\n            raise RefusedError(error) from error",
        "test_deliver.py -k revoked_in_the_middle",
    ),
    Mutant(
        "a transaction that reads first takes its lock late",
        "journal/sqlite.py",
        '"BEGIN IMMEDIATE"',
        '"BEGIN"',
        "test_journal.py -k several_processes_may_open_a_new_journal",
    ),
    Mutant(
        "open rows are looked for without their index",
        "journal/steps.py",
        '_C.batch == bindparam("at_batch"), OPEN, _C.next_at',
        '_C.batch == bindparam("at_batch"), _C.state.in_(("planned", "chosen", "sent")), _C.next_at',
        "test_journal.py -k open_rows_are_found_by_their_index",
    ),
    Mutant(
        "a cancelled apply keeps its row",
        "exactly_once/settler.py",
        "if not claim.row.finished:\n                released",
        "if not claim.row.finished and reason is not None:\n                released",
        "test_strict.py -k a_cancelled_apply_gives_its_row_back",
    ),
    Mutant(
        "a frozen process goes on after it was taken over",
        "journal/owner.py",
        "return self._age() < self.lease * _MARGIN",
        "return True",
        "test_strict.py -k a_process_that_was_frozen",
    ),
    Mutant(
        "a process that waited for quota does not look at its lease again",
        "exactly_once/settler.py",
        "guarded = GUARD.set(claim.guard)",
        "guarded = GUARD.set(None)",
        "test_strict.py -k frozen_in_the_quota_gate",
    ),
    Mutant(
        "a late heartbeat hides that the lease was lost",
        "journal/owner.py",
        "if standing is not None and self._age() < self.lease and not self._doubted:",
        "if standing is not None and not self._doubted:",
        "test_journal.py -k set_back",
    ),
    Mutant(
        "one bad operation fails its group",
        "journal/writer.py",
        "apart=attempt > 0",
        "apart=False",
        "test_journal.py -k one_bad_operation",
    ),
    Mutant(
        "one transaction is chosen for two references",
        "journal/moving.py",
        'if "tid" in names and not chosen:',
        "if False:",
        "test_journal.py -k one_transaction_is_never_chosen",
    ),
    Mutant(
        "two spellings of an amount are two wishes",
        "journal/intents.py",
        'return format(amount.normalize(_EXACT), "f")',
        'return format(amount, "f")',
        "test_journal.py -k two_spellings",
    ),
    Mutant(
        "a sandbox's journal speaks for production",
        "journal/scopes.py",
        "if origin != program.base_url:",
        "if False:",
        "test_strict.py -k a_journal_of_a_sandbox",
    ),
    Mutant(
        "an outage eats the hour",
        "exactly_once/breaker.py",
        "if self._failures < _FAILURES:",
        "if True:",
        "test_deliver.py -k an_outage_does_not_eat",
    ),
    Mutant(
        "the probe of an outage that sends nothing stays the probe",
        "exactly_once/machine.py",
        "                claim.left()",
        "                pass",
        "test_deliver.py -k is_no_probe_of_an_outage",
    ),
    Mutant(
        "a partial credit counts as the whole amount",
        "exactly_once/outcome.py",
        "return canonical_amount(abs(stated) * (-1 if Decimal(row.amount) < 0 else 1))",
        "return row.amount",
        "test_strict.py -k a_rounded_credit",
    ),
    Mutant(
        "something is sent before it is written",
        "exactly_once/settler.py",
        "                row = await self.journal.enroll(scope, wanted)",
        "                await self.calls._program.definitions.get(scope.definition)\n"
        "                row = await self.journal.enroll(scope, wanted)",
        "test_strict.py -k what_cannot_be_written_is_not_sent",
    ),
    Mutant(
        "doubt while meta is proved is an error of the caller's",
        "exactly_once/machine.py",
        "except DoubtError as doubt:",
        "except ZeroDivisionError as doubt:",
        "test_one_phase.py -k asks_again_where_the_proof",
    ),
    Mutant(
        "lean believes absence the first time",
        "exactly_once/one_phase.py",
        "elif claim.row.looks == _ABSENT_ONCE:",
        "elif True:",
        "test_one_phase.py -k believes_what_is_missing_only_the_second_time",
    ),
    Mutant(
        "lean believes absence before settle is over",
        "exactly_once/one_phase.py",
        "        if self.in_doubt_for > 0:",
        "        if False:",
        "test_one_phase.py -k had_time_to_settle",
    ),
    Mutant(
        "lean believes absence of a history that shows no meta",
        "exactly_once/one_phase.py",
        "if not self._calls.meta_comes_back:",
        "if False:",
        "test_one_phase.py -k before_history_has_shown_meta",
    ),
    Mutant(
        "at_most_once takes up what a dead process has sent",
        "exactly_once/one_phase.py",
        "due_in=PARKED if mode",
        "due_in=0.0 if mode",
        "test_one_phase.py -k dead_process_has_sent_at_most_once",
    ),
)


def copied(folder: Path) -> None:
    """What a run of the tests needs."""
    for name in (PACKAGE, "tests", "benchmarks"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "results"))
    for file in (ROOT / "pyproject.toml", *ROOT.glob("*.py")):
        shutil.copy(file, folder)


def notices(folder: Path, mutant: Mutant) -> str:
    """``"noticed"``, or what else came of it."""
    module = folder / PACKAGE / mutant.module
    sound = module.read_text()
    if sound.count(mutant.old) != 1:
        return f"its text occurs {sound.count(mutant.old)} times in {mutant.module}"
    file, _, keyword = mutant.test.partition(" -k ")
    options = ["-q", "-x", "-p", "no:cacheprovider", "--timeout=60"]
    module.write_text(sound.replace(mutant.old, mutant.new))
    try:
        run = subprocess.run(
            [sys.executable, "-B", "-m", "pytest", *options, f"tests/once/{file}", "-k", keyword],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(folder)},
            check=False,
            capture_output=True,
            text=True,
        )
    finally:
        module.write_text(sound)
    # 1: a test has failed. With pytest-timeout a hang ends the run, which counts too.
    return "noticed" if run.returncode == 1 else f"NOT NOTICED (pytest ended with {run.returncode})"


def main() -> int:
    """Make the mutants one after the other; 1 if a test has let one pass."""
    parser = argparse.ArgumentParser(
        description="Build in each trap of exactly once, and see that its test notices."
    )
    parser.add_argument("--only", default="", help="a part of the trap's name, its module or its test")
    options = parser.parse_args()
    holes = 0
    with tempfile.TemporaryDirectory() as name:
        copied(Path(name))
        for mutant in MUTANTS:
            if options.only not in f"{mutant.trap} {mutant.module} {mutant.test}":
                continue
            began = time.monotonic()
            said = notices(Path(name), mutant)
            holes += said != "noticed"
            print(f"{mutant.trap:66} {mutant.test:72} {said} ({time.monotonic() - began:.0f} s)", flush=True)
    return int(holes > 0)


if __name__ == "__main__":
    sys.exit(main())
