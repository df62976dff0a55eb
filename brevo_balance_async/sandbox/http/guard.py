"""Who may use the control routes: programs on this machine, and pages that the sandbox itself served.

The routes take no key, so every web page that is open in a browser on this machine could reach them. Four things tell
such a page from a program:

- ``Host`` is a foreign name when the page made a name of its own resolve to 127.0.0.1 (DNS rebinding);
- ``Origin`` is the page's own (or ``null``) on every request that a script or a form sends across origins;
- ``Sec-Fetch-Site`` is ``cross-site`` or ``same-site`` on what an image or a frame loads across origins. Following a
  link to a control page is allowed: the page that has the link sees nothing of the answer
  (this is the "resource isolation policy" of https://web.dev/articles/fetch-metadata);
- a form cannot send ``application/json``, and a script that does so across origins has to ask first, which fails.

A caller that sends the sandbox's control token as ``Authorization: Bearer`` may come from any address and under any
name, because no page knows it: a container's published port works that way.

The API's own routes have no such check. They want a key in a header, which no page of another origin may send unasked,
and a foreign ``Host`` is normal there: a container's name, a proxy, ``api.brevo.com`` in a hosts file.
"""

from __future__ import annotations

import re
from hmac import compare_digest
from ipaddress import ip_address
from typing import TYPE_CHECKING

from brevo_balance_async.sandbox.rules.refusals import Refusal, forbidden

if TYPE_CHECKING:
    from multidict import MultiMapping

PREFIX = "/_sandbox/"
"""Where the control routes stand."""

_AUTHORITY = re.compile(r"(?:\[(?P<v6>[^\[\]]+)\]|(?P<name>[^\[\]:@/]+))(?::\d{1,5})?")
_NAMES = "localhost, 127.0.0.1 or [::1]"


def is_loopback(host: str) -> bool:
    """Whether an address, or the name ``localhost``, means this machine and no other."""
    try:
        return host.lower() == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def check_control(
    method: str, target: str, remote: str, headers: MultiMapping[str], *, token: str | None = None
) -> None:
    """403 for a control request from elsewhere, 415 for a POST that is not JSON; ``target`` as on the request line.

    Whoever sends ``token`` may come from elsewhere; 401 for one who sends another.
    """
    hosts = headers.getall("host", [])
    if not _knows(token, headers):
        hint = "" if token is None else "; from elsewhere send the control token as Authorization: Bearer"
        if not is_loopback(remote):
            raise forbidden(
                f"control routes answer this machine only; the request came from another address{hint}"
            )
        if len(hosts) != 1 or not _is_ours(hosts[0]) or not target.startswith("/"):
            raise forbidden(
                f"control routes answer under the names {_NAMES} only; the request names another host, or none"
                f"{hint}"
            )
    origins = {f"http://{host.lower()}" for host in hosts}
    if any(origins != {origin.lower()} for origin in headers.getall("origin", [])):
        raise forbidden("control routes answer no web page of another origin")
    if not _is_from_here(method, headers):
        raise forbidden("control routes answer no web page of another site")
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if method == "POST" and media_type != "application/json":
        raise Refusal(
            415,
            "unsupported_media_type",
            "a control POST needs content-type: application/json, even without a body",
        )


def _knows(token: str | None, headers: MultiMapping[str]) -> bool:
    """Whether the caller sent the control token; 401 for a wrong one, so that it is not taken for none."""
    scheme, _, sent = headers.get("authorization", "").partition(" ")
    if token is None or scheme.lower() != "bearer":
        return False
    if not compare_digest(_as_sent(sent), _as_sent(token)):
        raise Refusal(401, "unauthorized", "this is not the control token of the sandbox")
    return True


def _as_sent(text: str) -> bytes:
    """The bytes of a header or of a command's argument, which need not be UTF-8."""
    return text.encode(errors="surrogateescape")


def _is_ours(authority: str) -> bool:
    """Whether ``host`` or ``host:port`` names this machine. Any port will do: a tunnel may map it to another."""
    parts = _AUTHORITY.fullmatch(authority)
    return parts is not None and is_loopback(parts["v6"] or parts["name"])


def _is_from_here(method: str, headers: MultiMapping[str]) -> bool:
    if headers.get("sec-fetch-site", "none") in {"none", "same-origin"}:
        return True
    followed = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    return followed and method in {"GET", "HEAD"}
