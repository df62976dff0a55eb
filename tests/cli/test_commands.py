"""The commands that read and write single things, and what they end with."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from yarl import URL

from brevo_balance_async import NotFoundError
from brevo_balance_async.cli import api as api_module
from brevo_balance_async.hooks import OutcomeUnknown, QuotaWait, RetryScheduled

from .conftest import POINTS, PROGRAM, spawn

NOWHERE = "00000000-0000-4000-8000-000000000000"
HERE = ("--program", PROGRAM)


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
    deleted = cli("definitions", "delete", created["id"], *HERE)
    assert (deleted.code, deleted.out, deleted.err) == (0, "", "")
    assert cli("definitions", "get", created["id"], *HERE).code == 1


def test_a_limit_from_creation_to_deletion(cli, api):
    terms = ("--constraint=amount", "--type=credit", "--value=50", "--unit=day", "--sliding", "--output=json")
    definition = json_of(cli("definitions", "create", *HERE, "--name", "Limited", "--output=json"))["id"]
    created = json_of(cli("limits", "create", *HERE, "--definition", definition, *terms))
    assert (created["value"], created["sliding_schedule"]) == ("50", True)
    assert json_of(cli("limits", "get", definition, created["id"], *HERE, "--output=json")) == created
    assert cli("limits", "delete", definition, created["id"], *HERE).code == 0
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
    assert late.code == 1
    assert late.err.startswith("brevo-balance: transactions.cancel: ")
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


def test_the_doctor_finds_a_healthy_server(cli, api):
    done = cli("doctor", *HERE)
    assert (done.code, done.err) == (0, "")
    assert all(line.startswith("ok  ") for line in done.out.splitlines())
    assert os.environ["BREVO_API_KEY"] not in done.out


def test_the_doctor_finds_a_wrong_key(cli, api, monkeypatch):
    monkeypatch.setenv("BREVO_API_KEY", "xkeysib-wrong-0123456789")
    done = cli("doctor", *HERE)
    assert done.code == 3
    assert "401" in done.err
    assert "xkeysib-wrong" not in done.out + done.err


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("definitions", "get", NOWHERE, *HERE), "status 404"),
        (("definitions", "get", "nothing", *HERE), "must be a UUID"),
        (("definitions", "--program", "nothing"), "must be a UUID"),
        (("history", *HERE, "--definition", POINTS, "--contact", "0"), "contact_id"),
        (
            ("definitions", *HERE, "--base-url", "http://127.0.0.1:9/v3"),
            "no connection, nothing was sent",
        ),
        (("definitions", *HERE, "--base-url", "SERVER"), "does not end in /v3"),
        (("doctor", *HERE, "--base-url", "SERVER/v4/"), "does not end in /v3"),
        (("definitions", *HERE, "--base-url", "http://api.example.com/v3"), "plain http://"),
        (
            ("transactions", "begin", *HERE, "--definition", POINTS, "--contact=1", "--amount=1", "--meta=x"),
            "--meta",
        ),
    ],
)
def test_a_failure_is_one_line_and_code_1(cli, api, arguments, reason):
    arguments = [each.replace("SERVER", str(URL(api).origin())) for each in arguments]
    done = cli(*arguments)
    assert done.code == 1
    assert done.out == "" or arguments[0] == "doctor"
    assert done.err.startswith("brevo-balance: ")
    assert done.err.count("\n") == 1
    assert reason in done.err


@pytest.mark.parametrize("key", [None, ""])
def test_without_a_key_nothing_is_sent(cli, api, monkeypatch, key):
    if key is None:
        monkeypatch.delenv("BREVO_API_KEY")
    else:
        monkeypatch.setenv("BREVO_API_KEY", key)
    done = cli("definitions", *HERE)
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("brevo-balance: BREVO_API_KEY is not set")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("definitions",), "--program"),
        (("definitons",), 'Did you mean "definitions"'),
        (("definitions", *HERE, "--api-key", "xkeysib-on-the-command-line"), "--api-key"),
        (("definitions", *HERE, "--output", "xml"), "xml"),
        (("demo", "--rows", "0"), "--rows"),
        (("sandbox", "--port", "70000"), "--port"),
    ],
)
def test_what_is_not_understood_is_one_line_and_code_2(cli, arguments, reason):
    done = cli(*arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("brevo-balance: ")
    assert done.err.count("\n") == 1
    assert reason in done.err


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
    assert done.stderr.count("\n") == 1
    assert "pip install 'brevo-balance-async[cli]'" in done.stderr


def test_the_script_runs_in_a_process_of_its_own(api):
    done = spawn("definitions", *HERE, BREVO_API_KEY=os.environ["BREVO_API_KEY"], BREVO_BASE_URL=api)
    assert done.returncode == 0
    assert "Points" in done.stdout
    assert "\x1b" not in done.stdout
