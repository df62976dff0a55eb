"""Where the auth headers of an attempt come from: a key that never changes, an OAuth token, the user's own object."""

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
    """Gives the auth headers, fit to be sent and masked wherever they are printed."""

    renews: bool
    """A refusal (401) may be cured by asking for fresh ones."""

    @property
    def ready(self) -> Mapping[str, str] | None:
        """The headers, if they are to be had without waiting."""
        ...

    async def headers(self) -> Mapping[str, str]:
        """The headers, however long it takes."""
        ...

    def refused(self, headers: Mapping[str, str]) -> None:
        """Give these no more, a 401 has refused them: whoever asks next has fresh ones fetched for all."""


def provider(
    credentials: Credentials | ClientCredentials, transport: Transport, clock: Clock, origin: str
) -> AuthProvider:
    """The provider for what the user handed in."""
    if isinstance(credentials, ClientCredentials):
        return TokenProvider(credentials, transport, clock, origin)
    if type(credentials) in {ApiKey, PartnerKey}:  # a subclass may give other headers every time
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
        """There are no others."""


class CustomProvider:
    """The user's own object: asked before every attempt, since keys may rotate, and not trusted."""

    ready = None

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._renew: Callable[[], Awaitable[None]] | None = getattr(credentials, "renew", None)
        self.renews = self._renew is not None
        self._lock = asyncio.Lock()
        self._refused: Mapping[str, str] | None = None

    async def headers(self) -> Mapping[str, str]:
        """What the object gives, if a request can carry it; renewed first if it gives what was refused."""
        if self._refused is None or self._renew is None:
            return await self._given()
        async with self._lock:
            headers = await self._given()
            if headers == self._refused:  # else they have changed since, by another call perhaps
                await self._renew()
                headers = await self._given()
            self._refused = None
        return headers

    def refused(self, headers: Mapping[str, str]) -> None:
        """Have the object renew them, should it still give these."""
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
