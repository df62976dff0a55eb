"""What a connection has said and the event loop has not read yet: the kernel knows, and answers in a microsecond."""

from __future__ import annotations

import select
from typing import Any, Final


def unread(transport: Any) -> bool:
    """Whether bytes wait on the connection of ``transport``, or its end, or an error.

    False where there is no socket to ask about (a Windows pipe): then the loop's own view has to do.
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
    except ValueError:  # a number too high for ``select`` where the system has no ``poll``
        return False


_ask: Final = _by_poll if hasattr(select, "poll") else _by_select
