"""Whether a connection has bytes that the event loop has not read yet. The kernel answers in about a microsecond."""

from __future__ import annotations

import select
from typing import Any, Final


def unread(transport: Any) -> bool:
    """True if unread bytes, the end of the stream or an error wait on the connection of ``transport``.

    False if there is no socket to ask (a Windows pipe).
    """
    sock = transport.get_extra_info("socket")
    if sock is None:
        return False
    number = sock.fileno()
    return number < 0 or _ask(number)


def _by_poll(number: int) -> bool:
    poll = select.poll()
    poll.register(number, select.POLLIN)
    return bool(poll.poll(0))


def _by_select(number: int) -> bool:
    try:
        return bool(select.select([number], [], [], 0)[0])
    except ValueError:  # the file descriptor is too large for ``select``, and there is no ``poll``
        return False


_ask: Final = _by_poll if hasattr(select, "poll") else _by_select
