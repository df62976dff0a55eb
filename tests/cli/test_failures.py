"""JSON errors, outputs that nobody takes, proxies, and what the doctor finds."""

from __future__ import annotations

import inspect
import json
import os
import socketserver
import sys
import threading
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import get_type_hints

import attrs
import pytest

from brevo_balance_async.cli.failures import _PARAMETERS
from brevo_balance_async.cli.terminal import AS_JSON, say

from .conftest import POINTS, PROGRAM, control, message_of
from .test_numbers import commands

NOWHERE = "00000000-0000-4000-8000-000000000000"
HERE = ("--program", PROGRAM)
BOOKING = (*HERE, "--definition", POINTS)


def error_of(done):
    """The one JSON object on stderr."""
    (line,) = done.err.splitlines()
    return json.loads(line)


@pytest.mark.parametrize("output", [("--output", "json"), ("--output=jsonl",)])
def test_with_json_an_error_is_a_json_object(cli, api, output):
    done = cli("definitions", "get", NOWHERE, *HERE, *output)
    error = error_of(done)
    assert done.out == ""
    assert (error["type"], error["applied"], error["retry_after"]) == ("NotFoundError", False, None)
    assert (error["status"], error["exit_code"], done.code) == (404, 1, 1)
    assert error["endpoint"] == "definitions.get"
    assert "not found" in error["message"]
    assert "doctor" in error["hint"]


@pytest.mark.parametrize(
    ("arguments", "kind", "option"),
    [
        (("definitions", "get", "nothing"), "InvalidRequestError", "DEFINITION"),
        (("history", "--definition", POINTS, "--contact=0"), "InvalidRequestError", "--contact"),
        (("history", "--definition", POINTS, "--contact=x"), "UsageError", None),
        (("definitions", "delete", NOWHERE), "UsageError", None),
        (("nothing",), "UsageError", None),
    ],
)
def test_so_is_a_command_line_that_is_refused(cli, api, arguments, kind, option):
    done = cli(*arguments, *HERE, "--output=json")
    error = error_of(done)
    assert (error["type"], error["applied"], error["exit_code"], done.code) == (kind, False, 2, 2)
    assert error.get("option") == option


def test_an_unknown_outcome_is_6_and_says_where_to_look(cli, api):
    control(api, "POST", "faults", {"effect": "drop", "operation": "transactions.begin"})
    try:
        done = cli("transactions", "credit", *BOOKING, "--contact=630", "--amount=1", "--output=json")
    finally:
        control(api, "DELETE", "faults")
    error = error_of(done)
    assert (error["type"], error["applied"], done.code) == ("OutcomeUnknownError", None, 6)
    assert error["hint"].endswith(f"brevo-balance history --definition {POINTS} --contact 630")


def test_messages_on_the_way_are_json_objects_too(cli, api, capsys):
    token = AS_JSON.set(True)
    try:
        say("waiting 5 s")
    finally:
        AS_JSON.reset(token)
    assert json.loads(capsys.readouterr().err) == {"type": "notice", "message": "waiting 5 s"}
    say("waiting 5 s")
    assert capsys.readouterr().err == "brevo-balance: waiting 5 s\n"


def test_every_option_that_an_error_may_name_is_there():
    names = set()
    for _, command in commands():
        hints = get_type_hints(command, include_extras=False)
        for name in inspect.signature(command).parameters:
            names |= {each.name for each in attrs.fields(hints[name])} if attrs.has(hints[name]) else {name}
    assert set(_PARAMETERS.values()) <= names


# Outputs that nobody takes.


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
def test_a_write_whose_result_cannot_be_shown_is_6(cli, api, monkeypatch):
    with monkeypatch.context() as patch, Path("/dev/full").open("w") as full:
        patch.setattr(sys, "stdout", full)
        done = cli("transactions", "credit", *BOOKING, "--contact=631", "--amount=3")
    said = message_of(done, 6)
    assert "it was done, but the result could not be written: " in said
    assert "hint: do not send it again" in said
    assert '"3"' in cli("balances", "get", "631", *HERE, "--output=json").out


def test_a_reader_that_has_left_does_not_hide_that_a_write_was_made(cli, api, monkeypatch):
    out, end = os.pipe()
    os.close(out)
    with monkeypatch.context() as patch, os.fdopen(end, "w") as nobody:
        patch.setattr(sys, "stdout", nobody)
        done = cli("transactions", "credit", *BOOKING, "--contact=632", "--amount=3")
    assert "Broken pipe" in message_of(done, 6)


def test_a_closed_stdout_is_one_line_before_anything_is_sent(cli, api, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", None)
        done = cli("transactions", "credit", *BOOKING, "--contact=633", "--amount=3")
    assert message_of(done, 2).startswith(
        "brevo-balance: stdout is closed, so no result could be shown; nothing"
    )
    assert json.loads(cli("history", *BOOKING, "--contact=633", "--output=json").out) == []


def test_messages_that_nobody_reads_change_no_exit_code(cli, api, monkeypatch):
    out, end = os.pipe()
    os.close(out)
    with monkeypatch.context() as patch, suppress(OSError), os.fdopen(end, "w") as nobody:
        patch.setattr(sys, "stderr", nobody)
        assert cli("definitions", "get", "nothing", *HERE).code == 2
        patch.setattr(sys, "stderr", None)
        assert cli("definitions", "get", "nothing", *HERE).code == 2
        sys.stderr.close()


# Proxies.


@contextmanager
def proxy():
    """A proxy that lets nobody through; gives the heads of the requests that it got."""
    heads = []

    class Refuse(socketserver.StreamRequestHandler):
        def handle(self):
            head = b""
            while not head.endswith(b"\r\n\r\n") and (line := self.rfile.readline()):
                head += line
            heads.append(head.decode())
            self.wfile.write(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Refuse) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", heads
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def _no_proxies(monkeypatch, tmp_path):
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    netrc = tmp_path / "netrc"
    netrc.write_text("default login me password netrc-canary\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))


@pytest.mark.usefixtures("_no_proxies")
def test_https_goes_through_the_proxy_of_the_environment(cli, api, monkeypatch):
    with proxy() as (address, heads):
        monkeypatch.setenv("HTTPS_PROXY", address)
        monkeypatch.setenv("BREVO_BASE_URL", "https://api.example.invalid/v3")
        done = cli("definitions", "list", *HERE)
    assert "nothing was sent" in message_of(done, 1)
    assert heads[0].startswith("CONNECT api.example.invalid:443 ")
    assert "authorization" not in "".join(heads).lower()
    assert os.environ["BREVO_API_KEY"] not in "".join(heads)


@pytest.mark.usefixtures("_no_proxies")
def test_no_proxy_is_an_exception(cli, api, monkeypatch):
    with proxy() as (address, heads):
        monkeypatch.setenv("HTTP_PROXY", address)
        assert cli("definitions", "list", *HERE).code != 0
        assert heads[0].startswith(f"GET {api}/")
        assert "authorization" not in heads[0].lower()
        del heads[:]
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        assert cli("definitions", "list", *HERE).code == 0
        assert heads == []


# What comes from the environment.

BAD = {
    "BREVO_BASE_URL": ("ftp://x", "must begin with https:// and name a host"),
    "BREVO_API_KEY": (
        "two words",
        "holds a blank, a line break or another character that no header can carry",
    ),
    "BREVO_PROGRAM_ID": ("mine", "must be a UUID, not 'mine'"),
    "BREVO_BALANCE_DEFINITION_ID": ("points", "must be a UUID, not 'points'"),
    "HTTPS_PROXY": ("socks5://127.0.0.1:1", "must begin with http:// or https:// and name a host"),
}


@pytest.mark.usefixtures("_no_proxies")
@pytest.mark.parametrize("variable", BAD)
def test_a_bad_variable_is_told_by_its_name(cli, api, monkeypatch, variable):
    monkeypatch.setenv("BREVO_PROGRAM_ID", PROGRAM)
    monkeypatch.setenv("BREVO_BALANCE_DEFINITION_ID", POINTS)
    value, reason = BAD[variable]
    monkeypatch.setenv(variable, value)
    done = cli("history", "--contact=7")
    assert message_of(done, 2) == f"brevo-balance: {variable}: {reason}; nothing was sent\n"
    error = error_of(cli("history", "--contact=7", "--output=json"))
    assert (error["variable"], error["docs"]) == (variable, "errors.html#invalidrequesterror")
    assert "option" not in error
    check = "key" if variable == "BREVO_API_KEY" else "address"
    if variable in {"BREVO_API_KEY", "BREVO_BASE_URL", "HTTPS_PROXY"}:
        found = findings(cli("doctor", "--output=json"))
        assert [name for name, each in found.items() if each["result"] == "failed"] == [check]
        assert found[check]["detail"].startswith(variable)
        assert found[check]["detail"].endswith(reason)
        assert variable in found[check]["next"] + found[check]["detail"]


def test_an_option_is_told_by_its_own_name(cli, api, monkeypatch):
    monkeypatch.setenv("BREVO_BASE_URL", "ftp://other")
    done = cli("history", *BOOKING, "--contact=7", "--base-url=ftp://x", "--output=json")
    assert error_of(done)["option"] == "--base-url"


def test_where_there_is_no_better_hint_the_documentation_is_named(cli, api):
    with answering(409, b'{"code": "x", "message": "in the way"}') as url:
        done = cli("definitions", "list", *HERE, "--base-url", url)
    assert "hint: the documentation says what to do: errors.html#conflicterror\n" in message_of(done, 1)


# The doctor.


def findings(done):
    checks = {each["check"]: each for each in json.loads(done.out)}
    assert [*checks] == ["key", "address", "program", "definition", "clock", "quota"]
    return checks


def results(done):
    return {name: check["result"] for name, check in findings(done).items()}


ALL_OK = {
    **dict.fromkeys(("key", "address", "program", "clock", "quota"), "ok"),
    "definition": "skipped",  # it is not set
}


def test_the_doctor_finds_a_healthy_server(cli, api):
    done = cli("doctor", *HERE)
    assert (done.code, done.err) == (0, "")
    assert [line.split()[0] for line in done.out.splitlines()] == ["ok"] * 3 + ["skipped"] + ["ok"] * 2
    assert os.environ["BREVO_API_KEY"] not in done.out
    assert results(cli("doctor", *HERE, "--output=json")) == ALL_OK


def test_the_doctor_finds_a_wrong_key(cli, api, monkeypatch):
    monkeypatch.setenv("BREVO_API_KEY", "xsmtpsib-wrong-0123456789")
    done = cli("doctor", *HERE, "--output=json")
    assert done.code == 3
    assert results(done) == {**ALL_OK, "key": "failed", "program": "skipped"}
    assert "401" in findings(done)["key"]["detail"]
    assert findings(done)["key"]["next"] == "this is a key for SMTP: make one for the API"
    assert "xsmtpsib-wrong" not in done.out + done.err


def test_the_doctor_misses_a_key(cli, api, monkeypatch):
    monkeypatch.delenv("BREVO_API_KEY")
    done = cli("doctor", *HERE)
    assert done.code == 3
    assert "failed   key         BREVO_API_KEY is not set" in done.out
    assert "next: export BREVO_API_KEY=" in done.out


def test_the_doctor_works_without_a_program(cli, api, monkeypatch):
    monkeypatch.delenv("BREVO_PROGRAM_ID", raising=False)
    done = cli("doctor", "--output=json")
    assert (done.code, results(done)) == (1, {**ALL_OK, "program": "failed"})
    assert "BREVO_PROGRAM_ID" in findings(done)["program"]["next"]


@pytest.mark.parametrize(
    ("arguments", "failed", "word"),
    [
        (("--program", "nothing"), "program", "must be a UUID"),
        ((*HERE, "--base-url", "http://127.0.0.1:9/v3"), "address", "is the sandbox running?"),
        ((*HERE, "--base-url", "http://api.example.com/v3"), "address", "plain http://"),
        ((*HERE, "--base-url", "ORIGIN/v4"), "address", "does not end in /v3"),
    ],
)
def test_the_doctor_finds_what_is_wrong_with_an_option(cli, api, arguments, failed, word):
    done = cli(
        "doctor", *(each.replace("ORIGIN", api.removesuffix("/v3")) for each in arguments), "--output=json"
    )
    assert done.code == 1
    assert results(done)[failed] == "failed"
    assert [name for name, result in results(done).items() if result == "failed"] == [failed]
    assert word in json.dumps(findings(done)[failed])


@pytest.mark.parametrize("value", ["", "nonsense"])
@pytest.mark.parametrize("arguments", [HERE, (), (*HERE, "--base-url", "http://127.0.0.1:9/v3")])
def test_the_doctor_finds_a_definition_that_is_no_uuid(cli, api, monkeypatch, arguments, value):
    monkeypatch.setenv("BREVO_BALANCE_DEFINITION_ID", value)
    check = findings(cli("doctor", *arguments, "--output=json"))["definition"]
    assert check["result"] == "failed"
    assert check["detail"] == f"BREVO_BALANCE_DEFINITION_ID must be a UUID, not {value!r}"
    assert check["next"] == "brevo-balance definitions list"


def test_the_doctor_shows_a_bad_definition(cli, api, monkeypatch):
    monkeypatch.setenv("BREVO_BALANCE_DEFINITION_ID", "nonsense")
    done = cli("doctor", *HERE)
    assert done.code == 1
    assert (
        "failed   definition  BREVO_BALANCE_DEFINITION_ID must be a UUID, not 'nonsense'\n"
        + " " * 21
        + "next: brevo-balance definitions list\n"
    ) in done.out


def test_the_doctor_looks_for_the_definition(cli, api, monkeypatch):
    monkeypatch.setenv("BREVO_BALANCE_DEFINITION_ID", POINTS)
    assert results(cli("doctor", *HERE, "--output=json")) == {**ALL_OK, "definition": "ok"}
    monkeypatch.setenv("BREVO_BALANCE_DEFINITION_ID", NOWHERE)
    done = cli("doctor", *HERE, "--output=json")
    assert (done.code, results(done)) == (1, {**ALL_OK, "definition": "failed"})
    assert f"{NOWHERE} was not found" in findings(done)["definition"]["detail"]
    assert findings(done)["definition"]["next"] == "brevo-balance definitions list"


def test_the_doctor_does_not_look_for_it_without_a_program(cli, api, monkeypatch):
    monkeypatch.setenv("BREVO_BALANCE_DEFINITION_ID", POINTS)
    assert results(cli("doctor", "--output=json"))["definition"] == "skipped"
    assert results(cli("doctor", "--program=mine", "--output=json"))["definition"] == "skipped"


def test_a_definition_that_could_not_be_looked_for_is_not_found_to_be_wrong(cli, api, monkeypatch):
    monkeypatch.setenv("BREVO_BALANCE_DEFINITION_ID", POINTS)
    control(api, "POST", "faults", {"effect": "drop", "operation": "definitions.get"})
    try:
        done = cli("doctor", *HERE, "--output=json")
    finally:
        control(api, "DELETE", "faults")
    assert (done.code, results(done)) == (0, ALL_OK)
    assert "could not be looked for" in findings(done)["definition"]["detail"]


@pytest.mark.parametrize("value", ["", "nonsense"])
def test_the_doctor_names_the_variable_of_a_bad_program(cli, api, monkeypatch, value):
    monkeypatch.setenv("BREVO_PROGRAM_ID", value)
    check = findings(cli("doctor", "--output=json"))["program"]
    assert (check["result"], check["detail"]) == (
        "failed",
        f"BREVO_PROGRAM_ID must be a UUID, not {value!r}",
    )


@contextmanager
def answering(status, body, **headers):
    """A server that gives this answer to everything."""

    class Answer(socketserver.StreamRequestHandler):
        def handle(self):
            while self.rfile.readline().strip():
                pass
            lines = [f"HTTP/1.1 {status} X", f"content-length: {len(body)}", "connection: close"]
            lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
            self.wfile.write("\r\n".join([*lines, "", ""]).encode() + body)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/v3"
        finally:
            server.shutdown()
            thread.join()


EMPTY = b'{"items": [], "count": 0}'
QUOTA = {"x_sib_ratelimit_limit": 600, "x_sib_ratelimit_reset": 900}


@pytest.mark.parametrize(("minutes", "words"), [(60, "behind the server"), (-60, "ahead of the server")])
def test_the_doctor_finds_a_wrong_clock(cli, api, minutes, words):
    date = format_datetime(datetime.now(UTC) + timedelta(minutes=minutes), usegmt=True)
    with answering(200, EMPTY, date=date) as url:
        done = cli("doctor", *HERE, "--base-url", url, "--output=json")
    assert (done.code, results(done)) == (1, {**ALL_OK, "clock": "failed"})
    assert words in findings(done)["clock"]["detail"]


@pytest.mark.parametrize(
    ("status", "body", "changes"),
    [
        (200, EMPTY, {"quota": "failed"}),
        (429, b'{"code": "x", "message": "later"}', {"quota": "failed", "program": "skipped"}),
    ],
)
def test_the_doctor_finds_a_used_up_quota(cli, api, status, body, changes):
    date = format_datetime(datetime.now(UTC), usegmt=True)
    with answering(status, body, date=date, x_sib_ratelimit_remaining=0, **QUOTA) as url:
        done = cli("doctor", *HERE, "--base-url", url, "--output=json")
    assert (done.code, results(done)) == (1, {**ALL_OK, **changes})


@pytest.mark.parametrize(("status", "body"), [(200, b"<html>"), (502, b"<html>"), (307, b""), (404, b"no")])
def test_the_doctor_finds_a_server_that_is_not_brevo(cli, api, status, body):
    with answering(status, body, location="https://example.com/") as url:
        done = cli("doctor", *HERE, "--base-url", url, "--output=json")
    assert done.code == 1
    assert results(done) == {
        "key": "skipped",
        "address": "failed",
        "program": "skipped",
        "definition": "skipped",
        "clock": "skipped",
        "quota": "ok",
    }


def test_the_doctor_finds_a_key_that_may_not(cli, api):
    with answering(403, b'{"code": "x", "message": "not allowed"}') as url:
        done = cli("doctor", *HERE, "--base-url", url, "--output=json")
    assert (done.code, results(done)["key"]) == (3, "failed")


def test_the_doctor_finds_that_a_program_is_not_there(cli, api):
    with answering(404, b'{"code": "document_not_found", "message": "no program"}') as url:
        done = cli("doctor", *HERE, "--base-url", url, "--output=json")
    assert (done.code, results(done)["program"], results(done)["key"]) == (1, "failed", "ok")
