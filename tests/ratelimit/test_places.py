"""Limits of how many at once: a place is taken with the check and given back at the end."""

from collections.abc import AsyncIterator

import anyio
import pytest
from fastapi import Depends, FastAPI, HTTPException, WebSocket
from fastapi.testclient import TestClient
from httpx2 import ASGITransport, AsyncClient
from starlette.responses import StreamingResponse
from starlette.testclient import WebSocketDenialResponse

from backoffice.core import SetupError, serve, singletons
from backoffice.ratelimit import Limiter, MemoryStore, RateLimit, RateLimitMiddleware, limits

TWO = RateLimit("2 concurrent")

pytestmark = pytest.mark.usefixtures("counted")


class Kitchen:
    """An app whose requests last until `done`."""

    def __init__(self, *, seen: bool = False) -> None:
        self.app = FastAPI(lifespan=singletons())
        self.begun, self.done = anyio.Event(), anyio.Event()
        self.busy = self.most = 0
        if seen:
            self.app.add_middleware(RateLimitMiddleware)
        self.app.get("/cook", dependencies=[TWO])(self.cook)
        self.app.get("/stream", dependencies=[TWO])(self.stream)
        self.app.get("/burn", dependencies=[TWO])(self.burn)
        self.app.get("/closed", dependencies=[TWO, Depends(self.closed)])(self.burn)

    async def cook(self) -> None:
        async for _ in self._courses():
            pass

    async def stream(self) -> StreamingResponse:
        return StreamingResponse(self._courses())

    async def burn(self) -> None:
        raise HTTPException(404)

    async def closed(self) -> None:
        raise HTTPException(403)

    async def _courses(self) -> AsyncIterator[bytes]:
        self.busy += 1
        self.most = max(self.most, self.busy)
        self.begun.set()
        try:
            yield b"first"
            await self.done.wait()
            yield b"last"
        finally:
            self.busy -= 1


@pytest.fixture(params=[False, True], ids=["alone", "with middleware"])
def kitchen(request: pytest.FixtureRequest) -> Kitchen:
    return Kitchen(seen=request.param)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKOFFICE_RATELIMIT__REDIS_TIMEOUT", "10")


@pytest.mark.anyio
@pytest.mark.parametrize("path", ["/cook", "/stream"])
async def test_so_many_are_served_at_once_and_the_next_when_one_has_ended(
    kitchen: Kitchen, path: str
) -> None:
    answers: list[int] = []
    async with serve(kitchen.app) as asgi:
        transport = ASGITransport(asgi)
        async with AsyncClient(transport=transport, base_url="http://kitchen") as client:

            async def ask() -> None:
                answers.append((await client.get(path)).status_code)
                if len(answers) == 18:
                    kitchen.done.set()

            async with anyio.create_task_group() as tasks:
                for _ in range(20):
                    tasks.start_soon(ask)
            assert (answers.count(200), answers.count(429)) == (2, 18)
            assert kitchen.most == 2
            assert [(await client.get(path)).status_code for _ in range(5)] == [200] * 5


@pytest.mark.parametrize(("path", "status"), [("/burn", 404), ("/closed", 403)])
def test_a_place_comes_back_however_the_request_ends(
    kitchen: Kitchen, path: str, status: int
) -> None:
    with TestClient(kitchen.app) as client:
        assert [client.get(path).status_code for _ in range(5)] == [status] * 5


@pytest.mark.anyio
async def test_a_request_that_is_cancelled_gives_its_place_back(kitchen: Kitchen) -> None:
    async with serve(kitchen.app) as asgi:
        transport = ASGITransport(asgi)
        async with AsyncClient(transport=transport, base_url="http://kitchen") as client:
            for _ in range(4):
                kitchen.begun = anyio.Event()
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(client.get, "/cook")
                    await kitchen.begun.wait()
                    tasks.cancel_scope.cancel()
            kitchen.done.set()
            assert (await client.get("/cook")).status_code == 200


def test_a_websocket_holds_its_place_until_it_is_closed() -> None:
    app = FastAPI(lifespan=singletons())

    @app.websocket("/live", dependencies=[RateLimit("1 concurrent")])
    async def live(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.receive_text()

    with TestClient(app) as client:
        for _ in range(2):
            with client.websocket_connect("/live") as websocket:
                with pytest.raises(WebSocketDenialResponse), client.websocket_connect("/live"):
                    pytest.fail("accepted")
                websocket.send_text("bye")


def test_the_fields_name_places_as_such() -> None:
    app = FastAPI(lifespan=singletons())

    @app.get("/", dependencies=[RateLimit("5 concurrent")])
    async def read() -> None: ...

    with TestClient(app) as client:
        answer = client.get("/")
    assert answer.headers["RateLimit-Policy"] == '"5 concurrent";q=5;qu="concurrent-requests"'
    assert answer.headers["RateLimit"] == '"5 concurrent";r=4'


@pytest.mark.anyio
async def test_a_place_is_kept_for_longer_than_its_lease() -> None:
    """Renewed three times a lease: it is not lent twice while its holder works on."""
    limiter, one = Limiter(MemoryStore()), limits("1 concurrent;lease=1 second")
    async with limiter.reserve("oven", "ada", one):
        await anyio.sleep(1.5)
        with pytest.raises(Exception, match="Too many requests"):
            async with limiter.reserve("oven", "ada", one):
                pytest.fail("lent twice")
    async with limiter.reserve("oven", "ada", one):
        pass
    await limiter.close()


@pytest.mark.anyio
async def test_a_check_that_could_not_give_its_place_back_is_a_setup_error() -> None:
    with pytest.raises(SetupError, match=r"async with limiter\.reserve"):
        await Limiter(MemoryStore()).check("oven", "ada", limits("1 concurrent"))
