"""The commands that read and write single things, and what they end with."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys

import pytest
from yarl import URL

from brevo_balance_async import NotFoundError
from brevo_balance_async.cli import api as api_module
from brevo_balance_async.hooks import OutcomeUnknown, QuotaWait, RetryScheduled
from brevo_balance_async.journal import Journal

from .conftest import POINTS, PROGRAM, message_of, spawn

NOWHERE = "00000000-0000-4000-8000-000000000000"
HERE = ("--program", PROGRAM)
BOOKING = (*HERE, "--definition", POINTS, "--contact=1")


def json_of(done):
    assert (done.code, done.err) == (0, "")
    return json.loads(done.out)


def test_a_definition_from_creation_to_deletion(cli, api):
    created = json_of(
        cli("definitions", "create", *HERE, "--name", "Stars", "--max-amount=10.50", "--output=json")
    )
    assert created["max_amount"] == "10.5"
    got = json_of(cli("definitions", "get", created["id"], *HERE, "--output", "json"))
    assert got == created
    deleted = cli("definitions", "delete", created["id"], *HERE, "--yes")
    assert (deleted.code, deleted.out, deleted.err) == (0, "", "")
    assert cli("definitions", "get", created["id"], *HERE).code == 1


def test_a_limit_from_creation_to_deletion(cli, api):
    terms = ("--constraint=amount", "--type=credit", "--value=50", "--unit=day", "--sliding", "--output=json")
    definition = json_of(cli("definitions", "create", *HERE, "--name", "Limited", "--output=json"))["id"]
    created = json_of(cli("limits", "create", *HERE, "--definition", definition, *terms))
    assert (created["value"], created["sliding_schedule"]) == ("50", True)
    assert json_of(cli("limits", "get", definition, created["id"], *HERE, "--output=json")) == created
    assert cli("limits", "delete", definition, created["id"], *HERE, "--yes").code == 0
    assert cli("limits", "get", definition, created["id"], *HERE).code == 1


def test_a_transaction_is_begun_completed_and_cannot_be_cancelled_any_more(cli, api):
    to = (*HERE, "--definition", POINTS, "--contact=501", "--output=json")
    draft = json_of(
        cli("transactions", "begin", *to, "--amount", "12.50", "--meta", '{"order": "A-1"}', "--ttl=60")
    )
    assert (draft["status"], draft["amount"], draft["meta"]) == ("draft", "12.5", {"order": "A-1"})
    done = json_of(cli("transactions", "complete", draft["id"], *HERE, "--output=json"))
    assert (done["status"], done["balance"]) == ("completed", "12.5")
    late = cli("transactions", "cancel", draft["id"], *HERE)
    assert message_of(late, 1).startswith("brevo-balance: transactions.cancel: ")
    assert "it is no draft any more" in late.err
    held = json_of(cli("balances", "get", "501", *HERE, "--output=json"))
    assert {"balance_definition_id": POINTS, "value": "12.5"} in held["balance"]


def test_a_rejection_is_shown_and_is_a_failure(cli, api):
    done = cli(
        "transactions",
        "begin",
        *HERE,
        "--definition",
        POINTS,
        "--contact=502",
        "--amount=-5",
        "--auto-complete",
    )
    assert done.code == 1
    assert "rejected" in done.out
    assert done.err.startswith("brevo-balance: the server rejected it: ")


@pytest.mark.parametrize(
    ("arguments", "code", "reason", "hint"),
    [
        (("definitions", "get", NOWHERE, *HERE), 1, "status 404", "definitions list"),
        (("definitions", "get", "nothing", *HERE), 2, "DEFINITION: must be a UUID", None),
        (("definitions", "list", "--program", "nothing"), 2, "--program: must be a UUID", None),
        (("history", *HERE, "--definition", POINTS, "--contact", "0"), 2, "--contact: must be", None),
        (
            ("definitions", "list", *HERE, "--base-url", "http://127.0.0.1:9/v3"),
            1,
            "no connection, nothing was sent",
            "is the sandbox running? start it with: brevo-balance sandbox",
        ),
        (("definitions", "list", *HERE, "--base-url", "SERVER"), 1, "does not end in /v3", "ids"),
        (
            ("definitions", "list", *HERE, "--base-url", "http://api.example.com/v3"),
            2,
            "--base-url: plain http://",
            None,
        ),
        (("transactions", "begin", *BOOKING, "--amount=1", "--meta=x"), 2, "--meta is not JSON", None),
        (
            ("transactions", "begin", *BOOKING, "--amount=1", "--meta=[1]"),
            2,
            "--meta must be a JSON obj",
            None,
        ),
        (("transactions", "begin", *BOOKING, "--amount=x"), 2, "--amount: ", None),
        (("transactions", "begin", *BOOKING, "--amount=1", "--type=debit"), 2, "--amount: contradicts", None),
        (("transactions", "begin", *BOOKING, "--amount=1", "--ttl=1"), 2, "--ttl: ", None),
        (("transactions", "credit", *BOOKING, "--amount=-1"), 2, "--amount: ", None),
        (
            ("transactions", "credit", *BOOKING, "--amount=1", "--event-time=now"),
            2,
            "--event-time: exp",
            None,
        ),
        (
            ("transactions", "credit", *BOOKING, "--amount=1", "--event-time=2026-01-01"),
            2,
            "--event-time: '2026-01-01' has no offset",
            None,
        ),
        (
            ("transactions", "credit", *HERE, "--definition", POINTS, "--amount=1"),
            2,
            "give one of --contact and --subscription",
            None,
        ),
        (("transactions", "complete", "x", *HERE), 2, "TRANSACTION: must be a UUID", None),
        (("orders", "create", *BOOKING, "--amount=1", "--due=tomorrow"), 2, "--due: expected", None),
        (("limits", "get", POINTS, "x", *HERE), 2, "LIMIT: must be a UUID", None),
        (("definitions", "create", *HERE, "--name", "N", "--unit", "X"), 2, "--unit: ", None),
        (("definitions", "create", *HERE, "--name", "N", "--max-credit", "X"), 2, "--max-credit: ", None),
        (
            ("definitions", "create", *HERE, "--name", "N", "--credit-rounding=X"),
            2,
            "--credit-rounding: ",
            None,
        ),
    ],
)
def test_a_failure_says_what_was_refused_and_what_to_do(cli, api, arguments, code, reason, hint):
    done = cli(*(each.replace("SERVER", str(URL(api).origin())) for each in arguments))
    said = message_of(done, code)
    assert done.out == ""
    assert reason in said
    assert (f"hint: {hint}" in said or hint in said.splitlines()[1]) if hint else said.count("\n") == 1
    assert code != 2 or "nothing was sent" in said


@pytest.mark.parametrize("key", [None, ""])
def test_without_a_key_nothing_is_sent(cli, api, monkeypatch, key):
    if key is None:
        monkeypatch.delenv("BREVO_API_KEY")
    else:
        monkeypatch.setenv("BREVO_API_KEY", key)
    done = cli("definitions", "list", *HERE)
    assert done.out == ""
    assert message_of(done, 3).startswith("brevo-balance: BREVO_API_KEY is not set; nothing was sent")
    assert "hint: export BREVO_API_KEY=" in done.err


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("definitions", "list"), "--program"),
        (("definitons",), 'Did you mean "definitions"'),
        (("definitions", "list", *HERE, "--api-key", "xkeysib-on-the-command-line"), "--api-key"),
        (("definitions", "list", *HERE, "--output", "xml"), "xml"),
        (("demo", "--rows", "0"), "--rows"),
        (("sandbox", "--port", "70000"), "--port"),
    ],
)
def test_what_is_not_understood_is_code_2_and_a_hint(cli, arguments, reason):
    done = cli(*arguments)
    assert done.out == ""
    assert reason in message_of(done, 2)
    assert f"see: brevo-balance {arguments[0] if reason.startswith('--') else ''}".rstrip() in done.err


A_LOOK = "brevo-balance definitions list"


@pytest.mark.parametrize(
    ("arguments", "said", "hint"),
    [
        (
            ("transactions", "credit", *HERE, "--amount=1", "--contact=1"),
            "--definition is missing: give it, or export BREVO_BALANCE_DEFINITION_ID; nothing was sent",
            A_LOOK,
        ),
        (
            ("transactions", "credit", "--amount=1", "--contact=1"),
            "--program is missing: give it, or export BREVO_PROGRAM_ID; nothing was sent",
            "see: brevo-balance transactions credit --help",
        ),
        (
            ("history", *HERE, "--definition", POINTS),
            "--contact is missing: give it; nothing was sent",
            "see: brevo-balance history --help",
        ),
        (
            ("definitions", "create", *HERE),
            "--name is missing: give it; nothing was sent",
            "see: brevo-balance definitions create --help",
        ),
        (("limits", "get", *HERE), "DEFINITION is missing: give it; nothing was sent", A_LOOK),
        (
            ("journal", "resolve", "r-1", "--note=n"),
            "--applied is missing: give it or --not-applied; nothing was sent",
            "see: brevo-balance journal resolve --help",
        ),
        (
            ("balances", "list", *HERE, "--definition"),
            "--definition is given without a value; nothing was sent",
            A_LOOK,
        ),
        (
            ("history", *HERE, "--definition", POINTS, "--contcat", "1"),
            "--contact is missing: give it (did you mean --contact instead of --contcat?); nothing was sent",
            "see: brevo-balance history --help",
        ),
    ],
)
def test_what_is_missing_is_told_with_where_it_can_come_from(cli, monkeypatch, arguments, said, hint):
    monkeypatch.delenv("BREVO_PROGRAM_ID", raising=False)
    monkeypatch.delenv("BREVO_BALANCE_DEFINITION_ID", raising=False)
    done = cli(*arguments)
    assert (done.code, done.out) == (2, "")
    err = done.err.replace('"', "")  # cyclopts 4.10 quotes names
    assert err == f"brevo-balance: {said}\nhint: {hint}\n"


@pytest.mark.parametrize("value", ["", "nonsense"])
@pytest.mark.parametrize(
    "arguments",
    [
        ("transactions", "credit", "--amount=1", "--contact=1"),
        ("balances", "list"),
        ("journal", "reopen", "r-1", "--journal=JOURNAL"),
        ("import", "rows.csv"),
    ],
)
def test_a_bad_variable_is_named_and_not_the_option_nobody_gave(
    cli, api, monkeypatch, tmp_path, arguments, value
):
    if "reopen" in arguments:
        asyncio.run(empty_journal(tmp_path / "journal.db"))
    arguments = [each.replace("JOURNAL", str(tmp_path / "journal.db")) for each in arguments]
    monkeypatch.setenv("BREVO_PROGRAM_ID", PROGRAM)
    monkeypatch.setenv("BREVO_BALANCE_DEFINITION_ID", value)
    bad = f"BREVO_BALANCE_DEFINITION_ID: must be a UUID, not {value!r}"
    assert message_of(cli(*arguments), 2).startswith(f"brevo-balance: {bad}")
    for option in (["--definition", "mine"], ["--definition=mine"]):
        said = message_of(cli(*arguments, *option), 2)
        assert said.startswith("brevo-balance: --definition: must be a UUID, not 'mine'")


async def empty_journal(path):
    async with Journal(str(path)):
        pass


def test_so_is_a_bad_program(cli, api, monkeypatch):
    monkeypatch.setenv("BREVO_PROGRAM_ID", "")
    said = message_of(cli("definitions", "list"), 2)
    assert said.startswith("brevo-balance: BREVO_PROGRAM_ID: must be a UUID, not ''; nothing was sent")
    assert json.loads(cli("definitions", "list", "--output=json").err)["variable"] == "BREVO_PROGRAM_ID"


@pytest.mark.parametrize(
    ("argument", "reason"),
    [
        ("--switch=nothing=1", "no such switch: nothing"),
        ("--switch=history_offset", "expected NAME=VALUE, not 'history_offset'"),
        ("--switch=count=maybe", "count must be one of exact, absent, not 'maybe'"),
        (
            "--switch=rounding_places=abc",
            "rounding_places must be a whole number, at least 0, at most 12, not 'abc'",
        ),
        ("--rph=0", "a quota is a whole number of requests, at least 1, or None (null), not 0"),
    ],
)
def test_a_sandbox_that_cannot_be_is_refused(cli, argument, reason):
    done = cli("sandbox", argument)
    assert (done.code, done.out) == (1, "")
    assert done.err == f"brevo-balance: {reason}\n"


def test_a_port_that_is_taken_is_refused(cli, server):
    done = cli("sandbox", "--port", str(URL(server).port))
    assert (done.code, done.out) == (1, "")
    assert "address already in use" in done.err


def test_help_and_version_work_in_a_pipe(cli):
    for arguments in (
        (),
        ("--help",),
        ("--version",),
        ("demo", "--help"),
        ("transactions", "begin", "--help"),
    ):
        done = cli(*arguments)
        assert (done.code, done.err) == (0, "")
        assert done.out.strip()
        assert "\x1b" not in done.out


def test_the_help_of_the_sandbox_shows_no_machinery(cli):
    text = cli("sandbox", "--help").out
    assert "--switch" in text
    assert "--empty-switch" not in text
    assert "()" not in text


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (QuotaWait("history.list", 1740.2), "waiting 1,740 s for the account's quota"),
        (RetryScheduled("history.list", 1, 5.0, NotFoundError("gone", status=404)), "trying again in 5 s"),
        (OutcomeUnknown("transactions.begin", 1, cancelled=True, error=None), "may have been applied"),
        (QuotaWait("history.list", 0.2), ""),
        (OutcomeUnknown("transactions.begin", 1, cancelled=False, error=None), ""),
    ],
)
def test_long_waits_and_interrupted_writes_are_told(capsys, event, text):
    api_module._tell(event)
    err = capsys.readouterr().err
    assert (text in err) if text else (err == "")


@pytest.mark.parametrize("library", ["cyclopts", "rich"])
def test_without_the_extra_a_sentence_says_what_to_install(library):
    code = f"import sys; sys.modules[{library!r}] = None; from brevo_balance_async.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert f"needs {library}, which is not installed" in done.stderr
    assert "pip install 'brevo-balance-async[cli]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_script_runs_in_a_process_of_its_own(api):
    done = spawn("definitions", "list", *HERE, BREVO_API_KEY=os.environ["BREVO_API_KEY"], BREVO_BASE_URL=api)
    assert done.returncode == 0
    assert "Points" in done.stdout
    assert "\x1b" not in done.stdout
