"""What a trace shows of the checks of a request."""

import subprocess
import sys

import pytest
from fastapi import FastAPI
from opentelemetry.baggage import set_baggage
from opentelemetry.context import attach, detach
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Tracer
from starlette.types import ASGIApp, Receive, Scope, Send

from backoffice.core import singletons
from backoffice.core.testing import RunningApp
from backoffice.ratelimit import Decision, RateLimit
from backoffice.ratelimit.watch import watch

#: FastAPI of newer versions imports OpenTelemetry itself.
WITHOUT = """
import sys
import fastapi
before = set(sys.modules)
import backoffice.ratelimit, backoffice.ratelimit.watch
found = {each.partition(".")[0] for each in set(sys.modules) - before}
assert not found & {"opentelemetry", "prometheus_client"}, found
"""


class Traced:
    """A layer that begins a span for each request, as the instrumentations do."""

    def __init__(self, app: ASGIApp, tracer: Tracer) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        with self._tracer.start_as_current_span("request"):
            await self._app(scope, receive, send)


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


def attributes(spans: InMemorySpanExporter) -> list[dict[str, object]]:
    finished: tuple[ReadableSpan, ...] = spans.get_finished_spans()
    start = "backoffice.ratelimit."
    return [
        {name.removeprefix(start): value for name, value in (each.attributes or {}).items()}
        for each in finished
    ]


def test_a_span_shows_the_most_pressing_check(spans: InMemorySpanExporter) -> None:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    app = FastAPI(lifespan=singletons(), dependencies=[RateLimit("500/day", name="everything")])

    @app.get("/quote", dependencies=[RateLimit("2/minute", name="quotes")])
    async def quote() -> None: ...

    app.add_middleware(Traced, tracer=provider.get_tracer("test"))
    with RunningApp(app) as running:
        client = running.client()
        assert [client.get("/quote").status_code for _ in range(3)] == [200, 200, 429]
    assert attributes(spans) == [
        {"policy": "everything", "outcome": "allowed", "remaining": 499},
        {"policy": "quotes", "outcome": "near", "remaining": 0},
        {"policy": "quotes", "outcome": "refused", "remaining": 0},
    ]


def test_a_span_that_does_not_record_is_left_alone() -> None:
    app = FastAPI(lifespan=singletons())

    @app.get("/quote", dependencies=[RateLimit("2/minute")])
    async def quote() -> None: ...

    with RunningApp(app) as running:
        assert running.client().get("/quote").status_code == 200


def test_baggage_alone_is_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "opentelemetry.trace")
    token = attach(set_baggage("tenant", "acme"))
    try:
        with RunningApp(FastAPI(lifespan=singletons(watch))) as running:
            running.run.value(watch).again(Decision("quotes", False, 1, ()))
    finally:
        detach(token)


def test_nothing_is_imported_for_who_does_not_use_it() -> None:
    subprocess.run([sys.executable, "-c", WITHOUT], check=True, timeout=60)
