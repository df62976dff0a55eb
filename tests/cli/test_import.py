"""``import`` and ``journal``: what they write, show and end with; files that cannot be right; signals."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import signal
import sqlite3
import subprocess
import threading
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

import brevo_balance_async
from brevo_balance_async.cli import dashboard
from brevo_balance_async.importer import Importer
from brevo_balance_async.journal.owner import process_name
from brevo_balance_async.sandbox import Sandbox, effects

from .conftest import COMMAND, MAIN, PLAIN_COMMAND, POINTS, PROGRAM, assert_clean, environment

PACKAGE = Path(brevo_balance_async.__file__).parents[1]  # the commands run in a folder of their own
LEASE = "from brevo_balance_async.journal import Journal; Journal.__init__.__kwdefaults__['lease'] = 1.0"
SHORT_LEASE = [*PLAIN_COMMAND[:-1], f"{LEASE}\n{MAIN}"]
"""A command whose rows are anybody's soon after it was killed."""
CONTROLLED = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)"
HEARING = "import signal; signal.signal(signal.SIGHUP, signal.SIG_DFL)"
ON_A_TERMINAL = [*PLAIN_COMMAND[:-1], f"{CONTROLLED}\n{HEARING}\n{MAIN}"]
"""A command that hears when the terminal on its stdin is closed, also where the tests were started with nohup."""
HEAD = "reference,contact_id,amount\n"


class Threaded:
    """A sandbox on a loop of its own, because a command runs one itself. Read here, it only counts."""

    def __init__(self):
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._sandbox = Sandbox()

    def __getattr__(self, name):
        return getattr(self._sandbox, name)

    def __enter__(self):
        self._thread.start()
        self._run(self._sandbox.__aenter__())
        return self

    def __exit__(self, *_):
        self._run(self._sandbox.__aexit__(None, None, None))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout=60)


@pytest.fixture
def sandbox():
    with Threaded() as sandbox:
        sandbox.seed(PROGRAM, definitions=[{"id": POINTS, "name": "Points", "unit": "POINTS"}])
        yield sandbox


@pytest.fixture
def shop(sandbox, monkeypatch, tmp_path):
    """A working folder, and an environment that names sandbox, program and definition."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BREVO_BASE_URL", sandbox.base_url)
    monkeypatch.setenv("BREVO_API_KEY", sandbox.api_key)
    monkeypatch.setenv("BREVO_PROGRAM_ID", PROGRAM)
    monkeypatch.setenv("BREVO_BALANCE_DEFINITION_ID", POINTS)
    return tmp_path


def numbered(count):
    return HEAD + "".join(f"r-{n},{n % 7 + 1},{n + 1}.50\n" for n in range(count))


def credited(sandbox):
    return Counter(
        transaction.meta["reference"]
        for transaction in sandbox.ledger.transactions(PROGRAM)
        if transaction.status == "completed"
    )


def test_an_import_credits_each_row_once_and_says_so(cli, shop, sandbox):
    shop.joinpath("rows.csv").write_text(numbered(30))
    done = cli("import", "rows.csv")
    assert done.code == 0
    assert done.out.startswith("30 applied, 0 refused, 0 unknown, 0 not tried; 60 requests in ")
    assert "30 rows, 30 new; 60 requests, the server announces no quota" in done.err
    again = cli("import", "rows.csv")
    assert again.code == 0
    assert (
        "30 applied, 0 refused (30 of them settled earlier), 0 unknown, 0 not tried; 0 requests" in again.out
    )
    assert credited(sandbox) == {f"r-{n}": 1 for n in range(30)}
    assert shop.joinpath("brevo-balance.db").exists()
    assert not shop.joinpath("rows.csv.rejects.csv").exists()


def test_refused_rows_go_to_a_file_with_line_and_reason(cli, shop, sandbox):
    shop.joinpath("rows.csv").write_text(numbered(5) + 'zero,1,0\n"a,b",2,1\n')
    sandbox.faults.add(effects.status(422), operation="transactions.begin", nth=1)
    done = cli("import", "rows.csv")
    assert done.code == 8
    assert "refused rows go to rows.csv.rejects.csv" in done.err
    with shop.joinpath("rows.csv.rejects.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2
    by = {row["reference"]: row for row in rows}
    assert (by["zero"]["line"], by["zero"]["amount"], by["zero"]["reason"]) == ("7", "0", "zero")
    (other,) = by.keys() - {"zero"}
    assert by[other]["line"] == str([*(f"r-{n}" for n in range(5)), "", "a,b"].index(other) + 2)
    # Told again by the next run, in full.
    assert cli("import", "rows.csv", "--rejects", "again.csv").code == 8
    assert shop.joinpath("again.csv").read_text().splitlines()[0] == "line,reference,amount,reason"
    assert len(shop.joinpath("again.csv").read_text().splitlines()) == 3


def test_a_dry_run_leaves_nothing_behind(cli, shop, sandbox):
    shop.joinpath("rows.csv").write_text(numbered(30))
    done = cli("import", "rows.csv", "--dry-run")
    assert (done.code, done.out) == (0, "")
    assert "30 rows, 30 new; 60 requests" in done.err
    assert os.listdir(shop) == ["rows.csv"]
    assert len(sandbox.requests) == 1
    assert not credited(sandbox)


def test_events_as_json_lines(cli, shop, sandbox):
    shop.joinpath("rows.jsonl").write_text(
        '{"reference": "a", "contact_id": 1, "amount": 2.50}\n{"reference": "b", "contact_id": 1, "amount": 0}\n'
    )
    done = cli("import", "rows.jsonl", "--output", "jsonl")
    assert done.code == 8
    events = [json.loads(line) for line in done.out.splitlines()]
    assert [event["event"] for event in events] == ["plan", "outcome", "outcome", "report"]
    assert events[0]["new"] == 2
    told = {event["reference"]: event for event in events[1:3]}
    assert (told["a"]["state"], told["a"]["amount"], told["a"]["credited"]) == ("applied", "2.5", "2.5")
    assert (told["b"]["state"], told["b"]["reason"], told["b"]["line"]) == ("refused", "zero", 2)
    assert (events[3]["applied"], events[3]["refused"], events[3]["exit_code"]) == (1, 1, 8)


def test_lean_sends_one_request_a_row(cli, shop, sandbox):
    shop.joinpath("rows.csv").write_text(numbered(10))
    assert cli("import", "rows.csv", "--mode", "lean").code == 0
    assert sandbox.hits("transactions.begin") == 10
    assert sandbox.hits("transactions.complete") == 0


def test_a_row_that_stays_unknown_ends_with_nine_and_a_person_resolves_it(cli, shop, sandbox):
    shop.joinpath("rows.csv").write_text(numbered(3))
    sandbox.faults.add(effects.apply_then_drop(), operation="transactions.begin", nth=1)
    done = cli("import", "rows.csv", "--mode=at_most_once")
    assert done.code == 9
    assert "to go on where it was: brevo-balance journal resume --mode at_most_once" in done.err
    report = [json.loads(line) for line in cli("journal", "report", "--output=jsonl").out.splitlines()]
    states = Counter(row["state"] for row in report)
    assert states == {"applied": 2, "unknown": 1}
    (unknown,) = cli("journal", "report", "--state=unknown", "--output=jsonl").out.splitlines()
    reference = json.loads(unknown)["reference"]
    resolved = cli("journal", "resolve", reference, "--applied", "--note", "seen in the account")
    assert resolved.code == 0
    assert "seen in the account" in resolved.out
    status = json.loads(cli("journal", "status", "--output=jsonl").out)
    assert (status["applied"], status["unknown"], status["open"]) == (3, 0, 0)
    assert cli("import", "rows.csv").code == 0
    assert max(credited(sandbox).values()) == 1


def test_a_refused_row_is_reopened_and_resumed(cli, shop, sandbox):
    shop.joinpath("rows.csv").write_text(numbered(3))
    sandbox.faults.add(effects.status(422), operation="transactions.begin", nth=1)
    assert cli("import", "rows.csv").code == 8
    (refused,) = cli("journal", "report", "--state=refused", "--output=jsonl").out.splitlines()
    assert cli("journal", "reopen", json.loads(refused)["reference"]).code == 0
    done = cli("journal", "resume")
    assert done.code == 0
    assert done.out.startswith("1 applied, 0 refused, 0 unknown, 0 not tried; 2 requests")
    assert len(credited(sandbox)) == 3


def test_the_status_tells_of_other_workers_only(cli, shop):
    shop.joinpath("rows.csv").write_text(numbered(1))
    assert cli("import", "rows.csv").code == 0
    alone = cli("journal", "status")
    assert (alone.code, alone.err) == (0, "")

    with closing(sqlite3.connect(shop / "brevo-balance.db")) as database:
        for name in ("till:7", process_name()):  # the second was killed, and had our name
            values = (name, time.time() + 600)
            database.execute("INSERT INTO brevo_balance_worker (name, lease_until) VALUES (?, ?)", values)
        database.commit()
    done = cli("journal", "status")
    assert done.code == 0
    assert done.err == (
        f"brevo-balance: also at work: till:7\nbrevo-balance: also at work: {process_name()}\n"
    )


def test_redacted_rows_keep_their_reference(cli, shop, sandbox):
    shop.joinpath("rows.csv").write_text(numbered(3))
    assert cli("import", "rows.csv").code == 0
    assert cli("journal", "redact", "--before", "2999-01-01").code == 0
    rows = [json.loads(line) for line in cli("journal", "report", "--output=jsonl").out.splitlines()]
    assert [row["contact_id"] for row in rows] == [None, None, None]
    assert cli("import", "rows.csv").code == 0
    assert sandbox.hits("transactions.begin") == 3


@pytest.mark.parametrize("command", ["status", "resume", "report"])
def test_a_journal_that_is_not_there_is_not_made(cli, shop, command):
    done = cli("journal", command)
    assert done.code == 1
    assert "there is no journal brevo-balance.db" in done.err
    assert os.listdir(shop) == []


def test_wrong_credentials_end_with_three_and_leave_the_rows_open(cli, shop, sandbox, monkeypatch):
    shop.joinpath("rows.csv").write_text(numbered(3))
    sandbox.faults.add(effects.status(401), operation="transactions.begin", times=1000)
    done = cli("import", "rows.csv")
    assert done.code == 3
    assert "brevo-balance journal resume" in done.err
    sandbox.faults.clear()
    assert cli("journal", "resume").code == 0
    assert len(credited(sandbox)) == 3


def test_the_journal_of_another_api_says_nothing_about_this_one(cli, shop, monkeypatch):
    shop.joinpath("rows.csv").write_text(numbered(3))
    assert cli("import", "rows.csv").code == 0
    with Threaded() as other:
        monkeypatch.setenv("BREVO_BASE_URL", other.base_url)
        done = cli("journal", "resume")
        assert done.code == 1
        assert "use a journal of its own for each API" in done.err
        assert len(other.requests) == 0


BAD = {
    "a column that is missing": ("reference,contact_id\nr,1\n", "line 1: amount: column missing"),
    "a column twice": (
        "reference,contact_id,amount,amount\nr,1,1,2\n",
        "line 1: amount: the column stands twice",
    ),
    "a record that is longer": (HEAD + "r,1,1\ns,1,1,9\n", "line 3: the record has 4 fields"),
    "a record that is shorter": (HEAD + "r,1,1\ns,1\n", "line 3: the record has 2 fields"),
    "a bad number": (HEAD + "r,1,one\n", "line 2: amount: is no number"),
    "a number that is not finite": (HEAD + "r,1,Infinity\n", "line 2: amount: is no number"),
    "an underscore in a number": (HEAD + "r,1,1_0.00\n", "line 2: amount: is no number: '1_0.00'"),
    "an empty reference": (HEAD + ",1,1\n", "line 2: reference: must not be empty"),
    "a reference twice": (
        HEAD + "r,1,1\nr,1,2\n",
        "line 3: reference: 'r' stands on line 2 already, with amount 1, not 2",
    ),
    "contact 0": (HEAD + "r,0,1\n", "line 2: contact_id: must be a whole number"),
    "contact 42.0": (HEAD + "r,42.0,1\n", "line 2: contact_id: must be a whole number"),
    "contact 1_2": (HEAD + "r,1_2,1\n", "line 2: contact_id: must be a whole number"),
    "a stray quote": (HEAD + 'r,1,1\ns,"1,1\nt,1,1\n', "line 3: a stray quote"),
    "bare carriage returns": (HEAD + "r,1,1\rs,1,1\n", "line 2: holds a bare carriage return"),
    "semicolons": ("reference;contact_id;amount\nr;1;1\n", "separated by semicolons"),
    "Latin-1": (HEAD.encode() + b"caf\xe9,1,1\n", "line 2: is not UTF-8"),
    "UTF-16": ((HEAD + "r,1,1\n").encode("utf-16"), "is in UTF-16"),
    "a binary file": (HEAD.encode() + b"\x00\x01\x02", "holds a NUL byte"),
    "an empty file": ("", "is empty"),
    "a header alone": (HEAD, "holds no rows"),
    "a meta of ours": (
        'reference,contact_id,amount,meta\nr,1,1,"{""reference"": 1}"\n',
        "line 2: meta: must not hold 'reference'",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_told_with_its_line_and_nothing_is_sent(cli, shop, sandbox, name):
    content, reason = BAD[name]
    shop.joinpath("rows.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    done = cli("import", "rows.csv")
    assert (done.code, done.out) == (2, "")
    assert reason in done.err
    assert done.err.count("\n") == 1
    assert done.err.endswith("; nothing was sent\n")
    assert len(sandbox.requests) == 0
    assert not sandbox.ledger.transactions(PROGRAM)


def test_several_problems_stand_one_a_line(cli, shop, sandbox):
    shop.joinpath("bad.csv").write_text(HEAD + "a,1,one\nb,bob,1\nc,1,-x\n")
    done = cli("import", "bad.csv")
    assert (done.code, done.out) == (2, "")
    first, *lines = done.err.splitlines()
    assert first == "brevo-balance: bad.csv: 3 problems; nothing was sent"
    assert [line.split(": ")[:2] for line in lines] == [
        ["  line 2", "amount"],
        ["  line 3", "contact_id"],
        ["  line 4", "amount"],
    ]
    assert lines[1] == "  line 3: contact_id: must be a whole number at least 1, not 'bob'"
    assert len(sandbox.requests) == 0
    error = json.loads(cli("import", "bad.csv", "--output", "jsonl").err)
    assert (error["type"], error["exit_code"]) == ("InputFileError", 2)
    assert error["message"] == "\n".join([first.removeprefix("brevo-balance: "), *lines])


def test_a_file_with_many_problems_says_that_there_may_be_more(cli, shop):
    shop.joinpath("bad.csv").write_text(HEAD + "a,bob,1\n" * 30)
    first, *lines = cli("import", "bad.csv").err.splitlines()
    assert first == "brevo-balance: bad.csv: 20 problems, and perhaps more; nothing was sent"
    assert len(lines) == 20


def test_a_file_name_does_not_make_lines_of_its_own(cli, shop):
    shop.joinpath("a\nhint: b.csv").write_text(HEAD + "a,bob,1\nb,bob,1\n")
    first, *lines = cli("import", "a\nhint: b.csv").err.splitlines()
    assert first == "brevo-balance: a hint: b.csv: 2 problems; nothing was sent"
    assert [line[:8] for line in lines] == ["  line 2", "  line 3"]


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("rows.csv", HEAD + "a,1,1\nb,1,1\n", "column"),
        ("rows.jsonl", '{"reference": "a", "contact_id": 1, "amount": 1}\n' * 3, "key"),
    ],
)
def test_without_a_definition_it_is_asked_for(cli, shop, sandbox, monkeypatch, name, content, what):
    monkeypatch.delenv("BREVO_BALANCE_DEFINITION_ID")
    shop.joinpath(name).write_text(content)
    done = cli("import", name)
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        f"brevo-balance: {name}: which definition? give --definition, export BREVO_BALANCE_DEFINITION_ID, "
        f"or add a {what} balance_definition_id; nothing was sent\n"
    )
    assert len(sandbox.requests) == 0


def test_rows_without_a_definition_among_others_are_told_by_their_lines(cli, shop, monkeypatch):
    monkeypatch.delenv("BREVO_BALANCE_DEFINITION_ID")
    rows = f"a,1,1,{POINTS}\nb,1,1,\nc,1,1,\n"
    shop.joinpath("rows.csv").write_text(f"{HEAD.rstrip()},balance_definition_id\n{rows}")
    first, *lines = cli("import", "rows.csv").err.splitlines()
    assert first == "brevo-balance: rows.csv: 2 problems; nothing was sent"
    assert [line.split(": ")[:2] for line in lines] == [
        ["  line 3", "balance_definition_id"],
        ["  line 4", "balance_definition_id"],
    ]


def test_a_line_of_two_gigabytes_takes_no_memory(cli, shop):
    with shop.joinpath("rows.csv").open("wb") as file:
        file.write(HEAD.encode() + b"r,1,")
        file.truncate(2 * 1024**3)  # a hole: it reads as NULs
    done = cli("import", "rows.csv")
    assert done.code == 2
    assert "line 2: holds a NUL byte" in done.err


def test_a_file_that_changes_between_the_check_and_the_import(cli, shop, sandbox):
    path = shop.joinpath("rows.csv")
    path.write_text(numbered(3))
    sandbox.faults.add(effects.delay(1), operation="definitions.get")

    def change():
        while not sandbox.requests:
            time.sleep(0.01)
        with path.open("a") as file:
            file.write("late,1,1\n")

    writer = threading.Thread(target=change)
    writer.start()
    done = cli("import", "rows.csv")
    writer.join()
    assert done.code == 2
    assert "has changed since it was read first" in done.err
    assert not sandbox.ledger.transactions(PROGRAM)


def test_an_equal_row_twice_is_credited_once(cli, shop, sandbox):
    shop.joinpath("rows.csv").write_text(HEAD + "r,1,1\ns,1,2\nr,1,1.00\n")
    done = cli("import", "rows.csv")
    assert done.code == 0
    assert "1 row left out, equal to an earlier one" in done.out
    assert credited(sandbox) == {"r": 1, "s": 1}


@pytest.mark.parametrize(
    "arguments",
    [
        ("--concurrency", "1_0"),
        ("--concurrency", "20.0"),
        ("--concurrency", "0"),
        ("--reserve", "nan"),
        ("--reserve", "1.5"),
        ("--max-duration", "1_0"),
        ("--max-duration", "soon"),
        ("--mode", "twice"),
    ],
)
def test_options_are_read_strictly(cli, shop, sandbox, arguments):
    shop.joinpath("rows.csv").write_text(numbered(3))
    assert cli("import", "rows.csv", *arguments).code == 2
    assert len(sandbox.requests) == 0


def started(*arguments, command=PLAIN_COMMAND):
    return subprocess.Popen(
        [*command, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**environment(**os.environ), "PYTHONPATH": str(PACKAGE)},
    )


def until(process, sandbox, requests):
    while len(sandbox.requests) < requests:
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


def slow(sandbox):
    """Eleven rows go through at once, the others take a second each: a signal never comes too late."""
    sandbox.faults.add(effects.delay(1), operation="transactions.begin", nth=12, times=1000)
    return 1 + 11 * 2  # requests, with that of the plan


def assert_resumes(sandbox, cli, rows):
    """Nothing was left in doubt, and nothing is missing in the end."""
    assert 0 < len(credited(sandbox)) < rows
    status = json.loads(cli("journal", "status", "--output=jsonl").out)
    assert (status["applied"], status["unknown"]) == (len(credited(sandbox)), 0)
    assert status["due"] == status["open"] == rows - status["applied"]
    sandbox.faults.clear()
    assert cli("journal", "resume").code == 0
    assert credited(sandbox) == {f"r-{n}": 1 for n in range(rows)}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_drains_and_the_rest_is_resumed(shop, sandbox, cli, number):
    shop.joinpath("rows.csv").write_text(numbered(100))
    requests = slow(sandbox)
    with started("import", "rows.csv", "--concurrency=3", command=COMMAND) as process:
        until(process, sandbox, requests)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 7, err
    assert "stopping: what is in flight finishes" in err
    assert "to go on where it was: brevo-balance journal resume --concurrency 3" in err
    assert out.startswith(f"{len(credited(sandbox))} applied, 0 refused, 0 unknown")
    assert_clean(err)
    assert_resumes(sandbox, cli, 100)


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo-terminal")
def test_a_terminal_that_is_closed_drains(shop, sandbox, cli):
    shop.joinpath("rows.csv").write_text(numbered(100))
    requests = slow(sandbox)
    master, end = os.openpty()
    with subprocess.Popen(
        [*ON_A_TERMINAL, "import", "rows.csv", "--concurrency=3"],
        **dict.fromkeys(("stdin", "stdout", "stderr"), end),
        start_new_session=True,
        env={**environment(**os.environ), "PYTHONPATH": str(PACKAGE), "TERM": "xterm"},
    ) as process:
        os.close(end)
        until(process, sandbox, requests)
        os.close(master)
        process.send_signal(signal.SIGHUP)  # the shell that ran in it sends its own
        assert process.wait(timeout=60) == 7
    assert_resumes(sandbox, cli, 100)


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="there is no SIGHUP")
def test_nohup_is_obeyed(shop, sandbox):
    shop.joinpath("rows.csv").write_text(numbered(14))
    requests = slow(sandbox)
    with started("import", "rows.csv", "--concurrency=3", command=["nohup", *PLAIN_COMMAND]) as process:
        until(process, sandbox, requests)
        process.send_signal(signal.SIGHUP)
        process.communicate(timeout=60)
    assert process.returncode == 0
    assert len(credited(sandbox)) == 14


def test_the_second_signal_stops_at_once(shop, sandbox):
    shop.joinpath("rows.csv").write_text(numbered(500))
    sandbox.faults.add(effects.delay(10), operation="transactions.complete", times=1000)
    with started("import", "rows.csv", command=COMMAND) as process:
        until(process, sandbox, 20)
        process.send_signal(signal.SIGINT)
        while "stopping" not in (line := process.stderr.readline()):
            assert line
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "to go on where it was: brevo-balance journal resume" in err
    assert_clean(err)


def test_a_time_limit_drains(shop, sandbox, cli):
    shop.joinpath("rows.csv").write_text(numbered(100))
    sandbox.faults.add(effects.delay(0.3), operation="transactions.begin", times=1000)
    done = cli("import", "rows.csv", "--max-duration", "1s", "--concurrency", "2")
    assert done.code == 7
    assert "the time is over" in done.err
    assert len(credited(sandbox)) < 100


def test_a_killed_import_is_run_again(shop, sandbox, cli, monkeypatch):
    shop.joinpath("rows.csv").write_text(numbered(300))
    with started("import", "rows.csv", command=SHORT_LEASE) as process:
        until(process, sandbox, 60)
        process.kill()
        process.communicate()
    # A draft that the dead process may have been completing is left alone for half of this, and holds back the later
    # rows of its contact.
    monkeypatch.setitem(Importer.__init__.__kwdefaults__, "grace", 1.0)
    done = cli("import", "rows.csv", "--output", "jsonl")
    report = json.loads(done.out.splitlines()[-1])
    assert done.code == 0
    assert (report["applied"], report["unknown"], report["open"]) == (300, 0, 0)
    assert credited(sandbox) == {f"r-{n}": 1 for n in range(300)}


def test_an_import_that_waits_says_what_for(shop, sandbox, cli, monkeypatch):
    shop.joinpath("rows.csv").write_text(HEAD + "r,1,1\ns,1,2\nt,2,3\n")
    sandbox.faults.add(effects.drop(), operation="transactions.complete", nth=1)
    monkeypatch.setattr(dashboard, "_HEARTBEAT", 0.2)
    monkeypatch.setitem(Importer.__init__.__kwdefaults__, "patience", 0.1)
    done = cli("import", "rows.csv", "--max-duration=2s", "--concurrency=1")
    assert done.code == 7
    assert (
        "1 of 3 done, 0 refused, 1 unknown, next look in 5 min: 1 not settled yet, 1 behind those" in done.err
    )
    assert done.out.startswith("1 applied, 0 refused, 1 unknown, 1 not tried")
    done = cli("import", "rows.csv", "--max-duration=2s", "--output=jsonl")
    waiting = [json.loads(line).get("waiting") for line in done.out.splitlines()]
    assert {"unsettled": 1, "behind": 1, "taken": 0} in [
        {name: value for name, value in each.items() if name != "seconds"} for each in waiting if each
    ]
