"""Our own keys blotted out of what a server or a gateway repeats, however it spells them.

A character of the key may come as a JSON escape, percent-encoded, as an HTML entity, with NULs between (UTF-16), and
with all that escaped once more. Reading an answer undoes some of these, so the key is looked for in the plainest
spelling and taken out of the bytes before anything reads them.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve

if TYPE_CHECKING:
    from brevo_balance_async.core.protocol import Response

_SHORTEST: Final = 12
"""Characters: what is shorter is no key, and may stand in an answer by chance."""
_BLOT: Final = b"[key]"
_MOST_LAYERS: Final = 4
"""Escapes of escapes of escapes that are undone."""
# Each pattern begins with one certain byte, so that the others are passed over at the speed of memchr.
_JSON: Final = re.compile(rb"\\(?:u00|x)([2-7][0-9a-fA-F])")
_PERCENT: Final = re.compile(rb"%(?:25)*([2-7][0-9a-fA-F])")
_HTML: Final = re.compile(rb"&(?:amp;)*#(?:[xX]0*([2-7][0-9a-fA-F])|0*([0-9]{2,3}));")


def without_secrets(response: Response) -> Response:
    """The answer without its ``secrets``, in its body and, where it is no success, in its headers.

    Of a success nobody gets to see more of the headers than the request id, and ``cleaned`` is for that.
    """
    keys = _keys(response.secrets)
    body = _blotted(response.body, keys)
    if response.status < 300:
        return response if body is response.body else evolve(response, body=body)
    shown = {name.lower(): _cleaned(value, keys) for name, value in response.headers.items()}
    return evolve(response, body=body, headers=shown)


def cleaned(text: str, secrets: tuple[str, ...]) -> str:
    """``text`` without ``secrets``."""
    return str(_cleaned(text, _keys(secrets)))


def forget_secrets(error: BaseException, handled: BaseException | None, secrets: tuple[str, ...]) -> None:
    """Take ``secrets`` out of a foreign error, and its frames off it.

    aiohttp quotes the line that it could not read, and its writer has the request in its frames. ``handled`` is what
    the caller was handling already; it stays as it is.
    """
    keys = _keys(secrets)
    seen = {id(handled)}
    errors: list[BaseException | None] = [error]
    while errors:
        each = errors.pop()
        if each is None or id(each) in seen:  # a user's trace may raise an error from itself
            continue
        seen.add(id(each))
        each.__traceback__ = None
        each.args = tuple(_cleaned(value, keys) for value in each.args)
        for name, value in vars(each).items():
            vars(each)[name] = _cleaned(value, keys)
        errors += [each.__cause__, each.__context__]


def _cleaned(value: Any, keys: tuple[tuple[bytes, bytes], ...]) -> Any:
    """Text or bytes without the keys, the same object if they are not in it; anything else as it is."""
    if isinstance(value, str):
        raw = value.encode("utf-8", "surrogatepass")
        clean = _blotted(raw, keys)
        return value if clean is raw else clean.decode("utf-8", "surrogatepass")
    return _blotted(value, keys) if isinstance(value, bytes) else value


@lru_cache(maxsize=64)
def _keys(secrets: tuple[str, ...]) -> tuple[tuple[bytes, bytes], ...]:
    """Each key as it is and in its plainest spelling; the scheme before it (``Bearer``) is none."""
    pieces = [piece.encode() for secret in secrets for piece in secret.split() if len(piece) >= _SHORTEST]
    return tuple((key, _plain(key)) for key in pieces)


def _blotted(data: bytes, keys: tuple[tuple[bytes, bytes], ...]) -> bytes:
    """``data`` without the keys; the same object if they are not in it."""
    plain = _plain(data)
    for _, key in keys:  # a loop in place: this is done for every answer
        if key in plain:
            break
    else:
        return data
    found = [key for key in keys if key[1] in plain]
    data = data.replace(b"\0", b"")
    for key, _ in found:
        data = _spellings(key).sub(_BLOT, data)
    plain = _plain(data)
    # Spelled in a way that nobody thought of: then nothing of it may be seen.
    return _BLOT if any(key[1] in plain for key in found) else data


def _plain(data: bytes) -> bytes:
    """``data`` with every printable character as itself, and without backslashes and NULs."""
    if not (b"\\" in data or b"%" in data or b"&" in data or b"\0" in data):
        return data
    for _ in range(_MOST_LAYERS):
        before = data
        if b"\0" in data:
            data = data.replace(b"\0", b"")
        if b"\\" in data:
            data = _JSON.sub(_character, data).replace(b"\\", b"")
        if b"%" in data:
            data = _PERCENT.sub(_character, data)
        if b"&" in data:
            data = _HTML.sub(_character, data)
        if data is before or data == before:
            break
    return data


def _character(match: re.Match[bytes]) -> bytes:
    code = int(match[1], 16) if match[1] else int(match[2])
    return bytes([code]) if 32 < code < 127 else match[0]


@lru_cache(maxsize=64)
def _spellings(key: bytes) -> re.Pattern[bytes]:
    """Finds ``key`` with each of its characters in any spelling."""
    return re.compile(b"".join(map(_spelling, key)))


def _spelling(code: int) -> bytes:
    both_cases = b"(?i:%02x)" % code
    return b"(?:%s)" % b"|".join(
        [
            rb"\\{0,8}" + re.escape(bytes([code])),
            rb"\\{1,8}(?:u00|x)" + both_cases,
            rb"%(?:25){0,3}" + both_cases,
            rb"&(?:amp;){0,3}#[xX]0{0,6}" + both_cases + b";",
            rb"&(?:amp;){0,3}#0{0,6}%d;" % code,
        ]
    )
