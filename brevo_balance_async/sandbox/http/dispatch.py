"""Where a request goes: to the API, to the token endpoint, or to the control routes. A fault may come between."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from brevo_balance_async.sandbox.rules.refusals import Refusal, not_allowed

from .access import TOKEN_PATH, TokenRefusal
from .control.answers import control_answer, private, read_control
from .guard import PREFIX, check_control
from .misbehaviour import Misbehaviour, response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web

    from .handles import Handles
    from .service import Service


class Dispatch:
    """Answers the requests of one run of a sandbox, from its start to its stop."""

    def __init__(self, sandbox: Handles, service: Service, control_token: str | None) -> None:
        self._sandbox = sandbox
        self._service = service
        self._control_token = control_token
        self._faults = sandbox.faults
        self._misbehaviour = Misbehaviour(service)

    def end_stalls(self) -> None:
        """End what would never end by itself."""
        self._misbehaviour.end_stalls()

    def stop(self) -> None:
        """End what is stalled, paused or delayed."""
        self._misbehaviour.stop()

    async def respond(
        self, request: web.BaseRequest, content: bytes, unread: Refusal | None
    ) -> web.StreamResponse:
        """The answer to a request whose body is ``content``, or could not be read because of ``unread``."""
        path = request.rel_url.raw_path
        if path == PREFIX.removesuffix("/"):
            path = PREFIX
        if path.startswith(PREFIX):
            return self._control(request, path, content, unread)
        headers = {name.lower(): value for name, value in request.headers.items()}
        if path == TOKEN_PATH:
            return self._token(request.method, content, headers)
        query = request.rel_url.query
        received = self._service.receive(request.method, path, query, headers, content, unread)
        effect = None
        if len(self._faults):
            effect = self._faults.strike(received.record.operation, received.contact(self._service.ledger))
        if effect is not None:
            return await self._misbehaviour.act(request, received, effect)
        answer = self._service.perform(received)
        self._service.settle(received, answer.status, applied=answer.applied)
        return response(answer)

    def _token(self, method: str, content: bytes, headers: Mapping[str, str]) -> web.Response:
        replies = self._service.replies
        if method != "POST":
            return response(replies.refused(not_allowed(("POST",))))
        form = dict(parse_qsl(content.decode("latin-1")))
        try:
            return response(replies.answer(200, self._service.access.issue(form, headers)))
        except TokenRefusal as refusal:
            return response(replies.answer(refusal.status, {"error": refusal.error}))

    def _control(
        self, request: web.BaseRequest, path: str, content: bytes, unread: Refusal | None
    ) -> web.Response:
        replies = self._service.replies
        try:
            caller = (request.method, request.raw_path, request.remote or "", request.headers)
            check_control(*caller, token=self._control_token)
            if unread is not None:
                raise unread
            asked = (request.method, path.removeprefix(PREFIX), request.rel_url.query, read_control(content))
            accept = request.headers.get("accept", "")
            value, headers = control_answer(self._sandbox, *asked, accept=accept)
            answer = replies.answer(200, value, headers)
        except Refusal as refusal:
            answer = replies.refused(refusal)
        return response(private(answer))
