"""What FastAPI offers by itself."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Request

from benchmarks.injection.values import Answer, Factory, Value

VALUE = Value()


def module_global(_: Factory) -> FastAPI:
    app = FastAPI()
    app.get("/")(_global)
    return app


def module_global_included(_: Factory) -> FastAPI:
    app, router = FastAPI(), APIRouter()
    router.get("/")(_global)
    app.include_router(router)
    return app


async def _global() -> Answer:
    return {"v": VALUE.v}


def app_state(_: Factory) -> FastAPI:
    app = FastAPI()
    app.state.value = VALUE

    @app.get("/")
    async def answer(request: Request) -> Answer:
        return {"v": request.app.state.value.v}

    return app


def request_state(_: Factory) -> FastAPI:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, Value]]:
        yield {"value": VALUE}

    app = FastAPI(lifespan=lifespan)

    @app.get("/")
    async def answer(request: Request) -> Answer:
        return {"v": request.state.value.v}

    return app


async def _value() -> Value:
    return VALUE


def async_depends(_: Factory) -> FastAPI:
    app = FastAPI()

    @app.get("/")
    async def answer(value: Annotated[Value, Depends(_value)]) -> Answer:
        return {"v": value.v}

    return app


def async_depends_on_request(_: Factory) -> FastAPI:
    """What one writes by hand to keep apps apart, and what a singleton's dependency must do."""
    app = FastAPI()
    app.state.value = VALUE

    async def of_this_app(request: Request) -> Value:
        found: Value = request.app.state.value
        return found

    @app.get("/")
    async def answer(value: Annotated[Value, Depends(of_this_app)]) -> Answer:
        return {"v": value.v}

    return app


def lru_cached(factory: Factory) -> FastAPI:
    app = FastAPI()

    @lru_cache
    def cached() -> Value:
        return factory.at_once()

    @app.get("/")
    async def answer(value: Annotated[Value, Depends(cached)]) -> Answer:
        return {"v": value.v}

    return app


def made_when_missing(factory: Factory) -> FastAPI:
    """The other usual advice: an async dependency that makes the value when there is none."""
    app = FastAPI()
    made: list[Value] = []

    async def made_once() -> Value:
        if not made:
            made.append(await factory.later())
        return made[0]

    @app.get("/")
    async def answer(value: Annotated[Value, Depends(made_once)]) -> Answer:
        return {"v": value.v}

    return app


def five_async_depends(_: Factory) -> FastAPI:
    app = FastAPI()

    async def one() -> Value:
        return VALUE

    async def two() -> Value:
        return VALUE

    async def three() -> Value:
        return VALUE

    async def four() -> Value:
        return VALUE

    async def five() -> Value:
        return VALUE

    @app.get("/")
    async def answer(
        a: Annotated[Value, Depends(one)],
        b: Annotated[Value, Depends(two)],
        c: Annotated[Value, Depends(three)],
        d: Annotated[Value, Depends(four)],
        e: Annotated[Value, Depends(five)],
    ) -> Answer:
        return {"v": a.v * b.v * c.v * d.v * e.v}

    return app
