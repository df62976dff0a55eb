"""A run of the importer as a command: what is shown, what is written, what a signal does, how it ends."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import signal
import sys
from contextlib import ExitStack, contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeAlias

import attrs
from cyclopts import Parameter

from brevo_balance_async.errors import as_utf8

from .cells import csv_line, text
from .dashboard import Dashboard, duration
from .numbers import Positive, Seconds, Share
from .terminal import CommandError, say, write

if TYPE_CHECKING:
    from collections.abc import Iterator

    from brevo_balance_async import BalanceClient
    from brevo_balance_async.exactly_once import Outcome
    from brevo_balance_async.importer import Importer, Report, Run

JournalOption: TypeAlias = Annotated[
    str, Parameter(name="--journal", help="a file, or a postgresql:// URL.", show_default=True)
]
JOURNAL: Final = "brevo-balance.db"
_REJECTS: Final = ("line", "reference", "amount", "reason")
_MODES: TypeAlias = Literal["strict", "lean", "at_most_once"]


@Parameter(name="*")
@attrs.frozen(kw_only=True)
class Pace:
    """How rows are settled, and what is shown of it."""

    journal: JournalOption = JOURNAL
    mode: Annotated[
        _MODES,
        Parameter(help="strict: 2 requests a row, never double. lean: 1, looks in history when in doubt."),
    ] = "strict"
    reserve: Annotated[Share, Parameter(help="share of the account's quota left to others.")] = 0.2
    concurrency: Annotated[Positive, Parameter(help="rows settled at a time.")] = 20
    max_duration: (
        Annotated[Seconds, Parameter(help="stop after this long, resumable: 90m, 8h, 2d or seconds.")] | None
    ) = None
    output: Annotated[Literal["text", "jsonl"], Parameter(help="jsonl: events as JSON lines on stdout.")] = (
        "text"
    )

    @property
    def requests(self) -> int:
        """For each row, if nothing goes wrong."""
        return 2 if self.mode == "strict" else 1

    def resume_command(self) -> str:
        """What goes on where this leaves off."""
        return self._command("resume", "journal", "mode", "reserve", "concurrency")

    def report_command(self) -> str:
        """What lists the rows that are unknown."""
        return f"{self._command('report', 'journal')} --state unknown"

    def _command(self, command: str, *options: str) -> str:
        words = ["brevo-balance", "journal", command]
        for name in options:
            value = getattr(self, name)
            if value != getattr(attrs.fields(Pace), name).default:
                words += [f"--{name}", str(value)]
        return shlex.join(words)


async def follow(
    run: Run,
    importer: Importer,
    client: BalanceClient,
    pace: Pace,
    *,
    again: str,
    rejects: Path | None,
) -> int:
    """Let a run go to its end, and tell it; the exit code. ``again`` is the command before everything is loaded."""

    def resume() -> str:
        return pace.resume_command() if run.loaded else again

    stop = _Stop(importer, resume)
    events = _Events(pace.output == "jsonl")
    dashboard = Dashboard(run, client, pace.requests, pace.reserve, events.progress)
    try:
        with ExitStack() as stack:
            stack.enter_context(stop.listening())
            stack.enter_context(dashboard.shown(text=pace.output == "text"))
            if pace.max_duration is not None:
                stack.callback(stop.after(pace.max_duration).cancel)
            async with run as outcomes:
                refused = stack.enter_context(_rejects(rejects))
                async for outcome in outcomes:
                    events.outcome(outcome)
                    refused(outcome)
    except asyncio.CancelledError:
        if not stop.stopped:
            raise
    except Exception:
        say(f"to go on where it was: {resume()}")
        raise
    code = _exit_code(run, stopped=stop.stopped)
    events.report(run.report, code)
    if pace.output == "text":
        _tell(run.report)
    if code in {7, 9, 130}:
        say(f"to go on where it was: {resume()}")
    if code == 9:
        say(
            "rows that are not settled by then are for a person: journal resolve writes down what you find out, and "
            f"this lists them: {pace.report_command()}"
        )
    return code


def counted(rows: int) -> str:
    """``1 row``, ``1,200 rows``."""
    return f"{rows:,} row{'' if rows == 1 else 's'}"


def _exit_code(run: Run, *, stopped: bool) -> int:
    report = run.report
    if stopped:
        return 130
    if report.open or (report.unknown and run.drained):
        return 7
    if report.unknown:
        return 9
    return 8 if report.refused else 0


def _tell(report: Report) -> None:
    earlier = f" ({report.repeated:,} of them settled earlier)" if report.repeated else ""
    sys.stdout.write(
        f"{report.applied:,} applied, {report.refused:,} refused{earlier}, {report.unknown:,} unknown, "
        f"{report.open:,} not tried; {report.requests:,} requests in {duration(report.seconds)}\n"
    )
    if report.duplicates:
        sys.stdout.write(f"{counted(report.duplicates)} left out, equal to an earlier one\n")
    if report.differing:
        sys.stdout.write(f"{report.differing:,} were credited with another amount than was asked for\n")


class _Stop:
    """The first Ctrl-C or SIGTERM drains, the second stops. A terminal that is closed drains."""

    def __init__(self, importer: Importer, resume: Any) -> None:
        self.stopped = False
        self._terminals = [out.fileno() for out in (sys.stdout, sys.stderr) if out.isatty()]
        self._importer = importer
        self._resume = resume
        self._draining = False
        self._task = asyncio.current_task()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """While the run goes on."""
        loop = asyncio.get_running_loop()
        handlers = {signal.SIGINT: self._came, signal.SIGTERM: self._came}
        hangup = getattr(signal, "SIGHUP", None)  # not on Windows
        if hangup is not None and signal.getsignal(hangup) is not signal.SIG_IGN:  # nohup ignores it
            handlers[hangup] = self._hung_up
        before = {number: signal.getsignal(number) for number in handlers}
        for number, handler in handlers.items():
            try:
                loop.add_signal_handler(number, handler)
            except NotImplementedError:  # Windows
                signal.signal(number, lambda *_: loop.call_soon_threadsafe(self._came))
        try:
            yield
        finally:
            for number, earlier in before.items():
                with suppress(NotImplementedError):
                    loop.remove_signal_handler(number)
                signal.signal(number, earlier)

    def after(self, seconds: float) -> asyncio.TimerHandle:
        """Drain when this time is over."""
        return asyncio.get_running_loop().call_later(seconds, self._drain, "the time is over")

    def _came(self) -> None:
        if not self._draining:
            self._drain("stopping")
        elif self._task is not None and not self.stopped:
            self.stopped = True
            self._task.cancel()

    def _hung_up(self) -> None:
        """Nobody can press Ctrl-C again, so a second one (the shell sends its own) does not stop it."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for terminal in self._terminals:  # every write to it would fail from now on
            os.dup2(nowhere, terminal)
        os.close(nowhere)
        if not self._draining:
            self._drain("the terminal was closed")

    def _drain(self, why: str) -> None:
        self._draining = True
        self._importer.drain()
        say(
            f"{why}: what is in flight finishes, Ctrl-C again stops at once; to go on later: {self._resume()}"
        )


@contextmanager
def _rejects(path: Path | None) -> Iterator[Any]:
    """A function that writes refused rows to ``path``, made with the first of them."""
    if path is None:
        yield lambda _: None
        return
    with suppress(FileNotFoundError):  # that of an earlier run: what it tells is told again
        path.unlink()
    with ExitStack() as stack:
        rows: list[Any] = []

        def write(outcome: Outcome) -> None:
            if outcome.state != "refused":
                return
            if not rows:
                file = stack.enter_context(path.open("w", newline="", encoding="utf-8", buffering=1))
                rows.append(file)
                file.write(csv_line(_REJECTS))
                say(f"refused rows go to {path}")
            refused = (outcome.line, outcome.reference, outcome.amount, outcome.reason)
            rows[0].write(csv_line([as_utf8(text(each)) for each in refused]))

        yield write


class _Events:
    """JSON lines on stdout."""

    def __init__(self, wanted: bool) -> None:
        self._wanted = wanted

    def _write(self, event: str, values: dict[str, Any]) -> None:
        if self._wanted:
            line = json.dumps({"event": event, **values}, ensure_ascii=False, default=_plain)
            write(line + "\n")
            sys.stdout.flush()

    def outcome(self, outcome: Outcome) -> None:
        """What became of a row."""
        values = attrs.asdict(outcome, filter=lambda field, _: field.name != "scope") if self._wanted else {}
        self._write("outcome", values)

    def progress(self, values: dict[str, Any]) -> None:
        """How far it is."""
        self._write("progress", values)

    def report(self, report: Report, code: int) -> None:
        """The end."""
        self._write("report", {**attrs.asdict(report), "exit_code": code})


def _plain(value: object) -> str:
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def event(name: str, values: dict[str, Any]) -> None:
    """One JSON line of its own."""
    _Events(wanted=True)._write(name, values)  # noqa: SLF001  (of this module)


def is_there(url: str) -> bool:
    """Whether a journal can be there already; a server says so itself."""
    return "://" in url or Path(url).exists()


def journal_of(url: str, *, must_exist: bool = False) -> Any:
    """The journal, not open yet. Loads the database library."""
    from brevo_balance_async.journal import Journal  # noqa: PLC0415  (the extra may be missing; --help is quick)

    if must_exist and not is_there(url):
        raise CommandError(f"there is no journal {url}: name it with --journal")
    return Journal(url)
