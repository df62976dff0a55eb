"""The sandbox on a socket: its handles, start and stop, and where a request goes."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from contextlib import suppress
from signal import SIGINT, SIGTERM
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from aiohttp import web

from brevo_balance_async.sandbox.faults.matching import Faults
from brevo_balance_async.sandbox.rules.clock import SandboxClock
from brevo_balance_async.sandbox.rules.ledger import Ledger
from brevo_balance_async.sandbox.rules.refusals import Refusal, malformed
from brevo_balance_async.sandbox.rules.switches import Switches

from .access import Access, TokenRefusal
from .control import PREFIX, control
from .fields import Fields, present, read_uuid
from .guard import check_control, is_loopback
from .log import RequestLog
from .misbehaviour import Misbehaviour, response
from .quota import ServerQuota
from .reading import read_content
from .redaction import quotes_no_request
from .routes import OPERATIONS
from .seeding import Seed
from .service import Service
from .wire import forget_texts

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType
    from typing import Self

TOKEN_PATH = "/realms/partner/oauth/token"  # noqa: S105 - a path
_SHUTDOWN_SECONDS = 1.0
_LOGGER = logging.getLogger("brevo_balance_async.sandbox")
_LOGGER.addFilter(quotes_no_request)


class Sandbox:
    """A local Brevo Balance API that keeps state; it imitates Brevo and never talks to it.

    ``async with Sandbox() as sandbox`` serves on a free port of ``host`` until the block ends. ``rph`` is the hourly
    quota (None: no quota, no quota headers). ``switches`` decide what Brevo's documents leave open; single ones may be
    given by name. With ``strict`` programs and contacts must be seeded and edits be published; without it every program
    and contact exists and edits are published as they are made. ``seed`` is what ``seed()`` takes, one or several.
    ``log_size`` bounds ``requests``. A host that is not loopback is refused unless ``allow_public``.

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
        api_key: str = "xkeysib-sandbox-0123456789abcdef-LOCAL",
        client_id: str = "sandbox-client",
        client_secret: str = "sandbox-client-secret",  # noqa: S107 - it opens nothing but the sandbox
        log_size: int = 20_000,
        allow_public: bool = False,
        switches: Switches | None = None,
        **changes: Any,
    ) -> None:
        if not allow_public and not is_loopback(host):
            raise ValueError(f"{host} is not a loopback address; allow_public=True serves it all the same")
        self._host = host
        self._port = port
        self._seeds = [Seed(**one) for one in _each(seed)]
        self._first_switches = (switches or Switches()).replaced(changes)
        self.clock = clock or SandboxClock()
        self.faults = Faults(OPERATIONS)
        self.requests = RequestLog(log_size)
        self.ledger = Ledger(self.clock, self._first_switches, strict=strict)
        self.quota = ServerQuota(rph, self.clock, self._first_switches)
        self.access = Access(api_key, client_id, client_secret, self.clock)
        self._service = Service(self.ledger, self.access, self.quota, self.requests)
        self._runner: web.ServerRunner | None = None
        self._misbehaviour = Misbehaviour(self._service)
        self._sow()

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
        self.ledger.switches = self.quota.switches = self.switches.replaced(changes)

    def seed(self, program: str, **what: Any) -> list[str]:
        """Add ``contacts``, ``definitions`` and ``histories`` to a program, publish it, return the definitions' ids.

        See ``seeding.Seed`` for their forms. A history of a million rows takes no time: its rows are made when read.
        """
        return Seed(program=program, **what).sow(self.ledger)

    def merge_contacts(self, program: str, contact_id: int, into: int) -> None:
        """Make one member out of two: what ``contact_id`` has in every balance moves to ``into``.

        The ids of the transactions stay, and the old contact's history is empty afterwards.
        """
        ids = Fields({"contactId": contact_id, "into": into})
        source, target = (present(ids.contact(name, required=True)) for name in ("contactId", "into"))
        self.ledger.merge(read_uuid("program", program), source, target)

    def publish(self, program: str) -> None:
        """Let a program's edits reach its members, as the publish route does."""
        self.ledger.catalogue.publish(program)

    def hits(self, operation: str | None = None) -> int:
        """How many requests reached an operation, or all of them, since the start or the last reset."""
        return self.requests.hits(operation)

    def reset(self) -> None:
        """Forget state, log, faults, tokens and spent quota, restore switches and seed; the clock goes on."""
        self.ledger.clear()
        self.ledger.switches = self.quota.switches = self._first_switches
        self.faults.clear()
        self.requests.clear()
        self.quota.reset()
        self.access.revoke_tokens()
        forget_texts()
        self._sow()

    def _sow(self) -> None:
        for seed in self._seeds:
            seed.sow(self.ledger)

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
        self._misbehaviour = Misbehaviour(self._service)
        server = web.Server(self._handle, handler_cancellation=True, access_log=None, logger=_LOGGER)
        runner = web.ServerRunner(server, shutdown_timeout=_SHUTDOWN_SECONDS)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port).start()
        except BaseException:
            await runner.cleanup()
            raise
        self._runner = runner
        self._port = runner.addresses[0][1]

    async def stop(self) -> None:
        """Close every connection and free the port; calls that are stalled end. Harmless when not running."""
        runner, self._runner = self._runner, None
        if runner is None:
            return
        self._misbehaviour.stop()
        await runner.cleanup()

    # one request

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        content, unread = await read_content(request)
        answer = await self._answered(request, content, unread)
        if unread is not None:
            answer.force_close()
        return answer

    async def _answered(
        self, request: web.BaseRequest, content: bytes, unread: Refusal | None
    ) -> web.StreamResponse:
        path = request.rel_url.raw_path
        if path.startswith(PREFIX):
            return self._control(request, path, content, unread)
        headers = {name.lower(): value for name, value in request.headers.items()}
        if path == TOKEN_PATH and request.method == "POST":
            return self._token(content, headers)
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

    def _token(self, content: bytes, headers: Mapping[str, str]) -> web.Response:
        form = dict(parse_qsl(content.decode("latin-1")))
        try:
            return response(self._service.answer(200, self.access.issue(form, headers)))
        except TokenRefusal as refusal:
            return response(self._service.answer(refusal.status, {"error": refusal.error}))

    def _control(
        self, request: web.BaseRequest, path: str, content: bytes, unread: Refusal | None
    ) -> web.Response:
        try:
            check_control(request.method, request.raw_path, request.remote or "", request.headers)
            if unread is not None:
                raise unread
            try:
                body = json.loads(content) if content else None
            except (ValueError, RecursionError) as error:
                raise malformed(f"invalid JSON: {error}") from error
            return response(self._service.answer(200, control(self, request.method, path, body)))
        except Refusal as refusal:
            return response(self._service.refused(refusal))


def _each(seed: Mapping[str, Any] | Iterable[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    return [seed] if isinstance(seed, Mapping) else seed


async def serve(sandbox: Sandbox, *, stop: asyncio.Event | None = None) -> None:
    """Run ``sandbox`` until ``stop`` is set, or SIGINT or SIGTERM comes.

    Prints one line, ``listening on http://HOST:PORT/v3``, once the port is bound.
    """
    stop = stop or asyncio.Event()
    loop = asyncio.get_running_loop()
    caught = []
    for signal in (SIGINT, SIGTERM):
        with suppress(NotImplementedError):  # the loops of Windows take no signal handlers
            loop.add_signal_handler(signal, stop.set)
            caught.append(signal)
    try:
        async with sandbox:
            print(f"listening on {sandbox.base_url}", flush=True)  # noqa: T201 - it is the command's output
            await stop.wait()
    finally:
        for signal in caught:
            loop.remove_signal_handler(signal)
