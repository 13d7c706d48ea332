"""Routers of packages keep out of the way of an app's own routes."""

from fastapi import APIRouter, FastAPI
from fastapi.testclient import TestClient

from backoffice.core.routes import SelectiveRouter


def router() -> SelectiveRouter:
    found = SelectiveRouter(prefix="/in")

    @found.get("/books")
    async def books() -> str:
        return "books"

    @found.get("/books/{id}")
    async def book(id: int) -> int:
        return id

    return found


def client(found: APIRouter, prefix: str = "") -> TestClient:
    app = FastAPI()
    app.include_router(found, prefix=prefix)

    @app.get("/{rest:path}")
    async def anything(rest: str) -> str:
        return f"own: {rest}"

    return TestClient(app)


def test_its_own_paths_are_answered_as_ever() -> None:
    for prefix in ("", "/a", "/a/{tenant}"):
        at = client(router(), prefix)
        path = prefix.replace("{tenant}", "x")
        assert at.get(f"{path}/in/books").json() == "books"
        assert at.get(f"{path}/in/books/7").json() == 7
        assert at.get(f"{path}/in/books/seven").status_code == 422
        assert at.post(f"{path}/in/books").status_code == 405


def test_other_paths_are_the_apps() -> None:
    at = client(router(), "/auth")
    for path in ("", "inner", "in", "auth", "auth/in", "books", "other/in/books"):
        assert at.get(f"/{path}").json() == f"own: {path}"


def test_a_router_within_a_router_and_a_route_of_any_word_are_found() -> None:
    outer = SelectiveRouter()
    outer.include_router(router(), prefix="/{tenant}")
    at = client(outer)
    assert at.get("/any/in/books").json() == "books"


def test_a_route_that_is_added_later_is_found() -> None:
    found = router()
    at = client(found)
    assert at.get("/in/late").json() == "own: in/late"

    @found.get("/late")
    async def late() -> str:
        return "late"

    assert at.get("/in/late").json() == "late"
