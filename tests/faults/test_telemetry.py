"""With OpenTelemetry's aiohttp instrumentation active there is one client span for each attempt."""

from __future__ import annotations

import pytest
from clocks import AutoClock
from hostile import PROGRAM, Hostile, hang_up, status
from scenario import CALLS, KEY, begin, free_port

from brevo_balance_async import BalanceClient, ConnectFailedError

pytest.importorskip("opentelemetry.instrumentation.aiohttp_client", reason="OpenTelemetry is not installed")
from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind


@pytest.fixture
def spans():
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    AioHttpClientInstrumentor().instrument(tracer_provider=provider)
    yield exporter
    AioHttpClientInstrumentor().uninstrument()
    provider.shutdown()


async def test_one_client_span_for_each_attempt(spans):
    async with Hostile([hang_up(commit=False), status(503)]) as server:
        # Made before the session: a client may well be constructed before anything is instrumented.
        async with BalanceClient(KEY, base_url=server.base_url, clock=AutoClock()) as client:
            await CALLS["read"](client.program(PROGRAM))
            await begin(client.program(PROGRAM))
    finished = spans.get_finished_spans()
    assert len(finished) == len(server.arrived) == 4
    assert {span.kind for span in finished} == {SpanKind.CLIENT}
    assert [span.attributes["http.status_code"] for span in finished[1:]] == [503, 200, 200]
    assert [span.status.is_ok for span in finished] == [False, False, True, True]
    assert KEY not in "".join(span.to_json() for span in finished)


async def test_attempts_that_never_connect_have_a_span_too(spans):
    async with BalanceClient(KEY, base_url=f"http://127.0.0.1:{free_port()}/v3", clock=AutoClock()) as client:
        with pytest.raises(ConnectFailedError):
            await begin(client.program(PROGRAM))
    assert len(spans.get_finished_spans()) == 3
