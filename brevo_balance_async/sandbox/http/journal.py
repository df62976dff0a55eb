"""What changes the state, noted in a state file, and done again when the sandbox starts with that file.

Doing it again gives the same state, because all that a change depends on is given back to it: the moment (the clock
stands still while a change is carried out) and the ids it made. What falls due between two changes is judged as of its
own moment, whenever somebody looks. The outcome of each change is compared with the one that was noted: a later version
with other rules refuses the file rather than show balances that were never answered.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

from brevo_balance_async.sandbox.rules.periods import later
from brevo_balance_async.sandbox.rules.refusals import Refusal
from brevo_balance_async.sandbox.state import Change, StateError

from .wire import read_json, rfc3339, write_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from brevo_balance_async.sandbox.clock import SandboxClock
    from brevo_balance_async.sandbox.rules.ledger import Ledger
    from brevo_balance_async.sandbox.state import StateFile

    T = TypeVar("T")

_TOLD = ("id", "status", "amount", "balance")
"""Members of an answer that its outcome consists of."""


class Journal:
    """The changes of one state file, and the clock as it was last seen."""

    def __init__(self, file: StateFile, ledger: Ledger, clock: SandboxClock) -> None:
        self.file = file
        self._ledger = ledger
        self._clock = clock
        self._failure: OSError | None = None
        self._key = file.about("ids") or uuid4().hex
        clock.on_turn = self.save_clock

    def begin(self, **facts: Any) -> None:
        """Note the facts of a new file."""
        self.file.set_about(ids=self._key, **{name: write_json(value) for name, value in facts.items()})
        self.save_clock()

    def close(self) -> None:
        """Note what the clock shows, and let go of the file."""
        self._clock.on_turn = None
        with suppress(Refusal):  # it was told already
            self.save_clock()
        self.file.close()

    def carry_out(
        self, method: str, target: str, body: str | bytes, work: Callable[[], T], *, reads: bool = False
    ) -> T:
        """Do ``work`` and note it. A read is noted only if it opened accounts, which then have their ``updatedAt``.

        Raises a 507 once a change could not be written: what came after it would make no sense without it.
        """
        if self._failure is not None and not reads:
            raise _not_saved(self._failure)
        number, accounts = self.file.next_number, self._ledger.account_count()
        with self._clock.held() as moment, self._ledger.ids.of(f"{self._key}:{number}"):
            result, outcome = _outcome(work)
        if not reads or self._ledger.account_count() != accounts:
            change = Change(number, rfc3339(moment), method, target, _readable(body), outcome)
            with self._writing():
                self.file.append(change)
        return result()

    @contextmanager
    def rewritten(self, changes: Iterable[Change] = ()) -> Iterator[None]:
        """Have these changes and no others, and those that the block makes, at once."""
        with self._writing(), self.file.at_once():
            self.file.rewrite(changes)
            yield

    def replay(self, redo: Callable[[Change], Any]) -> None:
        """Do again what the file says, and set the clock. Raises ``StateError`` if something comes out otherwise."""
        last = None
        for change in self.file.changes():
            last = datetime.fromisoformat(change.moment)
            with self._clock.held(last), self._ledger.ids.of(f"{self._key}:{change.number}"):
                _, outcome = _outcome(lambda: redo(change))  # noqa: B023 - it is called at once
            if outcome != change.outcome:
                raise StateError(
                    f"change {change.number} of the state file ({change.method} {change.target}) was answered "
                    f"'{change.outcome}' and would now be answered '{outcome}': the sandbox that wrote it "
                    "had other rules. Use that version, or start a new file"
                )
        self._load_clock(last)

    def save_clock(self) -> None:
        """Note what the clock shows."""
        shown = {
            "now": rfc3339(self._clock.now()),
            "frozen": self._clock.frozen,
            "at": rfc3339(datetime.now(UTC)),
        }
        with self._writing():
            self.file.set_about(clock=write_json(shown))

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._failure = error
            raise _not_saved(error) from error

    def _load_clock(self, last: datetime | None) -> None:
        """Set the clock to where it would be had it gone on, and not before the last change."""
        noted = self.file.about("clock")
        if noted is None:
            return
        shown = read_json(noted.encode())
        moment = datetime.fromisoformat(shown["now"])
        if not shown["frozen"]:
            moment = later(moment, max(datetime.now(UTC) - datetime.fromisoformat(shown["at"]), timedelta(0)))
        self._clock.turn_to(max(moment, last or moment), frozen=shown["frozen"])


def _outcome(work: Callable[[], T]) -> tuple[Callable[[], T], str]:
    """``work``'s result, to be taken by calling it, and what is noted of it. A result may be an exception."""
    try:
        value = work()
    except Refusal as refusal:
        return _raiser(refusal), f"{refusal.status} {refusal.code}"
    except Exception as error:  # noqa: BLE001 - it is raised again; what it left behind was noted, as any change
        return _raiser(error), type(error).__name__
    told = [value[name] for name in _TOLD if name in value] if isinstance(value, dict) else []
    told += value if isinstance(value, list) else []
    return lambda: value, write_json([200 if value is not None else 204, *told])


def _readable(body: str | bytes) -> str | bytes:
    with suppress(UnicodeDecodeError):
        return body if isinstance(body, str) else body.decode()
    return body


def _raiser(error: Exception) -> Callable[[], Any]:
    def again() -> Any:
        raise error

    return again


def _not_saved(error: OSError) -> Refusal:
    return Refusal(507, "state_not_saved", f"{error}; nothing more is changed until the sandbox is restarted")
