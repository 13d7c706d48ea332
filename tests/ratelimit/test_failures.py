"""`on="failures"`: what succeeds is given back, and guesses at the same time count at once."""

from collections.abc import Callable

import anyio
import pytest
from fastapi import FastAPI, HTTPException, Request, Response, WebSocket, WebSocketException
from fastapi.testclient import TestClient
from httpx2 import ASGITransport, AsyncClient
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.testclient import WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from backoffice.core import SetupError, serve, singletons
from backoffice.ratelimit import RateLimit, RateLimitMiddleware, Reserve

FIVE = RateLimit("5/hour", on="failures")


class OutOfStock(Exception):
    """Answered by a handler of the app's own."""


async def out_of_stock(_: Request, error: Exception) -> Response:
    return PlainTextResponse("", 409)


def door(*, seen: bool) -> FastAPI:
    """A route that answers as it is asked to, with or without a middleware that sees it."""
    app = FastAPI(lifespan=singletons(), exception_handlers={OutOfStock: out_of_stock})
    if seen:
        app.add_middleware(RateLimitMiddleware)

    @app.get("/raise", dependencies=[FIVE])
    async def raised(status: int = 200) -> str:
        if status != 200:
            raise HTTPException(status)
        return "in"

    @app.get("/set", dependencies=[FIVE])
    async def set_status(response: Response, status: int = 200) -> str:
        response.status_code = status
        return "in"

    @app.get("/return", dependencies=[FIVE])
    async def returned(status: int = 200) -> Response:
        return JSONResponse({}, status)

    @app.get("/handled", dependencies=[FIVE])
    async def handled() -> None:
        raise OutOfStock

    @app.get("/broken", dependencies=[FIVE])
    async def broken() -> None:
        raise RuntimeError

    @app.get("/number", dependencies=[FIVE])
    async def number(number: int) -> int:
        return number

    @app.websocket("/live")
    async def live(websocket: WebSocket, code: int, _: object = FIVE) -> None:
        await websocket.accept()
        if code != 1000:
            raise WebSocketException(code)
        await websocket.close()

    return app


def asked(path: str, times: int = 7, *, seen: bool) -> list[int]:
    with TestClient(door(seen=seen), raise_server_exceptions=False) as client:
        return [client.get(path).status_code for _ in range(times)]


both = pytest.mark.parametrize("seen", [False, True], ids=["alone", "with middleware"])


@both
@pytest.mark.parametrize("path", ["/raise", "/set"])
def test_what_succeeds_is_not_counted(path: str, seen: bool) -> None:
    assert asked(path, seen=seen) == [200] * 7


@both
@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/raise?status=401", 401),
        ("/set?status=403", 403),
        ("/return?status=401", 401),
        ("/handled", 409),
        ("/number?number=x", 422),
    ],
)
def test_what_fails_is_counted(path: str, status: int, seen: bool) -> None:
    assert asked(path, seen=seen) == [status] * 5 + [429] * 2


@both
@pytest.mark.parametrize(
    ("path", "status"), [("/raise?status=429", 429), ("/raise?status=503", 503), ("/broken", 500)]
)
def test_what_the_server_is_to_blame_for_is_not_counted(path: str, status: int, seen: bool) -> None:
    with TestClient(door(seen=seen), raise_server_exceptions=False) as client:
        assert [client.get(path).status_code for _ in range(7)] == [status] * 7
        assert client.get(path.partition("?")[0]).status_code in (200, 500)


def test_a_response_that_only_a_middleware_sees_is_counted_without_one() -> None:
    assert asked("/return", seen=True) == [200] * 7
    assert asked("/return", seen=False) == [200] * 5 + [429] * 2


@both
def test_a_stream_is_given_back_once_it_ended_well(seen: bool) -> None:
    app = FastAPI(lifespan=singletons())
    if seen:
        app.add_middleware(RateLimitMiddleware)

    @app.get("/", dependencies=[FIVE])
    async def read(response: Response) -> object:
        return StreamingResponse(iter([b"a", b"b"]))

    with TestClient(app) as client:
        answers = [client.get("/").status_code for _ in range(6)]
    assert answers == [200] * 6 if seen else [200] * 5 + [429]


@both
def test_a_websocket_that_is_refused_is_counted(seen: bool) -> None:
    with TestClient(door(seen=seen)) as client:
        for code in [1000] * 6 + [1008] * 5:
            with (
                pytest.raises(WebSocketDisconnect),
                client.websocket_connect(f"/live?code={code}") as websocket,
            ):
                websocket.receive_text()
        with pytest.raises(WebSocketDenialResponse), client.websocket_connect("/live?code=1000"):
            pytest.fail("accepted")


@pytest.mark.usefixtures("counted")
@pytest.mark.anyio
async def test_a_hundred_guesses_at_once_are_five(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKOFFICE_RATELIMIT__REDIS_TIMEOUT", "10")
    app, waiting, answers = FastAPI(lifespan=singletons()), anyio.Event(), []

    @app.get("/guess", dependencies=[FIVE])
    async def guess() -> None:
        await waiting.wait()
        raise HTTPException(401)

    async def ask(client: AsyncClient) -> None:
        answers.append((await client.get("/guess")).status_code)
        if len(answers) == 95:
            waiting.set()

    async with serve(app) as asgi, AsyncClient(transport=ASGITransport(asgi)) as client:
        client.base_url = "http://shop"
        async with anyio.create_task_group() as tasks:
            for _ in range(100):
                tasks.start_soon(ask, client)
    assert (answers.count(401), answers.count(429)) == (5, 95)


@pytest.mark.parametrize(
    ("limit", "fault"),
    [
        (lambda: RateLimit("5/hour", on="failures", cost=Reserve(2)), "write two limits"),
        (lambda: RateLimit("5/hour", cost=Reserve(6)), "can never pass"),
        (lambda: RateLimit("5/hour", cost=Reserve(0)), "sets nothing aside"),
    ],
)
def test_what_cannot_work_is_refused_where_it_is_written(
    limit: Callable[[], RateLimit], fault: str
) -> None:
    with pytest.raises(SetupError, match=fault):
        limit()


@both
@pytest.mark.anyio
async def test_who_leaves_before_the_answer_has_guessed(seen: bool) -> None:
    app, begun = FastAPI(lifespan=singletons()), anyio.Event()
    if seen:
        app.add_middleware(RateLimitMiddleware)

    @app.get("/guess", dependencies=[RateLimit("1/hour", on="failures")])
    async def guess() -> None:
        begun.set()
        await anyio.sleep_forever()

    async with serve(app) as asgi:
        transport = ASGITransport(asgi)
        async with AsyncClient(transport=transport, base_url="http://shop") as client:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.get, "/guess")
                await begun.wait()
                tasks.cancel_scope.cancel()
            assert (await client.get("/guess")).status_code == 429
