"""How the project is checked: ``nox`` runs lint, types and the tests on every supported Python."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import ZipFile

import nox

if TYPE_CHECKING:
    from collections.abc import Sequence

nox.needs_version = ">=2025.10.16"
nox.options.sessions = ["lint", "types", "tests"]
# A missing interpreter is skipped and named in the closing lines, on CI too.
nox.options.error_on_missing_interpreters = False

SAFE = {"PYTHONSAFEPATH": "1"}
"""The tests take the installed package, not the folder beside them."""
MEMORY = Path("/dev/shm")  # noqa: S108  (pytest makes folders of its own in it)
"""Where Linux keeps files in memory."""
PYPROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PYPROJECT)


def group(name: str) -> list[str]:
    """The packages of a dependency group, without the project itself."""
    packages = nox.project.dependency_groups(PYPROJECT, name)
    return [package for package in packages if not package.startswith("brevo-balance-async")]


built: list[Path] = []
"""The wheel of this checkout, as soon as a session needed it: all sessions of one run install the same."""


def install_wheel(session: nox.Session, *groups: str, versions: Sequence[str] = ()) -> None:
    """Install the wheel with all extras, not the checkout: what is tested is what users get.

    ``versions`` are those of its dependencies that are wanted; the newest if nothing is said.
    """
    # Bytecode is kept, also where the environment forbids it: the tests start hundreds of processes.
    session.env["PYTHONDONTWRITEBYTECODE"] = ""
    target = session.cache_dir.resolve() / "wheel"
    if not built:
        shutil.rmtree(target, ignore_errors=True)
        session.run_install("pip", "wheel", "--no-deps", "--wheel-dir", str(target), ".", silent=True)
        built.extend(target.glob("*.whl"))
    if not built:  # nox -R installs nothing
        return
    (wheel,) = built
    session.install(f"{wheel}[all]", *{package for name in groups for package in group(name)}, *versions)
    session.install("--force-reinstall", "--no-deps", str(wheel))  # where an older build had the same version


def in_memory() -> dict[str, str]:
    """The environment that puts the tests' files into memory, where there is plenty: they sync them all the time."""
    plenty = MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > 2 * 2**30
    return {"TMPDIR": str(MEMORY)} if plenty else {}


@nox.session
def lint(session: nox.Session) -> None:
    """Style and common slips."""
    session.install(*group("lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Mypy strict on the package, pyright strict on the public API, and no public symbol without a type."""
    install_wheel(session, "types")
    session.run("mypy")
    session.run("pyright")
    session.run("python", "tests/typing/completeness.py", env=SAFE)


def everything(session: nox.Session) -> list[str]:
    """The command for all tests. One worker more than there are cores, because many tests wait for other processes."""
    return ["pytest", "-n", str((os.cpu_count() or 1) + 1), "--dist", "worksteal", *session.posargs]


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """All tests from the built wheel."""
    install_wheel(session, "test")
    session.run(*everything(session), env={**SAFE, **in_memory()})


@nox.session(python=PYTHONS[-1])
def coverage(session: nox.Session) -> None:
    """The branch coverage of the tests, which takes them half as long again."""
    install_wheel(session, "test")
    env = {"COVERAGE_FILE": str(Path(session.create_tmp()) / "coverage"), **SAFE, **in_memory()}
    session.run("coverage", "run", "-m", *everything(session), env=env)
    session.run("coverage", "combine", "--quiet", env=env)
    session.run("coverage", "report", "--skip-covered", env=env)


def lowest_versions() -> list[str]:
    """Every dependency of the package and its extras, at the lowest version that is declared."""
    project = PYPROJECT["project"]
    extras = [each for packages in project["optional-dependencies"].values() for each in packages]
    declared = {*project["dependencies"], *extras}
    return sorted(
        each.partition(",")[0].replace(">=", "==")
        for each in declared
        if not each.startswith(project["name"])
    )


@nox.session(python=PYTHONS[0])
def lowest(session: nox.Session) -> None:
    """The tests with the lowest declared version of every dependency, on the oldest Python."""
    install_wheel(session, "test", versions=lowest_versions())
    session.run(*everything(session), env={**SAFE, **in_memory()})


@nox.session
def package(session: nox.Session) -> None:
    """Build wheel and sdist into dist/: valid, without tests, and the same bytes however often they are built."""
    session.install("build", "twine")
    when = session.run("git", "log", "-1", "--format=%ct", external=True, silent=True) or ""
    env = {"SOURCE_DATE_EPOCH": when.strip() or "1577836800"}
    dist, again = Path("dist").resolve(), Path(session.create_tmp()).resolve() / "again"
    for folder in (dist, again):
        shutil.rmtree(folder, ignore_errors=True)
    # The first wheel is made from the tree, the second from the sdist, which so has to be complete.
    session.run("python", "-m", "build", "--sdist", "--wheel", "--outdir", str(dist), env=env, silent=True)
    session.run("python", "-m", "build", "--outdir", str(again), env=env, silent=True)
    for artefact in sorted(dist.iterdir()):
        if artefact.read_bytes() != (again / artefact.name).read_bytes():
            session.error(f"{artefact.name} is not the same when it is built again")
    (wheel,) = dist.glob("*.whl")
    strangers = {name.partition("/")[0] for name in ZipFile(wheel).namelist()} - {
        "brevo_balance_async",
        "pytest_brevo_balance.py",
        f"{'-'.join(wheel.name.split('-')[:2])}.dist-info",
    }
    if strangers:
        session.error(f"the wheel has {', '.join(sorted(strangers))} in it")
    session.run("twine", "check", "--strict", *map(str, sorted(dist.iterdir())))


@nox.session
def faults(session: nox.Session) -> None:
    """The fault matrix alone, with its table: fault, sent, applied, our verdict, error seen."""
    install_wheel(session, "test")
    session.run("pytest", "tests/faults", *session.posargs, env=SAFE)


@nox.session
def chaos(session: nox.Session) -> None:
    """Kill processes at random between a server that fails and a journal, and count; ``-- FILE`` imports that too."""
    install_wheel(session, "test")
    session.run("python", "tests/once/chaos.py", env=in_memory())
    if session.posargs:
        session.run("python", "tests/importer_chaos.py", *session.posargs, env=in_memory())


@nox.session
def simulation(session: nox.Session) -> None:
    """Exactly once in virtual time, over 300,000 references a mode; ``-- --references 6000`` is a short run."""
    install_wheel(session, "test")
    session.run("python", "tests/once/simulation.py", *session.posargs)
    session.run("pytest", "tests/once/test_simulation.py", "--timeout=0", env={"ONCE_EXAMPLES": "200"})


@nox.session
def traps(session: nox.Session) -> None:
    """Build in each trap of exactly once by hand, and see that its test notices; ``-- --only lean`` takes some."""
    install_wheel(session, "test")
    session.run("python", "tests/once/mutants.py", *session.posargs)


@nox.session
def mutation(session: nox.Session) -> None:
    """Change the engine room at random and count what the tests notice; ``-- --mutants 40`` is a short run."""
    session.install(*PYPROJECT["project"]["dependencies"], *group("test"), "cosmic-ray==8.7.0")
    session.run("python", "tests/mutation.py", *session.posargs)


def peer(session: nox.Session, name: str, *packages: str) -> str:
    """An interpreter with another SDK, in an environment of its own."""
    home = Path(session.create_tmp()).resolve() / name
    python = home / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not python.exists():
        session.run("python", "-m", "venv", str(home))
    session.run(str(python), "-m", "pip", "install", "--quiet", *packages, external=True)
    return str(python)


def node_peer(session: nox.Session, package: str) -> str:
    """The folder with a package for Node, empty where there is no Node."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        session.warn(f"{package} is left out: there is no node and npm in the path")
        return ""
    home = Path(session.create_tmp()).resolve() / "node"
    session.run("npm", "install", "--no-save", "--prefix", str(home), package, external=True, silent=True)
    return str(home / "node_modules")


@nox.session
def compat(session: nox.Session) -> None:
    """The official SDKs and ours: what is sent and read, and every name; ``-- --write`` writes their names down."""
    install_wheel(session)
    env = {
        "BREVO5_PYTHON": peer(session, "brevo5", "brevo-python==5.1.0"),
        "BREVO5_AIOHTTP_PYTHON": peer(session, "brevo5-aiohttp", "brevo-python[aiohttp]==5.1.0"),
        "BREVO1_PYTHON": peer(session, "brevo1", "brevo-python==1.2.0"),
        "BREVO_NODE_MODULES": node_peer(session, "@getbrevo/brevo@6.0.3"),
    }
    session.run("python", "tests/compat", env={**env, **SAFE})
    session.run("python", "tests/migration", *session.posargs, env={**env, **SAFE})


@nox.session
def schema(session: nox.Session) -> None:
    """Schemathesis against the sandbox and the OpenAPI document it serves; ``-- --examples 200`` is a long run."""
    install_wheel(session, "schema")
    session.run("python", "tests/schema", *session.posargs, env=SAFE)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation, every warning an error, and run every block of it against a sandbox."""
    if shutil.which("dot") is None:
        session.error("the diagrams are drawn by Graphviz: install it, so that there is a command dot")
    install_wheel(session, "docs")
    site = Path("docs", "_build", "html")
    session.run("sphinx-build", "--fail-on-warning", "--keep-going", "--nitpicky", "docs", str(site))
    session.run("pytest", "docs", *session.posargs, env=SAFE)
    session.log(f"open {site / 'index.html'}")


@nox.session
def bench(session: nox.Session) -> None:
    """All benchmarks in one run, each contender in its own environment; ``-- --quick`` is a smoke test."""
    install_wheel(session)
    session.install("uvloop")
    env = {
        "BREVO5_PYTHON": peer(session, "brevo5-aiohttp", "brevo-python[aiohttp]==5.1.0"),
        "BREVO1_PYTHON": peer(session, "brevo1", "brevo-python==1.2.0"),
    }
    session.run("python", "benchmarks/run.py", *session.posargs, env=env)
