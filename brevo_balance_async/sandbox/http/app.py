"""A sandbox that serves: its start and stop, and ``Sandbox``, which does so in the caller's event loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .dispatch import Dispatch
from .handles import Handles

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

_GRACE_SECONDS = 10.0
"""How long a server that is told to end waits for the requests in flight."""


class Served(Handles):
    """Handles with a server that can be started and stopped, in whichever event loop that is done."""

    _dispatch: Dispatch

    async def _start(self) -> None:
        if self._server.running:
            raise RuntimeError("the sandbox is running already")
        self._changes.open_state()
        try:
            self._dispatch = Dispatch(self, self._service, self._control_token)
            await self._server.start(self._dispatch.respond)
        except BaseException:
            self._changes.close_state()
            raise

    async def _stop(self) -> None:
        if self._server.running:
            self._dispatch.stop()
            await self._server.stop()
            self._changes.close_state()

    async def _drain(self, seconds: float) -> None:
        if self._server.running:
            await self._server.close_idle()
            self._dispatch.end_stalls()
            await self._server.wait_idle(seconds)


class Sandbox(Served):
    """A local Brevo Balance API that keeps state; it imitates Brevo and never talks to it.

    ``async with Sandbox() as sandbox`` serves on a free port of ``host`` until the block ends. ``rph`` is the hourly
    quota (None: no quota, no quota headers). ``switches`` decide what Brevo's documents leave open; single ones may be
    given by name. With ``strict`` programs and contacts must be seeded and edits be published; without it every program
    and contact exists and edits are published as they are made. ``seed`` is what ``seed()`` takes, one or several.
    ``log_size`` bounds ``requests``. A host that is not loopback is refused unless ``allow_public``; whoever sends
    ``control_token`` as ``Authorization: Bearer`` may use the control routes from other addresses.

    ``state`` names a file that keeps what was done (see ``sandbox.state``): it is opened by ``start``, made when there
    is none, and no other sandbox may use it meanwhile. ``seed`` fills a new file only. Switches, quota and keys are
    those of each start; faults, log and tokens begin anew. Changes made through ``ledger`` directly are not kept.

    Handles: ``clock``, ``ledger``, ``faults``, ``requests``, ``quota``, ``access``, ``switches``.
    """

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Bind and serve. A sandbox that was stopped may be started again, with its state, on the same port."""
        await self._start()

    async def stop(self) -> None:
        """Close every connection and free the port; calls that are stalled end. Harmless when not running."""
        await self._stop()

    async def drain(self, seconds: float = _GRACE_SECONDS) -> None:
        """Take no more connections, and wait until the requests in flight are answered, ``seconds`` at most.

        A request whose body is still coming is in flight, too. Every answer closes its connection.
        Delays and slow bodies are seen through; what is stalled for ever ends at once.
        """
        await self._drain(seconds)
