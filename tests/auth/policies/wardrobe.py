"""An app that shows and takes schemas of many shapes; some of their fields are not for all."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import FastAPI, Request
from httpx2 import ASGITransport, AsyncClient
from pydantic import BaseModel, ConfigDict, Field, RootModel, computed_field
from starlette.types import Receive, Scope, Send

from backoffice.auth import Allowed, Auth, Principal
from tests.auth.conftest import AppWithAccounts
from tests.auth.policies.papers import Paper

READ = "papers:read-price"
WRITE = "papers:set-level"


class Shown(BaseModel):
    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    id: int = 1
    price: float = Field(default=2.0, alias="cost")

    @computed_field
    def margin(self) -> float:
        return self.price / 2


class Detailed(Shown):
    level: int = 3


class Page(BaseModel):
    items: list[Shown]
    by_name: dict[str, Shown | None] = {}
    pair: tuple[int, Detailed] | None = None


class Several(RootModel[list[Shown]]): ...


class Changes(BaseModel):
    model_config = ConfigDict(extra="allow")

    title: str = ""
    level: int | None = None
    price: float | None = Field(default=None, alias="cost")


class Batch(BaseModel):
    changes: list[Changes]


class Unknown(BaseModel):
    """Named in no rules."""

    price: float = 1.0


Maybe = Allowed[Shown | None]
#: Path to the model of an answer, and what the route gives.
ANSWERS: dict[str, tuple[Any, Callable[[], Any]]] = {
    "one": (Allowed[Shown], Shown),
    "dict": (Allowed[Shown], lambda: {"id": 1, "cost": 5.0}),
    "kind": (Allowed[Shown], Detailed),
    "several": (list[Allowed[Shown]], lambda: [Shown(), Shown(id=2)]),
    "maybe": (Maybe, Shown),
    "root": (Allowed[Several], lambda: Several([Shown()])),
    "page": (
        Allowed[Page],
        lambda: Page(items=[Shown()], by_name={"a": Shown(), "b": None}, pair=(1, Detailed())),
    ),
    "unknown": (Allowed[Unknown], Unknown),
}


def built() -> AppWithAccounts:
    auth, app = Auth(), FastAPI()
    app.include_router(auth.router, prefix="/auth")
    auth.fields(
        Paper,
        read={"price": READ, "margin": READ},
        write={"level": WRITE},
        schemas=[Shown, Changes],
    )
    guarded = [auth.require()]
    for name, (model, give) in ANSWERS.items():
        app.get(f"/{name}", response_model=model, dependencies=guarded)(_coroutine(give))
        app.get(f"/sync/{name}", response_model=model, dependencies=guarded)(_function(give))
    app.get("/feed", response_model=Allowed[Shown], dependencies=[auth.optional()])(Shown)
    app.get("/open", response_model=Allowed[Shown])(_function(Shown))

    @app.get("/through", dependencies=guarded)
    async def through(request: Request, key: str) -> Allowed[Shown]:
        """Asks the app itself, within its own task, as somebody else."""

        async def same_run(scope: Scope, receive: Receive, send: Send) -> None:
            await app({**scope, "state": request.scope["state"]}, receive, send)

        async with AsyncClient(transport=ASGITransport(same_run), base_url="http://in") as client:
            inner = await client.get("/one", headers={"X-API-Key": key})
        assert "cost" in inner.json()
        return Shown()

    @app.post("/change")
    async def change(changes: Allowed[Changes], who: Annotated[Principal, auth.require()]) -> Any:
        return changes.model_dump(exclude_unset=True)

    @app.post("/stranger")
    async def stranger(changes: Allowed[Changes]) -> Any:
        return changes.model_dump(exclude_unset=True)

    @app.post("/batch", dependencies=guarded)
    async def batch(changes: Allowed[Batch]) -> Any:
        return changes.model_dump(exclude_unset=True)

    @app.post("/list", dependencies=guarded)
    async def several(changes: Allowed[list[Changes]]) -> Any:
        return [each.model_dump(exclude_unset=True) for each in changes]

    @app.post("/unknown", dependencies=guarded)
    async def unknown(changes: Allowed[Unknown]) -> None: ...

    return AppWithAccounts(auth, app)


def _coroutine(give: Callable[[], Any]) -> Callable[..., Any]:
    async def given() -> Any:
        return give()

    return given


def _function(give: Callable[[], Any]) -> Callable[..., Any]:
    def given() -> Any:
        return give()

    return given
