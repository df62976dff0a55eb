"""What a resource needs from the client: to make calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from brevo_balance_async.core.echo import NO_ECHO
from brevo_balance_async.models import UNSET, Unset

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from brevo_balance_async.core.echo import Echo
    from brevo_balance_async.core.protocol import Endpoint
    from brevo_balance_async.errors import BalanceError

T = TypeVar("T")


class Caller(Protocol):
    """Makes calls."""

    def call(
        self,
        endpoint: Endpoint[T],
        ids: tuple[str | int, ...],
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        echo: Echo = NO_ECHO,
        timeout: float | Unset | None = UNSET,
        settle: Callable[[BalanceError], Awaitable[T]] | None = None,
    ) -> Awaitable[T]:
        """Make a call with the retries that its endpoint allows, and return the model of the answer.

        ``echo`` is what the answer must repeat. ``settle`` is awaited if the outcome stays unknown, or if a guarded
        write was refused although it may have been applied. It returns the result that it found, or raises the error
        that it was given; it has the time that is left of ``timeout``.
        """
        ...

    def for_hold(self) -> HoldCaller:
        """A caller for the calls of one hold, which begins now."""
        ...


class HoldCaller(Caller, Protocol):
    """Makes the calls of one hold. They count as one call in flight, so closing the client waits for the hold's end.

    A hold must be able to end: its begin waits until the quota has two requests for it, or is unknown. The second one
    counts as used for all other calls, until the hold's complete or cancel uses it without a wait, or until
    ``release``.
    """

    def release(self) -> None:
        """The hold has ended, with or without success; to be called once."""
        ...
