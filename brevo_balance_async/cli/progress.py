"""Progress bars, on stderr and only on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from .terminal import console

if TYPE_CHECKING:
    from rich.progress import Task


def progress(*, enabled: bool = True) -> Progress:
    """A progress bar that disappears at its end. It prints nothing unless stderr is a terminal."""
    out = console(stderr=True)
    return Progress(
        TextColumn("  {task.description}"),
        BarColumn(bar_width=32, complete_style="cyan", finished_style="cyan"),
        _Count(),
        TimeRemainingColumn(compact=True),
        console=out,
        transient=True,
        redirect_stdout=False,  # or text for stdout would go to stderr while the bar is shown
        disable=not (enabled and out.is_terminal),
    )


class _Count(ProgressColumn):
    """Done, total and the rate per second."""

    def render(self, task: Task) -> Text:
        total = "" if task.total is None else f" of {task.total:,.0f}"
        rate = "" if not task.speed else f"  {task.speed:,.0f}/s"
        return Text(f"{task.completed:,.0f}{total}{rate}", style="default")
