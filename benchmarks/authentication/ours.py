"""A route behind `auth.require`, and the same app without it."""

from typing import Annotated

from fastapi import APIRouter, FastAPI

from backoffice.auth import Auth, Principal
from benchmarks.authentication.account import PERMISSION


def bare() -> FastAPI:
    app = FastAPI()
    _bare_route(app)
    return app


def floor() -> FastAPI:
    """As many routes as ours are in an included router, which FastAPI tries first."""
    app, router = FastAPI(), APIRouter()
    for route in Auth().router.routes:
        router.add_api_route(getattr(route, "path", "/"), _nothing, methods=["GET"])
    app.include_router(router, prefix="/auth")
    _bare_route(app)
    return app


def route_first() -> FastAPI:
    app, auth = FastAPI(), Auth()
    _protected_route(app, auth)
    app.include_router(auth.router, prefix="/auth")
    return app


def router_first() -> FastAPI:
    app, auth = FastAPI(), Auth()
    app.include_router(auth.router, prefix="/auth")
    _protected_route(app, auth)
    return app


async def _nothing() -> None:
    """Never called: it only has a path."""


def _bare_route(app: FastAPI) -> None:
    @app.get("/books")
    async def books() -> dict[str, int]:
        return {"v": 1}


def _protected_route(app: FastAPI, auth: Auth) -> None:
    @app.get("/books")
    async def books(who: Annotated[Principal, auth.require(PERMISSION)]) -> dict[str, int]:
        return {"v": 1}
