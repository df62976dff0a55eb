"""One attempt through aiohttp, the only room that imports it.

``session`` owns or borrows the ``ClientSession``, ``sending`` makes attempts with it, and ``failures`` translates what
aiohttp raises.

Whether bytes of a request may have left is recorded on the attempt (module ``attempt``), when aiohttp assigns a
connection and before the first byte is written. The type of an exception does not tell: timeouts and disconnects look
alike before and after, and the user's trace callbacks may raise anything. The record is trusted only for a session for
which it was tested, on opening, that aiohttp calls our code before it writes (module ``trust``). For any other (a
borrowed session, an aiohttp with other internals) every failure but a failure to connect counts as sent.
"""

from __future__ import annotations

from brevo_balance_async.core.transport.sending import Transport

__all__ = ["Transport"]
