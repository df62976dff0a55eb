"""Who may call: API keys, and bearer tokens from the sandbox's own OAuth endpoint."""

from __future__ import annotations

from base64 import b64decode
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from attrs import frozen

from brevo_balance_async.sandbox.rules.periods import later
from brevo_balance_async.sandbox.rules.refusals import forbidden, unauthorized

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from brevo_balance_async.sandbox.clock import SandboxClock

TOKEN_PATH = "/realms/partner/oauth/token"  # noqa: S105 - a path
TOKEN_SECONDS = 3600
SCOPES = frozenset({"loyalty:read", "loyalty:write"})


class TokenRefusal(Exception):  # noqa: N818 - an answer of the token endpoint
    """An OAuth error answer: ``{"error": ...}``."""

    def __init__(self, status: int, error: str) -> None:
        super().__init__(status, error)
        self.status = status
        self.error = error


@frozen
class _Grant:
    expires_at: datetime
    scopes: frozenset[str]


class Access:
    """One API key and one OAuth client. A ``partner-key`` beside the API key is ignored."""

    def __init__(self, api_key: str, client_id: str, client_secret: str, clock: SandboxClock) -> None:
        self.api_key = api_key
        self.client_id = client_id
        self.client_secret = client_secret
        self._clock = clock
        self._grants: dict[str, _Grant] = {}

    def revoke_tokens(self) -> None:
        """Make every token issued so far worthless."""
        self._grants.clear()

    def check(self, method: str, headers: Mapping[str, str]) -> None:
        """401 without a valid key or token, 403 when the token's scopes do not cover the method."""
        if headers.get("api-key") == self.api_key:
            return
        scheme, _, token = headers.get("authorization", "").partition(" ")
        grant = self._grants.get(token) if scheme.lower() == "bearer" else None
        if grant is None or grant.expires_at <= self._clock.now():
            raise unauthorized()
        scope = "loyalty:read" if method in {"GET", "HEAD"} else "loyalty:write"
        if scope not in grant.scopes:
            raise forbidden(f"the token lacks the scope {scope}")

    def issue(self, form: Mapping[str, str], headers: Mapping[str, str]) -> dict[str, Any]:
        """A token for the client credentials of a form or a Basic header; without ``scope`` it covers all."""
        client = (form.get("client_id"), form.get("client_secret"))
        if client == (None, None):
            client = _basic(headers.get("authorization", ""))
        if client != (self.client_id, self.client_secret):
            raise TokenRefusal(401, "invalid_client")
        if form.get("grant_type") != "client_credentials":
            raise TokenRefusal(400, "unsupported_grant_type")
        scopes = frozenset(form.get("scope", "").split()) or SCOPES
        if not scopes <= SCOPES:
            raise TokenRefusal(400, "invalid_scope")
        token = f"sandbox-{uuid4().hex}"
        expires_at = later(self._clock.now(), timedelta(seconds=TOKEN_SECONDS))
        self._grants[token] = _Grant(expires_at, scopes)
        return {"access_token": token, "token_type": "Bearer", "expires_in": TOKEN_SECONDS}


def _basic(header: str) -> tuple[str | None, str | None]:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None, None
    try:
        client_id, _, secret = b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:  # it is no Base64, or not that of a UTF-8 text
        return None, None
    return client_id, secret
