"""What a sandbox lets its owner see and do: its handles, and changes that no request of the API makes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any

from brevo_balance_async.sandbox.clock import SandboxClock
from brevo_balance_async.sandbox.faults.matching import Faults
from brevo_balance_async.sandbox.rules.ledger import Ledger
from brevo_balance_async.sandbox.rules.switches import Switches

from .access import TOKEN_PATH, Access
from .changes import Changes
from .guard import is_loopback
from .log import RequestLog
from .quota import ServerQuota
from .routes import OPERATIONS
from .seeding import plain_seed
from .server import Server
from .service import Service
from .snapshots import Snapshot, taken
from .verification import differences
from .wire import forget_texts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from typing import Concatenate, ParamSpec, TypeVar

    H = TypeVar("H", bound="Handles")
    P = ParamSpec("P")
    T = TypeVar("T")

DEFAULT_KEY = "xkeysib-sandbox-0123456789abcdef-LOCAL"


def between_requests(method: Callable[Concatenate[H, P], T]) -> Callable[Concatenate[H, P], T]:
    """Let ``method`` run on the sandbox's event loop, between two requests, whichever thread calls it."""

    @wraps(method)
    def on_the_loop(self: H, /, *arguments: P.args, **named: P.kwargs) -> T:
        return self._call(method, self, *arguments, **named)

    return on_the_loop


class Handles:
    """What ``Sandbox`` and ``ThreadedSandbox`` have in common. ``Sandbox`` says what the arguments mean.

    A subclass may run everything on another thread's loop: it overrides ``_call``, through which every method goes,
    and ``_handle``, which gives out every handle.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        rph: int | None = None,
        strict: bool = False,
        clock: SandboxClock | None = None,
        seed: Mapping[str, Any] | Iterable[Mapping[str, Any]] = (),
        api_key: str = DEFAULT_KEY,
        client_id: str = "sandbox-client",
        client_secret: str = "sandbox-client-secret",  # noqa: S107 - it opens nothing but the sandbox
        control_token: str | None = None,
        state: str | Path | None = None,
        log_size: int = 20_000,
        allow_public: bool = False,
        switches: Switches | None = None,
        **changes: Any,
    ) -> None:
        if not allow_public and not is_loopback(host):
            raise ValueError(
                f"{host} is not a loopback address; allow_public=True (--allow-public) serves it all the same"
            )
        if control_token == "":
            raise ValueError("control_token must not be empty")
        if not api_key:
            raise ValueError("api_key must not be empty")
        self._control_token = control_token
        first_switches = (switches or Switches()).replaced(changes)
        self._clock = clock or SandboxClock()
        self._faults = Faults(OPERATIONS)
        self._requests = RequestLog(log_size)
        self._ledger = Ledger(self._clock, first_switches, strict=strict)
        self._quota = ServerQuota(rph, self._clock, first_switches)
        self._access = Access(api_key, client_id, client_secret, self._clock)
        self.snapshots: dict[str, Snapshot] = {}
        """Those that were asked for over HTTP, by name."""
        self._snapshots_taken = 0
        self._service = Service(self._ledger, self._access, self._quota, self._requests)
        self._changes = Changes(self._service, self._ledger, self._quota, seeds=_each(seed), state=state)
        self._server = Server(host, port)

    def _call(self, work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """The result of ``work``."""
        return work(*arguments, **named)

    def _handle(self, part: T) -> T:
        """``part`` as its owner gets it."""
        return part

    # handles

    @property
    def clock(self) -> SandboxClock:
        """The clock; ``BalanceClient(clock=...)`` may wait on it, in any thread's event loop."""
        return self._handle(self._clock)

    @property
    def ledger(self) -> Ledger:
        """The money: balances, transactions, programs and their rules."""
        return self._handle(self._ledger)

    @property
    def faults(self) -> Faults:
        """The script of faults."""
        return self._handle(self._faults)

    @property
    def requests(self) -> RequestLog:
        """The request log."""
        return self._handle(self._requests)

    @property
    def quota(self) -> ServerQuota:
        """The account's quota."""
        return self._handle(self._quota)

    @property
    def access(self) -> Access:
        """Keys and tokens."""
        return self._handle(self._access)

    @property
    def switches(self) -> Switches:
        """How the undocumented is decided; ``set_switches`` changes it."""
        return self._ledger.switches

    # addresses and keys

    @property
    def origin(self) -> str:
        """``http://host:port`` of a running sandbox."""
        return self._server.origin

    @property
    def base_url(self) -> str:
        """What a client takes for ``https://api.brevo.com/v3``."""
        return self.origin + "/v3"

    @property
    def token_url(self) -> str:
        """Where OAuth client credentials are turned into a token."""
        return self.origin + TOKEN_PATH

    @property
    def api_key(self) -> str:
        """The key that is let in."""
        return self._access.api_key

    @property
    def client_id(self) -> str:
        """The OAuth client that is let in."""
        return self._access.client_id

    @property
    def client_secret(self) -> str:
        """Its secret."""
        return self._access.client_secret

    # what may be done to it

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


def _each(seed: Mapping[str, Any] | Iterable[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    return [seed] if isinstance(seed, Mapping) else seed
