"""Backoffice's singletons, on the app itself and on a router that brings them along."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Request

from backoffice.core import Singleton, serve, singleton, singletons
from benchmarks.injection.values import Answer, App, Factory, Value


def depends(factory: Factory) -> FastAPI:
    app = FastAPI(lifespan=singletons())
    _by_depends(app, singleton(factory.later))
    return app


def of(factory: Factory) -> FastAPI:
    value = singleton(factory.later)
    app = FastAPI(lifespan=singletons(value))
    _by_of(app, value)
    return app


def depends_included(factory: Factory) -> FastAPI:
    app, router = FastAPI(), APIRouter(lifespan=singletons())
    _by_depends(router, singleton(factory.later))
    app.include_router(router)
    return app


def of_included(factory: Factory) -> FastAPI:
    value = singleton(factory.later)
    app, router = FastAPI(), APIRouter(lifespan=singletons(value))
    _by_of(router, value)
    app.include_router(router)
    return app


def _by_depends(app: FastAPI | APIRouter, value: Singleton[Value]) -> None:
    @app.get("/")
    async def answer(value: Annotated[Value, Depends(value)]) -> Answer:
        return {"v": value.v}


def _by_of(app: FastAPI | APIRouter, value: Singleton[Value]) -> None:
    @app.get("/")
    async def answer(request: Request) -> Answer:
        return {"v": value.of(request).v}


@asynccontextmanager
async def late(factory: Factory) -> AsyncIterator[App]:
    """A route that is added once the app runs: nothing has opened what it depends on."""
    app = FastAPI(lifespan=singletons())
    async with serve(app) as asgi:
        _by_depends(app, singleton(factory.later))
        yield asgi


def five_depends(factory: Factory) -> FastAPI:
    app = FastAPI(lifespan=singletons())
    one, two, three, four, five = (singleton(factory.later) for _ in range(5))

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


def bundle_of_five(factory: Factory) -> FastAPI:
    app = FastAPI(lifespan=singletons())
    one, two, three, four, five = (singleton(factory.later) for _ in range(5))

    @dataclass(frozen=True)
    class Five:
        a: Annotated[Value, Depends(one)]
        b: Annotated[Value, Depends(two)]
        c: Annotated[Value, Depends(three)]
        d: Annotated[Value, Depends(four)]
        e: Annotated[Value, Depends(five)]

    bundle = singleton(Five)

    @app.get("/")
    async def answer(all_: Annotated[Five, Depends(bundle)]) -> Answer:
        return {"v": all_.a.v * all_.b.v * all_.c.v * all_.d.v * all_.e.v}

    return app
