"""`RateLimitMiddleware`: an app's limits before routing, and the fields on every answer."""

from collections.abc import Iterator, Mapping
from typing import Any

import http_sf
import httpx2
import pytest
from fastapi import Depends, FastAPI, HTTPException, WebSocket
from fastapi.testclient import TestClient
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.testclient import WebSocketDenialResponse
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect

from backoffice.core import SingletonError, problem_details, singletons
from backoffice.ratelimit import Limiter, RateLimit, RateLimitMiddleware, limiter, limits

KEPT = PlainTextResponse("kept")


async def spend(limiter: Limiter = Depends(limiter)) -> None:
    await limiter.enforce("own", "ada", limits("1/minute"), 2)


def shop(*written: str, route: str = "50/hour", **options: Any) -> FastAPI:
    """An app that answers in every way."""
    app = FastAPI(lifespan=singletons())
    app.add_middleware(RateLimitMiddleware, limits=written, **options)
    limit = [RateLimit(route)]

    @app.get("/data", dependencies=limit)
    async def data() -> str:
        return "So it goes."

    @app.get("/response", dependencies=limit)
    async def response() -> Response:
        return PlainTextResponse("So it goes.")

    @app.get("/kept", dependencies=limit)
    async def kept() -> Response:
        return KEPT

    @app.get("/stream", dependencies=limit)
    async def stream() -> Response:
        return StreamingResponse(iter(["So", "it", "goes."]))

    @app.get("/refused", dependencies=limit)
    async def refused() -> None:
        raise HTTPException(403)

    @app.get("/broken", dependencies=limit)
    async def broken() -> None:
        raise RuntimeError("broken")

    @app.get("/own", dependencies=[*limit, Depends(spend)])
    async def own() -> None: ...

    @app.websocket("/live", dependencies=limit)
    async def live(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close()

    return app


def parsed(headers: Mapping[str, str]) -> list[tuple[str, dict[str, object], dict[str, object]]]:
    """Name, policy and quota of each limit, as an independent parser reads them."""
    policies: Any = http_sf.parse(headers["RateLimit-Policy"].encode(), tltype="list")
    quotas: Any = http_sf.parse(headers["RateLimit"].encode(), tltype="list")
    assert [name for name, _ in policies] == [name for name, _ in quotas]
    return [
        (name, policy, quota) for (name, policy), (_, quota) in zip(policies, quotas, strict=True)
    ]


@pytest.fixture
def client(counted: None) -> Iterator[TestClient]:
    with TestClient(shop("100/hour"), raise_server_exceptions=False) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/data", 200),
        ("/response", 200),
        ("/kept", 200),
        ("/stream", 200),
        ("/refused", 403),
        ("/broken", 500),
    ],
)
def test_every_answer_tells_the_limits_of_app_and_route(
    client: TestClient, path: str, status: int
) -> None:
    answers = [client.get(path) for _ in range(2)]
    assert [each.status_code for each in answers] == [status] * 2
    [(one, policy, quota), (other, _, route)] = parsed(answers[1].headers)
    assert (one, other) == ("100/hour", "50/hour")
    assert policy == {"q": 100, "w": 3600}
    assert quota == {"r": 98, "t": 3528}
    assert route == {"r": 48, "t": 3456}
    assert len(answers[1].headers.get_list("RateLimit")) == 1


def test_what_no_route_answers_tells_the_limits_of_the_app(client: TestClient) -> None:
    for path, status in (("/nowhere", 404), ("/docs", 200)):
        answer = client.get(path)
        assert answer.status_code == status
        assert [name for name, _, _ in parsed(answer.headers)] == ["100/hour"]
    assert client.post("/data").status_code == 405
    assert client.options("/data").headers["RateLimit"] == '"100/hour";r=96;t=3456'


def test_a_refusal_within_the_app_keeps_the_fields_that_it_has(client: TestClient) -> None:
    answer = client.get("/own")
    assert answer.status_code == 429
    assert [name for name, _, _ in parsed(answer.headers)] == ["1/minute"]


def test_a_websocket_is_told_when_it_is_accepted(client: TestClient) -> None:
    with client.websocket_connect("/live") as websocket:
        headers: Any = dict(websocket.extra_headers or ())
    assert headers[b"ratelimit"].startswith(b'"100/hour";r=99;t=3564')


@pytest.mark.usefixtures("counted")
def test_who_is_refused_reaches_no_route_and_spends_nothing_there() -> None:
    with TestClient(shop("2/minute")) as client:
        answers = [client.get("/data") for _ in range(4)]
    assert [each.status_code for each in answers] == [200, 200, 429, 429]
    refused = answers[-1]
    [(name, _, quota)] = parsed(refused.headers)
    assert (name, quota) == ("2/minute", {"r": 0, "t": int(refused.headers["Retry-After"])})
    assert refused.headers["Cache-Control"] == "no-store"
    assert refused.json()["detail"]["code"] == "rate_limited"
    assert refused.json()["detail"]["violated-policies"] == ["2/minute"]


@pytest.mark.parametrize(("written", "route"), [("1/minute", "9/minute"), ("9/minute", "1/minute")])
def test_a_refusal_is_a_quota_problem_where_problem_details_are_on(
    written: str, route: str
) -> None:
    app = shop(written, route=route)
    problem_details(app)
    with TestClient(app) as client:
        client.get("/data")
        refused = client.get("/data")
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert refused.json() == {
        "type": "https://iana.org/assignments/http-problem-types#quota-exceeded",
        "title": "Request cannot be satisfied as assigned quota has been exceeded",
        "status": 429,
        "detail": "Too many requests; try again in 60 seconds.",
        "code": "rate_limited",
        "retry_after": 60,
        "violated-policies": ["1/minute"],
    }


def test_an_app_answers_a_refusal_in_its_own_way() -> None:
    app = shop("1/minute")

    @app.exception_handler(429)
    def slow_down(_: object, error: HTTPException) -> Response:
        return PlainTextResponse("slow down", 429, error.headers)

    with TestClient(app) as client:
        assert [client.get("/data").text for _ in range(2)] == ['"So it goes."', "slow down"]


@pytest.mark.parametrize("told", [True, False])
def test_a_websocket_is_refused_before_the_route(told: bool) -> None:
    app = shop("1/minute")

    async def server(scope: Scope, receive: Receive, send: Send) -> None:
        if not told:
            scope.pop("extensions", None)
        await app(scope, receive, send)

    refused: type[Exception] = WebSocketDenialResponse if told else WebSocketDisconnect
    with TestClient(server) as client:
        with client.websocket_connect("/live"):
            pass
        with pytest.raises(refused) as found, client.websocket_connect("/live"):
            pytest.fail("accepted")
    if told:
        assert isinstance(found.value, httpx2.Response)
        assert found.value.status_code == 429
        assert found.value.headers["Retry-After"] == "60"
    else:
        assert getattr(found.value, "code", None) == 1008


def test_without_limits_it_tells_those_of_routes() -> None:
    with TestClient(shop()) as client:
        assert [name for name, _, _ in parsed(client.get("/stream").headers)] == ["50/hour"]
        assert "RateLimit" not in client.get("/nowhere").headers


def test_a_response_that_is_kept_does_not_grow() -> None:
    before = list(KEPT.raw_headers)
    with TestClient(shop("9/minute")) as client:
        client.get("/kept")
    assert KEPT.raw_headers == before


def test_two_of_them_tell_once_and_limit_both() -> None:
    app = shop("9/minute")
    app.add_middleware(RateLimitMiddleware, limits="2/minute", name="outer")
    with TestClient(app) as client:
        answers = [client.get("/data") for _ in range(3)]
    assert [each.status_code for each in answers] == [200, 200, 429]
    names = [name for name, _, _ in parsed(answers[0].headers)]
    assert names == ["2/minute", "9/minute", "50/hour"]


def test_who_is_exempt_and_what_is_elsewhere_is_not_limited() -> None:
    def is_check(connection: HTTPConnection) -> bool:
        return connection.url.path == "/nowhere"

    with TestClient(shop("1/minute", exempt=is_check)) as client:
        assert [client.get("/nowhere").status_code for _ in range(3)] == [404] * 3
        assert [client.get("/data").status_code for _ in range(2)] == [200, 429]


def test_an_app_that_opens_no_singletons_lets_nobody_through_unlimited() -> None:
    app = FastAPI()
    app.add_middleware(RateLimitMiddleware, limits="1/minute")
    with TestClient(app) as client, pytest.raises(SingletonError):
        client.get("/")
