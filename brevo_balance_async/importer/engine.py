"""Importer: rows in, outcomes out."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakSet

from brevo_balance_async.core import validation
from brevo_balance_async.exactly_once import ExactlyOnce
from brevo_balance_async.hooks import AttemptFailed, AttemptStarted
from brevo_balance_async.importer.planning import plan
from brevo_balance_async.importer.run import FileRun, Means, Run

if TYPE_CHECKING:
    from brevo_balance_async.client import Program
    from brevo_balance_async.hooks import Event
    from brevo_balance_async.importer.reading import Rows
    from brevo_balance_async.importer.report import Plan
    from brevo_balance_async.journal import Journal


class Importer:
    """Credits (or debits) many rows, each reference once, at the pace that the account's quota allows.

    All rows are written to the journal before the first request. A run that was killed goes on where it was, with the
    same ``run(rows)`` or, without the rows, with ``resume()``.

    - ``program``, ``journal``: a handle of an open client, and an open journal.
    - ``concurrency``: references that are settled at once (20).
    - ``reserve``: share of the account's quota that is left to others (0.2: a fifth).
    - The others are those of ``ExactlyOnce``.
    """

    def __init__(
        self,
        program: Program,
        journal: Journal,
        *,
        concurrency: int = 20,
        reserve: float = 0.2,
        mode: str = "strict",
        ttl: int = 7200,
        grace: float = 600.0,
        settle: float = 7200.0,
        lag: float = 60.0,
        patience: float = 30.0,
        verify_first: bool = False,
    ) -> None:
        workers = validation.integer("concurrency", concurrency, least=1)
        self._program = program.with_options(max_wait=None, reserve=reserve).with_hook(self._heard)
        self._journal = journal
        self._reserve = reserve
        self._each = 2 if mode == "strict" else 1
        once = ExactlyOnce(
            self._program,
            journal,
            mode=mode,
            ttl=ttl,
            grace=grace,
            settle=settle,
            lag=lag,
            patience=patience,
            verify_first=verify_first,
        )
        self._requests = 0
        slowest = max(ttl + grace, settle + lag)  # of both, because a row goes on in the mode it was begun in
        self._means = Means(self._program, journal, once, workers, slowest, lambda: self._requests)
        self._runs: WeakSet[Run] = WeakSet()

    async def plan(self, rows: Rows) -> Plan:
        """What ``run(rows)`` would do. Nothing is written, and at most one request made, to learn the quota.

        ``rows`` must be such that they can be iterated again, as the files of ``read_csv`` and ``read_jsonl`` can.

        Raises ``InputFileError`` for rows that cannot be read, with their lines; conflicts are counted.
        """
        return await plan(self._program, self._journal, rows, each=self._each, reserve=self._reserve)

    def run(self, rows: Rows) -> Run:
        """Credit these rows: ``await`` it for the report, or enter it to see each outcome.

        The rows are loaded as one batch first. A load that is killed or refused is never delivered, and the next load
        of the same source (the path of a file) replaces it. Rows of one contact go one at a time, in their order. A
        row with an amount of zero is refused without a request. Rows that an earlier load has written down and that
        are open still are delivered too, with the others of their load.

        It goes on until nothing of this is open, also where a row has to wait: see ``Run``.

        Raises ``InputFileError``, before any request, for rows that cannot be read and for references used twice for
        different things; ``JournalBusyError`` if another process loads the same rows; and what stops a run:
        ``AuthenticationError``, ``PermissionDeniedError``, ``JournalError``. The rows stay open then.
        """
        return self._begun(FileRun(self._means, rows))

    def resume(self) -> Run:
        """Go on with all that is open in the journal for this program: closed loads and the outbox."""
        return self._begun(Run(self._means))

    def drain(self) -> None:
        """Let what is in flight finish, and end every run after it. Not a coroutine: call it in a signal handler."""
        for run in self._runs:
            run.drain()

    def _begun(self, run: Run) -> Run:
        self._runs.add(run)
        return run

    def _heard(self, event: Event) -> None:
        match event:
            case AttemptStarted():
                self._requests += 1
            case AttemptFailed(sent=False):
                self._requests -= 1
            case _:
                pass
