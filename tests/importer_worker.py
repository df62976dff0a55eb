"""A process of its own that imports a file until it is done or killed.

It is forked from one that has loaded everything already: a hundred starts would take longer than what is tried.
"""

from __future__ import annotations

import asyncio
import os
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from attrs import frozen

from brevo_balance_async import BalanceClient, JournalBusyError
from brevo_balance_async.importer import Importer, read_csv
from brevo_balance_async.journal import Journal

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkServerProcess

BUSY = 7
"""Exit code: another process loads the same file at this moment."""
FORKS = get_context("forkserver")
FORKS.set_forkserver_preload(["importer_chaos"])


@frozen(eq=False)
class Worker:
    """One such process, as its parent sees it."""

    _process: ForkServerProcess
    _ear: Connection

    @classmethod
    def start(cls, settings: dict[str, Any]) -> Self:
        """Begin to import; see ``_import`` for the settings."""
        here = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
        os.environ["PYTHONPATH"] = os.pathsep.join(here)  # of the process that is forked from
        ear, mouth = FORKS.Pipe(duplex=False)
        process = FORKS.Process(target=_work, args=(settings, mouth), daemon=True)
        process.start()
        mouth.close()
        return cls(process, ear)

    async def has_loaded(self) -> bool:
        """Wait until it has, or has ended. To be asked once."""
        await _readable(self._ear.fileno())
        try:
            return bool(self._ear.recv())
        except EOFError:
            return False

    @property
    def code(self) -> int | None:
        """Its exit code, None while it runs."""
        return self._process.exitcode

    def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()

    async def wait(self) -> None:
        """Until it has ended."""
        await _readable(self._process.sentinel)
        self._process.join()
        self._ear.close()


async def _readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    loop.add_reader(descriptor, lambda: ready.done() or ready.set_result(None))
    try:
        await ready
    finally:
        loop.remove_reader(descriptor)


def _work(settings: dict[str, Any], mouth: Connection) -> None:
    asyncio.run(_import(settings, mouth))


async def _import(settings: dict[str, Any], mouth: Connection) -> None:
    async with (
        BalanceClient(settings["key"], base_url=settings["base_url"], timeout=3) as client,
        Journal(settings["journal"], lease=settings["lease"]) as journal,
    ):
        importer = Importer(
            client.program(settings["program"]),
            journal,
            concurrency=settings["concurrency"],
            **settings["once"],
        )
        rows = read_csv(settings["file"], balance_definition_id=settings["definition"])
        try:
            async with importer.resume() if settings["resume"] else importer.run(rows) as outcomes:
                mouth.send(True)
                async for _ in outcomes:
                    pass
        except JournalBusyError:
            raise SystemExit(BUSY) from None
