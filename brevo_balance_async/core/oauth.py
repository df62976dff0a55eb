"""The token of OAuth client credentials: fetched once for all calls, kept, and asked for in good manners.

The token endpoint is somebody's server too. There is one fetch at a time, which all calls wait for and none takes
along when it gives up. After a failure nobody asks again before the wait that the endpoint asked for, or a pause that
grows with every failure, is over. Who comes earlier gets the failure again, with the seconds that are left.
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
"""Seconds before its end (or half its life, if that is less) at which a token is renewed."""
USUAL_LIFE: Final = 3600.0
"""Seconds that Brevo's tokens live; assumed where ``expires_in`` says nothing that can be true."""
LONGEST_LIFE: Final = 86_400.0
FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 30.0
"""Seconds between two requests for a token while they fail, if the endpoint asks for no longer wait."""
LONGEST_WAIT: Final = 3600.0
"""Seconds after which the endpoint is asked again whatever it said: a garbled wait must not last for ever."""
TIMEOUT: Final = 10.0
"""Seconds for one fetch, however long or short its callers wait."""
ENDPOINT: Final = "oauth.token"
_FORM: Final = {"content-type": "application/x-www-form-urlencoded"}


class TokenProvider:
    """The ``AuthProvider`` of ``ClientCredentials``; the token comes over the client's own connections."""

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
        """The header with a token that is good for a while."""
        return self._headers if self._headers is not None and self._clock.time() < self._renew_at else None

    async def headers(self) -> Mapping[str, str]:
        """The same, fetched if need be."""
        if (headers := self.ready) is not None:
            return headers
        try:
            return await self._fetched()
        except BalanceError:
            # It was to be renewed early; what is left of its life is good.
            if self._headers is not None and self._clock.time() < self._ends_at:
                return self._headers
            raise

    def refused(self, headers: Mapping[str, str]) -> None:
        """Drop the token, unless another call has renewed it since."""
        if headers is self._headers:
            self._headers = None

    async def _fetched(self) -> Mapping[str, str]:
        """What the fetch under way brings; a new one, unless a failure forbids it."""
        if self._fetching is None:
            left = self._not_before - self._clock.time()
            if self._failure is not None and left > 0:
                raise _again(self._failure, left)
            self._fetching = asyncio.create_task(self._fetch())
            self._fetching.add_done_callback(self._ended)
        fetching = self._fetching
        await asyncio.wait([fetching])  # a caller who is cancelled here cancels nobody else
        failure = fetching.exception()
        if isinstance(failure, BalanceError):
            raise copy(failure) from failure.__cause__  # each caller has its own
        return fetching.result()

    def _ended(self, fetching: asyncio.Task[Mapping[str, str]]) -> None:
        self._fetching = None
        if not fetching.cancelled():
            fetching.exception()  # perhaps nobody is left to ask for it

    async def _fetch(self) -> Mapping[str, str]:
        try:
            headers, life = await self._ask()
        except ClientStateError:  # says nothing about the endpoint
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
        """Let nobody ask for a while; the failure says how long."""
        grown = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(self._failures, 16))
        asked = error.retry_after
        if asked is None and isinstance(error, ResponseError):
            asked = retry_after(error.headers)
        error.retry_after = min(LONGEST_WAIT, max(asked or 0.0, grown))
        self._failures += 1
        self._failure = copy(error)
        self._not_before = self._clock.time() + error.retry_after

    async def _ask(self) -> tuple[Mapping[str, str], float]:
        """One request for a token: the header with it, and the seconds it is good for."""
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
                raise DecodeError("the token endpoint's answer holds no access_token that can be used")
        except TransportError as error:
            failure = ConnectFailedError(f"no token, so nothing else was sent: {error.message}")
            failure.endpoint = ENDPOINT
            raise failure from error
        except BalanceError as error:
            error.endpoint = ENDPOINT
            raise
        return found


def _again(failure: BalanceError, left: float) -> BalanceError:
    """The failure of before, for somebody who comes before the endpoint may be asked again."""
    told = copy(failure)
    told.retry_after = left
    told.args = (
        f"{failure.message}; the token endpoint may be asked again in {left:.1f} s, nothing was sent",
    )
    return told


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
        # Numbers as floats, or one of 5,000 digits would spoil the whole answer.
        answer = json.loads(response.body, parse_int=float)
        token, life = answer["access_token"], answer.get("expires_in")
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        return None
    if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable():
        return None
    return {"authorization": HeaderSecret(f"Bearer {token}")}, _life(life)


def _life(told: object) -> float:
    """Seconds that a token lives, as a number or its text."""
    try:
        life = float(told) if isinstance(told, float | str) else 0.0
    except ValueError:
        life = 0.0
    return min(life, LONGEST_LIFE) if life >= 1.0 else USUAL_LIFE  # not-a-number is at least nothing
