"""Settings, credentials and the clock: what a user may choose, validated when it is made.

A ``Secret`` never shows more than its last four characters, wherever it is printed, logged or pickled.
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
    """A key or token. Printing shows the last four characters; pickling is refused."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself, for the one place that puts it on the wire."""
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
        message = "a Secret is not pickled: hand the key to the other process by its environment"
        raise TypeError(message)


class HeaderSecret(str):
    """A header's value that is a plain ``str`` on the wire and masked where a traceback shows its locals."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(Secret(str(self)))


class SecretBytes(bytes):
    """A body with a secret in it, masked where a traceback shows its locals."""

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
    """What proves who is asking: one coroutine, awaited before every attempt, so that keys can rotate.

    An object that also has a coroutine ``renew()`` is given one chance to fetch fresh headers after a 401.
    """

    async def headers(self) -> Mapping[str, str]:
        """The headers to send, for instance ``{"api-key": ...}``."""
        ...


@frozen
class ApiKey:
    """The ``api-key`` header: Brevo's ordinary way."""

    api_key: Secret = field(converter=_secret, validator=_check_secret)

    def fixed(self) -> Mapping[str, str]:
        """The headers, which never change."""
        return {"api-key": HeaderSecret(self.api_key.reveal())}

    async def headers(self) -> Mapping[str, str]:
        """``{"api-key": ...}``."""
        return self.fixed()


@frozen
class PartnerKey:
    """The ``partner-key`` header, beside an ``api-key`` where one is given."""

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
    """OAuth 2 client credentials (machine to machine, announced by Brevo on 6 October 2026).

    The client fetches the token with its own connections, keeps it until shortly before it ends, and lets one
    call renew it while the others wait. ``scope`` is a space-separated list; without it the token carries every
    scope of the app. ``token_url`` defaults to ``/realms/partner/oauth/token`` on the host of the base URL.
    """

    client_id: str = field(validator=_check_text)
    client_secret: Secret = field(converter=_secret, validator=_check_secret)
    scope: str | None = field(default=None, validator=_check_text)
    token_url: str | None = None


def _shown(value: object) -> str:
    try:
        return f"{value!r:.80}"
    except Exception:  # noqa: BLE001  (an int of more digits than Python writes out, or what a class of the user's raises)
        return f"this {type(value).__name__}"


def check_seconds(argument: str, value: float, *, zero: bool = True, otherwise: str = "") -> float:
    """A number of seconds; ``InvalidRequestError`` for anything else, with what else there is in the text."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise InvalidRequestError(argument, f"must be a number of seconds{otherwise}, not {_shown(value)}")
    # The comparison refuses infinity, not-a-number and whole numbers that no float can hold.
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
    """What one call may spend.

    ``timeout`` (seconds, ``None`` for no limit) covers all attempts and waits of a call. ``max_wait`` is the
    longest wait for quota that is accepted; ``None`` waits as long as it takes, and such a wait does not count
    against ``timeout``. ``reserve`` is the share of the account's limit that is left to others.
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


def checked_base_url(text: str, *, allow_http: bool) -> str:
    """``text`` without a slash at its end, or ``InvalidRequestError``.

    Plain ``http://`` would show the key to everybody on the way, so it is refused for any host but this machine
    unless ``allow_http`` says otherwise.
    """
    try:
        url = URL(text)
        host = url.host
    except (ValueError, TypeError):
        raise InvalidRequestError("base_url", "is not a URL") from None
    if url.scheme not in {"http", "https"} or not host:
        raise InvalidRequestError("base_url", "must begin with https:// and name a host")
    if url.user is not None or url.password is not None:
        raise InvalidRequestError("base_url", "must carry no user or password")
    if url.query_string or url.fragment:
        raise InvalidRequestError("base_url", "must end before any ? or #")
    if url.scheme == "http" and not allow_http and not _is_loopback(host):
        raise InvalidRequestError(
            "base_url",
            f"plain http:// to {host} would send the key readable to everybody on the way; "
            "use https://, or allow_http=True if you know why",
        )
    return str(url).rstrip("/")


class Timer(Protocol):
    """A pending callback."""

    def cancel(self) -> None:
        """Forget the callback; harmless when it has run."""


class Clock(Protocol):
    """A monotonic clock with timers: what retries, waits and the quota are timed by.

    Everything that waits is built on ``call_later``, so that a test can let an hour pass in no time.
    """

    def time(self) -> float:
        """Seconds since an arbitrary moment; they never run backwards."""
        ...

    def call_later(self, delay: float, callback: Callable[[], None]) -> Timer:
        """Run ``callback`` on the event loop after ``delay`` seconds."""
        ...
