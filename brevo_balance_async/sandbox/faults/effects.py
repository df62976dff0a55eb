"""What can go wrong with an answer, each as a small frozen record.

The functions make them: ``faults.add(status(503))``. ``applied`` says whether the operation is carried out before
things go wrong: it decides whether the client may send the request again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from attrs import field, frozen

from . import checks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_HTML = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"


@frozen(kw_only=True)
class Effect:
    """What all effects have."""

    name: str
    applied: bool = field(validator=checks.flag)
    """Whether the operation is carried out."""
    reads: ClassVar[bool] = True
    """Whether the request is read, logged and counted against the quota."""


@frozen(kw_only=True)
class Answered(Effect):
    """An answer of its own. ``body`` is JSON, text or bytes; without one it is an error body."""

    status: int = field(validator=checks.status)
    body: Any = None
    headers: Mapping[str, str] = field(factory=dict, validator=checks.headers)


@frozen(kw_only=True)
class Altered(Effect):
    """The true answer with some members of its body replaced."""

    members: Mapping[str, Any] = field(validator=checks.members)


@frozen(kw_only=True)
class Delayed(Effect):
    """The true answer, late: carried out after ``seconds``, whether or not the client is still there."""

    seconds: float = field(validator=checks.seconds)


@frozen(kw_only=True)
class CommittedLater(Effect):
    """A complete whose draft is checked at once, and committed and answered ``seconds`` later."""

    seconds: float = field(validator=checks.seconds)
    """On the sandbox's clock."""


@frozen(kw_only=True)
class Dropped(Effect):
    """No answer: the connection ends with FIN or RST."""

    how: str = field(validator=checks.end)


@frozen(kw_only=True)
class Unread(Dropped):
    """The connection ends before the server's program has seen the request."""

    reads: ClassVar[bool] = False


@frozen(kw_only=True)
class Cut(Effect):
    """The true answer's head and part of its body, then the end of the connection."""

    keep: float = field(validator=checks.part)
    """Which part of the body is sent, from 0 to just below 1."""
    how: str = field(validator=checks.end)


@frozen(kw_only=True)
class Dripping(Effect):
    """The true answer, its body spread over ``seconds`` in ``pieces``."""

    seconds: float = field(validator=checks.seconds)
    pieces: int = field(validator=checks.count)


@frozen(kw_only=True)
class Raw(Effect):
    """Bytes of any kind in place of an answer, then the end of the connection."""

    data: bytes = field(validator=checks.data)


@frozen(kw_only=True)
class Stray(Effect):
    """The true answer, and ``seconds`` later, on the idle connection, another answer that belongs to no request."""

    status: int = field(validator=checks.status)
    body: Any
    seconds: float = field(validator=checks.seconds)


@frozen(kw_only=True)
class Stalled(Effect):
    """Silence until the client leaves or the sandbox stops."""


@frozen(kw_only=True)
class TooMany(Effect):
    """429 with the quota headers telling ``reset`` seconds, or without any."""

    reset: int = field(validator=checks.count)
    headers: bool = field(validator=checks.flag)


def status(
    code: int, body: Any = None, headers: Mapping[str, str] | None = None, *, applied: bool = False
) -> Effect:
    """Answer ``code`` with ``body`` (JSON value, text or bytes; default an error body)."""
    return Answered(name=f"status_{code}", applied=applied, status=code, body=body, headers=headers or {})


def apply_then_status(code: int, body: Any = None, headers: Mapping[str, str] | None = None) -> Effect:
    """Carry the operation out, then answer ``code``: the error that must not be taken for "nothing happened"."""
    return Answered(
        name=f"apply_then_status_{code}", applied=True, status=code, body=body, headers=headers or {}
    )


def delay(seconds: float) -> Effect:
    """Carry out and answer after ``seconds`` of real time, even when the client has gone."""
    return Delayed(name="delay", applied=True, seconds=seconds)


def commit_later(seconds: float) -> Effect:
    """Check a complete's draft now, commit and answer after ``seconds`` of the sandbox's clock, expired or not by then.

    In between history may show the draft as expired. Any other operation is carried out as if there were no fault.
    """
    return CommittedLater(name="commit_later", applied=True, seconds=seconds)


def close_before_reading(how: str = "fin") -> Effect:
    """End the connection before the request is looked at."""
    return Unread(name="close_before_reading", applied=False, how=how)


def apply_then_drop(how: str = "fin") -> Effect:
    """Carry the operation out, then end the connection without an answer."""
    return Dropped(name="apply_then_drop", applied=True, how=how)


def reset() -> Effect:
    """Read the request, carry nothing out, reset the connection."""
    return Dropped(name="reset", applied=False, how="rst")


def drop(how: str = "fin") -> Effect:
    """Read the request, carry nothing out, end the connection without an answer."""
    return Dropped(name="drop", applied=False, how=how)


def truncated_json(keep: float = 0.5, how: str = "fin") -> Effect:
    """Carry the operation out, then send a part of the body and end the connection."""
    return Cut(name="truncated_json", applied=True, keep=keep, how=how)


def html_page(code: int = 502, *, applied: bool = False) -> Effect:
    """A proxy's HTML page."""
    headers = {"content-type": "text/html"}
    return Answered(name="html_page", applied=applied, status=code, body=_HTML, headers=headers)


def slow_body(seconds: float, pieces: int = 10) -> Effect:
    """Carry the operation out, then let the body drip for ``seconds``."""
    return Dripping(name="slow_body", applied=True, seconds=seconds, pieces=pieces)


def redirect(location: str, code: int = 307, *, applied: bool = False) -> Effect:
    """A redirect."""
    return Answered(name="redirect", applied=applied, status=code, body="", headers={"location": location})


def garbage(data: bytes | str = b"SSH-2.0-OpenSSH_9.0\r\n\r\n", *, applied: bool = True) -> Effect:
    """Bytes that are no HTTP answer, then the end of the connection."""
    return Raw(name="garbage", applied=applied, data=_bytes(data))


def raw(data: bytes | str, *, applied: bool = True) -> Effect:
    """These very bytes in place of the answer, then the end of the connection. A character of text is one byte."""
    return Raw(name="raw", applied=applied, data=_bytes(data))


def too_many(reset: int = 30, *, headers: bool = True) -> Effect:
    """429, nothing carried out; the headers tell ``reset`` seconds left and nothing remaining."""
    return TooMany(name="too_many", applied=False, reset=reset, headers=headers)


def stall(*, applied: bool = False) -> Effect:
    """Never answer: silence until the client leaves or the sandbox stops."""
    return Stalled(name="stall", applied=applied)


def altered(members: Mapping[str, Any]) -> Effect:
    """The true answer with members of its body replaced, say another ``id`` or other ``meta``."""
    return Altered(name="altered", applied=True, members=members)


def stray(body: Any, code: int = 200, seconds: float = 0.05) -> Effect:
    """The true answer, and a little later on the idle connection an answer that belongs to no request."""
    return Stray(name="stray", applied=True, status=code, body=body, seconds=seconds)


def _bytes(data: bytes | str) -> bytes:
    try:
        return data.encode("latin-1") if isinstance(data, str) else data
    except UnicodeEncodeError:
        raise ValueError("data must have characters below U+0100 only, each of which is a byte") from None


EFFECTS: dict[str, Callable[..., Effect]] = {
    make.__name__: make
    for make in (
        status,
        apply_then_status,
        delay,
        commit_later,
        close_before_reading,
        apply_then_drop,
        reset,
        drop,
        truncated_json,
        html_page,
        slow_body,
        redirect,
        garbage,
        raw,
        too_many,
        stall,
        altered,
        stray,
    )
}
"""The effects by name, for scripts in another process."""
