"""A sandbox for programs that are not asynchronous: it serves from an event loop in a thread of its own.

Every use of a handle is carried out on that loop, between two requests, so that nobody sees a request half done. When
``sandbox.faults.add(...)`` returns, the server has the fault.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

from .http.app import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping
    from types import TracebackType
    from typing import Self, TypeVar

    from .clock import ClockTimer, SandboxClock
    from .faults.matching import Faults
    from .http.access import Access
    from .http.log import RequestLog
    from .http.quota import ServerQuota
    from .http.snapshots import Snapshot
    from .rules.ledger import Ledger
    from .rules.switches import Switches

    T = TypeVar("T")


class ThreadedSandbox:
    """``with ThreadedSandbox(rph=600) as sandbox``: a ``Sandbox`` for code that is not asynchronous.

    It takes the same arguments and has the same handles, which may be used from any thread. What a handle
    returns is a result and no handle: a list of transactions is read without the loop.
    """

    def __init__(self, **options: Any) -> None:
        self._sandbox = Sandbox(**options)
        self._loop = _LoopThread()

    def __enter__(self) -> Self:
        self._loop.start()
        try:
            self._loop.run(self._sandbox.start())
        except BaseException:
            self._loop.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._loop.run(self._sandbox.stop())
        finally:
            self._loop.stop()

    # addresses and keys, which never change while it runs

    @property
    def origin(self) -> str:
        """``http://host:port``."""
        return self._sandbox.origin

    @property
    def base_url(self) -> str:
        """What a client takes for ``https://api.brevo.com/v3``."""
        return self._sandbox.base_url

    @property
    def token_url(self) -> str:
        """Where OAuth client credentials are turned into a token."""
        return self._sandbox.token_url

    @property
    def api_key(self) -> str:
        """The key that is let in."""
        return self._sandbox.api_key

    @property
    def client_id(self) -> str:
        """The OAuth client that is let in."""
        return self._sandbox.client_id

    @property
    def client_secret(self) -> str:
        """Its secret."""
        return self._sandbox.client_secret

    # handles

    @property
    def clock(self) -> SandboxClock:
        """The clock; ``BalanceClient(clock=...)`` may wait on it in any thread's event loop."""
        return cast("SandboxClock", _ClockHandle(self._loop, self._sandbox.clock))

    @property
    def faults(self) -> Faults:
        """The script of faults."""
        return cast("Faults", _SequenceHandle(self._loop, self._sandbox.faults))

    @property
    def ledger(self) -> Ledger:
        """The money."""
        return cast("Ledger", _Handle(self._loop, self._sandbox.ledger))

    @property
    def requests(self) -> RequestLog:
        """The request log."""
        return cast("RequestLog", _SequenceHandle(self._loop, self._sandbox.requests))

    @property
    def quota(self) -> ServerQuota:
        """The account's quota."""
        return cast("ServerQuota", _Handle(self._loop, self._sandbox.quota))

    @property
    def access(self) -> Access:
        """Keys and tokens."""
        return cast("Access", _Handle(self._loop, self._sandbox.access))

    @property
    def switches(self) -> Switches:
        """How the undocumented is decided."""
        return self._sandbox.switches

    def set_switches(self, **changes: Any) -> None:
        """``Sandbox.set_switches``."""
        self._loop.call(self._sandbox.set_switches, **changes)

    def seed(self, program: str, **what: Any) -> list[str]:
        """``Sandbox.seed``."""
        return self._loop.call(self._sandbox.seed, program, **what)

    def publish(self, program: str) -> None:
        """``Sandbox.publish``."""
        self._loop.call(self._sandbox.publish, program)

    def merge_contacts(self, program: str, contact_id: int, into: int) -> None:
        """``Sandbox.merge_contacts``."""
        self._loop.call(self._sandbox.merge_contacts, program, contact_id, into)

    def hits(self, operation: str | None = None) -> int:
        """``Sandbox.hits``."""
        return self._loop.call(self._sandbox.hits, operation)

    def expect(
        self,
        hits: Mapping[str, int] | None = None,
        *,
        applied: Mapping[str, int] | None = None,
        only: bool = False,
    ) -> None:
        """``Sandbox.expect``."""
        self._loop.call(self._sandbox.expect, hits, applied=applied, only=only)

    def snapshot(self) -> Snapshot:
        """``Sandbox.snapshot``."""
        return self._loop.call(self._sandbox.snapshot)

    def restore(self, snapshot: Snapshot) -> None:
        """``Sandbox.restore``."""
        self._loop.call(self._sandbox.restore, snapshot)

    def reset(self) -> None:
        """``Sandbox.reset``."""
        self._loop.call(self._sandbox.reset)


class _LoopThread:
    """An event loop in a daemon thread, from ``start`` to ``stop``."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        if self._loop is not None:
            raise RuntimeError("the sandbox is running already")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="brevo-sandbox", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        loop, thread = self._loop, self._thread
        self._loop = self._thread = None
        if loop is not None and thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of a coroutine."""
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def call(self, work: Callable[..., T], *arguments: Any, **named: Any) -> T:
        """The result of a function that runs between two requests; while nothing is served, in this thread."""
        if self._loop is None or threading.current_thread() is self._thread:
            return work(*arguments, **named)

        async def on_the_loop() -> T:
            result = work(*arguments, **named)
            return cast("T", list(result)) if isinstance(result, Iterator) else result

        return self.run(on_the_loop())


class _Handle:
    """A handle whose every use is carried out on the loop."""

    __slots__ = ("_loop", "_target")

    def __init__(self, loop: _LoopThread, target: Any) -> None:
        object.__setattr__(self, "_loop", loop)
        object.__setattr__(self, "_target", target)

    def __getattr__(self, name: str) -> Any:
        if callable(getattr(type(self._target), name, None)):
            method = getattr(self._target, name)
            return lambda *arguments, **named: self._loop.call(method, *arguments, **named)
        return self._loop.call(getattr, self._target, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._loop.call(setattr, self._target, name, value)

    def __repr__(self) -> str:
        return repr(self._target)


class _SequenceHandle(_Handle):
    """A handle that is also a sequence of records."""

    __slots__ = ()

    def __len__(self) -> int:
        length: int = self._loop.call(len, self._target)
        return length

    def __iter__(self) -> Iterator[Any]:
        return iter(self._loop.call(list, self._target))

    def __getitem__(self, index: Any) -> Any:
        return self._loop.call(self._target.__getitem__, index)


class _ClockHandle(_Handle):
    """The clock: its timers fire on the loop that asked for them, so that this is not done on the sandbox's."""

    __slots__ = ()

    def call_later(self, delay: float, callback: Callable[[], None]) -> ClockTimer:
        timer: ClockTimer = self._target.call_later(delay, callback)
        return timer
