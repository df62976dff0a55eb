"""The commands put together, and what every one of them ends with: an exit code, and what to do next if it failed.

The module of a command is imported when the command is asked for; what ``--help`` shows of it is told here. Of the
exit codes ``failures`` tells.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import sys
from typing import TYPE_CHECKING, Any, Final, get_args, get_type_hints

import attrs
from cyclopts import App, CycloptsError, Group, MissingArgumentError, Parameter

from brevo_balance_async import BalanceError, __version__

from . import interrupts
from .failures import Failure, failure, usage
from .output import drop_output
from .terminal import AS_JSON, CommandError, UsageError, console, say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_HELP: Final = """\
Brevo's Loyalty Balance API from the command line.

Without an account: `brevo-balance demo` shows the API at work, and `brevo-balance sandbox` runs a local API on which
all other commands can be tried; it prints the two lines to export.

With an account: export BREVO_API_KEY (it is never an option, which others could see) and BREVO_PROGRAM_ID, and begin
with `brevo-balance doctor`. BREVO_BALANCE_DEFINITION_ID stands in for --definition, BREVO_BASE_URL for --base-url. A
proxy is read from HTTPS_PROXY and NO_PROXY.
"""

_EPILOGUE: Final = """\
Examples:\\
brevo-balance doctor\\
brevo-balance definitions list\\
brevo-balance transactions credit --contact 42 --amount 12.50\\
brevo-balance history --contact 42 --limit 20\\
brevo-balance balances list --output csv > balances.csv\\
brevo-balance import credits.csv --dry-run

Exit codes: 0 done, 1 failed, 2 bad command line or input (nothing was sent), 3 credentials, 6 outcome unknown,
7 stopped but resumable, 8 some rows refused, 9 some rows unknown, 130 interrupted. With --output json or jsonl an error
is one JSON object on stderr.
"""

_BEGIN: Final = Group("To begin with", sort_key=1)
_POINTS: Final = Group("Points", sort_key=2)
_TERMS: Final = Group("Definitions", sort_key=3)
_MANY: Final = Group("Many rows, each exactly once", sort_key=4)
_FLAGS: Final = Group("Options", sort_key=5)

app: Final = App(
    name="brevo-balance",
    help=_HELP,
    version=__version__,
    help_format="markdown",
)


for _group, _name, _where in (
    (_BEGIN, "demo", "demo.command:demo"),
    (_BEGIN, "sandbox", "sandbox:app"),
    (_BEGIN, "doctor", "doctor:doctor"),
    (_BEGIN, "completion", "completion:completion"),
    (_POINTS, "transactions", "transactions:app"),
    (_POINTS, "balances", "balances:app"),
    (_POINTS, "history", "history:history"),
    (_POINTS, "orders", "orders:app"),
    (_TERMS, "definitions", "definitions:app"),
    (_TERMS, "limits", "limits:app"),
    (_MANY, "import", "importing:import_"),
    (_MANY, "journal", "journal:app"),
):
    app.command(f"{__package__}.{_where}", name=_name, group=_group)

for _flag in (*app.help_flags, *app.version_flags):
    app[_flag].group = _FLAGS

_LIBRARIES: Final = {"rich": "cli", "sqlalchemy": "journal", "aiosqlite": "journal", "asyncpg": "postgres"}
"""Libraries that may be missing, and the extras that have them."""


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115  (it was closed by whoever started this)
    if sys.stdout is None:
        say(
            "stdout is closed, so no result could be shown; nothing was sent: lead it to a file, or to /dev/null"
        )
        return 2
    token = AS_JSON.set(_wants_json(arguments))
    try:
        return _run(arguments)
    finally:
        AS_JSON.reset(token)


def _run(arguments: Sequence[str]) -> int:
    command: Callable[..., Any] | None = None
    try:
        command, bound = _parse(arguments)
        code = command(*bound.args, **bound.kwargs)
        if inspect.iscoroutine(code):
            code = interrupts.run(code)
        sys.stdout.flush()
    except CycloptsError as error:
        return _refused(error, " ".join([app.name[0], *(error.command_chain or ())])).tell()
    except (BalanceError, CommandError) as error:
        return failure(error, {} if command is None else _options(command, arguments)).tell()
    except ImportError as error:
        return _missing(error).tell()
    except (KeyboardInterrupt, asyncio.CancelledError):
        return interrupts.INTERRUPTED
    except BrokenPipeError:  # the reader of our output has ended, for instance "head"
        drop_output()
        return 1
    except OSError as error:
        drop_output()
        return failure(CommandError(f"the output could not be written: {error}"), {}).tell()
    except UnicodeEncodeError as error:
        text = f"the output cannot be written in {error.encoding} ({error})"
        return failure(CommandError(text, hint="try PYTHONIOENCODING=utf-8"), {}).tell()
    return code if isinstance(code, int) else 0


def _missing(error: ImportError) -> Failure:
    """A library of an extra that is not installed; any other import that fails is a defect, and raised again."""
    module = error if isinstance(error, ModuleNotFoundError) else error.__cause__  # cyclopts wraps it
    library = (getattr(module, "name", None) or "").partition(".")[0]
    if library not in _LIBRARIES:
        raise error
    extra = f"brevo-balance-async[{_LIBRARIES[library]}]"
    text = f"this command needs {library}, which is not installed; nothing was sent"
    return failure(UsageError(text, hint=f"pip install '{extra}'"), {})


def _parse(arguments: Sequence[str]) -> tuple[Callable[..., Any], inspect.BoundArguments]:
    if not arguments or arguments[0] in app.help_flags:
        app.help_epilogue = _EPILOGUE
        for name in app:  # their help is in their modules
            app[name]
    command, bound, _ = app.parse_args(arguments, exit_on_error=False, print_error=False)
    if "console" in bound.arguments:  # of --help and --version
        bound.arguments["console"] = console(wrap=True)
    return command, bound


def _refused(error: CycloptsError, chain: str) -> Failure:
    """A command line that cyclopts refuses; of a parameter that is not there it is told where it can come from."""
    wanted = error.argument
    if not isinstance(error, MissingArgumentError) or wanted is None:
        return usage(str(error), chain)
    _, _, meant = str(error).partition(" Did you mean ")
    if error.keyword is not None:
        text = f"{error.keyword} is given without a value"
    else:
        ways = ["give it", *wanted.names[1:]]
        if variables := wanted.parameter.env_var:
            ways[-1] += ","
            ways += [f"export {each}" for each in variables]
        name = wanted.name if wanted.index is None else wanted.name.lstrip("-").upper()
        text = f"{name} is missing: {' or '.join(ways)}"
    text += f" (did you mean {meant.removesuffix('?')}?)" if meant else ""
    told = usage(f"{text}; nothing was sent", chain)
    definition = wanted.name.lstrip("-").lower() == "definition"
    return attrs.evolve(told, hint="brevo-balance definitions list" if definition else f"see: {chain} --help")


def _options(command: Callable[..., Any], arguments: Sequence[str]) -> dict[str, str]:
    """Where the parameters of a command, and the fields of its groups of options, come from.

    That is what they are called on the command line, or the environment variable if its value was taken instead.
    """
    found = {}
    kinds = get_type_hints(command, include_extras=True)
    for name, parameter in inspect.signature(command).parameters.items():
        kind = kinds[name]
        inner = get_type_hints(kind, include_extras=True) if attrs.has(kind) else {name: kind}
        for each, its in inner.items():
            option = f"--{each.replace('_', '-')}"
            if any(word == option or word.startswith(f"{option}=") for word in arguments):
                found[each] = option
            elif parameter.kind is not parameter.KEYWORD_ONLY:
                found[each] = each.upper()
            else:
                found[each] = next((name for name in _variables(its) if name in os.environ), option)
    return found


def _variables(kind: Any) -> Iterator[str]:
    """The environment variables that stand in for a parameter of this type."""
    for each in get_args(kind):
        if isinstance(each, Parameter):
            yield from each.env_var or ()
        else:
            yield from _variables(each)


def _wants_json(arguments: Sequence[str]) -> bool:
    """Whether the output is JSON, found out before anything is parsed, which may fail."""
    pairs = zip(arguments, [*arguments[1:], ""], strict=False)
    return any(
        (one in {"--output=json", "--output=jsonl"}) or (one == "--output" and other in {"json", "jsonl"})
        for one, other in pairs
    )
