"""An event loop in a thread of its own, and stand-ins for objects whose every use is carried out on that loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import ParamSpec, TypeVar

    from .clock import ClockTimer

    P = ParamSpec("P")
    T = TypeVar("T")


class LoopThread:
    """An event loop in a daemon thread, from ``start`` to ``stop``."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._ending = threading.RLock()
        """Held while something is handed to the loop, so that it does not stop before it has done it."""

    @property
    def running(self) -> bool:
        """Whether it has been started and not stopped."""
        return self._loop is not None

    @property
    def is_current(self) -> bool:
        """Whether it is the calling thread."""
        return threading.current_thread() is self._thread

    def start(self) -> None:
        """Start the thread, which runs the loop."""
        if self._loop is not None:
            raise RuntimeError("the sandbox is running already")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="brevo-sandbox", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop the loop and wait for the thread to end. Harmless when not running."""
        with self._ending:
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
            if loop is None or thread is None:
                return
            loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of a coroutine."""
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def call(self, work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """The result of a function that runs between two requests; while nothing is served, in this thread."""
        done: Future[T] = Future()

        def on_the_loop() -> None:
            try:
                result = work(*arguments, **named)
                done.set_result(cast("T", list(result)) if isinstance(result, Iterator) else result)
            except BaseException as error:  # noqa: BLE001 - the thread that waits raises it
                done.set_exception(error)

        with self._ending:
            if self._loop is None or self.is_current:
                return work(*arguments, **named)
            self._loop.call_soon_threadsafe(on_the_loop)
        return done.result()


class Handle:
    """A handle whose every use is carried out on the loop."""

    __slots__ = ("_loop", "_target")

    def __init__(self, loop: LoopThread, target: Any) -> None:
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


class SequenceHandle(Handle):
    """A handle that is also a sequence of records."""

    __slots__ = ()

    def __len__(self) -> int:
        length: int = self._loop.call(len, self._target)
        return length

    def __iter__(self) -> Iterator[Any]:
        return iter(self._loop.call(list, self._target))

    def __getitem__(self, index: Any) -> Any:
        return self._loop.call(self._target.__getitem__, index)


class ClockHandle(Handle):
    """The clock: its timers fire on the loop that asked for them, so that this is not done on the sandbox's."""

    __slots__ = ()

    def call_later(self, delay: float, callback: Callable[[], None]) -> ClockTimer:
        """``SandboxClock.call_later`` on the loop that calls."""
        timer: ClockTimer = self._target.call_later(delay, callback)
        return timer
