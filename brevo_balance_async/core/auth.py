"""OAuth tokens: fetched with the client's own connections, kept, and renewed by one call at a time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final
from urllib.parse import quote_plus, urlencode

from brevo_balance_async.config import (
    TOKEN_PATH,
    ClientCredentials,
    HeaderSecret,
    SecretBytes,
    checked_base_url,
)
from brevo_balance_async.core import codec
from brevo_balance_async.core.protocol import Progress, Request, refusal, without_secrets
from brevo_balance_async.errors import (
    AuthenticationError,
    BalanceError,
    ConnectFailedError,
    DecodeError,
    InvalidRequestError,
    TransportError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from brevo_balance_async.config import Credentials
    from brevo_balance_async.core.clock import Clock
    from brevo_balance_async.core.protocol import Response
    from brevo_balance_async.core.transport import Transport

EARLY: Final = 120.0
"""Seconds before its end (or half its life, if that is less) at which a token is renewed."""
TIMEOUT: Final = 30.0
ENDPOINT: Final = "oauth.token"
_FORM: Final = {"content-type": "application/x-www-form-urlencoded"}


def live(
    credentials: Credentials | ClientCredentials, transport: Transport, clock: Clock, origin: str
) -> Credentials:
    """Credentials that can be asked for headers."""
    if isinstance(credentials, ClientCredentials):
        return TokenSource(credentials, transport, clock, origin)
    return credentials


class TokenSource:
    """The live side of ``ClientCredentials``: gives the ``authorization`` header."""

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

    async def headers(self) -> Mapping[str, str]:
        """The header with a token that is good for a while."""
        if not self._headers or self._clock.time() >= self._renew_at:
            async with self._lock:
                # Whoever held the lock before may have renewed it for all.
                if not self._headers or self._clock.time() >= self._renew_at:
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
