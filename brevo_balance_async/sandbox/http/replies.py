"""Answers as HTTP has them: a status, the headers of quota and date, a body of JSON, text or bytes."""

from __future__ import annotations

from email.utils import format_datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from attrs import frozen

from brevo_balance_async.sandbox.rules.refusals import Refusal

from .wire import read_json, write_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from brevo_balance_async.sandbox.faults.effects import TooMany
    from brevo_balance_async.sandbox.rules.ledger import Ledger

    from .quota import ServerQuota

IMITATION = {"x-sandbox": "imitates api.brevo.com"}
"""On every answer, so that nobody takes the sandbox for Brevo."""

_JSON = {"content-type": "application/json"}


@frozen
class Answer:
    """An HTTP answer."""

    status: int
    body: bytes
    headers: dict[str, str]
    applied: bool = False


class Replies:
    """Makes answers that tell the quota and the time of this sandbox."""

    def __init__(self, ledger: Ledger, quota: ServerQuota) -> None:
        self._ledger = ledger
        self._quota = quota

    def answer(
        self, status: int, body: Any, headers: Mapping[str, str] | None = None, *, applied: bool = False
    ) -> Answer:
        """An answer with the quota headers; ``body`` is a JSON value, text or bytes, None for no body."""
        content_type = _JSON
        if body is None or isinstance(body, bytes):
            content, content_type = body or b"", {}
        elif isinstance(body, str):
            # Half a surrogate pair, which JSON may hold, has no UTF-8 form.
            content = body.encode(errors="backslashreplace")
            content_type = {"content-type": "text/plain; charset=utf-8"}
        else:
            content = write_json(body).encode()
        common = {**IMITATION, "date": http_date(self._ledger.clock.now().replace(microsecond=0))}
        own = {name.lower(): value for name, value in (headers or {}).items()}
        return Answer(status, content, {**content_type, **common, **self._quota.headers(), **own}, applied)

    def refused(self, refusal: Refusal) -> Answer:
        """An error answer."""
        body = {"code": refusal.code, "message": refusal.message}
        answer = self.answer(refusal.status, body, refusal.headers)
        if refusal.status == 429 and not self._ledger.switches.quota_headers_on_429:
            for name in self._quota.headers():
                answer.headers.pop(name, None)
        return answer

    def too_many(self, effect: TooMany) -> Answer:
        """429 whose headers tell what the effect says."""
        answer = self.refused(quota_used_up())
        told = {
            "x-sib-ratelimit-limit": str(self._quota.limit or 600),
            "x-sib-ratelimit-remaining": "0",
            "x-sib-ratelimit-reset": str(effect.reset),
        }
        for name, value in told.items():
            answer.headers.pop(name, None)
            if effect.headers:
                answer.headers[name] = value
        return answer

    def altered(self, answer: Answer, members: Mapping[str, Any]) -> Answer:
        """``answer`` with members of its body replaced; one whose body is no object stays as it is."""
        body = read_json(answer.body) if answer.body else {}
        if not isinstance(body, dict):
            return answer
        return self.answer(answer.status, {**body, **members}, applied=answer.applied)


def quota_used_up() -> Refusal:
    """429: the hour's requests are spent."""
    return Refusal(429, "too_many_requests", "API rate limit exceeded")


@lru_cache(maxsize=16)
def http_date(second: datetime) -> str:
    """The ``date`` header, on the sandbox's clock."""
    return format_datetime(second, usegmt=True)
