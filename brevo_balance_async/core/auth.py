"""The source of the auth headers of an attempt: a key that never changes, an OAuth token, or the user's own object."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from brevo_balance_async.config import ApiKey, ClientCredentials, HeaderSecret, PartnerKey
from brevo_balance_async.core.oauth import TokenProvider
from brevo_balance_async.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from brevo_balance_async.config import Clock, Credentials
    from brevo_balance_async.core.transport import Transport

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110
_FRAMING: Final = frozenset({"host", "content-length", "transfer-encoding", "connection", "content-type"})


class AuthProvider(Protocol):
    """Gives the auth headers. They are validated, and their values are masked when they are printed."""

    renews: bool
    """True if it can fetch new headers after a 401."""

    @property
    def ready(self) -> Mapping[str, str] | None:
        """The headers, or None if getting them needs a wait."""
        ...

    async def headers(self) -> Mapping[str, str]:
        """The headers; may wait for a request."""
        ...

    def refused(self, headers: Mapping[str, str]) -> None:
        """A 401 refused these headers: fetch new ones before the next attempt."""


def provider(
    credentials: Credentials | ClientCredentials, transport: Transport, clock: Clock, origin: str
) -> AuthProvider:
    """The provider for the credentials of a client."""
    if isinstance(credentials, ClientCredentials):
        return TokenProvider(credentials, transport, clock, origin)
    if type(credentials) in {ApiKey, PartnerKey}:  # not a subclass: its headers may change
        return FixedProvider(cast("ApiKey | PartnerKey", credentials).fixed())
    return CustomProvider(credentials)


class FixedProvider:
    """Keys that never change."""

    renews = False

    def __init__(self, headers: Mapping[str, str]) -> None:
        self.ready = headers

    async def headers(self) -> Mapping[str, str]:
        """The headers."""
        return self.ready

    def refused(self, headers: Mapping[str, str]) -> None:
        """Does nothing: there are no other headers."""


class CustomProvider:
    """The user's own object. It is asked before every attempt, because keys may rotate, and its headers are checked."""

    ready = None

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._renew: Callable[[], Awaitable[None]] | None = getattr(credentials, "renew", None)
        self.renews: bool = self._renew is not None
        self._lock = asyncio.Lock()
        self._refused: Mapping[str, str] | None = None

    async def headers(self) -> Mapping[str, str]:
        """The object's headers; ``renew()`` is awaited first if they are still the ones that a 401 refused."""
        if self._refused is None or self._renew is None:
            return await self._given()
        async with self._lock:
            headers = await self._given()
            if headers == self._refused:  # otherwise another call may have renewed them already
                await self._renew()
                headers = await self._given()
            self._refused = None
        return headers

    def refused(self, headers: Mapping[str, str]) -> None:
        """Remember the headers that a 401 refused."""
        self._refused = headers

    async def _given(self) -> Mapping[str, str]:
        given: Any = await self._credentials.headers()
        if not isinstance(given, Mapping):
            raise InvalidRequestError(
                "credentials", "headers() must give a mapping of header names to values"
            )
        return {_name(name): _value(value) for name, value in given.items()}


def _name(name: object) -> str:
    if not isinstance(name, str) or not _TOKEN.fullmatch(name) or name.lower() in _FRAMING:
        raise InvalidRequestError("credentials", f"headers() gave {name!r}, which cannot name an auth header")
    return name


def _value(value: object) -> str:
    if not isinstance(value, str) or not value.isascii() or not value.isprintable():
        raise InvalidRequestError("credentials", "headers() gave a value that no header can carry")
    return HeaderSecret(value)
