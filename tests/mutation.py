"""Change the engine room at random, one small change at a time, and count how many the tests notice.

    python tests/mutation.py [--mutants 400] [--seed 1] [--only core/paging]

Cosmic Ray finds and makes the changes; this script draws a seeded sample of them, runs each in a copy of the
checkout with the tests that belong to the changed module, and prints the score and a diff of every change that no test
noticed. It ends with 1 where fewer than ``--least`` percent were noticed. The checkout itself is not touched.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from cosmic_ray.commands.init import _all_work_items
from cosmic_ray.mutating import mutate_and_test
from cosmic_ray.testing import run_tests
from cosmic_ray.work_item import TestOutcome, WorkerOutcome

if TYPE_CHECKING:
    from cosmic_ray.work_item import MutationSpec, WorkResult

ROOT = Path(__file__).parents[1]
PACKAGE = Path("brevo_balance_async")
# The quickest to notice come first, since a run ends with its first failure.
CALLS = [
    *(
        f"tests/faults/test_{name}.py"
        for name in (
            "guarded",
            "waits",
            "verdicts",
            "quota",
            "hooks",
            "echo",
            "renewal",
            "credentials",
            "other_routes",
            "hold",
            "oauth",
            "token_endpoint",
            "turns",
            "grace",
            "swapped",
            "timeouts",
            "bodies",
            "move",
            "find",
        )
    ),
    "tests/client",
    "tests/quota/test_gate.py",
    *(f"tests/faults/test_{name}.py" for name in ("close", "cancel", "answers", "matrix")),
]
TESTS = {
    "core/paging": [
        f"tests/walks/test_{name}.py"
        for name in (
            "requests",
            "edges",
            "sweep",
            "take",
            "paginator",
            "prefetch",
            "cases",
            "schedules",
            "machine",
        )
    ],
    "core/quota": ["tests/quota", "tests/faults/test_quota.py", "tests/faults/test_waits.py"],
    "core/retry.py": CALLS,
    "core/call.py": CALLS,
    "core/requester.py": CALLS,
}
FIRST = {
    "core/retry.py": ["tests/unit/test_retry.py"],
    "core/call.py": ["tests/unit/test_call.py"],
    "core/requester.py": [
        f"tests/faults/test_{name}.py" for name in ("guarded", "hooks", "credentials", "renewal", "waits")
    ],
}
"""What is run alone before that: most changes are noticed here, and the rest need not even be collected."""
PLUGINS = ["-p", "no:cacheprovider", "-p", "pytest_asyncio.plugin", "-p", "pytest_timeout"]
"""Those that the tests need; to load all that are installed takes longer than many a run."""
MOST_SECONDS = 400.0
"""For one run of the tests; a change that makes them hang counts as noticed."""


def changes(places: list[str]) -> list[MutationSpec]:
    """Every change that can be made, but those that mean nothing: in annotations, and in imports for type checkers."""
    found = []
    for place in places:
        path = PACKAGE / place
        modules = sorted(path.rglob("*.py")) if path.is_dir() else [path]
        for module in modules:
            lines = module.read_text().splitlines()
            for item in _all_work_items([module], {}):
                (spec,) = item.mutations
                line = lines[spec.start_pos[0] - 1]
                if "BinaryOperator_BitOr" not in spec.operator_name and "TYPE_CHECKING" not in line:
                    found.append(spec)
    return found


def copy_of_checkout(home: Path) -> None:
    """Each worker changes files in a copy of its own."""
    files = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split("\0")
    worker = home / str(os.getpid())
    for name in filter(None, files):
        (worker / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(name, worker / name)
    os.chdir(worker)


def commands(place: str) -> list[str]:
    """The runs of tests for one place, the quick one first."""
    return [
        " ".join([sys.executable, "-m", "pytest", "-x", "-q", *PLUGINS, *tests])
        for tests in (FIRST.get(place), TESTS[place])
        if tests
    ]


def unchanged(place: str) -> str:
    """What the tests say if they fail without any change: then they would seem to notice every change."""
    for command in commands(place):
        outcome, output = run_tests(command, MOST_SECONDS)
        if outcome is not TestOutcome.SURVIVED:
            return output
    return ""


def tested(spec: MutationSpec) -> tuple[MutationSpec, WorkResult]:
    place = next(place for place in TESTS if spec.module_path.is_relative_to(PACKAGE / place))
    for command in commands(place):
        result = mutate_and_test([spec], command, MOST_SECONDS)
        if result.is_killed:
            break
    return spec, result


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mutants", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--least", type=float, default=90.0)
    parser.add_argument("--only", choices=TESTS, action="append")
    given = parser.parse_args()
    os.chdir(ROOT)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    places = given.only or list(TESTS)
    everything = changes(places)
    sample = random.Random(given.seed).sample(everything, min(given.mutants, len(everything)))
    total, noticed = Counter[str](), Counter[str]()
    survivors = 0
    with (
        tempfile.TemporaryDirectory() as home,
        ProcessPoolExecutor(
            mp_context=multiprocessing.get_context("spawn"),
            initializer=copy_of_checkout,
            initargs=(Path(home),),
        ) as pool,
    ):
        for place, failure in zip(places, pool.map(unchanged, places), strict=True):
            if failure:
                raise SystemExit(f"the tests of {place} fail without any change:\n{failure}")
        for done, (spec, result) in enumerate(pool.map(tested, sample), 1):
            if result.worker_outcome is not WorkerOutcome.NORMAL:
                continue  # Cosmic Ray found a place where it cannot make its change
            module = spec.module_path.relative_to(PACKAGE).as_posix()
            total[module] += 1
            noticed[module] += result.is_killed
            if not result.is_killed:
                survivors += 1
                print(f"\nNobody noticed:\n{result.diff}", flush=True)
            if not done % 20:
                print(f"{done} of {len(sample)}, {survivors} not noticed", flush=True)
    for module in sorted(total):
        print(f"{module:32} {noticed[module]:4} of {total[module]:4}")
    score = 100 * noticed.total() / total.total()
    print(f"{noticed.total()} of {total.total()} changes noticed: {score:.1f} % (seed {given.seed})")
    return int(score < given.least)


if __name__ == "__main__":
    raise SystemExit(main())
