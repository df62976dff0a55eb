"""The official SDK and ours against the sandbox: the same 18 operations, the same answers, compared on the wire.

    BREVO5_PYTHON=/path/to/python python tests/compat

``BREVO5_PYTHON`` is an interpreter of an environment with ``brevo-python==5.1.0``. Prints what each call was checked
for and a table of every difference between the two SDKs' requests; ends with 1 if a value was read wrongly or a
difference is not in ``differences.LISTED``.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ours
from differences import ABSENT, LISTED, VENDOR, Difference
from plan import CALLS, NOW, OPERATIONS

from brevo_balance_async.sandbox import Sandbox, SandboxClock

if TYPE_CHECKING:
    from brevo_balance_async.sandbox import RequestRecord

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# Of the connection and of the client library, not of the API.
NOT_COMPARED = {"host", "connection", "content-length", "accept-encoding", "user-agent"}


class Run:
    """What one SDK sent and read; ids are replaced by the plan's labels."""

    def __init__(self, answers: list[Any], ids: dict[str, str], requests: list[RequestRecord]) -> None:
        if len(requests) != len(CALLS):
            raise SystemExit(f"{len(CALLS)} calls made {len(requests)} requests")
        labels = {value: label for label, value in ids.items()}
        self.answers = [labelled(answer, labels) for answer in answers]
        self.requests = [parts(request, labels) for request in requests]
        self.operations = [request.operation for request in requests]


def labelled(value: Any, labels: dict[str, str]) -> Any:
    """``value`` as plain JSON with labels for ids, and moments in one spelling."""
    if isinstance(value, dict):
        return {name: labelled(each, labels) for name, each in value.items()}
    if isinstance(value, list):
        return [labelled(each, labels) for each in value]
    if isinstance(value, Decimal):
        return int(value) if value == int(value) else float(value)
    return UUID.sub(lambda match: labels.get(match[0], match[0]), value) if isinstance(value, str) else value


def parts(request: RequestRecord, labels: dict[str, str]) -> dict[str, str]:
    """A request in comparable places, each as JSON text."""
    found: dict[str, Any] = {"method": request.method, "path": request.path}
    found |= {f"query {name}": value for name, value in request.query.items()}
    for name, value in request.headers.items():
        if name.startswith("x-fern-"):
            found[VENDOR] = "sent"
        elif name not in NOT_COMPARED:
            found[f"header {name}"] = value
    if isinstance(request.body, dict):
        found |= {f"body {name}": value for name, value in request.body.items()}
    elif request.body is not None:
        found["body"] = request.body
    return {place: json.dumps(labelled(value, labels), sort_keys=True) for place, value in found.items()}


def sandbox() -> Sandbox:
    """A sandbox whose clock stands still, so that two runs read the same moments."""
    return Sandbox(clock=SandboxClock(NOW, frozen=True))


async def run_ours() -> Run:
    async with sandbox() as server:
        answers, ids = await ours.read_all(server.base_url, server.api_key)
        return Run(answers, ids, list(server.requests))


async def run_official(python: str) -> Run:
    # The official SDK takes credentials from the environment too, and finds the plan beside its script.
    env = {
        name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH" and "BREVO" not in name
    }
    script = Path(__file__).with_name("peer.py")
    async with sandbox() as server:
        process = await asyncio.create_subprocess_exec(
            python, str(script), server.base_url, server.api_key, stdout=asyncio.subprocess.PIPE, env=env
        )
        output, _ = await process.communicate()
        if process.returncode:
            raise SystemExit(f"the official SDK's run ended with {process.returncode}")
        told = json.loads(output)
        return Run(told["answers"], told["ids"], list(server.requests))


def wrong(expected: Any, got: Any, where: str = "") -> list[str]:
    """What ``got`` lacks of ``expected``: members are a subset, rows are all there are."""
    if expected is None and got is None:
        return []
    if isinstance(expected, dict):
        if not isinstance(got, dict):
            return [f"{where or 'the answer'} is {got!r}"]
        return [
            line for name, each in expected.items() for line in wrong(each, got.get(name), f"{where}.{name}")
        ]
    if isinstance(expected, list):
        if not isinstance(got, list) or len(got) != len(expected):
            return [f"{where} has other rows: {got!r}"]
        return [
            line
            for n, pair in enumerate(zip(expected, got, strict=True))
            for line in wrong(*pair, f"{where}[{n}]")
        ]
    if isinstance(expected, datetime):
        fits = isinstance(got, str) and datetime.fromisoformat(got) == expected
    else:
        fits = got == expected and isinstance(got, bool) == isinstance(expected, bool)
    return [] if fits else [f"{where} is {got!r}, not {expected!r}"]


def check_answers(name: str, run: Run) -> list[str]:
    """What one SDK read wrongly."""
    problems = [
        f"{name}, {call.title}: {line}"
        for call, answer in zip(CALLS, run.answers, strict=True)
        for line in wrong(call.expect, answer)
    ]
    missed = OPERATIONS - set(run.operations)
    return problems + [f"{name}: {operation} was never performed" for operation in sorted(missed)]


def check_agreement(official: Run, own: Run) -> list[str]:
    """Where the two read different values out of the same state; absent and null are the same."""
    problems = []
    for call, theirs, mine in zip(CALLS, official.answers, own.answers, strict=True):
        # A page of ours gives its rows and their count, not what the request already said.
        shown = {ours.ROWS[call.operation], "count"} if call.operation in ours.ROWS else None
        if comparable(theirs, shown) != comparable(mine):
            problems.append(f"{call.title}: the official SDK read {theirs}, ours {mine}")
    return problems


def comparable(value: Any, shown: set[str] | None = None) -> Any:
    """An answer (its members ``shown``) without nulls, with moments in one spelling, any other id as just an id."""
    if isinstance(value, dict):
        given = {name: each for name, each in value.items() if shown is None or name in shown}
        return {name: comparable(each) for name, each in given.items() if each is not None}
    if isinstance(value, list):
        return [comparable(each) for each in value]
    if isinstance(value, str):
        if UUID.fullmatch(value):
            return "an id"
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            return value
    return value


def compare(official: Run, own: Run) -> list[tuple[str, Difference]]:
    """Every difference on the wire, call by call."""
    return [
        (call.title, Difference(place, theirs.get(place, ABSENT), mine.get(place, ABSENT)))
        for call, theirs, mine in zip(CALLS, official.requests, own.requests, strict=True)
        for place in sorted(theirs.keys() | mine.keys())
        if theirs.get(place) != mine.get(place)
    ]


def report(found: list[tuple[str, Difference]]) -> list[str]:
    """Print the table; return what is not listed, and what is listed but never seen."""
    problems = []
    seen: dict[tuple[Difference, Difference], list[str]] = {}
    for call, difference in found:
        listed = next((each for each in LISTED if each.covers(call, difference)), None)
        if listed is None:
            problems.append(
                f"{call}: not listed: {difference.place}: official {difference.official}, ours {difference.ours}"
            )
        else:
            seen.setdefault((listed, difference), []).append(call)
    print(f"{len(CALLS)} calls of {len(OPERATIONS)} operations; differences on the wire:\n")
    print("| place | official | ours | calls | why |")
    print("|---|---|---|---|---|")
    for (listed, difference), calls in seen.items():
        where = f"all {len(calls)}" if len(calls) == len(CALLS) else ", ".join(calls)
        print(f"| {difference.place} | {difference.official} | {difference.ours} | {where} | {listed.why} |")
    stale = [each for each in LISTED if each not in {listed for listed, _ in seen}]
    return problems + [f"listed, but never seen: {each.place} {each.official} {each.ours}" for each in stale]


async def main(python: str) -> int:
    official, own = await run_official(python), await run_ours()
    problems = [
        *check_answers("official", official),
        *check_answers("ours", own),
        *check_agreement(official, own),
        *report(compare(official, own)),
    ]
    print()
    for problem in problems:
        print("PROBLEM:", problem)
    print(
        f"{len(problems)} problems"
        if problems
        else "all values were read rightly, every difference is listed"
    )
    return 1 if problems else 0


if __name__ == "__main__":
    interpreter = os.environ.get("BREVO5_PYTHON")
    if not interpreter:
        raise SystemExit("set BREVO5_PYTHON to an interpreter with brevo-python==5.1.0")
    sys.exit(asyncio.run(main(interpreter)))
