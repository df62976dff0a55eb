"""The demo's output: one line for each step, progress bars meanwhile, a summary at the end."""

from __future__ import annotations

from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING

from attrs import define, field
from rich.text import Text

from brevo_balance_async.cli.progress import progress
from brevo_balance_async.cli.terminal import console

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

_GENERAL_PLAN = 600
"""Loyalty requests an hour that Brevo allows every plan (https://developers.brevo.com/docs/api-limits)."""


def counted(number: int, noun: str) -> str:
    """``1 row``, ``1,200 rows``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


@define
class Story:
    """Prints lines to stdout, with control characters on a terminal only."""

    out: Console = field(factory=console)
    started: float = field(factory=perf_counter)
    failed: int = 0

    def tell(self, text: str) -> None:
        """Print a sentence."""
        self.out.print(f"{text}\n", style="dim")

    def step(self, name: str, text: str, note: str = "") -> None:
        """Print what was done."""
        self._line(name, "bold", text, (f"  {note}" if note else "", "dim"))

    def check(self, text: str, wrong: list[str]) -> None:
        """Print whether a check passed: it failed if ``wrong`` has entries."""
        if not wrong:
            self._line("ok", "green", text)
            return
        self.failed += 1
        self._line("FAILED", "bold red", f"{text}: {len(wrong):,} wrong, among them {wrong[0]}")

    def _line(self, name: str, style: str, *parts: str | tuple[str, str]) -> None:
        self.out.print(Text.assemble("  ", (f"{name:<11}", style), " ", *parts))

    @contextmanager
    def bar(self, description: str, total: int) -> Iterator[Callable[[], None]]:
        """Show a progress bar; each call of the yielded function advances it by one."""
        with progress() as display:
            task = display.add_task(description, total=total)
            yield lambda: display.advance(task)

    def end(self, requests: int) -> None:
        """Print the summary."""
        seconds = perf_counter() - self.started
        hours = requests / _GENERAL_PLAN
        self.out.print(
            f"\n{requests:,} requests in {seconds:.1f} s. Brevo's general plan allows {_GENERAL_PLAN} an hour: "
            f"there it would take {hours:,.1f} hours.",
            style="dim",
        )
