"""Remove our own keys from answers in which a server or gateway repeats them, in any encoding.

A character of the key may be a JSON escape, percent-encoded, an HTML entity or UTF-16 (with NUL bytes between), and
these may be nested. Parsing an answer decodes some of them. So the key is searched for in the decoded text and
removed from the bytes before they are parsed.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from attrs import evolve

if TYPE_CHECKING:
    from brevo_balance_async.core.protocol import Response

_SHORTEST: Final = 12
"""Characters: shorter text is no key, and may be in an answer by chance."""
_REPLACEMENT: Final = b"[key]"
_MOST_LAYERS: Final = 4
"""How many levels of nested escapes are decoded."""
_USUAL: Final = (
    b'"loyaltyProgramId":"0123456789abcdef-","balanceDefinitionId","contactId","amount","meta","status","createdAt",'
    b'"transactionHistory","transactionType","completedAt","cancelledAt","rejectReason","expirationDate","updatedAt"'
)
"""Text as in most answers. Most answers do not have the byte of a key that is the rarest here."""
# Numbers of bytes: "a number in bytes" takes a tenth of the time of "bytes in bytes".
_NUL, _PERCENT_SIGN, _AMPERSAND, _BACKSLASH = b"\0%&\\"
# Each pattern begins with a fixed byte, so that the regex engine skips other text quickly.
_JSON: Final = re.compile(rb"\\(?:u00|x)([2-7][0-9a-fA-F])")
_PERCENT: Final = re.compile(rb"%(?:25)*([2-7][0-9a-fA-F])")
_HTML: Final = re.compile(rb"&(?:amp;)*#(?:[xX]0*([2-7][0-9a-fA-F])|0*([0-9]{2,3}));")


class _Key(NamedTuple):
    given: bytes
    plain: bytes
    """Without escapes, as it is searched for."""
    rarest: int
    """The byte of ``plain`` that is the rarest in answers."""


def without_secrets(response: Response) -> Response:
    """The answer without its ``secrets``: in its body and, unless it is a success, in its headers.

    Of the headers of a success only the request id is ever shown, and ``answers.request_id`` cleans that.
    """
    keys = _keys(response.secrets)
    body = _removed(response.body, keys)
    if response.status < 300:
        return response if body is response.body else evolve(response, body=body)
    shown = {name.lower(): _cleaned(value, keys) for name, value in response.headers.items()}
    return evolve(response, body=body, headers=shown)


def cleaned(text: str, secrets: tuple[str, ...]) -> str:
    """``text`` without ``secrets``."""
    return str(_cleaned(text, _keys(secrets)))


def forget_secrets(error: BaseException, handled: BaseException | None, secrets: tuple[str, ...]) -> None:
    """Remove ``secrets`` and tracebacks from an exception of aiohttp, and from its causes and contexts.

    aiohttp quotes lines that it cannot parse, and the frames of its writer hold the request. ``handled`` is an
    exception that the caller was already handling; it is not changed.
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


def _cleaned(value: Any, keys: tuple[_Key, ...]) -> Any:
    """Text or bytes without the keys, or the same object if they have none; other values as they are."""
    if isinstance(value, str):
        raw = value.encode("utf-8", "surrogatepass")
        clean = _removed(raw, keys)
        return value if clean is raw else clean.decode("utf-8", "surrogatepass")
    return _removed(value, keys) if isinstance(value, bytes) else value


@lru_cache(maxsize=64)
def _keys(secrets: tuple[str, ...]) -> tuple[_Key, ...]:
    """Each key as it is and decoded. A scheme before it (``Bearer``) is too short to count as one."""
    pieces = [piece.encode() for secret in secrets for piece in secret.split() if len(piece) >= _SHORTEST]
    plain = [(piece, _plain(piece)) for piece in pieces]
    return tuple(_Key(piece, text, min(text, key=_USUAL.count)) for piece, text in plain if text)


def _removed(data: bytes, keys: tuple[_Key, ...]) -> bytes:
    """``data`` without the keys, or the same object if it has none."""
    plain = _plain(data)
    for _, key, rarest in keys:  # a loop in place: this is done for every answer
        if rarest in plain and key in plain:
            break
    else:
        return data
    found = [key for key in keys if key.plain in plain]
    data = data.replace(b"\0", b"")
    for each in found:
        data = _encodings(each.given).sub(_REPLACEMENT, data)
    plain = _plain(data)
    # If an encoding that the pattern does not know is left, all the data is replaced.
    return _REPLACEMENT if any(key.plain in plain for key in found) else data


def _plain(data: bytes) -> bytes:
    """``data`` with its escapes decoded, and without backslashes and NUL bytes."""
    if not (_BACKSLASH in data or _PERCENT_SIGN in data or _AMPERSAND in data or _NUL in data):
        return data
    for _ in range(_MOST_LAYERS):
        before = data
        if _NUL in data:
            data = data.replace(b"\0", b"")
        if _BACKSLASH in data:
            data = _JSON.sub(_character, data).replace(b"\\", b"")
        if _PERCENT_SIGN in data:
            data = _PERCENT.sub(_character, data)
        if _AMPERSAND in data:
            data = _HTML.sub(_character, data)
        if data is before or data == before:
            break
    return data


def _character(match: re.Match[bytes]) -> bytes:
    code = int(match[1], 16) if match[1] else int(match[2])
    return bytes([code]) if 32 < code < 127 else match[0]


@lru_cache(maxsize=64)
def _encodings(key: bytes) -> re.Pattern[bytes]:
    """A pattern that finds ``key`` with each of its characters in any encoding."""
    return re.compile(b"".join(map(_encoding, key)))


def _encoding(code: int) -> bytes:
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
