"""The sandbox on a socket: its handles, start and stop, and where a request goes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from aiohttp import web

from brevo_balance_async.sandbox.clock import SandboxClock
from brevo_balance_async.sandbox.faults.matching import Faults
from brevo_balance_async.sandbox.rules.ledger import Ledger
from brevo_balance_async.sandbox.rules.refusals import Refusal, not_allowed
from brevo_balance_async.sandbox.rules.switches import Switches

from .access import TOKEN_PATH, Access, TokenRefusal
from .changes import Changes
from .control.answers import control_answer, private, read_control
from .control.routes import PREFIX
from .guard import check_control, is_loopback
from .inflight import InFlight
from .log import RequestLog
from .misbehaviour import Misbehaviour, response
from .quota import ServerQuota
from .reading import read_content
from .redaction import quotes_no_request
from .routes import OPERATIONS
from .seeding import plain_seed
from .service import Service
from .snapshots import Snapshot, taken
from .verification import differences
from .wire import forget_texts

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from types import TracebackType
    from typing import Self


DEFAULT_KEY = "xkeysib-sandbox-0123456789abcdef-LOCAL"
_SHUTDOWN_SECONDS = 1.0
_GRACE_SECONDS = 10.0
"""How long a server that is told to end waits for the requests in flight."""
_LOGGER = logging.getLogger("brevo_balance_async.sandbox")
_LOGGER.addFilter(quotes_no_request)


class Sandbox:
    """A local Brevo Balance API that keeps state; it imitates Brevo and never talks to it.

    ``async with Sandbox() as sandbox`` serves on a free port of ``host`` until the block ends. ``rph`` is the hourly
    quota (None: no quota, no quota headers). ``switches`` decide what Brevo's documents leave open; single ones may be
    given by name. With ``strict`` programs and contacts must be seeded and edits be published; without it every program
    and contact exists and edits are published as they are made. ``seed`` is what ``seed()`` takes, one or several.
    ``log_size`` bounds ``requests``. A host that is not loopback is refused unless ``allow_public``; whoever sends
    ``control_token`` as ``Authorization: Bearer`` may use the control routes from other addresses.

    ``state`` names a file that keeps what was done (see ``sandbox.state``): it is opened by ``start``, made when there
    is none, and nobody else may use it meanwhile. ``seed`` fills a new file only. Switches, quota and keys are those
    of each start; faults, log and tokens begin anew. What is done to ``ledger`` behind the sandbox's back is not kept.

    Handles: ``clock``, ``ledger``, ``faults``, ``requests``, ``quota``, ``access``, ``switches``.
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
            raise ValueError(f"{host} is not a loopback address; allow_public=True serves it all the same")
        if control_token == "":
            raise ValueError("control_token must not be empty")
        if not api_key:
            raise ValueError("api_key must not be empty")
        self._control_token = control_token
        self._host = host
        self._port = port
        first_switches = (switches or Switches()).replaced(changes)
        self.clock: SandboxClock = clock or SandboxClock()
        self.faults: Faults = Faults(OPERATIONS)
        self.requests: RequestLog = RequestLog(log_size)
        self.ledger: Ledger = Ledger(self.clock, first_switches, strict=strict)
        self.quota: ServerQuota = ServerQuota(rph, self.clock, first_switches)
        self.access: Access = Access(api_key, client_id, client_secret, self.clock)
        self.snapshots: dict[str, Snapshot] = {}
        """Those that were asked for over HTTP, by name."""
        self._snapshots_taken = 0
        self._service = Service(self.ledger, self.access, self.quota, self.requests)
        self._changes = Changes(self._service, self.ledger, self.quota, seeds=_each(seed), state=state)
        self._runner: web.ServerRunner | None = None
        self._misbehaviour = Misbehaviour(self._service)
        self._in_flight = InFlight()
        self._draining = False

    # addresses and keys

    @property
    def origin(self) -> str:
        """``http://host:port`` of a running sandbox."""
        if self._runner is None:
            raise RuntimeError("the sandbox is not running")
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

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
        return self.access.api_key

    @property
    def client_id(self) -> str:
        """The OAuth client that is let in."""
        return self.access.client_id

    @property
    def client_secret(self) -> str:
        """Its secret."""
        return self.access.client_secret

    # handles

    @property
    def switches(self) -> Switches:
        """How the undocumented is decided."""
        return self.ledger.switches

    def set_switches(self, **changes: Any) -> None:
        """Set some switches otherwise, from the next request on."""
        self._changes.carry_out("switches", changes)

    def seed(self, program: str, **what: Any) -> list[str]:
        """Add ``contacts``, ``definitions``, ``credits``, ``histories`` to a program, publish it, return the new ids.

        See ``seeding.Seed`` for their forms. A history of a million rows takes no time: its rows are made when read.
        """
        return list(self._changes.carry_out("seed", plain_seed({"program": program, **what})))

    def merge_contacts(self, program: str, contact_id: int, into: int) -> None:
        """Make one member out of two: what ``contact_id`` has in every balance moves to ``into``.

        The ids of the transactions stay, and the old contact's history is empty afterwards.
        """
        self._changes.carry_out("merge", {"program": program, "contactId": contact_id, "into": into})

    def publish(self, program: str) -> None:
        """Let a program's edits reach its members, as the publish route does."""
        self._changes.carry_out("publish", {"program": program})

    def hits(self, operation: str | None = None) -> int:
        """How many requests reached an operation, or all of them, since the start or the last reset."""
        return self.requests.hits(operation)

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
        lines = differences(self.requests, hits=hits or {}, applied=applied or {}, only=only)
        if lines:
            raise AssertionError("\n".join(lines))

    def snapshot(self) -> Snapshot:
        """Remember all there is, for ``restore``: the money, its rules, the switches, the quota spent, the clock."""
        self._snapshots_taken += 1
        return taken(self._snapshots_taken, self.ledger, self.quota, self._service.journal)

    def restore(self, snapshot: Snapshot) -> None:
        """Go back to a snapshot of this sandbox, as often as you like. Faults, log and tokens stay as they are."""
        snapshot.put_back(self.ledger, self.quota, self._service.journal)
        self.ledger.switches = self.quota.switches = snapshot.switches
        self.clock.turn_to(snapshot.moment, frozen=snapshot.frozen)

    def reset(self) -> None:
        """Forget state, log, faults, tokens and spent quota, restore switches and seed, set the clock back."""
        self.clock.restart()
        self.faults.clear()
        self.requests.clear()
        self.quota.reset()
        self.access.revoke_tokens()
        self.snapshots.clear()
        forget_texts()
        self._changes.begin_anew()

    # life

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Bind and serve. A sandbox that was stopped may be started again, with its state, on the same port."""
        if self._runner is not None:
            raise RuntimeError("the sandbox is running already")
        self._changes.open_state()
        try:
            await self._bind()
        except BaseException:
            self._changes.close_state()
            raise

    async def _bind(self) -> None:
        self._misbehaviour = Misbehaviour(self._service)
        server = web.Server(self._handle, handler_cancellation=True, access_log=None, logger=_LOGGER)
        runner = web.ServerRunner(server, shutdown_timeout=_SHUTDOWN_SECONDS)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port).start()
        except BaseException:
            await runner.cleanup()
            raise
        self._runner, self._draining = runner, False
        self._port = runner.addresses[0][1]

    async def stop(self) -> None:
        """Close every connection and free the port; calls that are stalled end. Harmless when not running."""
        runner, self._runner = self._runner, None
        if runner is None:
            return
        self._misbehaviour.stop()
        await runner.cleanup()
        self._changes.close_state()

    async def drain(self, seconds: float = _GRACE_SECONDS) -> None:
        """Take no more connections, and wait until the requests in flight are answered, ``seconds`` at most.

        A request whose body is still coming is in flight, too. Every answer closes its connection.
        Delays and slow bodies are seen through; what is stalled for ever ends at once.
        """
        if self._runner is None:
            return
        for site in list(self._runner.sites):
            await site.stop()
        self._draining = True
        if self._runner.server is not None:
            for connection in self._runner.server.connections:
                if connection not in self._in_flight:
                    connection.close()
        self._misbehaviour.end_stalls()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._in_flight.none()

    # one request

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        with self._in_flight.on(request.protocol):
            content, unread = await read_content(request)
            answer = await self._answered(request, content, unread)
            if unread is not None or self._draining:
                answer.force_close()
            return answer

    async def _answered(
        self, request: web.BaseRequest, content: bytes, unread: Refusal | None
    ) -> web.StreamResponse:
        path = request.rel_url.raw_path
        if path.startswith(PREFIX):
            return self._control(request, path, content, unread)
        headers = {name.lower(): value for name, value in request.headers.items()}
        if path == TOKEN_PATH:
            return self._token(request.method, content, headers)
        query = request.rel_url.query
        received = self._service.receive(request.method, path, query, headers, content, unread)
        effect = None
        if len(self.faults):
            contact_id = self._service.contact_of(received)
            effect = self.faults.strike(received.record.operation, contact_id)
        if effect is not None:
            return await self._misbehaviour.act(request, received, effect)
        answer = self._service.perform(received)
        self._service.settle(received, answer.status, applied=answer.applied)
        return response(answer)

    def _token(self, method: str, content: bytes, headers: Mapping[str, str]) -> web.Response:
        if method != "POST":
            return response(self._service.refused(not_allowed(("POST",))))
        form = dict(parse_qsl(content.decode("latin-1")))
        try:
            return response(self._service.answer(200, self.access.issue(form, headers)))
        except TokenRefusal as refusal:
            return response(self._service.answer(refusal.status, {"error": refusal.error}))

    def _control(
        self, request: web.BaseRequest, path: str, content: bytes, unread: Refusal | None
    ) -> web.Response:
        try:
            caller = (request.method, request.raw_path, request.remote or "", request.headers)
            check_control(*caller, token=self._control_token)
            if unread is not None:
                raise unread
            asked = (request.method, path.removeprefix(PREFIX), request.rel_url.query, read_control(content))
            value, headers = control_answer(self, *asked, accept=request.headers.get("accept", ""))
            answer = self._service.answer(200, value, headers)
        except Refusal as refusal:
            answer = self._service.refused(refusal)
        return response(private(answer))


def _each(seed: Mapping[str, Any] | Iterable[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    return [seed] if isinstance(seed, Mapping) else seed
