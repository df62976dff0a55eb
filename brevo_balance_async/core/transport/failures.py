"""What aiohttp raises, as errors of this package."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp

from brevo_balance_async.core.transport.attempt import StaleConnectionError
from brevo_balance_async.errors import (
    BalanceError,
    ClientStateError,
    ConnectFailedError,
    DecodeError,
    InvalidRequestError,
    RequestTimeoutError,
    TransportError,
)

if TYPE_CHECKING:
    from brevo_balance_async.core.protocol import Progress


class TooLargeError(aiohttp.ClientError):
    """The answer has more bytes than are allowed."""


def ended(progress: Progress) -> BalanceError:
    """The error for a request in flight when the client was closed."""
    if progress.sent:
        return TransportError("the client was closed while the answer was awaited", sent=True)
    return ClientStateError("the client was closed before the request was sent")


def translated(error: Exception, progress: Progress) -> BalanceError | None:
    """Our error for what came out of aiohttp; None: the user's own code failed, and nothing was sent."""
    what = f"{type(error).__name__}: {error}".rstrip(": ")
    match error:
        case TooLargeError():
            return DecodeError(str(error))
        case TimeoutError():
            return _timed_out(progress)
        case _ if progress.sent:
            return TransportError(f"the answer was lost, the request may have arrived: {what}", sent=True)
        case (
            aiohttp.ClientConnectorCertificateError()
            | aiohttp.ClientConnectorSSLError()
            | aiohttp.ServerFingerprintMismatch()
        ):
            return ConnectFailedError(f"TLS could not be set up, nothing was sent: {what}", retryable=False)
        case aiohttp.ClientConnectorError() | aiohttp.ClientHttpProxyError() | StaleConnectionError():
            return ConnectFailedError(f"no connection, nothing was sent: {what}")
        case BalanceError():  # a trace callback made a call of its own; its error says nothing about this one
            return ConnectFailedError(f"a trace failed, nothing was sent: {what}", retryable=False)
        case RuntimeError():
            return ClientStateError(f"aiohttp cannot work here, nothing was sent: {what}")
        case TypeError() | ValueError():
            return InvalidRequestError(
                "request",
                f"aiohttp cannot send it ({type(error).__name__}): look at base_url, proxy and credentials",
            )
        case aiohttp.ClientError() | OSError():
            return ConnectFailedError(f"the request was not sent: {what}")
    return None


def _timed_out(progress: Progress) -> RequestTimeoutError:
    if progress.sent:
        text, phase = "no whole answer in time; the request may have arrived", "answer"
    elif progress.connecting:
        text, phase = "no connection in time; nothing was sent", "connect"
    else:
        text, phase = "no connection of the pool became free in time; nothing was sent", "pool"
    return RequestTimeoutError(text, phase=phase, sent=progress.sent)
