"""What the demo tells while it runs: one line for each step, progress bars in between, a summary."""

from __future__ import annotations

from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING

from attrs import define, field

from brevo_balance_async.cli.progress import progress
from brevo_balance_async.cli.terminal import console

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

_GENERAL_PLAN = 600
"""Requests that Brevo's general plan allows in an hour, all loyalty endpoints together."""


def counted(number: int, noun: str) -> str:
    """``1 row``, ``1,200 rows``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


@define
class Story:
    """Lines on stdout; control characters only on a terminal."""

    out: Console = field(factory=console)
    started: float = field(factory=perf_counter)
    failed: int = 0

    def tell(self, text: str) -> None:
        """A sentence of its own."""
        self.out.print(f"{text}\n", style="dim")

    def step(self, name: str, text: str, note: str = "") -> None:
        """What was done."""
        self.out.print(f"  [bold]{name:<11}[/] {text}" + (f"  [dim]{note}[/]" if note else ""))

    def check(self, text: str, wrong: list[str]) -> None:
        """A promise, and what breaks it."""
        if not wrong:
            self.out.print(f"  [green]{'ok':<11}[/] {text}")
            return
        self.failed += 1
        self.out.print(f"  [bold red]{'FAILED':<11}[/] {text}: {len(wrong):,} wrong, among them {wrong[0]}")

    @contextmanager
    def bar(self, description: str, total: int) -> Iterator[Callable[[], None]]:
        """A progress bar; what is yielded moves it on by one."""
        with progress() as display:
            task = display.add_task(description, total=total)
            yield lambda: display.advance(task)

    def end(self, requests: int) -> None:
        """The last line."""
        seconds = perf_counter() - self.started
        hours = requests / _GENERAL_PLAN
        self.out.print(
            f"\n{requests:,} requests in {seconds:.1f} s. Brevo's general plan allows {_GENERAL_PLAN} an hour: "
            f"there it would take {hours:,.1f} hours.",
            style="dim",
        )
