"""The command tree: every command of the design is there, has a help with an example, and loads what it needs only."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from brevo_balance_async.cli.app import app

from .conftest import POINTS, PROGRAM, message_of
from .test_numbers import commands

TREE = {
    "definitions": {"list", "get", "create", "update", "delete"},
    "limits": {"get", "create", "update", "delete"},
    "transactions": {"begin", "complete", "cancel", "credit", "debit"},
    "balances": {"list", "active", "get", "create"},
    "orders": {"create"},
    "journal": {"status", "resume", "report", "reopen", "resolve", "redact"},
    "history": set(),
    "import": set(),
    "sandbox": set(),
    "demo": set(),
    "doctor": set(),
    "completion": set(),
}
ALL = sorted(f"{name} {each}".strip() for name in TREE for each in TREE[name] or {""})
OTHERS = {"import", "demo", "sandbox", *(f"journal {each}" for each in TREE["journal"])}
HERE = ("--program", PROGRAM)


def test_the_tree_is_that_of_the_design():
    assert sorted(" ".join(words) for words, _ in commands() if words) == ALL


@pytest.mark.parametrize("command", ALL)
def test_help_fits_80_columns(cli, monkeypatch, command):
    monkeypatch.setenv("COLUMNS", "80")
    done = cli(*command.split(), "--help")
    assert (done.code, done.err) == (0, "")
    assert f"brevo-balance {command}" in done.out
    usage, *lines = done.out.splitlines()
    if command != "sandbox":  # argparse has widths of its own
        assert all(len(line) <= 80 for line in lines), usage


def place(command):
    found = app
    for word in command.split():
        found = found[word]
    return found


@pytest.mark.parametrize("command", sorted(set(ALL) - {"sandbox"}))  # argparse tells of its options
def test_help_explains_every_option(cli, command):
    for argument in place(command).assemble_argument_collection(parse_docstring=True):
        assert argument.name == "*" or argument.parameter.help, f"{command}: {argument.name}"


@pytest.mark.parametrize("command", sorted(set(ALL) - OTHERS))
def test_help_has_an_example(cli, command):
    if "get" not in command.split():
        assert f"brevo-balance {command}" in place(command).help


def test_the_first_page_names_every_command_and_the_exit_codes(cli):
    done = cli("--help")
    for name in TREE:
        assert f"│ {name} " in done.out
    assert "6 outcome unknown" in done.out
    assert "brevo-balance doctor" in done.out
    assert cli().out == done.out


@pytest.mark.parametrize(
    ("arguments", "heavy"),
    [
        (["--version"], {"aiohttp", "rich.console", "sqlalchemy", "brevo_balance_async.sandbox.http"}),
        (["--help"], {"aiohttp", "sqlalchemy", "brevo_balance_async.sandbox.http"}),
        (["history"], {"aiohttp", "rich.progress", "sqlalchemy", "brevo_balance_async.sandbox.http"}),
    ],
)
def test_a_command_loads_only_what_it_needs(arguments, heavy):
    code = """
import atexit, sys
atexit.register(lambda: print(*sys.modules, file=sys.stderr))
from brevo_balance_async.cli import main
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert not heavy & set(done.stderr.split())


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_the_tree(cli, shell):
    done = cli("completion", shell)
    assert (done.code, done.err) == (0, "")
    for word in ("definitions", "transactions", "history", "--include-internal", "jsonl"):
        assert word.removeprefix("--") in done.out
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=done.out, text=True, check=True, timeout=60)


# Environment defaults, --limit, updates.


def test_the_environment_stands_in_for_the_options(cli, api, monkeypatch):
    monkeypatch.setenv("BREVO_PROGRAM_ID", PROGRAM)
    monkeypatch.setenv("BREVO_BALANCE_DEFINITION_ID", POINTS)
    done = cli("history", "--contact=7", "--limit=2", "--output=json")
    assert (done.code, len(json.loads(done.out))) == (0, 2)
    assert cli("balances", "list", "--limit=1", "--output=csv").out.count("\n") == 2


@pytest.mark.parametrize(("limit", "rows"), [(1, 1), (501, 501), (5_000, 1_200)])
def test_limit_is_a_number_of_rows(cli, api, limit, rows):
    done = cli(
        "history", *HERE, f"--definition={POINTS}", "--contact=7", f"--limit={limit}", "--output=jsonl"
    )
    assert len(done.out.splitlines()) == rows


@pytest.mark.parametrize("limit", ["0", "-1", "1.5"])
def test_a_limit_of_nothing_is_refused(cli, limit):
    message_of(cli("history", *HERE, f"--definition={POINTS}", "--contact=7", f"--limit={limit}"), 2)


def made(cli, *arguments):
    done = cli(*arguments, *HERE, "--output=json")
    assert (done.code, done.err) == (0, "")
    return json.loads(done.out)


def test_an_update_keeps_what_is_not_given(cli, api):
    terms = ("--description=Gifts", "--max-amount=100", "--available=3", "--available-unit=month")
    before = made(cli, "definitions", "create", "--name=Kept", "--unit=EUR", *terms, '--meta={"a": 1.50}')
    after = made(cli, "definitions", "update", before["id"], "--max-amount=250.5")
    changed = {name for name in before if before[name] != after[name]}
    assert after["max_amount"] == "250.5"
    assert changed <= {"max_amount", "updated_at"}
    once = made(cli, "definitions", "update", before["id"], "--expires-on=24/12")
    assert (once["balance_expiration_date"], once["balance_availability_duration_value"]) == ("24/12", None)
    again = made(cli, "definitions", "update", before["id"], "--available=2", "--available-unit=week")
    assert (again["balance_expiration_date"], again["balance_availability_duration_value"]) == (None, 2)
    assert (again["name"], again["meta"]) == ("Kept", before["meta"])


def test_an_update_of_a_limit_keeps_what_is_not_given(cli, api):
    definition = made(cli, "definitions", "create", "--name=Limited")["id"]
    terms = ("--constraint=amount", "--type=credit", "--value=50", "--unit=day", "--sliding")
    before = made(cli, "limits", "create", f"--definition={definition}", *terms)
    after = made(cli, "limits", "update", definition, before["id"], "--value=70", "--no-sliding")
    assert (after["value"], after["sliding_schedule"]) == ("70", False)
    kept = ("constraint_type", "transaction_type", "duration_unit", "duration_value")
    assert [after[name] for name in kept] == [before[name] for name in kept]


@pytest.mark.parametrize(
    "command",
    [
        ("balances", "create", "--contact"),
        ("balances", "get", "--contact"),
        ("definitions", "get", "--definition"),
    ],
)
def test_what_elsewhere_is_an_option_can_be_given_by_its_name(cli, api, command):
    *words, option = command
    value = POINTS if option == "--definition" else "640"
    more = ("--definition", POINTS) if "create" in words else ()
    named = cli(*words, option, value, *more, *HERE, "--output=json")
    assert (named.code, named.err) == (0, "")
    if "get" in words:
        assert cli(*words, value, *HERE, "--output=json").out == named.out
    bad = "0" if option == "--contact" else "mine"
    assert message_of(cli(*words, option, bad, *more, *HERE), 2).startswith(f"brevo-balance: {option}: must")
    told = message_of(cli(*words, bad, *more, *HERE), 2)
    assert told.startswith(f"brevo-balance: {option.lstrip('-').upper()}: must")


def test_credit_debit_and_an_order(cli, api):
    to = (f"--definition={POINTS}", "--contact=620")
    assert made(cli, "balances", "create", "620", f"--definition={POINTS}")
    credited = made(cli, "transactions", "credit", *to, "--amount=12.50", '--meta={"order": "A-1"}')
    assert (credited["status"], credited["amount"]) == ("completed", "12.5")
    debited = made(cli, "transactions", "debit", *to, "--amount=2", "--event-time=2026-01-31T12:00:00+01:00")
    assert (debited["amount"], debited["balance"]) == ("-2", "10.5")
    order = made(cli, "orders", "create", *to, "--amount=1", "--due=2099-01-01T00:00:00Z")
    assert order["due_at"].startswith("2099-01-01T00:00:00")
    refused = cli("transactions", "debit", *HERE, *to, "--amount=99")
    assert message_of(refused, 1)


# Deletions.


def test_without_a_terminal_nothing_is_deleted(cli, api):
    definition = made(cli, "definitions", "create", "--name=Kept")["id"]
    done = cli("definitions", "delete", definition, *HERE)
    assert "there is no terminal to ask on; nothing was sent\nhint: add --yes" in message_of(done, 2)
    assert cli("definitions", "get", definition, *HERE).code == 0


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo-terminal")
@pytest.mark.parametrize(
    ("answer", "gone"), [("y\n", True), ("YES\n", True), ("n\n", False), ("\n", False), ("\x04", False)]
)
def test_on_a_terminal_it_asks(cli, api, monkeypatch, answer, gone):
    definition = made(cli, "definitions", "create", "--name=Asked")["id"]
    master, end = os.openpty()
    os.write(master, answer.encode())
    with (
        os.fdopen(end, closefd=False) as stdin,
        os.fdopen(end, "w") as stderr,
        monkeypatch.context() as patch,
    ):
        patch.setattr(sys, "stdin", stdin)
        patch.setattr(sys, "stderr", stderr)
        done = cli("definitions", "delete", definition, *HERE)
        asked = ""
        while "[y/N]" not in asked:
            asked += os.read(master, 4096).decode()
    os.close(master)
    assert done.code == (0 if gone else 1)
    assert f"Delete the definition {definition} of the program {PROGRAM}? [y/N]" in " ".join(asked.split())
    assert cli("definitions", "get", definition, *HERE).code == (1 if gone else 0)
