"""The plan of the house, held by reading the imports: downhill only, and each library in one room."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

import brevo_balance_async

HOUSE = Path(brevo_balance_async.__file__).parent
SANDBOX = "sandbox"

# Higher imports lower; within a level only the arrows of WITHIN.
LEVELS = {
    "__init__": 6,
    "cli": 7,
    "importer": 6,
    "exactly_once": 5,
    "client": 4,
    "resources": 3,
    "core.requester": 2,
    "pagination": 2,
    "core": 1,
    "journal": 1,
    "errors": 0,
    "config": 0,
    "models": 0,
    "hooks": 0,
    "_renamed": 0,
    "_version": 0,
}
WITHIN = {
    ("core.validation", "core.readers"),
    ("core.codec", "core.readers"),
    ("core.answers", "core.codec"),
    ("core.answers", "core.protocol"),
    ("core.answers", "core.redaction"),
    ("core.echo", "core.codec"),
    ("core.protocol", "core.validation"),
    ("core.protocol", "core.codec"),
    ("core.retry", "core.protocol"),
    ("core.call", "core.answers"),
    ("core.call", "core.protocol"),
    ("core.call", "core.retry"),
    ("core.transport", "core.protocol"),
    ("core.transport", "core.redaction"),
    ("core.redaction", "core.protocol"),
    ("core.transport", "core.timeouts"),
    ("core.auth", "core.oauth"),
    ("core.auth", "core.transport"),
    ("core.oauth", "core.answers"),
    ("core.oauth", "core.protocol"),
    ("core.oauth", "core.transport"),
    ("core.inflight", "core.clock"),
    ("core.caller", "core.echo"),
    ("core.caller", "core.protocol"),
    ("core.shared", "core.auth"),
    ("core.shared", "core.inflight"),
    ("core.shared", "core.quota.gate"),
    ("core.shared", "core.retry"),
    ("core.shared", "core.transport"),
    ("core.oauth", "core.quota.headers"),
    ("core.protocol", "core.quota.headers"),
    ("core.call", "core.quota.headers"),
    ("core.quota.window", "core.quota.headers"),
    ("core.quota.window", "core.quota.pause"),
    ("core.quota.window", "core.quota.pace"),
    ("core.quota.gate", "core.quota.headers"),
    ("core.quota.gate", "core.quota.window"),
    ("models.answers", "_renamed"),
    ("core.quota.gate", "core.quota.turns"),
    ("config", "errors"),
    ("hooks", "errors"),
}
PAGING = "core.paging"
PARTS = {PAGING, "core.transport"}  # one idea in several modules; that they make no circle is another test
# Rooms of several modules may import each other, without circles; the journal also takes values from these of core.
PACKAGES = {"models", "journal", "exactly_once", "importer"}
JOURNAL_TAKES = {"core.validation", "core.codec", "core.clock"}
# The rooms of the island, and the rooms of it that each may import beside its own; the door opens all of them.
ISLAND = {
    "clock": set(),
    "state": set(),
    "rules": {"clock"},
    "faults": set(),
    "http": {"clock", "rules", "faults", "state"},
    "seeds": set(),
    "marshalling": {"clock"},
    "threads": {"clock", "faults", "http", "marshalling"},
    "options": {"http", "rules", "seeds"},
}
# The money knows no transport, and the script of faults no web framework.
NO_TRANSPORT = {"rules": {"aiohttp", "asyncio", "http", "multidict", "socket", "yarl"}, "faults": {"aiohttp"}}
ONLY = {
    "aiohttp": {"core.transport"},
    "aiohttp.web": {"sandbox.http"},
    "cattrs": {"core.codec"},
    "sqlalchemy": {"journal"},
    "cyclopts": {"cli"},
    "rich": {"cli"},
}


MODULES = {
    ".".join(("brevo_balance_async", *path.relative_to(HOUSE).with_suffix("").parts))
    for path in HOUSE.rglob("*.py")
}


def modules() -> dict[str, Path]:
    return {
        ".".join(path.relative_to(HOUSE).with_suffix("").parts).removesuffix(".__init__"): path
        for path in sorted(HOUSE.rglob("*.py"))
    }


@cache
def imports(name: str, path: Path) -> set[str]:
    """Absolute names of what a module imports, type-checking imports of our own included."""
    package = ["brevo_balance_async", *name.split(".")]
    if path.name != "__init__.py":
        package = package[:-1]
    elif name == "__init__":
        package = ["brevo_balance_async"]
    found: set[str] = set()

    def visit(node: ast.AST, *, typing_only: bool) -> None:
        for child in ast.iter_child_nodes(node):
            inside = typing_only or (isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING")
            if isinstance(child, ast.Import):
                found.update(alias.name for alias in child.names if not inside or is_ours(alias.name))
            elif isinstance(child, ast.ImportFrom):
                base = child.module or ""
                if child.level:
                    stem = package[: len(package) - child.level + 1]
                    base = ".".join([*stem, *([base] if base else [])])
                if not inside or is_ours(base):
                    names = {f"{base}.{alias.name}" for alias in child.names}
                    found.update(names)
                    if (
                        not names <= MODULES
                    ):  # "from package import module" takes nothing of the package itself
                        found.add(base)
            visit(child, typing_only=inside)

    visit(ast.parse(path.read_text()), typing_only=False)
    return found


def is_ours(name: str) -> bool:
    return name.split(".", maxsplit=1)[0] == "brevo_balance_async"


def room(name: str) -> str:
    """The key of LEVELS that a module falls under."""
    for key in (name, name.split(".", maxsplit=1)[0]):
        if key in LEVELS:
            return key
    return name


def part(name: str) -> str:
    """The module, or the part of core that it belongs to."""
    return next((each for each in PARTS if name == each or name.startswith(f"{each}.")), name)


def is_paging(name: str) -> bool:
    return name == PAGING or name.startswith(f"{PAGING}.")


ALL = modules()
CLIENT = {name: path for name, path in ALL.items() if name.split(".")[0] != SANDBOX}


def ours(found: set[str]) -> set[str]:
    names = {
        name.removeprefix("brevo_balance_async.") for name in found if name.startswith("brevo_balance_async.")
    }
    return {name for name in names if name in ALL}


@pytest.mark.parametrize("name", CLIENT)
def test_imports_run_downhill(name):
    source = room(name)
    assert source in LEVELS, f"{name} stands in no room of the plan"
    for target in ours(imports(name, ALL[name])):
        if target.split(".")[0] == SANDBOX:
            assert source == "cli", f"{name} imports the sandbox"
            continue
        below = LEVELS[room(target)] < LEVELS[source]
        beside = (
            (part(name), part(target)) in WITHIN
            or part(name) == part(target)
            or target.startswith(f"{name}.")
            or (name.split(".")[0] in PACKAGES and name.split(".")[0] == target.split(".")[0])
            or (name.split(".")[0] == "journal" and target in JOURNAL_TAKES)
            or name.split(".")[0] == "cli"
        )
        helper = name.startswith("resources.") and (
            target.startswith("resources._") or target == "resources.history"
        )
        package = target in {"core", "resources"}
        assert below or beside or helper or package, f"{name} (level {LEVELS[source]}) imports {target}"


def test_only_the_client_composes_resources():
    users = {
        name for name in CLIENT if any(t.startswith("resources.") for t in ours(imports(name, ALL[name])))
    }
    assert {name for name in users if not name.startswith("resources")} == {"client"}


def test_only_the_list_of_commands_uses_the_demo():
    users = {name for name in ALL if any(t.startswith("cli.demo") for t in ours(imports(name, ALL[name])))}
    assert {
        name for name in users if not name.startswith("cli.demo")
    } == set()  # it imports them by name, late


@pytest.mark.parametrize("name", [name for name in ALL if is_paging(name)])
def test_paging_uses_nothing_else_of_core(name):
    assert {t for t in ours(imports(name, ALL[name])) if t.startswith("core.") and not is_paging(t)} == set()


@pytest.mark.parametrize("name", [name for name in ALL if name.split(".")[0] == SANDBOX])
def test_the_sandbox_is_an_island(name):
    strangers = {t for t in ours(imports(name, ALL[name])) if t.split(".")[0] != SANDBOX}
    assert not strangers


@pytest.mark.parametrize("name", [name for name in ALL if name.startswith(f"{SANDBOX}.")])
def test_the_rooms_of_the_island_keep_their_arrows(name):
    own = name.split(".")[1]
    found = imports(name, ALL[name])
    if own != "__main__":
        assert own in ISLAND, f"{name} stands in no room of the island"
        rooms = {target.split(".")[1] for target in ours(found) if target.startswith(f"{SANDBOX}.")}
        assert rooms <= ISLAND[own] | {own}, f"{name} imports {rooms - ISLAND[own] - {own}}"
        assert SANDBOX not in ours(found), f"{name} imports the island's door"
    outside = {each.split(".")[0] for each in found}
    assert not outside & NO_TRANSPORT.get(own, set())


@pytest.mark.parametrize("library", ONLY)
def test_each_library_stands_in_its_room(library):
    rooms = ONLY[library]
    for name, path in ALL.items():
        found = imports(name, path)
        uses = any(each == library or each.startswith(f"{library}.") for each in found)
        if library == "aiohttp":
            # client.py names aiohttp's types in its signature, for type checkers only (not counted here);
            # the sandbox is an island with a server of its own.
            uses = uses and name.split(".")[0] != SANDBOX
        if uses:
            assert any(name == each or name.startswith(f"{each}.") for each in rooms), (
                f"{name} imports {library}"
            )


def test_no_import_circles():
    graph = {name: ours(imports(name, path)) for name, path in ALL.items()}
    done: set[str] = set()

    def walk(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join([*trail, name])
        if name not in done:
            for target in graph[name]:
                walk(target, (*trail, name))
            done.add(name)

    for name in graph:
        walk(name, ())
