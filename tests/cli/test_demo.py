"""The demo: it runs, it checks what it says it checks, and it fails when a sum is wrong."""

from __future__ import annotations

import signal
import subprocess
from decimal import Decimal

import pytest

from brevo_balance_async.cli.demo import shop, story
from brevo_balance_async.cli.demo.purchases import generated_purchases
from brevo_balance_async.cli.progress import progress

from .conftest import COMMAND, assert_clean, environment, spawn

HEAD = "reference,contact_id,event_time,quantity,amount\n"


@pytest.fixture
def purchases(tmp_path):
    """Nine purchases of four contacts, one of them free of charge as a whole."""
    lines = [f"r-{n},{1 + n % 3},1997-01-{n:02}T12:00:00Z,1,{n}.{n:02}" for n in range(1, 9)]
    path = tmp_path / "purchases.csv"
    path.write_text(HEAD + "\n".join([*lines, "r-9,4,1997-02-01T12:00:00Z,1,0.00"]) + "\n")
    return path


def test_a_small_demo_in_a_process_of_its_own():
    done = spawn("demo", "--rows", "60", "--contacts", "12", "--concurrency", "5")
    assert done.returncode == 0
    assert "60 purchases of 12 customers" in done.stdout
    assert done.stdout.count("  ok  ") == 4
    assert "an import of 200 purchases was killed, after " in done.stdout
    assert "the server's ledger equals the file: 200 purchases, each credited once" in done.stdout
    assert "FAILED" not in done.stdout
    assert all(character.isprintable() or character == "\n" for character in done.stdout)


def test_a_demo_of_a_csv(cli, purchases):
    done = cli("demo", "--csv", str(purchases))
    assert (done.code, done.err) == (0, "")
    # 1.01 + 2.02 + ... + 8.08
    assert "9 purchases of 4 customers, 36.36 in all" in done.out
    assert "8 begun and completed, 1 of 0.00 have nothing to credit" in done.out
    assert "4 balances equal the sum of their purchases, 36.36 in all" in done.out


def test_one_is_told_as_one_and_nothing_not_at_all(cli, monkeypatch):
    told = []
    monkeypatch.setattr(story, "progress", lambda: told.append("a bar") or progress(enabled=False))
    done = cli("demo", "--rows=1")
    assert done.code == 0
    assert "1 purchase of 1 customer, " in done.out
    assert "1 balance equals the sum of its purchases" in done.out
    assert "1 contact spent half" in done.out
    assert len(told) == 4  # crediting, spending, cancelling, reading back; there is no balance to open


def test_a_wrong_sum_fails_the_demo(cli, purchases, monkeypatch):
    monkeypatch.setattr(shop, "_signed", lambda amount, kind: abs(amount))  # debits counted as credits
    done = cli("demo", "--csv", str(purchases))
    assert done.code == 1
    assert "FAILED" in done.out
    assert "contact 1: balance" in done.out
    assert done.err == "brevo-balance: 1 of the demo's checks failed, see above\n"


def test_a_call_that_fails_ends_the_demo_with_its_reason(cli, purchases, monkeypatch):
    monkeypatch.setattr(shop.Shop, "_open_one", lambda self, contact: self._program.balances.get(0))
    done = cli("demo", "--csv", str(purchases))
    assert done.code == 2
    assert (
        done.err == "brevo-balance: contact_id: must be a whole number at least 1, not 0; nothing was sent\n"
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("reference,contact_id,quantity\nr,1,1\n", "line 1: amount: column missing: amount; the header has"),
        (HEAD, "holds no rows"),
        (
            HEAD + "r-1,1,1997-01-01T12:00:00Z,1,1.00\nr-2,1,1997-01-01T12:00:00Z,1,one\n",
            "line 3: amount: is no num",
        ),
        (HEAD + "r-1,x,1997-01-01T12:00:00Z,1,1.00\n", "line 2: contact_id: must be a whole number"),
        (HEAD + "r-1,1,1997-01-01T12:00:00Z,1,-1.00\n", "line 2: amount: -1 cannot be credited"),
        (HEAD + "r-1,1,1997-01-01T12:00:00Z,1,NaN\n", "line 2: amount: is no number: 'NaN'"),
        (HEAD + "r-1,1,1997-01-01T12:00:00,1,1.00\n", "line 2: event_time: must be ISO 8601 with an offset"),
        (HEAD + "r-1,1\n", "line 2: the record has 2 fields, its header (line 1) has 5"),
        (
            HEAD + "r-1,1\nr-2,1,,1,1_0\n",
            "2 problems; nothing was sent\n  line 2: the record has 2 fields, its header (line 1) has 5\n  line 3",
        ),
    ],
)
def test_a_csv_that_cannot_be_right_is_refused_before_anything_starts(cli, tmp_path, text, reason):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    done = cli("demo", "--csv", str(path))
    assert (done.code, done.out) == (2, "")
    assert done.err.count("\n") == (3 if reason.startswith("2 problems") else 1)
    assert reason in done.err


def test_a_csv_that_is_not_there(cli, tmp_path):
    done = cli("demo", "--csv", str(tmp_path / "nothing.csv"))
    assert (done.code, done.out) == (2, "")
    assert "nothing.csv: cannot be opened: No such file or directory" in done.err


def test_a_csv_without_times(cli, tmp_path):
    path = tmp_path / "plain.csv"
    path.write_text("amount,reference,contact_id\n2.50,r-1,1\n")
    done = cli("demo", "--csv", str(path))
    assert (done.code, done.err) == (0, "")
    assert "1 purchase of 1 customer, 2.5 in all" in done.out


@pytest.mark.parametrize("arguments", [("--rows=5", "--contacts=6"), ("--csv=x.csv", "--rows=5")])
def test_options_that_contradict_each_other(cli, arguments):
    done = cli("demo", *arguments)
    assert (done.code, done.out) == (1, "")
    assert "--contacts" in done.err


def test_purchases_made_up_are_the_same_every_time():
    purchases = generated_purchases(50, 10)
    assert purchases == generated_purchases(50, 10)
    assert {purchase.contact_id for purchase in purchases} == set(range(1, 11))
    assert all(purchase.amount == purchase.amount.quantize(Decimal("0.01")) > 0 for purchase in purchases)


def test_ctrl_c_ends_it_quietly():
    with subprocess.Popen(
        [*COMMAND, "demo", "--rows", "10000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    ) as process:
        while "purchases of" not in (line := process.stdout.readline()):
            assert line
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert_clean(err)
