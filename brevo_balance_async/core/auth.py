"""OAuth tokens: fetched with the client's own connections, kept, and renewed by one call at a time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from brevo_balance_async.config import TOKEN_PATH, ClientCredentials, HeaderSecret, SecretBytes
from brevo_balance_async.core import codec
from brevo_balance_async.core.protocol import Progress, Request, refusal, request_id
from brevo_balance_async.errors import AuthenticationError, DecodeError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from brevo_balance_async.config import Credentials
    from brevo_balance_async.core.clock import Clock
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
        self._url = credentials.token_url or origin + TOKEN_PATH
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
        form = {
            "grant_type": "client_credentials",
            "client_id": given.client_id,
            "client_secret": HeaderSecret(given.client_secret.reveal()),
        }
        if given.scope is not None:
            form["scope"] = given.scope
        request = Request(ENDPOINT, "POST", self._url, SecretBytes(urlencode(form).encode()))
        response = await self._transport.send(request, _FORM, TIMEOUT, Progress())
        if response.status != 200:
            error = refusal(response)
            if response.status in {400, 401}:
                message = f"the token endpoint refused the client credentials: {error.message}"
                fields = ("status", "code", "request_id", "headers")
                error = AuthenticationError(message, **{name: getattr(error, name) for name in fields})
            error.endpoint = ENDPOINT
            raise error
        token = codec.parse(response.body)
        text = token.get("access_token") if isinstance(token, dict) else None
        if not isinstance(text, str) or not text:
            failure = DecodeError("the token endpoint's answer holds no access_token")
            failure.endpoint, failure.status, failure.request_id = ENDPOINT, 200, request_id(response)
            raise failure
        life = float(token.get("expires_in") or 3600)
        self._headers = {"authorization": HeaderSecret(f"Bearer {text}")}
        self._renew_at = self._clock.time() + life - min(EARLY, life / 2)
