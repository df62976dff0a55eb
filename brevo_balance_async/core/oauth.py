"""The token of OAuth client credentials: fetched once for all calls, cached, and renewed before it expires.

There is one token request at a time. All calls wait for it, and cancelling a call does not cancel it. After a failure
no new request is made for the time that the endpoint asked for, or for a backoff that grows with every failure. A call
in that time raises the failure again, with the seconds that are left.

Source: https://developers.brevo.com/changelog/2026/10/6
"""

from __future__ import annotations

import asyncio
import json
from copy import copy
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from brevo_balance_async.config import TOKEN_PATH, HeaderSecret, SecretBytes, checked_base_url
from brevo_balance_async.core.answers import refusal
from brevo_balance_async.core.protocol import Progress, Request
from brevo_balance_async.core.quota.headers import retry_after
from brevo_balance_async.errors import (
    AuthenticationError,
    BalanceError,
    ClientStateError,
    ConnectFailedError,
    DecodeError,
    InvalidRequestError,
    ResponseError,
    TransportError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from brevo_balance_async.config import ClientCredentials, Clock
    from brevo_balance_async.core.protocol import Response
    from brevo_balance_async.core.transport import Transport

EARLY: Final = 120.0
"""Seconds before its expiry at which a token is renewed (or half its lifetime, if that is less)."""
USUAL_LIFE: Final = 3600.0
"""Lifetime of Brevo's tokens in seconds; assumed if ``expires_in`` is missing or makes no sense."""
LONGEST_LIFE: Final = 86_400.0
"""Longest lifetime in seconds that is believed."""
FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 30.0
"""Bounds of the backoff between failed token requests, in seconds, unless the endpoint asks for a longer wait."""
LONGEST_WAIT: Final = 3600.0
"""Longest wait in seconds that the endpoint may ask for; a garbled header must not stop the client for ever."""
TIMEOUT: Final = 10.0
"""Seconds for one token request; the timeouts of the calls that wait for it do not change it."""
ENDPOINT: Final = "oauth.token"
_FORM: Final = {"content-type": "application/x-www-form-urlencoded"}


class TokenProvider:
    """The ``AuthProvider`` of ``ClientCredentials``. It uses the client's own connections."""

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
        self._fetching: asyncio.Task[Mapping[str, str]] | None = None
        self._headers: Mapping[str, str] | None = None
        self._renew_at = self._ends_at = 0.0
        self._failures = 0
        self._failure: BalanceError | None = None
        self._not_before = 0.0

    @property
    def ready(self) -> Mapping[str, str] | None:
        """The header with the cached token, or None if there is none or it is time to renew it."""
        return self._headers if self._headers is not None and self._clock.time() < self._renew_at else None

    async def headers(self) -> Mapping[str, str]:
        """The header with a token; fetches one if necessary."""
        if (headers := self.ready) is not None:
            return headers
        try:
            return await self._fetched()
        except BalanceError:
            # Renewal is early: the old token is still valid, so a failed renewal is no error yet.
            if self._headers is not None and self._clock.time() < self._ends_at:
                return self._headers
            raise

    def refused(self, headers: Mapping[str, str]) -> None:
        """Drop the token, unless another call has renewed it since."""
        if headers is self._headers:
            self._headers = None

    async def _fetched(self) -> Mapping[str, str]:
        """The result of the request in flight, or of a new one unless it is too early after a failure."""
        if self._fetching is None:
            left = self._not_before - self._clock.time()
            if self._failure is not None and left > 0:
                raise _again(self._failure, left)
            self._fetching = asyncio.create_task(self._fetch())
            self._fetching.add_done_callback(self._ended)
        fetching = self._fetching
        await asyncio.wait([fetching])  # unlike awaiting the task: cancelling this call must not cancel it
        failure = fetching.exception()
        if isinstance(failure, BalanceError):
            raise copy(
                failure
            ) from failure.__cause__  # a copy for each call, which adds its own endpoint and notes
        return fetching.result()

    def _ended(self, fetching: asyncio.Task[Mapping[str, str]]) -> None:
        self._fetching = None
        if not fetching.cancelled():
            fetching.exception()  # or asyncio logs an exception that was never retrieved, if no call is left

    async def _fetch(self) -> Mapping[str, str]:
        try:
            headers, life = await self._ask()
        except ClientStateError:  # no failure of the endpoint, so no backoff
            raise
        except BalanceError as error:
            self._pause(error)
            raise
        self._failures, self._failure = 0, None
        self._headers = headers
        self._ends_at = self._clock.time() + life
        self._renew_at = self._ends_at - min(EARLY, life / 2)
        return headers

    def _pause(self, error: BalanceError) -> None:
        """Start the backoff after a failure; ``error.retry_after`` becomes its length."""
        grown = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(self._failures, 16))
        asked = error.retry_after
        if asked is None and isinstance(error, ResponseError):
            asked = retry_after(error.headers)
        error.retry_after = min(LONGEST_WAIT, max(asked or 0.0, grown))
        self._failures += 1
        self._failure = copy(error)
        self._not_before = self._clock.time() + error.retry_after

    async def _ask(self) -> tuple[Mapping[str, str], float]:
        """Request a token; returns the header with it, and its lifetime in seconds."""
        given = self._credentials
        secret = HeaderSecret(given.client_secret.reveal())
        form = {"grant_type": "client_credentials", "client_id": given.client_id, "client_secret": secret}
        if given.scope is not None:
            form["scope"] = given.scope
        body = SecretBytes(urlencode(form).encode())
        request = Request(ENDPOINT, "POST", self._url, body, secrets=(secret,))
        try:
            response = await self._transport.send(request, _FORM, TIMEOUT, Progress())
            if response.status != 200:
                raise _refusal(response)
            found = _token(response)
            if found is None:
                raise DecodeError("the token endpoint's answer has no usable access_token")
        except TransportError as error:
            failure = ConnectFailedError(f"no token, so nothing else was sent: {error.message}")
            failure.endpoint = ENDPOINT
            raise failure from error
        except BalanceError as error:
            error.endpoint = ENDPOINT
            raise
        return found


def _again(failure: BalanceError, left: float) -> BalanceError:
    """The last failure, for a call during the backoff, with the seconds that are left of it."""
    repeated = copy(failure)
    repeated.retry_after = left
    repeated.args = (
        f"{failure.message}; the token endpoint may be asked again in {left:.1f} s, nothing was sent",
    )
    return repeated


def _refusal(response: Response) -> BalanceError:
    error = refusal(response)
    if response.status not in {400, 401}:
        return error
    message = f"the token endpoint refused the client credentials: {error.message}"
    fields = ("status", "code", "request_id", "headers", "explained")
    return AuthenticationError(message, **{name: getattr(error, name) for name in fields})


def _token(response: Response) -> tuple[Mapping[str, str], float] | None:
    """The header and the token's lifetime in seconds; None if there is no usable token.

    It raises nothing, because an exception could show the answer, and with it a token.
    """
    try:
        # Integers as floats, because json refuses to parse an integer of 5,000 digits.
        answer = json.loads(response.body, parse_int=float)
        token, life = answer["access_token"], answer.get("expires_in")
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        return None
    if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable():
        return None
    return {"authorization": HeaderSecret(f"Bearer {token}")}, _life(life)


def _life(expires_in: object) -> float:
    """The lifetime in seconds; ``expires_in`` may be a number or its text."""
    try:
        life = float(expires_in) if isinstance(expires_in, float | str) else 0.0
    except ValueError:
        life = 0.0
    return min(life, LONGEST_LIFE) if life >= 1.0 else USUAL_LIFE  # NaN compares false
