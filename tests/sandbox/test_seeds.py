"""Seeds from a file: JSON as for the seed route, or a CSV of credits."""

from __future__ import annotations

import json
import re
from decimal import Decimal

import pytest

from brevo_balance_async.sandbox.seeds import read_seeds

PROGRAM = "27aa1d7a-af67-4020-8a65-19d6b0f0a26e"
DEFINITION = "7c1f0f0e-52a1-4c2e-9a55-0d3b7c9f1a10"
HEAD = "program_id,balance_definition_id,contact_id,amount,reference,event_time,meta,shop\n"
ROW = f'{PROGRAM},{DEFINITION},42,12.50,order-1,2026-11-01T10:00:00Z,"{{""basket"": 99.5}}",north\n'


@pytest.fixture
def written(tmp_path):
    def write(text, encoding="utf-8"):
        path = tmp_path / "seed"
        path.write_bytes(text.encode(encoding))
        return path

    return write


async def test_a_csv_of_credits(written, serve):
    text = HEAD + ROW + f"{PROGRAM.upper()},{DEFINITION.upper()},42,-2,,,,\n" + ROW
    seeds = read_seeds(written(text, "utf-8-sig"))
    assert len(seeds) == 1
    async with serve(seed=seeds) as api:
        assert api.sandbox.ledger.balance(PROGRAM, DEFINITION, 42) == 23
        row = api.sandbox.ledger.transactions(contact_id=42)[0]
        assert row.meta == {"basket": Decimal("99.5"), "reference": "order-1"}
        assert row.event_time.isoformat() == "2026-11-01T10:00:00+00:00"
        (listed,) = (await api.ok("GET", "balance-definitions"))["items"]
        assert (listed["id"], listed["unit"]) == (DEFINITION, "POINTS")


async def test_json_one_or_several(written, serve):
    one = {"program": PROGRAM, "definitions": [{"id": DEFINITION, "name": "Points", "unit": "POINTS"}]}
    other = {"program": DEFINITION, "contacts": [1, 2]}
    assert read_seeds(written(json.dumps(one))) == [one]
    async with serve(seed=read_seeds(written(json.dumps([one, other], indent=2)))) as api:
        assert {program.id for program in api.sandbox.ledger.catalogue} == {PROGRAM, DEFINITION}
    amount = f'{{"program": "{PROGRAM}", "credits": [{{"contactId": 1, "amount": 0.1234567890123456789}}]}}'
    (seed,) = read_seeds(written(amount))
    assert seed["credits"][0]["amount"] == Decimal("0.1234567890123456789")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "is no JSON"),
        ("[1]", "a seed is an object with a program, and '1' is none"),
        ("[" * 100_000, "is no JSON"),
        ('{"contacts": [1]}', "a seed is an object with a program"),
        ("", "has no column amount, balance_definition_id, contact_id, program_id"),
        ("contact_id,amount\n1,5\n", "has no column balance_definition_id, program_id"),
        (HEAD + ROW + ROW.replace("12.50", "x"), "line 3: amount must be a number"),
        (HEAD + ROW.replace("12.50", "NaN"), "line 2: amount must be a number"),
        (HEAD + ROW.replace("42", "forty"), "line 2: invalid literal"),
        (HEAD + "1,2,3\n", "line 2: a record has more or fewer fields than the header"),
        (
            HEAD + ROW.replace("north", "north,south"),
            "line 2: a record has more or fewer fields than the header",
        ),
        (HEAD + ROW.replace('{""basket"": 99.5}', "[]"), "line 2: meta must be a JSON object"),
        (HEAD + ROW.replace('{""basket"": 99.5}', "{"), "line 2: "),
        (HEAD + ROW + '"open', "line 3: "),
    ],
)
def test_what_is_no_seed_is_told_with_its_line(written, text, told):
    path = written(text)
    with pytest.raises(ValueError, match=re.escape(told)) as error:
        read_seeds(path)
    assert str(path) in str(error.value)


def test_a_file_that_is_no_utf8_is_told(written):
    with pytest.raises(ValueError, match="is not in UTF-8"):
        read_seeds(written(HEAD + "é", "latin-1"))
