"""Limits that differ from caller to caller: by a function, roles, exemption and shadow."""

from collections.abc import Callable
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, Request
from fastapi.testclient import TestClient
from starlette.requests import HTTPConnection

from backoffice.core import Callers, SetupError, callers, singletons
from backoffice.ratelimit import Decision, RateLimit, RateLimitMiddleware

Plan = Callable[[Request], Any]


def of(limit: RateLimit) -> FastAPI:
    """An app that knows its callers by X-User and their roles by X-Roles."""
    app = FastAPI(lifespan=singletons())

    async def name(connection: HTTPConnection) -> str | None:
        return connection.headers.get("X-User")

    async def roles(connection: HTTPConnection) -> frozenset[str]:
        return frozenset(connection.headers.get("X-Roles", "").split())

    async def known(found: Annotated[Callers, Depends(callers)]) -> None:
        found.register(name, roles=roles)

    app.get("/register", dependencies=[Depends(known)])(lambda: None)
    app.get("/", dependencies=[limit])(lambda: None)
    return app


def allowed(limit: RateLimit, **headers: str) -> int:
    """How many of twelve requests pass."""
    sent = {f"X-{name.title()}": value for name, value in headers.items()}
    with TestClient(of(limit)) as client:
        client.get("/register")
        answers = [client.get("/", headers=sent).status_code for _ in range(12)]
    assert set(answers) <= {200, 429}
    return answers.count(200)


async def plan(request: Request) -> str | tuple[str, ...] | None:
    return {"ada": "5/minute", "grace": ("9/minute", "3/hour"), "root": None}.get(
        request.headers.get("X-User", ""), "1/minute"
    )


@pytest.mark.parametrize(
    ("user", "passed"), [("ada", 5), ("grace", 3), ("root", 12), ("anybody", 1)]
)
def test_a_function_gives_the_limits_of_each_caller(user: str, passed: int) -> None:
    assert allowed(RateLimit(plan), user=user) == passed


BY_ROLE = {"staff": None, "gold": ("8/minute", "4/hour"), "silver": "3/minute"}


@pytest.mark.parametrize(
    ("roles", "passed"),
    [("", 2), ("silver", 3), ("gold", 4), ("silver gold", 4), ("gold staff", 12), ("other", 2)],
)
def test_the_first_role_that_a_caller_holds_gives_its_limits(roles: str, passed: int) -> None:
    assert allowed(RateLimit("2/minute", by_role=BY_ROLE), roles=roles) == passed


def test_roles_go_before_a_function() -> None:
    assert allowed(RateLimit(plan, by_role=BY_ROLE), roles="silver", user="ada") == 3
    assert allowed(RateLimit(plan, by_role=BY_ROLE), user="ada") == 5


async def is_ada(connection: HTTPConnection) -> bool:
    return connection.headers.get("X-User") == "ada"


@pytest.mark.parametrize("exempt", [is_ada, lambda request: request.headers["X-User"] == "ada"])
def test_who_is_exempt_passes_uncounted(exempt: Callable[[Any], bool]) -> None:
    limit = RateLimit("2/minute", exempt=exempt)
    assert allowed(limit, user="ada") == 12
    assert allowed(limit, user="grace") == 2


def test_an_exempt_caller_has_a_decision_without_limits() -> None:
    app = FastAPI(lifespan=singletons())

    @app.get("/")
    async def read(
        limit: Annotated[Decision, RateLimit("1/minute", exempt=lambda _: True)],
    ) -> tuple[bool, int | None]:
        return limit.allowed, limit.remaining

    with TestClient(app) as client:
        answer = client.get("/")
    assert answer.json() == [True, None]
    assert "RateLimit" not in answer.headers


def test_a_shadow_refuses_nobody_and_keeps_no_other_limit_from_it() -> None:
    assert allowed(RateLimit("2/minute", shadow=True)) == 12
    app = FastAPI(lifespan=singletons())
    limits = [RateLimit("2/minute", shadow=True), RateLimit("5/minute")]
    app.get("/", dependencies=limits)(lambda: None)
    with TestClient(app) as client:
        answers = [client.get("/").status_code for _ in range(6)]
    assert answers == [200] * 5 + [429]


def test_plans_hold_for_a_middleware_too() -> None:
    app = of(RateLimit("100/minute"))
    app.add_middleware(RateLimitMiddleware, limits=plan, by_role=BY_ROLE)
    with TestClient(app) as client:
        client.get("/register")
        sent = [{"X-User": "ada"}] * 6 + [{"X-User": "eve", "X-Roles": "silver"}] * 4
        answers = [client.get("/", headers=each).status_code for each in sent]
    assert answers == [200] * 5 + [429] + [200] * 3 + [429]


@pytest.mark.parametrize("wrong", ["often", (), ("5/minute", "5/minute")])
def test_a_plan_that_cannot_be_read_lets_nobody_through(wrong: Any) -> None:
    with TestClient(of(RateLimit(lambda _: wrong))) as client, pytest.raises(SetupError):
        client.get("/")


@pytest.mark.parametrize(
    ("written", "by_role", "fault"),
    [
        ((), None, "a rate limit without a limit"),
        ((plan, "1/minute"), None, "write it alone"),
        ((plan, plan), None, "write it alone"),
        (("1/minute",), {"gold": "often"}, "is not a limit"),
        (("1/minute",), {"gold": ()}, "a plan without limits"),
    ],
)
def test_what_cannot_work_is_refused_where_it_is_written(
    written: Any, by_role: Any, fault: str
) -> None:
    with pytest.raises(SetupError, match=fault):
        RateLimit(*written, by_role=by_role)
