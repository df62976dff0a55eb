"""Whether a connection has bytes that the event loop has not read yet. The kernel answers in about a microsecond."""

from __future__ import annotations

import select
from functools import partial
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable


def unread(transport: Any) -> Callable[[], object]:
    """A function that asks the kernel, as long as ``transport`` is open.

    Its result is true if unread bytes, the end of the stream or an error wait on the connection. It is always false
    if there is no socket to ask (a Windows pipe).
    """
    sock = transport.get_extra_info("socket")
    if sock is None:
        return bool
    number = sock.fileno()
    return _asking(number) if number >= 0 else lambda: True


def _by_poll(number: int) -> Callable[[], object]:
    poll = select.poll()
    poll.register(number, select.POLLIN)
    return partial(poll.poll, 0)


def _by_select(number: int) -> Callable[[], object]:
    def ask() -> object:
        try:
            return select.select([number], [], [], 0)[0]
        except ValueError:  # the file descriptor is too large for ``select``, and there is no ``poll``
            return False

    return ask


_asking: Final = _by_poll if hasattr(select, "poll") else _by_select
