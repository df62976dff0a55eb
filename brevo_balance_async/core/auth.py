"""Where the auth headers of an attempt come from: a key that never changes, an OAuth token, the user's own object."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol, cast
from urllib.parse import quote_plus, urlencode

from brevo_balance_async.config import (
    TOKEN_PATH,
    ApiKey,
    ClientCredentials,
    HeaderSecret,
    PartnerKey,
    SecretBytes,
    checked_base_url,
)
from brevo_balance_async.core import codec
from brevo_balance_async.core.answers import refusal, without_secrets
from brevo_balance_async.core.protocol import Progress, Request
from brevo_balance_async.errors import (
    AuthenticationError,
    BalanceError,
    ConnectFailedError,
    DecodeError,
    InvalidRequestError,
    TransportError,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from brevo_balance_async.config import Clock, Credentials
    from brevo_balance_async.core.protocol import Response
    from brevo_balance_async.core.transport import Transport

EARLY: Final = 120.0
"""Seconds before its end (or half its life, if that is less) at which a token is renewed."""
TIMEOUT: Final = 30.0
ENDPOINT: Final = "oauth.token"
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110
_FRAMING: Final = frozenset({"host", "content-length", "transfer-encoding", "connection", "content-type"})
_FORM: Final = {"content-type": "application/x-www-form-urlencoded"}


class Source(Protocol):
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

    async def renew(self) -> None:
        """Fetch fresh ones; only where ``renews`` is true."""
        ...


def source(
    credentials: Credentials | ClientCredentials, transport: Transport, clock: Clock, origin: str
) -> Source:
    """The source for what the user handed in."""
    if isinstance(credentials, ClientCredentials):
        return TokenSource(credentials, transport, clock, origin)
    if type(credentials) in {ApiKey, PartnerKey}:  # a subclass may give other headers every time
        return FixedSource(cast("ApiKey | PartnerKey", credentials).fixed())
    return CustomSource(credentials)


class FixedSource:
    """Keys that never change."""

    renews = False

    def __init__(self, headers: Mapping[str, str]) -> None:
        self.ready = headers

    async def headers(self) -> Mapping[str, str]:
        """The headers."""
        return self.ready

    async def renew(self) -> None:
        """Nothing is to be had."""


class CustomSource:
    """The user's own object: asked before every attempt, since keys may rotate, and not trusted."""

    ready = None

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._renew: Callable[[], Awaitable[None]] | None = getattr(credentials, "renew", None)
        self.renews = self._renew is not None

    async def headers(self) -> Mapping[str, str]:
        """What the object gives, if a request can carry it."""
        given: Any = await self._credentials.headers()
        if not isinstance(given, Mapping):
            raise InvalidRequestError(
                "credentials", "headers() must give a mapping of header names to values"
            )
        return {_name(name): _value(value) for name, value in given.items()}

    async def renew(self) -> None:
        """What the object does for it."""
        if self._renew is not None:
            await self._renew()


def _name(name: object) -> str:
    if not isinstance(name, str) or not _TOKEN.fullmatch(name) or name.lower() in _FRAMING:
        raise InvalidRequestError("credentials", f"headers() gave {name!r}, which cannot name an auth header")
    return name


def _value(value: object) -> str:
    if not isinstance(value, str) or not value.isascii() or not value.isprintable():
        raise InvalidRequestError("credentials", "headers() gave a value that no header can carry")
    return HeaderSecret(value)


class TokenSource:
    """``ClientCredentials``: the token is fetched with the client's own connections, kept, and renewed by one call."""

    renews = True

    def __init__(
        self, credentials: ClientCredentials, transport: Transport, clock: Clock, origin: str
    ) -> None:
        self._credentials = credentials
        self._transport = transport
        self._clock = clock
        self._url = origin + TOKEN_PATH
        if credentials.token_url is not None:
            try:
                self._url = checked_base_url(credentials.token_url, allow_http=False)
            except InvalidRequestError as error:
                raise InvalidRequestError("token_url", error.reason) from None
        self._lock = asyncio.Lock()
        self._headers: Mapping[str, str] = {}
        self._renew_at = 0.0

    @property
    def ready(self) -> Mapping[str, str] | None:
        """The header with a token that is good for a while."""
        return self._headers if self._headers and self._clock.time() < self._renew_at else None

    async def headers(self) -> Mapping[str, str]:
        """The same, fetched if need be."""
        async with self._lock:
            # Whoever held the lock before may have renewed it for all.
            if self.ready is None:
                await self._fetch()
        return self._headers

    async def renew(self) -> None:
        """Throw the token away after a 401, unless another call has renewed it since."""
        stale = self._headers
        async with self._lock:
            if self._headers is stale:
                await self._fetch()

    async def _fetch(self) -> None:
        given = self._credentials
        secret = HeaderSecret(given.client_secret.reveal())
        form = {"grant_type": "client_credentials", "client_id": given.client_id, "client_secret": secret}
        if given.scope is not None:
            form["scope"] = given.scope
        request = Request(ENDPOINT, "POST", self._url, SecretBytes(urlencode(form).encode()))
        try:
            response = await self._transport.send(request, _FORM, TIMEOUT, Progress())
            response = without_secrets(response, (secret, HeaderSecret(quote_plus(secret))))
            if response.status != 200:
                raise _refusal(response)
            found = _token(response)
            if found is None:
                raise DecodeError("the token endpoint's answer holds no access_token that can be used")
        except TransportError as error:
            failure = ConnectFailedError(f"no token, so nothing else was sent: {error.message}")
            failure.endpoint = ENDPOINT
            raise failure from error
        except BalanceError as error:
            error.endpoint = ENDPOINT
            raise
        self._headers, life = found
        self._renew_at = self._clock.time() + life - min(EARLY, life / 2)


def _refusal(response: Response) -> BalanceError:
    error = refusal(response)
    if response.status not in {400, 401}:
        return error
    message = f"the token endpoint refused the client credentials: {error.message}"
    fields = ("status", "code", "request_id", "headers", "explained")
    return AuthenticationError(message, **{name: getattr(error, name) for name in fields})


def _token(response: Response) -> tuple[Mapping[str, str], float] | None:
    """The header and the seconds it is good for. It raises nothing: what is here to read may be a token."""
    try:
        answer = codec.parse(response.body)
        token, life = answer["access_token"], float(answer.get("expires_in") or 3600)
    except (DecodeError, LookupError, TypeError, ValueError, AttributeError):
        return None
    if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable():
        return None
    return {"authorization": HeaderSecret(f"Bearer {token}")}, life
