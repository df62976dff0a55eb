"""The ``ClientSession`` of a client: made on opening and closed with the client, or borrowed."""

from __future__ import annotations

import asyncio
import logging
import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import aiohttp

from brevo_balance_async._version import __version__
from brevo_balance_async.config import MAX_BODY
from brevo_balance_async.core.timeouts import Timeouts
from brevo_balance_async.core.transport import attempt
from brevo_balance_async.core.transport.environment import Proxies
from brevo_balance_async.core.transport.places import Places
from brevo_balance_async.core.transport.trust import asks_first
from brevo_balance_async.errors import ClientStateError, InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Sequence

CONNECT_TIMEOUT: Final = 10.0
"""Seconds for one TCP and TLS handshake, within the call's own timeout."""
IDLE_TIMEOUT: Final = 15.0
"""Seconds that an idle connection is kept. The longer it is idle, the likelier a stray answer waits on it."""


def _must_be(argument: str, value: object, kind: type) -> None:
    if value is not None and not isinstance(value, kind):
        raise InvalidRequestError(
            argument, f"must be an aiohttp.{kind.__name__}, not an object of type {type(value).__name__}"
        )


class Session:
    """Opens and closes, and says whether a request may be sent now."""

    def __init__(
        self,
        *,
        session: aiohttp.ClientSession | None = None,
        connector: aiohttp.BaseConnector | None = None,
        trace_configs: Sequence[aiohttp.TraceConfig] = (),
        max_connections: int = 100,
        user_agent: str | None = None,
        trust_env: bool = False,
        proxy: str | None = None,
        max_body: int = MAX_BODY,
    ) -> None:
        _must_be("session", session, aiohttp.ClientSession)
        _must_be("connector", connector, aiohttp.BaseConnector)
        if not isinstance(trace_configs, Iterable):
            raise InvalidRequestError(
                "trace_configs", "must be a sequence of aiohttp.TraceConfig, even for one"
            )
        self._borrowed = session
        self._session = session
        self._connector = connector
        self._trace_configs = tuple(trace_configs)
        for config in self._trace_configs:
            _must_be("trace_configs", config, aiohttp.TraceConfig)
        self._max_connections = max_connections
        self._proxies = Proxies(proxy, trust_env=trust_env)
        self._max_body = max_body
        ours = f"brevo-balance-async/{__version__}"
        agent = f"{user_agent} {ours}" if user_agent else ours
        self._headers = {"accept": attempt.JSON, "user-agent": agent}
        # Only the timeout of connecting is aiohttp's; ``timeouts`` has all others.
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._places: Places | None = None
        self._trusted = False
        self._looks_last = False
        self.timeouts: Timeouts = Timeouts()
        self.closed: bool = False
        self._closing = asyncio.Lock()

    @property
    def is_open(self) -> bool:
        """True if a request may be sent. A borrowed session may have been closed by its owner."""
        return not (self.closed or self._loop is None or self._session is None or self._session.closed)

    async def open(self) -> None:
        """Bind to the running event loop and make the session, unless one was handed in."""
        if self._loop is not None or self.closed:
            state = "closed" if self.closed else "open already"
            raise ClientStateError(f"the client is {state}; make a new one")
        self._loop = asyncio.get_running_loop()
        session = self._session = self._made() if self._borrowed is None else self._borrowed
        with warnings.catch_warnings(action="ignore"):  # reading ``session.loop`` emits a DeprecationWarning
            elsewhere = session.loop is not self._loop
        if elsewhere:  # a session uses the loop of its connector, even if another loop is running
            what = "session" if self._borrowed is not None else "connector"
            if self._borrowed is None:
                session.detach()
            raise ClientStateError(f"the {what} handed in belongs to another event loop")
        # Calls wait for a connection here and not in aiohttp, which is slower and does not show that a call waits.
        connector = session.connector
        limits = [] if connector is None else [connector.limit, connector.limit_per_host]
        if any(limits):
            self._places = Places(min(limit for limit in limits if limit))
        try:  # last, because it awaits: until it has returned, nothing is believed
            self._looks_last = await asks_first()
        except BaseException:  # cancelled: nobody else will close the session
            await self.close()
            raise
        if self._borrowed is None:
            self._trusted = self._looks_last
            if not self._trusted:
                logging.getLogger("brevo_balance_async").warning(
                    "aiohttp %s works in a way that this package does not know: every lost request counts as sent",
                    aiohttp.__version__,
                )

    def _made(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=self._connector
            or aiohttp.TCPConnector(limit=self._max_connections, keepalive_timeout=IDLE_TIMEOUT),
            connector_owner=self._connector is None,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=self._headers,
            request_class=attempt.Request,
            timeout=self._timeout,
            trace_configs=list(self._trace_configs),
        )

    async def close(self) -> None:
        """End the calls in flight and close the session that was made here. Closing twice is harmless."""
        self.closed = True
        # Closing the session would not end calls that are connecting, and a borrowed session stays open.
        self.timeouts.end_all()
        if self._session is not None and self._borrowed is None:
            async with self._closing:  # another task that closes returns only when it is done
                await self._session.close()

    def check_loop(self) -> None:
        """Raise ``ClientStateError`` on any other event loop than the one it was opened on."""
        if self._loop not in (None, asyncio.get_running_loop()):
            raise ClientStateError("the client belongs to another event loop; make one for each loop")

    def check_usable(self) -> None:
        """Raise ``ClientStateError`` unless a request may be sent now and here."""
        if self.closed:
            raise ClientStateError("the client is closed; make a new one")
        if self._loop is asyncio.get_running_loop():
            return
        if self._loop is None:
            raise ClientStateError(
                "the client is not open yet: use 'async with BalanceClient(...) as client'"
            )
        self.check_loop()
