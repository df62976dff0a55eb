"""A client's transport on a network that is made up: what the simulations of whole clients share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, field

from brevo_balance_async.core.timeouts import Timeouts

if TYPE_CHECKING:
    from collections.abc import Callable

    from brevo_balance_async.core.protocol import Progress, Request, Response


@define(eq=False)
class MadeUpNetwork:
    """Stands for the transport of one client."""

    closed: bool = field(default=False, init=False)
    timeouts: Timeouts = field(factory=Timeouts, init=False)

    def check_usable(self) -> None:
        """It always is."""

    async def send(
        self,
        request: Request,
        _: object,
        timeout: float | None,
        progress: Progress,
        guard: Callable[[], None] | None = None,
    ) -> Response:
        """Make one attempt, whose guard is asked first."""
        del timeout  # no answer takes as long
        if guard is not None:
            guard()
        return await self.answer(request, progress)

    async def answer(self, request: Request, progress: Progress) -> Response:
        """What comes back, after the time that it takes."""
        raise NotImplementedError
