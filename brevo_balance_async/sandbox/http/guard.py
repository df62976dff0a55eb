"""Who may use the control routes: programs on this machine, and pages that the sandbox itself served.

The routes take no key, so every web page that is open in a browser on this machine could reach them. Four things tell
such a page from a program:

- ``Host`` is a foreign name when the page made a name of its own resolve to 127.0.0.1 (DNS rebinding);
- ``Origin`` is the page's own (or ``null``) on every request that a script or a form sends across origins;
- ``Sec-Fetch-Site`` is ``cross-site`` or ``same-site`` on what an image or a frame loads across origins. Following a
  link to a control page is allowed: the page that has the link sees nothing of the answer
  (this is the "resource isolation policy" of https://web.dev/articles/fetch-metadata);
- a form cannot send ``application/json``, and a script that does so across origins has to ask first, which fails.

The API's own routes have no such check. They want a key in a header, which no page of another origin may send unasked,
and a foreign ``Host`` is normal there: a container's name, a proxy, ``api.brevo.com`` in a hosts file.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import TYPE_CHECKING

from brevo_balance_async.sandbox.rules.refusals import Refusal, forbidden

if TYPE_CHECKING:
    from multidict import MultiMapping

_AUTHORITY = re.compile(r"(?:\[(?P<v6>[^\[\]]+)\]|(?P<name>[^\[\]:@/]+))(?::\d{1,5})?")
_NAMES = "localhost, 127.0.0.1 or [::1]"


def is_loopback(host: str) -> bool:
    """Whether an address, or the name ``localhost``, means this machine and no other."""
    try:
        return host.lower() == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def check_control(method: str, target: str, remote: str, headers: MultiMapping[str]) -> None:
    """403 for a control request from elsewhere, 415 for a POST that is not JSON; ``target`` as on the request line."""
    if not is_loopback(remote):
        raise forbidden("control routes answer this machine only; the request came from another address")
    hosts = headers.getall("host", [])
    if len(hosts) != 1 or not _is_ours(hosts[0]) or not target.startswith("/"):
        raise forbidden(
            f"control routes answer under the names {_NAMES} only; the request names another host, or none"
        )
    if any(origin.lower() != f"http://{hosts[0].lower()}" for origin in headers.getall("origin", [])):
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


def _is_ours(authority: str) -> bool:
    """Whether ``host`` or ``host:port`` names this machine. Any port will do: a tunnel may map it to another."""
    parts = _AUTHORITY.fullmatch(authority)
    return parts is not None and is_loopback(parts["v6"] or parts["name"])


def _is_from_here(method: str, headers: MultiMapping[str]) -> bool:
    if headers.get("sec-fetch-site", "none") in {"none", "same-origin"}:
        return True
    followed = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    return followed and method in {"GET", "HEAD"}
