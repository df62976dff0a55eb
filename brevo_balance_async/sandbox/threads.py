"""A sandbox for programs that are not asynchronous: it serves from an event loop in a thread of its own.

Every use of a handle is carried out on that loop, between two requests, so that nobody sees a request half done. When
``sandbox.faults.add(...)`` returns, the server has the fault.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from .clock import SandboxClock
from .faults.matching import Faults
from .http.app import Served
from .http.log import RequestLog
from .marshalling import ClockHandle, Handle, LoopThread, SequenceHandle

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import ParamSpec, Self, TypeVar

    P = ParamSpec("P")
    T = TypeVar("T")

_STAND_INS: dict[type, type[Handle]] = {
    SandboxClock: ClockHandle,
    Faults: SequenceHandle,
    RequestLog: SequenceHandle,
}


class ThreadedSandbox(Served):
    """``with ThreadedSandbox(rph=600) as sandbox``: a ``Sandbox`` for code that is not asynchronous.

    It takes the same arguments and has the same handles, which may be used from any thread. What a handle
    returns is a result and no handle: a list of transactions is read without the loop.
    """

    def __init__(self, **options: Any) -> None:
        self._loop = LoopThread()
        super().__init__(**options)

    def __enter__(self) -> Self:
        self._loop.start()
        try:
            self._loop.run(self._start())
        except BaseException:
            self._loop.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._loop.running:
            return
        try:
            self._loop.run(self._stop())
        finally:
            self._loop.stop()

    def _call(self, work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        return self._loop.call(work, *arguments, **named)

    def _handle(self, part: T) -> T:
        if self._loop.is_current:
            return part
        stand_in: Any = _STAND_INS.get(type(part), Handle)(self._loop, part)
        return cast("T", stand_in)
