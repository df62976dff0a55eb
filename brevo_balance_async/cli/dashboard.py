"""What is shown of a job that may take days: two lines on a terminal, elsewhere a line now and then."""

from __future__ import annotations

import asyncio
import signal
from collections import deque
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from attrs import asdict
from rich.control import Control
from rich.live import Live
from rich.segment import ControlType
from rich.text import Text

from .terminal import console, say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console, ConsoleOptions, RenderResult

    from brevo_balance_async import BalanceClient
    from brevo_balance_async.importer import Run

_HEARTBEAT: Final = 60.0
"""Seconds between two lines where there is no terminal."""
_HOUR: Final = 3600.0


def duration(seconds: float) -> str:
    """``4.2 s``, ``12 min``, ``18 h 20 min``, ``3 d 4 h``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def _waiting(*, seconds: float, unsettled: int, behind: int, taken: int) -> str:
    rows = [
        f"{number:,} {what}"
        for number, what in (
            (unsettled, "not settled yet"),
            (taken, "in the hands of another process"),
            (behind, "behind those"),
        )
        if number
    ]
    return f"next look in {duration(seconds)}: {', '.join(rows)}"


@contextmanager
def _resizes(handler: Callable[[], None]) -> Iterator[None]:
    """Call ``handler`` whenever the terminal was resized, where there is a signal for it."""
    number = getattr(signal, "SIGWINCH", None)  # not on Windows
    if number is None:
        yield
        return
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(number, handler)
    try:
        yield
    finally:
        loop.remove_signal_handler(number)


class Dashboard:
    """How far a run is."""

    def __init__(
        self,
        run: Run,
        client: BalanceClient,
        requests: int,
        reserve: float,
        tell: Callable[[dict[str, Any]], None],
    ) -> None:
        self._run = run
        self._client = client
        self._requests = requests
        self._reserve = reserve
        self._tell = tell
        self._samples: deque[tuple[float, int]] = deque()
        """Of the last hour: when, and how many had been settled by this run."""
        self._covers_an_hour = False
        self._drawn: list[int] = []
        """The widths of the lines that stand there."""

    @contextmanager
    def shown(self, *, text: bool) -> Iterator[None]:
        """On stderr while the run goes on; ``text`` is False where JSON lines tell it."""
        out = console(stderr=True)
        if text and out.is_terminal:
            live = Live(self, console=out, refresh_per_second=2, transient=True, redirect_stdout=False)
            with _resizes(lambda: self._resized(out)), live:
                yield
            return
        beat = asyncio.ensure_future(self._beat(text=text))
        try:
            yield
        finally:
            beat.cancel()

    async def _beat(self, *, text: bool) -> None:
        while True:
            await asyncio.sleep(_HEARTBEAT)
            if text:
                say(", ".join(self._lines()))
            else:
                self._tell(self.values())

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> RenderResult:
        """Two lines, never wider than the terminal is now."""
        lines = [Text(f"  {line}") for line in self._lines()]
        for text in lines:
            text.truncate(max(1, options.max_width - 1), overflow="ellipsis")
        self._drawn = [text.cell_len for text in lines]
        yield from lines

    def _resized(self, out: Console) -> None:
        """A terminal that became narrower has wrapped the lines, and ``Live`` goes up by as many as it has drawn."""
        wrapped = sum((cells - 1) // max(1, out.width) for cells in self._drawn)
        up = [(ControlType.ERASE_IN_LINE, 2), (ControlType.CURSOR_UP, 1)]
        out.control(Control(*up * wrapped))

    def values(self) -> dict[str, Any]:
        """Everything that is shown, as numbers; seconds and rows an hour."""
        report, quota = self._run.report, self._client.quota
        settled = report.applied + report.refused
        rate = self._rate(settled - report.repeated, report.seconds)
        left, waiting = report.open + report.unknown, self._run.waiting
        return {
            "loaded": self._run.loaded,
            "rows": report.total,
            "done": settled,
            "refused": report.refused,
            "unknown": report.unknown,
            "rate": rate,
            "quota_left": None if quota is None else quota.remaining,
            "quota_limit": None if quota is None else quota.limit,
            "quota_resets_in": None if quota is None else self._resets_in(),
            "eta": self._eta(left, rate),
            "waiting": None if waiting is None else asdict(waiting),
        }

    def _rate(self, settled: int, seconds: float) -> float | None:
        self._samples.append((seconds, settled))
        while self._samples[0][0] < seconds - _HOUR:
            self._samples.popleft()
            self._covers_an_hour = True
        began, before = self._samples[0]
        return (settled - before) / (seconds - began) * _HOUR if seconds > began else None

    def _resets_in(self) -> float:
        quota = self._client.quota
        if quota is None:
            return 0.0
        passed = datetime.now(quota.observed_at.tzinfo) - quota.observed_at
        return max(0.0, quota.resets_in - passed.total_seconds())

    def _eta(self, left: int, rate: float | None) -> float | None:
        from brevo_balance_async.importer.report import hours  # noqa: PLC0415  (--help is quick)

        if rate and self._covers_an_hour:  # what others use of the quota shows in it
            return left / rate * _HOUR
        expected = hours(left * self._requests, self._client.quota, self._reserve)
        if expected is not None:
            return expected * _HOUR
        return left / rate * _HOUR if rate else None

    def _lines(self) -> tuple[str, str]:
        found = self.values()
        if not found["loaded"]:
            return f"loading: {found['rows']:,} rows read", "nothing is sent before all are in the journal"
        done = f"{found['done']:,} of {found['rows']:,} done"
        first = f"{done}, {found['refused']:,} refused, {found['unknown']:,} unknown"
        if found["waiting"] is not None:
            return first, _waiting(**found["waiting"])
        parts = []
        if found["rate"] is not None:
            parts.append(f"{found['rate']:,.0f}/h")
        if found["quota_limit"] is not None:
            left = f"{found['quota_left']:,}/{found['quota_limit']:,}"
            parts.append(f"quota {left} for {duration(found['quota_resets_in'])} more")
        if found["eta"] is not None:
            end = datetime.now().astimezone() + timedelta(seconds=found["eta"])
            parts.append(f"ETA {duration(found['eta'])} ({end:%a %H:%M})")
        return first, ", ".join(parts)
