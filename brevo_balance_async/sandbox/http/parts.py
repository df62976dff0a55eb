"""What a sandbox consists of, and how its owner gets at it: handles, addresses, keys."""

from __future__ import annotations

from collections.abc import Mapping
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
from .server import Server
from .service import Service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from typing import ParamSpec, TypeVar

    from .snapshots import Snapshot

    P = ParamSpec("P")
    T = TypeVar("T")

DEFAULT_KEY = "xkeysib-sandbox-0123456789abcdef-LOCAL"


class Parts:
    """The parts of a sandbox, its addresses and keys. ``Sandbox`` says what the arguments mean.

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


def _each(seed: Mapping[str, Any] | Iterable[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    return [seed] if isinstance(seed, Mapping) else seed
