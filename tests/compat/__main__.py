"""The official SDKs and ours against the sandbox: the same 18 operations, what they send and what they read compared.

    BREVO5_PYTHON=/path/to/python ... python tests/compat

``peers.PEERS`` has the SDKs and the variable that names where each is installed; ``nox -s compat`` installs and names
them all, and one that is not named is skipped and said so. Ours is checked against the plan, each of the others against
ours, place by place. Prints a table of every difference; ends with 1 if one is not in ``differences.LISTED``.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import ours
from differences import ABSENT, LISTED, VENDOR, Difference
from peers import PEERS, Peer
from plan import CALLS, NOW, OPERATIONS

from brevo_balance_async.sandbox import Sandbox, SandboxClock

if TYPE_CHECKING:
    from brevo_balance_async.sandbox import RequestRecord

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# Of the connection and of the client library, not of the API.
NOT_COMPARED = {"host", "connection", "content-length", "accept-encoding", "user-agent"}
Places = dict[str, str]


class Run:
    """What one SDK sent and read; ids are replaced by the plan's labels."""

    def __init__(self, answers: list[Any], ids: dict[str, str], requests: list[RequestRecord]) -> None:
        if len(requests) != len(CALLS):
            raise SystemExit(f"{len(CALLS)} calls made {len(requests)} requests")
        labels = {value: label for label, value in ids.items()}
        self.answers = [labelled(answer, labels) for answer in answers]
        self.sent = [sent(request, labels) for request in requests]
        self.operations = [request.operation for request in requests]

    def places(self) -> list[Places]:
        """By call, every place of its request and of what was read."""
        return [
            request | read(answer, ours.ROWS.get(call.operation))
            for call, request, answer in zip(CALLS, self.sent, self.answers, strict=True)
        ]


def labelled(value: Any, labels: dict[str, str]) -> Any:
    """``value`` as plain JSON with labels for ids, and numbers in one spelling."""
    if isinstance(value, dict):
        return {name: labelled(each, labels) for name, each in value.items()}
    if isinstance(value, list):
        return [labelled(each, labels) for each in value]
    if isinstance(value, Decimal | float):
        return int(value) if value == int(value) else float(value)
    return UUID.sub(lambda match: labels.get(match[0], match[0]), value) if isinstance(value, str) else value


def sent(request: RequestRecord, labels: dict[str, str]) -> Places:
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


def read(answer: Any, rows: str | None) -> Places:
    """What was read, member by member without nulls, moments in one spelling, an id without a label as just an id.

    A page of ours gives its rows and their count, not what the request already said, so no more of it is compared.
    """
    if rows is not None and isinstance(answer, dict) and rows in answer:
        answer = {name: answer.get(name) for name in (rows, "count")}
    return dict(members("read", answer))


def members(place: str, value: Any) -> list[tuple[str, str]]:
    """Every leaf of a JSON value with its place."""
    if isinstance(value, dict):
        return [found for name, each in value.items() for found in members(f"{place} {name}", each)]
    if isinstance(value, list):
        found = [found for n, each in enumerate(value) for found in members(f"{place}[{n}]", each)]
        return [(f"{place} rows", str(len(value))), *found]
    if isinstance(value, str):
        return [(place, json.dumps("an id" if UUID.fullmatch(value) else moment(value)))]
    return [] if value is None else [(place, json.dumps(value))]


def moment(text: str) -> str:
    """A timestamp in one spelling, any other text as it is."""
    try:
        return datetime.fromisoformat(text).isoformat()
    except ValueError:
        return text


def sandbox(**switches: Any) -> Sandbox:
    """A sandbox whose clock stands still, so that all runs read the same moments."""
    return Sandbox(clock=SandboxClock(NOW, frozen=True), **switches)


async def run_ours() -> Run:
    async with sandbox() as server:
        answers, ids = await ours.read_all(server.base_url, server.api_key)
        return Run(answers, ids, list(server.requests))


async def run_peer(peer: Peer) -> Run:
    async with sandbox(**peer.switches) as server:
        process = await asyncio.create_subprocess_exec(
            *peer.command(),
            server.base_url,
            server.api_key,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=peer.environment(),
        )
        output, _ = await process.communicate(peer.stdin())
        if process.returncode:
            raise SystemExit(f"the run of {peer.name} ended with {process.returncode}")
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


def check_ours(run: Run) -> list[str]:
    """What our SDK read otherwise than the plan says."""
    return [
        f"ours, {call.title}: {line}"
        for call, answer in zip(CALLS, run.answers, strict=True)
        for line in wrong(call.expect, answer)
    ]


def check_operations(name: str, run: Run) -> list[str]:
    """Operations that never reached the sandbox."""
    return [f"{name}: {each} was never performed" for each in sorted(OPERATIONS - set(run.operations))]


def compare(official: Run, own: Run) -> list[tuple[str, Difference]]:
    """Every difference between two runs, call by call."""
    return [
        (call.title, Difference(place, theirs.get(place, ABSENT), mine.get(place, ABSENT)))
        for call, theirs, mine in zip(CALLS, official.places(), own.places(), strict=True)
        for place in sorted(theirs.keys() | mine.keys())
        if theirs.get(place) != mine.get(place)
    ]


Found = list[tuple[str, str, Difference]]


def sorted_out(found: Found) -> tuple[dict[Difference, Found], list[str]]:
    """The found differences by the listed one that justifies each, and what no listed one does."""
    seen: dict[Difference, Found] = {}
    problems = []
    for peer, call, difference in found:
        listed = next((each for each in LISTED if each.covers(peer, call, difference)), None)
        if listed is None:
            theirs, mine = difference.official, difference.ours
            problems.append(f"{peer}, {call}: not listed: {difference.place}: official {theirs}, ours {mine}")
        else:
            seen.setdefault(listed, []).append((peer, call, difference))
    return seen, problems


def show(seen: dict[Difference, Found], peers: list[str]) -> None:
    """Print the table of differences."""
    print("| place | official | ours | SDKs | calls | why |")
    print("|---|---|---|---|---|---|")
    for listed, found in seen.items():
        names = [name for name in peers if any(peer == name for peer, _, _ in found)]
        calls = list(dict.fromkeys(call for _, call, _ in found))
        where = f"all {len(calls)}" if len(calls) == len(CALLS) else ", ".join(calls)
        who = "all" if names == peers else ", ".join(names)
        print(f"| {listed.place} | {listed.official} | {listed.ours} | {who} | {where} | {listed.why} |")


async def main() -> int:
    missing = {peer.name: peer.missing() for peer in PEERS}
    peers = [peer for peer in PEERS if not missing[peer.name]]
    own = await run_ours()
    problems = [*check_ours(own), *check_operations("ours", own)]
    found: Found = []
    for peer in peers:
        run = await run_peer(peer)
        problems += check_operations(peer.name, run)
        found += [(peer.name, call, difference) for call, difference in compare(run, own)]
    seen, unlisted = sorted_out(found)
    print(f"{len(CALLS)} calls of {len(OPERATIONS)} operations; differences:\n")
    show(seen, [peer.name for peer in peers])
    if len(peers) == len(PEERS):
        problems += [f"listed, but never seen: {each}" for each in LISTED if each not in seen]
    print()
    for problem in problems + unlisted:
        print("PROBLEM:", problem)
    for name, why in missing.items():
        if why:
            print(f"skipped: {name}: {why}")
    if problems or unlisted:
        print(f"{len(problems) + len(unlisted)} problems")
        return 1
    print(f"{', '.join(peer.name for peer in peers)}: every difference in what is sent and read is listed")
    return 0


if __name__ == "__main__":
    if all(peer.missing() for peer in PEERS):
        raise SystemExit(
            "none of the official SDKs is installed where a variable says; nox -s compat does that"
        )
    sys.exit(asyncio.run(main()))
