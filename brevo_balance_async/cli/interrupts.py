"""Ctrl-C. It never raises ``KeyboardInterrupt``, which would break off an import or a destructor with a traceback.

Before a command runs, it ends the process. While a command runs, the first one cancels it, so that it can say what
became of it, and the second one ends the process. After a command has ended, it ends the process with the exit code
of the command: what was done is done.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Coroutine, Iterator

T = TypeVar("T")

INTERRUPTED: Final = 130
_SHOW_CURSOR: Final = "\x1b[?25h"


def end_on_ctrl_c(code: int = INTERRUPTED) -> None:
    """From now on, Ctrl-C ends the process with ``code``.

    A process that was started with Ctrl-C ignored, as by ``nohup``, keeps ignoring it.
    """
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, lambda *_: _leave(code))


def _leave(code: int = INTERRUPTED) -> NoReturn:
    with suppress(Exception):  # the terminal may be gone
        if sys.stderr.isatty():
            sys.stderr.write(f"{_SHOW_CURSOR}\n")  # a progress bar hides it
            sys.stderr.flush()
    os._exit(code)


def run(command: Coroutine[Any, Any, T]) -> T:
    """``asyncio.run`` with this module's Ctrl-C. Raises ``CancelledError`` if that cancelled the command."""
    import asyncio  # noqa: PLC0415  (loads slowly, and Ctrl-C is ours before it does)

    task: asyncio.Task[T] | None = None
    asked = False

    def stop(*_: object) -> None:
        nonlocal asked
        if task is None or asked:
            _leave()
        asked = True
        task.get_loop().call_soon_threadsafe(task.cancel)

    async def main() -> T:
        nonlocal task
        task = asyncio.current_task()
        return await command

    with _listening(stop):
        return asyncio.run(main())


@contextmanager
def _listening(stop: Callable[..., None]) -> Iterator[None]:
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:
        yield
        return
    signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
