"""Schemathesis against the sandbox and its own OpenAPI document: good and bad requests, drawn from the document.

    python tests/schema [--examples 30] [--seconds 600] [--seed 1]

Every answer must be declared: its status, its content type, its headers, its shape; none may be 5xx. A bad request that
is accepted, and a good one that is refused, must be explained in ``explained``. Prints what each operation answered.
Then the command ``st`` tries every bound and every value of every parameter, each method and each lack of a key.
"""

from __future__ import annotations

import subprocess
import sys
from argparse import ArgumentParser
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import TYPE_CHECKING

import requests
import schemathesis
from explained import accepted, refused
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi import checks
from server import DEFAULTS, OTHERS, Server

if TYPE_CHECKING:
    from schemathesis import APIOperation, Case

CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]


class Run:
    """One run over all operations: what was answered, what was explained, what is wrong."""

    def __init__(self, server: Server, ends_at: float) -> None:
        self.server = server
        self.ends_at = ends_at
        self.answers: dict[tuple[str, str], Counter[int]] = {}
        self.explained: Counter[tuple[str, str]] = Counter()
        self.problems: list[str] = []
        self._session = requests.Session()

    def operation(self, operation: APIOperation, mode: GenerationMode, examples: int, start: int) -> None:
        """Send ``examples`` cases to one operation of a sandbox that was reset."""
        self.server.reset()
        name = operation.definition.raw["operationId"]
        told = self.answers.setdefault((name, mode.value), Counter())

        @seed(start)
        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def send(case: Case) -> None:
            if monotonic() > self.ends_at:
                raise SystemExit("PROBLEM: out of time")
            told[self.one(name, mode, case)] += 1

        send()

    def one(self, name: str, mode: GenerationMode, case: Case) -> int:
        """Send one case and judge its answer."""
        self.server.make_known(case)
        response = case.call(base_url=self.server.origin, headers=self.server.headers, session=self._session)
        try:
            case.validate_response(response, checks=CHECKS, headers=self.server.headers)
        except FailureGroup as group:
            self.problems += [f"{name}: {' '.join(str(each).split())}"[:600] for each in group.exceptions]
        good = response.status_code < 400
        if good == (mode is GenerationMode.POSITIVE):
            return response.status_code
        why = accepted(case) if good else refused(response)
        if why is None:
            asked = (case.formatted_path, case.query, case.body)
            self.problems.append(
                f"{name}: {mode.value}, but {response.status_code} {response.text}: {asked!r:.900}"
            )
        else:
            self.explained[mode.value, why] += 1
        return response.status_code

    def told(self) -> list[str]:
        """Print what was answered, and return what is wrong."""
        for (name, mode), counts in self.answers.items():
            print(f"{name:27} {mode:9} {dict(sorted(counts.items()))}")
            # An operation that no good request got through to was not tested at all.
            if mode == GenerationMode.POSITIVE.value and not any(status < 300 for status in counts):
                self.problems.append(f"{name}: no good request was answered with 2xx")
        for (mode, why), count in self.explained.most_common():
            print(f"{count:5} {mode}: {why}")
        for problem in dict.fromkeys(self.problems):
            print("PROBLEM:", problem)
        sent = sum(counts.total() for counts in self.answers.values())
        print(f"{sent} requests to {len(self.answers) // 2} operations: {len(self.problems)} problems\n")
        return self.problems


def try_bounds(server: Server, seconds: float, start: int) -> list[str]:
    """Let ``st`` go through all bounds; whether a good request may be refused has been judged already."""
    command = [str(Path(sys.executable).with_name("st")), "run", f"{server.origin}/_sandbox/openapi.json"]
    command += ["--phases", "coverage", "--checks", "all", "--exclude-checks", "positive_data_acceptance"]
    command += ["--seed", str(start), "--continue-on-failure", "--no-color"]
    command += [f"-H{name}: {value}" for name, value in server.headers.items()]
    with TemporaryDirectory() as empty:  # it would take settings from here, and leave files
        run = subprocess.run(command, cwd=empty, capture_output=True, text=True, timeout=seconds, check=False)
    print(
        run.stdout[run.stdout.find("API Operations:") :] if run.returncode == 0 else run.stdout + run.stderr
    )
    return [f"st ended with {run.returncode}"] if run.returncode else []


def main() -> int:
    parser = ArgumentParser()
    parser.add_argument("--examples", type=int, default=30, help="of each operation, good and bad ones each")
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    ends_at = monotonic() + options.seconds
    problems = []
    for switches in (DEFAULTS, OTHERS):
        print(f"switches: {', '.join(switches)}\n")
        with Server(switches) as server:
            run = Run(server, ends_at)
            schema = schemathesis.openapi.from_dict(server.document())
            for result in schema.get_all_operations():
                for mode in GenerationMode:
                    run.operation(result.ok(), mode, options.examples, options.seed)
            server.reset()
            problems += [*run.told(), *try_bounds(server, ends_at - monotonic(), options.seed)]
    print(
        f"{len(problems)} problems" if problems else "every answer is declared, every exception is explained"
    )
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
