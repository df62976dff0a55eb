"""The sandbox on a socket: its handles, start and stop, and where a request goes."""

from __future__ import annotations

import asyncio
import json
import logging
import pickle
import sys
from collections.abc import Mapping
from contextlib import suppress
from signal import SIGINT, SIGTERM
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from aiohttp import web
from attrs import asdict

from brevo_balance_async.sandbox.clock import SandboxClock
from brevo_balance_async.sandbox.faults.matching import Faults
from brevo_balance_async.sandbox.rules.ledger import Ledger
from brevo_balance_async.sandbox.rules.refusals import Refusal, malformed
from brevo_balance_async.sandbox.rules.switches import Switches

from .access import Access, TokenRefusal
from .control.answers import control_answer
from .control.routes import PREFIX
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
from .snapshots import Snapshot, taken
from .verification import differences
from .wire import forget_texts, read_json, write_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from brevo_balance_async.sandbox.state import Change


DEFAULT_KEY = "xkeysib-sandbox-0123456789abcdef-LOCAL"
TOKEN_PATH = "/realms/partner/oauth/token"  # noqa: S105 - a path
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
        self._host = host
        self._port = port
        if control_token == "":
            raise ValueError("control_token must not be empty")
        self._control_token = control_token
        self._seeds = [_plain(one) for one in _each(seed)]
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
        self._busy = 0
        self._idle: asyncio.Event | None = None
        self.snapshots: dict[str, Snapshot] = {}
        """Those that were asked for over HTTP, by name."""
        self._snapshots_taken = 0
        self._state = state
        self._changes: dict[str, Callable[..., Any]] = {
            "seed": self._seed,
            "publish": self._publish,
            "switches": self._set_switches,
            "merge": self._merge,
        }
        if state is None:
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
        self._change("switches", changes)

    def seed(self, program: str, **what: Any) -> list[str]:
        """Add ``contacts``, ``definitions``, ``credits``, ``histories`` to a program, publish it, return the new ids.

        See ``seeding.Seed`` for their forms. A history of a million rows takes no time: its rows are made when read.
        """
        return list(self._change("seed", _plain({"program": program, **what})))

    def merge_contacts(self, program: str, contact_id: int, into: int) -> None:
        """Make one member out of two: what ``contact_id`` has in every balance moves to ``into``.

        The ids of the transactions stay, and the old contact's history is empty afterwards.
        """
        self._change("merge", {"program": program, "contactId": contact_id, "into": into})

    def publish(self, program: str) -> None:
        """Let a program's edits reach its members, as the publish route does."""
        self._change("publish", {"program": program})

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
        self.ledger.clear()
        if self._service.journal is not None:
            self._service.journal.file.rewrite()
        self.clock.restart()
        self.faults.clear()
        self.requests.clear()
        self.quota.reset()
        self.access.revoke_tokens()
        forget_texts()
        self.snapshots.clear()
        self.ledger.switches = self.quota.switches = Switches()
        self._set_first_switches()
        self._sow()

    # what changes the state

    def _change(self, name: str, body: Mapping[str, Any]) -> Any:
        """Carry out a change and note it in the state file, if there is one, as its control route's request."""
        journal, work = self._service.journal, self._changes[name]
        if journal is not None:
            text = write_json(dict(body))
            return journal.carry_out("POST", PREFIX + name, text, lambda: work(**_read(name, text)))
        if self._state is not None:
            raise RuntimeError("a sandbox with a state file can be changed only while it runs")
        return work(**body)

    def _redo(self, change: Change) -> Any:
        if change.target.startswith(PREFIX):
            name = change.target.removeprefix(PREFIX)
            return self._changes[name](**_read(name, str(change.body)))
        return self._service.redo(change)

    def _seed(self, **what: Any) -> list[str]:
        self.ledger.settle()
        before = pickle.dumps(self.ledger.contents()) if what.get("credits") else None
        try:
            return Seed(**what).sow(self.ledger)
        except Refusal:
            if before is not None:  # a credit was refused by the rules, when others were given already
                self.ledger.replace(pickle.loads(before))  # noqa: S301 - pickled above
            raise

    def _publish(self, program: str) -> None:
        self.ledger.settle()
        self.ledger.catalogue.publish(read_uuid("program", program))

    def _merge(self, **what: Any) -> None:
        ids = Fields(what)
        source, target = (present(ids.contact(name, required=True)) for name in ("contactId", "into"))
        self.ledger.settle()
        self.ledger.merge(read_uuid("program", what["program"]), source, target)

    def _set_switches(self, **changes: Any) -> None:
        switches = self.switches.replaced(changes)
        self.ledger.settle()
        self.ledger.switches = self.quota.switches = switches

    def _set_first_switches(self) -> None:
        """Let the switches be those of the start; a change is noted only if it is one."""
        wanted, now = asdict(self._first_switches), asdict(self.switches)
        changes = {name: value for name, value in wanted.items() if value != now[name]}
        if changes:
            self._change("switches", changes)

    def _sow(self) -> None:
        for seed in self._seeds:
            self._change("seed", seed)

    def _open_state(self, path: str | Path) -> None:
        """Have what the state file says, and keep it up to date from now on."""
        # Most sandboxes have no state file and start faster without.
        from brevo_balance_async.sandbox.state import StateError, StateFile  # noqa: PLC0415

        from .journal import Journal  # noqa: PLC0415

        file = StateFile(path)
        try:
            journal = Journal(file, self.ledger, self.clock)
            self.ledger.clear()
            self.ledger.switches = self.quota.switches = Switches()
            if file.new:
                file.set_about(strict=write_json(self.ledger.strict), seeds=write_json(self._seeds))
                journal.save_clock()
            else:
                strict = json.loads(file.about("strict") or "false")
                if strict != self.ledger.strict:
                    raise StateError(
                        f"the state file {path} was made {'with' if strict else 'without'} strict"
                    )
                self._seeds = read_json((file.about("seeds") or "[]").encode())
                journal.replay(self._redo)
            self._service.journal = journal
            self._set_first_switches()
            if file.new:
                self._sow()
        except BaseException:
            self._service.journal = None
            self.clock.on_turn = None
            file.close()
            raise

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
        if self._state is not None:
            self._open_state(self._state)
        try:
            await self._bind()
        except BaseException:
            self._close_state()
            raise

    async def _bind(self) -> None:
        self._misbehaviour = Misbehaviour(self._service)
        self._idle = asyncio.Event()
        self._idle.set()
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
        self._close_state()

    async def drain(self, seconds: float = _GRACE_SECONDS) -> None:
        """Take no more connections, and wait until the requests in flight are answered, ``seconds`` at most.

        Delays and slow bodies are seen through; what is stalled for ever ends at once.
        """
        if self._runner is None or self._idle is None:
            return
        for site in list(self._runner.sites):
            await site.stop()
        self._misbehaviour.end_stalls()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._idle.wait()

    def _close_state(self) -> None:
        journal, self._service.journal = self._service.journal, None
        if journal is not None:
            journal.close()

    # one request

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        assert self._idle is not None
        self._busy += 1
        self._idle.clear()
        try:
            return await self._answered(request)
        finally:
            self._busy -= 1
            if not self._busy:
                self._idle.set()

    async def _answered(self, request: web.BaseRequest) -> web.StreamResponse:
        content, unread = await read_content(request)
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
            check_control(
                request.method,
                request.raw_path,
                request.remote or "",
                request.headers,
                token=self._control_token,
            )
            if unread is not None:
                raise unread
            try:
                body = json.loads(content) if content else None
            except (ValueError, RecursionError) as error:
                raise malformed(f"invalid JSON: {error}") from error
            asked = (request.method, path.removeprefix(PREFIX), request.rel_url.query, body)
            value, headers = control_answer(self, *asked, accept=request.headers.get("accept", ""))
            return response(self._service.answer(200, value, headers))
        except Refusal as refusal:
            return response(self._service.refused(refusal))


def _plain(seed: Mapping[str, Any]) -> dict[str, Any]:
    """A seed whose parts are lists, so that it can be sown again and written down. Raises ``TypeError``."""
    Seed(**seed)
    return {name: value if isinstance(value, str) else list(value) for name, value in seed.items()}


def _read(name: str, text: str) -> dict[str, Any]:
    """The body of a change: amounts exact, but the numbers of switches as they are."""
    return dict(json.loads(text) if name == "switches" else read_json(text.encode()))


def _each(seed: Mapping[str, Any] | Iterable[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    return [seed] if isinstance(seed, Mapping) else seed


async def serve(sandbox: Sandbox, *, stop: asyncio.Event | None = None) -> None:
    """Run ``sandbox`` until ``stop`` is set, or SIGINT or SIGTERM comes; requests in flight are finished.

    Prints one line on stdout, ``listening on http://HOST:PORT/v3``, once the port is bound; what a person needs
    besides goes to stderr. When it is told to stop a second time, nothing is waited for.
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
            print(_to_export(sandbox), file=sys.stderr, flush=True)  # noqa: T201 - for a person
            await stop.wait()
            stop.clear()
            drained, hurried = loop.create_task(sandbox.drain()), loop.create_task(stop.wait())
            await asyncio.wait([drained, hurried], return_when=asyncio.FIRST_COMPLETED)
            for task in (drained, hurried):
                task.cancel()
            await asyncio.wait([drained, hurried])
    finally:
        for signal in caught:
            loop.remove_signal_handler(signal)


def _to_export(sandbox: Sandbox) -> str:
    """What a shell needs to talk to the sandbox. A key of the caller's is not shown: it may be a real one."""
    ours = sandbox.api_key == DEFAULT_KEY
    return "\n".join(
        [
            f"# imitates api.brevo.com; to look at it: {sandbox.origin}{PREFIX}",
            f"export BREVO_BASE_URL={sandbox.base_url}",
            f"export BREVO_API_KEY={sandbox.api_key}" if ours else "# the API key is the one that was given",
        ]
    )
