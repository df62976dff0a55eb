"""What is done to a sandbox besides the API's requests, and the state file in which all of it is noted.

Each of these changes has a control route; it is noted as that route's request, so that it can be done again.
"""

from __future__ import annotations

import json
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from attrs import asdict

from brevo_balance_async.sandbox.rules.refusals import Refusal
from brevo_balance_async.sandbox.rules.switches import Switches

from .fields import Fields, present, read_uuid
from .guard import PREFIX
from .seeding import Seed, plain_seed
from .wire import read_json, write_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from brevo_balance_async.sandbox.rules.ledger import Ledger
    from brevo_balance_async.sandbox.state import Change

    from .journal import Journal
    from .quota import ServerQuota
    from .service import Service


class Changes:
    """Seeds, publishing, merging and switches; with ``state``, noted in that file while it is open."""

    def __init__(
        self,
        service: Service,
        ledger: Ledger,
        quota: ServerQuota,
        *,
        seeds: Iterable[Mapping[str, Any]],
        state: str | Path | None,
    ) -> None:
        self._service = service
        self._ledger = ledger
        self._quota = quota
        self._path = state
        self._seeds = [plain_seed(seed) for seed in seeds]
        self._first_switches = ledger.switches
        self._works: dict[str, Callable[..., Any]] = {
            "seed": self._seed,
            "publish": self._publish,
            "merge": self._merge,
            "switches": self._set_switches,
        }
        if state is None:
            self._sow()

    @property
    def _journal(self) -> Journal | None:
        return self._service.journal

    def carry_out(self, name: str, body: Mapping[str, Any]) -> Any:
        """Do what the control route ``name`` does with ``body``."""
        work = self._works[name]
        if self._journal is not None:
            text = write_json(dict(body))
            return self._journal.carry_out("POST", PREFIX + name, text, lambda: work(**_read(name, text)))
        if self._path is not None:
            raise RuntimeError("a sandbox with a state file can be changed only while it runs")
        return work(**body)

    def begin_anew(self) -> None:
        """Forget everything but the switches and the seeds of the start."""
        with self._journal.rewritten() if self._journal is not None else nullcontext():
            self._ledger.clear()
            self._use(Switches())
            self._set_first_switches()
            self._sow()

    def open_state(self) -> None:
        """Have what the state file says, if there is one, and note all changes from now on."""
        if self._path is None:
            return
        from brevo_balance_async.sandbox.state import StateFile  # noqa: PLC0415 - most have no state file

        from .journal import Journal  # noqa: PLC0415 - most have no state file, and start faster without

        file = StateFile(self._path)
        try:
            journal = Journal(file, self._ledger, self._ledger.clock)
            if file.new:
                self._service.journal = journal
                self.begin_anew()
                journal.begin(strict=self._ledger.strict, seeds=self._seeds)
            else:
                self._replay(journal)
                self._service.journal = journal
                self._set_first_switches()
        except BaseException:
            self._service.journal = None
            self._ledger.clock.on_turn = None
            file.close()
            raise

    def close_state(self) -> None:
        """Let go of the state file."""
        journal, self._service.journal = self._journal, None
        if journal is not None:
            journal.close()

    def _replay(self, journal: Journal) -> None:
        from brevo_balance_async.sandbox.state import StateError  # noqa: PLC0415 - it loads sqlite3, see open_state

        strict = json.loads(journal.file.about("strict") or "false")
        if strict != self._ledger.strict:
            how = "with" if strict else "without"
            raise StateError(
                f"the state file {self._path} was made {how} strict and cannot be used otherwise"
            )
        self._seeds = read_json((journal.file.about("seeds") or "[]").encode())
        self._ledger.clear()
        self._use(Switches())
        journal.replay(self._redo)

    def _redo(self, change: Change) -> Any:
        if not change.target.startswith(PREFIX):
            return self._service.redo(change)
        name = change.target.removeprefix(PREFIX)
        return self._works[name](**_read(name, change.content.decode()))

    # the changes

    def _sow(self) -> None:
        for seed in self._seeds:
            self.carry_out("seed", seed)

    def _seed(self, **what: Any) -> list[str]:
        self._ledger.settle()
        before = self._ledger.kept() if what.get("credits") else None
        try:
            return Seed(**what).sow(self._ledger)
        except Refusal:
            if before is not None:  # a credit was refused by the rules, when others were given already
                self._ledger.put_back(before)
            raise

    def _publish(self, program: str) -> None:
        self._ledger.settle()
        self._ledger.catalogue.publish(read_uuid("program", program))

    def _merge(self, **what: Any) -> None:
        ids = Fields(what)
        source, target = (present(ids.contact(name, required=True)) for name in ("contactId", "into"))
        self._ledger.settle()
        self._ledger.merge(read_uuid("program", what["program"]), source, target)

    def _set_switches(self, **changes: Any) -> None:
        switches = self._ledger.switches.replaced(changes)
        self._ledger.settle()
        self._use(switches)

    def _set_first_switches(self) -> None:
        """Let the switches be those of the start; a change is noted only if it is one."""
        wanted, now = asdict(self._first_switches), asdict(self._ledger.switches)
        changes = {name: value for name, value in wanted.items() if value != now[name]}
        if changes:
            self.carry_out("switches", changes)

    def _use(self, switches: Switches) -> None:
        self._ledger.switches = self._quota.switches = switches


def _read(name: str, text: str) -> dict[str, Any]:
    """The body of a change: amounts exact, but the numbers of switches as they are."""
    return dict(json.loads(text) if name == "switches" else read_json(text.encode()))
