"""`problem_details(app)`: every error of an app by RFC 9457."""

import json
import math
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from fastapi import APIRouter, FastAPI, Form, HTTPException, Query, Request, WebSocket
from fastapi.exceptions import RequestValidationError, ResponseValidationError
from fastapi.testclient import TestClient
from httpx2 import Response
from pydantic import BaseModel, Field, SecretStr, field_validator
from starlette.applications import Starlette
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route
from starlette.testclient import WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from backoffice.core import (
    BackofficeError,
    BackofficeRoute,
    Conflict,
    Forbidden,
    NotFound,
    SetupError,
    TooManyRequests,
    Unauthenticated,
    problem_details,
)

MEDIA_TYPE = "application/problem+json"


class Account(BaseModel):
    password: Annotated[SecretStr, Field(min_length=8)]
    age: Annotated[int, Field(ge=0)]


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]


class Pet(BaseModel):
    pet: Annotated[Cat | Dog, Field(discriminator="kind")]


class Colour(BaseModel):
    name: str

    @field_validator("name")
    @classmethod
    def _known(cls, value: str) -> str:
        raise ValueError(f"{value!r} is no colour: {value}")


class Row(BaseModel):
    number: int


class Unserved(Exception):
    """An exception of the app's own."""


class Loop:
    def __str__(self) -> str:
        raise RuntimeError("cannot be told")


def raising(error: Exception) -> FastAPI:
    """An app whose one route raises that."""
    app = FastAPI()
    problem_details(app)

    @app.get("/")
    async def root() -> None:
        raise error

    return app


def answer_to(error: Exception) -> Response:
    return TestClient(raising(error), raise_server_exceptions=False).get("/")


def problem_of(answer: Response) -> dict[str, Any]:
    assert answer.headers["content-type"] == MEDIA_TYPE, answer.text
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == answer.status_code
    assert all(isinstance(problem[name], str) for name in ("type", "title", "detail", "code"))
    return problem


def checking() -> TestClient:
    """A client of an app with a route for each place where a request may be wrong."""
    app = FastAPI()
    problem_details(app)

    @app.post("/accounts")
    async def add(account: Account) -> None: ...

    @app.post("/accounts/many")
    async def add_many(accounts: list[Account]) -> None: ...

    @app.post("/form")
    async def form(password: Annotated[str, Form(max_length=3)]) -> None: ...

    @app.post("/pets")
    async def pet(pet: Pet) -> None: ...

    @app.post("/colours")
    async def colour(colour: Colour) -> None: ...

    @app.get("/pages/{page}")
    async def page(page: int, size: Annotated[int, Query(le=9)] = 1) -> None: ...

    return TestClient(app)


# What is answered


def test_a_refusal_keeps_its_code_its_words_its_data_and_its_headers() -> None:
    answer = answer_to(
        Forbidden("This needs books:write.", code="insufficient_scope", scope="books:write")
    )
    assert problem_of(answer) == {
        "type": "about:blank",
        "title": "Forbidden",
        "status": 403,
        "detail": "This needs books:write.",
        "code": "insufficient_scope",
        "scope": "books:write",
    }


@pytest.mark.parametrize(
    ("error", "header", "value"),
    [
        (Unauthenticated("Sign in."), "WWW-Authenticate", "Bearer"),
        (TooManyRequests("Wait.", headers={"Retry-After": "7"}), "Retry-After", "7"),
        (HTTPException(503, headers={"Retry-After": "9"}), "Retry-After", "9"),
    ],
)
def test_headers_of_an_exception_are_kept(error: Exception, header: str, value: str) -> None:
    assert answer_to(error).headers[header] == value


def test_a_media_type_among_an_exceptions_headers_gives_way() -> None:
    answer = answer_to(HTTPException(400, headers={"Content-Type": "text/csv", "X-Kept": "1"}))
    problem_of(answer)
    assert answer.headers["X-Kept"] == "1"


@pytest.mark.parametrize(
    "kind", [HTTPException, StarletteHTTPException], ids=["fastapi", "starlette"]
)
def test_plain_http_exceptions_get_the_code_of_their_status(kind: Callable[..., Exception]) -> None:
    problem = problem_of(answer_to(kind(status_code=409, detail="The shelf is full.")))
    assert problem == {
        "type": "about:blank",
        "title": "Conflict",
        "status": 409,
        "detail": "The shelf is full.",
        "code": "conflict",
    }


@pytest.mark.parametrize(
    ("status", "code", "title"),
    [
        (400, "bad_request", "Bad Request"),
        (401, "unauthenticated", "Unauthorized"),
        (404, "not_found", "Not Found"),
        (413, "content_too_large", "Content Too Large"),
        (418, "im_a_teapot", "I'm a Teapot"),
        (422, "invalid_input", "Unprocessable Content"),
        (429, "rate_limited", "Too Many Requests"),
        (500, "internal_error", "Internal Server Error"),
        (503, "unavailable", "Service Unavailable"),
        (599, "status_599", "Status 599"),
    ],
)
def test_codes_of_statuses_are_the_same_on_every_python(status: int, code: str, title: str) -> None:
    problem = problem_of(answer_to(HTTPException(status)))
    assert (problem["code"], problem["title"]) == (code, title)


def test_the_routers_own_404_and_405_are_problems_and_allow_is_kept() -> None:
    client = TestClient(raising(Conflict("no")))
    assert problem_of(client.get("/nowhere"))["code"] == "not_found"
    refused = client.post("/")
    assert problem_of(refused)["code"] == "method_not_allowed"
    assert refused.headers["Allow"] == "GET"


def test_the_405_of_an_included_router_keeps_allow() -> None:
    app, router = FastAPI(), APIRouter()
    router.add_api_route("/books", lambda: None, methods=["GET"])
    app.include_router(router, prefix="/api")
    problem_details(app)
    refused = TestClient(app).delete("/api/books")
    assert problem_of(refused)["status"] == 405
    assert refused.headers["Allow"] == "GET"


def test_a_head_request_has_the_headers_of_the_problem() -> None:
    answer = TestClient(raising(Conflict("no"))).head("/nowhere")
    assert answer.headers["content-type"] == MEDIA_TYPE


def test_types_are_the_codes_below_the_base_given() -> None:
    app = FastAPI()
    problem_details(app, types="https://shop.example/problems/")

    @app.get("/taken")
    async def taken() -> None:
        raise Conflict("The address is taken.", code="email_taken")

    client = TestClient(app)
    problem = problem_of(client.get("/taken"))
    assert problem["type"] == "https://shop.example/problems/email_taken"
    assert problem["title"] == "Email taken"
    # What says no more than its status has no type of its own (RFC 9457, 4.2.1).
    assert problem_of(client.get("/nowhere"))["type"] == "about:blank"


@pytest.mark.parametrize(
    ("detail", "expected"),
    [
        ({"code": "late", "message": "Too late.", "by": 3}, ("late", "Too late.", {"by": 3})),
        ({"reason": "late"}, ("bad_request", "", {"reason": "late"})),
        ({"detail": "Too late."}, ("bad_request", "Too late.", {})),
        ({"status": "lost", "type": "x"}, ("bad_request", "", {})),
        (["a", {"b": 1}], ("bad_request", "", {"errors": ["a", {"b": 1}]})),
        (7, ("bad_request", "7", {})),
        ({"n": math.nan, "m": -math.inf}, ("bad_request", "", {"n": "nan", "m": "-inf"})),
        ({"x": "\ud800"}, ("bad_request", "", {"x": "?"})),
        ("half \udfff", ("bad_request", "half ?", {})),
        ({"path": Path("/a"), "of": {1}}, ("bad_request", "", {"path": "/a", "of": [1]})),
        ({"x": Loop()}, ("bad_request", "", {"x": "<Loop>"})),
        ({"x": 1 << 20_000}, ("bad_request", "", {"x": "<20001 bits>"})),
        ({"x": SecretStr("hunter2")}, ("bad_request", "", {"x": "**********"})),
    ],
    ids=[
        *(
            "code and message",
            "a member",
            "a text",
            "members of the standard",
            "a list",
            "a number",
        ),
        *("not finite", "half a pair", "half a pair as text", "a path and a set", "untellable"),
        *("a long number", "a secret"),
    ],
)
def test_any_detail_can_be_told(detail: Any, expected: tuple[str, str, dict[str, Any]]) -> None:
    problem = problem_of(answer_to(HTTPException(400, detail)))
    own = {name: problem.pop(name) for name in ("type", "title", "status", "detail", "code")}
    assert (own["code"], own["detail"], problem) == expected
    assert (own["type"], own["status"]) == ("about:blank", 400)


def test_a_detail_that_holds_itself_can_be_told() -> None:
    detail: dict[str, Any] = {}
    detail["self"] = detail
    assert problem_of(answer_to(HTTPException(400, detail)))["code"] == "bad_request"


def test_a_refusal_whose_words_hold_what_was_sent_can_be_told_without_problem_details() -> None:
    app = FastAPI()

    @app.get("/")
    async def root() -> None:
        raise NotFound("There is no role \ud800.", share=math.nan)

    answer = TestClient(app).get("/")
    assert answer.status_code == 404
    expected = {"code": "not_found", "message": "There is no role ?.", "share": "nan"}
    assert answer.json() == {"detail": expected}


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_a_body_stays_without(status: int) -> None:
    answer = answer_to(HTTPException(status, headers={"ETag": '"1"'}))
    assert (answer.status_code, answer.content) == (status, b"")
    assert answer.headers["ETag"] == '"1"'


def test_a_redirect_by_exception_is_no_problem() -> None:
    client = TestClient(raising(HTTPException(307, headers={"Location": "/elsewhere"})))
    answer = client.get("/", follow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (307, "/elsewhere")
    assert answer.headers["content-type"] == "application/json"


# Requests that do not validate


def test_each_fault_has_its_place_its_field_and_its_code() -> None:
    answer = checking().get("/pages/one?size=10")
    problem = problem_of(answer)
    assert (answer.status_code, problem["code"]) == (422, "invalid_input")
    assert [(each["in"], each["field"], each["code"]) for each in problem["errors"]] == [
        ("path", "page", "int_parsing"),
        ("query", "size", "less_than_equal"),
    ]
    assert "size: Input should be less than or equal to 9" in problem["detail"]


HOSTILE_BODIES = {
    "nan": b'{"password": "s3cr3t!", "age": NaN}',
    "infinity": b'{"password": "s3cr3t!", "age": -Infinity}',
    "half a pair": b'{"password": "s3cr3t!\\ud800", "age": "\\udfff"}',
    "no json": b'{"password": "s3cr3t!"',
    "not utf-8": b'{"password": "s3cr3t!\xff"}',
    "null": b"null",
    "empty": b"",
    "deep": b"[" * 100_000,
    "deep and closed": b"[" * 5000 + b"]" * 5000,
    "long number": b'{"password": "s3cr3t!", "age": ' + b"9" * 5000 + b"}",
    "a list": b'["s3cr3t!"]',
}


@pytest.mark.parametrize("body", HOSTILE_BODIES.values(), ids=HOSTILE_BODIES.keys())
def test_no_body_is_a_500_and_none_is_repeated(body: bytes) -> None:
    answer = checking().post("/accounts", content=body, headers={"Content-Type": MEDIA_TYPE})
    assert answer.status_code in (400, 422)
    problem_of(answer)
    assert "s3cr3t" not in answer.text


def test_a_password_that_is_too_long_for_its_form_is_not_repeated() -> None:
    answer = checking().post("/form", data={"password": "s3cr3t!"})
    assert problem_of(answer)["errors"][0]["code"] == "string_too_long"
    assert "s3cr3t" not in answer.text


def test_an_unknown_tag_is_not_repeated() -> None:
    answer = checking().post("/pets", json={"pet": {"kind": "s3cr3t!"}})
    (fault,) = problem_of(answer)["errors"]
    assert fault["code"] == "union_tag_invalid"
    assert fault["message"].startswith("Input tag '...'")
    assert "s3cr3t" not in answer.text


def test_what_a_validator_of_the_app_repeats_is_left_out() -> None:
    answer = checking().post("/colours", json={"name": "s3cr3t!"})
    (fault,) = problem_of(answer)["errors"]
    assert fault["message"] == "Value error, '...' is no colour: ..."


def test_ever_so_many_faults_make_a_bounded_answer() -> None:
    many = [{"password": f"s3cr3t! number {number}", "age": "x" * 999} for number in range(3000)]
    answer = checking().post("/accounts/many", json=many)
    assert len(problem_of(answer)["errors"]) == 20
    assert len(answer.content) < 20_000
    assert "s3cr3t" not in answer.text


@pytest.mark.parametrize(
    "errors",
    ["text", [], ["text"], [{}], [{"loc": "name", "msg": None}], [{"loc": (), "msg": "\ud800"}]],
    ids=repr,
)
def test_a_validation_error_that_the_app_made_itself_is_told(errors: Any) -> None:
    problem = problem_of(answer_to(RequestValidationError(errors)))
    assert (problem["status"], problem["code"]) == (422, "invalid_input")


def test_routes_of_ours_say_the_same_without_problem_details() -> None:
    app = FastAPI()
    router = APIRouter(route_class=BackofficeRoute)
    app.include_router(router)

    @router.post("/accounts")
    async def add(account: Account) -> None: ...

    ours = TestClient(app).post("/accounts", json={"age": -1}).json()["detail"]
    theirs = checking().post("/accounts", json={"age": -1}).json()
    assert ours["code"] == theirs["code"] == "invalid_input"
    assert ours["errors"] == theirs["errors"]
    assert ours["message"] == theirs["detail"]


# What nobody handles


def test_an_unhandled_exception_is_a_500_that_says_nothing_and_goes_on_to_the_server() -> None:
    app = raising(ZeroDivisionError("the password is s3cr3t!"))
    answer = TestClient(app, raise_server_exceptions=False).get("/")
    assert problem_of(answer)["code"] == "internal_error"
    assert "s3cr3t" not in answer.text
    assert "ZeroDivision" not in answer.text
    with pytest.raises(ZeroDivisionError):
        TestClient(app).get("/")


def test_an_error_of_the_setup_is_not_for_clients() -> None:
    answer = answer_to(SetupError("BACKOFFICE_SECRET_KEY is not set"))
    assert problem_of(answer)["code"] == "internal_error"
    assert "SECRET" not in answer.text


def test_a_row_that_does_not_fit_its_model_reaches_neither_client_nor_server_log() -> None:
    app = FastAPI()
    problem_details(app)

    @app.get("/rows")
    async def rows() -> Row:
        return {"number": "s3cr3t!"}  # type: ignore[return-value]

    answer = TestClient(app, raise_server_exceptions=False).get("/rows")
    assert problem_of(answer)["code"] == "internal_error"
    assert "s3cr3t" not in answer.text
    with pytest.raises(ResponseValidationError) as raised:
        TestClient(app).get("/rows")
    assert "s3cr3t" not in str(raised.value) + repr(raised.value.body)
    assert "int_parsing" in str(raised.value)
    assert "in rows" in str(raised.value)
    assert raised.value.__suppress_context__


def test_an_error_after_the_answer_has_begun_goes_to_the_server() -> None:
    from starlette.responses import StreamingResponse

    app = FastAPI()
    problem_details(app)

    @app.get("/")
    async def root() -> StreamingResponse:
        async def parts() -> Any:
            yield b"one"
            raise Conflict("too late")

        return StreamingResponse(parts())

    with pytest.raises(RuntimeError, match="response already started"):
        TestClient(app).get("/")


# The id of the request


def test_the_id_of_the_request_is_told_where_somebody_makes_one() -> None:
    app = FastAPI()
    problem_details(app, request_id=lambda: "abc")
    assert TestClient(app).get("/").json()["request_id"] == "abc"


def test_a_maker_of_ids_that_fails_spoils_no_answer() -> None:
    app = FastAPI()
    problem_details(app, request_id=ContextVar[str]("never set").get)
    answer = TestClient(app).get("/")
    assert "request_id" not in problem_of(answer)


# The app's own handlers


def teapot(_: Request, __: Exception) -> Response:
    return PlainTextResponse("mine", 418)  # type: ignore[return-value]


async def async_teapot(_: Request, __: Exception) -> JSONResponse:
    return JSONResponse("mine", 418)


@pytest.mark.parametrize("first", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("handler", [teapot, async_teapot])
@pytest.mark.parametrize(
    ("handled", "raised"),
    [
        (Unserved, Unserved()),
        (StarletteHTTPException, HTTPException(404)),
        (HTTPException, HTTPException(404)),
        (404, HTTPException(404)),
        (NotFound, NotFound("no")),
        (BackofficeError, NotFound("no")),
        (RequestValidationError, RequestValidationError([])),
        (500, Unserved()),
        (Exception, Unserved()),
    ],
    ids=lambda value: f"{getattr(value, '__module__', '')}.{value!r}",
)
def test_handlers_of_the_apps_own_stay_whichever_came_first(
    handled: Any, raised: Exception, handler: Any, first: bool
) -> None:
    app = FastAPI()
    if first:
        app.add_exception_handler(handled, handler)
    problem_details(app)
    if not first:
        app.add_exception_handler(handled, handler)

    @app.get("/")
    async def root() -> None:
        raise raised

    answer = TestClient(app, raise_server_exceptions=False).get("/")
    assert (answer.status_code, answer.text.strip('"')) == (418, "mine")


def test_a_second_call_takes_the_place_of_the_first() -> None:
    app = FastAPI()
    problem_details(app)
    problem_details(app, request_id=lambda: "second")
    assert TestClient(app).get("/").json()["request_id"] == "second"


def test_a_call_that_comes_too_late_says_so() -> None:
    app = FastAPI()
    TestClient(app).get("/")
    with pytest.raises(SetupError, match="before the app is started"):
        problem_details(app)


def test_without_the_call_an_app_answers_as_fastapi_does() -> None:
    app = FastAPI()

    @app.get("/")
    async def root() -> None:
        raise Conflict("It is taken.", code="taken")

    answer = TestClient(app).get("/")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"detail": {"code": "taken", "message": "It is taken."}}


@pytest.mark.parametrize("within", [True, False])
def test_a_mounted_app_answers_for_itself(within: bool) -> None:
    outer, inner = FastAPI(), FastAPI()
    problem_details(inner if within else outer)
    outer.mount("/inner", inner)
    client = TestClient(outer)
    assert (client.get("/inner/x").headers["content-type"] == MEDIA_TYPE) is within
    assert (client.get("/x").headers["content-type"] == MEDIA_TYPE) is not within


def test_a_starlette_app_may_have_it_too() -> None:
    async def root(_: Request) -> Response:
        raise Conflict("no", code="taken")

    app = Starlette(routes=[Route("/", root)])
    problem_details(app)
    assert problem_of(TestClient(app).get("/"))["code"] == "taken"


# Websockets


def talking() -> FastAPI:
    app = FastAPI()
    problem_details(app)

    @app.websocket("/refused")
    async def refused(websocket: WebSocket) -> None:
        raise Unauthenticated("Sign in.")

    @app.websocket("/later")
    async def later(websocket: WebSocket, status: int = 403) -> None:
        await websocket.accept()
        raise HTTPException(status, "no " + "ü" * 100)

    @app.websocket("/closed")
    async def closed(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close(4000)
        raise Conflict("too late")

    return app


def without_extensions(app: FastAPI) -> Any:
    async def served(scope: Any, receive: Any, send: Any) -> None:
        scope.pop("extensions", None)
        await app(scope, receive, send)

    return served


def test_a_handshake_is_refused_with_a_problem() -> None:
    with pytest.raises(WebSocketDenialResponse) as denied:  # noqa: SIM117
        with TestClient(talking()).websocket_connect("/refused"):
            pass
    answer: Any = denied.value
    assert problem_of(answer)["code"] == "unauthenticated"
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_handshake_with_wrong_parameters_is_refused_with_a_problem() -> None:
    with pytest.raises(WebSocketDenialResponse) as denied:  # noqa: SIM117
        with TestClient(talking()).websocket_connect("/later?status=s3cr3t!"):
            pass
    answer: Any = denied.value
    assert problem_of(answer)["errors"][0]["field"] == "status"
    assert "s3cr3t" not in answer.text


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/refused", "unauthenticated: Sign in."),
        ("/later?status=s3cr3t!", "invalid_input: The request cannot be used. status: "),
    ],
)
def test_where_the_server_cannot_say_why_a_handshake_is_refused_it_is_closed(
    path: str, reason: str
) -> None:
    with pytest.raises(WebSocketDisconnect) as closed:  # noqa: SIM117
        with TestClient(without_extensions(talking())).websocket_connect(path):
            pass
    assert closed.value.code == 1008
    assert closed.value.reason.startswith(reason)
    assert "s3cr3t" not in closed.value.reason


@pytest.mark.parametrize(("status", "code"), [(403, 1008), (429, 1013), (503, 1013), (500, 1011)])
def test_an_open_websocket_is_closed_with_a_reason_that_fits_into_its_frame(
    status: int, code: int
) -> None:
    with TestClient(talking()).websocket_connect(f"/later?status={status}") as websocket:
        with pytest.raises(WebSocketDisconnect) as closed:
            websocket.receive_text()
        assert closed.value.code == code
        assert ": no üü" in closed.value.reason
        assert len(closed.value.reason.encode()) <= 123


def test_a_websocket_that_is_closed_already_is_left_alone() -> None:
    with TestClient(talking()).websocket_connect("/closed") as websocket:
        with pytest.raises(WebSocketDisconnect) as closed:
            websocket.receive_text()
        assert closed.value.code == 4000


# The documentation of the app


def test_the_openapi_document_says_what_an_error_looks_like() -> None:
    document = checking().get("/openapi.json").json()
    for path in document["paths"].values():
        for operation in path.values():
            assert operation["responses"].keys() == {"200", "default"}
            (media_type,) = operation["responses"]["default"]["content"]
            assert media_type == MEDIA_TYPE
    assert "ValidationError" not in json.dumps(document)


def test_an_error_that_a_route_documents_itself_stays() -> None:
    app = FastAPI()
    problem_details(app)

    @app.get("/{number}", responses={"default": {"description": "mine"}})
    async def root(number: int) -> None: ...

    document = TestClient(app).get("/openapi.json").json()
    assert document["paths"]["/{number}"]["get"]["responses"]["default"]["description"] == "mine"
