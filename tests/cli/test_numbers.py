"""Whole numbers: digits and nothing else reach a request, in every command that there is."""

from __future__ import annotations

import inspect
import re
import socket
from typing import Annotated, get_args, get_origin, get_type_hints

import attrs
import pytest
from cyclopts import Parameter

from brevo_balance_async import InputFileError
from brevo_balance_async.cli import numbers
from brevo_balance_async.cli.app import app
from brevo_balance_async.cli.demo.purchases import read_purchases

from .conftest import POINTS, PROGRAM, message_of

HERE = ("--program", PROGRAM)
SLIPS = (
    "42.9",
    "42.0",
    "9007199254740993.0",
    "0x2a",
    "0b101",
    "0o17",
    "1_2",
    "1,200",
    "1e3",
    "+5",
    " 5",
    "5 ",
    "5\n",
    "٤٢",
    "\uff14\uff12",
    "²",
    "007",
    "-0",
    "",
    "nan",
    "inf",
    "True",
    "1" * 20,
    "1" * 5000,
)
OPTION = re.compile(r"^--([a-z]+)=\{\}$")
COMMANDS = {
    "begin --contact": (
        "transactions",
        "begin",
        *HERE,
        f"--definition={POINTS}",
        "--amount=1",
        "--contact={}",
    ),
    "begin --ttl": (
        "transactions",
        "begin",
        *HERE,
        f"--definition={POINTS}",
        "--amount=1",
        "--contact=1",
        "--ttl={}",
    ),
    "credit --expiry": (
        "transactions",
        "credit",
        *HERE,
        f"--definition={POINTS}",
        "--amount=1",
        "--contact=1",
        "--expiry={}",
    ),
    "orders --contact": (
        "orders",
        "create",
        *HERE,
        f"--definition={POINTS}",
        "--amount=1",
        "--due=2030-01-01T00:00:00Z",
        "--contact={}",
    ),
    "definitions --available": ("definitions", "create", *HERE, "--name=n", "--available={}"),
    "limits update --value": ("limits", "update", *HERE, POINTS, POINTS, "--value={}"),
    "balances create": ("balances", "create", *HERE, f"--definition={POINTS}", "{}"),
    "balances list --limit": ("balances", "list", *HERE, f"--definition={POINTS}", "--limit={}"),
    "history --contact": ("history", *HERE, f"--definition={POINTS}", "--contact={}"),
    "balances get": ("balances", "get", *HERE, "{}"),
    "balances active --contact": ("balances", "active", *HERE, f"--definition={POINTS}", "--contact={}"),
    "limits --value": (
        "limits",
        "create",
        *HERE,
        f"--definition={POINTS}",
        "--constraint=amount",
        "--type=credit",
        "--unit=day",
        "--value={}",
    ),
    "limits --every": (
        "limits",
        "create",
        *HERE,
        f"--definition={POINTS}",
        "--constraint=amount",
        "--type=credit",
        "--unit=day",
        "--value=1",
        "--every={}",
    ),
    "demo --rows": ("demo", "--rows={}"),
    "demo --contacts": ("demo", "--contacts={}"),
    "demo --concurrency": ("demo", "--concurrency={}"),
    "sandbox --port": ("sandbox", "--port={}"),
    "sandbox --rph": ("sandbox", "--rph={}"),
}


@pytest.fixture
def deaf(monkeypatch):
    """A server that would notice a connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        monkeypatch.setenv("BREVO_BASE_URL", f"http://127.0.0.1:{listening.getsockname()[1]}/v3")
        monkeypatch.setenv("BREVO_API_KEY", "xkeysib-sandbox-0123456789abcdef-LOCAL")
        yield
        with pytest.raises(BlockingIOError):
            listening.accept()


@pytest.mark.parametrize("slip", SLIPS)
@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_no_whole_number_is_refused_before_any_request(cli, deaf, command, slip):
    done = cli(*(each.format(slip) if "{}" in each else each for each in COMMANDS[command]))
    assert "whole number" in message_of(done, 2)
    assert done.out == ""


@pytest.mark.parametrize("slip", SLIPS)
def test_nor_does_a_file_name_another_contact(tmp_path, slip):
    path = tmp_path / "purchases.csv"
    path.write_text(f'reference,contact_id,amount\nr1,"{slip}",5\n')
    with pytest.raises(InputFileError, match=r"contact_id|line \d"):
        read_purchases(path)


@pytest.mark.parametrize("text", ["0", "1", "-1", "42", "9007199254740993", "9223372036854775807"])
def test_digits_are_the_number_they_are(text):
    assert str(numbers.whole(text)) == text


def test_the_contact_that_was_meant_is_credited(cli, api):
    contact = 9007199254740993  # no double is this number
    to = (*HERE, "--definition", POINTS, f"--contact={contact}")
    assert cli("transactions", "begin", *to, "--amount=1", "--auto-complete").code == 0
    held = cli("balances", "get", str(contact), *HERE, "--output=json")
    assert f'"contact_id": {contact}' in held.out


def commands(within=app, path=()):
    """Every command of the command line, by its words."""
    if within.default_command is not None:
        yield path, within.default_command
    for name in within:
        if not name.startswith("-"):
            yield from commands(within[name], (*path, name))


STRICT = {numbers._convert, numbers._share, numbers._seconds}


def any_number(annotation):
    return annotation in {int, float} or any(map(any_number, get_args(annotation)))


def numeric(annotation, *, strict=False):
    """Whether an annotation takes a number by any other conversion than the strict ones."""
    if annotation in {int, float, complex}:
        return not strict
    if get_origin(annotation) is Annotated:
        kind, *notes = get_args(annotation)
        if get_args(kind) and get_origin(kind) is not Annotated:
            return any_number(
                kind
            )  # cyclopts 4.10 sees the outer Parameter only: Annotated[Whole, ...] | None
        ours = any(isinstance(note, Parameter) and note.converter in STRICT for note in notes)
        return numeric(kind, strict=strict or ours)
    if attrs.has(annotation):
        return any(map(numeric, get_type_hints(annotation, include_extras=True).values()))
    return any(numeric(each, strict=strict) for each in get_args(annotation))


def test_no_command_takes_a_bare_int():
    found = dict(commands())
    assert {words[0] for words in found if words} >= {
        "balances",
        "definitions",
        "demo",
        "doctor",
        "history",
        "limits",
        "sandbox",
        "transactions",
    }
    taken = set()
    for path, command in found.items():
        hints = get_type_hints(command, include_extras=True)
        for name in inspect.signature(command).parameters:
            assert not numeric(hints[name]), f"{' '.join(path)}: {name} takes a bare number"
            inner = get_type_hints(hints[name], include_extras=True) if attrs.has(hints[name]) else {}
            taken |= {each for each, kind in {name: hints[name], **inner}.items() if "_convert" in repr(kind)}
    # Each of them is tried above, in one of the commands that have it.
    tried = {option for words in COMMANDS.values() for each in words for option in OPTION.findall(each)}
    assert taken <= tried


def test_that_test_would_notice():
    @attrs.frozen
    class Many:
        count: int | None = None

    for bad in (
        int,
        float,
        int | None,
        Annotated[int, "x"],
        tuple[int, ...],
        Many,
        list[Annotated[float, 1]],
        Annotated[numbers.Whole | None, "x"],
    ):
        assert numeric(bad)
    for good in (str, bool, None, numbers.Whole, numbers.Port | None, tuple[numbers.Positive, ...]):
        assert not numeric(good)
