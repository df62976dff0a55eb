"""How the project is checked: ``nox`` runs lint, types and the tests on every supported Python."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2025.10.16"
nox.options.default_venv_backend = "venv"
nox.options.sessions = ["lint", "types", "tests"]
# A missing interpreter is skipped and named in the closing lines, on CI too.
nox.options.error_on_missing_interpreters = False

PYPROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PYPROJECT)


def is_installed(version: str) -> bool:
    """Whether this Python runs here; pyenv puts a command in the path for each one it only knows of."""
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        return True
    command = shutil.which(f"python{version}")
    return (
        command is not None
        and subprocess.run([command, "-V"], check=False, capture_output=True).returncode == 0
    )


def group(name: str) -> list[str]:
    """The packages of a dependency group, without the project itself."""
    packages = nox.project.dependency_groups(PYPROJECT, name)
    return [package for package in packages if not package.startswith("brevo-balance-async")]


def install_wheel(session: nox.Session, *groups: str) -> None:
    """Build the wheel and install it with all extras: what is tested is what users get."""
    session.install("build", *{package for name in groups for package in group(name)})
    target = Path(session.create_tmp()) / "wheel"
    shutil.rmtree(target, ignore_errors=True)
    session.run("python", "-m", "build", "--wheel", "--outdir", str(target), silent=True)
    (wheel,) = target.glob("*.whl")
    session.install("--force-reinstall", "--no-deps", str(wheel))
    session.install(f"{wheel}[all]")


@nox.session
def lint(session: nox.Session) -> None:
    """Style and common slips."""
    session.install(*group("lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Mypy strict on the package, pyright strict on the public API."""
    install_wheel(session, "types")
    session.run("mypy")
    session.run("pyright")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """All tests from the built wheel; the newest Python that is here also prints the branch coverage."""
    install_wheel(session, "test")
    env = {"COVERAGE_FILE": str(Path(session.create_tmp()) / "coverage"), "PYTHONSAFEPATH": "1"}
    everything = ["pytest", "-n", "auto", "--dist", "worksteal", *session.posargs]
    if session.python != max(filter(is_installed, PYTHONS), key=PYTHONS.index):
        session.run(*everything, env=env)  # coverage costs time, once is enough
        return
    session.run("coverage", "run", "-m", *everything, env=env)
    session.run("coverage", "combine", "--quiet", env=env)
    session.run("coverage", "report", "--skip-covered", env=env)


@nox.session
def faults(session: nox.Session) -> None:
    """The fault matrix alone, with its table: fault, sent, applied, our verdict, error seen."""
    install_wheel(session, "test")
    session.run("pytest", "tests/faults", *session.posargs, env={"PYTHONSAFEPATH": "1"})


@nox.session
def chaos(session: nox.Session) -> None:
    """Kill processes at random between a server that fails and a journal, and count; ``-- FILE`` imports that too."""
    install_wheel(session, "test")
    session.run("python", "tests/once/chaos.py")
    if session.posargs:
        session.run("python", "tests/importer_chaos.py", *session.posargs)


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
    """The official SDKs and ours against the sandbox: every difference in what is sent and read is listed."""
    install_wheel(session)
    env = {
        "BREVO5_PYTHON": peer(session, "brevo5", "brevo-python==5.1.0"),
        "BREVO5_AIOHTTP_PYTHON": peer(session, "brevo5-aiohttp", "brevo-python[aiohttp]==5.1.0"),
        "BREVO1_PYTHON": peer(session, "brevo1", "brevo-python==1.2.0"),
        "BREVO_NODE_MODULES": node_peer(session, "@getbrevo/brevo@6.0.3"),
    }
    session.run("python", "tests/compat", env={**env, "PYTHONSAFEPATH": "1"})


@nox.session
def schema(session: nox.Session) -> None:
    """Schemathesis against the sandbox and the OpenAPI document it serves; ``-- --examples 200`` is a long run."""
    install_wheel(session, "schema")
    session.run("python", "tests/schema", *session.posargs, env={"PYTHONSAFEPATH": "1"})


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
