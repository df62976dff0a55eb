"""What the pages of the documentation must have, as far as it needs no build of them."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from brevo_balance_async import errors

ROOT = Path(__file__).parents[2]
PAGES = {path: path.read_text() for path in (ROOT / "docs").rglob("*.md")}


def test_each_error_has_a_heading_of_its_name_and_says_what_to_do():
    classes = {name for name, it in inspect.getmembers(errors, inspect.isclass) if name.endswith("Error")}
    sections = dict(
        re.findall(r"^### (\w+)\n\n(.*?)(?=^##|\Z)", PAGES[ROOT / "docs/errors.md"], re.DOTALL | re.MULTILINE)
    )
    assert set(sections) == classes
    bases = {"BalanceError", "TransportError", "ResponseError", "QuotaError"}
    assert {name for name, text in sections.items() if "**Do:**" not in text} == bases


def test_each_example_is_shown_on_a_page():
    shown = " ".join(PAGES.values())
    assert [each.name for each in (ROOT / "examples").glob("*.py") if each.name not in shown] == []
