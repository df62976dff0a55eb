"""Acting out what the script of faults says, on a real connection."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from aiohttp import web

from brevo_balance_async.sandbox.faults import effects
from brevo_balance_async.sandbox.faults.delivery import answer_bytes, end

from .replies import Answer

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from brevo_balance_async.sandbox.rules.records import Commit

    from .received import Received
    from .service import Service

_RST_AFTER_SECONDS = 0.02
_LOOK_SECONDS = 0.01


def response(answer: Answer) -> web.Response:
    """An answer as aiohttp sends it."""
    return web.Response(status=answer.status, body=answer.body, headers=answer.headers)


class Misbehaviour:
    """The faults of one run of the sandbox, from its start to its stop."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._stopping = asyncio.Event()
        self._leaving = asyncio.Event()
        self._late: set[asyncio.Task[Answer]] = set()

    def end_stalls(self) -> None:
        """End what would never end by itself."""
        self._leaving.set()

    def stop(self) -> None:
        """End what is stalled, paused or delayed."""
        self._leaving.set()
        self._stopping.set()
        for task in self._late:
            task.cancel()

    async def act(
        self, request: web.BaseRequest, received: Received, effect: effects.Effect
    ) -> web.StreamResponse:
        """Let ``effect`` spoil the answer to a request, carry the operation out if it says so, and log both."""
        if isinstance(effect, effects.Delayed):
            return response(await self._in_spite_of_leaving(self._delayed(received, effect)))
        if isinstance(effect, effects.CommittedLater):
            started = self._service.start_completing(received, effect.seconds)
            return response(await self._in_spite_of_leaving(self._committed_later(received, started, effect)))
        answer = self._service.perform(received) if effect.applied else None
        if answer is None and effect.reads:
            self._service.charge(received)
        told = self._told(answer, effect)
        applied = answer is not None and answer.applied
        self._service.settle(received, told.status if told else None, applied=applied, fault=effect.name)
        if told is None:
            return await self._say_nothing(request, effect)
        if isinstance(effect, effects.Cut):
            return await self._cut_off(request, told, effect)
        if isinstance(effect, effects.Dripping):
            return await self._drip(request, told, effect)
        if isinstance(effect, effects.Stray):
            data = answer_bytes(
                effect.status, told.headers, self._service.replies.answer(200, effect.body).body
            )
            asyncio.get_running_loop().call_later(effect.seconds, _write, request.transport, data)
        return response(told)

    def _told(self, answer: Answer | None, effect: effects.Effect) -> Answer | None:
        """The answer that the client is told, or the start of it; None when it is told nothing."""
        if isinstance(effect, effects.Answered):
            body = {"code": "sandbox_fault", "message": effect.name} if effect.body is None else effect.body
            return self._service.replies.answer(effect.status, body, effect.headers)
        if isinstance(effect, effects.TooMany):
            return self._service.replies.too_many(effect)
        if isinstance(effect, effects.Altered) and answer is not None:
            return self._service.replies.altered(answer, effect.members)
        if isinstance(effect, effects.Dropped | effects.Stalled | effects.Raw):
            return None
        return answer

    async def _say_nothing(self, request: web.BaseRequest, effect: effects.Effect) -> web.Response:
        if isinstance(effect, effects.Stalled):
            await self._leaving.wait()
        if request.transport is not None:
            if isinstance(effect, effects.Raw):
                request.transport.write(effect.data)
            end(request.transport, effect.how if isinstance(effect, effects.Dropped) else "fin")
        return web.Response()  # the connection is closing, so nothing of it is sent

    async def _cut_off(self, request: web.BaseRequest, told: Answer, effect: effects.Cut) -> web.Response:
        kept = told.body[: int(len(told.body) * effect.keep)]
        if request.transport is not None:
            request.transport.write(answer_bytes(told.status, told.headers, kept, length=len(told.body)))
            if effect.how == "rst":
                await self._pause(
                    _RST_AFTER_SECONDS
                )  # what was written must leave before the reset discards it
            end(request.transport, effect.how)
        return web.Response()  # the connection is closing, so nothing of it is sent

    async def _drip(
        self, request: web.BaseRequest, told: Answer, effect: effects.Dripping
    ) -> web.StreamResponse:
        response = web.StreamResponse(status=told.status, headers=told.headers)
        response.content_length = len(told.body)
        await response.prepare(request)
        size = max(1, -(-len(told.body) // effect.pieces))
        for start in range(0, len(told.body), size):
            await response.write(told.body[start : start + size])
            await self._pause(effect.seconds / effect.pieces)
        await response.write_eof()
        return response

    async def _delayed(self, received: Received, effect: effects.Delayed) -> Answer:
        await asyncio.sleep(effect.seconds)
        answer = self._service.perform(received)
        self._service.settle(received, answer.status, applied=answer.applied, fault=effect.name)
        return answer

    async def _committed_later(
        self, received: Received, started: Commit | Answer, effect: effects.CommittedLater
    ) -> Answer:
        if isinstance(started, Answer):
            answer = started
        else:
            while self._service.now() < started.at and not self._stopping.is_set():
                await self._pause(_LOOK_SECONDS)  # the clock may be frozen and advanced by anybody
            answer = self._service.finish_completing(started)
        self._service.settle(received, answer.status, applied=answer.applied, fault=effect.name)
        return answer

    async def _in_spite_of_leaving(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        """Carry ``work`` to its end even when the client leaves, which cancels the handler."""
        task = asyncio.create_task(work)
        self._late.add(task)
        task.add_done_callback(self._late.discard)
        return await asyncio.shield(task)

    async def _pause(self, seconds: float) -> None:
        """Let real time pass, no longer than the sandbox runs."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()


def _write(transport: asyncio.Transport | None, data: bytes) -> None:
    if transport is not None and not transport.is_closing():
        transport.write(data)
