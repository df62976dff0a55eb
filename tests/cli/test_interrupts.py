"""Ctrl-C at any moment: exit code 130, no traceback; and what was done by then is told."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
from urllib.request import urlopen

import pytest

from .conftest import MAIN, POINTS, PROGRAM, control, environment

HERE = ("--program", PROGRAM, "--definition", POINTS)
KEY = "xkeysib-sandbox-0123456789abcdef-LOCAL"


def python(code, *arguments, **changes):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environment(**changes),
    )
    assert "Traceback" not in done.stderr
    return done


CTRL_C_AT_IMPORT = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)

wanted = sys.argv[1]
del sys.argv[1]

class CtrlC:
    def find_spec(self, name, path=None, target=None):
        if name == wanted:
            del sys.meta_path[0]
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, CtrlC())
from brevo_balance_async.cli import main
main()
"""


@pytest.mark.parametrize("module", ["cyclopts", "brevo_balance_async.cli.history", "aiohttp"])
def test_while_a_module_is_imported(module, api):
    command = ("history", *HERE, "--contact=7")
    done = python(CTRL_C_AT_IMPORT, module, *command, BREVO_API_KEY=KEY, BREVO_BASE_URL=api)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


LOOP = """
import asyncio, os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from brevo_balance_async.cli import interrupts

def ctrl_c():
    signal.raise_signal(signal.SIGINT)

async def stubborn():
    try:
        await asyncio.sleep(60)
    finally:
        print("closing", flush=True)
        {in_cleanup}
        await asyncio.sleep(0)

async def command():
    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    {in_command}
    await asyncio.sleep(0)
    return "done"

interrupts.end_on_ctrl_c()
try:
    print(interrupts.run(command()), flush=True)
except asyncio.CancelledError:
    print("cancelled", flush=True)
    {at_end}
    sys.exit(130)
interrupts.end_on_ctrl_c(7)
{at_end}
"""


@pytest.mark.parametrize(
    ("moments", "out", "code"),
    [
        ({}, "closing\ndone\n", 0),
        ({"in_command": "ctrl_c()"}, "closing\ncancelled\n", 130),
        ({"in_command": "ctrl_c(); ctrl_c()"}, "", 130),
        ({"in_command": "ctrl_c()", "in_cleanup": "ctrl_c()"}, "closing\n", 130),
        ({"in_cleanup": "ctrl_c()"}, "closing\ndone\n", 0),  # it was done when the key was pressed
        ({"in_command": "ctrl_c()", "at_end": "ctrl_c()"}, "closing\ncancelled\n", 130),
        ({"at_end": "ctrl_c()"}, "closing\ndone\n", 7),
    ],
)
def test_while_a_command_runs_and_while_it_ends(moments, out, code):
    places = {"in_command": "pass", "in_cleanup": "pass", "at_end": "pass", **moments}
    done = python(LOOP.format(**places))
    assert (done.returncode, done.stdout, done.stderr) == (code, out, "")


def test_a_process_that_ignores_it_goes_on_ignoring_it():
    places = {"in_command": "ctrl_c()", "in_cleanup": "ctrl_c()", "at_end": "ctrl_c()"}
    code = LOOP.format(**places).replace("signal.default_int_handler", "signal.SIG_IGN")
    done = python(code)
    assert (done.returncode, done.stdout, done.stderr) == (0, "closing\ndone\n", "")


def begun(api):
    with urlopen(f"{api.removesuffix('/v3')}/_sandbox/hits?operation=transactions.begin") as answer:
        return json.load(answer)["hits"]


@pytest.mark.parametrize("times", [1, 2])
def test_a_write_on_its_way_is_told(api, times):
    control(api, "POST", "faults", {"effect": "stall", "operation": "transactions.begin"})
    before = begun(api)
    command = [sys.executable, "-c", MAIN, "transactions", "credit", *HERE, "--contact=611", "--amount=1"]
    env = environment(BREVO_API_KEY=KEY, BREVO_BASE_URL=api)
    try:
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env
        ) as process:
            while begun(api) == before:
                pass
            process.send_signal(signal.SIGINT)
            said = process.stderr.readline()
            if times == 2:
                process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
    finally:
        control(api, "DELETE", "faults")
    assert (out, err) == ("", "")
    # While the interpreter shuts down, the signal itself ends the process. A shell calls that 130 too.
    assert process.returncode in ({130} if times == 1 else {130, -signal.SIGINT})
    assert said == (
        "brevo-balance: transactions.begin: interrupted on its way; it may have been applied, so look before "
        "sending it again\n"
    )
