"""Every error names its section of the documentation, and every section is an error's."""

from __future__ import annotations

import re
import traceback
from pathlib import Path

import pytest

import brevo_balance_async
from brevo_balance_async import BalanceError, NotFoundError, OutcomeUnknownError

PAGE = Path(__file__).parents[2] / "docs" / "errors.md"
PUBLIC = {
    name: kind
    for name in brevo_balance_async.__all__
    if isinstance(kind := getattr(brevo_balance_async, name), type) and issubclass(kind, BalanceError)
}


def subclasses(kind):
    return {kind}.union(*map(subclasses, kind.__subclasses__()))


def test_every_error_has_its_section_and_every_section_its_error():
    sections = re.findall(r"^### (\w+)$", PAGE.read_text(), re.MULTILINE)
    assert len(sections) == len(set(sections))
    assert set(sections) == set(PUBLIC)
    # The anchor of a heading of one word is that word in lower case.
    assert {kind.docs for kind in PUBLIC.values()} == {f"errors.html#{each.lower()}" for each in sections}


def test_every_error_of_the_package_is_public():
    ours = {kind for kind in subclasses(BalanceError) if kind.__module__.startswith("brevo_balance_async")}
    assert ours == set(PUBLIC.values())


def test_a_traceback_ends_with_the_section_and_a_log_line_does_not():
    error = OutcomeUnknownError("it broke", cause=NotFoundError("no", status=404), look_for="look")
    where = "what to do: errors.html#outcomeunknownerror in the documentation of brevo-balance-async"
    assert "".join(traceback.format_exception_only(error)).splitlines()[1:] == [where]
    assert "errors.html" not in str(error) + error.message + repr(error)


def test_a_subclass_of_a_user_has_the_section_of_its_base():
    class MineError(NotFoundError):
        pass

    assert MineError.docs == "errors.html#notfounderror"
    with pytest.raises(MineError) as caught:
        raise MineError("no", status=404)
    assert "errors.html#notfounderror" in caught.value.__notes__[0]
