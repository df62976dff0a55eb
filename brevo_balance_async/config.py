"""Settings, credentials and the protocol of a clock. Values are validated when an object is made.

A ``Secret`` shows at most its last four characters when it is printed or logged, and cannot be pickled.
"""

from __future__ import annotations

import sys
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final, NoReturn, Protocol, runtime_checkable

from attrs import NOTHING, Attribute, field, frozen
from yarl import URL

from brevo_balance_async.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

BASE_URL: Final = "https://api.brevo.com/v3"
TOKEN_PATH: Final = "/realms/partner/oauth/token"  # noqa: S105  (a path, no password)
MAX_BODY: Final = 64 * 2**20
"""Bytes of an answer's body that are read at most."""


class Secret:
    """A key or token. Printing shows the last four characters of a long one; pickling raises ``TypeError``."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself, to be put into a request."""
        return self._value

    def __repr__(self) -> str:
        tail = self._value[-4:] if len(self._value) >= 12 else ""
        return f"Secret('…{tail}')"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> NoReturn:
        message = "a Secret cannot be pickled: pass the key to the other process in its environment"
        raise TypeError(message)


class HeaderSecret(str):
    """A header value. Its ``repr`` is masked, because a traceback may show local variables."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(Secret(str(self)))


class SecretBytes(bytes):
    """A request body with a secret in it. Its ``repr`` is masked, because a traceback may show local variables."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "SecretBytes(…)"


def _secret(value: str | Secret) -> Secret:
    return value if isinstance(value, Secret) else Secret(value)


def _optional_secret(value: str | Secret | None) -> Secret | None:
    return None if value is None else _secret(value)


def _check_secret(_: object, attribute: Attribute[Any], value: Secret | None) -> None:
    if value is None:
        return
    text = value.reveal()
    if not isinstance(text, str):
        raise InvalidRequestError(attribute.name, f"must be text (str), not {type(text).__name__}")
    if not text:
        raise InvalidRequestError(attribute.name, "is empty; give the key as text")
    if not text.isascii() or not text.isprintable() or " " in text:
        raise InvalidRequestError(
            attribute.name, "holds a blank, a line break or another character that no header can carry"
        )


def _check_text(_: object, attribute: Attribute[Any], value: str | None) -> None:
    if value is not None and not isinstance(value, str):
        raise InvalidRequestError(attribute.name, f"must be text (str), not {type(value).__name__}")
    if not value and (value is not None or attribute.default is NOTHING):
        raise InvalidRequestError(attribute.name, "is missing" if value is None else "is empty")


@runtime_checkable
class Credentials(Protocol):
    """Gives the auth headers: one coroutine, awaited before every attempt, so that keys can rotate.

    If the object also has a coroutine ``renew()``, it is awaited once after a 401. Then the call is retried, unless it
    is not idempotent and the 401 does not show that it was not applied.
    """

    async def headers(self) -> Mapping[str, str]:
        """The headers to send, for instance ``{"api-key": ...}``."""
        ...


@frozen
class ApiKey:
    """The ``api-key`` header (https://developers.brevo.com/docs/how-it-works).

    Raises ``InvalidRequestError`` for an empty key and for characters that a header cannot carry.
    """

    api_key: Secret = field(converter=_secret, validator=_check_secret)

    def fixed(self) -> Mapping[str, str]:
        """The headers, which never change."""
        return {"api-key": HeaderSecret(self.api_key.reveal())}

    async def headers(self) -> Mapping[str, str]:
        """``{"api-key": ...}``."""
        return self.fixed()


@frozen
class PartnerKey:
    """The ``partner-key`` header, and ``api-key`` beside it if one is given.

    Brevo's reference no longer mentions ``partner-key``; its documents of 2025 did. Raises ``InvalidRequestError``
    for an empty key and for characters that a header cannot carry.
    """

    partner_key: Secret = field(converter=_secret, validator=_check_secret)
    api_key: Secret | None = field(default=None, converter=_optional_secret, validator=_check_secret)

    def fixed(self) -> Mapping[str, str]:
        """The headers, which never change."""
        headers = {"partner-key": HeaderSecret(self.partner_key.reveal())}
        if self.api_key is not None:
            headers["api-key"] = HeaderSecret(self.api_key.reveal())
        return headers

    async def headers(self) -> Mapping[str, str]:
        """``{"partner-key": ..., "api-key": ...}``."""
        return self.fixed()


@frozen
class ClientCredentials:
    """OAuth 2 client credentials, machine to machine (https://developers.brevo.com/changelog/2026/10/6).

    The client fetches the token over its own connections, keeps it until shortly before it expires, and renews it
    once for all calls that wait for it. ``scope`` is a space-separated list (``loyalty:read loyalty:write``);
    without it the token has every scope of the app. ``token_url`` defaults to ``/realms/partner/oauth/token`` on
    the host of the base URL.

    Raises ``InvalidRequestError`` for an empty id or secret. A token that cannot be fetched fails the call, which
    was not sent then: with ``AuthenticationError`` if the id or secret was refused.
    """

    client_id: str = field(validator=_check_text)
    client_secret: Secret = field(converter=_secret, validator=_check_secret)
    scope: str | None = field(default=None, validator=_check_text)
    token_url: str | None = None


def _shown(value: object) -> str:
    try:
        return f"{value!r:.80}"
    except Exception:  # noqa: BLE001  (repr fails for an int of too many digits, or in the user's own class)
        return f"this {type(value).__name__}"


def check_seconds(argument: str, value: float, *, zero: bool = True, otherwise: str = "") -> float:
    """A finite number of seconds, else ``InvalidRequestError``; ``otherwise`` names the alternative in its text."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise InvalidRequestError(argument, f"must be a number of seconds{otherwise}, not {_shown(value)}")
    # The comparison also refuses infinity, NaN and integers that are too large for a float.
    if not 0 <= value <= sys.float_info.max or not (value or zero):
        least = "at least 0" if zero else "more than 0"
        raise InvalidRequestError(
            argument, f"must be a finite number of seconds, {least}{otherwise}, not {_shown(value)}"
        )
    return value


def _check_timeout(_: object, attribute: Attribute[Any], value: float | None) -> None:
    if value is not None:
        check_seconds(attribute.name, value, zero=False, otherwise=", or None for no limit")


def _check_max_wait(_: object, attribute: Attribute[Any], value: float | None) -> None:
    if value is not None:
        check_seconds(attribute.name, value, otherwise=", or None to wait as long as it takes")


def _check_attempts(_: object, attribute: Attribute[int], value: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InvalidRequestError(
            attribute.name, f"must be a whole number of at least 1, not {_shown(value)}"
        )


def _check_reserve(_: object, attribute: Attribute[float], value: float) -> None:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value < 1:
        raise InvalidRequestError(
            attribute.name, f"must be a share from 0 up to but not including 1, not {_shown(value)}"
        )


@frozen
class Options:
    """The limits of one call.

    ``timeout`` (seconds, 30; None: no limit) covers all attempts and waits of a call. ``max_attempts`` is the number
    of requests (3). ``max_wait`` is the longest wait for quota in seconds (10); None waits as long as needed, and
    that wait does not count against ``timeout``. ``reserve`` is the share of the account's quota that is left to
    others (0). Raises ``InvalidRequestError`` for a value out of range.
    """

    timeout: float | None = field(default=30.0, validator=_check_timeout)
    max_attempts: int = field(default=3, validator=_check_attempts)
    max_wait: float | None = field(default=10.0, validator=_check_max_wait)
    reserve: float = field(default=0.0, validator=_check_reserve)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def checked_base_url(text: str, *, allow_http: bool, argument: str = "base_url") -> str:
    """``text`` without a slash at its end, or ``InvalidRequestError``; ``argument`` is where it comes from.

    Plain ``http://`` sends the key unencrypted, so it is refused for any host but this machine unless
    ``allow_http`` is true.
    """
    try:
        url = URL(text)
        host = url.host
    except (ValueError, TypeError):
        raise InvalidRequestError(argument, "is not a URL") from None
    if url.scheme not in {"http", "https"} or not host:
        raise InvalidRequestError(argument, "must begin with https:// and name a host")
    if url.user is not None or url.password is not None:
        raise InvalidRequestError(argument, "must carry no user or password")
    if url.query_string or url.fragment:
        raise InvalidRequestError(argument, "must end before any ? or #")
    if url.scheme == "http" and not allow_http and not _is_loopback(host):
        raise InvalidRequestError(
            argument,
            f"plain http:// to {host} would send the key unencrypted; "
            "use https://, or allow_http=True if you accept that",
        )
    return str(url).rstrip("/")


class Timer(Protocol):
    """A callback that is scheduled."""

    def cancel(self) -> None:
        """Do not run the callback; does nothing if it has run."""


class Clock(Protocol):
    """A monotonic clock with timers, used for retries, waits and the quota.

    These waits use ``call_later``, so a test with its own clock can let an hour pass at once.
    """

    def time(self) -> float:
        """Seconds since an arbitrary start; they never decrease."""
        ...

    def call_later(self, delay: float, callback: Callable[[], None]) -> Timer:
        """Run ``callback`` on the event loop after ``delay`` seconds."""
        ...
