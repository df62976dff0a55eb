"""What the environment would add to a request: the authorization header of netrc, and proxies."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, TypeAlias
from urllib.request import getproxies, proxy_bypass

from yarl import URL

from brevo_balance_async.config import HeaderSecret
from brevo_balance_async.errors import InvalidRequestError

if TYPE_CHECKING:
    import aiohttp


class NoNetrc:
    """Replaces the authorization header that a borrowed session takes from netrc by ours, or removes it."""

    def __init__(self, headers: dict[str, str]) -> None:
        self._own = [headers.pop(name) for name in [*headers] if name.lower() == "authorization"]

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """The client middleware."""
        request.headers.popall("authorization", None)
        for value in self._own:
            request.headers["authorization"] = value
        return await handler(request)


_Proxy: TypeAlias = "tuple[URL | None, dict[str, str] | None]"
"""A proxy's address and headers. The password is not in the address, because aiohttp's errors show it."""


def _proxy(proxy: str) -> _Proxy:
    try:
        url = URL(proxy)
    except (TypeError, ValueError):
        raise InvalidRequestError("proxy", "is not a URL") from None
    if url.scheme not in {"http", "https"} or not url.host:
        raise InvalidRequestError("proxy", "must begin with http:// or https:// and name a host")
    if url.user is None:
        return url, None
    pair = b64encode(f"{url.user}:{url.password or ''}".encode()).decode()
    return url.with_user(None), {"authorization": HeaderSecret(f"Basic {pair}")}  # aiohttp renames it


class Proxies:
    """The proxy for each address: the one that was given, or those of the environment.

    The environment is read here and not by aiohttp, because aiohttp would also read netrc. It would send the password
    from there to the token endpoint, and to Brevo in place of our header or beside it.
    """

    def __init__(self, proxy: str | None, *, trust_env: bool) -> None:
        self._named: _Proxy = (None, None) if proxy is None else _proxy(proxy)
        self._by_origin: dict[tuple[str, str | None], _Proxy] = {}
        self._by_scheme: dict[str, _Proxy] = {}
        found = getproxies() if trust_env and proxy is None else {}
        for scheme in found.keys() & {"http", "https"}:
            try:
                self._by_scheme[scheme] = _proxy(found[scheme])
            except InvalidRequestError as error:
                raise InvalidRequestError(f"{scheme.upper()}_PROXY", error.reason) from None

    def of(self, url: URL) -> _Proxy:
        """The proxy for a request to ``url``."""
        if not self._by_scheme:
            return self._named
        origin = url.scheme, url.host
        if origin not in self._by_origin:
            direct = url.host is not None and proxy_bypass(url.host)
            self._by_origin[origin] = self._named if direct else self._by_scheme.get(url.scheme, self._named)
        return self._by_origin[origin]
