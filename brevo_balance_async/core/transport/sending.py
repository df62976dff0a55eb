"""Makes attempts: sends a request and reads the complete answer."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any, Final

from yarl import URL

from brevo_balance_async.core.protocol import Response
from brevo_balance_async.core.redaction import forget_secrets, without_secrets
from brevo_balance_async.core.transport.attempt import (
    JSON,
    LAST_TRACE,
    Attempt,
    Body,
    StaleConnectionError,
)
from brevo_balance_async.core.transport.environment import NoNetrc
from brevo_balance_async.core.transport.failures import TooLargeError, ended, translated
from brevo_balance_async.core.transport.session import Session
from brevo_balance_async.errors import ClientStateError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import aiohttp

    from brevo_balance_async.core.protocol import Progress, Request

MOST_STALE: Final = 10
"""New connections that one attempt may find unusable before it fails as not sent. Those of the pool are not counted:
their number is finite."""
_NO_GUESSES: Final = ("content-type",)
"""aiohttp would send ``application/octet-stream`` with a POST without a body; Brevo documents no type for it."""


class Transport(Session):
    """Makes attempts; any number of them may run concurrently."""

    async def send(
        self,
        request: Request,
        headers: Mapping[str, str],
        timeout: float | None,
        progress: Progress,
        guard: Callable[[], None] | None = None,
    ) -> Response:
        """Make one attempt: returns the complete answer, whatever its status, or raises one of our errors.

        ``progress`` is updated meanwhile, so that it can be read after a cancellation. ``guard`` is asked right before
        the request leaves; what it raises is raised here, and nothing was sent.
        """
        session, places = self._session, self._places
        if session is None or session.closed or self.closed:
            raise ClientStateError("the client, or the session handed to it, is closed; nothing was sent")
        handled = sys.exception()
        attempt = None
        try:
            with self.timeouts.within(timeout) as limit:
                if places is not None and not places.take():
                    await places.wait()
                progress.connecting = True
                try:
                    stale = 0
                    while True:
                        attempt = Attempt(
                            progress, limit, trusted=self._trusted, looks_last=self._looks_last, guard=guard
                        )
                        try:
                            return await self._exchange(session, request, headers, attempt)
                        except Exception:  # an unusable connection was closed; another one may be usable
                            stale += attempt.fresh
                            if stale > MOST_STALE or not isinstance(attempt.stopped, StaleConnectionError):
                                raise
                finally:
                    if places is not None:
                        places.give_back()
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if session.closed and (task is None or not task.cancelling()):
                # aiohttp cancels calls that wait for a connection when the session is closed.
                raise ended(progress) from None
            raise
        except Exception as error:
            if self.closed or session.closed:
                raise ended(progress) from error
            forget_secrets(error, handled, (*headers.values(), *request.secrets))
            stopped = attempt.stopped if attempt is not None else None
            if stopped is not None and not isinstance(stopped, StaleConnectionError | TimeoutError):
                raise stopped from error  # the guard's
            failure = translated(stopped or error, progress)
            if failure is None:
                raise
            raise failure from error

    async def _exchange(
        self,
        session: aiohttp.ClientSession,
        request: Request,
        headers: Mapping[str, str],
        attempt: Attempt,
    ) -> Response:
        """Send the request and read the answer."""
        url = URL(request.url, encoded=True)
        how = self._how(session, request, url, headers, attempt)
        answer = await session.request(request.method, url, allow_redirects=False, **how)
        try:
            attempt.got_answer()
            if answer.connection is None and answer.content.is_eof() and not session.trace_configs:
                body = answer.content.read_nowait()  # it has come completely
                self._check_size(len(body))
            else:
                body = await self._read(answer)
        except BaseException:
            answer.close()
            raise
        # The whole body was read, so the connection is back in the pool.
        wire = attempt.wire
        discard = answer.close if wire is None else wire.abort
        empty = not body and (answer.status == 204 or answer.content_length == 0)
        secrets = (*headers.values(), *request.secrets)
        return without_secrets(Response(answer.status, answer.headers, body, discard, empty, secrets))

    def _how(
        self,
        session: aiohttp.ClientSession,
        request: Request,
        url: URL,
        headers: Mapping[str, str],
        attempt: Attempt,
    ) -> dict[str, Any]:
        """The other arguments of ``session.request``."""
        how: dict[str, Any] = {"headers": headers, "middlewares": ()}
        body, posts = request.body, request.method == "POST"
        if body is not None:
            how["data"] = Body(body, attempt)
        elif posts:
            how["skip_auto_headers"] = _NO_GUESSES
        how["proxy"], how["proxy_headers"] = self._proxies.of(url)
        if self._borrowed is None:
            if traces := session.trace_configs:
                if traces[-1] is not LAST_TRACE:
                    traces.append(LAST_TRACE)
                how["trace_request_ctx"] = attempt
        else:  # it has none of our settings
            content = {} if body is None else {"content-type": JSON}
            how |= {"headers": {**self._headers, **content, **headers}, "timeout": self._timeout}
            how |= {"raise_for_status": False, "auto_decompress": True}
        # aiohttp sends other methods than POST again by itself after a disconnect, unless the middleware is there.
        if not posts or body is None or not self._trusted:
            how["middlewares"] = (attempt,)
            if session.trust_env and session.auth is None and "authorization" not in session.headers:
                fields = how["headers"] = {**how["headers"]}
                how["middlewares"] = (NoNetrc(fields), attempt)
        return how

    async def _read(self, answer: aiohttp.ClientResponse) -> bytes:
        """The body. A compressed one, or one of unknown length, is read in pieces."""
        length = answer.content_length
        if length is not None:
            self._check_size(length)
            if "content-encoding" not in answer.headers:
                return await answer.read()
        body = bytearray()
        async for chunk in answer.content.iter_any():
            body += chunk
            self._check_size(len(body))
        return bytes(body)

    def _check_size(self, size: int) -> None:
        if size > self._max_body:
            raise TooLargeError(f"the answer is larger than {self._max_body:,} bytes; ask for a smaller page")
