"""The app's OpenAPI document says who may call what, as the guards that stand there have it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, Security
from fastapi.security import APIKeyHeader, HTTPBasic
from openapi_spec_validator import validate
from starlette.testclient import TestClient

from backoffice.auth import Auth, AuthSettings, Principal
from backoffice.core import problem_details
from example_app.main import app as shop

Document = dict[str, Any]
EVERY = ("Password", "JWT", "ApiKey", "SessionCookie")


def described(auth: Auth, app: FastAPI) -> Document:
    """The document as a client gets it, found to be valid."""
    auth.openapi(app)
    document: Document = TestClient(app).get("/openapi.json").json()
    validate(document)
    return document


def operation(
    asked: Callable[[Auth], Any], method: str = "get", settings: AuthSettings | None = None
) -> Document:
    auth, app = Auth(settings), FastAPI()

    async def endpoint() -> str:
        return "ok"

    app.add_api_route("/it", endpoint, methods=[method], dependencies=list(asked(auth)))
    app.include_router(auth.router, prefix="/auth")
    found: Document = described(auth, app)["paths"]["/it"][method]
    return found


def alternatives(*roles: str, names: tuple[str, ...] = EVERY) -> list[Document]:
    return [{name: list(roles)} for name in names]


def test_each_way_to_sign_in_is_an_alternative() -> None:
    assert operation(lambda auth: [auth.require()])["security"] == alternatives()


def test_permissions_are_the_scopes_of_each_alternative() -> None:
    found = operation(lambda auth: [auth.require("books:read", "books:write")])
    assert found["security"] == alternatives("books:read", "books:write")


def test_one_of_several_permissions_is_an_alternative_for_each() -> None:
    found = operation(lambda auth: [auth.require("a:b", any_of=("books:read", "books:write"))])
    assert found["security"] == [
        *alternatives("a:b", "books:read"),
        *alternatives("a:b", "books:write"),
    ]


def test_nobody_is_an_alternative_where_a_caller_is_optional() -> None:
    found = operation(lambda auth: [auth.optional()])
    assert found["security"] == [*alternatives(), {}]
    assert "unauthenticated" not in found["responses"]["401"]["description"]


def test_one_guard_that_needs_somebody_is_enough() -> None:
    found = operation(lambda auth: [auth.optional("books:read"), auth.require("books:write")])
    assert found["security"] == alternatives("books:read", "books:write")


def test_only_what_every_guard_accepts_is_offered() -> None:
    def asked(auth: Auth) -> Any:
        return auth.require(methods=("jwt", "api_key")), auth.require(methods=("api_key",))

    found = operation(asked)
    assert found["security"] == [{"ApiKey": []}]
    assert "`method_not_accepted`, takes api_key" in found["responses"]["403"]["description"]


def test_guards_without_a_common_method_leave_no_operation_open() -> None:
    def asked(auth: Auth) -> Any:
        return auth.require(methods=("jwt",)), auth.require(methods=("api_key",))

    assert operation(asked)["security"]


def test_a_scheme_of_the_apps_own_is_asked_for_together_with_ours() -> None:
    partner = APIKeyHeader(name="X-Partner", scheme_name="Partner")
    found = operation(lambda auth: [auth.require("books:read"), Security(partner)])
    assert found["security"] == [{name: ["books:read"], "Partner": []} for name in EVERY]


def test_a_scheme_that_refuses_nobody_may_be_left_out() -> None:
    partner = APIKeyHeader(name="X-Partner", scheme_name="Partner", auto_error=False)
    found = operation(lambda auth: [auth.require(methods=("api_key",)), Security(partner)])
    assert found["security"] == [{"ApiKey": [], "Partner": []}, {"ApiKey": []}]


def test_two_credentials_of_one_account_are_one_alternative_where_the_app_allows_them() -> None:
    found = operation(lambda auth: [auth.require()], settings=AuthSettings(two_credentials=True))
    assert {"JWT": [], "ApiKey": []} in found["security"]


def test_a_scheme_of_the_apps_own_keeps_its_name() -> None:
    auth, app = Auth(), FastAPI()
    own = HTTPBasic(scheme_name="JWT")

    @app.get("/own", dependencies=[Depends(own)])
    async def by_own() -> None: ...

    @app.get("/ours", dependencies=[auth.require()])
    async def by_ours() -> None: ...

    document = described(auth, app)
    schemes = document["components"]["securitySchemes"]
    assert (schemes["JWT"]["scheme"], schemes["BackofficeJWT"]["scheme"]) == ("basic", "bearer")
    assert document["paths"]["/own"]["get"]["security"] == [{"JWT": []}]
    assert {"BackofficeJWT": []} in document["paths"]["/ours"]["get"]["security"]


def test_what_is_written_by_hand_is_left_as_it_is() -> None:
    auth, app = Auth(), FastAPI()

    @app.get("/it", dependencies=[auth.require()], openapi_extra={"security": [{}]})
    async def it() -> None: ...

    @app.get("/other", dependencies=[auth.require()], responses={401: {"description": "Mine"}})
    async def other() -> None: ...

    paths = described(auth, app)["paths"]
    assert {} in paths["/it"]["get"]["security"]
    assert paths["/other"]["get"]["responses"]["401"] == {"description": "Mine"}


def test_guards_of_routers_of_the_app_and_of_other_dependencies_count() -> None:
    auth = Auth()
    app = FastAPI(dependencies=[auth.optional("app:a")])
    outer = APIRouter(prefix="/outer", dependencies=[auth.require("outer:a")])
    inner = APIRouter(prefix="/inner", dependencies=[auth.require("inner:a")])

    async def within(who: Annotated[Principal, auth.require("within:a")]) -> Principal:
        return who

    @inner.get("/{id}")
    async def it(id: int, who: Annotated[Principal, Depends(within)]) -> None: ...

    outer.include_router(inner)
    app.include_router(outer, prefix="/v1")
    found = described(auth, app)["paths"]["/v1/outer/inner/{id}"]["get"]["security"]
    assert set(found[0]["JWT"]) == {"app:a", "outer:a", "inner:a", "within:a"}


def test_an_operation_without_a_guard_is_left_open() -> None:
    auth, app = Auth(), FastAPI()
    app.include_router(auth.router)

    @app.get("/open")
    async def open_() -> None: ...

    found = described(auth, app)["paths"]["/open"]["get"]
    assert "security" not in found
    assert found["responses"].keys() == {"200"}


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        (None, "__Host-backoffice_session"),
        (AuthSettings(cookie_secure=False), "backoffice_session"),
    ],
)
def test_the_cookie_has_the_name_by_which_it_is_sent(
    settings: AuthSettings | None, name: str
) -> None:
    auth, app = Auth(settings), FastAPI()
    app.include_router(auth.router)
    schemes = described(auth, app)["components"]["securitySchemes"]
    assert schemes["SessionCookie"]["name"] == name


@pytest.mark.parametrize("prefix", ["", "/auth", "/v1/accounts"])
def test_the_token_url_is_where_the_app_has_the_route(prefix: str) -> None:
    auth, app = Auth(), FastAPI()
    app.include_router(auth.router, prefix=prefix)
    flows = described(auth, app)["components"]["securitySchemes"]["Password"]["flows"]
    url = flows["password"]["tokenUrl"]
    assert url == f"{prefix}/login".lstrip("/")
    assert f"/{url}" in app.openapi()["paths"]


def test_without_the_route_to_sign_in_there_is_no_password_flow_unless_it_is_told_where() -> None:
    auth = Auth()

    def app() -> FastAPI:
        app = FastAPI()
        app.add_api_route("/it", lambda: None, dependencies=[auth.require()])
        return app

    found = described(auth, app())
    assert "Password" not in found["components"]["securitySchemes"]
    assert found["paths"]["/it"]["get"]["security"] == alternatives(names=EVERY[1:])
    told = app()
    auth.openapi(told, token_url="/elsewhere/login")
    flows = told.openapi()["components"]["securitySchemes"]["Password"]["flows"]
    assert flows["password"]["tokenUrl"] == "/elsewhere/login"


def test_openapi_3_0_has_scopes_where_they_are_legal_only() -> None:
    auth, app = Auth(), FastAPI()
    app.openapi_version = "3.0.3"
    app.add_api_route("/it", lambda: None, dependencies=[auth.require("books:read")])
    auth.openapi(app, token_url="/login")
    document = app.openapi()
    validate(document)
    found = document["paths"]["/it"]["get"]["security"]
    assert found == [{"Password": ["books:read"]}, *alternatives(names=EVERY[1:])]


def test_refusals_are_documented_with_their_codes_and_their_body() -> None:
    found = operation(
        lambda auth: [
            auth.require("books:write", mfa=True, verified=True, fresh=timedelta(minutes=5))
        ],
        method="post",
    )
    responses = found["responses"]
    assert "`unauthenticated`" in responses["401"]["description"]
    assert "`invalid_token`" in responses["401"]["description"]
    assert "WWW-Authenticate" in responses["401"]["headers"]
    for code in ("insufficient_scope", "mfa_required", "not_verified", "not_fresh", "csrf_failed"):
        assert f"`{code}`" in responses["403"]["description"]
    for status in ("401", "403"):
        schema = responses[status]["content"]["application/json"]["schema"]
        assert schema == {"$ref": "#/components/schemas/BackofficeRefusal"}


def test_what_can_refuse_nobody_documents_no_403() -> None:
    assert "403" not in operation(lambda auth: [auth.require()])["responses"]


def test_refusals_are_problems_where_the_app_answers_so() -> None:
    auth, app = Auth(), FastAPI()
    problem_details(app)
    app.add_api_route("/it", lambda: None, dependencies=[auth.require("books:read")])
    responses = described(auth, app)["paths"]["/it"]["get"]["responses"]
    for status in ("401", "403"):
        assert responses[status]["content"].keys() == {"application/problem+json"}


def test_a_route_that_is_added_later_is_in_the_document() -> None:
    auth, app = Auth(), FastAPI()
    described(auth, app)
    app.add_api_route("/late", lambda: None, dependencies=[auth.require()])
    assert app.openapi()["paths"]["/late"]["get"]["security"] == alternatives(names=EVERY[1:])


def test_the_document_is_made_once() -> None:
    auth, app = Auth(), FastAPI()
    auth.openapi(app)
    assert app.openapi() is app.openapi()


def test_the_shops_document_is_valid_and_offers_every_way() -> None:
    document = shop.openapi()
    validate(document)
    assert set(EVERY) <= document["components"]["securitySchemes"].keys()
    for operations in document["paths"].values():
        for each in operations.values():
            assert ("security" in each) == ("401" in each["responses"]) or "auth" in each["tags"]
