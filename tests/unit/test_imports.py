"""What importing the package loads, seen from a fresh interpreter."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from functools import cache
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import pytest

import brevo_balance_async


@cache
def loaded_by(statement):
    code = f"import sys, json; {statement}; print(json.dumps(sorted(sys.modules)))"
    return frozenset(
        json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
    )


@pytest.mark.parametrize(
    "heavy",
    ["aiohttp", "aiohttp.web", "cattrs", "sqlalchemy", "rich", "cyclopts", "brevo_balance_async.sandbox"],
)
def test_the_door_does_not_load(heavy):
    assert heavy not in loaded_by("from brevo_balance_async import *")


def test_a_subpackage_does_not_load_the_client():
    loaded = loaded_by("import brevo_balance_async.sandbox")
    ours = {name for name in loaded if name.startswith("brevo_balance_async.")}
    assert {name for name in ours if not name.startswith("brevo_balance_async.sandbox")} == {
        "brevo_balance_async._version"
    }


def test_writing_a_value_does_not_load_pydantic():
    written = loaded_by("import brevo_balance_async as b; b.Transaction(id='t').to_json()")
    assert "pydantic" not in written
    assert "brevo_balance_async.models.schema" not in written


@pytest.mark.parametrize("heavy", ["aiohttp", "cattrs", "sqlalchemy", "brevo_balance_async.sandbox"])
def test_reading_a_file_of_entries_does_not_load(heavy):
    assert heavy not in loaded_by("from brevo_balance_async.importer import Entry, read_csv, read_jsonl")


@pytest.mark.parametrize(
    "missing",
    [
        "sqlalchemy",
        pytest.param(
            "greenlet",
            marks=pytest.mark.skipif(version("sqlalchemy") < "2.1", reason="SQLAlchemy 2.0 misses it later"),
        ),
    ],
)
@pytest.mark.parametrize(
    "statement",
    [
        "import brevo_balance_async.journal",
        "import brevo_balance_async.journal.tables",
        "import brevo_balance_async.exactly_once",
        "from brevo_balance_async.importer import Importer",
    ],
)
def test_without_the_extra_its_modules_say_what_to_install(missing, statement):
    code = f"""
import sys
sys.modules[{missing!r}] = None
try:
    {statement}
except ModuleNotFoundError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == (
        "brevo_balance_async.journal needs sqlalchemy[asyncio], which is not installed: "
        "pip install 'brevo-balance-async[journal]'\n"
    )


def test_without_the_driver_for_postgresql_the_journal_says_what_to_install():
    code = """
import asyncio, sys
sys.modules["asyncpg"] = None
from brevo_balance_async.journal import Journal
from brevo_balance_async import JournalError
try:
    asyncio.run(Journal("postgresql://me@127.0.0.1:9/x").open())
except JournalError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "its driver is not installed: pip install 'brevo-balance-async[postgres]'" in done.stdout


def test_the_door_loads_nothing_that_its_four_dependencies_do_not(tmp_path):
    ours = loaded_by("from brevo_balance_async import *")
    theirs = loaded_by("import aiohttp, attrs, cattrs, yarl, cattrs.gen")
    strangers = {name for name in ours - theirs if not name.startswith("brevo_balance_async")}
    assert strangers <= {"__future__", "bisect", "_bisect", "decimal", "_decimal", "numbers"}


@pytest.mark.parametrize("room", ["client", "config", "errors", "hooks", "models", "pagination"])
def test_the_modules_behind_the_door_are_there_unasked(room):
    assert f"brevo_balance_async.{room}" in loaded_by(f"import brevo_balance_async as b; b.{room}")


def test_the_door_has_the_names_that_it_tells_type_checkers():
    tree = ast.parse(Path(brevo_balance_async.__file__).read_text())
    (told,) = (
        node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    names = {}
    for node in told.body:
        names |= {alias.name: node.module for alias in node.names}
    assert {*names, "__version__"} == set(brevo_balance_async.__all__)
    for name, module in names.items():
        assert getattr(brevo_balance_async, name) is getattr(import_module(module), name)
    assert set(brevo_balance_async.__all__) <= set(dir(brevo_balance_async))
    with pytest.raises(AttributeError, match="has no attribute 'Loyalty'"):
        _ = brevo_balance_async.Loyalty


def test_every_public_name_is_there():
    for name in brevo_balance_async.__all__:
        assert getattr(brevo_balance_async, name) is not None
    assert sorted(brevo_balance_async.__all__) == sorted(set(brevo_balance_async.__all__))
