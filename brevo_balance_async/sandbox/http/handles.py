"""What may be done to a sandbox besides sending it requests: seeds, switches, snapshots, expectations, a reset."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from .parts import Parts
from .seeding import plain_seed
from .snapshots import Snapshot, taken
from .verification import differences
from .wire import forget_texts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Concatenate, ParamSpec, TypeVar

    H = TypeVar("H", bound="Handles")
    P = ParamSpec("P")
    T = TypeVar("T")


def between_requests(method: Callable[Concatenate[H, P], T]) -> Callable[Concatenate[H, P], T]:
    """Let ``method`` run on the sandbox's event loop, between two requests, whichever thread calls it."""

    @wraps(method)
    def on_the_loop(self: H, /, *arguments: P.args, **named: P.kwargs) -> T:
        return self._call(method, self, *arguments, **named)

    return on_the_loop


class Handles(Parts):
    """What ``Sandbox`` and ``ThreadedSandbox`` have in common."""

    @between_requests
    def set_switches(self, /, **changes: Any) -> None:
        """Set some switches otherwise, from the next request on."""
        self._changes.carry_out("switches", changes)

    @between_requests
    def seed(self, /, program: str, **what: Any) -> list[str]:
        """Add ``contacts``, ``definitions``, ``credits``, ``histories`` to a program, publish it, return the new ids.

        See ``seeding.Seed`` for their forms. A history of a million rows takes no time: its rows are made when read.
        """
        return list(self._changes.carry_out("seed", plain_seed({"program": program, **what})))

    @between_requests
    def merge_contacts(self, program: str, contact_id: int, into: int) -> None:
        """Make one member out of two: what ``contact_id`` has in every balance moves to ``into``.

        The ids of the transactions stay, and the old contact's history is empty afterwards.
        """
        self._changes.carry_out("merge", {"program": program, "contactId": contact_id, "into": into})

    @between_requests
    def publish(self, program: str) -> None:
        """Let a program's edits reach its members, as the publish route does."""
        self._changes.carry_out("publish", {"program": program})

    @between_requests
    def hits(self, operation: str | None = None) -> int:
        """How many requests reached an operation, or all of them, since the start or the last reset."""
        return self._requests.hits(operation)

    @between_requests
    def expect(
        self,
        hits: Mapping[str, int] | None = None,
        *,
        applied: Mapping[str, int] | None = None,
        only: bool = False,
    ) -> None:
        """Raise ``AssertionError`` unless so many requests came, or were carried out, by operation.

        The error lists the requests of each operation that differs. An operation that is not named may have had any
        number, or with ``only`` none at all.
        """
        lines = differences(self._requests, hits=hits or {}, applied=applied or {}, only=only)
        if lines:
            raise AssertionError("\n".join(lines))

    @between_requests
    def snapshot(self) -> Snapshot:
        """Remember all there is, for ``restore``: the money, its rules, the switches, the quota spent, the clock."""
        self._snapshots_taken += 1
        return taken(self._snapshots_taken, self._ledger, self._quota, self._service.journal)

    @between_requests
    def restore(self, snapshot: Snapshot) -> None:
        """Go back to a snapshot of this sandbox, as often as you like. Faults, log and tokens stay as they are."""
        snapshot.put_back(self._ledger, self._quota, self._service.journal)
        self._ledger.switches = self._quota.switches = snapshot.switches
        self._clock.turn_to(snapshot.moment, frozen=snapshot.frozen)

    @between_requests
    def reset(self) -> None:
        """Forget state, log, faults, tokens and spent quota, restore switches and seed, set the clock back."""
        self._clock.restart()
        self._faults.clear()
        self._requests.clear()
        self._quota.reset()
        self._access.revoke_tokens()
        self.snapshots.clear()
        forget_texts()
        self._changes.begin_anew()
