"""How the documentation is built: ``nox -s docs``."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.util import logging

import brevo_balance_async
from brevo_balance_async import (
    __version__,
    exactly_once,
    hooks,
    importer,
    journal,
    sandbox,
)
from brevo_balance_async.cli.app import app as command_line
from brevo_balance_async.sandbox.rules.switch_table import table

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

logger = logging.getLogger(__name__)
HERE = Path(__file__).parent

project = "brevo-balance-async"
author = "the authors of brevo-balance-async"
release = version = __version__
html_title = f"brevo-balance-async {__version__}"

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.graphviz",
    "sphinx_copybutton",
]
exclude_patterns = ["_build", "_generated"]
nitpicky = True
smartquotes = False  # commands and options must stay as they are typed

myst_enable_extensions = ["attrs_block", "colon_fence", "deflist"]
myst_heading_anchors = 4

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_show_copyright = False
html_copy_source = False
graphviz_output_format = "svg"
copybutton_prompt_text = r"\$ "
copybutton_prompt_is_regexp = True

add_module_names = False
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"exclude-members": "__init__, __new__"}
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 88
python_display_short_literal_types = True
toc_object_entries_show_parents = "hide"

# There is no network where this is built, so what others document cannot be linked. Each library is named here, so
# that a name of ours that leads nowhere is still an error.
nitpick_ignore_regex = [
    (r"py:.*", r"(aiohttp|asyncio|collections|datetime|decimal|enum|os|sqlalchemy|types|typing|uuid)\..+"),
    (r"py:.*", r"(AsyncConnection|AsyncIterator|AsyncSession|Awaitable|BaseException|Callable|Connection|Coroutine)"),
    (r"py:.*", r"(Decimal|Exception|Generator|Iterable|Iterator|Mapping|PathLike|Protocol|Self|Sequence|Session)"),
    (r"py:.*", r"(MultiMapping|Path|TracebackType|UUID|ValueError|datetime|weakref\..+)"),
    # Ours, and of no use to a reader: type variables, and what only stands between two rooms.
    (r"py:.*", r"(brevo_balance_async\.(.+\.)?)?(T|Batch|Listing|Rows|ProgramHandle|Intent|Effect|ClockTimer)"),
]  # fmt: skip

MADE_BY_USERS = {
    *("BalanceClient", "ApiKey", "PartnerKey", "ClientCredentials", "Options"),
    *("Journal", "ExactlyOnce", "Importer", "Entry", "Sandbox", "SandboxClock"),
}
"""Classes whose constructor is shown; the others are given, not made."""
ERROR_NAMES = re.compile(r"``(\w+Error)``")
NOT_IN_THE_REFERENCE = {
    "__version__",
    "effects",
    "serve",
    "metadata",
    "PARKED",
    "Intent",
    "Scope",
} | {*("canonical_amount", "details", "intent")}
"""What stands in a public module for other rooms of ours, or is told on a page."""


def write_what_the_code_knows(_: Sphinx) -> None:
    """The reference of ``brevo-balance``, from the program's own help, and the table of the sandbox's switches."""
    text = command_line.generate_docs(output_format="markdown", recursive=True)
    head, _, rest = text.partition("\n## ")
    rest = rest.partition("\n## ")[2] if rest.startswith("Table of Contents") else rest
    assert head.startswith("# brevo-balance"), head
    own = subprocess.run(
        [sys.executable, "-m", "brevo_balance_async.sandbox", "--help"],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "88"},
    ).stdout
    target = HERE / "_generated"
    target.mkdir(exist_ok=True)
    (target / "cli.md").write_text(f"## {rest}")
    (target / "sandbox.txt").write_text(own[own.index("Run a local") :])
    (target / "switches.md").write_text(table())


def find_by_last_name(
    app: Sphinx, env: BuildEnvironment, node: nodes.Element, content: nodes.TextElement
) -> nodes.reference | None:
    """Link an annotation such as ``Transaction`` to the one object of ours that has this name.

    Annotations are text in the source, so Sphinx does not know the module that a name comes from.
    """
    if node.get("refdomain") != "py":
        return None
    last = node["reftarget"].rpartition(".")[2]
    domain: Any = env.get_domain("py")
    found = {
        (entry.docname, entry.node_id): (name, entry)
        for name, entry in domain.objects.items()
        if name.rpartition(".")[2] == last
        and entry.objtype not in {"method", "attribute", "property"}
    }
    if len(found) != 1:
        return None
    ((name, entry),) = found.values()
    uri = app.builder.get_relative_uri(node["refdoc"], entry.docname)
    return nodes.reference(
        "", "", content, internal=True, refuri=f"{uri}#{entry.node_id}", reftitle=name
    )


def drop_constructor(
    _: Sphinx, what: str, name: str, *__: object
) -> tuple[str, None] | None:
    """Show how a class is made only where users make it."""
    if what in {"class", "exception"} and name.rpartition(".")[2] not in MADE_BY_USERS:
        return "", None
    return None


def complete_docstring(
    _: Sphinx, what: str, __: str, it: object, ___: object, lines: list[str]
) -> None:
    """Tell the values of an enum, and link each error to what can be done about it."""
    if what == "class" and isinstance(it, type) and issubclass(it, StrEnum):
        lines += ["", "Values: " + ", ".join(f"``{each.value}``" for each in it) + "."]
    lines[:] = [ERROR_NAMES.sub(to_the_page_of_errors, line) for line in lines]


def to_the_page_of_errors(found: re.Match[str]) -> str:
    """The name of an error as a link, unless it is another library's; pages with docstrings are in ``api/``."""
    name = found[1]
    error = getattr(brevo_balance_async, name, None)
    return found[0] if error is None else f"`{name} <../{error.docs}>`__"


def every_public_name_is_there(_: Sphinx, env: BuildEnvironment) -> None:
    """A name that users may import has an entry in the reference."""
    domain: Any = env.get_domain("py")
    documented = {name.rpartition(".")[2] for name in domain.objects}
    for module in (
        brevo_balance_async,
        hooks,
        journal,
        exactly_once,
        importer,
        sandbox,
    ):
        for name in getattr(module, "__all__", ()):
            if name not in documented | NOT_IN_THE_REFERENCE:
                logger.warning(
                    "%s.%s is not in the API reference", module.__name__, name
                )


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("autodoc-process-signature", drop_constructor)
    app.connect("autodoc-process-docstring", complete_docstring)
    app.connect("env-check-consistency", every_public_name_is_there)
    app.connect("builder-inited", write_what_the_code_knows)
    app.connect("missing-reference", find_by_last_name)
