"""`RequestId`: each request has an id, in its log lines and in its answer."""

import io
import json
import logging
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from fastapi import APIRouter, BackgroundTasks, FastAPI, HTTPException, Request, WebSocket
from fastapi.testclient import TestClient
from httpx2 import ASGITransport, AsyncClient
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route
from starlette.testclient import WebSocketDenialResponse

from backoffice.core import RequestId, problem_details, request_id, serve
from tests.core.fresh_logging import configured_beside

log = logging.getLogger("tests.request_ids")
HEADER = "X-Request-ID"
ID = re.compile(r"[0-9a-f]{32}")


@pytest.fixture(autouse=True)
def stream() -> Iterator[io.StringIO]:
    """The lines that are written, as by `configure_logging`."""
    stream = io.StringIO()
    with configured_beside(stream=stream):
        yield stream


def told(stream: io.StringIO, logger: str = "tests.request_ids") -> list[dict[str, Any]]:
    found = [json.loads(line) for line in stream.getvalue().splitlines()]
    return [line for line in found if line["logger"] == logger]


def shop(**options: Any) -> FastAPI:
    app = FastAPI()
    app.add_middleware(RequestId, **options)
    problem_details(app)

    @app.get("/async")
    async def asynchronous(request: Request) -> dict[str, Any]:
        log.info("within")
        return {"own": request_id(), "state": request.state.request_id}

    @app.get("/sync")
    def synchronous() -> None:
        log.info("within")

    @app.get("/background")
    async def background(tasks: BackgroundTasks) -> None:
        tasks.add_task(log.info, "within")

        async def later() -> None:
            log.info("within")

        tasks.add_task(later)

    @app.get("/stream")
    async def streamed() -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            log.info("within")
            yield b"one"
            log.info("within")

        return StreamingResponse(parts())

    @app.get("/refused/{name}")
    async def refused(name: str) -> None:
        log.info("within")
        raise HTTPException(409)

    @app.get("/broken")
    async def broken() -> None:
        raise ZeroDivisionError("broken")

    @app.websocket("/talk")
    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        log.info("within")
        await websocket.send_text(str(request_id()))
        await websocket.close()

    @app.websocket("/denied")
    async def denied(websocket: WebSocket) -> None:
        raise HTTPException(403)

    return app


@pytest.mark.parametrize("path", ["/async", "/sync", "/background", "/stream", "/refused/x"])
def test_every_line_of_a_request_has_the_id_that_its_answer_has(
    path: str, stream: io.StringIO
) -> None:
    answer = TestClient(shop()).get(path)
    id = answer.headers[HEADER]
    assert ID.fullmatch(id)
    assert {line["request_id"] for line in told(stream)} == {id}


def test_a_handler_finds_the_id() -> None:
    answer = TestClient(shop()).get("/async")
    assert answer.json() == {"own": answer.headers[HEADER], "state": answer.headers[HEADER]}


def test_each_request_has_an_id_of_its_own_and_outside_there_is_none(stream: io.StringIO) -> None:
    client = TestClient(shop())
    assert client.get("/async").headers[HEADER] != client.get("/async").headers[HEADER]
    log.info("outside")
    assert "request_id" not in told(stream)[-1]
    assert request_id() is None


@pytest.mark.anyio
async def test_requests_at_once_do_not_mix_up_their_ids(stream: io.StringIO) -> None:
    import anyio

    found: list[bool] = []
    async with serve(shop()) as asgi:
        transport = ASGITransport(asgi)
        async with AsyncClient(transport=transport, base_url="http://test") as client:

            async def ask() -> None:
                answer = await client.get("/async")
                found.append(answer.json()["own"] == answer.headers[HEADER])

            async with anyio.create_task_group() as group:
                for _ in range(100):
                    group.start_soon(ask)
    assert found == [True] * 100
    assert len({line["request_id"] for line in told(stream)}) == 100
    assert request_id() is None


def test_a_problem_names_the_request() -> None:
    answer = TestClient(shop()).get("/refused/x")
    assert answer.json()["request_id"] == answer.headers[HEADER]


def test_an_unhandled_exception_names_the_request_to_the_client_and_to_the_servers_log(
    stream: io.StringIO,
) -> None:
    app = shop()

    async def server(scope: Any, receive: Any, send: Any) -> None:
        """Logs what an app raises, in the task that called it, as uvicorn does."""
        try:
            await app(scope, receive, send)
        except Exception:
            log.exception("Exception in ASGI application")
            raise

    answer = TestClient(server, raise_server_exceptions=False).get("/broken")
    assert answer.status_code == 500
    (line,) = told(stream)
    assert answer.json()["request_id"] == answer.headers[HEADER] == line["request_id"]
    assert "ZeroDivisionError: broken" in line["exception"]


def test_a_websocket_has_an_id_too(stream: io.StringIO) -> None:
    with TestClient(shop()).websocket_connect("/talk") as websocket:
        headers: dict[bytes, bytes] = dict(websocket.extra_headers or [])
        id = websocket.receive_text()
    assert headers[HEADER.lower().encode()].decode() == id
    assert told(stream)[0]["request_id"] == id


def test_a_websocket_that_is_refused_names_its_id() -> None:
    with pytest.raises(WebSocketDenialResponse) as denied:  # noqa: SIM117
        with TestClient(shop()).websocket_connect("/denied"):
            pass
    answer: Any = denied.value
    assert answer.json()["request_id"] == answer.headers[HEADER]


# Ids that come from outside


@pytest.mark.parametrize("sent", ["a", "Root=1-abc/def", "0b9f3c52-7d0f-4c1c", "x" * 128])
def test_an_id_from_a_trusted_proxy_is_kept(sent: str) -> None:
    client = TestClient(shop(trusted=True))
    assert client.get("/async", headers={HEADER: sent}).headers[HEADER] == sent


@pytest.mark.parametrize("sent", ["", "x" * 129, "a b", 'a"b', "a\tb", "<script>", "a\x7fb", "ü"])
def test_an_id_that_is_no_id_is_replaced(sent: str) -> None:
    client = TestClient(shop(trusted=True))
    headers = [(HEADER.encode(), sent.encode("latin-1"))]
    assert ID.fullmatch(client.get("/async", headers=headers).headers[HEADER])


def test_two_ids_are_none() -> None:
    headers = [(HEADER, "one"), (HEADER, "two")]
    answer = TestClient(shop(trusted=True)).get("/async", headers=headers)
    assert ID.fullmatch(answer.headers[HEADER])


def test_a_stranger_does_not_choose_the_id_of_log_lines() -> None:
    answer = TestClient(shop()).get("/async", headers={HEADER: "chosen"})
    assert ID.fullmatch(answer.headers[HEADER])


# Layers within layers


def test_a_mounted_app_with_a_layer_of_its_own_has_the_same_id(stream: io.StringIO) -> None:
    outer = shop()
    outer.mount("/inner", shop())
    answer = TestClient(outer).get("/inner/async")
    assert answer.headers.get_list(HEADER) == [answer.json()["own"]]


def test_an_id_that_the_app_sets_itself_stays() -> None:
    app = FastAPI()
    app.add_middleware(RequestId)

    @app.get("/")
    async def root() -> PlainTextResponse:
        return PlainTextResponse("", headers={HEADER: "mine"})

    assert TestClient(app).get("/").headers.get_list(HEADER) == ["mine"]


@pytest.mark.anyio
async def test_a_server_without_state_will_do() -> None:
    app = RequestId(shop())
    transport = ASGITransport(app)
    async with AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.get("/async")
    assert answer.json()["state"] == answer.headers[HEADER]


def test_the_lifespan_passes_through() -> None:
    with TestClient(shop()) as client:
        assert client.get("/async").status_code == 200


# The access line


def access(app: Any, stream: io.StringIO, path: str) -> dict[str, Any]:
    TestClient(app, raise_server_exceptions=False).get(path)
    (line,) = told(stream, "backoffice.access")
    return line


@pytest.mark.parametrize(
    ("path", "route", "status"),
    [
        ("/async?token=s3cr3t", "/async", 200),
        ("/refused/s3cr3t", "/refused/{name}", 409),
        ("/broken", "/broken", 500),
        ("/s3cr3t", None, 404),
    ],
)
def test_it_tells_the_route_and_nothing_that_the_client_wrote(
    path: str, route: str | None, status: int, stream: io.StringIO
) -> None:
    line = access(shop(access=True), stream, path)
    assert (line["method"], line["route"], line["status"]) == ("GET", route, status)
    assert 0 <= line["duration_ms"] < 10_000
    assert ID.fullmatch(line["request_id"])
    assert "s3cr3t" not in str(line)


def test_it_tells_the_whole_template_of_an_included_router(stream: io.StringIO) -> None:
    app, outer, inner = FastAPI(), APIRouter(), APIRouter()
    app.add_middleware(RequestId, access=True)
    inner.add_api_route("/books/{id}", lambda: None)
    outer.include_router(inner, prefix="/v1")
    app.include_router(outer, prefix="/api")
    assert access(app, stream, "/api/v1/books/7")["route"] == "/api/v1/books/{id}"


def test_it_tells_the_template_of_a_starlette_route(stream: io.StringIO) -> None:
    async def root(_: Request) -> PlainTextResponse:
        return PlainTextResponse("")

    app = Starlette(routes=[Route("/pages/{id}", root)])
    app.add_middleware(RequestId, access=True)
    assert access(app, stream, "/pages/7")["route"] == "/pages/{id}"


def test_without_it_there_is_no_line(stream: io.StringIO) -> None:
    TestClient(shop()).get("/async")
    assert not told(stream, "backoffice.access")
